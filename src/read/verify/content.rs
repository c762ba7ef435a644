//! The content pass: does every token open, and does every record stand where it was written?
//! Only holders of the Fernet key can do this; no plaintext leaves this file.

use std::path::Path;

use crate::crypto::{KeyId, Keyring};
use crate::format::{Header, Place, RecordKind};
use crate::read::decrypt::{Failure, Opener};
use crate::read::report::{Finding, FindingId, Findings};

/// Jumps and returns of `seq` that are remembered to tell moved records from removed ones.
const MOST_JUMPS: usize = 1024;

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub place: Place,
    /// What the place in the file says; a record says `seq`.
    pub index: u64,
    pub time: Option<u64>,
}

impl Spot {
    pub(crate) fn finding(&self, id: FindingId, file: &Path, message: String) -> Finding {
        Finding::new(id, file, message).at(self.place).entry(self.index).time(self.time)
    }
}

/// Opens the lines of one segment.
#[derive(Debug)]
pub(crate) struct Content {
    opener: Opener,
    pub watch: Watch,
}

/// What was seen so far; restored when a stretch is read again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// The `seq` that comes next.
    next: Option<u64>,
    /// Lines since the last record that may or may not have an index of their own.
    unsure: u64,
    /// Ranges of `seq` that were jumped over, and the line behind.
    missing: Vec<(u64, u64, Spot)>,
    /// Records whose `seq` was passed before.
    returns: Vec<(u64, Spot)>,
    /// Lines at the end so far that are not authentic.
    run: Vec<Spot>,
    run_length: u64,
    run_last: u64,
    /// Whether any line was opened.
    pub opened: bool,
    /// Whether anything was wrong.
    pub failed: bool,
    /// Lines that no key opened, where there is no key to expect.
    no_key: bool,
}

impl Content {
    /// Chooses the key by `header`, if there is one that counts.
    ///
    /// # Errors
    ///
    /// The id of the wanted key when no given key is the one that the header commits to.
    pub(crate) fn new(ring: &Keyring, header: Option<&Header>) -> Result<Self, KeyId> {
        let mut opener = Opener::new(ring);
        opener.begin_segment(header);
        match opener.missing_key() {
            Some(wanted) => Err(wanted),
            None => Ok(Self { opener, watch: Watch::default() }),
        }
    }

    /// The next record should say `seq`.
    pub(crate) fn expect(&mut self, seq: Option<u64>) {
        self.watch.next = seq;
        self.watch.unsure = 0;
    }

    /// Checks a token.
    pub(crate) fn check(&mut self, line: &[u8], spot: Spot, file: &Path, found: &mut Findings) {
        let opened = match self.opener.open(line, None) {
            Ok(opened) => opened,
            Err(failure) => {
                self.watch.no_key |= matches!(failure, Failure::NoKey { .. });
                self.watch.not_authentic(spot, found);
                return;
            }
        };
        self.watch.opened = true;
        let kind = opened.record.as_ref().map(|record| record.kind);
        let seq = opened.record.and_then(|record| record.seq);
        self.watch.end_run(file, found);
        if kind == Some(RecordKind::Gap) {
            let message = "the writer lost records here, and its gap record says so".to_owned();
            found.push(spot.finding(FindingId::RecordsLost, file, message));
        }
        self.watch.record(seq, spot, file, found);
    }

    /// A line that is no token stands here.
    pub(crate) fn pass_over(&mut self) {
        self.watch.unsure += 1;
    }

    /// The `seq` of a line, if it is authentic and has one.
    pub(crate) fn seq_of(&mut self, line: &[u8]) -> Option<u64> {
        self.opener.open(line, None).ok()?.record?.seq
    }
}

impl Watch {
    fn not_authentic(&mut self, spot: Spot, found: &Findings) {
        self.unsure += 1;
        self.run_length += 1;
        self.run_last = spot.index;
        if self.run.len() < found.limit().max(1) {
            self.run.push(spot);
        }
    }

    /// The lines that were not authentic have authentic ones behind them: each was changed.
    fn end_run(&mut self, file: &Path, found: &mut Findings) {
        if self.run_length == 0 {
            return;
        }
        self.failed = true;
        let more = self.run_length - self.run.len() as u64;
        for spot in self.run.drain(..) {
            let message = "the token of this record is not authentic".to_owned();
            found.push(spot.finding(FindingId::RecordChanged, file, message));
        }
        found.count(FindingId::RecordChanged, FindingId::RecordChanged.severity(), more);
        self.run_length = 0;
    }

    fn record(&mut self, seq: Option<u64>, spot: Spot, file: &Path, found: &mut Findings) {
        let Some(seq) = seq else {
            // Foreign records have an index and do not say it.
            self.next = self.next.map(|next| next.saturating_add(1));
            return;
        };
        let next = self.next.unwrap_or(seq);
        let latest = next.saturating_add(self.unsure);
        if seq < next {
            self.returns.push((seq, spot));
            self.unsure += 1;
        } else {
            if seq > latest {
                self.missing.push((latest, seq - 1, spot));
            }
            self.next = Some(seq.saturating_add(1));
            self.unsure = 0;
        }
        if self.returns.len() + self.missing.len() > MOST_JUMPS {
            self.settle(file, found);
        }
    }

    /// Says what the jumps and returns so far mean.
    pub(crate) fn settle(&mut self, file: &Path, found: &mut Findings) {
        self.failed |= !self.missing.is_empty() || !self.returns.is_empty();
        for (seq, spot) in std::mem::take(&mut self.returns) {
            let (id, message) = if self.take_missing(seq) {
                (FindingId::RecordsMoved, format!("record #{seq} was moved here"))
            } else {
                (FindingId::RecordRepeated, format!("record #{seq} stands here again"))
            };
            found.push(spot.finding(id, file, message));
        }
        for (first, last, spot) in std::mem::take(&mut self.missing) {
            let message = format!("records missing before this line: {}", last - first + 1);
            let finding = spot.finding(FindingId::RecordsRemoved, file, message);
            found.push(finding.stretch(first, last));
        }
    }

    /// Takes `seq` out of the ranges that were jumped over.
    fn take_missing(&mut self, seq: u64) -> bool {
        let within = |(first, last, _): &(u64, u64, Spot)| (*first..=*last).contains(&seq);
        let Some(place) = self.missing.iter().position(within) else { return false };
        let (first, last, spot) = self.missing.remove(place);
        if seq < last {
            self.missing.insert(place, (seq + 1, last, spot));
        }
        if seq > first {
            self.missing.insert(place, (first, seq - 1, spot));
        }
        true
    }

    /// The lines of a file end; gives true when no given key opened anything.
    pub(crate) fn finish(&mut self, file: &Path, found: &mut Findings) -> bool {
        self.settle(file, found);
        if self.no_key && !self.opened {
            self.run_length = 0;
            self.run.clear();
            return true;
        }
        match self.run.first() {
            // One line alone is rather a changed one.
            Some(spot) if self.run_length > 1 && self.opened => {
                let message = format!(
                    "the last {} records do not open with the key of those before them, and no \
                     other key was announced",
                    self.run_length
                );
                let finding = spot.finding(FindingId::EndReplaced, file, message);
                found.push(finding.stretch(spot.index, self.run_last));
                self.failed = true;
                self.run_length = 0;
                self.run.clear();
            }
            _ => self.end_run(file, found),
        }
        false
    }
}
