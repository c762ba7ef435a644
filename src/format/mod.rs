//! What the bytes of a log mean (docs/format.md): pure functions over bytes and text.

mod chain;
mod checkpoint;
mod header;
mod level;
mod lines;
mod proof;
mod prooftext;
mod record;
mod segment;
mod time;
mod tree;

pub use chain::{ChainItem, ChainReader, SignedCheckpoint};
pub use checkpoint::{Checkpoint, CheckpointError};
pub(crate) use header::FIRST_LINE as HEADER_FIRST_LINE;
pub use header::{Event, Header, HeaderError};
pub use level::{Level, UnknownLevel};
pub use lines::{Lines, Place, Scan};
pub use proof::{ConsistencyProof, InclusionProof, ProofError, Prover};
pub use prooftext::{GrowthProof, RecordProof};
pub use record::{Exception, Record, RecordKind, StoredRecord};
pub(crate) use record::{LONGEST_SEQ, Out, encode_seq};
pub use segment::{LogPath, SegmentName};
pub use time::{NotATime, UnixTime};
pub use tree::{Frontier, Hash, leaf, node};

/// Longest line of a log in bytes, without its LF. A longer one is damage and never held whole.
pub const MAX_LINE: usize = 1 << 20;
