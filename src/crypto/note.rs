//! Signed notes (C2SP signed-note v1.0.0): Ed25519 keys with names, signing, opening.
//!
//! A note is text that ends in LF, an empty line, and one or more signature lines
//! `EM-DASH SP name SP base64(key id || signature) LF`. A key that we do not have, a signature that
//! is wrong, and a note that nobody we trust signed are three different failures: an *unknown key*
//! is not a *tampered* note.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer, SigningKey as Ed25519Key, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::key::{decode_standard, encode_standard};
use crate::crypto::random::{self, RandomError};

/// Signature type of an Ed25519 note key (signed-note, "Signature types").
const ED25519: u8 = 0x01;
/// A note with more signatures is malformed: each one costs a verifier work.
pub(crate) const MAX_SIGNATURES: usize = 100;
const PRIVATE: &str = "PRIVATE+KEY+";
const SIGNATURE_START: &str = "\u{2014} ";

/// The public half of a note key: who signs, and how to check it.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl VerifierKey {
    fn new(name: &str, key: VerifyingKey) -> Self {
        Self { name: name.to_owned(), id: key_id(name, key.as_bytes()), key }
    }

    /// Reads `name+<8 hex>+base64(0x01 || public key)`.
    ///
    /// # Errors
    ///
    /// [`NoteError::Key`] when it has another form, the id does not fit, or the key is no point.
    pub fn from_text(text: &str) -> Result<Self, NoteError> {
        let (name, id, material) = key_parts(text)?;
        let key = <&[u8; 32]>::try_from(material.as_slice()).map_err(|_| NoteError::Key)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| NoteError::Key)?;
        // A weak key has signatures that fit any message (RFC 8032, section 8.9; small order).
        let verifier = Self::new(name, key);
        if verifier.id != id || key.is_weak() { Err(NoteError::Key) } else { Ok(verifier) }
    }

    /// The name, which for a log's keys is its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The four bytes that begin each signature of this key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Checks one signature over `text`.
    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        // Strict: a malleable or small-order signature is no signature (RFC 8032, 5.1.7).
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![ED25519];
        material.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(self.id), encode_standard(&material))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({}+{})", self.name, hex(self.id))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::from_text(text)
    }
}

/// The private half of a note key. Wiped when dropped, never shown by `Debug`.
#[derive(Clone)]
pub struct SigningKey {
    verifier: VerifierKey,
    key: Box<Ed25519Key>,
}

impl SigningKey {
    /// Makes a new random key called `name`.
    ///
    /// # Errors
    ///
    /// [`NoteError::Name`] when `name` is empty or holds a space, `+` or a control character;
    /// [`NoteError::Random`] when the operating system gives no randomness.
    pub fn generate(name: &str) -> Result<Self, NoteError> {
        let mut seed = Zeroizing::new([0; 32]);
        random::fill(&mut seed[..])?;
        Self::from_seed(name, &seed)
    }

    fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Name);
        }
        let key = Box::new(Ed25519Key::from_bytes(seed));
        Ok(Self { verifier: VerifierKey::new(name, key.verifying_key()), key })
    }

    /// Reads `PRIVATE+KEY+name+<8 hex>+base64(0x01 || seed)`.
    ///
    /// # Errors
    ///
    /// [`NoteError::Key`], which does not repeat what was read.
    pub fn from_text(text: &str) -> Result<Self, NoteError> {
        let (name, id, mut material) =
            key_parts(text.strip_prefix(PRIVATE).ok_or(NoteError::Key)?)?;
        let seed = <[u8; 32]>::try_from(material.as_slice()).map(Zeroizing::new);
        material.zeroize();
        let key = Self::from_seed(name, &*seed.map_err(|_| NoteError::Key)?)?;
        if key.verifier.id == id { Ok(key) } else { Err(NoteError::Key) }
    }

    /// The text form, a secret.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut material = Zeroizing::new(vec![ED25519]);
        material.extend_from_slice(Zeroizing::new(self.key.to_bytes()).as_slice());
        let encoded = Zeroizing::new(encode_standard(&material));
        let VerifierKey { name, id, .. } = &self.verifier;
        Zeroizing::new([PRIVATE, name, "+", &hex(*id), "+", &encoded].concat())
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The name, which for a log's keys is its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// The signature line, with its LF, over `text`.
    fn sign(&self, text: &str) -> String {
        let mut bytes = self.verifier.id.to_vec();
        bytes.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{SIGNATURE_START}{} {}\n", self.name(), encode_standard(&bytes))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}+{})", self.verifier.name, hex(self.verifier.id))
    }
}

/// Signs `text`, which must end in LF, with each key in turn and gives the whole note.
///
/// # Errors
///
/// [`NoteError::Malformed`] when `text` cannot be the text of a note.
pub fn sign_note(text: &str, keys: &[&SigningKey]) -> Result<String, NoteError> {
    if !is_text(text) || keys.is_empty() {
        return Err(NoteError::Malformed);
    }
    let mut note = format!("{text}\n");
    for key in keys {
        note.push_str(&key.sign(text));
    }
    Ok(note)
}

/// One signature line of a note, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key that claims to have signed.
    pub name: String,
    /// Id of that key.
    pub id: [u8; 4],
    /// The signature behind the key id.
    pub bytes: Vec<u8>,
}

/// A note that was read and not yet trusted: well formed, signatures unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Reads a whole note.
    ///
    /// # Errors
    ///
    /// [`NoteError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
        // The signatures are the last block: the text may hold empty lines of its own.
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        if !is_text(text) || !lines.ends_with('\n') {
            return Err(NoteError::Malformed);
        }
        let mut signatures = Vec::new();
        for line in lines.split_terminator('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::Malformed);
            }
            signatures.push(parse_signature(line).ok_or(NoteError::Malformed)?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, which nobody has vouched for until [`Note::require`] or [`Note::open`] says so.
    #[must_use]
    pub fn untrusted_text(&self) -> &str {
        &self.text
    }

    /// The signature lines in their order, unchecked.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks that `key` signed this note.
    ///
    /// # Errors
    ///
    /// [`NoteError::UnknownKey`] when there is no signature by `key` at all,
    /// [`NoteError::BadSignature`] when one is there and wrong.
    pub fn require(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut of_key = self.signatures.iter().filter(|s| s.id == key.id && s.name == key.name);
        let signature =
            of_key.next().ok_or_else(|| NoteError::UnknownKey { name: key.name.clone() })?;
        if key.verifies(&self.text, &signature.bytes) {
            Ok(())
        } else {
            Err(NoteError::BadSignature { name: key.name.clone() })
        }
    }

    /// Gives the text and the keys of `trusted` that signed it.
    ///
    /// # Errors
    ///
    /// [`NoteError::BadSignature`] when a trusted key's signature is wrong, even if another is
    /// right; [`NoteError::Untrusted`] when no trusted key signed.
    pub fn open<'k>(
        &self,
        trusted: &'k [VerifierKey],
    ) -> Result<(&str, Vec<&'k VerifierKey>), NoteError> {
        let mut signers = Vec::new();
        for key in trusted {
            match self.require(key) {
                Ok(()) => signers.push(key),
                Err(NoteError::UnknownKey { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if signers.is_empty() { Err(NoteError::Untrusted) } else { Ok((&self.text, signers)) }
    }
}

/// Why a note or note key was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteError {
    /// A signature by a key that we have is wrong.
    BadSignature {
        /// Name of the key.
        name: String,
    },
    /// Not the text of a note key, or its id belongs to other bytes.
    Key,
    /// Not a note.
    Malformed,
    /// A name is empty or holds a space, `+` or a control character.
    Name,
    /// The operating system gave no random bytes.
    Random,
    /// The key that was asked for did not sign.
    UnknownKey {
        /// Name of the key.
        name: String,
    },
    /// Well formed, but no trusted key signed.
    Untrusted,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature { name } => write!(f, "the signature by {name} is wrong"),
            Self::Key => f.write_str("not the text of a signed-note key"),
            Self::Malformed => f.write_str("not a signed note"),
            Self::Name => {
                f.write_str("a name must not be empty or hold a space, '+' or a control character")
            }
            Self::Random => RandomError.fmt(f),
            Self::UnknownKey { name } => write!(f, "no signature by this key of {name}"),
            Self::Untrusted => f.write_str("no trusted key signed it"),
        }
    }
}

impl std::error::Error for NoteError {}

impl From<RandomError> for NoteError {
    fn from(_: RandomError) -> Self {
        Self::Random
    }
}

/// Splits `name+<8 hex>+base64(0x01 || 32 bytes)`.
fn key_parts(text: &str) -> Result<(&str, [u8; 4], Vec<u8>), NoteError> {
    let mut parts = text.splitn(3, '+');
    let mut next = || parts.next().ok_or(NoteError::Key);
    let (name, id, material) = (next()?, next()?, next()?);
    let id: super::KeyId = id.parse().map_err(|_| NoteError::Key)?;
    let mut material = decode_standard(material).ok_or(NoteError::Key)?;
    if !is_name(name) || material.len() != 33 || material.remove(0) != ED25519 {
        return Err(NoteError::Key);
    }
    Ok((name, id.0, material))
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([b'\n', ED25519]);
    hash.update(public);
    let digest = hash.finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Whether `line`, without its LF, is a signature line of a note.
pub(crate) fn is_signature_line(line: &str) -> bool {
    parse_signature(line).is_some()
}

fn parse_signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_START)?.split_once(' ')?;
    let decoded = decode_standard(encoded)?;
    let (id, bytes) = decoded.split_first_chunk::<4>()?;
    (is_name(name) && !bytes.is_empty()).then(|| NoteSignature {
        name: name.to_owned(),
        id: *id,
        bytes: bytes.to_vec(),
    })
}

fn is_name(name: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !name.is_empty() && !name.contains(bad)
}

/// Whether `text` can be signed: ends in LF, holds no other control character.
fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.bytes().any(|b| b < 0x20 && b != b'\n')
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (SigningKey, SigningKey) {
        let make = |n| SigningKey::from_seed("example.com/log", &[n; 32]).unwrap();
        (make(1), make(2))
    }

    #[test]
    fn a_signed_note_opens_with_its_key() {
        let (a, b) = keys();
        let note = Note::parse(sign_note("hello\n", &[&a, &b]).unwrap().as_bytes()).unwrap();
        let trusted = [b.verifier().clone()];
        let (text, signers) = note.open(&trusted).unwrap();
        assert_eq!((text, signers), ("hello\n", vec![b.verifier()]));
    }

    #[test]
    fn unknown_key_bad_signature_and_nobody_trusted_are_three_errors() {
        let (a, b) = keys();
        let signed = sign_note("hello\n", &[&a]).unwrap();
        let note = Note::parse(signed.as_bytes()).unwrap();
        assert!(matches!(note.require(b.verifier()), Err(NoteError::UnknownKey { .. })));
        assert_eq!(note.open(&[b.verifier().clone()]), Err(NoteError::Untrusted));
        let other = Note::parse(signed.replace("hello", "hullo").as_bytes()).unwrap();
        let bad = NoteError::BadSignature { name: "example.com/log".into() };
        assert_eq!(other.require(a.verifier()), Err(bad.clone()));
        assert_eq!(other.open(&[a.verifier().clone()]), Err(bad));
    }

    #[test]
    fn keys_read_their_own_text_and_nothing_else() {
        let (a, _) = keys();
        let private = SigningKey::from_text(&a.to_text()).unwrap();
        assert_eq!(private.verifier(), a.verifier());
        let public = a.verifier().to_string();
        assert_eq!(VerifierKey::from_text(&public).unwrap(), *a.verifier());
        for cut in 0..public.len() {
            assert!(VerifierKey::from_text(&public[..cut]).is_err());
        }
        assert!(VerifierKey::from_text(&a.to_text()).is_err());
    }

    #[test]
    fn a_private_key_does_not_show_itself() {
        let (a, _) = keys();
        assert!(!format!("{a:?}").contains("AQEB"));
    }

    #[test]
    fn names_that_break_the_format_are_refused() {
        for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b"] {
            assert_eq!(SigningKey::generate(name).unwrap_err(), NoteError::Name);
        }
    }
}
