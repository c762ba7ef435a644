//! Tokens made for this project: what Python's `cryptography` 48 wrote, and what a log must refuse
//! although stock libraries accept it.

use fernlog::Key;
use fernlog::crypto::{Cipher, TokenShape};
use sha2::{Digest, Sha256};

use crate::common::{array, from_hex, json, text, to_hex};

#[test]
fn tokens_of_pyca_seal_and_open_byte_for_byte() {
    let Some(vectors) = json("ours/interop_pyca48.json") else { return };
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 73);
    let mut raw = Vec::new();
    for vector in vectors {
        let cipher = Cipher::new(&Key::from_text(text(vector, "secret")).unwrap());
        let (token, time) = (text(vector, "token"), vector["time"].as_u64().unwrap());
        let opened = cipher.open(token.as_bytes(), &mut raw).unwrap();
        // Long plaintexts stand in the file as their hash alone.
        let digest = to_hex(&Sha256::digest(opened.plaintext));
        assert_eq!((opened.time, digest.as_str()), (time, text(vector, "src_sha256")));
        let iv = from_hex(text(vector, "iv_hex")).try_into().unwrap();
        assert_eq!(cipher.seal(opened.plaintext, time, iv), token);
    }
}

#[test]
fn only_the_canonical_text_of_an_authentic_token_opens() {
    let Some(vectors) = json("ours/strict_cases.json") else { return };
    let cipher = Cipher::new(&Key::from_text(text(&vectors, "secret")).unwrap());
    let cases = array(&vectors, "cases");
    assert_eq!(cases.len(), 169);
    let mut raw = Vec::new();
    for vector in cases {
        let (case, token) = (text(vector, "case"), from_hex(text(vector, "token_hex")));
        let accept = text(vector, "strict_expect") == "accept";
        assert_eq!(cipher.open(&token, &mut raw).is_ok(), accept, "{case}");
        // Except for the padding of the plaintext, a line shows without a key that it is no token.
        let needs_a_key = case.starts_with("valid HMAC, pad ");
        assert_eq!(TokenShape::of(&token).is_ok(), accept || needs_a_key, "{case}");
    }
}
