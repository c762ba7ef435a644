//! The Fernet spec's `generate.json`, `verify.json` and `invalid.json`.
//!
//! The spec's token has a time to live, a log has none (docs/format.md, section 2). So two vectors
//! of `invalid.json` do not apply and must open here, all others must be refused.

use fernlog::Key;
use fernlog::crypto::{Cipher, TokenShape};
use serde_json::Value;

use crate::common::{array, json, text};

/// Refused by the spec for the clock alone; sound tokens in a log.
const SOUND: [&str; 2] = ["far-future TS (unacceptable clock skew)", "expired TTL"];

/// Refused without any key: not the shape of a token.
const NO_TOKEN: [&str; 3] =
    ["too short", "invalid base64", "payload size not multiple of block size"];

/// Refused with the key: the MAC, or the padding under a right MAC.
const NOT_AUTHENTIC: [&str; 3] =
    ["incorrect mac", "payload padding error", "incorrect IV (causes padding error)"];

fn cipher(vector: &Value) -> Cipher {
    Cipher::new(&Key::from_text(text(vector, "secret")).unwrap())
}

fn now(vector: &Value) -> u64 {
    let now: jiff::Timestamp = text(vector, "now").parse().unwrap();
    now.as_second().try_into().unwrap()
}

#[test]
fn generate_json_seals_byte_for_byte() {
    let Some(vectors) = json("fernet/generate.json") else { return };
    for vector in vectors.as_array().unwrap() {
        let iv = array(vector, "iv").iter().map(|byte| byte.as_u64().unwrap() as u8);
        let iv: [u8; 16] = iv.collect::<Vec<_>>().try_into().unwrap();
        let token = cipher(vector).seal(text(vector, "src").as_bytes(), now(vector), iv);
        assert_eq!(token, text(vector, "token"));
    }
}

#[test]
fn verify_json_opens() {
    let Some(vectors) = json("fernet/verify.json") else { return };
    for vector in vectors.as_array().unwrap() {
        let mut raw = Vec::new();
        let opened = cipher(vector).open(text(vector, "token").as_bytes(), &mut raw).unwrap();
        assert_eq!(opened.plaintext, text(vector, "src").as_bytes());
    }
}

#[test]
fn invalid_json_is_refused_except_for_the_clock() {
    let Some(vectors) = json("fernet/invalid.json") else { return };
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), SOUND.len() + NO_TOKEN.len() + NOT_AUTHENTIC.len());
    for vector in vectors {
        let (kind, token) = (text(vector, "desc"), text(vector, "token").as_bytes());
        let mut raw = Vec::new();
        let opened = cipher(vector).open(token, &mut raw);
        assert_eq!(opened.is_ok(), SOUND.contains(&kind), "{kind}");
        assert!(opened.is_err() || opened.is_ok_and(|opened| opened.plaintext.is_empty()));
        assert_eq!(TokenShape::of(token).is_err(), NO_TOKEN.contains(&kind), "{kind}");
        let known = [&SOUND[..], &NO_TOKEN, &NOT_AUTHENTIC].concat();
        assert!(known.contains(&kind), "{kind}");
    }
}
