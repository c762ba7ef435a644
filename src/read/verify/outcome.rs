//! What checking one segment gives, before the segments are joined.

use crate::crypto::{KeyId, VerifierKey};
use crate::format::{Frontier, Hash};
use crate::read::log::Segment;
use crate::read::report::{Checks, Finding, Findings, SegmentReport};
use crate::read::verify::moved::Strangers;

/// What is known about one segment.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub findings: Findings,
    pub report: SegmentReport,
    /// The header cannot be the start; the end of the segment before may be.
    pub needs_start: bool,
    /// The header is not the one that was signed.
    pub header_changed: bool,
    /// The tree before the segment, if a signed root confirmed it.
    pub before: Option<(u64, Hash)>,
    /// The tree at the newest root that fitted; the next segment begins there.
    pub end: Option<Frontier>,
    /// The newest checkpoint that counts.
    pub signed: Option<(u64, Hash)>,
    /// Its note.
    pub note: Vec<u8>,
    /// The signer that the header names, if the header is the signed one.
    pub signer: Option<VerifierKey>,
    /// Entries up to and with this segment.
    pub size: u64,
    /// The root over them, if it is known.
    pub root: Option<Hash>,
    /// Entries that no root covers.
    pub uncovered: u64,
    /// Bytes after the last LF.
    pub torn_bytes: u64,
    /// Pins that lie here, and whether they fit.
    pub pins: Vec<(usize, bool)>,
    /// See `Stops::key_before`.
    pub key_before: Option<Finding>,
    pub signer_lost: bool,
    /// The Fernet key that is not among the given ones.
    pub missing_key: Option<KeyId>,
    /// Whether any line was opened.
    pub opened: bool,
    /// Lines that may belong to another segment.
    pub strangers: Strangers,
    /// Whether no key is named and no given one opened anything.
    pub is_locked: bool,
}

impl Outcome {
    pub(crate) fn new(segment: &Segment, number: u64, most: usize) -> Self {
        let report = SegmentReport {
            file: segment.path().to_owned(),
            segment: number,
            first: None,
            entries: 0,
            records: 0,
            first_time: None,
            last_time: None,
            bytes: 0,
            checkpoints: 0,
            key_id: None,
            checks: Checks::default(),
            compressed: segment.is_compressed(),
            pruned: false,
        };
        Self {
            findings: Findings::new(most),
            report,
            needs_start: false,
            header_changed: false,
            before: None,
            end: None,
            signed: None,
            note: Vec::new(),
            signer: None,
            size: 0,
            root: None,
            uncovered: 0,
            torn_bytes: 0,
            pins: Vec::new(),
            key_before: None,
            signer_lost: false,
            missing_key: None,
            opened: false,
            strangers: Strangers::default(),
            is_locked: false,
        }
    }

    pub(crate) fn checks(&mut self) -> &mut Checks {
        &mut self.report.checks
    }
}
