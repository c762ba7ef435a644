//! The write side, which applications link: it seals, chains, appends and syncs. It never opens a
//! token and never imports the read side.
//!
//! | file | step |
//! |---|---|
//! | `log.rs` | [`AuditLog`], the handle: `append`, `flush`, `roll`, `close` |
//! | `writer.rs` | one record after the other: encode, seal, hash, write |
//! | `chain.rs` | the tree beside the lines, checkpoints |
//! | `roll.rs` | when and how the next segment begins |
//! | `queue/` | [`Queue`]: records that wait in memory, and the thread that writes them |
//! | `intake.rs` | where the queue hands its batches to the log |
//! | `recover.rs` | what is found on opening, after a crash as after a clean stop |
//! | `file.rs` | the file system behind one trait |

mod builder;
mod chain;
#[cfg(test)]
mod crash_tests;
mod file;
mod intake;
mod log;
mod queue;
mod recover;
mod roll;
mod scan;
#[cfg(test)]
mod sim;
mod sync;
mod writer;

pub use builder::{Builder, Upkeep};
pub use log::{AuditLog, Durability, Head, Receipt};
pub use queue::{Counts, Guard, OnFull, Queue, QueueSettings, Ticket};
