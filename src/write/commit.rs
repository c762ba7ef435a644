//! Group commit: threads that append durably at the same time share one sync.
//!
//! Each thread writes its own line, under the lock. Then the first one that finds nobody syncing
//! becomes the leader: it syncs without the lock, for itself and for all whose lines were written
//! by then. The others wait; those who came too late for this sync elect the next leader.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Conflict, Error, Result};
use crate::format::{Record, UnixTime};
use crate::write::log::{Durability, Head, Receipt};
use crate::write::writer::Writer;

/// Pauses between two tries of an append that was told to be patient.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// How long appends wait, and for what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// A leader waits so long for others before it syncs.
    pub(super) commit_wait: Duration,
    /// An append tries so long to write to a disk that refuses.
    pub(super) patience: Duration,
}

/// What all clones of a handle share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Told when a sync has ended.
    synced: Condvar,
    durability: Durability,
    pace: Pace,
    /// The process that opened the log; a forked child must not write into it.
    process: u32,
}

struct State {
    /// None after `close`.
    writer: Option<Writer>,
    /// All entries below this index are durable.
    durable: u64,
    /// The sync of those from `durable` to below this index failed.
    failed: u64,
    /// What the threads that wait for them are told.
    failure: Option<Error>,
}

type Guard<'s> = MutexGuard<'s, State>;

impl Shared {
    pub(super) fn new(writer: Writer, durability: Durability, pace: Pace) -> Self {
        // Opening has synced what it found.
        let durable = writer.next;
        let writer = Some(writer);
        let state = State { writer, durable, failed: 0, failure: None };
        Self {
            state: Mutex::new(state),
            synced: Condvar::new(),
            durability,
            pace,
            process: std::process::id(),
        }
    }

    pub(super) fn durability(&self) -> Durability {
        self.durability
    }

    pub(super) fn process(&self) -> u32 {
        self.process
    }

    /// Appends a record and waits until it has this durability, as patiently as it was told to.
    pub(super) fn append(&self, record: &Record<'_>, durability: Durability) -> Result<Receipt> {
        let mut started = None;
        let mut pause = PAUSES.0;
        loop {
            let refused = match self.append_once(record, durability) {
                Err(Refused::Whole(error)) => error,
                Err(Refused::Unsure(error)) => return Err(error),
                Ok(receipt) => return Ok(receipt),
            };
            let waited = started.get_or_insert_with(Instant::now).elapsed();
            // What is wrong with more than the disk does not pass.
            if waited >= self.pace.patience || !matches!(refused, Error::Io { .. }) {
                if let Some(writer) = &mut self.lock()?.writer {
                    writer.refused(&refused, now());
                }
                return Err(refused);
            }
            std::thread::sleep(pause.min(self.pace.patience - waited));
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    fn append_once(&self, record: &Record<'_>, durability: Durability) -> Result<Receipt, Refused> {
        let mut state = self.lock().map_err(Refused::Whole)?;
        let receipt = loop {
            let writer = state.writer.as_mut().ok_or(Refused::Whole(Error::Closed))?;
            // Inside the lock: records stand in the log in the order of their times.
            let appended = writer.append(record, durability, now(), self.process);
            match appended.map_err(Refused::Whole)? {
                Some(receipt) => break receipt,
                None => state = self.wait(state),
            }
        };
        if durability < Durability::Durable {
            return Ok(receipt);
        }
        self.commit(state, receipt.index).map_err(Refused::Unsure)?;
        Ok(Receipt { durability, ..receipt })
    }

    /// Returns when the entry `index`, which was written with [`Shared::with`], is durable.
    pub(super) fn commit_written(&self, index: u64) -> Result<()> {
        let state = self.lock()?;
        self.commit(state, index)
    }

    /// Returns when the entry `index`, which is written, is durable.
    fn commit<'s>(&'s self, mut state: Guard<'s>, index: u64) -> Result<()> {
        loop {
            if let Some(writer) = state.writer.as_ref().filter(|writer| writer.given_up > index) {
                let (path, what) = (writer.path.active(), Conflict::CutByOthers);
                return Err(Error::Conflict { path, what });
            }
            if state.durable > index {
                return Ok(());
            }
            if state.failed > index {
                return Err(state.failure.as_ref().map_or(Error::Closed, again));
            }
            let Some(writer) = &mut state.writer else { return Err(Error::Closed) };
            if writer.syncing {
                state = self.wait(state);
                continue;
            }
            if writer.is_in_trouble() {
                // Whoever came first has made a mess of the file.
                let mended = writer.mend(now());
                state.settle(mended);
                self.synced.notify_all();
                continue;
            }
            state = self.lead(state);
        }
    }

    /// As if a thread had written the entry `index` and waited since.
    #[cfg(test)]
    pub(super) fn commit_alone(&self, index: u64) -> Result<()> {
        let mut state = self.locked();
        state.durable = state.durable.min(index);
        self.commit(state, index)
    }

    /// Syncs for everybody whose line is written.
    fn lead<'s>(&'s self, mut state: Guard<'s>) -> Guard<'s> {
        let Some(writer) = &mut state.writer else { return state };
        writer.syncing = true;
        if !self.pace.commit_wait.is_zero() {
            drop(state);
            std::thread::sleep(self.pace.commit_wait);
            state = self.locked();
        }
        let Some(writer) = &mut state.writer else { return state };
        let log = Arc::clone(&writer.log);
        let length = writer.pending.written().len();
        let target = writer.next - writer.pending.unwritten_lines();
        drop(state);
        let result = log.sync();
        // Before the lock is taken: whoever replaces the file must hold the only descriptor.
        drop(log);
        state = self.locked();
        if let Some(writer) = &mut state.writer {
            writer.syncing = false;
            match writer.synced(result, length, now()) {
                Ok(()) => state.durable = state.durable.max(target),
                Err(error) => state.settle(Err(error)),
            }
        }
        self.synced.notify_all();
        state
    }

    /// Runs `work` with the writer and the time, while nobody syncs.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Writer, UnixTime) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.lock()?;
        while state.writer.as_ref().is_some_and(|writer| writer.syncing) {
            state = self.wait(state);
        }
        let result = work(state.writer.as_mut().ok_or(Error::Closed)?, now());
        state.note_durable();
        // Threads whose lines this has synced need no leader any more.
        self.synced.notify_all();
        result
    }

    /// Does what is due, or will be due in a while.
    pub(super) fn tick(&self, ahead: Duration) -> Result<()> {
        self.with(|writer, now| writer.tick(now, ahead))
    }

    /// Covers everything with a checkpoint and gives the files back.
    pub(super) fn close(&self) -> Result<Head> {
        let process = self.process;
        let flushed = self.with(|writer, now| writer.finish(now, process).map(|()| writer.head()));
        // Not under the lock: others need not wait to be told that the log is closed.
        let writer = self.lock().ok().and_then(|mut state| state.writer.take());
        self.synced.notify_all();
        if let Some(mut writer) = writer {
            writer.closed.finish();
        }
        flushed
    }

    fn lock(&self) -> Result<Guard<'_>> {
        if std::process::id() == self.process { Ok(self.locked()) } else { Err(Error::Forked) }
    }

    /// A panic while the lock was held leaves a writer whose state is only ever advanced after a
    /// step has succeeded, so it may go on.
    fn locked(&self) -> Guard<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: Guard<'s>) -> Guard<'s> {
        self.synced.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an append failed, and whether its record may be in the log all the same.
enum Refused {
    Whole(Error),
    Unsure(Error),
}

impl State {
    /// Everything that is not pending is durable.
    fn note_durable(&mut self) {
        if let Some(writer) = &self.writer
            && writer.pending.len() == 0
            && !writer.is_in_trouble()
        {
            self.durable = writer.next;
        }
    }

    fn settle(&mut self, result: Result<()>) {
        match (result, &self.writer) {
            (Ok(()), _) => self.note_durable(),
            (Err(error), Some(writer)) => {
                self.failed = writer.next;
                self.failure = Some(error);
            }
            (Err(_), None) => {}
        }
    }
}

/// The same error for the next thread that was waiting.
fn again(error: &Error) -> Error {
    match error {
        Error::Conflict { path, what } => {
            Error::Conflict { path: path.clone(), what: what.clone() }
        }
        Error::Exists { path } => Error::Exists { path: path.clone() },
        Error::Io { action, path, source } => {
            let code = source.raw_os_error();
            let source = code.map_or_else(|| source.kind().into(), io::Error::from_raw_os_error);
            Error::Io { action, path: path.clone(), source }
        }
        Error::Locked { path, holder } => {
            Error::Locked { path: path.clone(), holder: holder.clone() }
        }
        Error::Random => Error::Random,
        _ => Error::Closed,
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Best effort by nature: `close` is for those who want to know. A forked child is turned
        // away by `with`.
        let process = self.process;
        let closed = self.with(|writer, now| writer.finish(now, process));
        drop(closed);
    }
}

/// The time below which nobody asks for it.
pub(super) fn now() -> UnixTime {
    #[cfg(test)]
    if let Some(told) = crate::write::campaign::disk::clock() {
        return told;
    }
    UnixTime::from(SystemTime::now())
}
