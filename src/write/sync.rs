//! The primitives of the queue: those of the standard library, or under `--cfg shuttle` in tests
//! those of a scheduler that explores how threads can interleave.

#[cfg(not(all(test, shuttle)))]
pub(super) use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::{Builder, JoinHandle, ThreadId, current},
};

#[cfg(all(test, shuttle))]
pub(super) use shuttle::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::{Builder, JoinHandle, ThreadId, current},
};

use std::sync::PoisonError;
use std::time::Duration;
#[cfg(not(all(test, shuttle)))]
use std::time::Instant;

/// Locks. What these locks guard is changed in steps that cannot panic half way, so a panic
/// elsewhere while one was held does no harm.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until somebody notifies, or for no reason.
pub(super) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// A point in time up to which somebody waits.
#[cfg(not(all(test, shuttle)))]
#[derive(Debug)]
pub(super) struct Deadline {
    /// None for a time that no clock reaches.
    at: Option<Instant>,
}

#[cfg(not(all(test, shuttle)))]
impl Deadline {
    pub(super) fn after(pause: Duration) -> Self {
        Self { at: Instant::now().checked_add(pause) }
    }

    pub(super) fn passed(&self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
    }

    /// Waits until somebody notifies, the time has come, or for no reason.
    pub(super) fn wait<'a, T>(
        &mut self,
        condvar: &Condvar,
        _: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
    ) -> MutexGuard<'a, T> {
        let Some(at) = self.at else { return wait(condvar, guard) };
        let rest = at.saturating_duration_since(Instant::now());
        condvar.wait_timeout(guard, rest).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The scheduler has no clock and its `wait_timeout` never ends by itself. So a finite deadline
/// here passes at whichever look at it a coin decides, and until then every wait ends for no
/// reason. [`Duration::MAX`] never passes and waits for good, so that a wake-up that is missing
/// shows as a deadlock.
#[cfg(all(test, shuttle))]
#[derive(Debug)]
pub(super) struct Deadline {
    finite: bool,
    passed: bool,
}

#[cfg(all(test, shuttle))]
impl Deadline {
    pub(super) fn after(pause: Duration) -> Self {
        Self { finite: pause != Duration::MAX, passed: pause.is_zero() }
    }

    pub(super) fn passed(&self) -> bool {
        self.passed
    }

    pub(super) fn wait<'a, T>(
        &mut self,
        condvar: &Condvar,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
    ) -> MutexGuard<'a, T> {
        use shuttle::rand::Rng;
        if !self.finite {
            return wait(condvar, guard);
        }
        drop(guard);
        shuttle::thread::yield_now();
        self.passed |= shuttle::rand::thread_rng().gen_bool(0.5);
        lock(mutex)
    }
}
