//! The records of a log in order: lines are opened with the keys, what opens goes on to the
//! command, what does not goes to the damages.

use std::ops::ControlFlow;
use std::path::Path;
use std::thread;

use fernlog::format::Place;
use fernlog::read::{Content, Line, Log, OpenedRecord, Opener, Position};
use fernlog::{Keyring, UnixTime};

use crate::damage::{Damages, Voice};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::index::{self, IndexRange};
use crate::lines::Lines;
use crate::pass::{Pass, Seen};
use crate::pipeline::{self, Batch, MakeSieve, Outcome, Pipeline};
use crate::progress::{Interrupt, Progress};
use crate::pruned;
use crate::ui::Ui;

/// An authentic record and where it stands.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Its file.
    pub(crate) file: &'a Path,
    /// Its place in the file.
    pub(crate) place: Place,
    /// Its index in the log.
    pub(crate) index: Option<u64>,
    /// What it says.
    pub(crate) record: OpenedRecord<'a>,
}

/// What a command does with a record.
pub(crate) type Each<'e> = dyn FnMut(&Entry<'_>) -> Result<ControlFlow<()>, Failure> + 'e;

/// What stopped a pass over lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// There is nothing more.
    Reached,
    /// The command has what it wants.
    Enough,
    /// Ctrl-C.
    Interrupted,
}

/// Reads records. One for all logs of a run.
#[derive(Debug)]
pub(crate) struct Records<'u> {
    ring: Keyring,
    opener: Opener,
    interrupt: Interrupt,
    progress: Option<Progress>,
    ui: &'u Ui,
    /// Where the log is being written, an incomplete last line waits for its end.
    tail: TornTail,
    /// What the last record said about the next segment's key.
    announced: Option<String>,
    totals: Totals,
}

/// How much was read, whether it was wanted or not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Authentic records.
    pub(crate) records: u64,
    /// Bytes of their plaintexts.
    pub(crate) bytes: u64,
}

/// What bytes after the last LF of the active segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TornTail {
    /// Damage that is told.
    Told,
    /// The beginning of the next line.
    Waits,
}

/// Which lines of those that are read count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Lines outside are not opened.
    pub(crate) range: IndexRange,
    /// Reading stops before this position.
    pub(crate) end: Option<Position>,
}

impl Bounds {
    /// All lines within a range.
    pub(crate) fn range(range: IndexRange) -> Self {
        Bounds { range, end: None }
    }
}

impl<'u> Records<'u> {
    /// Prepares the keys.
    pub(crate) fn new(ring: Keyring, interrupt: Interrupt, ui: &'u Ui) -> Self {
        Records {
            opener: Opener::new(&ring),
            ring,
            interrupt,
            progress: None,
            ui,
            tail: TornTail::Told,
            announced: None,
            totals: Totals::default(),
        }
    }

    /// Shows how far the reading has come.
    pub(crate) fn show_progress(&mut self, progress: Progress) {
        self.progress = Some(progress);
    }

    /// Says what an incomplete last line is.
    pub(crate) fn torn_tail(&mut self, tail: TornTail) {
        self.tail = tail;
    }

    /// How much was read so far.
    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// Takes back what was read only to be read again.
    pub(crate) fn set_totals(&mut self, totals: Totals) {
        self.totals = totals;
    }

    /// Opens the lines in order and hands each record to `each`; of a long log perhaps only those
    /// that the sieve keeps.
    ///
    /// # Errors
    ///
    /// The files cannot be read; those of `each`.
    pub(crate) fn read(
        &mut self,
        lines: &mut Lines<'_>,
        bounds: Bounds,
        damages: &mut Damages<'_>,
        sieve: &MakeSieve<'_>,
        each: &mut Each<'_>,
    ) -> Result<End, Failure> {
        let workers = pipeline::workers();
        let mut pass = Pass::new(lines.log(), self.tail, self.announced.take(), damages);
        let end = if workers > 0 && bounds.end.is_none() && lines.is_long() {
            let ring = self.ring.clone();
            thread::scope(|scope| {
                let mut pipeline = Pipeline::start(scope, workers, &ring, sieve);
                self.read_lines(lines, bounds, &mut pass, Some(&mut pipeline), each)
            })
        } else {
            self.read_lines(lines, bounds, &mut pass, None, each)
        };
        self.announced = pass.end();
        end
    }

    fn read_lines(
        &mut self,
        lines: &mut Lines<'_>,
        bounds: Bounds,
        pass: &mut Pass<'_, '_>,
        mut pipeline: Option<&mut Pipeline>,
        each: &mut Each<'_>,
    ) -> Result<End, Failure> {
        let log = lines.log();
        let mut count = Counter::default();
        while let Some(line) = lines.next()? {
            if self.interrupt.raised() {
                return Ok(End::Interrupted);
            }
            if bounds.end.is_some_and(|end| is_at(log, &line, end)) {
                break;
            }
            if pass.is_new_segment(&line) {
                if let Some(pipeline) = &mut pipeline
                    && !self.drain(pipeline, log, pass, each)?
                {
                    return Ok(End::Enough);
                }
                let header = pass.begin_segment(&line, &mut self.opener)?;
                if let Some(pipeline) = &mut pipeline {
                    pipeline.begin_segment(line.segment, header);
                }
            }
            match line.index {
                Some(index) if bounds.range.end.is_some_and(|end| index >= end) => break,
                Some(index) if index < bounds.range.start => continue,
                _ => {}
            }
            if let Content::Token { line, .. } = line.content {
                count.add(line.len(), self.progress.as_ref());
            }
            if let Some(pipeline) = pipeline.as_mut().filter(|pipeline| pipeline.is_open()) {
                if let Some(mut batch) = pipeline.push(&line) {
                    if !self.take(&mut batch, log, pass, each)? {
                        return Ok(End::Enough);
                    }
                    pipeline.recycle(batch);
                }
                continue;
            }
            let (token, time) = match line.content {
                Content::Token { line, time } => (line, time),
                Content::Damage(damage) => {
                    pass.damaged(&line, damage)?;
                    continue;
                }
            };
            if pass.key_missing() {
                continue;
            }
            match self.opener.open(token, line.index) {
                Ok(record) => {
                    self.totals.add(record.plaintext.len());
                    pass.opened(&line, time, Seen::of(&record));
                    let Line { file, place, index, .. } = line;
                    let said = record.record.as_ref().and_then(|record| record.seq);
                    let index = if log.is_some() { index } else { said };
                    if each(&Entry { file, place, index, record })?.is_break() {
                        return Ok(End::Enough);
                    }
                }
                Err(failure) => pass.failed(&line, time, failure, || self.opener.given()),
            }
        }
        if let Some(pipeline) = &mut pipeline
            && !self.drain(pipeline, log, pass, each)?
        {
            return Ok(End::Enough);
        }
        Ok(End::Reached)
    }

    /// Takes everything that is still on its way; false when the command has enough.
    fn drain(
        &mut self,
        pipeline: &mut Pipeline,
        log: Option<&Log>,
        pass: &mut Pass<'_, '_>,
        each: &mut Each<'_>,
    ) -> Result<bool, Failure> {
        while let Some(mut batch) = pipeline.drain() {
            if !self.take(&mut batch, log, pass, each)? {
                return Ok(false);
            }
            pipeline.recycle(batch);
        }
        Ok(true)
    }

    /// Takes a batch that is done; false when the command has enough.
    fn take(
        &mut self,
        batch: &mut Batch,
        log: Option<&Log>,
        pass: &mut Pass<'_, '_>,
        each: &mut Each<'_>,
    ) -> Result<bool, Failure> {
        // Only lines of a log are ever batched.
        let Some(log) = log else { return Ok(true) };
        batch.each(log, |line, outcome, entry| {
            match outcome {
                Outcome::Damage(damage) => pass.damaged(line, damage)?,
                Outcome::Failed(time, failure) => {
                    pass.failed(line, time, failure, || self.opener.given());
                }
                Outcome::Opened(time, seen, length) => {
                    self.totals.add(length);
                    pass.opened(line, time, seen);
                    if let Some(entry) = entry {
                        return Ok(each(&entry)?.is_continue());
                    }
                }
            }
            Ok(true)
        })
    }

    /// The time of the record at `index`, which `--since '#N'` stands for.
    ///
    /// # Errors
    ///
    /// There is no such record, or it does not open.
    pub(crate) fn moment_of(&mut self, log: &Log, index: u64) -> Result<UnixTime, Failure> {
        let range = IndexRange { start: index, end: index.checked_add(1) };
        let mut moment = None;
        let mut damages = Damages::new(self.ui, Voice::Silent);
        let mut lines = Lines::within(log, range)?;
        self.read(&mut lines, Bounds::range(range), &mut damages, &keep_all, &mut |entry| {
            moment = Some(entry.record.when());
            Ok(ControlFlow::Break(()))
        })?;
        moment.ok_or_else(|| {
            let name = escape::path(&log.path().active()).into_owned();
            let gone = pruned::gone(log).into_iter().find(|gone| gone.overlaps(range));
            if let Some(gone) = gone {
                let (index, gone) = (index::show(index), gone.sentence());
                return Failure::usage(format!("{name} has no time of {index} any more: {gone}"));
            }
            let what = format!("{name} has no record {} that opens", index::show(index));
            let exit = if damages.count() == 0 { Exit::Error } else { damages.exit() };
            Failure::new(exit, what)
        })
    }
}

impl Totals {
    fn add(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes as u64;
    }
}

/// A sieve that keeps everything.
pub(crate) fn keep_all<'s>() -> Box<dyn FnMut(&Entry<'_>) -> bool + Send + 's> {
    Box::new(|_| true)
}

fn is_at(log: Option<&Log>, line: &Line<'_>, end: Position) -> bool {
    let number = log.and_then(|log| log.segments().get(line.segment)).map_or(0, |s| s.number());
    (number, line.place.byte) >= (end.segment, end.place.byte)
}

/// Counts for the progress, which reads a clock and is told once a block.
#[derive(Debug, Default)]
struct Counter {
    bytes: u64,
    records: u64,
}

impl Counter {
    fn add(&mut self, bytes: usize, progress: Option<&Progress>) {
        self.bytes += bytes as u64 + 1;
        self.records += 1;
        if self.bytes >= 1 << 18 {
            if let Some(progress) = progress {
                progress.advance(self.bytes, self.records);
            }
            *self = Counter::default();
        }
    }
}
