//! Where the queue hands its batches to the log.

use std::sync::{Mutex, PoisonError};

use crate::error::{Conflict, Error, Result};
use crate::format::UnixTime;
use crate::write::log::{AuditLog, Durability, Receipt};
use crate::write::outage::Outage;
use crate::write::queue::{Batch, Piece};
use crate::write::roll::Reason;
use crate::write::writer::Writer;

/// Lines of a batch are written out when they pass this many bytes.
const LARGE: usize = 1 << 20;

/// What the worker of a queue hands batches to.
pub(super) trait Intake: Send + Sync {
    /// Seals and writes the records of `batch` in their order, and brings them to the log's
    /// durability. Appends to `taken` a receipt for each of the first records that are in the log
    /// and have it.
    ///
    /// # Errors
    ///
    /// Then the call may be repeated with the records that have no receipt; none of them will be
    /// in the log twice.
    fn take(&self, batch: &Batch, taken: &mut Vec<Receipt>) -> Result<()>;
}

/// A log behind a queue.
pub(super) struct LogIntake {
    log: AuditLog,
    /// Receipts of records that were written when their sync failed. They are the first ones of
    /// the next batch, and are not written again.
    owed: Mutex<Vec<Receipt>>,
}

impl LogIntake {
    pub(super) fn new(log: AuditLog) -> Self {
        Self { log, owed: Mutex::default() }
    }
}

impl Intake for LogIntake {
    fn take(&self, batch: &Batch, taken: &mut Vec<Receipt>) -> Result<()> {
        let shared = self.log.shared();
        let (durability, process) = (shared.durability(), shared.process());
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        shared.with(|writer, now| {
            if !owed.is_empty() {
                writer.reach(durability, now)?;
            }
            // Records about losses stand in front. They need no more than to be written.
            let news = batch.pieces().count() - batch.records;
            let mut pieces = batch.pieces();
            writer.take(&mut pieces.by_ref().take(news), now, process, taken)?;
            let settled = owed.len();
            taken.append(&mut owed);

            let mut written = Vec::new();
            let result = writer.take(&mut pieces.skip(settled), now, process, &mut written);
            let reached = writer.reach(durability.max(Durability::Written), now);
            match &reached {
                Ok(()) => {
                    let receipts = written.into_iter();
                    taken.extend(receipts.map(|receipt| Receipt { durability, ..receipt }));
                }
                // They are gone with the lines that somebody cut off.
                Err(Error::Conflict { what: Conflict::CutByOthers, .. }) => {}
                Err(_) => {
                    *owed = written
                        .into_iter()
                        .map(|receipt| Receipt { durability, ..receipt })
                        .collect();
                }
            }
            result.and(reached)
        })
    }
}

impl Writer {
    /// Appends encoded records: the route of docs/design.md from step 3 on. Gives a receipt for
    /// each that is written; those without one are not in the log.
    fn take<'p>(
        &mut self,
        pieces: &mut dyn Iterator<Item = Piece<'p>>,
        now: UnixTime,
        process: u32,
        taken: &mut Vec<Receipt>,
    ) -> Result<()> {
        let mut group = Group::at(self);
        for piece in pieces {
            if !self.in_order(now) || self.pending.unwritten().len() >= LARGE {
                self.bring(&mut group, taken, now)?;
                self.put_in_order(now)?;
                group = Group::at(self);
            }
            let start = self.pending.len();
            let mut index = self.seal_piece(piece, &mut group, process)?;
            let length = self.pending.len() - start;
            if self.roll.due(self.durable + start as u64, length as u64) && self.may_roll(now) {
                // The index of the record changes with the roll, so it is sealed again.
                self.pending.cut(start);
                group.lines = index - self.next;
                self.bring(&mut group, taken, now)?;
                self.roll_or_go_on(Reason::Size, now)?;
                group = Group::at(self);
                index = self.seal_piece(piece, &mut group, process)?;
            }
            let durability = Durability::Written;
            group.sealed.push(Receipt { index, segment: self.segment, durability });
        }
        self.bring(&mut group, taken, now)
    }

    /// Appends the line of `piece` to the pending ones and gives its index; after a failure none
    /// of the group is there.
    fn seal_piece(&mut self, piece: Piece<'_>, group: &mut Group, process: u32) -> Result<u64> {
        let mut seal = || {
            if group.lines == 0 {
                for note in self.notes.iter().chain(&self.outage.as_ref().map(Outage::record)) {
                    let index = self.next + group.lines;
                    let now = UnixTime::from_token(piece.time);
                    self.sealer.seal(note, index, now, process, self.pending.room())?;
                    group.lines += 1;
                }
            }
            let index = self.next + group.lines;
            self.sealer.seal_body(piece, index, process, self.pending.room())?;
            group.lines += 1;
            Ok(index)
        };
        let sealed = seal();
        if sealed.is_err() {
            self.pending.cut(group.start);
        }
        sealed
    }

    /// Writes a group.
    fn bring(&mut self, group: &mut Group, taken: &mut Vec<Receipt>, now: UnixTime) -> Result<()> {
        if let Err(error) = self.write_out() {
            self.pending.cut(group.start);
            return Err(error);
        }
        if group.lines > 0 {
            self.push_leaves(group.start, now);
            self.outage = None;
            self.notes.clear();
        }
        taken.append(&mut group.sealed);
        *group = Group::at(self);
        Ok(())
    }
}

/// Lines that are sealed and not yet written.
struct Group {
    /// Where they begin among the pending bytes.
    start: usize,
    /// How many there are.
    lines: u64,
    /// The receipts of those that are not about the log itself.
    sealed: Vec<Receipt>,
}

impl Group {
    fn at(writer: &Writer) -> Self {
        Self { start: writer.pending.len(), lines: 0, sealed: Vec::new() }
    }
}
