//! Logs: whether the next append, the readers and the auditors will find what they need.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use fernlog::SigningKey;
use fernlog::crypto::Cipher;
use fernlog::format::{Header, LogPath, SegmentName, UnixTime};
use fernlog::read::{Content, Damage, Log, Segment};
use indicatif::HumanCount;
use jiff::Timestamp;

use super::keys::{Keys, open_folder, shown};
use super::writer::{self, Holder};
use super::{Report, disk};
use crate::failure::Failure;
use crate::input::{self, Input};
use crate::words;

/// Clocks of two machines differ by so much at times.
const SKEW: i64 = 120;

/// Looks at all logs that were named.
pub(super) fn look(paths: &[PathBuf], keys: &Keys, now: Timestamp, report: &mut Report) {
    let mut missing = Vec::new();
    let inputs = input::locate(paths, |failure| missing.push(failure));
    for failure in missing {
        unreadable(report, "", &failure);
    }
    for input in inputs {
        match input {
            Input::Log(path) => {
                let mut look = Look { path: &path, name: shown(&path.active()), keys, now, report };
                if let Err(failure) = look.log() {
                    unreadable(report, &shown(&path.active()), &failure);
                }
            }
            Input::Stdin => {
                report.warning("log", "-", "standard input has no set-up", "name the log's file");
            }
        }
    }
}

fn unreadable(report: &mut Report, name: &str, failure: &Failure) {
    let next = failure.hints().first().cloned().unwrap_or_else(|| "see fernlog inspect".to_owned());
    report.error("log", name, failure.message(), next);
}

struct Look<'l> {
    path: &'l LogPath,
    name: String,
    keys: &'l Keys,
    now: Timestamp,
    report: &'l mut Report,
}

impl Look<'_> {
    fn log(&mut self) -> Result<(), Failure> {
        let log = Log::open(self.path)?;
        let holder = writer::look(self.path, self.report);
        self.folder(holder)?;
        disk::look(self.path, self.report);
        let Some(newest) = log.segments().last() else { return Ok(()) };
        let mut chained = false;
        match newest.header()? {
            Some(Ok(header)) => {
                self.owners(&header);
                self.fernet_key(&header);
                self.signer(&header);
                self.begun(&header);
                chained = true;
            }
            Some(Err(error)) => {
                let next = format!("fernlog verify {}", self.word());
                self.report.error("log", &self.name, format!("its header: {error}"), next);
            }
            None => self.plain(newest)?,
        }
        let lines = self.lines(&log)?;
        // A writer at work is ahead of its cache, or the other way round.
        if chained && holder == Holder::Nobody {
            disk::hashes(self.path, lines, self.report);
        }
        Ok(())
    }

    fn word(&self) -> String {
        words::word(self.path.active().strip_prefix(".").unwrap_or(&self.path.active()))
    }

    /// Modes, and what a crash left behind.
    fn folder(&mut self, holder: Holder) -> Result<(), Failure> {
        let folder = self.path.folder();
        if let Some(mode) = open_folder(folder) {
            let said = format!("its folder has mode {mode:04o}: others can remove its files");
            let next = format!("chmod go-w {}", words::word(folder));
            self.report.warning("log", &self.name, said, next);
        }
        let entries = fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
        let own = self.path.active().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut saved = 0;
        for entry in entries {
            let entry = entry.map_err(|error| Failure::file(folder, &error))?;
            let name = entry.file_name();
            let text = name.to_string_lossy();
            let Some(rest) = text.strip_prefix(own.as_str()) else { continue };
            match rest {
                // A writer that is at work may be in the middle of a roll.
                ".chain.new" | ".signer.new" if holder == Holder::Nobody => {
                    let said = format!("{text} is there: a roll was interrupted");
                    self.report.warning("log", &self.name, said, "the next append completes it");
                }
                "" | ".chain" | ".hashes" => self.mode(&entry.path(), 0o022, "change"),
                ".signer" => self.mode(&entry.path(), 0o077, "read"),
                rest if rest.starts_with(".torn-") || rest.starts_with(".chain.torn-") => {
                    saved += 1
                }
                _ => {}
            }
        }
        if saved > 0 {
            let said = format!("incomplete ends set aside after crashes: {saved}");
            let next = format!("keep or look at {own}.*torn-*, then move them elsewhere");
            self.report.warning("log", &self.name, said, next);
        }
        Ok(())
    }

    fn mode(&mut self, path: &Path, bits: u32, can: &str) {
        let Ok(metadata) = fs::symlink_metadata(path) else { return };
        let mode = metadata.mode() & 0o7777;
        if mode & bits != 0 {
            let said = format!("mode {mode:04o}: others can {can} it");
            let next = format!("chmod 600 {}", words::word(path));
            self.report.warning("log", shown(path), said, next);
        }
    }

    /// Whose log it is.
    fn owners(&mut self, header: &Header) {
        let origin = &header.origin;
        let sign = self.keys.sign.as_ref().map(|key| ("the signer's key", key.name()));
        let vkey = self.keys.vkey.as_ref().map(|key| ("the verifier key", key.name()));
        for (what, name) in [sign, vkey].into_iter().flatten() {
            if name != origin {
                let said = format!("is the log of {origin}, and {what} is for {name}");
                self.report.error("log", &self.name, said, "use the keys that were made for it");
            }
        }
    }

    fn fernet_key(&mut self, header: &Header) {
        let Some(ring) = &self.keys.ring else {
            let said = format!("segment {} of {}", header.segment, header.origin);
            return self.report.ok("log", &self.name, said);
        };
        match ring.committed(&header.origin, &header.key_commitment) {
            Some(key) => {
                let said = format!("segment {} opens with key {}", header.segment, key.id());
                self.report.ok("log", &self.name, said);
                if key != ring.primary() {
                    let said = format!("the first key given is another, {}", ring.primary().id());
                    let next = "the next append with these keys changes the key of the log";
                    self.report.warning("log", &self.name, said, next);
                }
            }
            None => {
                let given: Vec<String> = ring.ids().iter().map(ToString::to_string).collect();
                let said = format!("needs key {}; given: {}", header.key_id, given.join(" "));
                let next = format!("fernlog keys find {} looks for its file", header.key_id);
                self.report.error("log", &self.name, said, next);
            }
        }
    }

    /// The private key of the active segment: without it the next append has to admit that.
    fn signer(&mut self, header: &Header) {
        let path = self.path.beside(SegmentName::Active, "signer");
        let lost = match SigningKey::load(&path) {
            Ok(key) => (*key.verifier() != header.signer).then_some("is not that of the segment"),
            Err(fernlog::Error::Io { source, .. })
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                None
            }
            Err(_) => Some("cannot be read"),
        };
        if let Some(why) = lost {
            let next = "the next append rolls and says `signer lost`; put a kept copy back first";
            self.report.warning("log", shown(&path), why, next);
        }
    }

    /// A segment that begins in the future keeps every later one from having a plausible time.
    fn begun(&mut self, header: &Header) {
        if header.time.seconds() - self.now.as_second() > SKEW {
            let time = header.time.to_seconds_text();
            let said =
                format!("segment {} began at {time}, which is still to come", header.segment);
            let next = "the clock of the writer or of this machine is wrong";
            self.report.warning("clock", &self.name, said, next);
        }
    }

    fn plain(&mut self, newest: &Segment) -> Result<(), Failure> {
        if self.keys.sign.is_some() || self.keys.vkey.is_some() {
            let said = "has no chain, and a key for one is given";
            let next = "a plain log cannot be verified; begin a new one with --sign";
            self.report.error("log", &self.name, said, next);
        }
        let Some(ring) = &self.keys.ring else {
            self.report.ok("log", &self.name, "plain, without a chain");
            return Ok(());
        };
        let Some(source) = newest.open()? else { return Ok(()) };
        let mut lines = fernlog::format::Lines::new(source, fernlog::format::MAX_LINE);
        let first = lines.next_line().map_err(|error| Failure::file(newest.path(), &error))?;
        if let Some((_, fernlog::format::Scan::Line(line))) = first {
            let mut raw = Vec::new();
            let opens = ring.keys().find(|key| Cipher::new(key).open(line, &mut raw).is_ok());
            match opens.map(|key| key.id()) {
                Some(id) => {
                    let said = format!("plain, its first line opens with key {id}");
                    self.report.ok("log", &self.name, said);
                }
                None => {
                    let next = "give the key that it was written with";
                    self.report.error("log", &self.name, "its first line opens with no key", next);
                }
            }
        }
        Ok(())
    }

    /// The lines of the newest segment, without a key.
    fn lines(&mut self, log: &Log) -> Result<u64, Failure> {
        let last = log.segments().len().saturating_sub(1);
        let mut reader = log.reader_over(last..log.segments().len())?;
        let (mut lines, mut newest) = (0_u64, None);
        let mut future = None;
        let mut damaged = None;
        while let Some(line) = reader.next_line()? {
            match line.content {
                Content::Token { time, .. } => {
                    lines += 1;
                    newest = newest.max(Some(time));
                    let ahead = UnixTime::from_token(time).seconds() - self.now.as_second();
                    if ahead > SKEW {
                        future.get_or_insert((line.place.line, time));
                    }
                }
                Content::Damage(Damage::Tail(bytes)) => {
                    let said = format!("{bytes} bytes of an incomplete last line");
                    self.report.warning("log", &self.name, said, "the next append sets them aside");
                }
                Content::Damage(Damage::NoFile) => {}
                Content::Damage(_) => {
                    damaged.get_or_insert(line.place.line);
                }
            }
        }
        if let Some(line) = damaged {
            let next = format!("fernlog verify {}", self.word());
            self.report.error("log", &self.name, format!("line {line} is no token"), next);
        }
        match (future, newest) {
            (Some((line, time)), _) => {
                let time = UnixTime::from_token(time).to_seconds_text();
                let said = format!("line {line} is dated {time}, which is still to come");
                let next = "the clock of the writer or of this machine is wrong";
                self.report.warning("clock", &self.name, said, next);
            }
            (None, Some(time)) => {
                let time = UnixTime::from_token(time).to_seconds_text();
                let said = format!("{} lines, none newer than {time}", HumanCount(lines));
                self.report.ok("clock", &self.name, said);
            }
            (None, None) => {}
        }
        Ok(lines)
    }
}
