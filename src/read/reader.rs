//! Lines in order with their place, over any stretch of a log, in bounded memory.

use std::ops::Range;
use std::path::Path;

use crate::crypto::TokenShape;
use crate::error::{Error, Result};
use crate::format::{Lines, MAX_LINE, Place, Scan};
use crate::read::files::Source;
use crate::read::log::{Log, Segment};
use crate::read::zst::apart;

/// One line of a log, or what stands in its place.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The segment: its place in [`Log::segments`].
    pub segment: usize,
    /// The file.
    pub file: &'a Path,
    /// Line number and offset in the file.
    pub place: Place,
    /// Index of the entry in the log; in a plain log, number of the line in the whole log from 0.
    /// None when the header that would say where the segment begins cannot be read.
    pub index: Option<u64>,
    /// What stands there.
    pub content: Content<'a>,
}

/// What stands at a place of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A token in canonical form; whether it is authentic, a key tells.
    Token {
        /// The line without its LF.
        line: &'a [u8],
        /// The clear time, in seconds since 1970.
        time: u64,
    },
    /// No token.
    Damage(Damage),
}

/// What stands where a token should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// A whole line that is no canonical token.
    NotAToken,
    /// A line of so many bytes, which is over the cap.
    Long(u64),
    /// So many bytes after the last LF of a file. They are no entry.
    Tail(u64),
    /// The file of the lines is missing.
    NoFile,
    /// The compressed file of the lines is damaged: from here on nothing in it can be read. It is
    /// no entry.
    Broken,
}

/// Where a reader stands, to go on from later, also when the log has rolled meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Number of the segment.
    pub segment: u64,
    /// The next line in it.
    pub place: Place,
    /// Index of the next line.
    pub index: Option<u64>,
}

/// Reads the lines of a log in order.
#[derive(Debug)]
pub struct Reader<'l> {
    log: &'l Log,
    /// The next segment to open, and the one not to open any more.
    next: usize,
    end: usize,
    open: Option<Open<'l>>,
    /// Index of the next line.
    index: Option<u64>,
    /// Number of the segment that was read last and the place behind its last whole line.
    at: (u64, Place),
    /// The line that was read last: `Lines` cannot lend through the search for the next segment.
    line: Vec<u8>,
}

#[derive(Debug)]
struct Open<'l> {
    at: usize,
    segment: &'l Segment,
    lines: Lines<Source>,
}

/// What [`Reader::advance`] met; the bytes of a token are in `Reader::line`.
struct Found<'l> {
    at: usize,
    segment: &'l Segment,
    place: Place,
    index: Option<u64>,
    content: Result<u64, Damage>,
}

const START: Place = Place { line: 1, byte: 0 };

impl Log {
    /// Reads all lines. Segments whose lines were pruned are passed over.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        let number = self.segments().first().map_or(0, Segment::number);
        Reader {
            log: self,
            next: 0,
            end: self.segments().len(),
            open: None,
            // In a log with a chain, entry 0 is the first header and the first line is 1; that is
            // seen to when the segment is opened.
            index: Some(0),
            at: (number, START),
            line: Vec::new(),
        }
    }

    /// Reads the lines of the segments `range`, counted as in [`Log::segments`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: in a plain log the lines before the range must be counted.
    pub fn reader_over(&self, range: Range<usize>) -> Result<Reader<'_>> {
        let mut reader = self.reader();
        reader.next = range.start.min(reader.end);
        reader.end = range.end.clamp(reader.next, reader.end);
        if reader.next > 0 {
            reader.index =
                if self.is_plain() { Some(self.count_before(range.start)?) } else { None };
        }
        if let Some(segment) = self.segments().get(reader.next) {
            reader.at.0 = segment.number();
        }
        Ok(reader)
    }

    /// Reads on from `position`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Refused`].
    pub fn reader_from(&self, position: Position) -> Result<Reader<'_>> {
        let behind = |segment: &Segment| segment.number() >= position.segment;
        let mut reader = self.reader();
        reader.next = self.segments().iter().position(behind).unwrap_or(reader.end);
        reader.at = (position.segment, position.place);
        if self.segments().get(reader.next).is_some_and(|s| s.number() == position.segment) {
            reader.open_next(position.place)?;
        }
        reader.index = position.index;
        Ok(reader)
    }

    /// Lines in the segments before `segment`.
    fn count_before(&self, segment: usize) -> Result<u64> {
        let mut count = 0;
        for segment in self.segments().iter().take(segment) {
            let Some(source) = segment.open()? else { continue };
            let mut lines = Lines::new(source, MAX_LINE);
            let failed = |error| Error::io("read", segment.path())(error);
            while let Ok(Some((_, scan))) = apart(lines.next_line()).map_err(failed)? {
                count += u64::from(!matches!(scan, Scan::Tail(..)));
            }
        }
        Ok(count)
    }
}

impl<'l> Reader<'l> {
    /// Gives the next line, or nothing at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Refused`]; damage in the log is no error.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>> {
        let Some(found) = self.advance()? else { return Ok(None) };
        let content = match found.content {
            Ok(time) => Content::Token { line: &self.line, time },
            Err(damage) => Content::Damage(damage),
        };
        Ok(Some(Line {
            segment: found.at,
            file: found.segment.path(),
            place: found.place,
            index: found.index,
            content,
        }))
    }

    /// Where the next whole line will stand: what is behind the last LF may still become one.
    #[must_use]
    pub fn position(&self) -> Position {
        let (segment, place) = self.at;
        Position { segment, place, index: self.index }
    }

    fn advance(&mut self) -> Result<Option<Found<'l>>> {
        loop {
            if let Some(open) = &mut self.open {
                let (at, segment) = (open.at, open.segment);
                let before = open.lines.place();
                let next = apart(open.lines.next_line());
                let Ok(next) = next.map_err(Error::io("read", segment.path()))? else {
                    self.open = None;
                    self.index = None;
                    let content = Err(Damage::Broken);
                    return Ok(Some(Found { at, segment, place: before, index: None, content }));
                };
                if let Some((place, scan)) = next {
                    let content = match scan {
                        Scan::Line(line) => {
                            self.line.clear();
                            self.line.extend_from_slice(line);
                            TokenShape::of(line).map(|s| s.time).map_err(|_| Damage::NotAToken)
                        }
                        Scan::Long(length) => Err(Damage::Long(length)),
                        Scan::Tail(_, length) => Err(Damage::Tail(length)),
                    };
                    let is_entry = !matches!(content, Err(Damage::Tail(_)));
                    let index = self.index.filter(|_| is_entry);
                    if is_entry {
                        self.index = self.index.map(|index| index.saturating_add(1));
                        self.at = (segment.number(), open.lines.place());
                    }
                    return Ok(Some(Found { at, segment, place, index, content }));
                }
                self.open = None;
            }
            if self.next >= self.end {
                return Ok(None);
            }
            if let Some(missing) = self.open_next(START)? {
                return Ok(Some(missing));
            }
        }
    }

    /// Opens the next segment at `place`; gives what to report when its file is missing.
    fn open_next(&mut self, place: Place) -> Result<Option<Found<'l>>> {
        let log: &'l Log = self.log;
        let at = self.next;
        let Some(segment) = log.segments().get(at) else { return Ok(None) };
        self.next += 1;
        let before = at.checked_sub(1).and_then(|before| log.segments().get(before));
        let follows = segment.number() == before.map_or(0, |b| b.number().saturating_add(1));
        self.index = match segment.first() {
            Some(first) => Some(first.saturating_add(1)),
            None if log.is_plain() => self.index,
            // The header takes an index too.
            None if follows => self.index.map(|index| index.saturating_add(1)),
            None => None,
        };
        self.at = (segment.number(), place);
        match segment.open()? {
            Some(source) => {
                let lines = Lines::at(source.from(place.byte), MAX_LINE, place);
                self.open = Some(Open { at, segment, lines });
                Ok(None)
            }
            None if segment.is_half_rolled() => Ok(None),
            None if segment.is_pruned() || log.has_pruned(segment) => {
                self.index = None;
                Ok(None)
            }
            None => {
                self.index = None;
                let content = Err(Damage::NoFile);
                Ok(Some(Found { at, segment, place: START, index: None, content }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testlog::TestLog;

    fn places(mut reader: Reader<'_>) -> Vec<(usize, u64, Option<u64>)> {
        let mut found = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            found.push((line.segment, line.place.line, line.index));
        }
        found
    }

    #[test]
    fn lines_have_their_index_in_the_whole_log() {
        let test = TestLog::sample();
        let log = test.write();
        let all = places(log.reader());
        assert_eq!(all.len(), 18);
        assert_eq!(all[0], (0, 1, Some(1)));
        assert_eq!(all[6], (1, 1, Some(8)));
        assert_eq!(all[17], (2, 5, Some(20)));
        assert_eq!(places(log.reader_over(1..2).unwrap()), all[6..13]);
    }

    #[test]
    fn in_a_plain_log_the_index_counts_lines_from_zero() {
        let test = TestLog::sample();
        test.write();
        for name in ["audit.000000.log.chain", "audit.000001.log.chain", "audit.log.chain"] {
            std::fs::remove_file(test.file(name)).unwrap();
        }
        let log = test.open();
        assert!(log.is_plain());
        assert_eq!(places(log.reader())[17], (2, 5, Some(17)));
        assert_eq!(places(log.reader_over(2..3).unwrap())[0], (2, 1, Some(13)));
    }

    #[test]
    fn damage_has_its_place_and_takes_an_index() {
        let mut test = TestLog::new();
        test.append(1);
        test.active.log.extend_from_slice(b"\n\r\ncut");
        let log = test.write();
        let mut reader = log.reader();
        let mut next = || {
            let line = reader.next_line().unwrap()?;
            let damage = match line.content {
                Content::Damage(damage) => Some(damage),
                Content::Token { .. } => None,
            };
            Some((line.place.line, line.index, damage))
        };
        assert_eq!(next(), Some((1, Some(1), None)));
        assert_eq!(next(), Some((2, Some(2), Some(Damage::NotAToken))));
        assert_eq!(next(), Some((3, Some(3), Some(Damage::NotAToken))));
        assert_eq!(next(), Some((4, None, Some(Damage::Tail(3)))));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped_across_a_roll() {
        let mut test = TestLog::new();
        test.append(2);
        let log = test.write();
        let mut reader = log.reader();
        while reader.next_line().unwrap().is_some() {}
        let position = reader.position();
        test.append(1);
        test.roll();
        test.append(1);
        let later = test.write();
        let rest = places(later.reader_from(position).unwrap());
        assert_eq!(rest, [(0, 3, Some(3)), (1, 1, Some(5))]);
    }

    #[test]
    fn a_missing_file_is_said_once() {
        let test = TestLog::sample();
        test.write();
        std::fs::remove_file(test.file("audit.000001.log")).unwrap();
        let log = test.open();
        let mut reader = log.reader_over(1..2).unwrap();
        let content = reader.next_line().unwrap().unwrap().content;
        assert_eq!(content, Content::Damage(Damage::NoFile));
        assert!(reader.next_line().unwrap().is_none());
    }

    #[test]
    fn what_is_written_after_the_log_was_opened_is_not_read() {
        let mut test = TestLog::new();
        test.append(2);
        let log = test.write();
        test.append(1);
        test.roll();
        test.write();
        assert_eq!(places(log.reader()).len(), 2);
    }
}
