//! Which files of which closed segments are there, and what their headers say.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use crate::format::{ChainReader, Event, Header, LogPath, SegmentName, UnixTime};
use crate::write::file::Disk;
use crate::write::keep::ClosedSegment;

/// The files of a closed segment beside its `.chain`, in the order in which they are deleted: as
/// long as anything is left the lines are, so that nobody takes the rest for rubbish.
pub(super) const KINDS: [Kind; 4] = [Kind::Unfinished, Kind::Hashes, Kind::Compressed, Kind::Lines];

/// What a file of a closed segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `.log.zst.new`: a compression that did not come to its end.
    Unfinished,
    Hashes,
    Compressed,
    Lines,
}

impl Kind {
    pub(super) fn path(self, log: &LogPath, number: u64) -> PathBuf {
        let segment = SegmentName::Closed(number);
        match self {
            Self::Lines => log.segment(segment),
            _ => log.beside(segment, self.ending().trim_start_matches('.')),
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Unfinished => ".zst.new",
            Self::Hashes => ".hashes",
            Self::Compressed => ".zst",
            Self::Lines => "",
        }
    }
}

/// The files of each closed segment that has any beside its `.chain`. Only names that a writer
/// would write count.
pub(super) fn files(disk: &dyn Disk, log: &LogPath) -> io::Result<BTreeMap<u64, BTreeSet<Kind>>> {
    let mut found: BTreeMap<u64, BTreeSet<Kind>> = BTreeMap::new();
    for file in disk.list(log.folder())? {
        let Some(file) = file.to_str() else { continue };
        for kind in KINDS {
            let Some(name) = file.strip_suffix(kind.ending()) else { continue };
            if let Some(SegmentName::Closed(number)) = log.parse(OsStr::new(name)) {
                found.entry(number).or_default().insert(kind);
                break;
            }
        }
    }
    Ok(found)
}

/// The header of a segment, if it can be read and is that of this segment.
pub(super) fn header(disk: &dyn Disk, log: &LogPath, number: u64) -> Option<Header> {
    let path = log.beside(SegmentName::Closed(number), "chain");
    let file = disk.read(&path).ok()??;
    let (_, header) = ChainReader::new(file).header().ok()?;
    header.ok().filter(|header| header.segment == number)
}

/// What the headers say that have been read; each is read once.
#[derive(Debug, Default)]
pub(super) struct Headers {
    read: BTreeMap<u64, Option<Facts>>,
}

#[derive(Clone, Debug)]
struct Facts {
    began: UnixTime,
    pruned: Vec<(u64, u64)>,
}

impl Headers {
    pub(super) fn insert(&mut self, header: &Header) {
        self.read.insert(header.segment, Some(Facts::of(header)));
    }

    fn get(&mut self, disk: &dyn Disk, log: &LogPath, number: u64) -> Option<&Facts> {
        let read = || header(disk, log, number).as_ref().map(Facts::of);
        self.read.entry(number).or_insert_with(read).as_ref()
    }

    /// The segments below `active` that a header calls pruned and that have files all the same.
    pub(super) fn announced(
        &mut self,
        disk: &dyn Disk,
        log: &LogPath,
        active: u64,
    ) -> BTreeSet<u64> {
        let Ok(files) = files(disk, log) else { return BTreeSet::new() };
        // A header speaks of segments before it, so those before the oldest one are not asked.
        let Some(oldest) = files.keys().next().copied() else { return BTreeSet::new() };
        let mut announced = BTreeSet::new();
        for number in oldest..=active {
            let Some(facts) = self.get(disk, log, number) else { continue };
            for &(first, last) in &facts.pruned {
                // Not by number but by file: a range may be as large as it likes.
                let before = files.range(first..=last).map(|(number, _)| *number);
                announced.extend(before.take_while(|before| *before < number));
            }
        }
        announced
    }

    /// The closed segments below `active` that have lines and are not announced as pruned, in
    /// their order; with their sizes only if those count, for there may be thousands.
    pub(super) fn closed(
        &mut self,
        disk: &dyn Disk,
        log: &LogPath,
        active: u64,
        announced: &BTreeSet<u64>,
        counts_bytes: bool,
    ) -> Vec<ClosedSegment> {
        let files = files(disk, log).unwrap_or_default();
        let mut closed = Vec::new();
        for (&number, kinds) in files.range(..active) {
            let lines = kinds.contains(&Kind::Lines) || kinds.contains(&Kind::Compressed);
            if !lines || announced.contains(&number) {
                continue;
            }
            // A compressed one beside the lines it was made of is about to replace them.
            let counted = kinds.iter().filter(|kind| match kind {
                Kind::Unfinished => false,
                Kind::Compressed => !kinds.contains(&Kind::Lines),
                Kind::Hashes | Kind::Lines => true,
            });
            let length = |kind: &Kind| disk.length(&kind.path(log, number)).ok().flatten();
            let bytes = if counts_bytes { counted.filter_map(length).sum() } else { 0 };
            let next = self.get(disk, log, number + 1).map(|facts| facts.began);
            closed.push(ClosedSegment { number, bytes, closed: next });
        }
        if let Some(oldest) = closed.first() {
            self.read = self.read.split_off(&oldest.number);
        }
        closed
    }
}

impl Facts {
    fn of(header: &Header) -> Self {
        let pruned = header.events.iter().filter_map(|event| match event {
            Event::Pruned(first, last) => Some((*first, *last)),
            _ => None,
        });
        Self { began: header.time, pruned: pruned.collect() }
    }
}
