//! Where lines come from: a log in files, or standard input.

use std::io;
use std::path::Path;

use fernlog::Error;
use fernlog::format::{self, LogPath, MAX_LINE, Scan};
use fernlog::read::{Content, Damage, Line, Log, Position, Reader};

use crate::failure::Failure;
use crate::index::IndexRange;

/// Lines on their way in.
#[derive(Debug)]
pub(crate) enum Lines<'l> {
    /// Those of a log.
    Log(&'l Log, Reader<'l>),
    /// Those of standard input: a plain log of one segment.
    Stdin(Stream),
}

/// Lines of a stream.
#[derive(Debug)]
pub(crate) struct Stream {
    lines: format::Lines<io::StdinLock<'static>>,
    index: u64,
}

impl<'l> Lines<'l> {
    /// All lines of a log.
    pub(crate) fn of(log: &'l Log) -> Self {
        Lines::Log(log, log.reader())
    }

    /// The lines of a log from a position on.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn from(log: &'l Log, position: Position) -> Result<Self, Failure> {
        Ok(Lines::Log(log, log.reader_from(position)?))
    }

    /// The lines of the segments that can hold indexes of the range.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn within(log: &'l Log, range: IndexRange) -> Result<Self, Failure> {
        let segments = log.segments();
        // Where a header could not be read, nothing is passed over.
        let known = segments.iter().all(|segment| segment.first().is_some());
        let before = |limit: u64| segments.partition_point(|s| s.first() <= Some(limit));
        if !known || range == IndexRange::ALL {
            return Ok(Lines::of(log));
        }
        let first = before(range.start).saturating_sub(1);
        let end = range.end.map_or(segments.len(), before);
        Ok(Lines::Log(log, log.reader_over(first..end.max(first))?))
    }

    /// The lines of standard input.
    pub(crate) fn stdin() -> Self {
        let lines = format::Lines::new(io::stdin().lock(), MAX_LINE);
        Lines::Stdin(Stream { lines, index: 0 })
    }

    /// Where the next whole line of a log will stand.
    pub(crate) fn position(&self) -> Option<Position> {
        match self {
            Lines::Log(_, reader) => Some(reader.position()),
            Lines::Stdin(_) => None,
        }
    }

    /// The log, if there is one.
    pub(crate) fn log(&self) -> Option<&'l Log> {
        match self {
            Lines::Log(log, _) => Some(log),
            Lines::Stdin(_) => None,
        }
    }

    /// The next line, or nothing at the end.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>, Failure> {
        match self {
            Lines::Log(_, reader) => Ok(reader.next_line()?),
            Lines::Stdin(stream) => stream.next(),
        }
    }
}

impl Stream {
    fn next(&mut self) -> Result<Option<Line<'_>>, Failure> {
        let index = self.index;
        let next = self.lines.next_line().map_err(|e| Failure::file(Path::new("-"), &e))?;
        let Some((place, scan)) = next else { return Ok(None) };
        let content = match scan {
            Scan::Line(line) => match fernlog::crypto::TokenShape::of(line) {
                Ok(shape) => Content::Token { line, time: shape.time },
                Err(_) => Content::Damage(Damage::NotAToken),
            },
            Scan::Long(length) => Content::Damage(Damage::Long(length)),
            Scan::Tail(_, length) => Content::Damage(Damage::Tail(length)),
        };
        let is_entry = !matches!(content, Content::Damage(Damage::Tail(_)));
        self.index += u64::from(is_entry);
        let index = is_entry.then_some(index);
        Ok(Some(Line { segment: 0, file: Path::new("-"), place, index, content }))
    }
}

/// Opens a log, and refuses what is none: no chain, and no token among its first lines.
///
/// # Errors
///
/// The files cannot be read; the path is no log.
pub(crate) fn open(path: &LogPath) -> Result<Log, Failure> {
    /// A damaged log has a token soon; in another file we do not look for long.
    const LINES: usize = 1000;
    let log = Log::open(path)?;
    if !log.is_plain() {
        return Ok(log);
    }
    let mut reader = log.reader();
    for number in 0..LINES {
        match reader.next_line()?.map(|line| line.content) {
            None if number == 0 => return Ok(log),
            Some(Content::Token { .. } | Content::Damage(Damage::Tail(_))) if number == 0 => {
                return Ok(log);
            }
            Some(Content::Token { .. }) => return Ok(log),
            Some(Content::Damage(_)) => {}
            None => break,
        }
    }
    let why = "it has no chain, and no line of it is a token";
    Err(Error::NotALog { path: path.active(), why }.into())
}
