//! What the writer does about files that are not as it left them: a failed write, a failed sync, a
//! roll that stopped, files that others moved, removed or cut.
//!
//! Nothing is acknowledged before the file under the log's name holds it and has been synced after
//! it was written last. While something cannot be mended every append fails, and the next one
//! tries again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::crypto::SigningKey;
use crate::error::{Conflict, Error, Result};
use crate::format::{Event, Level, Record, RecordKind, SegmentName, UnixTime};
use crate::write::aside::save_aside;
use crate::write::chain::{NewNames, NextSegment, exists, withdraw, write_new};
use crate::write::file::{LogFile, Opening, append_all};
use crate::write::outage::gap;
use crate::write::pending::Pending;
use crate::write::roll::Reason;
use crate::write::scan::Tail;
use crate::write::writer::Writer;

/// Names that are tried for something that is moved aside.
const NAMES: u32 = 1000;

/// What has to be mended.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// What the file holds behind its durable part is not known.
    pub(super) log: bool,
    /// Half a line was cut off, and no sync has made that durable. That is no trouble before the
    /// segment is closed: a power cut may bring the half line back, and opening the log cuts it.
    pub(super) cut: bool,
    /// A roll could not be prepared, and what it had prepared could not be removed.
    pub(super) withdraw: bool,
    /// A roll has begun to rename files.
    pub(super) roll: Option<UnfinishedRoll>,
    /// The log was mended and should leave the file that failed.
    pub(super) leave: bool,
}

/// What is needed to finish a roll.
#[derive(Debug)]
pub(super) enum UnfinishedRoll {
    Chained(Box<(NextSegment, SigningKey)>),
    Plain,
}

impl Writer {
    pub(super) fn is_in_trouble(&self) -> bool {
        let Trouble { log, withdraw, roll, leave, cut: _ } = &self.trouble;
        *log || *withdraw
            || *leave
            || roll.is_some()
            || self.chain.as_ref().is_some_and(|c| c.broken)
    }

    /// Mends what there is to mend.
    pub(super) fn mend(&mut self, now: UnixTime) -> Result<()> {
        if !self.is_in_trouble() {
            return Ok(());
        }
        self.finish_roll()?;
        if self.trouble.withdraw {
            withdraw(&*self.disk, &self.path)?;
            self.trouble.withdraw = false;
        }
        if self.trouble.log {
            let count = self.write_lines_again()?;
            if count > 0 {
                self.note("lines were written again after a failed sync", "lines", count);
                self.trouble.leave = true;
            }
        }
        if self.chain.as_ref().is_some_and(|chain| chain.broken) {
            self.cut_chain()?;
        }
        if std::mem::take(&mut self.trouble.leave) {
            self.roll_or_go_on(Reason::Restart, now)?;
        }
        Ok(())
    }

    /// Writes everything behind the durable part of the active segment again and syncs it; gives
    /// the number of lines.
    fn write_lines_again(&mut self) -> Result<u64> {
        let path = self.path.active();
        let found = self.disk.identity(&path).map_err(Error::io("look at", &path))?;
        if found != Some(self.watch.log) {
            return self.restore_log(found.is_some()).map(|()| 0);
        }
        let log = self.disk.open(&path, Opening::Existing).map_err(Error::io("open", &path))?;
        let lines = self.pending.written();
        if !lines.is_empty() {
            self.disk.write_again(&path, self.durable, lines).map_err(Error::io("write", &path))?;
        }
        log.cut(self.written()).and_then(|()| log.sync()).map_err(Error::io("sync", &path))?;
        let count = memchr::memchr_iter(b'\n', lines).count() as u64;
        self.use_log(log)?;
        Ok(count)
    }

    /// Takes over a descriptor of a file that holds all written lines durably.
    fn use_log(&mut self, log: Arc<dyn LogFile>) -> Result<()> {
        let path = self.path.active();
        let identity = log.identity().map_err(Error::io("look at", &path))?;
        if identity != self.watch.log {
            if !log.claim().map_err(Error::io("lock", &path))? {
                return Err(Error::Locked { path, holder: "another process".to_owned() });
            }
            self.watch.log = identity;
            self.claimed = Arc::clone(&log);
        }
        self.log = log;
        self.set_durable(usize::MAX);
        self.trouble.log = false;
        Ok(())
    }

    /// Cuts the chain behind its last complete checkpoint.
    fn cut_chain(&mut self) -> Result<()> {
        let path = self.path.beside(SegmentName::Active, "chain");
        let found = self.disk.identity(&path).map_err(Error::io("look at", &path))?;
        if found != self.watch.chain {
            return self.restore_chain(found.is_some());
        }
        let Some(chain) = &mut self.chain else { return Ok(()) };
        let file = self.disk.open(&path, Opening::Existing).map_err(Error::io("open", &path))?;
        file.cut(chain.length).and_then(|()| file.sync()).map_err(Error::io("cut", &path))?;
        chain.file = file;
        chain.broken = false;
        Ok(())
    }

    /// The active segment was moved, removed or replaced. Its lines are still to be had through
    /// the open descriptor, so they get their name back, in a new file.
    pub(super) fn restore_log(&mut self, replaced: bool) -> Result<()> {
        let path = self.path.active();
        if replaced {
            self.move_aside(&path)?;
        }
        let durable = self.durable;
        let (new, copied) = self.copy(&*self.log, &path, durable)?;
        let written = append_all(&*new, self.pending.written()).and_then(|()| new.sync());
        written.map_err(Error::io("write", &path))?;
        self.give_name(&path)?;
        self.use_log(new)?;
        let said = "the file of the log was moved or removed; its lines were written again";
        self.note(said, "bytes", self.durable);
        if copied < durable { Err(self.torn_out(&path)) } else { Ok(()) }
    }

    /// As [`Writer::restore_log`], for the chain.
    pub(super) fn restore_chain(&mut self, replaced: bool) -> Result<()> {
        let path = self.path.beside(SegmentName::Active, "chain");
        let Some(chain) = &self.chain else { return Ok(()) };
        let length = chain.length;
        let has = chain.file.length().map_err(Error::io("look at", &path))?;
        if has < length {
            // The hand-over was in there, and the key that could sign it again is gone.
            return Err(Error::Conflict { path, what: Conflict::PartMissing });
        }
        let same = self.disk.identity(&path).map_err(Error::io("look at", &path))?;
        if same == self.watch.chain {
            // Something was appended to it.
            let tail = Tail { offset: length, length: has - length };
            save_aside(&*self.disk, &path, tail)?;
            return self.cut_chain();
        }
        if replaced {
            self.move_aside(&path)?;
        }
        let (new, _) = self.copy(&*chain.file, &path, length)?;
        new.sync().map_err(Error::io("sync", &path))?;
        self.give_name(&path)?;
        self.restore_signer()?;
        self.watch.chain = Some(new.identity().map_err(Error::io("look at", &path))?);
        if let Some(chain) = &mut self.chain {
            chain.file = new;
            chain.broken = false;
        }
        let said = "the chain of the log was moved or removed; it was written again";
        self.note(said, "bytes", length);
        Ok(())
    }

    /// Whoever takes the chain away may have taken the key beside it.
    fn restore_signer(&self) -> Result<()> {
        let NewNames { signer, .. } = NewNames::of(&self.path);
        let Some(chain) = &self.chain else { return Ok(()) };
        if exists(&*self.disk, &signer)? {
            return Ok(());
        }
        let line = zeroize::Zeroizing::new([&**chain.segment_key.to_text(), "\n"].concat());
        write_new(&*self.disk, &signer, line.as_bytes())
    }

    /// Others appended to the file. What they wrote is set aside; ours may stand behind it.
    pub(super) fn remove_foreign_bytes(&mut self, length: u64) -> Result<()> {
        let path = self.path.active();
        let tail = Tail { offset: self.durable, length: length - self.durable };
        save_aside(&*self.disk, &path, tail)?;
        let foreign = length - self.written();
        self.trouble.log = true;
        self.write_lines_again()?;
        self.note("bytes that others appended to the log were set aside", "bytes", foreign);
        Ok(())
    }

    /// Lines that were durable have been cut off by others. The checkpoint over them stands, so
    /// nothing hides it; the log goes on in a new file and says how many there were.
    pub(super) fn give_up_lines(&mut self, now: UnixTime) -> Result<()> {
        let path = self.path.active();
        let left = self.count_lines()?;
        let first = self.chain.as_ref().map_or(0, |chain| chain.header.first() + 1);
        let count = (self.next - first).saturating_sub(left);
        self.pending = Pending::default();
        self.trouble.log = false;
        self.given_up = self.next;
        if let Some(chain) = self.chain.as_mut().filter(|chain| chain.signed < chain.tree.size()) {
            chain.checkpoint(&self.path)?;
        }
        let event = Event::Other("gap truncated".to_owned());
        if !self.events.contains(&event) {
            self.events.push(event);
        }
        let rolled = self.roll_from_here(Reason::Restart, now);
        if rolled.is_ok() || self.trouble.roll.is_some() {
            // There is no way back: the next segment begins, now or when the roll is finished.
            let said = "records were cut off the end of the log by others";
            self.notes.push(gap(said, count, (now, now), "truncated"));
        }
        rolled?;
        Err(self.torn_out(&path))
    }

    fn torn_out(&self, path: &Path) -> Error {
        Error::Conflict { path: path.to_owned(), what: Conflict::CutByOthers }
    }

    fn count_lines(&self) -> Result<u64> {
        let path = self.path.active();
        let (mut offset, mut count) = (0, 0);
        let mut chunk = vec![0; 64 << 10];
        loop {
            let read = self.log.read_at(offset, &mut chunk).map_err(Error::io("read", &path))?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return Ok(count);
            };
            count += memchr::memchr_iter(b'\n', bytes).count() as u64;
            offset += read as u64;
        }
    }

    /// Copies the first `length` bytes of `file` into a new file that is to be called `path`.
    fn copy(
        &self,
        file: &dyn LogFile,
        path: &Path,
        length: u64,
    ) -> Result<(Arc<dyn LogFile>, u64)> {
        let to = rescue_name(path);
        self.disk.remove(&to).map_err(Error::io("remove", &to))?;
        let new = self.disk.open(&to, Opening::New).map_err(Error::io("create", &to))?;
        let mut offset = 0;
        let mut chunk = vec![0; 64 << 10];
        while offset < length {
            let room = chunk.len().min(usize::try_from(length - offset).unwrap_or(usize::MAX));
            let room = chunk.get_mut(..room).unwrap_or_default();
            let read = file.read_at(offset, room).map_err(Error::io("read", path))?;
            if read == 0 {
                break;
            }
            append_all(&*new, chunk.get(..read).unwrap_or_default())
                .map_err(Error::io("write", &to))?;
            offset += read as u64;
        }
        Ok((new, offset))
    }

    fn give_name(&self, path: &Path) -> Result<()> {
        let folder = self.path.folder();
        self.disk.rename(&rescue_name(path), path).map_err(Error::io("rename", path))?;
        self.disk.sync_folder(folder).map_err(Error::io("sync", folder))
    }

    /// A file that is not ours has one of our names; it may be evidence.
    fn move_aside(&self, path: &Path) -> Result<()> {
        for number in 1..NAMES {
            let to = with_suffix(path, &format!(".foreign-{number}"));
            match self.disk.rename(path, &to) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                result => return result.map_err(Error::io("rename", path)),
            }
        }
        Err(Error::Exists { path: with_suffix(path, ".foreign-1") })
    }

    /// Keeps what happened for the next record.
    fn note(&mut self, message: &'static str, what: &'static str, count: u64) {
        // Trouble that comes again and again is told once.
        if self.notes.len() < 16 {
            let record = Record::new(Level::Notice, "fernlog", message).field(what, count);
            self.notes.push(record.kind(RecordKind::Recovered));
        }
    }
}

/// Where the lines of a file that others moved are put together again.
pub(super) fn rescue_name(path: &Path) -> PathBuf {
    with_suffix(path, ".rescue")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
