//! What callers and worker share, and every step that it can make. Nothing in here waits.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::crypto::line_length;
use crate::error::{Error, Result};
use crate::format::{LONGEST_SEQ, MAX_LINE, Record, UnixTime};
use crate::write::log::Receipt;
use crate::write::queue::chunks::{Batch, Chunk, FRAME, NoRoom, Store};
use crate::write::queue::counts::Counts;
use crate::write::queue::gap::{CLOSED, FULL, Gap};
use crate::write::queue::settings::QueueSettings;
use crate::write::queue::ticket::{Outcome, Slot, Wakers};
use crate::write::sync::ThreadId;

/// About how many bytes of records are written at once.
const BATCH: usize = 1 << 20;

/// The most bytes that a record may take, so that its line is not over the cap whichever number it
/// gets.
const LONGEST: usize = {
    let mut body = MAX_LINE / 4 * 3;
    while line_length(LONGEST_SEQ + body) > MAX_LINE {
        body -= 1;
    }
    FRAME + body
};

/// Where a queue stands in its life.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// It takes records.
    Open,
    /// It takes none and writes what it has.
    Closing,
    /// The deadline for closing has passed: only gaps are still to be written, once.
    GivenUp,
    /// The worker has stopped, and why if it had to.
    Ended(Option<Arc<Error>>),
}

/// What the worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    Busy,
    /// Pauses for a moment and will look by itself.
    Naps,
    /// Waits until it is woken.
    Sleeps,
    /// Waits after a failure; only [`State::urgent`] wakes it.
    Pauses,
}

/// Everything under the one lock of a queue.
#[derive(Debug)]
pub(super) struct State {
    pub(super) store: Store,
    pub(super) counts: Counts,
    pub(super) phase: Phase,
    pub(super) worker: Worker,
    /// The thread of the worker.
    pub(super) thread: Option<ThreadId>,
    /// Somebody waits for the disk: a pause after a failure ends now.
    pub(super) urgent: bool,
    /// What the last attempt to write failed with; none since one succeeded.
    pub(super) cause: Option<Arc<Error>>,
    /// Those who wait for an answer, by the number of their record, oldest first.
    tickets: VecDeque<(u64, Arc<Slot>)>,
    /// Records that entered the store so far: the number of the next one.
    entered: u64,
    /// Records that are in the log: all with a lower number, for a record that fails is followed by
    /// none that does not.
    safe: u64,
    /// Losses that no record tells of and no batch has.
    gaps: Vec<Gap>,
    /// Records dropped so far, and those of which the log tells.
    dropped: u64,
    told: u64,
}

/// What an append came to.
pub(super) enum Entry {
    /// The record is in the store.
    Taken,
    /// It has to wait for this many bytes.
    Full(usize),
}

/// Everything that was accepted up to some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    entered: u64,
    dropped: u64,
}

impl State {
    pub(super) fn new(settings: &QueueSettings) -> Self {
        Self {
            store: Store::new(settings.bytes, settings.records),
            counts: Counts::default(),
            phase: Phase::Open,
            worker: Worker::Busy,
            thread: None,
            urgent: false,
            cause: None,
            tickets: VecDeque::new(),
            entered: 0,
            safe: 0,
            gaps: Vec::new(),
            dropped: 0,
            told: 0,
        }
    }

    /// Tells why nothing can be appended any more.
    pub(super) fn usable(&self) -> Result<()> {
        match &self.phase {
            Phase::Open => Ok(()),
            Phase::Ended(Some(cause)) => Err(Error::NotWritten { cause: Some(cause.clone()) }),
            Phase::Closing | Phase::GivenUp | Phase::Ended(None) => Err(Error::Closed),
        }
    }

    /// Takes a record into the store, if there is room.
    pub(super) fn enter(
        &mut self,
        record: &Record<'_>,
        now: UnixTime,
        ticket: Option<&Arc<Slot>>,
    ) -> Result<Entry> {
        match self.store.push(record, now, LONGEST) {
            Ok(()) => {
                self.counts.enter();
                if let Some(slot) = ticket {
                    self.tickets.push_back((self.entered, slot.clone()));
                }
                self.entered += 1;
                Ok(Entry::Taken)
            }
            Err(NoRoom::Full(length)) => Ok(Entry::Full(length)),
            Err(NoRoom::Never(length)) if length > LONGEST => {
                let length = line_length(LONGEST_SEQ + length - FRAME);
                Err(Error::TooLarge { length, most: MAX_LINE })
            }
            Err(NoRoom::Never(length)) => {
                Err(Error::QueueTooSmall { length, most: self.store.most_bytes() })
            }
        }
    }

    /// Counts a record that is dropped.
    pub(super) fn drop_one(&mut self, now: UnixTime) {
        self.counts.refuse();
        self.dropped += 1;
        Gap::one(now, FULL).add(&mut self.gaps);
    }

    /// Says that the worker must be woken now, if somebody has to do that. An eager caller does not
    /// let it nap.
    pub(super) fn rouse(&mut self, eager: bool) -> bool {
        let wakes = match self.worker {
            Worker::Busy | Worker::Pauses => false,
            Worker::Sleeps => true,
            Worker::Naps => eager || self.store.is_half_full(),
        };
        if wakes {
            self.worker = Worker::Busy;
        }
        wakes
    }

    pub(super) fn has_work(&self) -> bool {
        self.store.waiting() > 0 || !self.gaps.is_empty()
    }

    /// The next records for the log, and before them what the log must be told.
    pub(super) fn take(&mut self, now: UnixTime) -> (Batch, Vec<Gap>) {
        let gaps = std::mem::take(&mut self.gaps);
        // A gap record has some 200 bytes.
        let mut news = Chunk::new(gaps.len() * 512);
        for gap in &gaps {
            let fits = news.push(&gap.record(), now, usize::MAX);
            debug_assert!(fits.is_ok());
        }
        self.urgent = false;
        (self.store.take(BATCH, news), gaps)
    }

    /// Notes that the gap records of a batch are in the log.
    pub(super) fn told(&mut self, gaps: impl Iterator<Item = Gap>) {
        self.told += gaps.map(|gap| gap.dropped()).sum::<u64>();
    }

    /// Notes that records are in the log, oldest first.
    pub(super) fn stored(&mut self, receipts: &[Receipt], wakers: &mut Wakers) {
        let first = self.safe;
        self.safe += receipts.len() as u64;
        self.counts.store(receipts.len() as u64);
        while let Some((number, _)) = self.tickets.front()
            && *number < self.safe
            && let Some((number, slot)) = self.tickets.pop_front()
        {
            if let Some(receipt) = receipts.get((number - first) as usize) {
                slot.settle(Outcome::Taken(*receipt), wakers);
            }
        }
    }

    /// Takes back what a failed attempt left, to be tried again.
    pub(super) fn put_back(&mut self, batch: Batch, gaps: Vec<Gap>) {
        self.store.put_back(batch);
        gaps.into_iter().for_each(|gap| gap.add(&mut self.gaps));
    }

    /// Gives up all records that no worker holds; the caller wipes them outside of the lock.
    pub(super) fn give_up(&mut self, wakers: &mut Wakers) -> Batch {
        let kept = self.safe + self.store.in_work() as u64;
        let batch = self.store.take(usize::MAX, Chunk::new(0));
        self.counts.give_up(batch.records as u64);
        for piece in batch.pieces() {
            let time = UnixTime::from_token(piece.time);
            Gap::one(time, CLOSED).add(&mut self.gaps);
        }
        let place = self.tickets.partition_point(|(number, _)| *number < kept);
        for (_, slot) in self.tickets.drain(place..) {
            slot.settle(Outcome::NotWritten(self.cause.clone()), wakers);
        }
        self.store.forget(&batch);
        batch
    }

    /// Ends the queue: everything that is left has failed.
    pub(super) fn end(&mut self, cause: Option<Arc<Error>>, wakers: &mut Wakers) -> Batch {
        let batch = self.give_up(wakers);
        // Only a log that panicked leaves records in work.
        self.counts.give_up(self.store.in_work() as u64);
        for (_, slot) in self.tickets.drain(..) {
            slot.settle(Outcome::NotWritten(self.cause.clone()), wakers);
        }
        self.phase = Phase::Ended(cause);
        batch
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { entered: self.entered, dropped: self.dropped }
    }

    /// How many of what was accepted up to `mark` are not in the log; a dropped record counts until
    /// the log tells of it.
    pub(super) fn unsafe_up_to(&self, mark: Mark) -> u64 {
        mark.entered.saturating_sub(self.safe) + mark.dropped.saturating_sub(self.told)
    }

    /// An error if there is such a record.
    pub(super) fn all_safe(&self, mark: Mark) -> Result<()> {
        match self.unsafe_up_to(mark) {
            0 => Ok(()),
            records => Err(Error::NotSafe { records, cause: self.cause.clone() }),
        }
    }
}
