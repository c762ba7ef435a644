//! The bare primitives on the same bytes, without a record, a file or a tree: what no composition
//! of these crates can beat.

use aes::Aes128;
use base64_simd::URL_SAFE;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

pub(crate) struct Floor {
    mac: Hmac<Sha256>,
}

impl Floor {
    pub(crate) fn new() -> Self {
        Self { mac: Hmac::new_from_slice(&[2; 16]).expect("any length is a key") }
    }

    pub(crate) fn run(&self, plaintext: &[u8]) {
        let mut raw = vec![0; 25 + plaintext.len() + 16];
        raw[25..25 + plaintext.len()].copy_from_slice(plaintext);
        let cipher = cbc::Encryptor::<Aes128>::new(&[1; 16].into(), &[3; 16].into());
        let length = cipher
            .encrypt_padded_mut::<Pkcs7>(&mut raw[25..], plaintext.len())
            .expect("room")
            .len();
        raw.truncate(25 + length);
        let mut mac = self.mac.clone();
        mac.update(&raw);
        raw.extend_from_slice(&mac.finalize().into_bytes());
        let line = URL_SAFE.encode_to_string(&raw);
        let leaf = Sha256::new().chain_update([0]).chain_update(&line).finalize();
        let node = Sha256::new().chain_update([1]).chain_update(leaf).chain_update(leaf).finalize();
        super::black_box(node);
    }
}
