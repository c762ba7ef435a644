//! What stands in the files of a log that is being opened for appending. Nothing is changed here
//! but the cache of leaf hashes, which is made to agree with the lines.

use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::crypto::{SigningKey, TokenShape, VerifierKey};
use crate::error::{Conflict, Error, Result};
use crate::format::{
    ChainItem, ChainReader, Checkpoint, Frontier, Hash, Header, Lines, LogPath, MAX_LINE, Scan,
    SegmentName, SignedCheckpoint, UnixTime, leaf,
};
use crate::write::file::{Disk, LogFile, Opening, append_all};

const HASH: usize = 32;

/// Bytes behind the last whole line or checkpoint of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// A chain file.
#[derive(Debug)]
pub(super) struct FoundChain {
    pub(super) header: Header,
    /// The text of the header as it stands there, unknown lines included.
    pub(super) header_text: String,
    pub(super) last: Box<SignedCheckpoint>,
    /// Where the last complete checkpoint begins and ends; the first one begins with the header.
    pub(super) last_at: Range<u64>,
    pub(super) torn: Option<Tail>,
}

/// Reads the chain file at `path`; none if there is none.
pub(super) fn chain(disk: &dyn Disk, path: &Path) -> Result<Option<FoundChain>> {
    let conflict = |what| Error::Conflict { path: path.to_owned(), what };
    let read_error = || Error::io("read", path);
    let Some(file) = disk.read(path).map_err(Error::io("open", path))? else { return Ok(None) };
    let mut reader = ChainReader::new(file);
    let (header_text, header) = reader.header().map_err(read_error())?;
    let header = header.map_err(|source| Error::Header { path: path.to_owned(), source })?;
    let (mut last, mut torn): (Option<Box<SignedCheckpoint>>, _) = (None, None);
    let mut last_at = 0..header_text.len() as u64 + 1;
    let mut damage = None;
    while let Some((place, item)) = reader.next_item().map_err(read_error())? {
        if damage.is_some() {
            return Err(conflict(Conflict::Signature));
        }
        match item {
            ChainItem::Checkpoint(signed) => {
                let size = signed.checkpoint.size;
                if last.as_ref().is_some_and(|last| size < last.checkpoint.size) {
                    return Err(conflict(Conflict::OtherRoot { size }));
                }
                let begin = if last.is_some() { place.byte } else { 0 };
                last_at = begin..place.byte + signed.bytes.len() as u64 + 1;
                last = Some(signed);
            }
            ChainItem::Torn(bytes) => torn = Some(Tail { offset: place.byte, length: bytes }),
            ChainItem::Damage => damage = Some(place.byte),
        }
    }
    if let Some(offset) = damage {
        torn = Some(hole(disk, path, offset)?.ok_or_else(|| conflict(Conflict::Signature))?);
    }
    match last {
        Some(last) => Ok(Some(FoundChain { header, header_text, last, last_at, torn })),
        None => Err(conflict(Conflict::Signature)),
    }
}

/// The bytes from `offset` on, if there are zeros among them.
///
/// A power cut may leave zeros where something was not written yet, and behind them what was. No
/// program writes a zero into these files, and nothing of this was ever synced.
fn hole(disk: &dyn Disk, path: &Path, offset: u64) -> Result<Option<Tail>> {
    let read_error = || Error::io("read", path);
    let Some(mut file) = disk.read(path).map_err(Error::io("open", path))? else {
        return Ok(None);
    };
    io::copy(&mut file.by_ref().take(offset), &mut io::sink()).map_err(read_error())?;
    let (mut length, mut zeros) = (0, false);
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut chunk).map_err(read_error())?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(zeros.then_some(Tail { offset, length }));
        };
        zeros |= memchr::memchr(0, bytes).is_some();
        length += read as u64;
    }
}

impl FoundChain {
    /// Checks that the newest checkpoint is ours: signed by the log key and the segment's key.
    pub(super) fn check(&self, log_key: &SigningKey, path: &Path) -> Result<()> {
        let conflict = |what| Error::Conflict { path: path.to_owned(), what };
        if self.header.origin != log_key.name() {
            let (log, key) = (self.header.origin.clone(), log_key.name().to_owned());
            return Err(conflict(Conflict::Origin { log, key }));
        }
        let signed_by = |key: &VerifierKey| self.last.note.require(key).is_ok();
        if signed_by(log_key.verifier()) && signed_by(&self.header.signer) {
            Ok(())
        } else {
            Err(conflict(Conflict::Signature))
        }
    }
}

/// The lines of the active segment.
pub(super) struct FoundLines {
    /// All entries of the log with those of this segment.
    pub(super) tree: Frontier,
    /// Bytes of whole lines.
    pub(super) bytes: u64,
    /// Bytes of those that the newest checkpoint covers; they were durable before it was made.
    pub(super) signed_bytes: u64,
    pub(super) torn: Option<Tail>,
    pub(super) hashes: HashCache,
}

/// Reads the lines that stand behind `header` and compares them with what was signed.
pub(super) fn lines(
    disk: &dyn Disk,
    path: &LogPath,
    header: &Header,
    header_text: &str,
    signed: &Checkpoint,
) -> Result<FoundLines> {
    let hashes = HashCache::open(disk, &path.beside(SegmentName::Active, "hashes"));
    lines_into(disk, path, header, header_text, signed, hashes)
}

/// Like [`lines`], with the cache of leaf hashes that is to agree with them.
pub(super) fn lines_into(
    disk: &dyn Disk,
    path: &LogPath,
    header: &Header,
    header_text: &str,
    signed: &Checkpoint,
    mut hashes: HashCache,
) -> Result<FoundLines> {
    let log = path.active();
    let conflict = |what| Err(Error::Conflict { path: log.clone(), what });
    let mut tree = header.before.clone();
    let header_leaf = leaf(header_text.as_bytes());
    tree.push(header_leaf);
    hashes.push(&header_leaf);
    if tree.size() == signed.size && tree.root() != signed.root {
        return conflict(Conflict::OtherRoot { size: signed.size });
    }
    let mut torn = None;
    let (mut bytes, mut signed_bytes) = (0, 0);
    // A log that was signed without any line may have lost its empty file: it is made again.
    if let Some(file) = disk.read(&log).map_err(Error::io("open", &log))? {
        let mut lines = Lines::new(file, MAX_LINE);
        while let Some((place, scan)) = lines.next_line().map_err(Error::io("read", &log))? {
            match scan {
                Scan::Line(line) if TokenShape::of(line).is_ok() => {
                    let hash = leaf(line);
                    tree.push(hash);
                    hashes.push(&hash);
                    bytes = place.byte + line.len() as u64 + 1;
                    if tree.size() <= signed.size {
                        signed_bytes = bytes;
                    }
                    if tree.size() == signed.size && tree.root() != signed.root {
                        return conflict(Conflict::OtherRoot { size: signed.size });
                    }
                }
                Scan::Tail(_, length) => torn = Some(Tail { offset: place.byte, length }),
                _ => {
                    // What a checkpoint covers was synced: nothing of that is for us to set aside.
                    torn = match tree.size() < signed.size {
                        true => None,
                        false => hole(disk, &log, place.byte)?,
                    };
                    if torn.is_none() {
                        return conflict(Conflict::DamagedLine { line: place.line });
                    }
                    break;
                }
            }
        }
    }
    let (entries, signed) = (tree.size(), signed.size);
    if entries < signed {
        return conflict(Conflict::Shorter { entries, signed });
    }
    hashes.finish();
    Ok(FoundLines { tree, bytes, signed_bytes, torn, hashes })
}

/// The time of the first line of a file: with it a segment of a plain log began.
pub(super) fn first_time(disk: &dyn Disk, path: &Path) -> Result<Option<UnixTime>> {
    let Some(file) = disk.read(path).map_err(Error::io("open", path))? else { return Ok(None) };
    let mut lines = Lines::new(file, MAX_LINE);
    let first = lines.next_line().map_err(Error::io("read", path))?;
    let Some((_, Scan::Line(line))) = first else { return Ok(None) };
    Ok(TokenShape::of(line).ok().map(|shape| UnixTime::from_token(shape.time)))
}

/// Number of lines and the torn tail of a file of a plain log.
pub(super) fn plain_lines(disk: &dyn Disk, path: &Path) -> Result<(u64, u64, Option<Tail>)> {
    let (mut count, mut bytes, mut torn) = (0, 0, None);
    if let Some(file) = disk.read(path).map_err(Error::io("open", path))? {
        let mut lines = Lines::new(file, MAX_LINE);
        while let Some((place, scan)) = lines.next_line().map_err(Error::io("read", path))? {
            match scan {
                Scan::Line(line) if memchr::memchr(0, line).is_some() => {
                    torn = hole(disk, path, place.byte)?;
                    break;
                }
                Scan::Line(_) | Scan::Long(_) => count += 1,
                Scan::Tail(_, length) => torn = Some(Tail { offset: place.byte, length }),
            }
            bytes = lines.place().byte;
        }
    }
    Ok((count, torn.map_or(bytes, |torn: Tail| torn.offset), torn))
}

/// `.hashes` while the lines are read: compared as long as it agrees, written anew from there on.
///
/// It is a cache. Whatever goes wrong with it ends the cache and nothing else.
pub(super) struct HashCache {
    pub(super) file: Option<Arc<dyn LogFile>>,
    old: Option<BufReader<Box<dyn Read>>>,
    good: u64,
    unwritten: Vec<u8>,
}

impl HashCache {
    /// No cache, for those who change nothing.
    pub(super) fn none() -> Self {
        Self { file: None, old: None, good: 0, unwritten: Vec::new() }
    }

    fn open(disk: &dyn Disk, path: &Path) -> Self {
        let old = disk.read(path).ok().flatten().map(BufReader::new);
        let file = disk.open(path, Opening::Either).ok();
        Self { file, old, good: 0, unwritten: Vec::new() }
    }

    fn push(&mut self, hash: &Hash) {
        if let Some(old) = &mut self.old {
            let mut stored = [0; HASH];
            if old.read_exact(&mut stored).is_ok() && stored == *hash {
                self.good += 1;
                return;
            }
            self.cut();
        }
        self.unwritten.extend_from_slice(hash);
        if self.unwritten.len() >= 64 << 10 {
            self.write();
        }
    }

    fn finish(&mut self) {
        if self.old.is_some() {
            self.cut();
        }
        self.write();
    }

    /// Ends the part that agrees.
    fn cut(&mut self) {
        self.old = None;
        let length = self.good * HASH as u64;
        self.file = self.file.take().and_then(|file| file.cut(length).is_ok().then_some(file));
    }

    fn write(&mut self) {
        if let Some(file) = &mut self.file
            && append_all(&**file, &self.unwritten).is_err()
        {
            self.file = None;
        }
        self.unwritten.clear();
    }
}
