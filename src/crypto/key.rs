//! The Fernet key: 32 bytes that seal and open, their text form, their public fingerprints.

use std::fmt;
use std::str::FromStr;

use base64_simd::{STANDARD, URL_SAFE};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::crypto::random::{self, RandomError};

/// Length of a key in bytes: 16 for HMAC-SHA256, then 16 for AES-128 (Fernet spec, "Key Format").
pub(crate) const KEY_LEN: usize = 32;
/// Length of the text form: base64url with one `=`.
pub(crate) const KEY_TEXT_LEN: usize = 44;

/// A Fernet key. Wiped when dropped, never shown by `Debug`, compared in constant time.
#[derive(Clone)]
pub struct Key {
    // Boxed, so that moving a `Key` moves a pointer and leaves no copy of the bytes behind.
    raw: Box<Zeroizing<[u8; KEY_LEN]>>,
}

impl Key {
    /// Makes a new random key.
    ///
    /// # Errors
    ///
    /// When the operating system's generator fails.
    pub fn generate() -> Result<Self, RandomError> {
        let mut key = Self { raw: Box::new(Zeroizing::new([0; KEY_LEN])) };
        random::fill(&mut key.raw[..])?;
        Ok(key)
    }

    /// Reads the 44-character text form. Only the canonical spelling is accepted.
    ///
    /// # Errors
    ///
    /// [`KeyError::Length`] or [`KeyError::Text`]; neither repeats what was read.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        if text.len() != KEY_TEXT_LEN {
            return Err(KeyError::Length);
        }
        let mut key = Self { raw: Box::new(Zeroizing::new([0; KEY_LEN])) };
        let mut decoded = Zeroizing::new([0_u8; 33]);
        let out = base64_simd::Out::from_slice(&mut decoded[..]);
        let bytes = URL_SAFE.decode(text.as_bytes(), out).map_err(|_| KeyError::Text)?;
        if bytes.len() != KEY_LEN {
            return Err(KeyError::Text);
        }
        key.raw.copy_from_slice(bytes);
        Ok(key)
    }

    /// The text form, the one that every Fernet library reads.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE.encode_to_string(self.raw.as_slice()))
    }

    /// The public fingerprint: which key this is, without saying anything about it.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut hash = Sha256::new();
        hash.update(b"fernlog/key-id@v1\n");
        hash.update(self.raw.as_slice());
        let digest = hash.finalize();
        KeyId([digest[0], digest[1], digest[2], digest[3]])
    }

    /// The commitment of a log to this key (docs/format.md, section 5).
    ///
    /// Fernet does not commit to its key: a token can open under two keys. The commitment over all
    /// 32 bytes turns a wrong or half-wrong key into a wrong key.
    #[must_use]
    pub fn commitment(&self, origin: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"fernlog/key-commitment@v1\n");
        hash.update(origin.as_bytes());
        hash.update(b"\n");
        hash.update(self.raw.as_slice());
        hash.finalize().into()
    }

    /// The half that authenticates.
    pub(crate) fn signing_half(&self) -> &[u8] {
        &self.raw[..KEY_LEN / 2]
    }

    /// The half that encrypts.
    pub(crate) fn encryption_half(&self) -> &[u8] {
        &self.raw[KEY_LEN / 2..]
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_text(text)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.raw.ct_eq(other.raw.as_slice()).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

/// Eight hex digits that tell keys apart: the first four bytes of a one-way hash of the key.
///
/// It is a hint for people and for choosing a key, never a reason to trust one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub(crate) [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 8 || !text.bytes().all(lower_hex) {
            return Err(KeyError::Id);
        }
        u32::from_str_radix(text, 16).map(|id| Self(id.to_be_bytes())).map_err(|_| KeyError::Id)
    }
}

/// Why a key, key file or key id could not be read. Never contains what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// A key file without any key.
    Empty,
    /// Not eight lower-case hex digits.
    Id,
    /// Not 44 characters.
    Length,
    /// A line of a key file, numbered from 1, is neither a comment nor a key.
    Line(usize),
    /// Not base64url in canonical form.
    Text,
    /// Not UTF-8.
    Utf8,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no key in it"),
            Self::Id => f.write_str("a key id has eight lower-case hex digits"),
            Self::Length => f.write_str("a key has 44 characters"),
            Self::Line(line) => {
                write!(f, "line {line} is neither a comment nor a key of 44 base64url characters")
            }
            Self::Text => f.write_str("a key is canonical base64url"),
            Self::Utf8 => f.write_str("not text"),
        }
    }
}

impl std::error::Error for KeyError {}

/// Standard base64 with padding, as C2SP notes and our headers use it.
pub(crate) fn encode_standard(bytes: &[u8]) -> String {
    STANDARD.encode_to_string(bytes)
}

/// Strict inverse of [`encode_standard`]: exactly one text for each byte string.
pub(crate) fn decode_standard(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode_to_vec(text.as_bytes()).ok().filter(|bytes| encode_standard(bytes) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    #[test]
    fn a_key_reads_its_own_text() {
        assert_eq!(*Key::from_text(TEXT).unwrap().to_text(), TEXT);
    }

    #[test]
    fn every_other_spelling_of_a_key_is_refused() {
        for spelling in [
            "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e5=",
            "cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4=",
            "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4",
            "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4A",
            "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4==4",
            "",
        ] {
            assert!(Key::from_text(spelling).is_err(), "{spelling}");
        }
    }

    #[test]
    fn debug_shows_the_id_and_no_key() {
        let shown = format!("{:?}", Key::from_text(TEXT).unwrap());
        assert_eq!(shown, format!("Key({})", Key::from_text(TEXT).unwrap().id()));
        assert!(!shown.contains("cw_0"));
    }

    #[test]
    fn keys_that_differ_in_either_half_have_other_ids_and_commitments() {
        let key = Key::from_text(TEXT).unwrap();
        for byte in [0, 31] {
            let mut other = key.clone();
            other.raw[byte] ^= 1;
            assert_ne!(other, key);
            assert_ne!(other.id(), key.id());
            assert_ne!(other.commitment("o"), key.commitment("o"));
        }
        assert_ne!(key.commitment("a"), key.commitment("b"));
    }
}
