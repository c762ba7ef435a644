//! Records that were lost, counted, until the log tells of them.

use crate::format::{Level, Record, RecordKind, UnixTime};

/// Losses of one kind that no record in the log tells of yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    count: u64,
    from: UnixTime,
    to: UnixTime,
    reason: &'static str,
}

/// The reason of [`OnFull::Drop`](super::OnFull::Drop).
pub(super) const FULL: &str = "queue full";
/// The reason of records that were left when a deadline for closing had passed.
pub(super) const CLOSED: &str = "queue closed";

impl Gap {
    pub(super) fn one(time: UnixTime, reason: &'static str) -> Self {
        Self { count: 1, from: time, to: time, reason }
    }

    /// How many of them a full queue dropped.
    pub(super) fn dropped(&self) -> u64 {
        if self.reason == FULL { self.count } else { 0 }
    }

    /// Adds a loss to those of its kind.
    pub(super) fn add(self, gaps: &mut Vec<Self>) {
        match gaps.iter_mut().find(|gap| gap.reason == self.reason) {
            Some(gap) => {
                gap.count += self.count;
                gap.from = gap.from.min(self.from);
                gap.to = gap.to.max(self.to);
            }
            None => gaps.push(self),
        }
    }

    /// The record that tells of it.
    pub(super) fn record(&self) -> Record<'static> {
        Record::new(Level::Warning, "fernlog", "records were lost")
            .field("count", self.count)
            .field("from", self.from.to_string())
            .field("to", self.to.to_string())
            .field("reason", self.reason)
            .kind(RecordKind::Gap)
    }
}
