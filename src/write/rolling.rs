//! The writer goes on to the next segment (docs/format.md, sections 7 and 9).

use std::path::PathBuf;
use std::sync::Arc;

use crate::crypto::SigningKey;
use crate::error::{Error, Result};
use crate::format::{Event, SegmentName, UnixTime, leaf};
use crate::write::chain::{Chain, NextSegment, exists, finish_roll, withdraw};
use crate::write::file::{LogFile, Opening};
use crate::write::keep::Closing;
use crate::write::mend::UnfinishedRoll;
use crate::write::pending::Pending;
use crate::write::roll::{Deadline, Reason};
use crate::write::watch::Watch;
use crate::write::writer::Writer;

/// Seconds after which a roll that failed is tried again.
const ROLL_AGAIN: i64 = 1;
/// Bytes that each entry has in `.hashes`.
const HASH: u64 = 32;

impl Writer {
    pub(super) fn may_roll(&self, now: UnixTime) -> bool {
        // A clock that was set back must not put rolls off.
        self.no_roll_before.is_none_or(|then| now >= then || then.seconds() - now.seconds() > 60)
    }

    /// Rolls. When that fails and the old segment is as it was, the log goes on in it: a segment
    /// that grows too long is better than a log that stands still.
    pub(super) fn roll_or_go_on(&mut self, reason: Reason, now: UnixTime) -> Result<()> {
        match self.roll(reason, now) {
            Err(error) if self.is_in_trouble() => Err(error),
            Err(_) => {
                self.no_roll_before = Some(UnixTime::new(now.seconds() + ROLL_AGAIN, now.nanos()));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Closes the active segment and begins the next one.
    pub(super) fn roll(&mut self, reason: Reason, now: UnixTime) -> Result<()> {
        self.checkpoint(now)?;
        self.roll_from_here(reason, now)
    }

    /// Whether the active segment ends by time.
    pub(super) fn is_over(&self, now: UnixTime) -> bool {
        self.roll.is_over(self.deadline, now) && self.may_roll(now)
    }

    /// Ends the active segment if its time has come.
    pub(super) fn end_on_time(&mut self, now: UnixTime) -> Result<()> {
        let bytes = self.durable + self.pending.len() as u64;
        self.deadline = self.roll.seen(self.deadline, now, bytes);
        if self.is_over(now) { self.roll_or_go_on(Reason::Time, now) } else { Ok(()) }
    }

    /// Rolls behind the newest checkpoint.
    pub(super) fn roll_from_here(&mut self, reason: Reason, now: UnixTime) -> Result<()> {
        let Some(chain) = &self.chain else {
            let closed = self.path.segment(SegmentName::Closed(self.segment));
            if exists(&*self.disk, &closed)? {
                return Err(Error::Exists { path: closed });
            }
            self.trouble.roll = Some(UnfinishedRoll::Plain);
            return self.finish_roll();
        };
        let mut events = vec![Event::Rolled(reason.name().to_owned())];
        events.extend_from_slice(&self.events);
        if reason != Reason::Restart {
            // Where something went wrong, nothing is deleted that could explain it.
            let entries = self.next - chain.header.first();
            let closing =
                Closing { bytes: self.written() + entries * HASH, began: chain.header.time, now };
            let log_key = chain.log_key.verifier();
            events.extend(self.closed.choose(&chain.header, closing, log_key));
        }
        let next = NextSegment::new(
            chain.log_key.name(),
            chain.header.segment + 1,
            chain.tree.clone(),
            &self.sealer.key,
            self.interval,
            events,
            now,
        )?;
        next.check_names(&*self.disk, &self.path)?;
        let (log_key, segment_key) = (chain.log_key.clone(), &chain.segment_key);
        if let Err(error) = next.prepare(&*self.disk, &self.path, &log_key, Some(segment_key)) {
            // On a full disk the old segment goes on, if the preparation can be undone.
            self.trouble.withdraw = withdraw(&*self.disk, &self.path).is_err();
            return Err(error);
        }
        // From here on a failure leaves files between two names, and there is no way back.
        self.chain = None;
        self.trouble.roll = Some(UnfinishedRoll::Chained(Box::new((next, log_key))));
        self.finish_roll()
    }

    /// Moves the files of a roll and takes over the next segment; may be repeated after an error.
    pub(super) fn finish_roll(&mut self) -> Result<()> {
        match self.trouble.roll.take() {
            None => return Ok(()),
            Some(UnfinishedRoll::Plain) => {
                if let Err(error) = self.roll_plain() {
                    self.trouble.roll = Some(UnfinishedRoll::Plain);
                    return Err(error);
                }
            }
            Some(UnfinishedRoll::Chained(next)) => {
                let moved = finish_roll(&*self.disk, &self.path, &next.0.header);
                match moved.and_then(|()| self.begin(&next.0, &next.1)) {
                    Ok(chain) => {
                        self.deadline = self.roll.deadline(chain.header.time, chain.header.time);
                        self.closed.rolled(&chain.header);
                        self.chain = Some(chain);
                    }
                    Err(error) => {
                        self.trouble.roll = Some(UnfinishedRoll::Chained(next));
                        return Err(error);
                    }
                }
            }
        }
        self.events.clear();
        self.no_roll_before = None;
        Ok(())
    }

    /// Takes over a segment whose files were just put in place.
    fn begin(&mut self, next: &NextSegment, log_key: &SigningKey) -> Result<Chain> {
        let active = |kind| self.path.beside(SegmentName::Active, kind);
        let open = |path: PathBuf, opening| {
            self.disk.open(&path, opening).map_err(Error::io("open", &path))
        };
        let log = open(self.path.active(), Opening::Existing)?;
        let file = open(active("chain"), Opening::Existing)?;
        // What an earlier try has written into the cache is as good as nothing.
        let hashes = self.disk.open(&active("hashes"), Opening::Either).ok();
        let hashes = hashes.filter(|hashes| hashes.cut(0).is_ok());
        let first = leaf(next.header.to_text().as_bytes());
        let mut tree = next.header.before.clone();
        tree.push(first);
        let length = file.length().map_err(Error::io("look at", &active("chain")))?;
        let watch = Watch::of(&log, Some(&file)).map_err(Error::io("look at", &active("chain")))?;
        self.take_over(log, next.header.segment)?;
        self.watch = watch;
        self.next = tree.size();
        Ok(Chain {
            log_key: log_key.clone(),
            segment_key: next.key.clone(),
            signed: tree.size(),
            header: next.header.clone(),
            tree,
            file,
            length,
            hashes,
            unwritten_hashes: first.to_vec(),
            broken: false,
            uncovered_since: None,
        })
    }

    fn roll_plain(&mut self) -> Result<()> {
        let (active, closed) =
            (self.path.active(), self.path.segment(SegmentName::Closed(self.segment)));
        // There was none when the roll began.
        if !exists(&*self.disk, &closed)? {
            self.disk.rename(&active, &closed).map_err(Error::io("rename", &active))?;
        }
        let log = self.disk.open(&active, Opening::Either).map_err(Error::io("create", &active))?;
        self.disk.sync_folder(self.path.folder()).map_err(Error::io("sync", self.path.folder()))?;
        self.watch = Watch::of(&log, None).map_err(Error::io("look at", &active))?;
        self.deadline = Deadline::default();
        self.take_over(log, self.segment + 1)
    }

    /// Makes `log`, which is empty, the file that is written.
    fn take_over(&mut self, log: Arc<dyn LogFile>, segment: u64) -> Result<()> {
        if !log.claim().map_err(Error::io("lock", &self.path.active()))? {
            return Err(Error::Locked {
                path: self.path.active(),
                holder: "another process".to_owned(),
            });
        }
        self.claimed = Arc::clone(&log);
        self.log = log;
        self.segment = segment;
        self.durable = 0;
        self.pending = Pending::default();
        Ok(())
    }
}
