//! What a queue may take and what it does when it is full.

use std::time::Duration;

use crate::error::{Error, Result};

/// What an append to a full queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// Waits for room, at most so long; then the caller gets [`Error::QueueFull`].
    Block(Duration),
    /// Gives the caller [`Error::QueueFull`] at once.
    Fail,
    /// Takes the record, drops and counts it. As soon as writing works, the log gets a `gap` record
    /// that says how many were dropped, from when to when.
    Drop,
}

/// Settings of a queue: 8 MiB, 65,536 records and [`OnFull::Block`] for a second, unless they say
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    pub(super) bytes: usize,
    pub(super) records: usize,
    pub(super) on_full: OnFull,
    pub(super) linger: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            records: 65_536,
            on_full: OnFull::Block(Duration::from_secs(1)),
            linger: Duration::from_secs(5),
        }
    }
}

impl QueueSettings {
    /// The settings that are used unless something else is said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The most bytes of encoded records that may wait or be in work. The queue allocates at most
    /// 128 KiB more than this, and reserves nothing in advance.
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// The most records that may wait or be in work.
    #[must_use]
    pub fn records(mut self, records: usize) -> Self {
        self.records = records;
        self
    }

    /// What an append to the full queue does.
    #[must_use]
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// How long dropping the last handle waits for what was accepted; five seconds unless this says
    /// otherwise.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self { bytes: 0, .. } => {
                Err(Error::Setting { what: "a queue of no bytes is no queue" })
            }
            Self { records: 0, .. } => {
                Err(Error::Setting { what: "a queue of no records is no queue" })
            }
            _ => Ok(()),
        }
    }
}
