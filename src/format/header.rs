//! The header of a segment: the first block of `.chain` and the first entry of the segment
//! (docs/format.md, section 5).

use std::fmt;

use crate::crypto::{KeyId, VerifierKey, encode_standard};
use crate::format::checkpoint::decode_hash;
use crate::format::time::UnixTime;
use crate::format::tree::{Frontier, Hash};

/// First line of a header of version 1.
pub(crate) const FIRST_LINE: &str = "fernlog/segment@v1";
/// No log has as many entries; what counts on from here cannot overflow.
const MAX_FIRST: u64 = 1 << 62;
/// What every version's first line begins with.
const ANY_VERSION: &str = "fernlog/segment@v";

/// What a segment says about itself and about everything before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name of the log.
    pub origin: String,
    /// Number of the segment, from 0.
    pub segment: u64,
    /// The tree before this segment; its size is the index of this header.
    pub before: Frontier,
    /// Id of the segment's Fernet key: a hint.
    pub key_id: KeyId,
    /// Commitment to the segment's Fernet key.
    pub key_commitment: Hash,
    /// The Fernet key wrapped to recipients: base64 of an age file.
    pub wrapped_key: Option<String>,
    /// The public half of the segment's own signing key.
    pub signer: VerifierKey,
    /// Milliseconds that the writer promises between a write and the checkpoint that covers it.
    pub checkpoint_interval: u64,
    /// When the segment began, to the second.
    pub time: UnixTime,
    /// What happened at its beginning.
    pub events: Vec<Event>,
}

impl Header {
    /// Index of the header entry itself.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.before.size()
    }

    /// The text as it stands in `.chain`, with its last LF: the data of the header entry.
    #[must_use]
    pub fn to_text(&self) -> String {
        use std::fmt::Write;
        let mut text = format!(
            "{FIRST_LINE}\norigin {}\nsegment {}\nfirst {}\nroot {}\n",
            self.origin,
            self.segment,
            self.first(),
            encode_standard(&self.before.root()),
        );
        // Writing to a string cannot fail.
        if self.first() > 0 {
            text.push_str("frontier");
            for hash in self.before.hashes() {
                let _ = write!(text, " {}", encode_standard(hash));
            }
            text.push('\n');
        }
        let commitment = encode_standard(&self.key_commitment);
        let _ = writeln!(text, "fernet-key {} {commitment}", self.key_id);
        if let Some(wrapped) = &self.wrapped_key {
            let _ = writeln!(text, "fernet-key-age {wrapped}");
        }
        let _ = writeln!(text, "signer {}", self.signer);
        let _ = writeln!(text, "checkpoint-interval {}", self.checkpoint_interval);
        let _ = writeln!(text, "time {}", self.time.to_seconds_text());
        for event in &self.events {
            let _ = writeln!(text, "event {event}");
        }
        text
    }

    /// Reads a header and checks that its frontier folds to its root.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] names the first line that is wrong. Unknown keys are passed over; they are
    /// part of the entry all the same.
    pub fn from_text(text: &str) -> Result<Self, HeaderError> {
        let mut lines = text.strip_suffix('\n').ok_or(HeaderError::Cut)?.split('\n');
        match lines.next() {
            Some(FIRST_LINE) => {}
            Some(other) if is_newer(other) => return Err(HeaderError::Version),
            _ => return Err(HeaderError::NotAHeader),
        }
        let mut fields = Fields { lines: lines.collect(), next: 0 };
        let origin = fields.required("origin")?.to_owned();
        let segment = fields.number("segment")?;
        let first = fields.number("first")?;
        if first > MAX_FIRST {
            return Err(HeaderError::Value("first"));
        }
        let root = decode_hash(fields.required("root")?).ok_or(HeaderError::Value("root"))?;
        let frontier = match fields.optional("frontier")? {
            Some(hashes) => hashes.split(' ').map(decode_hash).collect::<Option<Vec<_>>>(),
            None => Some(Vec::new()),
        };
        let before = frontier
            .and_then(|hashes| Frontier::from_parts(first, hashes))
            .ok_or(HeaderError::Value("frontier"))?;
        let (id, commitment) = fields
            .required("fernet-key")?
            .split_once(' ')
            .ok_or(HeaderError::Value("fernet-key"))?;
        let header = Self {
            origin,
            segment,
            key_id: id.parse().map_err(|_| HeaderError::Value("fernet-key"))?,
            key_commitment: decode_hash(commitment).ok_or(HeaderError::Value("fernet-key"))?,
            wrapped_key: fields.optional("fernet-key-age")?.map(str::to_owned),
            signer: VerifierKey::from_text(fields.required("signer")?)
                .map_err(|_| HeaderError::Value("signer"))?,
            checkpoint_interval: fields.number("checkpoint-interval")?,
            time: fields.time()?,
            events: fields.events()?,
            before,
        };
        if header.before.root() != root {
            return Err(HeaderError::Fold);
        }
        if header.signer.name() != header.origin {
            return Err(HeaderError::Value("signer"));
        }
        Ok(header)
    }
}

/// Whether the first line is that of a later version, and not of this one with a byte changed.
fn is_newer(first_line: &str) -> bool {
    let version = first_line.strip_prefix(ANY_VERSION).unwrap_or_default();
    version.parse().is_ok_and(|number: u64| number > 1 && number.to_string() == version)
}

/// The lines of a header behind its first, read in their fixed order.
struct Fields<'a> {
    lines: Vec<&'a str>,
    next: usize,
}

impl<'a> Fields<'a> {
    /// The value of `key`, passing over lines with keys that this version does not know.
    fn optional(&mut self, key: &'static str) -> Result<Option<&'a str>, HeaderError> {
        let rest = self.lines.get(self.next..).unwrap_or_default();
        for (skipped, line) in rest.iter().enumerate() {
            let name = line.split(' ').next().unwrap_or_default();
            if name == key {
                self.next += skipped + 1;
                let value = line.get(key.len() + 1..).filter(|value| !value.is_empty());
                return value.map(Some).ok_or(HeaderError::Value(key));
            }
            if KEYS.contains(&name) {
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn required(&mut self, key: &'static str) -> Result<&'a str, HeaderError> {
        self.optional(key)?.ok_or(HeaderError::Missing(key))
    }

    fn number(&mut self, key: &'static str) -> Result<u64, HeaderError> {
        let text = self.required(key)?;
        let number: u64 = text.parse().map_err(|_| HeaderError::Value(key))?;
        // No sign and no leading zero: one number, one text.
        if number.to_string() == text { Ok(number) } else { Err(HeaderError::Value(key)) }
    }

    fn time(&mut self) -> Result<UnixTime, HeaderError> {
        let text = self.required("time")?;
        let time: UnixTime = text.parse().map_err(|_| HeaderError::Value("time"))?;
        // No fraction and no leap second: one time, one text.
        if time.to_seconds_text() == text { Ok(time) } else { Err(HeaderError::Value("time")) }
    }

    fn events(&mut self) -> Result<Vec<Event>, HeaderError> {
        let mut events = Vec::new();
        while let Some(event) = self.optional("event")? {
            events.push(Event::from_text(event));
        }
        // Whatever known key is left over stands twice or in the wrong place.
        let rest = self.lines.get(self.next..).unwrap_or_default();
        let known = |line: &&&str| KEYS.contains(&line.split(' ').next().unwrap_or_default());
        match rest.iter().find(known) {
            Some(_) => Err(HeaderError::Order),
            None => Ok(events),
        }
    }
}

const KEYS: [&str; 11] = [
    "origin",
    "segment",
    "first",
    "root",
    "frontier",
    "fernet-key",
    "fernet-key-age",
    "signer",
    "checkpoint-interval",
    "time",
    "event",
];

/// A fact about the beginning of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Why the previous segment ended: `size`, `time`, `key`, `request`, `restart`.
    Rolled(String),
    /// So many bytes of a torn tail were saved aside and cut.
    TornTail(u64),
    /// So many bytes of a torn tail are still at the end of the previous segment.
    TornTailKept(u64),
    /// So many lines were there that no checkpoint covered.
    Uncommitted(u64),
    /// The lines of these closed segments, the first to the last, were deleted by the log's own
    /// retention; their chain files are kept.
    Pruned(u64, u64),
    /// The previous segment's signing key was lost: the hand-over has the log key alone.
    SignerLost,
    /// Something else, in words.
    Other(String),
}

impl Event {
    fn from_text(text: &str) -> Self {
        let number = |prefix| text.strip_prefix(prefix).and_then(|n: &str| n.parse().ok());
        if let Some(why) = text.strip_prefix("rolled ") {
            Self::Rolled(why.to_owned())
        } else if let Some(bytes) = number("recovered torn-tail-kept ") {
            Self::TornTailKept(bytes)
        } else if let Some(bytes) = number("recovered torn-tail ") {
            Self::TornTail(bytes)
        } else if let Some(lines) = number("recovered uncommitted ") {
            Self::Uncommitted(lines)
        } else if let Some((first, last)) = text.strip_prefix("pruned ").and_then(range) {
            Self::Pruned(first, last)
        } else if text == "signer lost" {
            Self::SignerLost
        } else {
            Self::Other(text.to_owned())
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rolled(why) => write!(f, "rolled {why}"),
            Self::TornTail(bytes) => write!(f, "recovered torn-tail {bytes}"),
            Self::TornTailKept(bytes) => write!(f, "recovered torn-tail-kept {bytes}"),
            Self::Uncommitted(lines) => write!(f, "recovered uncommitted {lines}"),
            Self::Pruned(first, last) if first == last => write!(f, "pruned {first}"),
            Self::Pruned(first, last) => write!(f, "pruned {first}-{last}"),
            Self::SignerLost => f.write_str("signer lost"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// Reads `3` or `0-2`.
fn range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// Why text is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// It ends in the middle.
    Cut,
    /// The frontier does not fold to the root.
    Fold,
    /// A line is missing or out of order.
    Missing(&'static str),
    /// The first line is another.
    NotAHeader,
    /// A line stands twice or in the wrong place.
    Order,
    /// A line has a value of another form.
    Value(&'static str),
    /// A newer version of the format.
    Version,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("the header is cut off"),
            Self::Fold => f.write_str("the frontier does not fold to the root"),
            Self::Missing(key) => write!(f, "the line '{key}' is missing or out of order"),
            Self::NotAHeader => f.write_str("not a fernlog header"),
            Self::Order => f.write_str("a line stands twice or out of order"),
            Self::Value(key) => write!(f, "the line '{key}' has a wrong value"),
            Self::Version => f.write_str("a newer version of the format"),
        }
    }
}

impl std::error::Error for HeaderError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Key, SigningKey};
    use crate::format::tree::leaf;

    fn header() -> Header {
        let key = Key::from_text("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").unwrap();
        let mut before = Frontier::new();
        (0..6).for_each(|i| before.push(leaf(&[i])));
        Header {
            origin: "example.com/log".into(),
            segment: 1,
            before,
            key_id: key.id(),
            key_commitment: key.commitment("example.com/log"),
            wrapped_key: None,
            signer: SigningKey::generate("example.com/log").unwrap().verifier().clone(),
            checkpoint_interval: 1000,
            time: UnixTime::new(1_763_800_000, 0),
            events: vec![
                Event::Rolled("size".into()),
                Event::TornTail(33),
                Event::Pruned(0, 2),
                Event::Pruned(3, 3),
                Event::SignerLost,
            ],
        }
    }

    #[test]
    fn a_header_reads_its_own_text() {
        let header = header();
        assert_eq!(Header::from_text(&header.to_text()), Ok(header));
    }

    #[test]
    fn the_first_segment_has_no_frontier() {
        let header = Header { before: Frontier::new(), segment: 0, ..header() };
        assert!(!header.to_text().contains("frontier"));
        assert_eq!(Header::from_text(&header.to_text()), Ok(header));
    }

    #[test]
    fn unknown_lines_are_passed_over() {
        let header = header();
        let text = header.to_text().replace("first 6\n", "colour blue\nfirst 6\nempty\n");
        assert_eq!(Header::from_text(&text), Ok(header));
    }

    #[test]
    fn lines_missing_moved_or_changed_are_named() {
        let text = header().to_text();
        let edit =
            |from: &str, to: &str| Header::from_text(&text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(edit("@v1", "@v2"), HeaderError::Version);
        assert_eq!(edit("@v1", "@v0"), HeaderError::NotAHeader);
        assert_eq!(edit("@v1\n", "@v1\u{b}"), HeaderError::NotAHeader);
        assert_eq!(edit("fernlog", "otherlog"), HeaderError::NotAHeader);
        assert_eq!(edit("segment 1\n", ""), HeaderError::Missing("segment"));
        assert_eq!(edit("segment 1\n", "segment 01\n"), HeaderError::Value("segment"));
        assert_eq!(edit("40Z\n", "40.5Z\n"), HeaderError::Value("time"));
        assert_eq!(edit("\nroot ", "\nroot A"), HeaderError::Value("root"));
        let other_root = encode_standard(&[9; 32]);
        assert_eq!(edit(&encode_standard(&header().before.root()), &other_root), HeaderError::Fold);
        assert_eq!(edit("first 6\n", "first 7\n"), HeaderError::Value("frontier"));
        assert_eq!(edit("event rolled size\n", "event x\ntime y\n"), HeaderError::Order);
        assert_eq!(edit("signer example.com", "signer other.com"), HeaderError::Value("signer"));
    }

    #[test]
    fn a_known_line_without_a_value_is_named() {
        let text = Header { before: Frontier::new(), segment: 0, ..header() }.to_text();
        for key in ["frontier", "fernet-key-age", "event"] {
            for line in [format!("{key}\n"), format!("{key} \n")] {
                let place = match key {
                    "frontier" => "fernet-key ",
                    "fernet-key-age" => "signer ",
                    _ => "event rolled",
                };
                let text = text.replacen(place, &(line + place), 1);
                assert_eq!(Header::from_text(&text), Err(HeaderError::Value(key)), "{text}");
            }
        }
    }
}
