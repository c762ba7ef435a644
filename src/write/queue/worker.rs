//! The one thread of a queue: it takes what has gathered, hands it to the log, and tells what came
//! of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Conflict, Error};
use crate::format::UnixTime;
use crate::write::intake::Intake;
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
    let mut pause = FIRST_PAUSE;
    while let Some((mut batch, gaps)) = next(shared) {
        let result = intake.take(&mut batch);
        match (result, settle(shared, batch, gaps)) {
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
fn settle(shared: &Shared, mut batch: Batch, mut gaps: Vec<Gap>) -> Option<(Batch, Vec<Gap>)> {
    // Wiping takes its time, so it is done before the lock is taken.
    let mut settled = batch.settle();
    let done = batch.is_done();
    let mut wakers = Wakers::default();
    let mut state = lock(&shared.state);
    state.settle(&mut gaps, &mut settled, &mut wakers);
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
    state.cause.clone_from(&cause);
    let ends = cause.as_deref().is_some_and(is_final);
    if ends || matches!(state.phase, Phase::GivenUp) {
        let mut wakers = Wakers::default();
        let mut tries = false;
        if let Some((batch, gaps)) = &left {
            // Gaps alone are tried once.
            tries = !ends && batch.records() > 0;
            state.give_up_batch(batch, gaps, &mut wakers);
        }
        let rest = ends.then(|| state.end(cause, &mut wakers));
        shared.announce(state, wakers);
        drop((left, rest));
        return tries;
    }
    if let Some(left) = left {
        state.put_back(left);
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
        // The writer begins another file and goes on.
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
