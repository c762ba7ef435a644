//! The queue in front of a log: callers leave encoded records in memory that is bounded, and one
//! thread seals and writes them in batches.
//!
//! | file | part |
//! |---|---|
//! | `settings.rs` | how much a queue takes, and what it does when it is full |
//! | `chunks.rs` | the memory of the records |
//! | `state.rs` | every step that caller and worker can make, without waiting |
//! | `worker.rs` | the thread |
//! | `ticket.rs` | the answer to one record |
//! | `gap.rs`, `counts.rs` | what was lost, and the books |
//! | `guard.rs` | closing at the end of a scope |

mod chunks;
mod counts;
mod gap;
mod guard;
mod settings;
mod state;
mod ticket;
mod worker;

#[cfg(all(test, shuttle))]
mod model;
#[cfg(all(test, not(shuttle)))]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::format::{Record, UnixTime};
use crate::write::intake::{Intake, LogIntake};
use crate::write::log::AuditLog;
use crate::write::sync::{
    Builder, Condvar, Deadline, JoinHandle, Mutex, MutexGuard, current, lock,
};
use state::{Entry, Phase, State, Worker};
use ticket::{Outcome, Slot, Wakers};

pub(in crate::write) use chunks::{Batch, Piece};
pub use counts::Counts;
pub use guard::Guard;
pub use settings::{OnFull, QueueSettings};
pub use ticket::Ticket;

/// How long a close waits after its deadline for the worker to write the gap and to stop.
const GRACE: Duration = Duration::from_millis(100);

/// A bounded queue in front of an [`AuditLog`]. Cheap to clone; clones share the one queue.
///
/// An append costs its caller the encoding of the record. A thread named `fernlog-queue` seals and
/// writes in batches, each with one write and, in a durable log, one sync. While the disk fails the
/// batch is kept and tried again, the queue fills up, and [`OnFull`] decides what callers see.
///
/// What is queued is in this process only: a crash loses it. [`Queue::flush`] and tickets tell
/// when records are safe. Dropping the last handle closes the queue and waits for what was accepted
/// as long as [`QueueSettings::linger`] says.
///
/// Records stand in the log in the order in which they were queued. Records that are appended to
/// the log directly overtake those that wait.
///
/// ```
/// use std::time::Duration;
///
/// use fernlog::{AuditLog, Key, Keyring, Level, QueueSettings, Record, SigningKey};
///
/// # fn main() -> fernlog::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("audit.log");
/// # let keyring = Keyring::new(Key::generate()?);
/// # let log_key = SigningKey::generate("example.com/payments")?;
/// let log = AuditLog::builder(path).keyring(keyring).log_key(log_key).open()?;
/// let queue = log.queued(QueueSettings::new())?;
/// queue.append(&Record::new(Level::Info, "payment", "refund requested"))?;
/// let ticket = queue.submit(&Record::new(Level::Notice, "payment", "refund approved"))?;
/// assert_eq!(ticket.wait()?.index, 2);
/// queue.close(Duration::from_secs(5))?;
/// log.close()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Queue {
    handle: Arc<Handle>,
}

/// What the clones of a queue share; the worker does not, so that the last clone is noticed.
struct Handle {
    shared: Arc<Shared>,
    settings: QueueSettings,
    /// None once somebody has joined it.
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    /// Wakes the worker.
    work: Condvar,
    /// Wakes callers who wait for room.
    room: Condvar,
    /// Wakes those who flush or close.
    progress: Condvar,
    /// The process that made the queue. A forked child has no worker, and perhaps a lock that
    /// nobody will ever open, so it must not touch anything.
    process: u32,
}

impl AuditLog {
    /// Puts a queue in front of this log, with a thread of its own.
    ///
    /// Close the queue before the log: what is still queued when the log is closed has failed.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for settings that cannot work, and when the system gives no thread.
    pub fn queued(&self, settings: QueueSettings) -> Result<Queue> {
        Queue::new(Box::new(LogIntake::new(self.clone())), settings)
    }
}

impl Queue {
    fn new(intake: Box<dyn Intake>, settings: QueueSettings) -> Result<Self> {
        settings.check()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(&settings)),
            work: Condvar::new(),
            room: Condvar::new(),
            progress: Condvar::new(),
            process: std::process::id(),
        });
        let work = {
            let shared = shared.clone();
            move || worker::run(&shared, &*intake)
        };
        let thread = Builder::new()
            .name("fernlog-queue".to_owned())
            .spawn(work)
            .map_err(|_| Error::Setting { what: "the system gave no thread for the queue" })?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { handle: Arc::new(Handle { shared, settings, thread }) })
    }

    /// Queues a record, with the time of now unless it has one of its own.
    ///
    /// # Errors
    ///
    /// When this returns an error the record was not taken: [`Error::QueueFull`] as [`OnFull`] says;
    /// [`Error::TooLarge`] and [`Error::QueueTooSmall`] for a record that can never be taken;
    /// [`Error::Closed`]; [`Error::NotWritten`] after the log has failed for good;
    /// [`Error::Forked`].
    pub fn append(&self, record: &Record<'_>) -> Result<()> {
        self.enter(record, None)
    }

    /// Queues a record and gives a ticket for what becomes of it.
    ///
    /// # Errors
    ///
    /// As [`Queue::append`].
    pub fn submit(&self, record: &Record<'_>) -> Result<Ticket> {
        let slot = Arc::new(Slot::default());
        self.enter(record, Some(&slot))?;
        Ok(Ticket::new(slot, self.handle.shared.process))
    }

    fn enter(&self, record: &Record<'_>, ticket: Option<&Arc<Slot>>) -> Result<()> {
        let shared = &*self.handle.shared;
        shared.same_process()?;
        let mut state = lock(&shared.state);
        let mut deadline = None;
        loop {
            state.usable()?;
            // Inside the lock: records stand in the log in the order of their times.
            let now = UnixTime::from(SystemTime::now());
            let Entry::Full(length) = state.enter(record, now, ticket)? else { break };
            match self.handle.settings.on_full {
                OnFull::Fail => return Err(Error::QueueFull),
                OnFull::Drop => {
                    state.drop_one(now);
                    if let Some(slot) = ticket {
                        // Nobody can wait yet.
                        slot.settle(Outcome::Dropped, &mut Wakers::default());
                    }
                    break;
                }
                OnFull::Block(patience) => {
                    if state.rouse(true) {
                        shared.work.notify_one();
                    }
                    let deadline = deadline.get_or_insert_with(|| Deadline::after(patience));
                    if deadline.passed() {
                        return Err(Error::QueueFull);
                    }
                    state = shared.wait_for_room(state, length, deadline);
                }
            }
        }
        let wake = state.rouse(ticket.is_some());
        drop(state);
        if wake {
            shared.work.notify_one();
        }
        Ok(())
    }

    /// Waits until everything that was accepted before is in the log with the durability that the
    /// log was opened with, and dropped records are told of in a `gap` record; at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`Error::NotSafe`] says how many records that is not true of; [`Error::Forked`].
    pub fn flush(&self, timeout: Duration) -> Result<()> {
        let shared = &*self.handle.shared;
        shared.same_process()?;
        let mut deadline = Deadline::after(timeout);
        let mut state = lock(&shared.state);
        let mark = state.mark();
        if state.unsafe_up_to(mark) > 0 {
            shared.hurry(&mut state);
        }
        while state.unsafe_up_to(mark) > 0
            && !matches!(state.phase, Phase::Ended(_))
            && !state.is_worker()
            && !deadline.passed()
        {
            state = deadline.wait(&shared.progress, &shared.state, state);
        }
        state.all_safe(mark)
    }

    /// Takes no more records, writes what was accepted and ends the thread. After `timeout` what no
    /// write has in hand is given up, counted as failed and, if that still works, told in a `gap`
    /// record; this returns at most a tenth of a second later.
    ///
    /// # Errors
    ///
    /// [`Error::NotSafe`] says how many records are not in the log; [`Error::Forked`]. The queue is
    /// closed all the same.
    pub fn close(&self, timeout: Duration) -> Result<()> {
        self.handle.close(timeout)
    }

    /// What became of the records so far. All zero in a forked child.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let shared = &*self.handle.shared;
        shared.same_process().map_or(Counts::default(), |()| lock(&shared.state).counts)
    }

    /// A guard that closes the queue, for all clones, when it is dropped; it waits at most
    /// `deadline`.
    pub fn guard(&self, deadline: Duration) -> Guard {
        Guard::new(self.clone(), deadline)
    }
}

impl Handle {
    fn close(&self, timeout: Duration) -> Result<()> {
        let shared = &*self.shared;
        shared.same_process()?;
        let deadline = Deadline::after(timeout);
        let mut state = lock(&shared.state);
        let mark = state.mark();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Closing;
            shared.room.notify_all();
        }
        shared.hurry(&mut state);
        if state.is_worker() {
            // The application let go of the queue in a waker; the worker goes on from there.
            return state.all_safe(mark);
        }
        state = shared.wait_for_end(state, deadline);
        if matches!(state.phase, Phase::Closing) {
            state.phase = Phase::GivenUp;
            let mut wakers = Wakers::default();
            let batch = state.give_up(&mut wakers);
            shared.hurry(&mut state);
            shared.announce(state, wakers);
            drop(batch);
            state = shared.wait_for_end(lock(&shared.state), Deadline::after(GRACE));
        }
        let result = state.all_safe(mark);
        let ended = matches!(state.phase, Phase::Ended(_));
        drop(state);
        // A thread that has not ended is left for a later close to join.
        let thread = if ended { lock(&self.thread).take() } else { None };
        if let Some(thread) = thread {
            // It has nothing left to wait for. If the log panicked, the books say what that cost.
            let joined = thread.join();
            drop(joined);
        }
        result
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(Error::Forked) = self.close(self.settings.linger) {
            // In a child there is no such thread; letting go of it would touch what is not there.
            let thread = self.thread.get_mut().map(Option::take);
            std::mem::forget(thread);
        }
    }
}

impl Shared {
    fn same_process(&self) -> Result<()> {
        if std::process::id() == self.process { Ok(()) } else { Err(Error::Forked) }
    }

    /// Waits until `length` bytes may be free, the queue is closed, or the deadline has passed.
    fn wait_for_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        length: usize,
        deadline: &mut Deadline,
    ) -> MutexGuard<'a, State> {
        loop {
            state = deadline.wait(&self.room, &self.state, state);
            if deadline.passed() || state.usable().is_err() || state.store.may_take(length) {
                return state;
            }
        }
    }

    fn wait_for_end<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        mut deadline: Deadline,
    ) -> MutexGuard<'a, State> {
        while !matches!(state.phase, Phase::Ended(_)) && !deadline.passed() {
            state = deadline.wait(&self.progress, &self.state, state);
        }
        state
    }

    /// Makes the worker look now, also when it pauses after a failure.
    fn hurry(&self, state: &mut State) {
        state.urgent = true;
        if state.rouse(true) || state.worker == Worker::Pauses {
            self.work.notify_one();
        }
    }

    /// Lets everybody know who may have waited for what has just changed.
    fn announce(&self, state: MutexGuard<'_, State>, wakers: Wakers) {
        drop(state);
        self.room.notify_all();
        self.progress.notify_all();
        wakers.wake();
    }
}

impl State {
    /// Whether the worker itself asks, which happens in wakers. It cannot wait for itself.
    fn is_worker(&self) -> bool {
        self.thread == Some(current().id())
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("settings", &self.handle.settings).finish_non_exhaustive()
    }
}
