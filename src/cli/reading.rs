//! What decrypt, grep and tail have in common: keys, logs and a selection become records, one log
//! after the other. A log that cannot be read is said, and the rest goes on.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use fernlog::UnixTime;
use fernlog::read::{Filter, Log, Position};

use crate::args::KeySource;
use crate::damage::{Damages, Voice};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::index;
use crate::input::{self, Input};
use crate::lasts::{self, Last};
use crate::lines::{self, Lines};
use crate::pipeline::MakeSieve;
use crate::progress::{Interrupt, Progress};
use crate::pruned;
use crate::records::{Bounds, Each, End, Entry, Records, TornTail, Totals, keep_all};
use crate::selection::{Chosen, Limit};
use crate::ui::{self, Ui};

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

/// Which of the records that a filter keeps are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// So many at the beginning are not.
    skip: u64,
    /// So many after them are.
    most: u64,
}

impl Window {
    /// All of them.
    pub(crate) const ALL: Self = Window { skip: 0, most: u64::MAX };
}

/// What is left of the reading of one log, to go on from there.
#[derive(Debug)]
pub(crate) struct Left {
    /// How it ended.
    pub(crate) done: Done,
    /// The filter that was used.
    pub(crate) filter: Filter,
    /// The place behind the last line, if there is a log to read on in.
    pub(crate) end: Option<Position>,
}

impl Left {
    fn without(done: Done) -> Self {
        Left { done, filter: Filter::new(), end: None }
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
        let records = Records::new(ring, interrupt.clone(), ui);
        Ok(Reading { ui, inputs, records, interrupt, missing, exit })
    }

    /// The logs that were found.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        self.inputs.clone()
    }

    /// The exit code that damage and logs that could not be read ask for.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// How much was read, whether it was wanted or not.
    pub(crate) fn totals(&self) -> Totals {
        self.records.totals()
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

    /// Hands the selected records of one log to `each`, which may say that it has enough. Records
    /// that the sieve does not keep would be of no use to it; it may get them all the same.
    ///
    /// # Errors
    ///
    /// Those of `each`: the output takes no more.
    pub(crate) fn read(
        &mut self,
        input: &Input,
        chosen: &Chosen,
        sieve: &MakeSieve<'_>,
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
            Some(log) => self.read_log(log, chosen, sieve, each).map(|left| left.done),
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
        sieve: &MakeSieve<'_>,
        each: &mut Each<'_>,
    ) -> Result<Left, Failure> {
        let moments = &mut self.records;
        let filter = match chosen.filter(|index| moments.moment_of(log, index)) {
            Ok(filter) => filter,
            Err(failure) => return Ok(Left::without(self.failed(&failure))),
        };
        let bounds = Bounds::range(chosen.range());
        let mut window = Window::ALL;
        let mut from = 0;
        let mut lines = Lines::within(log, chosen.range());
        if let Limit::Last(count) = chosen.limit() {
            let mut keeps = |entry: &Entry<'_>| filter.keeps(&entry.record, entry.index);
            let totals = self.records.totals();
            let start = lasts::find(log, &mut self.records, bounds, count, &mut keeps, self.ui);
            // What was only counted will be read again.
            self.records.set_totals(totals);
            match start {
                Ok(Some(start)) => {
                    window.skip = start.skip;
                    if let Some(position) = start.position {
                        from = position.segment;
                        lines = Lines::from(log, position);
                    }
                }
                Ok(None) => return Ok(Left::without(Done::Interrupted)),
                Err(failure) => return Ok(Left::without(self.failed(&failure))),
            }
        }
        if let Limit::First(count) = chosen.limit() {
            window.most = count;
        }
        if self.missing == Missing::Told {
            pruned::tell(log, chosen.range(), from, self.ui);
        }
        match lines {
            Ok(mut lines) => {
                let done = self.pass(&mut lines, bounds, &filter, window, sieve, each)?;
                Ok(Left { done, filter, end: lines.position() })
            }
            Err(failure) => Ok(Left::without(self.failed(&failure))),
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
            Limit::None => self.pass(&mut lines, bounds, &filter, Window::ALL, &keep_all, each),
            Limit::First(most) => {
                let window = Window { skip: 0, most };
                self.pass(&mut lines, bounds, &filter, window, &keep_all, each)
            }
            Limit::Last(count) => {
                let mut last = Last::new(count);
                let mut keep = |entry: &Entry<'_>| last.push(entry).map(ControlFlow::Continue);
                let all = Window::ALL;
                let done = self.pass(&mut lines, bounds, &filter, all, &keep_all, &mut keep)?;
                last.each(each)?;
                Ok(done)
            }
        }
    }

    /// One pass over lines: the records that the filter keeps, and of these the window.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub(crate) fn pass(
        &mut self,
        lines: &mut Lines<'_>,
        bounds: Bounds,
        filter: &Filter,
        mut window: Window,
        sieve: &MakeSieve<'_>,
        each: &mut Each<'_>,
    ) -> Result<Done, Failure> {
        if window.most == 0 {
            return Ok(Done::Read);
        }
        // A window counts what the filter keeps, so then nothing else may be left out.
        let with_sieve = window == Window::ALL;
        let filtered: &MakeSieve<'_> = &|| {
            let mut sieve = with_sieve.then(sieve);
            Box::new(move |entry| {
                filter.keeps(&entry.record, entry.index)
                    && sieve.as_mut().is_none_or(|keep| keep(entry))
            })
        };
        let mut damages = Damages::new(self.ui, Voice::Loud);
        // A failure of the output ends the run, a failure to read only this log.
        let mut failed = None;
        let mut take = |entry: &Entry<'_>| {
            if !filter.keeps(&entry.record, entry.index) {
                return Ok(ControlFlow::Continue(()));
            }
            if window.skip > 0 {
                window.skip -= 1;
                return Ok(ControlFlow::Continue(()));
            }
            window.most -= 1;
            Ok(match each(entry) {
                Ok(ControlFlow::Continue(())) if window.most > 0 => ControlFlow::Continue(()),
                Ok(_) => ControlFlow::Break(()),
                Err(failure) => {
                    failed = Some(failure);
                    ControlFlow::Break(())
                }
            })
        };
        let end = self.records.read(lines, bounds, &mut damages, filtered, &mut take);
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

/// A file name as messages and prefixes show it.
pub(crate) fn shown(input: &Input) -> String {
    escape::path(&input.name()).into_owned()
}

/// The time of a record in JSON: UTC, as stored.
pub(crate) fn json_time(time: UnixTime) -> String {
    time.to_string()
}
