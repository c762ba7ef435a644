//! What decrypt, grep and tail have in common: keys, logs and a selection become records, one log
//! after the other. A log that cannot be read is said, and the rest goes on.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use fernlog::format::{Place, StoredRecord};
use fernlog::read::{Filter, Log, OpenedRecord, Opener, Order, Position};
use fernlog::{KeyId, UnixTime};

use crate::args::KeySource;
use crate::damage::{Damages, Voice};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::index;
use crate::input::{self, Input};
use crate::lasts;
use crate::lines::{self, Lines};
use crate::progress::{Interrupt, Progress};
use crate::records::{Bounds, End, Entry, Records, TornTail};
use crate::selection::{Chosen, Limit};
use crate::ui::{self, Ui};

/// How much of a stream is kept for its last records.
const KEPT: usize = 16 << 20;

/// What a command does with a record.
pub(crate) type Each<'e> = dyn FnMut(&Entry<'_>) -> Result<ControlFlow<()>, Failure> + 'e;

/// Whether a log that cannot be read is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// On standard error.
    Told,
    /// Only the exit code says so.
    Silent,
}

/// Reads logs.
#[derive(Debug)]
pub(crate) struct Reading<'u> {
    ui: &'u Ui,
    inputs: Vec<Input>,
    records: Records<'u>,
    interrupt: Interrupt,
    missing: Missing,
    exit: Exit,
    read: u64,
}

/// How the reading of one log ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It was read as far as was asked.
    Read,
    /// It could not be read, which is said and counted already.
    Failed,
    /// Ctrl-C.
    Interrupted,
}

/// What is left of the reading of one log, to go on from there.
#[derive(Debug)]
pub(crate) struct Pass {
    /// How it ended.
    pub(crate) done: Done,
    /// The filter that was used.
    pub(crate) filter: Filter,
    /// The place behind the last line, if there is a log to read on in.
    pub(crate) end: Option<Position>,
}

impl Pass {
    fn without(done: Done) -> Self {
        Pass { done, filter: Filter::new(), end: None }
    }
}

impl<'u> Reading<'u> {
    /// Loads the keys and finds the logs.
    ///
    /// # Errors
    ///
    /// There is no key that can be used, or Ctrl-C cannot be caught.
    pub(crate) fn new(
        keys: &KeySource,
        logs: &[PathBuf],
        missing: Missing,
        ui: &'u Ui,
    ) -> Result<Self, Failure> {
        input::one_stdin(keys.key_files.iter().chain(logs))?;
        let ring = input::keyring(keys, ui)?;
        let mut exit = Exit::Ok;
        let inputs = input::locate(logs, |failure| {
            exit = exit.worst(failure.exit());
            if missing == Missing::Told {
                ui.failure(&failure);
            }
        });
        // Whoever waits for standard input would not notice the first Ctrl-C.
        let interrupt = if inputs.contains(&Input::Stdin) {
            Interrupt::default()
        } else {
            Interrupt::catch().map_err(|error| Failure::file(Path::new("Ctrl-C"), &error))?
        };
        let records = Records::new(Opener::new(&ring), interrupt.clone(), ui);
        Ok(Reading { ui, inputs, records, interrupt, missing, exit, read: 0 })
    }

    /// The logs that were found.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        self.inputs.clone()
    }

    /// The exit code that damage and logs that could not be read ask for.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// How many records were read, whether they were wanted or not.
    pub(crate) fn records_read(&self) -> u64 {
        self.read
    }

    /// Whether to stop now.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupt.raised()
    }

    /// Shows how far the reading has come. Not for commands that print to a terminal meanwhile.
    pub(crate) fn show_progress(&mut self, done: &'static str) {
        let total = |log: &Log| -> u64 {
            let lengths = log.segments().iter().filter_map(|s| s.open().ok().flatten());
            lengths.map(|source| source.len()).sum()
        };
        let logs = self.inputs.iter().filter_map(|input| match input {
            Input::Log(path) => Log::open(path).ok(),
            Input::Stdin => None,
        });
        let total = logs.map(|log| total(&log)).sum();
        self.records.show_progress(Progress::new(self.ui, done, total));
    }

    /// Whether an incomplete last line is told or waits for its end.
    pub(crate) fn torn_tail(&mut self, tail: TornTail) {
        self.records.torn_tail(tail);
    }

    /// Hands the selected records of one log to `each`, which may say that it has enough.
    ///
    /// # Errors
    ///
    /// Those of `each`: the output takes no more.
    pub(crate) fn read(
        &mut self,
        input: &Input,
        chosen: &Chosen,
        each: &mut Each<'_>,
    ) -> Result<Done, Failure> {
        let log = match input {
            Input::Log(path) => match lines::open(path) {
                Ok(log) => Some(log),
                Err(failure) => return Ok(self.failed(&failure)),
            },
            Input::Stdin => None,
        };
        match &log {
            Some(log) => self.read_log(log, chosen, each).map(|pass| pass.done),
            None => self.read_stdin(chosen, each),
        }
    }

    /// Like [`Reading::read`] for a log that is open.
    ///
    /// # Errors
    ///
    /// Those of [`Reading::read`].
    pub(crate) fn read_log(
        &mut self,
        log: &Log,
        chosen: &Chosen,
        each: &mut Each<'_>,
    ) -> Result<Pass, Failure> {
        let moments = &mut self.records;
        let filter = match chosen.filter(|index| moments.moment_of(log, index)) {
            Ok(filter) => filter,
            Err(failure) => return Ok(Pass::without(self.failed(&failure))),
        };
        let bounds = Bounds::range(chosen.range());
        let mut skip = 0;
        let mut lines = Lines::within(log, chosen.range());
        if let Limit::Last(count) = chosen.limit() {
            let mut keeps = |entry: &Entry<'_>| filter.keeps(&entry.record, entry.index);
            match lasts::find(log, &mut self.records, bounds, count, &mut keeps, self.ui) {
                Ok(Some(start)) => {
                    skip = start.skip;
                    if let Some(position) = start.position {
                        lines = Lines::from(log, position);
                    }
                }
                Ok(None) => return Ok(Pass::without(Done::Interrupted)),
                Err(failure) => return Ok(Pass::without(self.failed(&failure))),
            }
        }
        let most = if let Limit::First(count) = chosen.limit() { count } else { u64::MAX };
        match lines {
            Ok(mut lines) => {
                let done = self.pass(&mut lines, bounds, &filter, skip, most, each)?;
                Ok(Pass { done, filter, end: lines.position() })
            }
            Err(failure) => Ok(Pass::without(self.failed(&failure))),
        }
    }

    fn read_stdin(&mut self, chosen: &Chosen, each: &mut Each<'_>) -> Result<Done, Failure> {
        let filter = chosen.filter(|index| {
            let index = index::show(index);
            Err(Failure::usage(format!("the time of {index} cannot be read from standard input")))
        })?;
        let bounds = Bounds::range(chosen.range());
        let mut lines = Lines::stdin();
        match chosen.limit() {
            Limit::None => self.pass(&mut lines, bounds, &filter, 0, u64::MAX, each),
            Limit::First(most) => self.pass(&mut lines, bounds, &filter, 0, most, each),
            Limit::Last(count) => {
                let mut last = Last::new(count);
                let mut keep = |entry: &Entry<'_>| last.push(entry).map(ControlFlow::Continue);
                let done = self.pass(&mut lines, bounds, &filter, 0, u64::MAX, &mut keep)?;
                last.each(each)?;
                Ok(done)
            }
        }
    }

    /// One pass over lines: the records that the filter keeps, without the first `skip`, `most` at
    /// the most.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub(crate) fn pass(
        &mut self,
        lines: &mut Lines<'_>,
        bounds: Bounds,
        filter: &Filter,
        mut skip: u64,
        mut most: u64,
        each: &mut Each<'_>,
    ) -> Result<Done, Failure> {
        if most == 0 {
            return Ok(Done::Read);
        }
        let mut damages = Damages::new(self.ui, Voice::Loud);
        // A failure of the output ends the run, a failure to read only this log.
        let mut failed = None;
        let read = &mut self.read;
        let end = self.records.read(lines, bounds, &mut damages, &mut |entry| {
            *read += 1;
            if !filter.keeps(&entry.record, entry.index) {
                return Ok(ControlFlow::Continue(()));
            }
            if skip > 0 {
                skip -= 1;
                return Ok(ControlFlow::Continue(()));
            }
            most -= 1;
            Ok(match each(entry) {
                Ok(ControlFlow::Continue(())) if most > 0 => ControlFlow::Continue(()),
                Ok(_) => ControlFlow::Break(()),
                Err(failure) => {
                    failed = Some(failure);
                    ControlFlow::Break(())
                }
            })
        });
        self.exit = self.exit.worst(damages.exit());
        match (failed, end) {
            (Some(failure), _) => Err(failure),
            (None, Ok(End::Interrupted)) => Ok(Done::Interrupted),
            (None, Ok(_)) => Ok(Done::Read),
            (None, Err(failure)) => Ok(self.failed(&failure)),
        }
    }

    /// Says that a log could not be read.
    pub(crate) fn failed(&mut self, failure: &Failure) -> Done {
        self.exit = self.exit.worst(failure.exit());
        if self.missing == Missing::Told {
            // What was read before stands before the message.
            let _ = self.ui.out().flush();
            self.ui.failure(failure);
        }
        Done::Failed
    }

    /// Says that the run was stopped, and how far it came; gives the exit code.
    pub(crate) fn partial(&self, what: &str) -> Exit {
        let _ = self.ui.out().flush();
        ui::say(&format!("PARTIAL: {what}; the rest was not read"));
        self.exit.worst(Exit::Interrupted)
    }
}

/// The last records of a stream, which cannot be read twice.
#[derive(Debug)]
struct Last {
    count: u64,
    bytes: usize,
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    place: Place,
    index: Option<u64>,
    time: u64,
    key: Option<KeyId>,
    order: Order,
    plaintext: Vec<u8>,
}

impl Last {
    fn new(count: u64) -> Self {
        Last { count, bytes: 0, kept: VecDeque::new() }
    }

    fn push(&mut self, entry: &Entry<'_>) -> Result<(), Failure> {
        let OpenedRecord { time, key, order, plaintext, .. } = entry.record;
        let (place, index, plaintext) = (entry.place, entry.index, plaintext.to_vec());
        self.bytes += plaintext.len();
        self.kept.push_back(Kept { place, index, time, key, order, plaintext });
        if self.kept.len() as u64 > self.count {
            self.bytes -= self.kept.pop_front().map_or(0, |kept| kept.plaintext.len());
        }
        if self.bytes > KEPT {
            return Err(Failure::usage("so many last records of standard input need a file")
                .hint("read from the files of the log, where the end can be found"));
        }
        Ok(())
    }

    fn each(&self, each: &mut Each<'_>) -> Result<(), Failure> {
        for kept in &self.kept {
            let record = OpenedRecord {
                time: kept.time,
                plaintext: &kept.plaintext,
                record: StoredRecord::decode(&kept.plaintext),
                key: kept.key,
                order: kept.order,
            };
            let (place, index) = (kept.place, kept.index);
            if each(&Entry { file: Path::new("-"), place, index, record })?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// A file name as messages and prefixes show it.
pub(crate) fn shown(input: &Input) -> String {
    escape::path(&input.name()).into_owned()
}

/// The time of a record in JSON: UTC, as stored.
pub(crate) fn json_time(time: UnixTime) -> String {
    time.to_string()
}
