//! What was done and seen, in numbers that can be added.

use std::ops::AddAssign;

/// What must never be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// So many acknowledged records are not there, or not as they were sent.
    Lost(u64),
    /// `verify` said something other than what is so.
    FalseAlarm,
    /// So many bytes are neither a line nor a saved tail.
    Unexplained(u64),
    /// Anything else that breaks a promise.
    Broken,
}

/// Counters of a stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Faults that took place.
    pub(crate) faults: u64,
    /// Writers that were started.
    pub(crate) writers: u64,
    /// Records that were handed over, acknowledged, and found afterwards.
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) found: u64,
    /// Bytes that were saved aside.
    pub(crate) saved: u64,
    /// Verdicts of `verify`, and those that the Python verifier was asked about too.
    pub(crate) verdicts: u64,
    pub(crate) second_opinions: u64,
    pub(crate) lost: u64,
    pub(crate) alarms: u64,
    pub(crate) unexplained: u64,
    pub(crate) broken: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Lost(records) => self.lost += records.max(1),
            Kind::FalseAlarm => self.alarms += 1,
            // An empty file that should not be there is not nothing.
            Kind::Unexplained(bytes) => self.unexplained += bytes.max(1),
            Kind::Broken => self.broken += 1,
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        [self.lost, self.alarms, self.unexplained, self.broken] == [0; 4]
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.faults += other.faults;
        self.writers += other.writers;
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.found += other.found;
        self.saved += other.saved;
        self.verdicts += other.verdicts;
        self.second_opinions += other.second_opinions;
        self.lost += other.lost;
        self.alarms += other.alarms;
        self.unexplained += other.unexplained;
        self.broken += other.broken;
    }
}
