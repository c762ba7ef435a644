//! What several modules need: published vectors, seeded random bytes, notices, hex and base64.

pub(crate) mod site;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Once;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The file `path` of the published vectors as JSON, or none with a notice when the machine does
/// not have them.
pub(crate) fn json(path: &str) -> Option<Value> {
    Some(serde_json::from_slice(&bytes(path)?).unwrap())
}

/// The file `path` of the published vectors, or none with a notice.
pub(crate) fn bytes(path: &str) -> Option<Vec<u8>> {
    let path = vectors()?.join(path);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The folder that `FERNLOG_VECTORS` names. Vectors are not part of the repository, so a machine
/// without them is no failure, in CI neither.
pub(crate) fn vectors() -> Option<PathBuf> {
    let folder = std::env::var_os("FERNLOG_VECTORS").map(PathBuf::from);
    if folder.is_none() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            notice("this and all other tests of published vectors need FERNLOG_VECTORS; not run");
        });
    }
    folder
}

/// For a test that this machine cannot run: a notice here, a failure in CI, where `tests/run` has
/// installed all that is needed.
pub(crate) fn cannot_run(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "cannot run in CI: {why}");
    notice(&format!("not run: {why}"));
}

/// Writes past the capture of the test harness, which hides what a passing test prints.
pub(crate) fn notice(text: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // One write, so that the lines of two tests do not mix.
    let _ = std::io::stderr().write_all(format!("NOTICE: {test}: {text}\n").as_bytes());
}

/// Python with the `cryptography` package, which `tests/run` sets up; or none with a notice.
pub(crate) fn python() -> Option<PathBuf> {
    let python = repository().join("target/venv/bin/python");
    if !python.exists() {
        cannot_run("target/venv is missing; tests/run makes it");
        return None;
    }
    Some(python)
}

/// The root of the checkout.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// SplitMix64: every run makes the same numbers, so a failure needs no seed to come back.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().unwrap()
    }
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

pub(crate) fn from_base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// The string member `name` of a vector.
pub(crate) fn text<'v>(vector: &'v Value, name: &str) -> &'v str {
    vector[name].as_str().unwrap_or_else(|| panic!("no text '{name}' in {vector}"))
}

/// The elements of the array member `name` of a vector.
pub(crate) fn array<'v>(vector: &'v Value, name: &str) -> &'v [Value] {
    vector[name].as_array().unwrap_or_else(|| panic!("no array '{name}' in {vector}"))
}
