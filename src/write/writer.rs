//! One record after the other: encode, seal, hash, write, and what follows from a failure.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::format::{Event, LogPath, Record, RecordKind, UnixTime, leaf};
use crate::write::chain::Chain;
use crate::write::closed::Closed;
use crate::write::file::{Disk, Lock, LogFile, append_all};
use crate::write::log::{Durability, Head, Receipt};
use crate::write::mend::Trouble;
use crate::write::outage::Outage;
use crate::write::pending::Pending;
use crate::write::roll::{Deadline, Reason, RollPolicy};
use crate::write::seal::Sealer;
use crate::write::watch::Watch;

/// Buffered lines are written out when they pass this many bytes.
pub(super) const BUFFER: usize = 64 << 10;
/// Lines are synced when they pass this many bytes, because until then they are kept in memory.
pub(super) const MOST_PENDING: usize = 8 << 20;

/// The state of a log that is open for writing. Not shared: the handle locks around it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: LogPath,
    pub(super) sealer: Sealer,
    pub(super) roll: RollPolicy,
    /// When the active segment ends by time.
    pub(super) deadline: Deadline,
    pub(super) closed: Closed,
    /// The active segment.
    pub(super) log: Arc<dyn LogFile>,
    /// The descriptor of the same file that holds the claim on it, perhaps an older one.
    pub(super) claimed: Arc<dyn LogFile>,
    pub(super) segment: u64,
    /// Bytes of the active segment that are whole lines and survive a power cut.
    pub(super) durable: u64,
    /// The lines behind them.
    pub(super) pending: Pending,
    /// Index of the next entry.
    pub(super) next: u64,
    /// None in a plain log.
    pub(super) chain: Option<Chain>,
    /// Whether a thread is syncing the active segment without holding the lock around this. Until
    /// it is done nobody else syncs: of two syncs of one descriptor only one is told of a failure.
    pub(super) syncing: bool,
    /// What has to be mended before anything else is written.
    pub(super) trouble: Trouble,
    pub(super) watch: Watch,
    /// Records that were refused since the last one that was taken.
    pub(super) outage: Option<Outage>,
    /// Entries below this index that were not durable were cut off by others.
    pub(super) given_up: u64,
    /// Records about the log itself, to be put in front of the next record.
    pub(super) notes: Vec<Record<'static>>,
    /// No roll is tried before this time.
    pub(super) no_roll_before: Option<UnixTime>,
    /// Milliseconds between a write and its checkpoint, for the headers of new segments.
    pub(super) interval: u64,
    /// Facts for the header of the next segment.
    pub(super) events: Vec<Event>,
    /// The right to be here. The last field, so that it is given back last.
    pub(super) lock: Box<dyn Lock>,
}

impl Writer {
    /// Appends one record: the route of docs/design.md, in its order. The caller syncs.
    ///
    /// None when something has to be done first that waits for the sync under way.
    pub(super) fn append(
        &mut self,
        record: &Record<'_>,
        durability: Durability,
        now: UnixTime,
        process: u32,
    ) -> Result<Option<Receipt>> {
        if !self.in_order(now) || self.is_over(now) {
            if self.syncing {
                return Ok(None);
            }
            self.put_in_order(now)?;
            self.end_on_time(now)?;
        }
        let start = self.pending.len();
        if let Err(error) = self.seal(record, now, process) {
            self.pending.cut(start);
            return Err(error);
        }
        let length = self.pending.len() - start;
        if self.roll.due(self.durable + start as u64, length as u64) && self.may_roll(now) {
            // The index of the record changes with the roll, so it is sealed again.
            self.pending.cut(start);
            if self.syncing {
                return Ok(None);
            }
            self.roll_or_go_on(Reason::Size, now)?;
            return self.append(record, durability, now, process);
        }
        if (durability > Durability::Buffered || self.pending.unwritten().len() >= BUFFER)
            && let Err(error) = self.write_out()
        {
            // The caller is told that this record was not taken; earlier ones stay to be written.
            self.pending.cut(start);
            return Err(error);
        }
        self.push_leaves(start, now);
        self.outage = None;
        self.notes.clear();
        let durability = durability.min(Durability::Written);
        Ok(Some(Receipt { index: self.next - 1, segment: self.segment, durability }))
    }

    /// Seals what the log has to say about itself, then the record.
    fn seal(&mut self, record: &Record<'_>, now: UnixTime, process: u32) -> Result<()> {
        let index = self.seal_notes(now, process)?;
        self.sealer.seal(record, index, now, process, self.pending.room())
    }

    /// Seals what the log has to say about itself; gives the index of the record behind it.
    pub(super) fn seal_notes(&mut self, now: UnixTime, process: u32) -> Result<u64> {
        let mut index = self.next;
        if !self.notes.is_empty() || self.outage.is_some() {
            for note in self.notes.iter().chain(&self.outage.as_ref().map(Outage::record)) {
                self.sealer.seal(note, index, now, process, self.pending.room())?;
                index += 1;
            }
        }
        Ok(index)
    }

    /// Covers everything with a checkpoint before the log is closed. No record will come that
    /// could have the notes in front of it, so they come by themselves.
    pub(super) fn finish(&mut self, now: UnixTime, process: u32) -> Result<()> {
        self.mend(now)?;
        let start = self.pending.len();
        if let Err(error) = self.seal_notes(now, process) {
            self.pending.cut(start);
            return Err(error);
        }
        self.push_leaves(start, now);
        self.outage = None;
        self.notes.clear();
        self.checkpoint(now)
    }

    /// Takes the lines from byte `start` of the pending ones into the tree.
    pub(super) fn push_leaves(&mut self, start: usize, now: UnixTime) {
        let lines = self.pending.lines_from(start);
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            if let (Some(chain), Some(line)) = (&mut self.chain, lines.get(from..end)) {
                chain.push(leaf(line), now);
            }
            self.next += 1;
            from = end + 1;
        }
    }

    /// Writes the lines that are in this process only, with one call.
    pub(super) fn write_out(&mut self) -> Result<()> {
        if self.pending.unwritten().is_empty() {
            return Ok(());
        }
        if let Err(source) = append_all(&*self.log, self.pending.unwritten()) {
            // Half a line in the file would be glued to the next one.
            self.trouble.log |= self.log.cut(self.written()).is_err();
            self.trouble.cut = true;
            return Err(Error::Io { action: "write", path: self.path.active(), source });
        }
        self.pending.set_written();
        Ok(())
    }

    /// Bytes of the active segment that are whole lines.
    pub(super) fn written(&self) -> u64 {
        self.durable + self.pending.written().len() as u64
    }

    /// Brings all records to `durability`.
    pub(super) fn reach(&mut self, durability: Durability, now: UnixTime) -> Result<()> {
        self.mend(now)?;
        match durability {
            Durability::Buffered => Ok(()),
            Durability::Written => self.write_out(),
            Durability::Durable => self.sync(now),
        }
    }

    /// Makes everything that was appended survive a power cut.
    pub(super) fn sync(&mut self, now: UnixTime) -> Result<()> {
        self.write_out()?;
        let length = self.pending.written().len();
        if length == 0 && !std::mem::take(&mut self.trouble.cut) {
            // There is nothing to sync; whether it is still there is to be seen.
            return self.look(now);
        }
        let synced = self.log.sync();
        self.synced(synced, length, now)
    }

    /// What follows from a sync of the lines up to `length` bytes of the pending ones.
    pub(super) fn synced(
        &mut self,
        synced: std::io::Result<()>,
        length: usize,
        now: UnixTime,
    ) -> Result<()> {
        match synced {
            Ok(()) => {
                // Before anybody is told: what was synced must be the file that has the name.
                self.look(now)?;
                self.set_durable(length);
                Ok(())
            }
            Err(source) => {
                // A second sync could succeed and lie: the system may have thrown the pages away.
                // Only what is written again counts.
                self.trouble.log = true;
                self.mend(now).map_err(|_| Error::Io {
                    action: "sync",
                    path: self.path.active(),
                    source,
                })
            }
        }
    }

    pub(super) fn set_durable(&mut self, length: usize) {
        // What was put in order meanwhile may have made lines durable already.
        let length = length.min(self.pending.written().len());
        self.pending.set_durable(length);
        self.durable += length as u64;
    }

    /// Covers all entries with a signed checkpoint; in a plain log, syncs.
    pub(super) fn checkpoint(&mut self, now: UnixTime) -> Result<()> {
        self.mend(now)?;
        self.sync(now)?;
        if let Some(chain) = &mut self.chain
            && chain.signed < chain.tree.size()
        {
            chain.checkpoint(&self.path)?;
        }
        Ok(())
    }

    /// Does what is due, or will be due when `ahead` has passed; for those who call while nothing
    /// is appended.
    pub(super) fn tick(&mut self, now: UnixTime, ahead: Duration) -> Result<()> {
        if !self.in_order(now) {
            self.put_in_order(now)?;
        }
        self.end_on_time(now)?;
        if self.chain.as_ref().is_some_and(|chain| chain.due(now.after(ahead))) {
            self.checkpoint(now)?;
        }
        Ok(())
    }

    /// Whether a record can be appended without anything that has to be done before.
    pub(super) fn in_order(&self, now: UnixTime) -> bool {
        !self.is_in_trouble()
            && !self.watch.is_due(now)
            && self.pending.len() < MOST_PENDING
            && !self.chain.as_ref().is_some_and(|chain| chain.due(now))
    }

    pub(super) fn put_in_order(&mut self, now: UnixTime) -> Result<()> {
        self.mend(now)?;
        if self.watch.is_due(now) {
            self.look(now)?;
        }
        if self.chain.as_ref().is_some_and(|chain| chain.due(now)) {
            self.checkpoint(now)
        } else if self.pending.len() >= MOST_PENDING {
            self.sync(now)
        } else {
            Ok(())
        }
    }

    /// Appends a record about the log itself, durably.
    pub(super) fn lifecycle(
        &mut self,
        kind: RecordKind,
        record: Record<'_>,
        now: UnixTime,
        process: u32,
    ) -> Result<()> {
        self.append(&record.kind(kind), Durability::Written, now, process)?;
        self.sync(now)
    }

    /// Counts a record that was refused because of `error`.
    pub(super) fn refused(&mut self, error: &Error, now: UnixTime) {
        // Not those that were wrong by themselves, or came when the log was closed.
        if !matches!(error, Error::Closed | Error::Forked | Error::TooLarge { .. }) {
            Outage::note(&mut self.outage, error, now);
        }
    }

    pub(super) fn head(&self) -> Head {
        Head {
            size: self.next,
            root: self.chain.as_ref().map(|chain| chain.tree.root()),
            segment: self.segment,
            buffered: self.pending.unwritten_lines(),
        }
    }
}
