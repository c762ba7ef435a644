//! Names and order of the files of a log (docs/format.md, section 1).

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

/// Which segment a file name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentName {
    /// A closed segment and its number.
    Closed(u64),
    /// The one that is written.
    Active,
}

/// The path of a log: that of its active segment, from which all other names follow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogPath {
    folder: PathBuf,
    name: String,
}

impl LogPath {
    /// Takes the path of the active segment, `audit.log`; none if it has no UTF-8 file name.
    #[must_use]
    pub fn new(active: &Path) -> Option<Self> {
        let name = active.file_name()?.to_str()?.to_owned();
        let folder = match active.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Some(Self { folder, name })
    }

    /// Recognises any file of a log (`audit.000007.log`, `audit.000007.log.zst`,
    /// `audit.log.chain`, ...) and gives the path of its log.
    #[must_use]
    pub fn of_file(path: &Path) -> Option<Self> {
        let log = Self::new(path)?;
        let name = log.name.as_str();
        // Only a closed segment is ever compressed: `audit.log.zst` is a name of its own.
        let active = match name.strip_suffix(COMPRESSED).and_then(active_of) {
            Some(active) => active,
            None => {
                let side = SIDE_FILES.iter().find_map(|side| name.strip_suffix(side));
                let name = side.unwrap_or(name);
                active_of(name).unwrap_or_else(|| name.to_owned())
            }
        };
        Some(Self { name: active, ..log })
    }

    /// The folder that holds the log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Path of the segment `name`.
    #[must_use]
    pub fn segment(&self, name: SegmentName) -> PathBuf {
        self.folder.join(self.file_name(name))
    }

    /// Path of the active segment.
    #[must_use]
    pub fn active(&self) -> PathBuf {
        self.segment(SegmentName::Active)
    }

    /// Path of a file beside the segment `name`; `kind` is `chain`, `hashes`, or `zst` for a closed
    /// segment that is compressed.
    #[must_use]
    pub fn beside(&self, name: SegmentName, kind: &str) -> PathBuf {
        self.folder.join(format!("{}.{kind}", self.file_name(name)))
    }

    /// Reads a file name of the folder: the lines of which segment of this log does it hold, as
    /// they are or compressed, if any?
    #[must_use]
    pub fn parse(&self, file: &OsStr) -> Option<SegmentName> {
        let file = file.to_str()?;
        let compressed = || self.parse_lines(file.strip_suffix(COMPRESSED)?);
        self.parse_lines(file).or_else(|| compressed().filter(|name| *name != SegmentName::Active))
    }

    fn parse_lines(&self, file: &str) -> Option<SegmentName> {
        if file == self.name {
            return Some(SegmentName::Active);
        }
        let (stem, extension) = split(&self.name);
        let digits = file.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(extension)?;
        // A name that we would write ourselves and no other: `7` or `0000007` is not segment 7.
        let number: u64 = digits.parse().ok()?;
        (digits == format!("{number:06}")).then_some(SegmentName::Closed(number))
    }

    /// The segments among `files`, in the order of the log. A closed segment counts when one of
    /// its `.log`, `.log.zst` and `.chain` is there, so that a missing half is noticed.
    #[must_use]
    pub fn segments(&self, files: impl IntoIterator<Item = OsString>) -> Vec<SegmentName> {
        let mut found: Vec<_> = files
            .into_iter()
            .filter_map(|file| match file.to_str()?.strip_suffix(".chain") {
                Some(lines) => self.parse_lines(lines),
                None => self.parse(&file),
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn file_name(&self, name: SegmentName) -> String {
        match name {
            SegmentName::Active => self.name.clone(),
            SegmentName::Closed(number) => {
                let (stem, extension) = split(&self.name);
                format!("{stem}.{number:06}{extension}")
            }
        }
    }
}

impl fmt::Display for LogPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.active().display().fmt(f)
    }
}

/// Files beside a segment.
const SIDE_FILES: [&str; 4] = [".chain", ".hashes", ".signer", ".lock"];

/// What the name of a compressed segment has at its end.
const COMPRESSED: &str = ".zst";

/// The name of the log that has a closed segment of this name.
fn active_of(closed: &str) -> Option<String> {
    let number_in = |text: &str| text.strip_prefix('.').is_some_and(is_number);
    let (stem, extension) = split(closed);
    let (base, digits) = split(stem);
    if number_in(digits) {
        Some(format!("{base}{extension}"))
    } else {
        number_in(extension).then(|| stem.to_owned())
    }
}

/// Splits before the last extension: `audit.log` is `audit` and `.log`.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    }
}

fn is_number(digits: &str) -> bool {
    digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(path: &str) -> LogPath {
        LogPath::new(Path::new(path)).unwrap()
    }

    #[test]
    fn the_number_goes_before_the_last_extension() {
        for (active, closed) in [
            ("audit.log", "audit.000007.log"),
            ("a.b.log", "a.b.000007.log"),
            ("audit", "audit.000007"),
            (".hidden", ".hidden.000007"),
        ] {
            assert_eq!(log(active).file_name(SegmentName::Closed(7)), closed);
            assert_eq!(log(active).parse(OsStr::new(closed)), Some(SegmentName::Closed(7)));
            assert_eq!(log(active).parse(OsStr::new(active)), Some(SegmentName::Active));
        }
    }

    #[test]
    fn a_compressed_segment_is_the_same_segment() {
        let seven = Some(SegmentName::Closed(7));
        assert_eq!(log("audit.log").parse(OsStr::new("audit.000007.log.zst")), seven);
        assert_eq!(log("audit").parse(OsStr::new("audit.000007.zst")), seven);
        let files = ["audit.000007.log.zst", "audit.000007.log", "audit.000008.log.zst"];
        assert_eq!(
            log("audit.log").segments(files.map(OsString::from)),
            [SegmentName::Closed(7), SegmentName::Closed(8)]
        );
        let zst = log("d/audit.log").beside(SegmentName::Closed(7), "zst");
        assert_eq!(zst, Path::new("d/audit.000007.log.zst"));
        assert_eq!(LogPath::of_file(&zst), Some(log("d/audit.log")));
        // A log that somebody compressed as a whole is another file.
        assert_eq!(LogPath::of_file(Path::new("audit.log.zst")), Some(log("audit.log.zst")));
    }

    #[test]
    fn only_names_that_we_would_write_are_segments() {
        for name in [
            "audit.7.log",
            "audit.0000007.log",
            "audit.+00007.log",
            "audit.000007.log.chain",
            "audit.log.zst",
            "audit.000007.log.zst.new",
            "audit.000007.log.zst.zst",
            "audit-2.000007.log",
            "audit.log.1",
            "audits.log",
            "audit..log",
        ] {
            assert_eq!(log("audit.log").parse(OsStr::new(name)), None, "{name}");
        }
        assert_eq!(
            log("audit.log").parse(OsStr::new("audit.1234567.log")),
            Some(SegmentName::Closed(1_234_567))
        );
    }

    #[test]
    fn segments_come_in_the_order_of_the_log() {
        let files = [
            "audit.log",
            "audit.000010.log",
            "audit.000009.log.chain",
            "audit.000008.log.zst.chain",
            "x",
            "audit.000010.log.chain",
        ];
        assert_eq!(
            log("d/audit.log").segments(files.map(OsString::from)),
            [SegmentName::Closed(9), SegmentName::Closed(10), SegmentName::Active]
        );
    }

    #[test]
    fn any_file_of_a_log_leads_to_it() {
        for file in
            ["d/audit.log", "d/audit.000007.log", "d/audit.000007.log.chain", "d/audit.log.signer"]
        {
            assert_eq!(LogPath::of_file(Path::new(file)), Some(log("d/audit.log")), "{file}");
        }
        assert_eq!(LogPath::of_file(Path::new("audit.000007")), Some(log("audit")));
        assert_eq!(LogPath::of_file(Path::new("2026.log")), Some(log("2026.log")));
    }
}
