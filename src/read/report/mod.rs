//! What verifying a log gives: a verdict, findings, facts.

mod explain;
mod finding;
mod json;

use std::path::PathBuf;

use crate::crypto::KeyId;
use crate::format::{Hash, UnixTime};
use crate::read::verify::State;

pub(crate) use finding::Findings;
pub use finding::{Finding, FindingId, Severity};

/// The answer to "is this log what was written?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// All that was asked was checked and is right.
    Intact,
    /// Records were changed, removed, added, moved, rolled back or forked.
    Tampered,
    /// The last line is incomplete, and nothing else is wrong.
    Torn,
    /// No given key belongs to this log: nothing is decided.
    NoKey,
    /// A level that was required was not reached.
    Unproven,
    /// Another format, or a newer version.
    NotALog,
}

impl Verdict {
    /// The word that stands for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Intact => "INTACT",
            Self::Tampered => "TAMPERED",
            Self::Torn => "TORN",
            Self::NoKey => "NO KEY",
            Self::Unproven => "UNPROVEN",
            Self::NotALog => "NOT A LOG",
        }
    }

    /// The exit code of a command that gives it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Intact => 0,
            Self::Tampered => 10,
            Self::Torn => 11,
            Self::NoKey => 12,
            Self::Unproven => 13,
            Self::NotALog => 14,
        }
    }
}

/// How one kind of check ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Check {
    /// Nothing to check it with.
    #[default]
    NotRun,
    /// Right.
    Pass,
    /// Wrong.
    Fail,
}

impl Check {
    /// `pass`, `fail` or `not run`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotRun => "not run",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }

    /// What was found out, where there is nothing yet.
    pub(crate) fn or(self, other: Self) -> Self {
        if self == Self::NotRun { other } else { self }
    }

    /// Of a whole that has two parts.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fail, _) | (_, Self::Fail) => Self::Fail,
            (Self::NotRun, _) | (_, Self::NotRun) => Self::NotRun,
            _ => Self::Pass,
        }
    }
}

/// The five kinds of checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Every line is a canonical token.
    pub format: Check,
    /// The entries are those that were signed.
    pub chain: Check,
    /// The right keys signed; needs the verifier key.
    pub signatures: Check,
    /// Every token is authentic and stands in its place; needs the key.
    pub content: Check,
    /// The log reaches what was kept elsewhere; needs a checkpoint or state file.
    pub anchor: Check,
}

/// Facts about one segment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SegmentReport {
    /// The file of its lines.
    pub file: PathBuf,
    /// Its number.
    pub segment: u64,
    /// Index of its first entry, if that is known.
    pub first: Option<u64>,
    /// Number of its entries, with the header.
    pub entries: u64,
    /// Number of its lines that are tokens.
    pub records: u64,
    /// Clear time of the first record.
    pub first_time: Option<UnixTime>,
    /// Clear time of the last record.
    pub last_time: Option<UnixTime>,
    /// Length of the file of its lines.
    pub bytes: u64,
    /// Number of its checkpoints.
    pub checkpoints: u64,
    /// Id of its Fernet key as the header says.
    pub key_id: Option<KeyId>,
    /// How its checks ended.
    pub checks: Checks,
    /// Whether its lines are there in a compressed file only; `bytes` is their length without.
    pub compressed: bool,
    /// Whether its lines are gone, and a later, signed header says that the log's own retention
    /// deleted them; its entries are known all the same.
    pub pruned: bool,
}

/// What verifying a log found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The log as it was named.
    pub log: String,
    /// The answer.
    pub verdict: Verdict,
    /// Why it is no log, or why nothing could be decided, when that is the verdict.
    pub reason: Option<&'static str>,
    /// Name of the log; none for a plain log.
    pub origin: Option<String>,
    /// Number of entries.
    pub size: u64,
    /// Root over all of them, if it is known.
    pub root: Option<Hash>,
    /// Size of the newest good checkpoint.
    pub checkpoint_size: u64,
    /// Entries behind it.
    pub uncovered: u64,
    /// Bytes after the last LF of the active segment.
    pub torn_bytes: u64,
    /// The largest size that something kept elsewhere vouches for.
    pub anchored_size: Option<u64>,
    /// How the checks ended.
    pub checks: Checks,
    /// What was found, up to the limit, in the order of the log.
    pub findings: Vec<Finding>,
    /// How many of each kind there are in all.
    pub counts: Vec<(FindingId, Severity, u64)>,
    /// The segments in order.
    pub segments: Vec<SegmentReport>,
    /// What the answer rests on that did not come with the log: keys, anchors, a state file.
    pub pinned: Vec<String>,
    /// What to keep for the next check; none for a plain log or one that is not intact.
    pub state: Option<State>,
    /// Whether the caller stopped before the end.
    pub interrupted: bool,
    /// How long it took.
    pub seconds: f64,
    pub(crate) has_vkey: bool,
    pub(crate) has_anchor: bool,
    pub(crate) is_plain: bool,
}

/// What a report without an anchor must say.
const NO_ANCHOR: &str = "the end is not anchored: records cut off at the end together with their \
     checkpoints, or an older copy put back, would not be noticed";
/// What a report without a verifier key must say.
const NO_VKEY: &str = "no verifier key was given: anyone who could write the files could have \
     written another history";
const PLAIN: &str = "this log has no chain: records that were removed, moved or repeated show only \
     in their sequence numbers, and records cut off at the end do not show at all";

impl Report {
    /// Sentences about what this report cannot show. They belong under every verdict.
    #[must_use]
    pub fn caveats(&self) -> Vec<&'static str> {
        if self.is_plain {
            return vec![PLAIN];
        }
        let anchor = (!self.has_anchor).then_some(NO_ANCHOR);
        let vkey = (!self.has_vkey).then_some(NO_VKEY);
        anchor.into_iter().chain(vkey).collect()
    }

    /// Number of findings that are errors, also of those over the limit.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.total(Severity::Error)
    }

    /// Number of findings that are warnings, also of those over the limit.
    #[must_use]
    pub fn warnings(&self) -> u64 {
        self.total(Severity::Warning)
    }

    /// Number of records in all segments.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.segments.iter().map(|segment| segment.records).sum()
    }

    /// Length of all segments in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The segments whose lines the log's own retention deleted.
    pub fn pruned(&self) -> impl Iterator<Item = &SegmentReport> {
        self.segments.iter().filter(|segment| segment.pruned)
    }

    fn total(&self, wanted: Severity) -> u64 {
        self.counts.iter().filter(|(_, s, _)| *s == wanted).map(|(_, _, count)| count).sum()
    }
}
