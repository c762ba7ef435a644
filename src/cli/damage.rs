//! What could not be read, told place by place with the reason and never with the content.
//! Neighbours with the same reason are told together, for a log can be damaged a million times.

use std::path::{Path, PathBuf};

use fernlog::KeyId;
use fernlog::format::{HeaderError, Place, UnixTime};
use fernlog::read::Line;

use crate::escape;
use crate::exit::Exit;
use crate::index;
use crate::ui::Ui;

/// Why a place of a log was not read, or is doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The key of the segment did not seal the line.
    NotAuthentic(Option<KeyId>),
    /// A line that is no token.
    NotAToken,
    /// A line over the cap, with its length.
    TooLong(u64),
    /// Bytes after the last LF of the active segment.
    Torn(u64),
    /// Bytes after the last LF of a closed segment.
    BytesBehind(u64),
    /// The file of the lines is missing.
    NoFile,
    /// The compressed file of the lines cannot be read on.
    Broken,
    /// The chain file is missing and others are there.
    NoChain,
    /// The header cannot be read.
    Header(HeaderError),
    /// Segments are missing before this one.
    SegmentsMissing,
    /// The record says that it was written at another index.
    Misplaced(u64),
    /// No given key belongs to the segment; the id is the one that its header names.
    NoKey(Option<KeyId>, Vec<KeyId>),
}

impl Reason {
    fn exit(&self) -> Exit {
        match self {
            Reason::Torn(_) => Exit::Torn,
            Reason::NoKey(..) => Exit::NoKey,
            Reason::Header(HeaderError::Version) => Exit::NotALog,
            _ => Exit::Tampered,
        }
    }

    /// The sentence about one line or about several.
    fn sentence(&self, lines: u64) -> String {
        let this = if lines > 1 { format!("{lines} lines are") } else { "the line is".into() };
        match self {
            Reason::NotAuthentic(Some(key)) => format!("{this} not authentic under key {key}"),
            Reason::NotAuthentic(None) => format!("{this} not authentic"),
            Reason::NotAToken if lines > 1 => format!("{this} no tokens"),
            Reason::NotAToken => format!("{this} no token"),
            Reason::TooLong(length) => {
                format!("the line has {length} bytes, more than any line of a log")
            }
            Reason::Torn(bytes) => {
                format!("the last line is incomplete: {bytes} bytes without a line end")
            }
            Reason::BytesBehind(bytes) => {
                format!("{bytes} bytes follow the last line of a closed segment")
            }
            Reason::Broken => {
                "the compressed file is damaged: nothing of it can be read from here on".into()
            }
            Reason::NoFile => "the file of this segment is missing".into(),
            Reason::NoChain => "the chain of this segment is missing".into(),
            Reason::Header(error) => format!("{error}"),
            Reason::SegmentsMissing => "segments are missing before this one".into(),
            Reason::Misplaced(seq) => format!(
                "the record was written as {}: it was moved or repeated, or records before it \
                 are missing",
                index::show(*seq)
            ),
            Reason::NoKey(Some(wanted), given) => {
                format!("key {wanted} is needed from here on; given: {}", ids(given))
            }
            Reason::NoKey(None, given) => {
                format!("no given key opens {}; given: {}", lines_word(lines), ids(given))
            }
        }
    }
}

fn lines_word(lines: u64) -> String {
    if lines == 1 { "the line".into() } else { format!("any of {lines} lines") }
}

fn ids(ids: &[KeyId]) -> String {
    ids.iter().map(KeyId::to_string).collect::<Vec<_>>().join(" ")
}

/// Where something stands.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    file: PathBuf,
    place: Option<Place>,
    index: Option<u64>,
    time: Option<u64>,
}

impl Spot {
    /// A whole file.
    pub(crate) fn file(file: &Path) -> Self {
        Spot { file: file.to_owned(), place: None, index: None, time: None }
    }

    /// A line, with its clear time if it has one.
    pub(crate) fn line(line: &Line<'_>, time: Option<u64>) -> Self {
        Spot { place: Some(line.place), index: line.index, time, ..Spot::file(line.file) }
    }
}

/// Whether damage is told or only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Told.
    Loud,
    /// Counted: the place will be read again.
    Silent,
}

/// Collects what is damaged, tells it, and remembers the exit code that it asks for.
#[derive(Debug)]
pub(crate) struct Damages<'u> {
    ui: &'u Ui,
    voice: Voice,
    /// The last stretch, which may still grow: its first spot, its last line and index, its length.
    open: Option<Stretch>,
    /// Keys that are missing, which is told once: every further segment may need them too.
    wanted: Vec<KeyId>,
    exit: Exit,
    count: u64,
}

#[derive(Debug)]
struct Stretch {
    reason: Reason,
    first: Spot,
    last_line: u64,
    last_index: Option<u64>,
    lines: u64,
}

impl<'u> Damages<'u> {
    /// Nothing is damaged yet.
    pub(crate) fn new(ui: &'u Ui, voice: Voice) -> Self {
        Damages { ui, voice, open: None, wanted: Vec::new(), exit: Exit::Ok, count: 0 }
    }

    /// Adds a place, or `lines` of them that begin there.
    pub(crate) fn add(&mut self, spot: Spot, reason: Reason, lines: u64) {
        self.exit = self.exit.worst(reason.exit());
        self.count += lines;
        if let Reason::NoKey(Some(wanted), _) = reason {
            if self.wanted.contains(&wanted) {
                return;
            }
            self.wanted.push(wanted);
        }
        let line = spot.place.map_or(0, |place| place.line);
        if let Some(open) = &mut self.open
            && open.reason == reason
            && open.first.file == spot.file
            && line > 0
            && line == open.last_line.saturating_add(1)
            && !matches!(reason, Reason::Misplaced(_))
        {
            open.last_line = line;
            open.last_index = spot.index;
            open.lines += lines;
            return;
        }
        self.tell();
        let last_index = spot.index;
        self.open = Some(Stretch { reason, first: spot, last_line: line, last_index, lines });
    }

    /// Tells the last stretch: an authentic record follows it, or the end.
    pub(crate) fn tell(&mut self) {
        let Some(stretch) = self.open.take() else { return };
        if self.voice == Voice::Silent {
            return;
        }
        // What was read before stands before the message, also where both go to one terminal.
        let _ = self.ui.out().flush();
        self.ui.error(&stretch.to_text());
        if let Reason::NoKey(Some(wanted), _) = stretch.reason {
            self.ui.hint(&format!("fernlog keys find {wanted} DIR looks for its file"));
        }
    }

    /// The exit code that the damage asks for.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// How many places are damaged.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

impl Stretch {
    fn to_text(&self) -> String {
        let mut text = escape::path(&self.first.file).into_owned();
        if let Some(place) = self.first.place {
            text.push_str(&format!(":{}", place.line));
            if self.last_line > place.line {
                text.push_str(&format!("-{}", self.last_line));
            }
        }
        text.push_str(": ");
        match (self.first.index, self.last_index) {
            (Some(first), Some(last)) if last > first => {
                text.push_str(&format!("{} to {}, ", index::show(first), index::show(last)));
            }
            (Some(first), _) => text.push_str(&format!("{}, ", index::show(first))),
            _ => {}
        }
        if let Some(time) = self.first.time {
            text.push_str(&UnixTime::from_token(time).to_seconds_text());
        }
        let text = text.trim_end_matches([' ', ',', ':']);
        format!("{text}: {}", self.reason.sentence(self.lines))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::args::When;

    fn ui() -> Ui {
        Ui::plain(When::Never, Timestamp::UNIX_EPOCH)
    }

    fn spot(line: u64) -> Spot {
        Spot {
            place: Some(Place { line, byte: 0 }),
            index: Some(line + 1000),
            time: Some(line),
            ..Spot::file(Path::new("./a\x1b.log"))
        }
    }

    #[test]
    fn neighbours_with_one_reason_are_told_together() {
        let ui = ui();
        let mut damages = Damages::new(&ui, Voice::Silent);
        for line in 5..=7 {
            damages.add(spot(line), Reason::NotAToken, 1);
        }
        assert_eq!(
            damages.open.as_ref().unwrap().to_text(),
            "a\\x1b.log:5-7: #1,005 to #1,007, 1970-01-01T00:00:05Z: 3 lines are no tokens"
        );
        damages.add(spot(9), Reason::NotAToken, 1);
        assert_eq!(
            damages.open.as_ref().unwrap().to_text(),
            "a\\x1b.log:9: #1,009, 1970-01-01T00:00:09Z: the line is no token"
        );
        assert_eq!((damages.count(), damages.exit()), (4, Exit::Tampered));
    }

    #[test]
    fn a_file_alone_is_a_place() {
        let ui = ui();
        let mut damages = Damages::new(&ui, Voice::Silent);
        damages.add(Spot::file(Path::new("a.log")), Reason::NoFile, 1);
        assert_eq!(
            damages.open.as_ref().unwrap().to_text(),
            "a.log: the file of this segment is missing"
        );
    }

    #[test]
    fn each_reason_has_its_exit_code() {
        for (reason, code) in [
            (Reason::Torn(3), 11),
            (Reason::NoKey(None, vec![]), 12),
            (Reason::Header(HeaderError::Version), 14),
            (Reason::Header(HeaderError::Cut), 10),
            (Reason::BytesBehind(3), 10),
            (Reason::Misplaced(3), 10),
        ] {
            assert_eq!(reason.exit().code(), code, "{reason:?}");
        }
    }
}
