//! The one thread of a queue: it takes what has gathered, hands it to the log, and tells what came
//! of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Conflict, Error};
use crate::format::UnixTime;
use crate::write::intake::Intake;
use crate::write::log::Receipt;
use crate::write::queue::Shared;
use crate::write::queue::chunks::Batch;
use crate::write::queue::gap::Gap;
use crate::write::queue::state::{Phase, State, Worker};
use crate::write::queue::ticket::Wakers;
use crate::write::sync::{Deadline, MutexGuard, current, lock, wait};

/// How long appends may gather before the worker looks at them by itself. So an application that
/// appends all the time never pays for waking the worker.
const NAP: Duration = Duration::from_millis(1);
/// The pauses between attempts while the disk fails: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_millis(500);

/// Works until the queue has ended.
pub(super) fn run(shared: &Shared, intake: &dyn Intake) {
    // Also when the log panics: nobody must wait for a worker that is gone.
    let _ended = Ended { shared };
    lock(&shared.state).thread = Some(current().id());
    let mut taken = Vec::new();
    let mut pause = FIRST_PAUSE;
    while let Some((batch, gaps)) = next(shared) {
        taken.clear();
        let result = intake.take(&batch, &mut taken);
        match (result, settle(shared, batch, gaps, &taken)) {
            (Ok(()), None) => pause = FIRST_PAUSE,
            (result, left) => {
                if !go_on(shared, result.err(), left, pause) {
                    return;
                }
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
    }
}

/// Waits for records or losses. None when the queue is closing and has none.
fn next(shared: &Shared) -> Option<(Batch, Vec<Gap>)> {
    let mut state = lock(&shared.state);
    loop {
        if state.has_work() {
            state.worker = Worker::Busy;
            // A gap record has the time at which the log is told.
            return Some(state.take(UnixTime::from(SystemTime::now())));
        }
        if !matches!(state.phase, Phase::Open) {
            return None;
        }
        state.worker = Worker::Naps;
        let mut nap = Deadline::after(NAP);
        while state.worker == Worker::Naps && !nap.passed() {
            state = nap.wait(&shared.work, &shared.state, state);
        }
        if state.worker == Worker::Naps && !state.has_work() {
            state.worker = Worker::Sleeps;
            while state.worker == Worker::Sleeps {
                state = wait(&shared.work, state);
            }
        }
    }
}

/// Tells what is in the log now; gives what is not.
fn settle(
    shared: &Shared,
    mut batch: Batch,
    mut gaps: Vec<Gap>,
    taken: &[Receipt],
) -> Option<(Batch, Vec<Gap>)> {
    let (told, receipts) = taken.split_at(gaps.len().min(taken.len()));
    // Wiping takes its time, so it is done before the lock is taken.
    let (freed, empty) = batch.settle(receipts.len());
    let mut wakers = Wakers::default();
    let mut state = lock(&shared.state);
    state.told(gaps.drain(..told.len()));
    state.stored(receipts, &mut wakers);
    state.store.settled(receipts.len(), freed, empty);
    let done = gaps.is_empty() && batch.records == 0;
    if done {
        state.cause = None;
    }
    shared.announce(state, wakers);
    if done { None } else { Some((batch, gaps)) }
}

/// After a failure: keeps what was not written, pauses, and says whether to try again.
fn go_on(
    shared: &Shared,
    error: Option<Error>,
    left: Option<(Batch, Vec<Gap>)>,
    pause: Duration,
) -> bool {
    let cause = error.map(Arc::new);
    let mut state = lock(&shared.state);
    let records = left.as_ref().map_or(0, |(batch, _)| batch.records);
    if let Some((batch, gaps)) = left {
        state.put_back(batch, gaps);
    }
    state.cause.clone_from(&cause);
    if cause.as_deref().is_some_and(is_final) {
        end(shared, state, cause);
        return false;
    }
    if matches!(state.phase, Phase::GivenUp) {
        let mut wakers = Wakers::default();
        let batch = state.give_up(&mut wakers);
        shared.announce(state, wakers);
        drop(batch);
        // Gaps alone are tried once.
        return records > 0;
    }
    state.worker = Worker::Pauses;
    let mut deadline = Deadline::after(pause);
    while !state.urgent && !deadline.passed() {
        state = deadline.wait(&shared.work, &shared.state, state);
    }
    state.worker = Worker::Busy;
    true
}

/// Whether no later attempt can succeed.
fn is_final(error: &Error) -> bool {
    match error {
        // The log goes on in a new segment.
        Error::Conflict { what: Conflict::CutByOthers, .. } => false,
        Error::Closed | Error::Conflict { .. } | Error::Forked | Error::TooLarge { .. } => true,
        _ => false,
    }
}

/// Ends the queue: what is left has failed.
fn end(shared: &Shared, mut state: MutexGuard<'_, State>, cause: Option<Arc<Error>>) {
    let mut wakers = Wakers::default();
    let batch = state.end(cause, &mut wakers);
    shared.announce(state, wakers);
    drop(batch);
}

/// Ends the queue when the worker stops, however that comes.
struct Ended<'a> {
    shared: &'a Shared,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let state = lock(&self.shared.state);
        if !matches!(state.phase, Phase::Ended(_)) {
            end(self.shared, state, None);
        }
    }
}
