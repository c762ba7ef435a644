//! The oracle that judges a log after every fault:
//!
//! 1. every acknowledged record is there;
//! 2. what is there are the records sent, from the first on, in order, none twice, none changed, and
//!    whatever was seen there before is there still, byte by byte, but for what retention was told
//!    to delete;
//! 3. `verify` says what is so, and the Python verifier agrees with it;
//! 4. every byte is part of a line, of a tail that the next writer saves aside, or of such a copy;
//! 5. the next append puts everything in order by itself and its record is there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::files::Found;
use crate::random::Random;
use crate::tally::Kind;
use crate::trial::{Acks, Trial};
use crate::world::World;
use crate::writer::Ran;

impl Trial<'_> {
    /// Judges what a writer left, before anything is put in order.
    pub(crate) fn judge(&mut self, ran: &Ran, acks: Acks) -> bool {
        if ran.hung {
            self.violated(Kind::Broken, "a writer did not end");
        }
        if ran.code == Some(101) || ran.said.contains("panicked at") {
            self.violated(Kind::Broken, &format!("a writer panicked: {}", ran.said.trim()));
        }
        let found = match Found::look(self.folder()) {
            Ok(found) => found,
            Err(error) => {
                self.violated(Kind::Broken, &format!("the folder cannot be read: {error}"));
                return false;
            }
        };
        self.tally.sent += ran.sent.len() as u64;
        if acks == Acks::Hold {
            self.tally.acknowledged += ran.acks.len() as u64;
        }
        self.judge_lines(&found, ran, acks);
        self.judge_bytes(&found);
        self.judge_verdict(&found);
        self.known = found.lines;
        self.tails.extend([found.tail, found.chain_tail].into_iter().filter(|t| !t.is_empty()));
        self.goes_on()
    }

    /// Appends one record, as the next start of the application would, and judges again: now
    /// everything torn is saved.
    pub(crate) fn recover(&mut self, random: &mut Random) -> bool {
        let lines = self.lines(random, 1);
        self.recover_with(lines)
    }

    /// As [`Trial::recover`], with these lines.
    pub(crate) fn recover_with(&mut self, lines: Vec<String>) -> bool {
        let mut writer = self.start(&[]);
        writer.send(lines);
        let ran = writer.finish();
        if !(self.ended_well(&ran) && self.judge(&ran, Acks::Hold)) {
            return false;
        }
        let Ok(found) = Found::look(self.folder()) else { return false };
        if !(found.tail.is_empty() && found.chain_tail.is_empty() && !found.rolling) {
            self.violated(Kind::Broken, "an append ended well and left a torn tail or half a roll");
        }
        // The next writer that compresses takes an unfinished copy away.
        if self.variant.contains(&"--compress") && !found.unfinished.is_empty() {
            let text = format!("copies that nobody finished: {:?}", found.unfinished);
            self.violated(Kind::Unexplained(found.unfinished[0].1), &text);
        }
        for tail in std::mem::take(&mut self.tails) {
            if found.saved.values().any(|saved| *saved == tail) {
                self.tally.saved += tail.len() as u64;
            } else {
                let text = format!("{} bytes of a torn tail were not saved aside", tail.len());
                self.violated(Kind::Unexplained(tail.len() as u64), &text);
            }
        }
        // What is saved is known from here on.
        self.tails.extend(found.saved.into_values());
        self.goes_on()
    }

    fn judge_lines(&mut self, found: &Found, ran: &Ran, acks: Acks) {
        let Some((new, mut deleted)) = self.unknown(found) else {
            let same = found.lines.iter().zip(&self.known).take_while(|(a, b)| a == b).count();
            let lost = self.known[same..].iter().filter(|byte| **byte == b'\n').count();
            let text = format!("{lost} lines from byte {same} on are gone or were changed");
            return self.violated(Kind::Lost(lost as u64), &text);
        };
        let mut records = 0;
        for line in new.split_inclusive(|byte| *byte == b'\n') {
            let Some(record) = self.open(line) else {
                return self.violated(Kind::Unexplained(line.len() as u64), "a line is no record");
            };
            if record["kind"] == "recovered" || record["kind"] == "gap" {
                continue;
            }
            let message = record["message"].as_str();
            if std::mem::take(&mut deleted) {
                // Retention has taken the first ones of this very writer, too.
                let sent = ran.sent.iter().position(|sent| message == Some(sent));
                records = sent.unwrap_or(records);
            }
            let sent = ran.sent.get(records).map(String::as_str);
            if sent.is_none() || message != sent {
                let text = format!("record {records} of this writer is not the one sent there");
                return self.violated(Kind::Broken, &text);
            }
            let ack = ran.acks.get(records);
            if ack.is_some_and(|ack| record["seq"].as_u64() != Some(*ack)) {
                let text = format!("record {records} has another index than was acknowledged");
                return self.violated(Kind::Broken, &text);
            }
            records += 1;
        }
        self.tally.found += records as u64;
        if acks == Acks::Hold && records < ran.acks.len() {
            let text = format!("{} acknowledged, {records} there", ran.acks.len());
            self.violated(Kind::Lost((ran.acks.len() - records) as u64), &text);
        }
    }

    /// The lines that were not there before, and whether retention has taken all that were. None
    /// if lines are gone that nobody was asked to delete.
    fn unknown<'f>(&self, found: &'f Found) -> Option<(&'f [u8], bool)> {
        let Some(keeps) = self.keeps else {
            return Some((found.lines.strip_prefix(&*self.known)?, false));
        };
        // The one that was closed last always stays; before its rename it has the old name still.
        let last = found.with_lines.iter().max().map_or(0, |last| last + 1);
        if (found.with_lines.len() as u64) < keeps.min(last) {
            return None;
        }
        let end = found.lines.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let first = &found.lines[..end];
        let mut from = 0;
        for line in self.known.split_inclusive(|byte| *byte == b'\n') {
            if line == first {
                return Some((found.lines.strip_prefix(&self.known[from..])?, false));
            }
            from += line.len();
        }
        Some((&found.lines, !found.lines.is_empty()))
    }

    /// The messages that are in the log.
    pub(crate) fn messages(&self) -> BTreeSet<String> {
        let found = Found::look(self.folder()).unwrap_or_default();
        let lines = found.lines.split_inclusive(|byte| *byte == b'\n');
        let records = lines.filter_map(|line| self.open(line));
        records.filter_map(|record| Some(record["message"].as_str()?.to_owned())).collect()
    }

    /// Opens a line with a Fernet that is not ours.
    fn open(&self, line: &[u8]) -> Option<Value> {
        let token = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
        // At the end of time, so that no clock of the writer was ahead.
        let text = self.world.opener.decrypt_at_time(token, None, u64::MAX - 1000).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn judge_bytes(&mut self, found: &Found) {
        for (name, bytes) in &found.unexplained {
            self.violated(Kind::Unexplained(*bytes), &format!("{bytes} bytes in {name}"));
        }
        for (name, bytes) in &found.foreign {
            if !self.foreign.contains(bytes) {
                let text = format!("{name} holds what nobody put there");
                self.violated(Kind::Unexplained(bytes.len() as u64), &text);
            }
        }
        for (name, saved) in &found.saved {
            // A recovery that was killed leaves the beginning of a copy; one whose sync failed
            // leaves a copy that the disk made zeros of, and another one beside it.
            let zeros = saved.iter().all(|byte| *byte == 0);
            let copy_of =
                |tail: &Vec<u8>| tail.starts_with(saved) || (zeros && tail.len() == saved.len());
            if !self.tails.iter().any(copy_of) {
                let text = format!("{name} holds what never was a torn tail");
                self.violated(Kind::Unexplained(saved.len() as u64), &text);
            }
        }
    }

    fn judge_verdict(&mut self, found: &Found) {
        if !found.begun {
            return;
        }
        let expected = if found.tail.is_empty() { 0 } else { 11 };
        let (code, said) = self.verify();
        if code != Some(expected) {
            let text = format!("verify said {code:?}, not {expected}: {said}");
            return self.violated(Kind::FalseAlarm, &text);
        }
        let Some(python) = self.world.second_opinion() else { return };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/verify.py");
        let mut command = Command::new(python);
        command.arg(script).arg(self.log());
        let (code, said) = Self::verdict(self.world, command);
        self.tally.second_opinions += 1;
        // It does not guess what a roll that stopped between its renames was about to do.
        let half = found.rolling && code == Some(2) && said.contains("half rolled");
        if !half && code != Some(expected) {
            let text = format!("verify.py said {code:?}, not {expected}: {said}");
            self.violated(Kind::FalseAlarm, &text);
        }
    }

    /// What `fernlog verify` says about the log.
    pub(crate) fn verify(&mut self) -> (Option<i32>, String) {
        self.tally.verdicts += 1;
        Self::verdict_of(self.world, &self.log())
    }

    /// What `fernlog verify` says about any log.
    pub(crate) fn verdict_of(world: &World, log: &Path) -> (Option<i32>, String) {
        let mut command = Command::new(&world.binary);
        command.arg("verify").arg(log);
        Self::verdict(world, command)
    }

    fn verdict(world: &World, mut command: Command) -> (Option<i32>, String) {
        command.arg("--vkey").arg(world.tool("audit.vkey"));
        command.arg("-k").arg(world.tool("audit.key")).stdin(Stdio::null());
        command.env_remove("FERNLOG_KEY_FILE");
        match command.output() {
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                (output.status.code(), String::from_utf8_lossy(&said).into_owned())
            }
            Err(error) => (None, error.to_string()),
        }
    }
}
