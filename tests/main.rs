//! The integration tests: one binary, one module a topic.

/// The commands that make keys and write logs.
mod cli_write;
mod common;

/// The commands that read logs.
mod cli_read;
/// Our tokens against the `fernet` crate and Python's `cryptography`.
mod differential;
/// What the documents say, checked against the log in docs/example.
mod docs;
/// How a process can end while it holds a log.
mod exits;
/// Proofs made and checked by us and by `ct-merkle`.
mod oracle;
/// Whatever goes in comes out, for generated input.
mod properties;
/// The verifier in Python that the project ships as an example.
mod second_opinion;
/// The builder of whole logs that the library's own tests use, for logs as no writer leaves them.
#[expect(dead_code, reason = "not all of it is used here")]
#[path = "../src/read/testlog.rs"]
mod testlog;
// What its paths begin with.
use fernlog::{crypto, format, read};
/// Whatever is done to the files of a log is noticed.
mod tamper;
/// Published test vectors.
mod vectors;
/// Logs that are written, crash, roll and are opened again.
mod write;
