//! How a log is opened for appending.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::crypto::{Keyring, SigningKey};
use crate::error::{Error, Result};
use crate::format::LogPath;
use crate::write::closed::{Care, Compression};
use crate::write::commit::{self, Pace, Shared};
use crate::write::file::{Disk, RealDisk};
use crate::write::keep::Keep;
use crate::write::log::{AuditLog, Durability};
use crate::write::recover;
use crate::write::roll::RollPolicy;
use crate::write::schedule::Schedule;

/// A segment that ends by time ends no later than this while nothing is appended.
const MOST_LATE: Duration = Duration::from_secs(1);

/// Who sees to it that a checkpoint follows a write even when nothing else is appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upkeep {
    /// The caller, by appending, flushing or calling [`AuditLog::tick`]. No thread is started.
    #[default]
    Caller,
    /// A thread of the log's own, which ends with the last handle.
    Thread,
}

/// Settings of a log that is about to be opened.
#[derive(Clone, Debug)]
pub struct Builder {
    path: PathBuf,
    keyring: Option<Keyring>,
    log_key: Option<SigningKey>,
    plain: bool,
    durability: Durability,
    interval: Duration,
    roll: RollPolicy,
    care: Care,
    upkeep: Upkeep,
    pace: Pace,
}

impl Builder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            keyring: None,
            log_key: None,
            plain: false,
            durability: Durability::default(),
            interval: Duration::from_secs(1),
            roll: RollPolicy::default(),
            care: Care::default(),
            upkeep: Upkeep::default(),
            pace: Pace::default(),
        }
    }

    /// The keys: the primary seals. After a change of the primary, the one that the log was
    /// written with so far must still be among them.
    #[must_use]
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// The key that signs checkpoints; its name is the origin of the log.
    #[must_use]
    pub fn log_key(mut self, key: SigningKey) -> Self {
        self.log_key = Some(key);
        self
    }

    /// A plain log: lines without a chain. Nothing then shows that lines were removed.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// What [`AuditLog::append`] waits for; [`Durability::Durable`] unless this says otherwise.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The longest time between a write and the checkpoint that covers it; one second unless this
    /// says otherwise. It is written into the header of the segments that begin from now on.
    #[must_use]
    pub fn checkpoint_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Rolls before a segment would pass `bytes` bytes. A longer line gets a segment of its own.
    #[must_use]
    pub fn roll_size(mut self, bytes: u64) -> Self {
        self.roll.size = Some(bytes);
        self
    }

    /// Rolls when the schedule says so; a segment without records goes on. The time is looked at
    /// when something is appended, and by [`AuditLog::tick`] and [`Upkeep::Thread`]. In a plain log
    /// a segment begins with its first record, in others with its header.
    #[must_use]
    pub fn roll_every(mut self, schedule: Schedule) -> Self {
        self.roll.schedule = Some(schedule);
        self
    }

    /// Deletes the oldest closed segments that are over these limits, at every roll. All are kept
    /// unless this says otherwise.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.care.keep = Some(keep);
        self
    }

    /// What becomes of the lines of closed segments.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.care.compression = compression;
        self
    }

    /// How long a thread that is about to sync for others waits for more of them; not at all unless
    /// this says otherwise. It is added to the time that a durable append takes, and pays only when
    /// many threads append and the disk is slow.
    #[must_use]
    pub fn commit_wait(mut self, wait: Duration) -> Self {
        self.pace.commit_wait = wait;
        self
    }

    /// How long an append goes on trying when the disk refuses to take a record, because it is full
    /// for example; not at all unless this says otherwise. Then it returns the error.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.pace.patience = patience;
        self
    }

    /// Who makes checkpoints and rolls by time while nothing is appended.
    #[must_use]
    pub fn upkeep(mut self, upkeep: Upkeep) -> Self {
        self.upkeep = upkeep;
        self
    }

    /// Opens the log, or begins it, and recovers what a crash left behind.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for settings that cannot work; [`Error::Locked`] when another writer
    /// holds the log; [`Error::WrongKey`] when the log was written with a key that is not here;
    /// [`Error::Conflict`] when its files contradict what was signed; [`Error::Io`].
    pub fn open(self) -> Result<AuditLog> {
        self.open_on(Arc::new(RealDisk))
    }

    pub(super) fn open_on(self, disk: Arc<dyn Disk>) -> Result<AuditLog> {
        let setting = |what| Err(Error::Setting { what });
        let Some(path) = LogPath::new(&self.path) else {
            return setting("the path of a log needs a file name in UTF-8");
        };
        let Some(keyring) = self.keyring else { return setting("a log needs a keyring") };
        if self.roll.size == Some(0) {
            return setting("a segment of no bytes holds no record");
        }
        self.care.check(self.plain, self.roll.size)?;
        let timed = self.roll.schedule.is_some();
        let interval = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX);
        if interval == 0 {
            return setting("a checkpoint interval has at least one millisecond");
        }
        let request = recover::Request {
            disk,
            path,
            keyring,
            log_key: match (self.log_key, self.plain) {
                (Some(key), false) => Some(key),
                (None, true) => None,
                (None, false) => return setting("a log needs a log key, or must be plain"),
                (Some(_), true) => return setting("a plain log has no log key"),
            },
            interval,
            roll: self.roll,
            care: self.care,
        };
        let (writer, recovery) = recover::open(&request, commit::now(), std::process::id())?;
        let log = AuditLog::new(writer, recovery, self.durability, self.pace);
        if self.upkeep == Upkeep::Thread {
            start_upkeep(log.shared(), self.interval, timed)?;
        }
        Ok(log)
    }
}

/// Makes due checkpoints and rolls until the log is closed or dropped.
fn start_upkeep(shared: &Arc<Shared>, interval: Duration, timed: bool) -> Result<()> {
    let shared: Weak<Shared> = Arc::downgrade(shared);
    // What would be due at the next look is done at this one, so that no write waits for longer
    // than the interval.
    let pause = (interval / 2).max(Duration::from_millis(1));
    let pause = if timed { pause.min(MOST_LATE) } else { pause };
    let work = move || {
        loop {
            std::thread::sleep(pause);
            match shared.upgrade().map(|shared| shared.tick(pause)) {
                None | Some(Err(Error::Closed | Error::Forked)) => break,
                // Whoever appends next is told.
                Some(_) => {}
            }
        }
    };
    std::thread::Builder::new()
        .name("fernlog-upkeep".to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|_| Error::Setting { what: "the system gave no thread for the upkeep" })
}
