//! The write side, which applications link: it seals, chains, appends and syncs. It never opens a
//! token and never imports the read side.
//!
//! | file | step |
//! |---|---|
//! | `log.rs` | [`AuditLog`], the handle: `append`, `flush`, `roll`, `close` |
//! | `writer.rs` | one record after the other: encode, seal, hash, write |
//! | `seal.rs`, `pending.rs` | a line; the lines that are not durable yet |
//! | `chain.rs` | the tree beside the lines, checkpoints |
//! | `commit.rs` | one sync for many threads |
//! | `roll.rs`, `schedule.rs`, `rolling.rs` | when and how the next segment begins |
//! | `keep.rs`, `closed/` | which closed segments retention deletes; deleting and compressing them |
//! | `queue/`, `intake.rs` | [`Queue`]: records that wait in memory, the thread that writes them, and how |
//! | `watch.rs`, `mend.rs`, `outage.rs` | files that fail or are touched by others, and what the log says of it |
//! | `recover.rs`, `scan.rs`, `aside.rs` | what is found on opening, after a crash as after a clean stop |
//! | `repair.rs` | a torn tail set aside, without any key |
//! | `file.rs` | the file system behind one trait |

mod aside;
mod builder;
#[cfg(test)]
mod campaign;
mod chain;
mod closed;
mod commit;
#[cfg(test)]
mod crash_tests;
mod file;
mod intake;
mod keep;
mod log;
mod mend;
mod outage;
mod pending;
mod queue;
mod recover;
mod repair;
mod roll;
mod rolling;
mod scan;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod seal;
#[cfg(test)]
mod sim;
mod sync;
mod watch;
mod writer;

pub use aside::SetAside;
pub use builder::{Builder, Upkeep};
pub use closed::Compression;
pub use keep::Keep;
pub use log::{AuditLog, Durability, Head, Receipt};
pub use queue::{Counts, Guard, OnFull, Queue, QueueSettings, Ticket};
pub use recover::Recovery;
pub use repair::{Repaired, repair_torn_tail};
pub use schedule::{Schedule, Weekday};
