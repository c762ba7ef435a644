//! Project Wycheproof: AES-CBC with PKCS5 padding, HMAC-SHA256, Ed25519.
//!
//! The primitives pass these vectors in their own repositories; here they prove our glue: padding,
//! order of the key halves, whole tags. Where no public function takes the raw input of a vector
//! the test says what it does instead.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use ed25519_dalek::{Signature, VerifyingKey};
use fernlog::crypto::Cipher;
use fernlog::{Key, VerifierKey};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use wycheproof::TestResult;

use crate::common::Random;

const TIME: u64 = 1_700_000_000;

fn key(signing: &[u8], encryption: &[u8]) -> Key {
    Key::from_text(&URL_SAFE.encode([signing, encryption].concat())).unwrap()
}

/// A token around a ciphertext that we did not make, with the MAC of another implementation.
fn token(signing: &[u8], iv: &[u8], ciphertext: &[u8]) -> String {
    let signed = [&[0x80][..], &TIME.to_be_bytes(), iv, ciphertext].concat();
    let mac = Hmac::<Sha256>::new_from_slice(signing).unwrap().chain_update(&signed).finalize();
    URL_SAFE.encode([signed, mac.into_bytes().to_vec()].concat())
}

#[test]
fn aes_128_cbc_opens_what_is_valid_and_refuses_bad_padding() {
    use wycheproof::cipher::{TestName, TestSet};
    let (mut valid, mut invalid, signing, mut raw) = (0, 0, [7; 16], Vec::new());
    let set = TestSet::load(TestName::AesCbcPkcs5).unwrap();
    for group in set.test_groups.iter().filter(|group| group.key_size == 128) {
        for test in &group.tests {
            let cipher = Cipher::new(&key(&signing, &test.key));
            // The MAC is right, so the padding alone decides.
            let token = token(&signing, &test.nonce, &test.ct);
            let opened = cipher.open(token.as_bytes(), &mut raw);
            if test.result == TestResult::Valid {
                assert_eq!(opened.unwrap().plaintext, test.pt.as_slice(), "{}", test.tc_id);
                let iv = test.nonce.as_slice().try_into().unwrap();
                assert_eq!(cipher.seal(&test.pt, TIME, iv), token, "{}", test.tc_id);
                valid += 1;
            } else {
                assert!(opened.is_err(), "{}", test.tc_id);
                invalid += 1;
            }
        }
    }
    assert_eq!((valid, invalid), (24, 48));
}

/// A token's MAC covers a token, so the vectors' messages cannot be given to us. Instead: the
/// `hmac` crate passes them all, and with each of their keys of Fernet's length ours is its tag.
#[test]
fn hmac_sha256_of_a_token_is_that_of_an_implementation_that_passes() {
    use wycheproof::mac::{TestName, TestSet};
    let (mut checked, mut keys, mut random) = (0, 0, Random(1));
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let mac = Hmac::<Sha256>::new_from_slice(&test.key).unwrap().chain_update(&test.msg);
            let tag = mac.finalize().into_bytes();
            let same = tag[..group.tag_size / 8] == test.tag[..];
            assert_eq!(same, test.result == TestResult::Valid, "{}", test.tc_id);
            checked += 1;
            if test.key.len() != 16 {
                continue;
            }
            keys += 1;
            let cipher = Cipher::new(&key(&test.key, &[9; 16]));
            let iv = random.array();
            let sealed = cipher.seal(&test.msg, TIME, iv);
            let raw = URL_SAFE.decode(&sealed).unwrap();
            let ciphertext = &raw[25..raw.len() - 32];
            assert_eq!(sealed, token(&test.key, &iv, ciphertext), "{}", test.tc_id);
        }
    }
    assert_eq!((checked, keys), (174, 6));
}

/// Our verifier takes the text of a note, which the vectors' messages are not. Instead: the strict
/// check that it calls, and the verifier key made from each public key.
#[test]
fn ed25519_strict_verification_agrees() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut checked = 0;
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let public: [u8; 32] = group.key.pk.as_slice().try_into().unwrap();
        let verifying = VerifyingKey::from_bytes(&public).unwrap();
        let id = Sha256::digest([b"vector\n\x01", &public[..]].concat());
        let material =
            base64::engine::general_purpose::STANDARD.encode([&[1][..], &public].concat());
        let id = u32::from_be_bytes([id[0], id[1], id[2], id[3]]);
        assert!(VerifierKey::from_text(&format!("vector+{id:08x}+{material}")).is_ok());
        for test in group.tests {
            let verified = Signature::from_slice(&test.sig)
                .is_ok_and(|signature| verifying.verify_strict(&test.msg, &signature).is_ok());
            assert_eq!(verified, test.result == TestResult::Valid, "{}", test.tc_id);
            checked += 1;
        }
    }
    assert_eq!(checked, 151);
}
