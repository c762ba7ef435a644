//! Reading a log: find its files, read lines with their place, open tokens, verify the chain.
//!
//! Nothing here writes, and nothing here knows how a log is written: the two sides meet in
//! [`crate::format`] alone, so verification shares no state with writing.

mod decrypt;
mod files;
mod inspect;
mod log;
mod prove;
mod reader;
mod report;
#[cfg(test)]
mod testlog;
mod verify;

pub use decrypt::{Failure, OpenedRecord, Opener, Order};
pub use files::{Source, locate};
pub use inspect::{HeaderFacts, SegmentFacts, inspect};
pub use log::{Log, Segment};
pub use prove::{
    ProofRefused, ProveError, ProvenEntry, newest_checkpoint, prove_entry, prove_growth,
    verify_proof,
};
pub use reader::{Content, Damage, Line, Position, Reader};
pub use report::{Check, Checks, Finding, FindingId, Report, SegmentReport, Severity, Verdict};
pub use verify::{Anchor, Progress, Require, State, StateError, TornTail, VerifyOptions, verify};
