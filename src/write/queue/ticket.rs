//! What [`Queue::submit`](super::Queue::submit) gives: a place where the answer will be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::write::log::Receipt;
use crate::write::sync::{Condvar, Deadline, Mutex, lock};

#[cfg(feature = "future")]
use std::task::Waker;

/// The answer to one record that was queued: its [`Receipt`], or why it is not in the log.
///
/// With the feature `future` it can be awaited, on any runtime. A ticket that is dropped takes
/// nothing back.
#[must_use = "a ticket tells whether the record is safe; use `append` if nobody asks"]
pub struct Ticket {
    slot: Arc<Slot>,
    process: u32,
}

/// What became of a record.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Taken(Receipt),
    Dropped,
    NotWritten(Option<Arc<Error>>),
}

/// Where worker and ticket meet.
#[derive(Debug, Default)]
pub(super) struct Slot {
    answer: Mutex<Answer>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct Answer {
    outcome: Option<Outcome>,
    #[cfg(feature = "future")]
    waker: Option<Waker>,
}

impl Slot {
    /// Gives the answer. Wakers are the application's code, so they are called later, outside of
    /// all locks.
    pub(super) fn settle(&self, outcome: Outcome, wakers: &mut Wakers) {
        let mut answer = lock(&self.answer);
        answer.outcome = Some(outcome);
        self.ready.notify_all();
        #[cfg(feature = "future")]
        wakers.0.extend(answer.waker.take());
        #[cfg(not(feature = "future"))]
        let _ = wakers;
    }
}

/// Tasks that wait for answers that are there now.
#[derive(Debug, Default)]
pub(super) struct Wakers(#[cfg(feature = "future")] Vec<Waker>);

impl Wakers {
    pub(super) fn wake(self) {
        #[cfg(feature = "future")]
        self.0.into_iter().for_each(Waker::wake);
    }
}

impl Outcome {
    fn answer(self) -> Result<Receipt> {
        match self {
            Self::Taken(receipt) => Ok(receipt),
            Self::Dropped => Err(Error::Dropped),
            Self::NotWritten(cause) => Err(Error::NotWritten { cause }),
        }
    }
}

impl Ticket {
    pub(super) fn new(slot: Arc<Slot>, process: u32) -> Self {
        Self { slot, process }
    }

    /// Waits for the answer, for as long as it takes.
    ///
    /// # Errors
    ///
    /// [`Error::Dropped`], [`Error::NotWritten`]: the record is not in the log. [`Error::Forked`] in
    /// a child of the process that queued it.
    pub fn wait(&self) -> Result<Receipt> {
        // The longest wait has no end, so there always is an answer.
        self.wait_timeout(Duration::MAX).unwrap_or(Err(Error::NotWritten { cause: None }))
    }

    /// Waits for the answer at most so long; none if it has not come.
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Result<Receipt>> {
        if std::process::id() != self.process {
            return Some(Err(Error::Forked));
        }
        let mut deadline = Deadline::after(timeout);
        let mut answer = lock(&self.slot.answer);
        loop {
            if let Some(outcome) = answer.outcome.clone() {
                return Some(outcome.answer());
            }
            if deadline.passed() {
                return None;
            }
            answer = deadline.wait(&self.slot.ready, &self.slot.answer, answer);
        }
    }
}

#[cfg(feature = "future")]
impl Future for Ticket {
    type Output = Result<Receipt>;

    fn poll(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        if std::process::id() != self.process {
            return std::task::Poll::Ready(Err(Error::Forked));
        }
        let mut answer = lock(&self.slot.answer);
        match answer.outcome.clone() {
            Some(outcome) => std::task::Poll::Ready(outcome.answer()),
            None => {
                let waker = context.waker();
                match &mut answer.waker {
                    Some(known) => known.clone_from(waker),
                    none => *none = Some(waker.clone()),
                }
                std::task::Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}
