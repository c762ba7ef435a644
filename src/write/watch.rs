//! Whether the files that are written still have their names.
//!
//! A log that somebody moved or removed takes every line without an error, and nobody will ever
//! find them. So the writer looks again and again, and before it tells anybody that a record is
//! durable.

use std::io;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::{SegmentName, UnixTime};
use crate::write::file::{Identity, LogFile};
use crate::write::writer::Writer;

/// Milliseconds after which an append looks before it writes.
const PAUSE: i64 = 200;

/// Which files are written, and when they were last seen under their names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    pub(super) log: Identity,
    pub(super) chain: Option<Identity>,
    seen: Option<UnixTime>,
}

impl Watch {
    /// Begins to watch these files.
    pub(super) fn of(log: &Arc<dyn LogFile>, chain: Option<&Arc<dyn LogFile>>) -> io::Result<Self> {
        let chain = chain.map(|chain| chain.identity()).transpose()?;
        Ok(Self { log: log.identity()?, chain, seen: None })
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        let Some(seen) = self.seen else { return true };
        let passed = (now.seconds() - seen.seconds()) * 1000
            + (i64::from(now.nanos()) - i64::from(seen.nanos())) / 1_000_000;
        // A clock that was set back must not make the writer blind.
        !(0..PAUSE).contains(&passed)
    }
}

impl Writer {
    /// Sees to it that the files under the names of the log are those that are written, and hold
    /// what was written and no more.
    pub(super) fn look(&mut self, now: UnixTime) -> Result<()> {
        self.look_at_lock()?;
        if self.trouble.log {
            // Half a line of our own must not be taken for that of somebody else.
            self.mend(now)?;
        }
        let path = self.path.active();
        let identity = self.disk.identity(&path).map_err(Error::io("look at", &path))?;
        if identity != Some(self.watch.log) {
            self.restore_log(identity.is_some())?;
        } else {
            let length = self.log.length().map_err(Error::io("look at", &path))?;
            if length > self.written() {
                self.remove_foreign_bytes(length)?;
            } else if length < self.durable {
                self.give_up_lines(now)?;
            } else if length < self.written() {
                self.trouble.log = true;
                self.mend(now)?;
            }
        }
        self.look_at_chain()?;
        self.watch.seen = Some(now);
        Ok(())
    }

    fn look_at_chain(&mut self) -> Result<()> {
        let path = self.path.beside(SegmentName::Active, "chain");
        let Some(chain) = &self.chain else { return Ok(()) };
        let identity = self.disk.identity(&path).map_err(Error::io("look at", &path))?;
        let length = chain.file.length().map_err(Error::io("look at", &path))?;
        if identity == self.watch.chain && length == chain.length {
            return Ok(());
        }
        self.restore_chain(identity.is_some())
    }

    /// Without the lock another writer may be at work.
    fn look_at_lock(&mut self) -> Result<()> {
        let path = self.path.beside(SegmentName::Active, "lock");
        let look = || Error::io("look at", &path);
        let held = self.lock.identity().map_err(look())?;
        if self.disk.identity(&path).map_err(look())? == Some(held) {
            return Ok(());
        }
        // Removed or replaced: whoever comes next would get a lock that we do not have.
        let holder = format!("process {}\n", std::process::id());
        match self.disk.lock(&path, &holder).map_err(Error::io("lock", &path))? {
            Ok(lock) => {
                self.lock = lock;
                Ok(())
            }
            Err(holder) => Err(Error::Locked { path: self.path.active(), holder }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_five_times_a_second_and_when_the_clock_was_set_back() {
        let mut watch = Watch { log: (0, 0), chain: None, seen: None };
        assert!(watch.is_due(UnixTime::new(100, 0)));
        watch.seen = Some(UnixTime::new(100, 0));
        assert!(!watch.is_due(UnixTime::new(100, 199_000_000)));
        assert!(watch.is_due(UnixTime::new(100, 200_000_000)));
        assert!(watch.is_due(UnixTime::new(99, 999_000_000)));
    }
}
