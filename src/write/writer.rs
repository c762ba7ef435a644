//! One record after the other: encode, seal, hash, write, and what follows from a failure.

use std::sync::Arc;

use crate::crypto::{Cipher, IvSource, Key, TOKEN_HEADER, line_length};
use crate::error::{Error, Result};
use crate::format::{
    Event, LogPath, MAX_LINE, Record, RecordKind, SegmentName, UnixTime, encode_seq, leaf,
};
use crate::write::chain::{Chain, NextSegment, finish_roll, withdraw};
use crate::write::file::{Disk, LogFile, Opening, append_all};
use crate::write::log::{Durability, Head, Receipt};
use crate::write::queue::Piece;
use crate::write::roll::{Reason, RollPolicy};

/// Buffered lines are written out when they pass this many bytes.
pub(super) const BUFFER: usize = 64 << 10;

/// The state of a log that is open for writing. Not shared: the handle locks around it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: LogPath,
    pub(super) sealer: Sealer,
    pub(super) roll: RollPolicy,
    /// The active segment.
    pub(super) log: Box<dyn LogFile>,
    pub(super) segment: u64,
    /// Bytes of the active segment that are whole lines; a failed write is cut back to here.
    pub(super) written: u64,
    /// Lines that are not written yet.
    pub(super) buffer: Vec<u8>,
    /// Index of the next entry.
    pub(super) next: u64,
    /// Whether lines were written and not synced.
    pub(super) unsynced: bool,
    /// None in a plain log.
    pub(super) chain: Option<Chain>,
    /// After a failure that leaves the state of a file unknown, nothing more is written.
    pub(super) poisoned: bool,
    /// Milliseconds between a write and its checkpoint, for the headers of new segments.
    pub(super) interval: u64,
    /// Facts for the header of the next segment.
    pub(super) events: Vec<Event>,
}

/// What turns a record into a line.
#[derive(Debug)]
pub(super) struct Sealer {
    pub(super) key: Key,
    cipher: Cipher,
    ivs: IvSource,
    /// Working space; holds a plaintext only within one call.
    raw: Vec<u8>,
}

impl Sealer {
    pub(super) fn new(key: Key) -> Self {
        // Room for ordinary records, so that growing seldom leaves a piece of plaintext behind.
        let raw = Vec::with_capacity(16 << 10);
        Self { cipher: Cipher::new(&key), ivs: IvSource::new(), key, raw }
    }

    /// Appends the line of `record`, with its LF, to `out`.
    fn seal(
        &mut self,
        record: &Record<'_>,
        index: u64,
        now: UnixTime,
        process: u32,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.raw.clear();
        self.raw.resize(TOKEN_HEADER, 0);
        let time = record.encode(index, now, &mut self.raw);
        self.seal_raw(time.token_seconds(), process, out)
    }

    /// Appends the line of a record that was encoded without its number.
    pub(super) fn seal_body(
        &mut self,
        piece: Piece<'_>,
        index: u64,
        process: u32,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.raw.clear();
        self.raw.resize(TOKEN_HEADER, 0);
        encode_seq(index, &mut self.raw);
        self.raw.extend_from_slice(piece.body);
        self.seal_raw(piece.time, process, out)
    }

    fn seal_raw(&mut self, time: u64, process: u32, out: &mut Vec<u8>) -> Result<()> {
        let length = line_length(self.raw.len() - TOKEN_HEADER);
        let iv = match self.ivs.next(process) {
            Ok(iv) if length <= MAX_LINE => iv,
            result => {
                zeroize::Zeroize::zeroize(&mut self.raw);
                result?;
                return Err(Error::TooLarge { length, most: MAX_LINE });
            }
        };
        self.cipher.seal_in_place(&mut self.raw, time, iv, out);
        out.push(b'\n');
        Ok(())
    }
}

impl Writer {
    /// Appends one record: the route of docs/design.md, in its order.
    pub(super) fn append(
        &mut self,
        record: &Record<'_>,
        durability: Durability,
        now: UnixTime,
        process: u32,
    ) -> Result<Receipt> {
        self.usable()?;
        if self.chain.as_ref().is_some_and(|chain| chain.due(now)) {
            self.checkpoint()?;
        }
        let start = self.buffer.len();
        self.sealer.seal(record, self.next, now, process, &mut self.buffer)?;
        let line = self.buffer.len() - start;
        if self.roll.due(self.written + start as u64, line as u64) {
            // The index of the record changes with the roll, so it is sealed again.
            self.buffer.truncate(start);
            self.roll(Reason::Size, now)?;
            return self.append(record, durability, now, process);
        }
        let leaf = self.chain.as_ref().map(|_| leaf(&self.buffer[start..start + line - 1]));
        if (durability > Durability::Buffered || self.buffer.len() >= BUFFER)
            && let Err(error) = self.write_out()
        {
            // The caller is told that this record was not taken; earlier ones stay to be written.
            self.buffer.truncate(start);
            return Err(error);
        }
        let index = self.next;
        self.next += 1;
        if let (Some(chain), Some(leaf)) = (&mut self.chain, leaf) {
            chain.push(leaf, now);
        }
        if durability == Durability::Durable {
            self.sync()?;
        }
        Ok(Receipt { index, segment: self.segment, durability })
    }

    /// Writes the buffered lines with one call.
    pub(super) fn write_out(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let path = || self.path.active();
        if let Err(source) = append_all(&mut *self.log, &self.buffer) {
            // Half a line in the file would be glued to the next one.
            if self.log.cut(self.written).is_err() {
                self.poisoned = true;
            }
            return Err(Error::Io { action: "write", path: path(), source });
        }
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        self.unsynced = true;
        Ok(())
    }

    /// Brings all records to `durability`.
    pub(super) fn reach(&mut self, durability: Durability) -> Result<()> {
        self.usable()?;
        match durability {
            Durability::Buffered => Ok(()),
            Durability::Written => self.write_out(),
            Durability::Durable => self.sync(),
        }
    }

    /// Makes everything that was written survive a power cut.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.write_out()?;
        if self.unsynced {
            if let Err(source) = self.log.sync() {
                // The kernel may have thrown the pages away: a second try could succeed and lie.
                self.poisoned = true;
                return Err(Error::Io { action: "sync", path: self.path.active(), source });
            }
            self.unsynced = false;
        }
        Ok(())
    }

    /// Covers all entries with a signed checkpoint; in a plain log, syncs.
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        self.usable()?;
        self.sync()?;
        if let Some(chain) = &mut self.chain
            && chain.signed < chain.tree.size()
        {
            let done = chain.checkpoint(&self.path);
            self.poisoned |= chain.broken;
            done?;
        }
        Ok(())
    }

    /// Makes a checkpoint if one is due; for those who call while nothing is appended.
    pub(super) fn tick(&mut self, now: UnixTime) -> Result<()> {
        if self.chain.as_ref().is_some_and(|chain| chain.due(now)) {
            self.checkpoint()
        } else {
            Ok(())
        }
    }

    /// Closes the active segment and begins the next one (docs/format.md, sections 7 and 9).
    pub(super) fn roll(&mut self, reason: Reason, now: UnixTime) -> Result<()> {
        self.checkpoint()?;
        let next = match &self.chain {
            Some(chain) => {
                let mut events = vec![Event::Rolled(reason.name().to_owned())];
                events.extend_from_slice(&self.events);
                let next = NextSegment::new(
                    chain.log_key.name(),
                    chain.header.segment + 1,
                    chain.tree.clone(),
                    &self.sealer.key,
                    self.interval,
                    events,
                    now,
                )?;
                next.check_names(&*self.disk, &self.path)?;
                let keys = (&chain.log_key, Some(&chain.segment_key));
                if let Err(error) = next.prepare(&*self.disk, &self.path, keys.0, keys.1) {
                    // On a full disk the old segment goes on, if the preparation can be undone.
                    self.poisoned = withdraw(&*self.disk, &self.path).is_err();
                    return Err(error);
                }
                Some(next)
            }
            None => None,
        };
        // From here on a failure leaves files between two names: opening again completes that.
        self.poisoned = true;
        match (self.chain.take(), next) {
            (Some(Chain { log_key, segment_key, .. }), Some(next)) => {
                finish_roll(&*self.disk, &self.path, &next.header)?;
                drop(segment_key);
                self.begin(next, log_key)?;
            }
            _ => self.roll_plain()?,
        }
        self.events.clear();
        self.poisoned = false;
        Ok(())
    }

    /// Takes over a segment whose files were just put in place.
    fn begin(&mut self, next: NextSegment, log_key: crate::crypto::SigningKey) -> Result<()> {
        let active = |kind| self.path.beside(SegmentName::Active, kind);
        let open = |path: std::path::PathBuf, opening| {
            self.disk.open(&path, opening).map_err(Error::io("open", &path))
        };
        let log = open(self.path.active(), Opening::Existing)?;
        let file = open(active("chain"), Opening::Existing)?;
        let hashes = self.disk.open(&active("hashes"), Opening::New).ok();
        let first = leaf(next.header.to_text().as_bytes());
        let mut tree = next.header.before.clone();
        tree.push(first);
        let length = file.length().map_err(Error::io("look at", &active("chain")))?;
        self.log = log;
        self.segment = next.header.segment;
        self.written = 0;
        self.next = tree.size();
        self.chain = Some(Chain {
            log_key,
            segment_key: next.key,
            signed: tree.size(),
            header: next.header,
            tree,
            file,
            length,
            hashes,
            unwritten_hashes: first.to_vec(),
            broken: false,
            uncovered_since: None,
        });
        Ok(())
    }

    fn roll_plain(&mut self) -> Result<()> {
        let (active, closed) =
            (self.path.active(), self.path.segment(SegmentName::Closed(self.segment)));
        self.disk.rename(&active, &closed).map_err(Error::io("rename", &active))?;
        self.log = self.disk.open(&active, Opening::New).map_err(Error::io("create", &active))?;
        self.disk.sync_folder(self.path.folder()).map_err(Error::io("sync", self.path.folder()))?;
        self.segment += 1;
        self.written = 0;
        Ok(())
    }

    /// Appends a record about the log itself.
    pub(super) fn lifecycle(
        &mut self,
        kind: RecordKind,
        record: Record<'_>,
        now: UnixTime,
        process: u32,
    ) -> Result<()> {
        self.append(&record.kind(kind), Durability::Durable, now, process).map(drop)
    }

    pub(super) fn head(&self) -> Head {
        Head {
            size: self.next,
            root: self.chain.as_ref().map(|chain| chain.tree.root()),
            segment: self.segment,
            buffered: memchr::memchr_iter(b'\n', &self.buffer).count() as u64,
        }
    }

    pub(super) fn usable(&self) -> Result<()> {
        if self.poisoned { Err(Error::Poisoned { path: self.path.active() }) } else { Ok(()) }
    }
}
