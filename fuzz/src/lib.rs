//! What the targets share: edits of bytes that were well formed, and keys that never change.
//!
//! Random bytes never get past a MAC or a signature. So each target builds something well formed
//! from arbitrary parts first, and then damages it.

mod log;

pub use log::{LogFiles, Op, folder};

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fernlog::crypto::Cipher;
use fernlog::{Key, SigningKey};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sha2::{Digest, Sha256};

/// Origin of all logs here.
pub const ORIGIN: &str = "example.com/fuzz";

/// The Fernet key of all logs here.
pub static KEY: LazyLock<Key> = LazyLock::new(|| {
    Key::from_text("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").expect("a key of the spec")
});

/// The same, made ready.
pub static CIPHER: LazyLock<Cipher> = LazyLock::new(|| Cipher::new(&KEY));

/// The log key.
pub static LOG_KEY: LazyLock<SigningKey> = LazyLock::new(|| note_key(0));

/// A note key from a number: the same in every process, so that a crash comes back.
pub fn note_key(number: u8) -> SigningKey {
    let seed = [number; 32];
    let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
    let id = Sha256::digest([ORIGIN.as_bytes(), b"\n\x01", public.as_bytes()].concat());
    let id: String = id.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let material = STANDARD.encode([&[1][..], &seed].concat());
    SigningKey::from_text(&format!("PRIVATE+KEY+{ORIGIN}+{id}+{material}")).expect("a note key")
}

/// One change of some bytes. Places are fractions of what is there, so that every edit hits.
#[derive(Arbitrary, Clone, Debug)]
pub enum Edit {
    /// Another value for one byte.
    Set(u16, u8),
    /// One bit turned over.
    Flip(u16, u8),
    /// Bytes put in.
    Insert(u16, Vec<u8>),
    /// Up to 255 bytes taken out.
    Delete(u16, u8),
    /// Everything behind a place taken away.
    Cut(u16),
    /// A line taken out.
    DropLine(u16),
    /// A line put before another one, or before itself.
    CopyLine(u16, u16),
}

/// Makes the first few changes, while `data` stays small: copies of copies double it each time.
pub fn apply(edits: &[Edit], data: &mut Vec<u8>) {
    for edit in edits.iter().take(16) {
        if data.len() < 64 << 10 {
            edit.apply(data);
        }
    }
}

impl Edit {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Set(at, value) => {
                let at = place(*at, data.len());
                data.iter_mut().skip(at).take(1).for_each(|byte| *byte = *value);
            }
            Self::Flip(at, bit) => {
                let at = place(*at, data.len());
                data.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
            }
            Self::Insert(at, bytes) => {
                let at = place(*at, data.len() + 1);
                data.splice(at..at, bytes.iter().copied());
            }
            Self::Delete(at, length) => {
                let at = place(*at, data.len());
                data.drain(at..data.len().min(at + usize::from(*length)));
            }
            Self::Cut(at) => data.truncate(place(*at, data.len())),
            Self::DropLine(at) => edit_lines(data, |lines| {
                lines.remove(place(*at, lines.len()));
            }),
            Self::CopyLine(from, to) => edit_lines(data, |lines| {
                let line = lines[place(*from, lines.len())].clone();
                lines.insert(place(*to, lines.len() + 1), line);
            }),
        }
    }
}

/// A place below `length`, or 0.
fn place(fraction: u16, length: usize) -> usize {
    usize::from(fraction) * length / 65_536
}

fn edit_lines(data: &mut Vec<u8>, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<_> = data.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    if !lines.is_empty() {
        edit(&mut lines);
        *data = lines.concat();
    }
}
