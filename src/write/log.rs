//! [`AuditLog`]: the handle that applications hold.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::format::{Hash, Record};
use crate::write::builder::Builder;
use crate::write::commit::{Pace, Shared};
use crate::write::recover::Recovery;
use crate::write::roll::Reason;
use crate::write::writer::Writer;

/// An encrypted log that is open for appending. Cheap to clone; clones share the one writer.
///
/// When the last clone is dropped, what is buffered is written and covered by a checkpoint as far
/// as that works; call [`AuditLog::close`] to be told.
///
/// ```
/// use fernlog::{AuditLog, Key, Keyring, Level, Record, SigningKey};
///
/// # fn main() -> fernlog::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("audit.log");
/// let log = AuditLog::builder(path)
///     .keyring(Keyring::new(Key::generate()?))
///     .log_key(SigningKey::generate("example.com/payments")?)
///     .open()?;
/// let receipt = log.append(&Record::new(Level::Info, "payment", "refund approved"))?;
/// assert_eq!(receipt.index, 1);
/// log.close()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AuditLog {
    shared: Arc<Shared>,
    recovery: Arc<Recovery>,
}

/// What a record is to survive before an append returns. Ordered: each includes the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// Nothing yet: the line is in this process and goes out with the next write or flush.
    Buffered,
    /// The death of the process: the operating system has the line.
    Written,
    /// A power cut: the disk has the line.
    #[default]
    Durable,
}

/// Proof to the caller that a record was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Index of the entry in the whole log.
    pub index: u64,
    /// Number of the segment that holds it.
    pub segment: u64,
    /// What it survives.
    pub durability: Durability,
}

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// Number of entries (lines and headers; in a plain log, lines).
    pub size: u64,
    /// Root of the tree over them; none in a plain log.
    pub root: Option<Hash>,
    /// Number of the active segment.
    pub segment: u64,
    /// How many of the entries are in this process only ([`Durability::Buffered`]).
    pub buffered: u64,
}

impl AuditLog {
    /// Begins to open the log whose active segment is `path`.
    pub fn builder(path: impl AsRef<Path>) -> Builder {
        Builder::new(path.as_ref())
    }

    pub(super) fn new(
        writer: Writer,
        recovery: Recovery,
        durability: Durability,
        pace: Pace,
    ) -> Self {
        let shared = Arc::new(Shared::new(writer, durability, pace));
        Self { shared, recovery: Arc::new(recovery) }
    }

    /// What opening found and mended.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Appends a record with the durability that the log was opened with.
    ///
    /// Threads that append durably at the same time share one sync.
    ///
    /// # Errors
    ///
    /// When this returns an error the record is not in the log, with one exception: when a sync
    /// failed, it may or may not be there. The log need not be opened again: the next append tries
    /// to mend what there is to mend, and when the log can be written again, a `gap` record in
    /// front of the next one says how many records were refused.
    pub fn append(&self, record: &Record<'_>) -> Result<Receipt> {
        self.append_with(record, self.shared.durability())
    }

    /// Appends a record with this durability.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::append`].
    pub fn append_with(&self, record: &Record<'_>, durability: Durability) -> Result<Receipt> {
        self.shared.append(record, durability)
    }

    /// Brings everything that was appended so far to this durability, with one write and one sync
    /// for all of it, and without a checkpoint of its own.
    ///
    /// So a batch of records that were appended as [`Durability::Buffered`] costs one sync.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::flush`]; [`Head::buffered`] tells how many records did not get out.
    pub fn reach(&self, durability: Durability) -> Result<()> {
        self.shared.with(|writer, now| writer.reach(durability, now))
    }

    /// Writes, syncs and signs everything that was appended, and says where the log stands.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io): then nothing may be taken for durable.
    pub fn flush(&self) -> Result<Head> {
        self.shared.with(|writer, now| writer.checkpoint(now).map(|()| writer.head()))
    }

    /// Makes a checkpoint if one is due, and rolls if the time for it has come. Appends do that by
    /// themselves; a program that may fall silent calls this now and then, or asks for
    /// [`crate::write::Upkeep::Thread`].
    ///
    /// # Errors
    ///
    /// As [`AuditLog::flush`].
    pub fn tick(&self) -> Result<()> {
        self.shared.tick(Duration::ZERO)
    }

    /// Closes the active segment and begins the next one.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::flush`]; after a failure half way, the next append or opening the log
    /// completes the roll.
    pub fn roll(&self) -> Result<Head> {
        self.shared.with(|writer, now| writer.roll(Reason::Request, now).map(|()| writer.head()))
    }

    /// Where the log stands, buffered records included.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`](crate::Error::Closed), [`Error::Forked`](crate::Error::Forked).
    pub fn head(&self) -> Result<Head> {
        self.shared.with(|writer, _| Ok(writer.head()))
    }

    /// Flushes and closes the log for all clones; its keys are wiped, its lock is given back. Waits
    /// until closed segments are compressed, where that was asked for.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::flush`]. The log is closed all the same.
    pub fn close(self) -> Result<Head> {
        self.shared.close()
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("durability", &self.shared.durability())
            .finish_non_exhaustive()
    }
}
