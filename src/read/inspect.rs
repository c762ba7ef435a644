//! What can be said about a log without a key and without checking it.

use std::path::PathBuf;

use crate::crypto::{KeyId, TokenShape};
use crate::error::{Error, Result};
use crate::format::{ChainItem, ChainReader, Lines, MAX_LINE, Scan, SegmentName, UnixTime};
use crate::read::log::{Log, Segment};
use crate::read::zst::apart;

/// Facts about one segment, as its files have them. Nothing of it is verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SegmentFacts {
    /// The file of its lines.
    pub file: PathBuf,
    /// Its number.
    pub segment: u64,
    /// Whether it is the one that is written.
    pub active: bool,
    /// Whether its lines are there in a compressed file only.
    pub compressed: bool,
    /// Why the compressed file could not be read to its end, if so.
    pub broken: Option<String>,
    /// Whether its lines are gone, and a later header says that the log's own retention deleted
    /// them.
    pub pruned: bool,
    /// Lines that are tokens.
    pub records: u64,
    /// Lines that are not.
    pub other_lines: u64,
    /// Bytes after the last LF.
    pub torn_bytes: u64,
    /// Length of its lines in bytes, uncompressed.
    pub bytes: u64,
    /// Earliest and latest clear time of its tokens.
    pub times: Option<(UnixTime, UnixTime)>,
    /// Bytes of content that its tokens hold, to 16 bytes each.
    pub content_bytes: u64,
    /// What its chain says; none when there is no chain or its header cannot be read.
    pub chain: Option<ChainFacts>,
}

/// What a chain file says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChainFacts {
    /// Name of the log.
    pub origin: String,
    /// Index of the segment's header.
    pub first: u64,
    /// Id of the key that opens the segment.
    pub key_id: KeyId,
    /// The segment's own verifier key.
    pub signer: String,
    /// When it began.
    pub began: UnixTime,
    /// What happened at its beginning.
    pub events: Vec<String>,
    /// Number of its checkpoints.
    pub checkpoints: u64,
    /// Entries of the log that the newest of them covers.
    pub covered: u64,
}

/// Tells about each segment of `log` in order.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Refused`].
pub fn inspect(log: &Log) -> Result<Vec<SegmentFacts>> {
    log.segments().iter().map(segment).collect()
}

fn segment(segment: &Segment) -> Result<SegmentFacts> {
    let mut facts = SegmentFacts {
        file: segment.path().to_owned(),
        segment: segment.number(),
        active: segment.name() == SegmentName::Active,
        compressed: segment.is_compressed(),
        broken: None,
        pruned: segment.is_pruned(),
        records: 0,
        other_lines: 0,
        torn_bytes: 0,
        bytes: 0,
        times: None,
        content_bytes: 0,
        chain: chain(segment)?,
    };
    let Some(source) = segment.open()? else { return Ok(facts) };
    let mut lines = Lines::new(source, MAX_LINE);
    loop {
        let next = apart(lines.next_line()).map_err(Error::io("read", segment.path()))?;
        let scan = match next {
            Ok(Some((_, scan))) => scan,
            Ok(None) => break,
            Err(broken) => {
                facts.broken = Some(broken.to_string());
                break;
            }
        };
        match scan {
            Scan::Line(line) => match TokenShape::of(line) {
                Ok(shape) => {
                    let time = UnixTime::from_token(shape.time);
                    let (first, last) = facts.times.unwrap_or((time, time));
                    facts.times = Some((first.min(time), last.max(time)));
                    facts.records += 1;
                    // Version, time, IV and MAC take 57 bytes of a token.
                    facts.content_bytes += (line.len() / 4 * 3).saturating_sub(57) as u64;
                }
                Err(_) => facts.other_lines += 1,
            },
            Scan::Long(_) => facts.other_lines += 1,
            Scan::Tail(_, length) => facts.torn_bytes = length,
        }
    }
    facts.bytes = lines.place().byte;
    Ok(facts)
}

fn chain(segment: &Segment) -> Result<Option<ChainFacts>> {
    let Some(source) = segment.open_chain()? else { return Ok(None) };
    let read_error = || Error::io("read", segment.chain_path());
    let mut reader = ChainReader::new(source);
    let Ok(header) = reader.header().map_err(read_error())?.1 else { return Ok(None) };
    let (mut checkpoints, mut covered) = (0, 0);
    while let Some((_, item)) = reader.next_item().map_err(read_error())? {
        if let ChainItem::Checkpoint(signed) = item {
            checkpoints += 1;
            covered = signed.checkpoint.size;
        }
    }
    Ok(Some(ChainFacts {
        first: header.first(),
        origin: header.origin,
        key_id: header.key_id,
        signer: header.signer.to_string(),
        began: header.time,
        events: header.events.iter().map(ToString::to_string).collect(),
        checkpoints,
        covered,
    }))
}
