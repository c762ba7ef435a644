//! What can be said about a log without any key, and without judging it.

use std::path::PathBuf;

use crate::crypto::{KeyId, TokenShape, VerifierKey};
use crate::error::{Error, Result};
use crate::format::{
    ChainItem, ChainReader, Header, HeaderError, Lines, MAX_LINE, Scan, SegmentName, UnixTime,
};
use crate::read::log::{Log, Segment};

/// Events of a header that are told; a header has one to three.
const MOST_EVENTS: usize = 16;

/// Facts about one segment. Nothing of this is verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SegmentFacts {
    /// The file of its lines.
    pub file: PathBuf,
    /// Its number.
    pub number: u64,
    /// Closed or active.
    pub name: SegmentName,
    /// Whether the file of its lines is there.
    pub has_log: bool,
    /// Whether it has a chain file.
    pub has_chain: bool,
    /// Lines that are tokens.
    pub records: u64,
    /// Lines that are none.
    pub damaged: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Bytes after the last LF.
    pub torn_bytes: u64,
    /// Earliest and latest clear time of a token.
    pub times: Option<(UnixTime, UnixTime)>,
    /// What the header says.
    pub header: Option<HeaderFacts>,
    /// Why the header cannot be read.
    pub header_error: Option<HeaderError>,
    /// Number of checkpoints in the chain file.
    pub checkpoints: u64,
    /// Size of the newest of them.
    pub checkpoint_size: Option<u64>,
    /// Pieces of the chain file that are no checkpoint.
    pub chain_damage: u64,
}

/// What the header of a segment says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HeaderFacts {
    /// Name of the log.
    pub origin: String,
    /// Index of the header entry.
    pub first: u64,
    /// Id of the Fernet key.
    pub key_id: KeyId,
    /// Whether the Fernet key is wrapped to recipients in it.
    pub has_recipients: bool,
    /// The segment's own signing key.
    pub signer: VerifierKey,
    /// Milliseconds between a write and its checkpoint.
    pub checkpoint_interval: u64,
    /// When the segment began.
    pub time: UnixTime,
    /// What happened at its beginning, as it stands there.
    pub events: Vec<String>,
}

impl From<Header> for HeaderFacts {
    fn from(header: Header) -> Self {
        Self {
            first: header.first(),
            key_id: header.key_id,
            has_recipients: header.wrapped_key.is_some(),
            checkpoint_interval: header.checkpoint_interval,
            time: header.time,
            events: header.events.iter().take(MOST_EVENTS).map(ToString::to_string).collect(),
            signer: header.signer,
            origin: header.origin,
        }
    }
}

/// Reads every segment once and counts what is there.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Refused`].
pub fn inspect(log: &Log) -> Result<Vec<SegmentFacts>> {
    log.segments().iter().map(inspect_segment).collect()
}

fn inspect_segment(segment: &Segment) -> Result<SegmentFacts> {
    let mut facts = SegmentFacts {
        file: segment.path().to_owned(),
        number: segment.number(),
        name: segment.name(),
        has_log: segment.has_log(),
        has_chain: segment.has_chain(),
        records: 0,
        damaged: 0,
        bytes: 0,
        torn_bytes: 0,
        times: None,
        header: None,
        header_error: None,
        checkpoints: 0,
        checkpoint_size: None,
        chain_damage: 0,
    };
    facts.read_chain(segment)?;
    facts.read_lines(segment)?;
    Ok(facts)
}

impl SegmentFacts {
    fn read_chain(&mut self, segment: &Segment) -> Result<()> {
        let Some(chain) = segment.open_chain()? else { return Ok(()) };
        let failed = |error| Error::io("read", segment.chain_path())(error);
        let mut reader = ChainReader::new(chain);
        match reader.header().map_err(failed)?.1 {
            Ok(header) => self.header = Some(header.into()),
            Err(error) => self.header_error = Some(error),
        }
        while let Some((_, item)) = reader.next_item().map_err(failed)? {
            match item {
                ChainItem::Checkpoint(signed) => {
                    self.checkpoints += 1;
                    self.checkpoint_size = self.checkpoint_size.max(Some(signed.checkpoint.size));
                }
                ChainItem::Torn(_) | ChainItem::Damage => self.chain_damage += 1,
            }
        }
        Ok(())
    }

    fn read_lines(&mut self, segment: &Segment) -> Result<()> {
        let Some(source) = segment.open()? else { return Ok(()) };
        self.bytes = source.len();
        let mut times: Option<(u64, u64)> = None;
        let mut lines = Lines::new(source, MAX_LINE);
        let failed = |error| Error::io("read", segment.path())(error);
        while let Some((_, scan)) = lines.next_line().map_err(failed)? {
            let shape = match scan {
                Scan::Line(line) => TokenShape::of(line),
                Scan::Long(_) => Err(crate::crypto::NotAToken),
                Scan::Tail(_, length) => {
                    self.torn_bytes = length;
                    break;
                }
            };
            match shape {
                Ok(TokenShape { time }) => {
                    self.records += 1;
                    let (oldest, newest) = times.unwrap_or((time, time));
                    times = Some((oldest.min(time), newest.max(time)));
                }
                Err(_) => self.damaged += 1,
            }
        }
        self.times = times.map(|(a, b)| (UnixTime::from_token(a), UnixTime::from_token(b)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testlog::{ORIGIN, START, TestLog};

    #[test]
    fn the_facts_of_a_rolled_log_are_told() {
        let mut test = TestLog::sample();
        test.active.log.extend_from_slice(b"\ntorn");
        let facts = inspect(&test.write()).unwrap();
        assert_eq!(facts.len(), 3);
        let (first, last) = (&facts[0], &facts[2]);
        assert_eq!((first.records, first.checkpoints, first.checkpoint_size), (6, 3, Some(7)));
        assert_eq!((last.records, last.damaged, last.torn_bytes), (5, 1, 4));
        let header = last.header.as_ref().unwrap();
        assert_eq!((header.origin.as_str(), header.first), (ORIGIN, 15));
        assert_eq!(header.events, ["rolled size"]);
        let times = first.times.unwrap();
        assert_eq!(times.0, UnixTime::from_token(START));
        assert_eq!(times.1, UnixTime::from_token(START + 5));
    }

    #[test]
    fn a_damaged_header_is_told_with_its_reason() {
        let mut test = TestLog::new();
        test.active.chain[0] ^= 1;
        let facts = inspect(&test.write()).unwrap();
        assert_eq!(facts[0].header_error, Some(HeaderError::NotAHeader));
    }
}
