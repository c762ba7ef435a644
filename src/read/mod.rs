//! Reading a log: find its files, read lines with their place, open tokens, verify the chain.
//!
//! Nothing here writes, and nothing here knows how a log is written: the two sides meet in
//! [`crate::format`] alone, so verification shares no state with writing.

mod decrypt;
mod files;
mod filter;
mod inspect;
mod log;
mod member;
mod prove;
mod reader;
mod report;
#[cfg(test)]
mod testlog;
mod verify;
mod zst;

pub use decrypt::{Failure, OpenedRecord, Opener, Order};
pub use files::{Source, locate};
pub use filter::{Filter, Pattern, Test};
pub use inspect::{ChainFacts, SegmentFacts, inspect};
pub use log::{Log, Segment};
pub use member::{MemberPath, json_text};
pub use prove::{ProveError, newest_of, prove_growth, prove_record, verify_growth, verify_record};
pub use reader::{Content, Damage, Line, Position, Reader};
pub use report::{Check, Checks, Finding, FindingId, Report, SegmentReport, Severity, Verdict};
pub use verify::{Anchor, Progress, Require, State, StateError, TornTail, VerifyOptions, verify};
