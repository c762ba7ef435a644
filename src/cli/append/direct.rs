//! The way without a queue. Lines that come together are written together; before the input is
//! waited for, everything has the durability that was asked for and is acknowledged. A slow disk
//! slows the input down.

use std::collections::VecDeque;

use fernlog::{AuditLog, Durability, Error, Head, Record};

use super::acks::Acks;
use super::run::{Books, Ended, Taken, Way};
use crate::failure::Failure;

/// Records that may wait for their acknowledgement while more lines are there already.
const BATCH: usize = 4096;

pub(super) struct Direct<'r> {
    log: AuditLog,
    durability: Durability,
    acks: Acks<'r>,
    books: Books,
    /// Index and line of the records that came last, more than the log holds back at any time.
    recent: VecDeque<(u64, u64)>,
    unsettled: usize,
}

impl<'r> Direct<'r> {
    pub(super) fn new(log: AuditLog, durability: Durability, acks: Acks<'r>) -> Self {
        let recent = VecDeque::with_capacity(BATCH);
        Direct { log, durability, acks, books: Books::default(), recent, unsettled: 0 }
    }

    fn reach(&mut self, durability: Durability) -> Result<(), Failure> {
        self.log.reach(durability)?;
        self.unsettled = 0;
        self.acks.print();
        Ok(())
    }

    /// Takes off the books what the log still holds back.
    fn forget_lost(&mut self, head: fernlog::Result<Head>) {
        let lost = head.map_or(self.books.count, |head| head.buffered).min(self.books.count);
        self.books.count -= lost;
        let kept = usize::try_from(lost).ok().and_then(|lost| self.recent.iter().rev().nth(lost));
        self.books.last = kept.copied().filter(|_| self.books.count > 0);
    }
}

impl Way for Direct<'_> {
    fn take(&mut self, record: &Record<'_>, line: u64) -> Result<Taken, Failure> {
        let receipt = match self.log.append_with(record, Durability::Buffered) {
            Ok(receipt) => receipt,
            Err(Error::TooLarge { .. }) => return Ok(Taken::TooLong),
            Err(error) => return Err(error.into()),
        };
        self.books.note(receipt.index, line);
        if self.recent.len() == BATCH {
            self.recent.pop_front();
        }
        self.recent.push_back((receipt.index, line));
        self.acks.add(receipt.index);
        self.unsettled += 1;
        if self.unsettled == BATCH {
            self.reach(self.durability)?;
        }
        Ok(Taken::Yes)
    }

    fn settle(&mut self) -> Result<(), Failure> {
        // Whatever durability: nothing stays in this process while it waits.
        self.reach(self.durability.max(Durability::Written))
    }

    fn end(mut self: Box<Self>, outcome: Result<(), Failure>) -> Ended {
        let flushed = self.log.flush();
        let outcome = match (outcome, flushed) {
            (Ok(()), Ok(_)) => self.log.clone().close().map_err(Failure::from),
            (Err(failure), Ok(head)) => {
                self.forget_lost(Ok(head));
                Err(failure)
            }
            (outcome, Err(error)) => {
                self.forget_lost(self.log.head());
                Err(outcome.err().unwrap_or_else(|| error.into()))
            }
        };
        Ended { outcome, books: self.books, unread: self.acks.unread() }
    }
}
