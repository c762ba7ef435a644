//! Where the queue hands its batches to the log.

use crate::error::Result;
use crate::format::{Frontier, UnixTime, leaf};
use crate::write::log::{AuditLog, Durability, Receipt};
use crate::write::queue::{Batch, Piece};
use crate::write::roll::Reason;
use crate::write::writer::{BUFFER, Writer};

/// What the worker of a queue hands batches to.
pub(super) trait Intake: Send + Sync {
    /// Seals and writes the records of `batch` in their order with one write, and brings them to
    /// the log's durability. Appends to `taken` a receipt for each of the first records that are in
    /// the log.
    ///
    /// # Errors
    ///
    /// Then no record without a receipt is in the log, and the call may be repeated with them.
    fn take(&self, batch: &Batch, taken: &mut Vec<Receipt>) -> Result<()>;
}

impl Intake for AuditLog {
    fn take(&self, batch: &Batch, taken: &mut Vec<Receipt>) -> Result<()> {
        let shared = self.shared();
        shared.with(|writer, now| writer.take(batch, shared.durability, now, shared.process, taken))
    }
}

/// What a failed write takes the writer back to.
struct Mark {
    buffered: usize,
    next: u64,
    /// Tree, unwritten hashes, and since when entries are uncovered.
    chain: Option<(Frontier, usize, Option<UnixTime>)>,
}

impl Writer {
    /// Appends a batch: the route of docs/design.md from step 3 on.
    fn take(
        &mut self,
        batch: &Batch,
        durability: Durability,
        now: UnixTime,
        process: u32,
        taken: &mut Vec<Receipt>,
    ) -> Result<()> {
        self.usable()?;
        let mut mark = self.mark();
        let mut sealed = Vec::new();
        for piece in batch.pieces() {
            if self.chain.as_ref().is_some_and(|chain| chain.due(now)) {
                self.bring(&mark, durability, &mut sealed, taken)?;
                self.checkpoint()?;
                mark = self.mark();
            }
            let mut start = self.buffer.len();
            self.seal_piece(piece, process, &mark)?;
            let line = self.buffer.len() - start;
            if self.roll.due(self.written + start as u64, line as u64) {
                // The index of the record changes with the roll, so it is sealed again.
                self.buffer.truncate(start);
                self.bring(&mark, durability, &mut sealed, taken)?;
                self.roll(Reason::Size, now)?;
                mark = self.mark();
                start = self.buffer.len();
                self.seal_piece(piece, process, &mark)?;
            }
            if let Some(chain) = &mut self.chain {
                chain.push(leaf(&self.buffer[start..self.buffer.len() - 1]), now);
            }
            sealed.push(Receipt { index: self.next, segment: self.segment, durability });
            self.next += 1;
        }
        self.bring(&mark, durability, &mut sealed, taken)
    }

    /// Appends the line of `piece` to the buffer, or goes back to `mark`.
    fn seal_piece(&mut self, piece: Piece<'_>, process: u32, mark: &Mark) -> Result<()> {
        let sealed = self.sealer.seal_body(piece, self.next, process, &mut self.buffer);
        if sealed.is_err() {
            self.back_to(mark);
        }
        sealed
    }

    /// Brings what was sealed to `durability`, or goes back to `mark`.
    fn bring(
        &mut self,
        mark: &Mark,
        durability: Durability,
        sealed: &mut Vec<Receipt>,
        taken: &mut Vec<Receipt>,
    ) -> Result<()> {
        let result = match durability {
            Durability::Buffered if self.buffer.len() < BUFFER => Ok(()),
            Durability::Buffered | Durability::Written => self.write_out(),
            Durability::Durable => self.sync(),
        };
        // After a failed sync the lines are in the file, and the writer is poisoned.
        if result.is_err() && !self.buffer.is_empty() {
            self.back_to(mark);
        } else if result.is_ok() {
            taken.append(sealed);
        }
        result
    }

    fn mark(&self) -> Mark {
        let chain = self
            .chain
            .as_ref()
            .map(|chain| (chain.tree.clone(), chain.unwritten_hashes.len(), chain.uncovered_since));
        Mark { buffered: self.buffer.len(), next: self.next, chain }
    }

    fn back_to(&mut self, mark: &Mark) {
        self.buffer.truncate(mark.buffered);
        self.next = mark.next;
        if let (Some(chain), Some((tree, hashes, since))) = (&mut self.chain, &mark.chain) {
            chain.tree = tree.clone();
            chain.unwritten_hashes.truncate(*hashes);
            chain.uncovered_since = *since;
        }
    }
}
