//! The way through a queue, so that a slow disk does not slow the input down. When the queue is
//! full the run ends, or lines are dropped and counted. A disk that fails ends the run in any case.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use fernlog::write::{Queue, QueueSettings, Ticket};
use fernlog::{AuditLog, Error, Record};

use super::acks::Acks;
use super::run::{Books, Dropped, Ended, Taken, Way};
use super::stdin::Halt;
use crate::failure::Failure;

/// How long a record may be on its way before somebody asks whether the disk fails.
const LOOK: Duration = Duration::from_millis(250);
/// How often that is asked while lines are dropped.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a slow disk is waited for before it is asked whether it fails.
const SLOW: Duration = Duration::from_secs(1);

pub(super) struct Queued<'scope, 'r> {
    log: AuditLog,
    queue: Queue,
    /// Tickets and their lines, in the order of the log.
    tickets: Sender<(Ticket, u64)>,
    settler: ScopedJoinHandle<'scope, Settled<'r>>,
    dropped: Dropped,
    looked: Option<Instant>,
}

/// What the settler has seen.
struct Settled<'r> {
    books: Books,
    acks: Acks<'r>,
    failure: Option<Arc<Error>>,
}

impl<'scope, 'r: 'scope> Queued<'scope, 'r> {
    /// Puts a queue in front of the log. `halt` ends the input when the disk fails.
    ///
    /// # Errors
    ///
    /// Settings that cannot work; the system gives no thread.
    pub(super) fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        log: AuditLog,
        settings: QueueSettings,
        acks: Acks<'r>,
        halt: Halt,
    ) -> Result<Self, Failure> {
        let queue = log.queued(settings)?;
        let (tickets, waiting) = mpsc::channel();
        let watched = queue.clone();
        let settler = scope.spawn(move || settle(&waiting, &watched, acks, &halt));
        Ok(Queued { log, queue, tickets, settler, dropped: Dropped::default(), looked: None })
    }

    /// The reason why nothing gets through, if it is that the disk fails and not that it is slow.
    fn failing(&mut self) -> Option<Failure> {
        if self.looked.is_some_and(|looked| looked.elapsed() < PAUSE) {
            return None;
        }
        self.looked = Some(Instant::now());
        cause(&self.queue, Duration::ZERO).map(|cause| Failure::from(&*cause))
    }
}

impl<'scope, 'r: 'scope> Way for Queued<'scope, 'r> {
    fn take(&mut self, record: &Record<'_>, line: u64) -> Result<Taken, Failure> {
        let ticket = match self.queue.submit(record) {
            Ok(ticket) => ticket,
            Err(Error::TooLarge { .. } | Error::QueueTooSmall { .. }) => return Ok(Taken::TooLong),
            Err(Error::QueueFull) => {
                return Err(self.failing().unwrap_or_else(|| {
                    Failure::usage("the queue is full: the disk is slower than the input")
                        .hint("--on-full block lets the input wait; --queue-size gives more room")
                }));
            }
            Err(error) => return Err(error.into()),
        };
        // At once, so that tickets of dropped lines do not gather behind those that wait.
        if let Some(Err(Error::Dropped)) = ticket.wait_timeout(Duration::ZERO) {
            self.dropped.note(line);
            return self.failing().map_or(Ok(Taken::Yes), Err);
        }
        // The settler ends when this end of the channel does.
        let _ = self.tickets.send((ticket, line));
        Ok(Taken::Yes)
    }

    fn settle(&mut self) -> Result<(), Failure> {
        // The queue writes by itself, and the settler acknowledges.
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<(), Failure>) -> Ended {
        let Queued { log, queue, tickets, settler, dropped, .. } = *self;
        // A disk that is only slow is waited for, whatever ended the input.
        let failing = wait_for_all(&queue);
        let closed = queue.close(if failing.is_some() { Duration::ZERO } else { SLOW });
        drop(tickets);
        let Ok(Settled { mut books, acks, failure }) = settler.join() else {
            let outcome = Err(Failure::usage("a thread of this program has failed"));
            return Ended { outcome, books: Books::default(), unread: None };
        };
        books.dropped = dropped;
        let failed = failing.or(failure).map(|cause| Failure::from(&*cause));
        // What is in is to be covered, also after a failure.
        let head = log.close();
        let outcome = match (outcome, failed, closed) {
            (Err(failure), ..) | (Ok(()), Some(failure), _) => Err(failure),
            (Ok(()), None, Err(error)) => Err(error.into()),
            (Ok(()), None, Ok(())) => head.map_err(Failure::from),
        };
        Ended { outcome, books, unread: acks.unread() }
    }
}

/// Why the last attempt to write has failed, if `queue` does not get done within `patience`.
fn cause(queue: &Queue, patience: Duration) -> Option<Arc<Error>> {
    match queue.flush(patience) {
        Err(Error::NotSafe { cause, .. }) => cause,
        _ => None,
    }
}

/// Waits until everything is in; gives the reason when the disk fails.
fn wait_for_all(queue: &Queue) -> Option<Arc<Error>> {
    loop {
        match queue.flush(SLOW) {
            Err(Error::NotSafe { cause: None, .. }) if queue.counts().pending > 0 => {}
            Err(Error::NotSafe { cause, .. }) => return cause,
            _ => return None,
        }
    }
}

/// Waits for one ticket after the other, until there are no more, and acknowledges.
fn settle<'r>(
    tickets: &Receiver<(Ticket, u64)>,
    queue: &Queue,
    acks: Acks<'r>,
    halt: &Halt,
) -> Settled<'r> {
    let mut settled = Settled { books: Books::default(), acks, failure: None };
    loop {
        let (ticket, line) = match tickets.try_recv() {
            Ok(next) => next,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                // Before a wait, what is safe is told.
                settled.acks.print();
                let Ok(next) = tickets.recv() else { break };
                next
            }
        };
        match settled.answer(&ticket, queue, halt) {
            Ok(receipt) => {
                settled.books.note(receipt.index, line);
                settled.acks.add(receipt.index);
            }
            // Counted when it was submitted.
            Err(Error::Dropped) => {}
            Err(error) => {
                settled.failure.get_or_insert_with(|| Arc::new(error));
            }
        }
    }
    settled.acks.print();
    settled
}

impl Settled<'_> {
    /// Waits for the answer of a ticket. When the disk fails in the meantime, ends the input.
    fn answer(
        &mut self,
        ticket: &Ticket,
        queue: &Queue,
        halt: &Halt,
    ) -> fernlog::Result<fernlog::Receipt> {
        let mut patience = Duration::ZERO;
        loop {
            if let Some(answer) = ticket.wait_timeout(mem::replace(&mut patience, LOOK)) {
                return answer;
            }
            self.acks.print();
            if self.failure.is_none()
                && let Some(cause) = cause(queue, Duration::ZERO)
            {
                self.failure = Some(cause);
                halt.pull();
            }
        }
    }
}
