//! What closes a queue at the end of a scope.

use std::time::Duration;

use crate::write::queue::Queue;

/// Closes its queue when it is dropped, also while a panic unwinds, and waits for that no longer
/// than its deadline. It reports nothing and never panics; call [`Queue::close`] to be told.
///
/// `std::process::exit` and an abort run no destructors: drop the guard, or close the queue, before
/// the one; the other is a crash.
#[must_use = "the queue is closed as soon as the guard is dropped"]
#[derive(Debug)]
pub struct Guard {
    queue: Queue,
    deadline: Duration,
}

impl Guard {
    pub(super) fn new(queue: Queue, deadline: Duration) -> Self {
        Self { queue, deadline }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Best effort by nature, and nothing at all in a forked child.
        let closed = self.queue.close(self.deadline);
        drop(closed);
    }
}
