//! Bytes in, bytes out: keys, tokens, signed notes.
//!
//! No files and no clock here. Randomness enters in two thin shells, [`Key::generate`] and
//! [`SigningKey::generate`], and through [`IvSource`]; everything below them is deterministic, so
//! that published vectors run without mocks.

mod key;
mod keyring;
mod note;
mod random;
pub(crate) mod sha;
mod token;

pub use key::{Key, KeyError, KeyId};
pub use keyring::Keyring;
pub use note::{Note, NoteError, NoteSignature, SigningKey, VerifierKey, sign_note};
pub use random::{IvSource, RandomError};
pub use token::{Cipher, NotAToken, NotAuthentic, Opened, TokenShape};

pub(crate) use key::{decode_standard, encode_standard};
pub(crate) use note::{MAX_SIGNATURES, is_signature_line};
pub(crate) use token::{TOKEN_HEADER, line_length};
