//! Looking at the lines of a segment one by one: form, clear time, content, leaf hash. What is
//! found stays *pending* until a known root confirms the stretch or explains what happened to it.

use std::path::Path;

use crate::crypto::TokenShape;
use crate::format::{Frontier, Hash, Place, Scan, leaf};
use crate::read::report::{Finding, FindingId, Findings, Severity};
use crate::read::verify::content::{Content, Spot, Watch};

/// A clock may be set back this much unnoticed (seconds).
const BACKWARDS: u64 = 1;
/// What a record's time may differ from the time of its segment (seconds).
const FAR: u64 = 86_400;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Counts over the lines so far; restored when a stretch is read again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub lines: u64,
    pub records: u64,
    pub first_time: Option<u64>,
    pub last_time: Option<u64>,
    /// The earliest and latest time since the last stop.
    pub span: Option<(u64, u64)>,
    /// The first record whose time runs backwards or is far off, and how many there are.
    backwards: Option<(Spot, &'static str)>,
    backwards_count: u64,
    /// Lines that are tokens but for white space around them.
    marked: Findings,
    marked_count: u64,
    has_bom: bool,
    pub is_utf16: bool,
}

/// A point to which reading can go back.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub tree: Frontier,
    pub place: Place,
    tally: Tally,
    watch: Option<Watch>,
}

/// Looks at the lines of one segment.
pub(crate) struct Sight<'a> {
    file: &'a Path,
    pub tree: Frontier,
    pub tally: Tally,
    pub content: Option<Content>,
    pub pending: Findings,
    /// Index of the first line, where there is no tree.
    pub shift: u64,
    /// Earliest and latest time that a record may have without a warning.
    times: (u64, u64),
}

impl<'a> Sight<'a> {
    pub(crate) fn new(file: &'a Path, tree: Frontier, most: usize) -> Self {
        let tally = Tally { marked: Findings::new(most), ..Tally::default() };
        let pending = Findings::new(most);
        Self { file, tree, tally, content: None, pending, shift: 0, times: (0, u64::MAX) }
    }

    /// The segment was written between these two times, as its headers say.
    pub(crate) fn expect_times(&mut self, from: u64, to: Option<u64>) {
        self.times = (from.saturating_sub(FAR), to.map_or(u64::MAX, |to| to.saturating_add(FAR)));
    }

    /// Looks at the next line as the next entry.
    pub(crate) fn line(&mut self, place: Place, scan: Scan<'_>) {
        let index = self.tree.size() + self.shift;
        self.tally.lines += 1;
        let hash = match scan {
            Scan::Line(line) => match readable(line, place) {
                Some((token, time)) => {
                    let spot = Spot { place, index, time: Some(time) };
                    self.token(line, token, spot);
                    self.time(time, spot);
                    if let Some(content) = &mut self.content {
                        content.check(token, spot, self.file, &mut self.pending);
                    }
                    leaf(token)
                }
                None => {
                    self.no_token(line, place, index);
                    leaf(line)
                }
            },
            Scan::Long(length) => {
                self.long(length, place, index);
                leaf(b"")
            }
            Scan::Tail(..) => return,
        };
        self.tree.push(hash);
    }

    /// A line that is not an entry in its place: counted, form checked, content not.
    /// Gives its time if it is a token.
    pub(crate) fn stray(&mut self, place: Place, scan: Scan<'_>) -> Option<u64> {
        self.tally.lines += 1;
        let index = self.tree.size() + self.shift;
        match scan {
            Scan::Line(line) => match readable(line, place) {
                Some((token, time)) => {
                    let spot = Spot { place, index, time: Some(time) };
                    self.token(line, token, spot);
                    return Some(time);
                }
                None => self.no_token(line, place, index),
            },
            Scan::Long(length) => self.long(length, place, index),
            Scan::Tail(..) => {}
        }
        None
    }

    fn token(&mut self, line: &[u8], token: &[u8], spot: Spot) {
        let tally = &mut self.tally;
        tally.records += 1;
        if token.len() != line.len() {
            tally.has_bom |= line.starts_with(BOM);
            tally.marked_count += 1;
            let message = "white space or a byte order mark stands around the token".to_owned();
            tally.marked.push(spot.finding(FindingId::NotAToken, self.file, message));
        }
    }

    /// The clear time of a record that stands in its place.
    fn time(&mut self, time: u64, spot: Spot) {
        let tally = &mut self.tally;
        tally.first_time.get_or_insert(time);
        let wrong = match tally.last_time.replace(time) {
            Some(before) if time.saturating_add(BACKWARDS) < before => {
                Some("is earlier than that of the record before")
            }
            _ if time < self.times.0 => Some("lies far before the beginning of its segment"),
            _ if time > self.times.1 => Some("lies far behind the end of its segment"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            tally.backwards.get_or_insert((spot, wrong));
            tally.backwards_count += 1;
        }
        tally.span = match tally.span {
            None => Some((time, time)),
            Some((oldest, newest)) => Some((oldest.min(time), newest.max(time))),
        };
    }

    fn no_token(&mut self, line: &[u8], place: Place, index: u64) {
        if let Some(content) = &mut self.content {
            content.pass_over();
        }
        if place.line == 1 && (line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff")) {
            self.tally.is_utf16 = true;
        }
        if self.tally.is_utf16 {
            return;
        }
        if !self.pending.has_room(Severity::Error) {
            self.pending.count(FindingId::NotAToken, Severity::Error, 1);
            return;
        }
        let message = if line.is_empty() {
            "the line is empty"
        } else if line.contains(&0) {
            "the line holds NUL bytes"
        } else {
            "the line is no token in canonical form"
        };
        let spot = Spot { place, index, time: None };
        self.pending.push(spot.finding(FindingId::NotAToken, self.file, message.to_owned()));
    }

    fn long(&mut self, length: u64, place: Place, index: u64) {
        if let Some(content) = &mut self.content {
            content.pass_over();
        }
        let message = format!("the line has {length} bytes, more than any line of a log");
        let spot = Spot { place, index, time: None };
        self.pending.push(spot.finding(FindingId::NotAToken, self.file, message));
    }

    /// Remembers this point, at which everything before was confirmed.
    pub(crate) fn mark(&self, place: Place) -> Mark {
        Mark {
            tree: self.tree.clone(),
            place,
            tally: self.tally.clone(),
            watch: self.content.as_ref().map(|content| content.watch.clone()),
        }
    }

    /// Goes back to `mark` and forgets what was found since.
    pub(crate) fn go_back(&mut self, mark: &Mark) {
        self.tree = mark.tree.clone();
        self.tally = mark.tally.clone();
        self.pending = Findings::new(self.pending.limit());
        if let (Some(content), Some(watch)) = (&mut self.content, &mark.watch) {
            content.watch = watch.clone();
        }
    }

    /// Takes the findings of a stretch that is settled.
    pub(crate) fn settle(&mut self) -> Findings {
        if let Some(content) = &mut self.content {
            content.watch.settle(self.file, &mut self.pending);
        }
        let empty = Findings::new(self.pending.limit());
        std::mem::replace(&mut self.pending, empty)
    }

    /// The lines end: what can only be said about the file as a whole.
    pub(crate) fn finish(&mut self, found: &mut Findings) {
        found.absorb(self.settle());
        let tally = &mut self.tally;
        if let Some((spot, wrong)) = tally.backwards.take() {
            let count = tally.backwards_count;
            let message = match count {
                1 => format!("the time of this record {wrong}"),
                _ => format!("the time of this record {wrong}; {count} records in all"),
            };
            found.push(spot.finding(FindingId::TimeBackwards, self.file, message));
        }
        let whole = if tally.is_utf16 {
            Some("the file is UTF-16")
        } else if tally.marked_count > 0 && tally.marked_count == tally.lines {
            Some("every line has white space around it, as CRLF line ends leave it")
        } else if tally.has_bom {
            Some("the file begins with a byte order mark")
        } else {
            None
        };
        let marked = std::mem::take(&mut tally.marked);
        match whole {
            Some(message) => {
                let place = Place { line: 1, byte: 0 };
                found.push(Finding::new(FindingId::SavedAsText, self.file, message).at(place));
                // A mark at the beginning does not explain single lines elsewhere.
                if tally.marked_count > 1 && tally.marked_count < tally.lines {
                    found.absorb(marked);
                }
            }
            None => found.absorb(marked),
        }
    }

    /// Whether lines had to be read with more tolerance than the format has.
    pub(crate) fn is_marked(&self) -> bool {
        self.tally.marked_count > 0 || self.tally.is_utf16
    }
}

/// The hash of the entry that `scan` is; that of a line too long to keep fits nothing.
pub(crate) fn entry_hash(place: Place, scan: Scan<'_>) -> Hash {
    match scan {
        Scan::Line(line) => leaf(readable(line, place).map_or(line, |(token, _)| token)),
        Scan::Long(_) | Scan::Tail(..) => leaf(b""),
    }
}

/// The time of the token that `scan` is, if it is one.
pub(crate) fn token_time(place: Place, scan: Scan<'_>) -> Option<u64> {
    let Scan::Line(line) = scan else { return None };
    readable(line, place).map(|(_, time)| time)
}

/// The token in a line, exact or with the marks of editors around it, and its time.
fn readable(line: &[u8], place: Place) -> Option<(&[u8], u64)> {
    if let Ok(shape) = TokenShape::of(line) {
        return Some((line, shape.time));
    }
    let without_bom = if place.line == 1 { line.strip_prefix(BOM) } else { None };
    let token = without_bom.unwrap_or(line).trim_ascii();
    let time = TokenShape::of(token).ok()?.time;
    Some((token, time))
}
