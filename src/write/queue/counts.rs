//! The books of a queue.

/// What became of the records that a queue accepted. At every moment
/// `accepted = durable + pending + dropped + failed`.
///
/// A record that was refused with an error was never accepted and is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Records that an append or a submit took.
    pub accepted: u64,
    /// Records that are in the log, with the durability that the log was opened with.
    pub durable: u64,
    /// Records that wait or are being written.
    pub pending: u64,
    /// Records that the full queue dropped ([`OnFull::Drop`](crate::write::OnFull::Drop)).
    pub dropped: u64,
    /// Records that the queue had to give up because the log ended or time ran out.
    pub failed: u64,
}

// Each number has its own steps and none is computed from the others, so that a mistake shows as a
// sum that is wrong.
impl Counts {
    pub(super) fn enter(&mut self) {
        self.accepted += 1;
        self.pending += 1;
    }

    pub(super) fn refuse(&mut self) {
        self.accepted += 1;
        self.dropped += 1;
    }

    pub(super) fn store(&mut self, records: u64) {
        self.pending -= records;
        self.durable += records;
    }

    pub(super) fn give_up(&mut self, records: u64) {
        self.pending -= records;
        self.failed += records;
    }
}
