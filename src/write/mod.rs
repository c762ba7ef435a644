//! The write side, which applications link: it seals, chains, appends and syncs. It never opens a
//! token and never imports the read side.
//!
//! | file | step |
//! |---|---|
//! | `log.rs` | [`AuditLog`], the handle: `append`, `flush`, `roll`, `close` |
//! | `writer.rs` | one record after the other: encode, seal, hash, write |
//! | `chain.rs` | the tree beside the lines, checkpoints |
//! | `roll.rs` | when and how the next segment begins |
//! | `recover.rs` | what is found on opening, after a crash as after a clean stop |
//! | `file.rs` | the file system behind one trait |

mod builder;
#[cfg(test)]
mod campaign;
mod chain;
mod commit;
mod file;
mod log;
mod mend;
mod outage;
mod pending;
mod recover;
mod roll;
mod rolling;
mod scan;
mod seal;
#[cfg(test)]
mod sim;
mod watch;
mod writer;

pub use builder::{Builder, Upkeep};
pub use log::{AuditLog, Durability, Head, Receipt};
