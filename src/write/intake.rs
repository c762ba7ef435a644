//! Where the queue hands its batches to the log.

use crate::error::{Conflict, Error, Result};
use crate::format::UnixTime;
use crate::write::chain::Chain;
use crate::write::log::{AuditLog, Durability, Receipt};
use crate::write::queue::Batch;
use crate::write::roll::Reason;
use crate::write::writer::{BUFFER, Writer};

/// What the worker of a queue hands batches to.
pub(super) trait Intake: Send + Sync {
    /// Seals and writes the records of `batch` in their order with few writes, and brings them to
    /// the log's durability. [`Batch::enter`] and [`Batch::set_safe`] note how far that got.
    ///
    /// # Errors
    ///
    /// Then records that were not entered are not in the log. The call may be repeated with the
    /// same batch, and goes on where this one stopped.
    fn take(&self, batch: &mut Batch) -> Result<()>;
}

impl Intake for AuditLog {
    fn take(&self, batch: &mut Batch) -> Result<()> {
        let result = bring(self, batch);
        // What still fits on a full disk is to get there.
        batch.set_careful(result.is_err());
        if let Err(Error::Conflict { what: Conflict::CutByOthers, .. }) = result {
            // They are gone with the lines that somebody cut off, and are written again.
            batch.take_back();
        }
        result
    }
}

fn bring(log: &AuditLog, batch: &mut Batch) -> Result<()> {
    let shared = log.shared();
    // They have waited long enough in this process.
    let durability = shared.durability().max(Durability::Written);
    if batch.entered() > 0 {
        // The log has them since an attempt before, and did not get them to the disk.
        let given_up = shared.with(|writer, now| {
            writer.reach(durability, now)?;
            Ok(writer.given_up)
        })?;
        if batch.given_up() == given_up {
            batch.set_safe();
        } else {
            // Somebody cut them off since then.
            batch.take_back();
        }
    }
    let last = shared.with(|writer, now| {
        batch.set_given_up(writer.given_up);
        writer.take(batch, durability, now, shared.process()).map(|()| writer.next - 1)
    })?;
    if durability == Durability::Durable {
        shared.commit_written(last)?;
    }
    batch.set_safe();
    Ok(())
}

/// What is left of a batch, and what has to come before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    None,
    /// A disk that is nearly full may have room for some, if not for all.
    AfterWrite,
    AfterRoll,
    AfterCheckpoint,
}

impl Writer {
    /// Appends what is left of a batch: the route of docs/design.md from step 3 on. The caller
    /// syncs.
    fn take(
        &mut self,
        batch: &mut Batch,
        durability: Durability,
        now: UnixTime,
        process: u32,
    ) -> Result<()> {
        if !self.in_order(now) {
            self.put_in_order(now)?;
        }
        self.end_on_time(now)?;
        loop {
            let start = self.pending.len();
            let sealed = self.seal_pieces(batch, durability, now, process);
            let written = sealed.and_then(|sealed| {
                self.write_out()?;
                Ok(sealed)
            });
            let (receipts, rest) = match written {
                Ok(sealed) => sealed,
                Err(error) => {
                    self.pending.cut(start);
                    return Err(error);
                }
            };
            self.push_leaves(start, now);
            self.outage = None;
            self.notes.clear();
            batch.enter(receipts);
            if durability == Durability::Written {
                batch.set_safe();
            }
            if rest == Rest::AfterWrite {
                continue;
            }
            if rest == Rest::None {
                return Ok(());
            }
            self.reach(durability, now)?;
            batch.set_safe();
            match rest {
                Rest::AfterRoll => self.roll_or_go_on(Reason::Size, now)?,
                Rest::AfterCheckpoint => self.checkpoint(now)?,
                Rest::None | Rest::AfterWrite => {}
            }
        }
    }

    /// Seals records as far as they may stand behind each other.
    fn seal_pieces(
        &mut self,
        batch: &Batch,
        durability: Durability,
        now: UnixTime,
        process: u32,
    ) -> Result<(Vec<Receipt>, Rest)> {
        let first = self.seal_notes(now, process)?;
        let mut receipts = Vec::new();
        let room = self.chain.as_ref().map_or(u64::MAX, Chain::room);
        for piece in batch.pieces().skip(batch.entered()) {
            if receipts.len() as u64 >= room {
                return Ok((receipts, Rest::AfterCheckpoint));
            }
            let full = self.pending.unwritten().len() >= BUFFER;
            if full || batch.is_careful() && !receipts.is_empty() {
                return Ok((receipts, Rest::AfterWrite));
            }
            let index = first + receipts.len() as u64;
            let start = self.pending.len();
            self.sealer.seal_body(piece, index, process, self.pending.room())?;
            let length = self.pending.len() - start;
            if self.roll.due(self.durable + start as u64, length as u64) && self.may_roll(now) {
                self.pending.cut(start);
                return Ok((receipts, Rest::AfterRoll));
            }
            receipts.push(Receipt { index, segment: self.segment, durability });
        }
        Ok((receipts, Rest::None))
    }
}
