//! Encrypted audit logs that anybody can check and only key holders can read.
//!
//! A record becomes one [Fernet](https://github.com/fernet/spec) token on one line of a text file.
//! Beside the lines lies a public hash chain: the history tree of RFC 6962, with checkpoints that
//! are signed notes. Without any decryption key it shows which record was changed, removed, added
//! or moved.
//!
//! ```
//! use fernlog::{AuditLog, Key, Keyring, Level, Record, SigningKey};
//!
//! # fn main() -> fernlog::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("audit.log");
//! # let keyring = Keyring::new(Key::generate()?);
//! # let log_key = SigningKey::generate("example.com/payments")?;
//! let log = AuditLog::builder(path).keyring(keyring).log_key(log_key).open()?;
//! let record = Record::new(Level::Notice, "payment", "refund approved").actor("alice");
//! let receipt = log.append(&record)?;
//! assert_eq!(receipt.durability, fernlog::Durability::Durable);
//! let head = log.close()?;
//! # assert_eq!(head.size, receipt.index + 1);
//! # Ok(())
//! # }
//! ```
//!
//! Keys come from files: [`Keyring::load`] and [`SigningKey::load`] read what `fernlog keygen`
//! makes.
//!
//! # Who should read what
//!
//! - To **write** a log: [`AuditLog`], its [builder](AuditLog::builder), [`Record`] and
//!   [`Durability`].
//! - To **read** one: [`read::Log`] finds its files, [`read::Reader`] gives lines with their place,
//!   [`read::Opener`] opens them.
//! - To **verify** one: [`read::verify()`] with [`read::VerifyOptions`] gives a [`read::Report`].
//! - To write a reader in another language, or to audit this one: `docs/format.md`, the contract,
//!   with an example that can be redone in a shell. `docs/design.md` has the reasons, `SECURITY.md`
//!   the promises and the tests behind them.
//!
//! # The route of a record
//!
//! | step | write side | file | read side |
//! |---|---|---|---|
//! | 1 | the application builds a `Record` | `format/record/` | the record is printed, `cli/print.rs` |
//! | 2 | encode | `format/record/` | decode; `read/filter.rs` keeps or drops |
//! | 3 | seal with the segment's key | `crypto/token.rs` | open with the segment's key |
//! | 4 | next leaf of the tree | `format/tree.rs` | root at each checkpoint, `read/verify/` |
//! | 5 | append, sync | `write/file.rs` | lines in order with their place, `read/reader.rs` |
//! | 6 | sign a checkpoint | `format/checkpoint.rs` | check signatures, hand-overs, anchors |
//! | 7 | roll to the next segment | `write/roll.rs`, `format/segment.rs` | find segments, check that they join |
//!
//! Imports point one way: [`crypto`], then [`format`](mod@format), then [`mod@write`] and
//! [`read`], which do not know each other. The command stands on this public face alone.
//!
//! # Features
//!
//! - `cli`, on by default, builds the `fernlog` command. Applications use
//!   `default-features = false`.
//! - `zstd`, which `cli` brings: closed segments may be compressed.
//!
//! # What it is not
//!
//! - Not tamper-proof. Whoever can write the files can destroy them; fernlog makes that, and
//!   everything less, evident.
//! - No witness by itself. Records that were cut off at the end together with their checkpoints
//!   show only against a checkpoint that was kept elsewhere.
//! - No protection of what is written after somebody took over the host.
//! - No cover for how many records there are, when they came, and how long they are.
//! - No logging framework, no search engine, no store with many writers: one log, one writer.
//!
//! The library prints nothing, never exits, installs no handlers, and starts no thread that outlives
//! a call unless it was asked to.

#![deny(clippy::print_stdout, clippy::print_stderr, clippy::exit)]
// A panic in a library takes its host down; each exception has its proof beside it.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod crypto;
mod error;
pub mod format;
pub mod keyfile;
pub mod read;
pub mod write;

pub use crypto::{Key, KeyId, Keyring, SigningKey, VerifierKey};
pub use error::{Conflict, Error, Result};
pub use format::{Exception, Level, Record, UnixTime};
pub use write::{
    AuditLog, Durability, Head, OnFull, Queue, QueueSettings, Receipt, Ticket, Upkeep,
};
