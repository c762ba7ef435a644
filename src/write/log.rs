//! [`AuditLog`]: the handle that applications hold.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::format::{Hash, Record, UnixTime};
use crate::write::builder::Builder;
use crate::write::file::Lock;
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
}

pub(super) struct Shared {
    /// None after `close`.
    writer: Mutex<Option<Held>>,
    pub(super) durability: Durability,
    /// The process that opened the log; a forked child must not write into it.
    pub(super) process: u32,
}

/// The writer and its right to be one. Fields drop in order: the lock goes last.
struct Held {
    writer: Writer,
    _lock: Box<dyn Lock>,
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

    pub(super) fn new(writer: Writer, lock: Box<dyn Lock>, durability: Durability) -> Self {
        let held = Mutex::new(Some(Held { writer, _lock: lock }));
        Self { shared: Arc::new(Shared { writer: held, durability, process: std::process::id() }) }
    }

    /// Appends a record with the durability that the log was opened with.
    ///
    /// # Errors
    ///
    /// When this returns an error the record is not in the log, with one exception: after a failed
    /// sync it may or may not be there, and the log must be opened again ([`Error::Poisoned`]).
    pub fn append(&self, record: &Record<'_>) -> Result<Receipt> {
        self.append_with(record, self.shared.durability)
    }

    /// Appends a record with this durability.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::append`].
    pub fn append_with(&self, record: &Record<'_>, durability: Durability) -> Result<Receipt> {
        let process = self.shared.process;
        self.shared.with(|writer, now| writer.append(record, durability, now, process))
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
        self.shared.with(|writer, _| writer.reach(durability))
    }

    /// Writes, syncs and signs everything that was appended, and says where the log stands.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Poisoned`]: then nothing may be taken for durable.
    pub fn flush(&self) -> Result<Head> {
        self.shared.with(|writer, _| writer.checkpoint().map(|()| writer.head()))
    }

    /// Makes a checkpoint if one is due. Appends do that by themselves; a program that may fall
    /// silent calls this now and then, or asks for [`crate::write::Upkeep::Thread`].
    ///
    /// # Errors
    ///
    /// As [`AuditLog::flush`].
    pub fn tick(&self) -> Result<()> {
        self.shared.with(Writer::tick)
    }

    /// Closes the active segment and begins the next one.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::flush`]; after a failure half way, opening the log completes the roll.
    pub fn roll(&self) -> Result<Head> {
        self.shared.with(|writer, now| writer.roll(Reason::Request, now).map(|()| writer.head()))
    }

    /// Where the log stands, buffered records included.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::Forked`].
    pub fn head(&self) -> Result<Head> {
        self.shared.with(|writer, _| Ok(writer.head()))
    }

    /// Flushes and closes the log for all clones; its keys are wiped, its lock is given back.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::flush`]. The log is closed all the same.
    pub fn close(self) -> Result<Head> {
        let flushed = self.flush();
        *self.shared.lock() = None;
        flushed
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    /// Runs `work` with the writer and the time.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Writer, UnixTime) -> Result<T>,
    ) -> Result<T> {
        if std::process::id() != self.process {
            return Err(Error::Forked);
        }
        let mut held = self.lock();
        let writer = &mut held.as_mut().ok_or(Error::Closed)?.writer;
        // Inside the lock: records stand in the log in the order of their times.
        work(writer, UnixTime::from(SystemTime::now()))
    }

    /// A panic while the lock was held leaves a writer whose state is only ever advanced after a
    /// step has succeeded, so it may go on.
    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a checkpoint if one will be due in a while.
    pub(super) fn tick_ahead(&self, pause: Duration) -> Result<()> {
        self.with(|writer, now| writer.tick(now.after(pause)))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Best effort by nature: `close` is for those who want to know. A forked child is turned
        // away by `with`.
        let closed = self.with(|writer, _| writer.checkpoint());
        drop(closed);
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog")
            .field("durability", &self.shared.durability)
            .finish_non_exhaustive()
    }
}
