//! Tokens with a right MAC around anything, then damaged as text: whatever opens is the one
//! canonical text of its content.

#![no_main]

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use fernlog::crypto::TokenShape;
use fernlog_fuzz::{CIPHER, Edit, KEY, apply};
use hmac::{Hmac, Mac};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

#[derive(Arbitrary, Debug)]
struct Input {
    time: Time,
    iv: [u8; 16],
    body: Body,
    edits: Vec<Edit>,
}

/// Times at which arithmetic breaks, and any other.
#[derive(Arbitrary, Debug)]
enum Time {
    Power(u8),
    FromEnd(u8),
    Any(u64),
}

#[derive(Arbitrary, Debug)]
enum Body {
    /// A plaintext, padded as it should be.
    Plaintext(Vec<u8>),
    /// Blocks with whatever padding is at their end.
    Blocks(Vec<u8>),
    /// A ciphertext of any length behind another version byte.
    Ciphertext(u8, Vec<u8>),
}

impl Time {
    fn seconds(&self) -> u64 {
        match self {
            Self::Power(bit) => 1 << (bit % 64),
            Self::FromEnd(back) => u64::MAX - u64::from(*back),
            Self::Any(time) => *time,
        }
    }
}

fn encode(version: u8, time: u64, iv: &[u8], ciphertext: &[u8], signing: &[u8]) -> String {
    let signed = [&[version][..], &time.to_be_bytes(), iv, ciphertext].concat();
    let mac = Hmac::<Sha256>::new_from_slice(signing).unwrap().chain_update(&signed).finalize();
    URL_SAFE.encode([signed, mac.into_bytes().to_vec()].concat())
}

fuzz_target!(|input: Input| {
    let key = URL_SAFE.decode(KEY.to_text().as_bytes()).unwrap();
    let (signing, encryption) = key.split_at(16);
    let time = input.time.seconds();
    let line = match &input.body {
        Body::Plaintext(plaintext) => CIPHER.seal(plaintext, time, input.iv),
        Body::Blocks(blocks) => {
            let mut blocks = blocks[..blocks.len() / 16 * 16].to_vec();
            let length = blocks.len();
            cbc::Encryptor::<Aes128>::new_from_slices(encryption, &input.iv)
                .unwrap()
                .encrypt_padded_mut::<NoPadding>(&mut blocks, length)
                .unwrap();
            encode(0x80, time, &input.iv, &blocks, signing)
        }
        Body::Ciphertext(version, bytes) => encode(*version, time, &input.iv, bytes, signing),
    };
    let mut line = line.into_bytes();
    let sealed = line.clone();
    apply(&input.edits, &mut line);

    let shape = TokenShape::of(&line);
    let mut raw = Vec::new();
    match CIPHER.open(&line, &mut raw) {
        Ok(opened) => {
            assert_eq!(shape, Ok(TokenShape { time: opened.time }));
            // No other text than the one that was sealed has its content.
            assert_eq!(line, sealed);
            assert_eq!(CIPHER.seal(opened.plaintext, time, input.iv).into_bytes(), sealed);
            if let Body::Plaintext(plaintext) = &input.body {
                assert_eq!(opened.plaintext, plaintext);
            }
        }
        Err(_) => assert!(line != sealed || !matches!(input.body, Body::Plaintext(_))),
    }
});
