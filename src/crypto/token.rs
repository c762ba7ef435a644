//! One Fernet token: seal, open, and what can be told about a line without a key.
//!
//! A token is base64url of `0x80 || u64 seconds || IV16 || AES-128-CBC(PKCS7) || HMAC-SHA256`
//! (Fernet spec, "Token Format"). Only the canonical text is a token here: stock libraries accept
//! many spellings of one token, and a log in which bytes can change unseen is no evidence.
//! No TTL and no clock-skew rule exists: a record is never refused for its time.

use std::fmt;

use aes::Aes128;
use base64_simd::URL_SAFE;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::generic_array::GenericArray;
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, InnerIvInit, KeyInit};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::crypto::key::Key;
use crate::crypto::sha;

const VERSION: u8 = 0x80;
const BLOCK: usize = 16;
const MAC: usize = 32;
/// Bytes before the ciphertext: version, time, IV.
pub(crate) const TOKEN_HEADER: usize = 1 + 8 + 16;
/// The shortest token: an empty record still has one block of padding.
const SHORTEST: usize = TOKEN_HEADER + BLOCK + MAC;

/// The number of characters of the token that seals `plaintext` bytes.
pub(crate) const fn line_length(plaintext: usize) -> usize {
    let raw = TOKEN_HEADER + (plaintext / BLOCK + 1) * BLOCK + MAC;
    raw.div_ceil(3) * 4
}

/// A line that is no canonical token. Which byte is wrong is not said: the place is the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAToken;

/// A canonical token that this key does not authenticate, for whichever reason.
///
/// MAC and padding failures are one opaque error on purpose (padding oracles).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAuthentic;

impl fmt::Display for NotAToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a canonical token")
    }
}

impl fmt::Display for NotAuthentic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token does not authenticate with this key")
    }
}

impl std::error::Error for NotAToken {}
impl std::error::Error for NotAuthentic {}

/// What a line says about itself without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenShape {
    /// The clear time of the token, in seconds since 1970. Unauthenticated.
    pub time: u64,
}

impl TokenShape {
    /// Checks that `line` is one token in canonical form and reads its clear time.
    ///
    /// # Errors
    ///
    /// [`NotAToken`] when it is not.
    pub fn of(line: &[u8]) -> Result<Self, NotAToken> {
        raw_length(line)?;
        URL_SAFE.check(line).map_err(|_| NotAToken)?;
        let mut head = [0; 12];
        let start = line.get(..16).ok_or(NotAToken)?;
        let out = base64_simd::Out::from_slice(&mut head);
        URL_SAFE.decode(start, out).map_err(|_| NotAToken)?;
        let [version, t @ ..] = head;
        if version != VERSION {
            return Err(NotAToken);
        }
        let [a, b, c, d, e, f, g, h, ..] = t;
        Ok(Self { time: u64::from_be_bytes([a, b, c, d, e, f, g, h]) })
    }
}

/// The decoded length of `line`, if a token can have that length.
fn raw_length(line: &[u8]) -> Result<usize, NotAToken> {
    let padding = line.iter().rev().take(3).take_while(|&&b| b == b'=').count();
    if !line.len().is_multiple_of(4) || padding > 2 {
        return Err(NotAToken);
    }
    let raw = (line.len() / 4 * 3).checked_sub(padding).ok_or(NotAToken)?;
    let whole_blocks = raw >= SHORTEST && (raw - TOKEN_HEADER - MAC).is_multiple_of(BLOCK);
    if whole_blocks { Ok(raw) } else { Err(NotAToken) }
}

/// A token that was opened: authentic content and its time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Opened<'a> {
    /// Seconds since 1970, authenticated.
    pub time: u64,
    /// The record as it was sealed.
    pub plaintext: &'a [u8],
}

impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("time", &self.time).finish_non_exhaustive()
    }
}

/// A key made ready for many tokens: the AES schedule and the two HMAC states, wiped when dropped.
pub struct Cipher {
    // Boxed, so that moving a `Cipher` leaves no copy of the schedule behind.
    secret: Box<Secret>,
}

struct Secret {
    aes: Aes128,
    /// SHA-256 states after the inner and the outer HMAC pad (RFC 2104): whoever has them can
    /// forge, so they are secrets too.
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Drop for Secret {
    fn drop(&mut self) {
        // `aes` wipes its own schedule.
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl Cipher {
    /// Prepares `key`.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        let mut secret = Box::new(Secret {
            aes: Aes128::new(GenericArray::from_slice(key.encryption_half())),
            inner: sha::START,
            outer: sha::START,
        });
        let Secret { inner, outer, .. } = &mut *secret;
        for (state, pad) in [(inner, 0x36_u8), (outer, 0x5c)] {
            let mut block = [pad; 64];
            for (b, k) in block.iter_mut().zip(key.signing_half()) {
                *b ^= k;
            }
            sha::compress(state, &block);
            block.zeroize();
        }
        Self { secret }
    }

    /// Seals `plaintext` with a given time and IV: the deterministic core.
    ///
    /// An IV must never serve twice under one key; take it from [`crate::crypto::IvSource`].
    #[must_use]
    pub fn seal(&self, plaintext: &[u8], time: u64, iv: [u8; 16]) -> String {
        let mut raw = vec![0; TOKEN_HEADER];
        raw.extend_from_slice(plaintext);
        let mut line = Vec::new();
        self.seal_in_place(&mut raw, time, iv, &mut line);
        // Base64 is ASCII, so this cannot fail; an empty token would be noticed at once.
        String::from_utf8(line).unwrap_or_default()
    }

    /// Seals what stands in `raw` behind [`TOKEN_HEADER`] spare bytes and appends the line, without
    /// LF, to `out`. The plaintext in `raw` is overwritten by its ciphertext.
    pub(crate) fn seal_in_place(
        &self,
        raw: &mut Vec<u8>,
        time: u64,
        iv: [u8; 16],
        out: &mut Vec<u8>,
    ) {
        let [version, rest @ ..] = &mut raw[..TOKEN_HEADER] else { return };
        *version = VERSION;
        rest[..8].copy_from_slice(&time.to_be_bytes());
        rest[8..].copy_from_slice(&iv);

        // PKCS7 by hand: the buffer grows by 1 to 16 bytes, each saying how many (RFC 5652, 6.3).
        let padding = BLOCK - (raw.len() - TOKEN_HEADER) % BLOCK;
        raw.resize(raw.len() + padding, padding as u8);
        let body = raw.len() - TOKEN_HEADER;
        // Whole blocks by construction, so `NoPadding` cannot fail.
        let _ = cbc::Encryptor::inner_iv_init(&self.secret.aes, &iv.into())
            .encrypt_padded_mut::<NoPadding>(&mut raw[TOKEN_HEADER..], body);
        let mac = self.mac(raw);
        raw.extend_from_slice(&mac);
        URL_SAFE.encode_append(raw.as_slice(), out);
    }

    /// Opens `line`, using `raw` as working space; the result borrows from it.
    ///
    /// # Errors
    ///
    /// [`NotAuthentic`] when the line is no canonical token or this key did not seal it.
    /// Nothing is decrypted before the MAC has been checked.
    pub fn open<'a>(&self, line: &[u8], raw: &'a mut Vec<u8>) -> Result<Opened<'a>, NotAuthentic> {
        raw.clear();
        raw_length(line).map_err(|_| NotAuthentic)?;
        URL_SAFE.decode_append(line, raw).map_err(|_| NotAuthentic)?;
        let signed = raw.len().checked_sub(MAC).ok_or(NotAuthentic)?;
        let (token, mac) = raw.split_at_mut(signed);
        let authentic: bool = self.mac(token).ct_eq(mac).into();
        if !authentic || token.first() != Some(&VERSION) || token.len() <= TOKEN_HEADER {
            return Err(NotAuthentic);
        }
        let (head, body) = token.split_at_mut(TOKEN_HEADER);
        let mut time = [0; 8];
        time.copy_from_slice(&head[1..9]);
        cbc::Decryptor::inner_iv_init(&self.secret.aes, GenericArray::from_slice(&head[9..]))
            .decrypt_padded_mut::<NoPadding>(body)
            .map_err(|_| NotAuthentic)?;
        let text = unpad(body).ok_or(NotAuthentic)?;
        Ok(Opened { time: u64::from_be_bytes(time), plaintext: &body[..text] })
    }

    /// HMAC-SHA256 of `data` with the pads already absorbed (RFC 2104).
    fn mac(&self, data: &[u8]) -> [u8; MAC] {
        let digest = sha::finish(self.secret.inner, data, 64 + data.len());
        sha::finish(self.secret.outer, &digest, 64 + MAC)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher").finish_non_exhaustive()
    }
}

/// The length of the text before its PKCS7 padding; every padding byte is checked.
fn unpad(body: &[u8]) -> Option<usize> {
    let padding = usize::from(*body.last()?);
    if !(1..=BLOCK).contains(&padding) || padding > body.len() {
        return None;
    }
    let (text, filler) = body.split_at(body.len() - padding);
    filler.iter().all(|&b| usize::from(b) == padding).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    // The one token of the Fernet spec's generate.json.
    const SPEC: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    fn cipher() -> Cipher {
        Cipher::new(&Key::from_text(KEY).unwrap())
    }

    #[test]
    fn the_spec_example_seals_and_opens() {
        let iv = std::array::from_fn(|i| i as u8);
        assert_eq!(cipher().seal(b"hello", 499_162_800, iv), SPEC);
        let mut raw = Vec::new();
        let opened = cipher().open(SPEC.as_bytes(), &mut raw).unwrap();
        assert_eq!((opened.time, opened.plaintext), (499_162_800, &b"hello"[..]));
        assert_eq!(TokenShape::of(SPEC.as_bytes()), Ok(TokenShape { time: 499_162_800 }));
    }

    #[test]
    fn every_length_around_a_block_comes_back() {
        let mut raw = Vec::new();
        for length in 0..200 {
            let text: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let line = cipher().seal(&text, 1, [9; 16]);
            assert_eq!(line.len(), line_length(length));
            assert_eq!(cipher().open(line.as_bytes(), &mut raw).unwrap().plaintext, text);
        }
    }

    #[test]
    fn no_changed_byte_opens() {
        let mut raw = Vec::new();
        for place in 0..SPEC.len() {
            for value in 0..=255_u8 {
                let mut line = SPEC.as_bytes().to_vec();
                if std::mem::replace(&mut line[place], value) != value {
                    assert!(cipher().open(&line, &mut raw).is_err(), "{place} {value}");
                }
            }
        }
    }

    #[test]
    fn extreme_times_open_like_any_other() {
        let mut raw = Vec::new();
        for time in [0, 1, 1 << 31, 1 << 32, 1 << 63, u64::MAX - 60, u64::MAX] {
            let line = cipher().seal(b"x", time, [0; 16]);
            assert_eq!(cipher().open(line.as_bytes(), &mut raw).unwrap().time, time);
            assert_eq!(TokenShape::of(line.as_bytes()).unwrap().time, time);
        }
    }

    #[test]
    fn a_cut_or_empty_line_is_no_token() {
        for end in 0..SPEC.len() {
            let line = &SPEC.as_bytes()[..end];
            let cut_at_a_block = raw_length(line).is_ok();
            assert!(!cut_at_a_block, "{end}");
            assert_eq!(TokenShape::of(line), Err(NotAToken));
        }
    }

    #[test]
    fn unused_bits_of_the_last_character_must_be_zero() {
        let line = SPEC.replace("DA==", "DB==");
        assert_eq!(TokenShape::of(line.as_bytes()), Err(NotAToken));
    }
}
