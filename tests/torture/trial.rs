//! One log under torture, and what is known of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::random::Random;
use crate::report::warn;
use crate::tally::{Kind, Tally};
use crate::world::{Place, World};
use crate::writer::{Ran, Writer};

/// `fernlog append` with other options, all of which keep all promises.
pub(crate) type Variant = &'static [&'static str];

/// Every stage draws from these.
pub(crate) const VARIANTS: [Variant; 9] = [
    &["--durability", "durable"],
    &["--durability", "written"],
    &["--durability", "durable", "--roll-size", "2k"],
    &["--durability", "written", "--roll-size", "10k"],
    &["--durability", "durable", "--roll-size", "100k"],
    &["--durability", "durable", "--roll-size", "4k", "--compress"],
    &["--durability", "written", "--roll-size", "4k", "--keep", "3"],
    &["--durability", "durable", "--roll-size", "2k", "--keep", "4", "--compress"],
    &["--durability", "durable", "--roll-every", "midnight", "--compress"],
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
    /// Set by [`Trial::choose`].
    pub(crate) variant: Variant,
    /// How many closed segments every writer so far has kept, if one has not kept all.
    pub(crate) keeps: Option<u64>,
    pub(crate) tally: Tally,
    folder: PathBuf,
    _held: Option<TempDir>,
    /// The lines that were found last.
    pub(crate) known: Vec<u8>,
    /// Tails that were found and have to turn up in a file of their own.
    pub(crate) tails: Vec<Vec<u8>>,
    /// What somebody else put in the place of the log.
    pub(crate) foreign: Vec<Vec<u8>>,
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
            keeps: None,
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

    /// Goes on with other options.
    pub(crate) fn choose(&mut self, variant: Variant) {
        self.variant = variant;
        let keep = variant.iter().position(|word| *word == "--keep");
        if let Some(keep) = keep.and_then(|at| variant.get(at + 1)?.parse().ok()) {
            self.keeps = Some(self.keeps.map_or(keep, |keeps| keeps.min(keep)));
        }
    }

    /// Whether what is acknowledged is to survive the disk.
    pub(crate) fn is_durable(&self) -> bool {
        self.variant.contains(&"durable")
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
        warn(&format!(
            "\nVIOLATION in {stage}, case {case}: {kind:?}: {text}\n  options: {}\n  files kept: \
             {kept}\n  again: tests/torture/run --seed {seed} --stage {stage} --case {case}\n",
            self.variant.join(" ")
        ));
    }
}
