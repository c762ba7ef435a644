//! The write side, which applications link: it seals, chains, appends and syncs. It never opens a
//! token and never imports the read side.
//!
//! | file | step |
//! |---|---|
//! | `log.rs` | [`AuditLog`], the handle: `append`, `flush`, `roll`, `close` |
//! | `writer.rs` | one record after the other: encode, seal, hash, write |
//! | `chain.rs` | the tree beside the lines, checkpoints |
//! | `roll.rs`, `schedule.rs` | when the next segment begins |
//! | `keep.rs` | which closed segments retention deletes |
//! | `closed/` | deleting and compressing them |
//! | `recover.rs` | what is found on opening, after a crash as after a clean stop |
//! | `repair.rs` | a torn tail set aside, without any key |
//! | `file.rs` | the file system behind one trait |

mod builder;
mod chain;
mod closed;
mod commit;
#[cfg(test)]
mod crash_tests;
mod file;
mod keep;
mod log;
mod mend;
mod outage;
mod pending;
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
mod watch;
mod writer;

pub use builder::{Builder, Upkeep};
pub use closed::Compression;
pub use keep::Keep;
pub use log::{AuditLog, Durability, Head, Receipt};
pub use repair::{Repaired, SetAside, repair_torn_tail};
pub use schedule::{Schedule, Weekday};
