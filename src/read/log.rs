//! A log as it stood at one moment: its segments in order, and which files hold them.
//!
//! The files of the active segment stay open, so a writer that rolls meanwhile changes nothing for
//! the reader: the old files are still there under another name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::format::{ChainReader, Event, Header, HeaderError, LogPath, SegmentName};
use crate::read::files::{Source, file_names, is_still, with_suffix};

/// Times that the folder is read again while a writer moves files in it.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// Closed segments that are held open at most: retention deletes the oldest first, so that these
/// are the ones that may go away, and descriptors are few.
const MOST_HELD: usize = 64;

/// Which files stay open after the folder was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Active,
    /// Those of the oldest closed segments that have lines too.
    Oldest,
}

/// One segment and its files.
#[derive(Clone, Debug)]
pub struct Segment {
    name: SegmentName,
    number: u64,
    first: Option<u64>,
    path: PathBuf,
    /// Path of the lines when they are compressed.
    zst_path: PathBuf,
    chain_path: PathBuf,
    hashes_path: PathBuf,
    has_log: bool,
    has_chain: bool,
    compressed: bool,
    pruned: bool,
    half_rolled: bool,
    /// The files of the active segment, and of the oldest ones where retention must not come in
    /// between, open since the log was looked at.
    held: Option<Held>,
}

#[derive(Clone, Debug)]
struct Held {
    log: Option<Source>,
    chain: Option<Source>,
}

impl Segment {
    /// Closed or active.
    #[must_use]
    pub fn name(&self) -> SegmentName {
        self.name
    }

    /// Number of the segment: that of its file name, or of its header if it is the active one.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Index of the segment's first entry, its header, as the header says; none in a plain log or
    /// when the header cannot be read.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.first
    }

    /// Path of the lines: of the compressed file where there is no other.
    #[must_use]
    pub fn path(&self) -> &Path {
        if self.compressed { &self.zst_path } else { &self.path }
    }

    /// Path of the header and checkpoints.
    #[must_use]
    pub fn chain_path(&self) -> &Path {
        &self.chain_path
    }

    /// Path of the leaf hashes.
    #[must_use]
    pub fn hashes_path(&self) -> &Path {
        &self.hashes_path
    }

    /// Whether the file of the lines is there, as it is or compressed.
    #[must_use]
    pub fn has_log(&self) -> bool {
        self.has_log
    }

    /// Whether the lines are there in a compressed file only.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Whether the lines are gone and the header of a later segment says that the log's own
    /// retention deleted them. Whether that header is signed, [`verify`](super::verify()) checks.
    #[must_use]
    pub fn is_pruned(&self) -> bool {
        self.pruned
    }

    /// Whether the chain file is there.
    #[must_use]
    pub fn has_chain(&self) -> bool {
        self.has_chain
    }

    /// Whether a roll stopped half-way, before this segment's file of lines was made.
    #[must_use]
    pub fn is_half_rolled(&self) -> bool {
        self.half_rolled
    }

    /// Opens the lines; none if the file is missing. Of a closed segment the uncompressed file
    /// counts when both are there.
    ///
    /// # Errors
    ///
    /// Those of [`Source::open`] and [`Source::open_compressed`].
    pub fn open(&self) -> Result<Option<Source>> {
        if let Some(held) = &self.held {
            return Ok(held.log.clone());
        }
        // In this order: the writer compresses when it likes, and removes the file of the lines
        // when the compressed one is there.
        match Source::open(&self.path)? {
            None if self.name != SegmentName::Active => Source::open_compressed(&self.zst_path),
            source => Ok(source),
        }
    }

    /// Opens the chain file; none if it is missing.
    ///
    /// # Errors
    ///
    /// Those of [`Source::open`].
    pub fn open_chain(&self) -> Result<Option<Source>> {
        match &self.held {
            Some(held) => Ok(held.chain.clone()),
            None => Source::open(&self.chain_path),
        }
    }

    /// Reads the header; none if the chain file is missing.
    ///
    /// # Errors
    ///
    /// Those of [`Source::open`]. Text that is no header is a [`HeaderError`] inside.
    pub fn header(&self) -> Result<Option<Result<Header, HeaderError>>> {
        let Some(source) = self.open_chain()? else { return Ok(None) };
        let (_, header) =
            ChainReader::new(source).header().map_err(Error::io("read", &self.chain_path))?;
        Ok(Some(header))
    }
}

/// A log and the segments it had when it was opened.
#[derive(Clone, Debug)]
pub struct Log {
    path: LogPath,
    segments: Vec<Segment>,
    /// Whether nothing moved in the folder while it was looked at.
    settled: bool,
}

impl Log {
    /// Finds the segments of the log and opens the active one.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when a file of the log is no regular file, [`Error::Io`], also when
    /// there is no file of this log at all.
    pub fn open(path: &LogPath) -> Result<Self> {
        Self::open_with(path, Hold::Active)
    }

    /// As [`Log::open`], and what the log's own retention may delete next stays readable.
    pub(crate) fn open_holding(path: &LogPath) -> Result<Self> {
        Self::open_with(path, Hold::Oldest)
    }

    fn open_with(path: &LogPath, hold: Hold) -> Result<Self> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let log = Self::look(path, hold)?;
            if log.settled || tries == 0 {
                return log.with_firsts();
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether nothing moved in the folder while it was looked at.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether the files stand otherwise in `later`, so that what seemed to be missing may be
    /// there.
    pub(crate) fn has_moved_on(&self, later: &Self) -> bool {
        let alike = |a: &Segment, b: &Segment| {
            (a.name, a.has_log, a.has_chain) == (b.name, b.has_log, b.has_chain)
                && (a.number, a.first) == (b.number, b.first)
        };
        let (before, now) = (&self.segments, &later.segments);
        let same = before.len() == now.len() && before.iter().zip(now).all(|(a, b)| alike(a, b));
        !same
    }

    /// The path of the active segment.
    #[must_use]
    pub fn path(&self) -> &LogPath {
        &self.path
    }

    /// The segments in the order of the log. Numbers may be missing between them.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether no segment has a chain file.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.segments.iter().any(Segment::has_chain)
    }

    /// Whether the lines of `segment`, which were there when the log was opened, were pruned since.
    pub(crate) fn has_pruned(&self, segment: &Segment) -> bool {
        let is_it = |now: &Segment| now.name == segment.name && now.pruned;
        segment.has_log && Self::open(&self.path).is_ok_and(|log| log.segments.iter().any(is_it))
    }

    /// One look at the folder.
    fn look(path: &LogPath, hold: Hold) -> Result<Self> {
        let found = path.segments(file_names(path.folder())?);
        let active = path.active();
        let active_chain = path.beside(SegmentName::Active, "chain");
        // The chain first: lines that are written in between can then only be more than signed.
        let chain = Source::open(&active_chain)?;
        let log = Source::open(&active)?;

        // A roll in between would leave out the segment that was closed by it.
        let unmoved = found == path.segments(file_names(path.folder())?);
        let closed_ones = found.iter().filter(|name| **name != SegmentName::Active);
        let mut segments: Vec<_> = closed_ones.map(|name| closed(path, *name)).collect();
        let mut held = 0;
        for segment in &mut segments {
            segment.has_log = exists(&segment.path)?;
            segment.compressed = !segment.has_log && exists(&segment.zst_path)?;
            segment.has_log |= segment.compressed;
            segment.has_chain = exists(&segment.chain_path)?;
            if hold == Hold::Oldest && segment.has_log && held < MOST_HELD {
                held += 1;
                let (log, chain) = (segment.open()?, segment.open_chain()?);
                segment.has_log = log.is_some();
                segment.compressed &= segment.has_log;
                segment.held = Some(Held { log, chain });
            }
        }
        let next = segments.last().map_or(0, |last| last.number.saturating_add(1));
        let is_there = log.is_some() || chain.is_some();
        let settled = unmoved
            && is_still(&active_chain, chain.as_ref())
            && is_still(&active, log.as_ref())
            && (is_there || segments.is_empty())
            && (log.is_some() || chain.is_none())
            && (chain.is_some() || !segments.iter().any(|s| s.has_chain))
            // Only of the newest one can a roll have moved the chain and not yet the lines.
            && segments.last().is_none_or(|s| s.has_log);

        let mut newest = Segment {
            number: next,
            has_log: log.is_some(),
            has_chain: chain.is_some(),
            held: Some(Held { log, chain }),
            ..closed(path, SegmentName::Active)
        };
        let rolling = with_suffix(&active_chain, ".new");
        if !newest.has_chain {
            take_half_roll(&mut segments, &mut newest, &rolling)?;
        } else if !newest.has_log {
            // The last step but one of a roll: the writer makes the log, then replaces the key.
            newest.half_rolled = exists(&with_suffix(&active, ".signer.new"))?;
        }
        if newest.has_log || newest.has_chain {
            segments.push(newest);
        }
        if segments.is_empty() {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::Io { action: "open", path: active, source: missing });
        }
        Ok(Self { path: path.clone(), segments, settled })
    }

    /// Reads from each header where its segment begins, and which earlier ones it says were
    /// pruned.
    fn with_firsts(mut self) -> Result<Self> {
        let mut pruned: Vec<(u64, u64)> = Vec::new();
        for segment in self.segments.iter_mut().rev() {
            let header = segment.header()?;
            let is_closed = segment.name != SegmentName::Active;
            let is_said = pruned.iter().any(|(a, b)| (*a..=*b).contains(&segment.number));
            segment.pruned = is_closed && is_said && segment.has_chain && !segment.has_log;
            let Some(Ok(header)) = header else { continue };
            segment.first = Some(header.first());
            if !is_closed {
                segment.number = header.segment;
            }
            pruned.extend(header.events.iter().filter_map(|event| match event {
                // No header can speak of itself and what comes after it.
                Event::Pruned(a, b) if *b < header.segment => Some((*a, *b)),
                _ => None,
            }));
        }
        Ok(self)
    }
}

/// A crash in the middle of a roll leaves the last closed chain without its log, which is still
/// called active, or no active segment and its chain in `.chain.new` (docs/format.md, section 9).
/// Whoever fakes this state gets what he gets by cutting the log at the hand-over, no more.
fn take_half_roll(segments: &mut [Segment], newest: &mut Segment, rolling: &Path) -> Result<()> {
    let (Some(last), Some(chain)) = (segments.last_mut(), Source::open(rolling)?) else {
        return Ok(());
    };
    if !last.has_chain {
        return Ok(());
    }
    if !last.has_log {
        last.has_log = newest.has_log;
        last.path.clone_from(&newest.path);
        let log = newest.held.take().and_then(|held| held.log);
        last.held = Some(Held { log, chain: Source::open(&last.chain_path)? });
        newest.has_log = false;
    }
    let log = newest.held.take().and_then(|held| held.log);
    newest.half_rolled = log.is_none();
    newest.held = Some(Held { log, chain: Some(chain) });
    newest.chain_path = rolling.to_owned();
    newest.has_chain = true;
    Ok(())
}

fn closed(path: &LogPath, name: SegmentName) -> Segment {
    Segment {
        name,
        number: if let SegmentName::Closed(number) = name { number } else { 0 },
        first: None,
        path: path.segment(name),
        zst_path: path.beside(name, "zst"),
        chain_path: path.beside(name, "chain"),
        hashes_path: path.beside(name, "hashes"),
        has_log: false,
        has_chain: false,
        compressed: false,
        pruned: false,
        half_rolled: false,
        held: None,
    }
}

/// Whether there is a regular file at `path`; anything else there is refused.
fn exists(path: &Path) -> Result<bool> {
    Source::open(path).map(|source| source.is_some())
}
