//! What must hold behind every image, whatever happened.

use std::collections::BTreeMap;
use std::path::Path;

use crate::crypto::Keyring;
use crate::format::{Level, LogPath, Record};
// Only here and only in tests: the other side's opinion about what this side has written.
use crate::read;
use crate::write::campaign::contents::{Contents, Signatures, no_clear_text, read as read_log};
use crate::write::campaign::disk::{Files, SimDisk};
use crate::write::campaign::story::{Keys, NEEDLE, Settings, Told};
use crate::write::log::Durability;

/// Why an image is not as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrong {
    /// Something that was acknowledged is not there, or is there in another order or twice.
    Lost,
    /// The log cannot be opened, or the verifier objects, though nobody has tampered.
    FalseAlarm,
    /// A file holds something that nobody can explain.
    Unexplained,
    /// The log does not go on by itself.
    Stuck,
    /// Something else.
    Other,
}

pub(super) type Verdict = Result<(), (Wrong, String)>;

/// What became of one record, as far as the application knows.
#[derive(Clone, Copy, Debug)]
struct Known {
    session: usize,
    durability: Durability,
    /// Index in the log if it was taken.
    taken: Option<u64>,
    refused: bool,
    must: bool,
}

/// What the application knows at some moment.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    records: BTreeMap<usize, Known>,
    session: usize,
    pub(super) settings: Settings,
    /// Others have changed files and the log has not had the time to notice.
    pub(super) meddled: bool,
}

impl Knowledge {
    pub(super) fn of(told: &[Told]) -> Self {
        let mut known = Self::default();
        for event in told {
            known.learn(*event);
        }
        known
    }

    fn learn(&mut self, told: Told) {
        let session = self.session;
        match told {
            Told::Opened(settings) => {
                self.session += 1;
                self.settings = settings;
            }
            Told::Try(id, durability) => {
                let known = Known { session, durability, taken: None, refused: false, must: false };
                self.records.insert(id, known);
            }
            Told::Taken { id, index, durability } => {
                if let Some(known) = self.records.get_mut(&id) {
                    known.taken = Some(index);
                }
                if durability == Durability::Durable {
                    self.durable_up_to(index);
                }
            }
            Told::Refused(id) => {
                if let Some(known) = self.records.get_mut(&id) {
                    known.refused = true;
                }
            }
            Told::AllDurable => self.durable_up_to(u64::MAX),
            Told::Meddled => self.meddled = true,
            Told::Ended => {}
        }
    }

    fn durable_up_to(&mut self, index: u64) {
        self.meddled = false;
        for known in self.records.values_mut() {
            let before = known.taken.is_some_and(|taken| taken <= index);
            known.must |= known.session == self.session && before;
        }
    }

    /// Holds the lines of a log against this.
    pub(super) fn check(&self, contents: &Contents) -> Verdict {
        let lost = |what: String| Err((Wrong::Lost, what));
        let mut last = None;
        for (id, index) in &contents.records {
            let Some(known) = self.records.get(id) else { continue };
            if last.is_some_and(|last| last >= *id) {
                return lost(format!("record {id} stands behind {last:?}"));
            }
            last = Some(*id);
            if known.refused && known.durability < Durability::Durable {
                return lost(format!("record {id} was refused and is there"));
            }
            if known.taken.is_some_and(|taken| taken != *index) {
                return lost(format!("record {id} was taken as {:?}, is {index}", known.taken));
            }
        }
        let there = |id: &usize| contents.records.iter().any(|(other, _)| other == id);
        // A session loses records from its end only.
        let mut gone_in = None;
        for (id, known) in &self.records {
            let there = there(id);
            if known.must && !there && !self.meddled {
                return lost(format!("record {id} was durable and is not there"));
            }
            if there && gone_in == Some(known.session) && !self.meddled {
                return lost(format!("record {id} is there and one before it is not"));
            }
            if known.taken.is_some() && !there {
                gone_in = Some(known.session);
            }
        }
        Ok(())
    }

    /// For a log that has gone on without being opened again: all that was taken is there, and a
    /// gap record counts each record that is not.
    pub(super) fn check_alive(&self, contents: &Contents, first: u64) -> Verdict {
        self.check(contents)?;
        let mut missing = 0;
        for (id, known) in &self.records {
            if known.session != self.session || known.taken.is_none() && !known.refused {
                continue;
            }
            let there = contents.records.iter().any(|(other, _)| other == id);
            match (there, known.refused) {
                (false, true) => missing += 1,
                (false, false) => {
                    return Err((Wrong::Lost, format!("record {id} was taken and is not there")));
                }
                _ => {}
            }
        }
        let counted: u64 =
            contents.gaps.iter().filter(|(at, _)| *at >= first).map(|(_, count)| count).sum();
        if counted == missing {
            Ok(())
        } else {
            Err((Wrong::Lost, format!("{missing} records were refused, gaps say {counted}")))
        }
    }
}

/// Judges images.
#[derive(Debug)]
pub(super) struct Oracle<'k> {
    keys: &'k Keys,
    signatures: Signatures,
    judged: u64,
    /// Of so many one is shown to the verifier too.
    pub(super) verify_one_of: u64,
    pub(super) verified: u64,
}

impl<'k> Oracle<'k> {
    pub(super) fn new(keys: &'k Keys) -> Self {
        Self { keys, signatures: Signatures::default(), judged: 0, verify_one_of: 200, verified: 0 }
    }

    /// Opens what a power cut has left, goes on in it and looks at the result.
    pub(super) fn judge(&mut self, files: &Files, known: &Knowledge) -> Verdict {
        self.judged += 1;
        no_clear_text(files, self.keys).map_err(|what| (Wrong::Other, what))?;
        let disk = SimDisk::of(files);
        let log = match known.settings.open(self.keys, &disk) {
            Ok(log) => log,
            // Whoever removes files of a log may leave one that contradicts itself.
            Err(_) if known.meddled => return Ok(()),
            Err(error) => return Err((Wrong::FalseAlarm, format!("refused: {error}"))),
        };
        self.go_on(&disk, log, known)
    }

    /// The log is open: it must take a record, and all must be as it was told.
    fn go_on(&mut self, disk: &SimDisk, log: crate::write::AuditLog, known: &Knowledge) -> Verdict {
        let stuck = |error| (Wrong::Stuck, format!("behind opening: {error}"));
        let after = Record::new(Level::Info, "story", format!("{NEEDLE}9999"));
        let receipt = log.append(&after).map_err(stuck)?;
        if self.judged.is_multiple_of(16) {
            log.roll().map_err(stuck)?;
        }
        log.close().map_err(stuck)?;
        let files = disk.files();
        let contents = self.look(&files, known)?;
        if contents.records.last() != Some(&(9999, receipt.index)) {
            return Err((Wrong::Lost, "the record behind opening is not the last".to_owned()));
        }
        known.check(&contents)?;
        if self.judged.is_multiple_of(self.verify_one_of) {
            self.verify(&files, known)?;
        }
        Ok(())
    }

    /// Reads the files as they are.
    pub(super) fn look(
        &mut self,
        files: &Files,
        known: &Knowledge,
    ) -> Result<Contents, (Wrong, String)> {
        no_clear_text(files, self.keys).map_err(|what| (Wrong::Other, what))?;
        let plain = known.settings.plain;
        let contents = read_log(files, self.keys, plain, &mut self.signatures)
            .map_err(|what| (Wrong::FalseAlarm, what))?;
        if contents.signer_lost {
            return Err((Wrong::FalseAlarm, "the segment key was lost".to_owned()));
        }
        if contents.unexplained > 0 {
            let names: Vec<_> = files.0.keys().map(|name| name.display().to_string()).collect();
            return Err((Wrong::Unexplained, names.join(" ")));
        }
        Ok(contents)
    }

    /// Shows the files to the verifier now and then.
    pub(super) fn verify_some(&mut self, files: &Files, known: &Knowledge) -> Verdict {
        self.judged += 1;
        if self.judged.is_multiple_of(self.verify_one_of) {
            self.verify(files, known)
        } else {
            Ok(())
        }
    }

    /// Shows the files to the verifier.
    pub(super) fn verify(&mut self, files: &Files, known: &Knowledge) -> Verdict {
        let other = |what: String| (Wrong::Other, what);
        let folder = tempfile::tempdir().map_err(|error| other(error.to_string()))?;
        for (name, data) in &files.0 {
            let to = folder.path().join(name.file_name().unwrap_or_default());
            std::fs::write(to, data.as_slice()).map_err(|error| other(error.to_string()))?;
        }
        let path = LogPath::new(&folder.path().join(Path::new("audit.log"))).unwrap();
        let [first, second] = &self.keys.fernet;
        let options = read::VerifyOptions {
            vkey: (!known.settings.plain).then(|| self.keys.log.verifier().clone()),
            keyring: Some(Keyring::new(first.clone()).rotated(second.clone())),
            ..read::VerifyOptions::default()
        };
        let report = read::Log::open(&path).and_then(|log| read::verify(&log, &options));
        let report = report.map_err(|error| (Wrong::FalseAlarm, error.to_string()))?;
        self.verified += 1;
        if report.verdict == read::Verdict::Intact {
            return Ok(());
        }
        let found: Vec<_> = report.findings.iter().map(|finding| format!("{finding:?}")).collect();
        Err((Wrong::FalseAlarm, format!("{}: {}", report.verdict.word(), found.join("; "))))
    }
}
