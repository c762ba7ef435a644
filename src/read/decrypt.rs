//! Opening tokens with the right key, and naming the reason when one does not open.
//!
//! A segment commits to its Fernet key, so a key is chosen before anything is decrypted and a
//! half-wrong key never gives garbage. Where there is no commitment to go by (a plain log, a
//! damaged header) the keys are tried in turn. Plaintext comes out only when it is authentic.

use std::fmt;

use crate::crypto::{Cipher, Key, KeyId, Keyring, TokenShape};
use crate::format::{Header, StoredRecord};

/// Opens the lines of a log, segment by segment.
#[derive(Debug)]
pub struct Opener {
    keys: Vec<Candidate>,
    choice: Choice,
    raw: Vec<u8>,
    /// How far `seq` was from the index at the last record that had both.
    offset: i128,
}

#[derive(Debug)]
struct Candidate {
    key: Key,
    /// The key's id, which is a hash: not for every line again.
    id: KeyId,
    cipher: Cipher,
    /// Without a commitment: the key has opened text, so its encryption half is right too.
    proven: bool,
}

#[derive(Clone, Copy, Debug)]
enum Choice {
    /// The key at this place is the one that the segment committed to.
    Committed(usize),
    /// Nothing to go by; the key at this place opened the last line.
    Trial(usize),
    /// The segment committed to a key that is not here.
    Missing(KeyId),
}

impl Opener {
    /// Prepares the keys of `ring`. Until [`Opener::begin_segment`] they are tried in turn.
    #[must_use]
    pub fn new(ring: &Keyring) -> Self {
        let candidate = |key: &Key| Candidate {
            key: key.clone(),
            id: key.id(),
            cipher: Cipher::new(key),
            proven: false,
        };
        Self {
            keys: ring.keys().map(candidate).collect(),
            choice: Choice::Trial(0),
            raw: Vec::new(),
            offset: 0,
        }
    }

    /// Chooses the key of a segment; `None` when it has no header that can be read.
    pub fn begin_segment(&mut self, header: Option<&Header>) {
        self.offset = 0;
        self.choice = match header {
            Some(header) => {
                let fits =
                    |c: &Candidate| c.key.commitment(&header.origin) == header.key_commitment;
                match self.keys.iter().position(fits) {
                    Some(place) => Choice::Committed(place),
                    None => Choice::Missing(header.key_id),
                }
            }
            None => Choice::Trial(match self.choice {
                Choice::Committed(place) | Choice::Trial(place) => place,
                Choice::Missing(_) => 0,
            }),
        };
    }

    /// The id of the key that the segment needs, when no given key is the one it committed to.
    #[must_use]
    pub fn missing_key(&self) -> Option<KeyId> {
        match self.choice {
            Choice::Missing(wanted) => Some(wanted),
            _ => None,
        }
    }

    /// The ids of all given keys.
    #[must_use]
    pub fn given(&self) -> Vec<KeyId> {
        self.keys.iter().map(|candidate| candidate.id).collect()
    }

    /// Opens one line, which stands at `index` if that is known.
    ///
    /// # Errors
    ///
    /// [`Failure`] names the reason; no plaintext is given out then.
    pub fn open(&mut self, line: &[u8], index: Option<u64>) -> Result<OpenedRecord<'_>, Failure> {
        let shape = || TokenShape::of(line).map_err(|_| Failure::NotAToken);
        let (place, time, length) = match self.choice {
            Choice::Missing(wanted) => {
                shape()?;
                return Err(Failure::NoKey { wanted: Some(wanted), given: self.given() });
            }
            // What opens has the shape of a token; only what does not is looked at for it.
            Choice::Committed(place) => match self.committed(place, line) {
                Ok(parts) => parts,
                Err(failure) => return Err(shape().err().unwrap_or(failure)),
            },
            Choice::Trial(last) => {
                shape()?;
                self.trial(last, line)?
            }
        };
        // The plaintext stands in `raw` where `Cipher::open` left it; `length` is within.
        let start = crate::crypto::TOKEN_HEADER;
        let plaintext = self.raw.get(start..start + length).unwrap_or_default();
        let key = self.keys.get(place).map(|candidate| candidate.id);
        let record = StoredRecord::decode(plaintext);
        let seq = match (record.as_ref().and_then(|record| record.seq), index) {
            (Some(seq), Some(index)) => {
                let offset = i128::from(seq) - i128::from(index);
                let before = std::mem::replace(&mut self.offset, offset);
                match offset {
                    0 => Order::InPlace,
                    _ if offset == before => Order::Shifted(seq),
                    _ => Order::Misplaced(seq),
                }
            }
            _ => Order::Unknown,
        };
        Ok(OpenedRecord { time, plaintext, record, key, order: seq })
    }

    fn committed(&mut self, place: usize, line: &[u8]) -> Result<Parts, Failure> {
        let failed = || Failure::NotAuthentic { key: None };
        let candidate = self.keys.get(place).ok_or_else(failed)?;
        let key = Some(candidate.id);
        let opened = candidate.cipher.open(line, &mut self.raw);
        let opened = opened.map_err(|_| Failure::NotAuthentic { key })?;
        Ok((place, opened.time, opened.plaintext.len()))
    }

    fn trial(&mut self, last: usize, line: &[u8]) -> Result<Parts, Failure> {
        let count = self.keys.len();
        for place in (last..count).chain(0..last) {
            let Some(candidate) = self.keys.get_mut(place) else { continue };
            let Ok(opened) = candidate.cipher.open(line, &mut self.raw) else { continue };
            // The right signing half with a wrong encryption half passes the MAC, and one garbage
            // in 247 has good padding. Garbage is not text; a key that opened text is whole.
            candidate.proven |= std::str::from_utf8(opened.plaintext).is_ok();
            if candidate.proven {
                self.choice = Choice::Trial(place);
                return Ok((place, opened.time, opened.plaintext.len()));
            }
        }
        // A key that opened other lines of this log says that this line is not authentic.
        match self.keys.get(last).filter(|candidate| candidate.proven) {
            Some(candidate) => Err(Failure::NotAuthentic { key: Some(candidate.id) }),
            None => Err(Failure::NoKey { wanted: None, given: self.given() }),
        }
    }
}

/// Place of the key, time, length of the plaintext.
type Parts = (usize, u64, usize);

/// An authentic record.
#[derive(Clone)]
pub struct OpenedRecord<'a> {
    /// Time of the token in seconds since 1970.
    pub time: u64,
    /// What was sealed, byte for byte.
    pub plaintext: &'a [u8],
    /// The record in it; none if it is foreign.
    pub record: Option<StoredRecord<'a>>,
    /// Id of the key that opened it.
    pub key: Option<KeyId>,
    /// Whether it stands where it was written.
    pub order: Order,
}

impl fmt::Debug for OpenedRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedRecord")
            .field("time", &self.time)
            .field("key", &self.key)
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}

/// What an authentic record says about its own place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `seq` is the index.
    InPlace,
    /// `seq` differs from the index by as much as that of the record before: lines are missing or
    /// too many further up, and this record follows on.
    Shifted(u64),
    /// `seq` is another than the index and does not follow on: the record was moved or replayed,
    /// or lines before it are missing.
    Misplaced(u64),
    /// The record has no `seq`, or its index is not known.
    Unknown,
}

/// Why a line did not open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No given key belongs to this segment. Nothing is decided about the line.
    NoKey {
        /// Id of the key that the header names.
        wanted: Option<KeyId>,
        /// Ids of the keys that were given.
        given: Vec<KeyId>,
    },
    /// The key of the segment did not seal this line.
    NotAuthentic {
        /// Id of that key.
        key: Option<KeyId>,
    },
    /// The line is no canonical token.
    NotAToken,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey { wanted, given } => {
                match wanted {
                    Some(wanted) => write!(f, "key {wanted} is needed; given:")?,
                    None => f.write_str("no key opens this line; given:")?,
                }
                given.iter().try_for_each(|id| write!(f, " {id}"))
            }
            Self::NotAuthentic { key: Some(key) } => {
                write!(f, "the line is not authentic under key {key}")
            }
            Self::NotAuthentic { key: None } => f.write_str("the line is not authentic"),
            Self::NotAToken => f.write_str("the line is no canonical token"),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testlog::TestLog;
    use crate::read::{Content, Log};

    /// What each line of a log gives: the message, or the reason.
    fn read(log: &Log, ring: &Keyring) -> Vec<Result<(String, Order), Failure>> {
        let mut opener = Opener::new(ring);
        let mut reader = log.reader();
        let mut segment = usize::MAX;
        let mut found = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            if std::mem::replace(&mut segment, line.segment) != line.segment {
                let header = log.segments()[segment].header().unwrap();
                opener.begin_segment(header.and_then(Result::ok).as_ref());
            }
            let Content::Token { line: token, .. } = line.content else { continue };
            let opened = opener.open(token, line.index);
            found.push(opened.map(|o| (o.record.unwrap().message.into_owned(), o.order)));
        }
        found
    }

    #[test]
    fn every_record_of_a_rolled_log_opens_in_place() {
        let mut test = TestLog::new();
        test.append(2);
        test.roll_with(Key::generate().unwrap(), vec![]);
        test.append(1);
        let mut ring = test.ring();
        ring.merge(Keyring::new(Key::generate().unwrap()));
        let records = read(&test.write(), &ring);
        let wanted = |r: &Result<_, _>| matches!(r, Err(Failure::NoKey { wanted: Some(_), .. }));
        assert!(wanted(&records[0]) && wanted(&records[1]));
        assert_eq!(records[2], Ok(("message 4".into(), Order::InPlace)));
    }

    #[test]
    fn a_key_with_one_wrong_half_never_gives_plaintext() {
        let test = TestLog::sample();
        let log = test.write();
        for byte in [3, 40] {
            let mut text = test.key.to_text().to_string().into_bytes();
            text[byte] = if text[byte] == b'A' { b'B' } else { b'A' };
            let wrong = Key::from_text(std::str::from_utf8(&text).unwrap()).unwrap();
            for result in read(&log, &Keyring::new(wrong)) {
                assert!(matches!(result, Err(Failure::NoKey { .. })));
            }
        }
    }

    #[test]
    fn in_a_plain_log_a_half_wrong_key_never_gives_plaintext() {
        let mut test = TestLog::new();
        test.append(2000);
        std::fs::write(test.file("audit.log"), &test.active.log).unwrap();
        let mut text = test.key.to_text().to_string().into_bytes();
        text[40] = if text[40] == b'A' { b'B' } else { b'A' };
        let wrong = Key::from_text(std::str::from_utf8(&text).unwrap()).unwrap();
        let records = read(&test.open(), &Keyring::new(wrong));
        assert_eq!(records.len(), 2000);
        assert!(records.iter().all(Result::is_err));
    }

    #[test]
    fn behind_a_removed_line_records_are_misplaced_once_and_then_follow_on() {
        let mut test = TestLog::new();
        test.append(4);
        let cut = test.active.log.iter().position(|&b| b == b'\n').unwrap() + 1;
        test.active.log.drain(..cut);
        let orders: Vec<_> =
            read(&test.write(), &test.ring()).into_iter().map(|r| r.unwrap().1).collect();
        assert_eq!(orders, [Order::Misplaced(2), Order::Shifted(3), Order::Shifted(4)]);
    }

    #[test]
    fn a_changed_line_is_not_authentic_and_its_neighbours_open() {
        let mut test = TestLog::new();
        test.append(3);
        let second = test.active.log.len() / 3 + 40;
        test.active.log[second] = if test.active.log[second] == b'A' { b'B' } else { b'A' };
        let records = read(&test.write(), &test.ring());
        assert!(records[0].is_ok() && records[2].is_ok());
        assert_eq!(records[1], Err(Failure::NotAuthentic { key: Some(test.key.id()) }));
    }
}
