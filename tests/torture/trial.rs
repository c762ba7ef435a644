//! One log under torture, what is known of it, and the oracle that judges it after every fault:
//!
//! 1. every acknowledged record is there;
//! 2. what is there are the records sent, from the first on, in order, none twice, none changed, and
//!    whatever was seen there before is there still, byte by byte;
//! 3. `verify` says what is so, and the Python verifier agrees with it;
//! 4. every byte is part of a line, of a tail that the next writer saves aside, or of such a copy;
//! 5. the next append puts everything in order by itself and its record is there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::files::Found;
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::world::{Place, World};
use crate::writer::{Ran, Writer};

/// `fernlog append` with other options, all of which keep all promises.
pub(crate) type Variant = &'static [&'static str];

/// Every stage draws from these.
pub(crate) const VARIANTS: [Variant; 5] = [
    &["--durability", "durable"],
    &["--durability", "written"],
    &["--durability", "durable", "--roll-size", "2k"],
    &["--durability", "written", "--roll-size", "10k"],
    &["--durability", "durable", "--roll-size", "100k"],
];

/// What a fault may do to what was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acks {
    Hold,
    /// The disk failed and the durability asked for was less than durable.
    MayBeLost,
}

/// A log.
pub(crate) struct Trial<'w> {
    pub(crate) world: &'w World,
    pub(crate) stage: &'static str,
    pub(crate) case: u64,
    pub(crate) variant: Variant,
    pub(crate) tally: Tally,
    folder: PathBuf,
    _held: Option<TempDir>,
    /// The lines that were found last.
    known: Vec<u8>,
    /// Tails that were found and have to turn up in a file of their own.
    tails: Vec<Vec<u8>>,
    /// What somebody else put in the place of the log.
    foreign: Vec<Vec<u8>>,
    /// Number of the next message.
    number: u64,
    failed: bool,
}

impl<'w> Trial<'w> {
    /// A log that does not exist yet.
    pub(crate) fn new(world: &'w World, stage: &'static str, case: u64, place: Place) -> Self {
        let held = world.folder(place);
        let folder = held.path().to_owned();
        Self { _held: Some(held), ..Self::at(world, stage, case, folder) }
    }

    /// A log that does not exist yet, in a folder that somebody else takes away.
    pub(crate) fn at(world: &'w World, stage: &'static str, case: u64, folder: PathBuf) -> Self {
        Self {
            world,
            stage,
            case,
            variant: VARIANTS[0],
            tally: Tally::default(),
            folder,
            _held: None,
            known: Vec::new(),
            tails: Vec::new(),
            foreign: Vec::new(),
            number: 0,
            failed: false,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }

    /// Whether the case is to go on.
    pub(crate) fn goes_on(&self) -> bool {
        !self.failed && !self.world.stopping()
    }

    /// `fernlog append` of this log, perhaps under another program.
    pub(crate) fn append_command(&self, under: &[OsString], variant: &[&str]) -> Command {
        let binary = self.world.binary.clone().into_os_string();
        let words: Vec<&OsString> = under.iter().chain([&binary]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("append").arg(self.log());
        command.arg("-k").arg(self.world.tool("audit.key"));
        command.arg("--sign").arg(self.world.tool("audit.sign"));
        command.arg("--ack").args(variant).env_remove("FERNLOG_KEY_FILE");
        command
    }

    /// These bytes stand where the log should be.
    pub(crate) fn expect_foreign(&mut self, bytes: &[u8]) {
        self.foreign.push(bytes.to_vec());
    }

    /// Starts a writer with the options of this trial.
    pub(crate) fn start(&mut self, under: &[OsString]) -> Writer {
        self.start_command(self.append_command(under, self.variant))
    }

    pub(crate) fn start_command(&mut self, command: Command) -> Writer {
        self.tally.writers += 1;
        Writer::start(command)
    }

    /// The next lines to send.
    pub(crate) fn lines(&mut self, random: &mut Random, count: u64) -> Vec<String> {
        let numbers = self.number..self.number + count;
        self.number = numbers.end;
        numbers.map(|number| format!("{number} {}", random.text())).collect()
    }

    /// Sends batches, each after the acknowledgements of the one before, as long as that works.
    pub(crate) fn converse(&mut self, writer: &mut Writer, random: &mut Random, batches: u64) {
        for _ in 0..batches {
            let count = random.within(1..6);
            if !(writer.send(self.lines(random, count)) && writer.settled()) {
                return;
            }
        }
    }

    /// An ordinary writer that nothing happens to.
    pub(crate) fn append(&mut self, random: &mut Random, batches: u64) -> bool {
        let mut writer = self.start(&[]);
        self.converse(&mut writer, random, batches);
        let ran = writer.finish();
        self.ended_well(&ran) && self.judge(&ran, Acks::Hold)
    }

    /// Whether a writer took everything and ended as it should.
    pub(crate) fn ended_well(&mut self, ran: &Ran) -> bool {
        if ran.code == Some(0) && ran.acks.len() == ran.sent.len() && !ran.hung {
            return true;
        }
        let text = format!(
            "an append ended with {:?}, signal {:?}, {} of {} acknowledged, and said: {}",
            ran.code,
            ran.signal,
            ran.acks.len(),
            ran.sent.len(),
            ran.said.trim()
        );
        self.violated(Kind::Broken, &text);
        false
    }

    /// Judges what a writer left, before anything is put in order.
    pub(crate) fn judge(&mut self, ran: &Ran, acks: Acks) -> bool {
        if ran.hung {
            self.violated(Kind::Broken, "a writer did not end");
        }
        if ran.code == Some(101) || ran.said.contains("panicked at") {
            self.violated(Kind::Broken, &format!("a writer panicked: {}", ran.said.trim()));
        }
        let found = match Found::look(&self.folder) {
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
        let Ok(found) = Found::look(&self.folder) else { return false };
        if !(found.tail.is_empty() && found.chain_tail.is_empty() && !found.rolling) {
            self.violated(Kind::Broken, "an append ended well and left a torn tail or half a roll");
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
        let Some(new) = found.lines.strip_prefix(&*self.known) else {
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
            let sent = ran.sent.get(records).map(String::as_str);
            if sent.is_none() || record["message"].as_str() != sent {
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

    /// The messages that are in the log.
    pub(crate) fn messages(&self) -> BTreeSet<String> {
        let found = Found::look(&self.folder).unwrap_or_default();
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
        if code != Some(expected) {
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

    /// Writes down a broken promise, says how to see it again and keeps the files.
    pub(crate) fn violated(&mut self, kind: Kind, text: &str) {
        if self.world.stopping() {
            // Ctrl-C reaches the writers, too.
            return;
        }
        self.failed = true;
        self.tally.count(kind);
        let (stage, case, seed) = (self.stage, self.case, self.world.seed);
        let kept = self.world.kept.join(format!("{stage}-{case}"));
        let copied = crate::world::copy_flat(&self.folder, &kept);
        let kept = if copied.is_ok() { kept.display().to_string() } else { "nowhere".to_owned() };
        eprintln!(
            "\nVIOLATION in {stage}, case {case}: {kind:?}: {text}\n  options: {}\n  files kept: \
             {kept}\n  again: tests/torture/run --seed {seed} --stage {stage} --case {case}\n",
            self.variant.join(" ")
        );
    }
}
