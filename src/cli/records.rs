//! The records of a log in order: lines are opened with the keys, what opens goes on to the
//! command, what does not goes to the damages.

use std::ops::ControlFlow;
use std::path::Path;

use fernlog::UnixTime;
use fernlog::format::{Event, Place, RecordKind, SegmentName};
use fernlog::read::{
    self, Content, Damage, Line, Log, MemberPath, OpenedRecord, Opener, Order, Position,
};

use crate::damage::{Damages, Reason, Spot, Voice};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::index::{self, IndexRange};
use crate::lines::Lines;
use crate::progress::{Interrupt, Progress};
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
    opener: Opener,
    interrupt: Interrupt,
    progress: Option<Progress>,
    ui: &'u Ui,
    /// Where the log is being written, an incomplete last line waits for its end.
    tail: TornTail,
    /// What the last record said about the next segment's key.
    announced: Option<String>,
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

/// What is known about the segment that is being read.
#[derive(Debug, Default)]
struct Current {
    segment: Option<usize>,
    /// Lines that no key opened before one did, and the first of them.
    unopened: Option<(Spot, Reason, u64)>,
    opened: bool,
    /// The header commits to a key, and it is here.
    committed: bool,
    key_missing: bool,
}

impl<'u> Records<'u> {
    /// Prepares the keys.
    pub(crate) fn new(opener: Opener, interrupt: Interrupt, ui: &'u Ui) -> Self {
        Records { opener, interrupt, progress: None, ui, tail: TornTail::Told, announced: None }
    }

    /// Shows how far the reading has come.
    pub(crate) fn show_progress(&mut self, progress: Progress) {
        self.progress = Some(progress);
    }

    /// Says what an incomplete last line is.
    pub(crate) fn torn_tail(&mut self, tail: TornTail) {
        self.tail = tail;
    }

    /// Opens the lines in order and hands each record to `each`.
    ///
    /// # Errors
    ///
    /// The files cannot be read; those of `each`.
    pub(crate) fn read(
        &mut self,
        lines: &mut Lines<'_>,
        bounds: Bounds,
        damages: &mut Damages<'_>,
        each: &mut dyn FnMut(&Entry<'_>) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<End, Failure> {
        let mut current = Current::default();
        let end = self.read_lines(lines, bounds, damages, &mut current, each);
        current.settle(damages);
        damages.tell();
        end
    }

    fn read_lines(
        &mut self,
        lines: &mut Lines<'_>,
        bounds: Bounds,
        damages: &mut Damages<'_>,
        current: &mut Current,
        each: &mut dyn FnMut(&Entry<'_>) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<End, Failure> {
        let log = lines.log();
        let mut count = Counter::default();
        while let Some(line) = lines.next()? {
            if self.interrupt.raised() {
                return Ok(End::Interrupted);
            }
            if bounds.end.is_some_and(|end| is_at(log, &line, end)) {
                return Ok(End::Reached);
            }
            if current.segment.replace(line.segment) != Some(line.segment) {
                current.settle(damages);
                self.begin_segment(log, &line, damages, current)?;
            }
            match line.index {
                Some(index) if bounds.range.end.is_some_and(|end| index >= end) => {
                    return Ok(End::Reached);
                }
                Some(index) if index < bounds.range.start => continue,
                _ => {}
            }
            let (token, time) = match line.content {
                Content::Token { line, time } => (line, time),
                Content::Damage(damage) => {
                    if let Some(reason) = self.reason(log, &line, damage)? {
                        damages.add(Spot::line(&line, None), reason, 1);
                    }
                    continue;
                }
            };
            count.add(token.len(), self.progress.as_ref());
            if current.key_missing {
                continue;
            }
            let announced = self.announced.as_deref();
            match self.opener.open(token, line.index) {
                Ok(record) => {
                    current.opened = true;
                    current.settle(damages);
                    if let Order::Misplaced(seq) = record.order {
                        damages.add(Spot::line(&line, Some(time)), Reason::Misplaced(seq), 1);
                    }
                    damages.tell();
                    let announces = announces(&record);
                    let Line { file, place, index, .. } = line;
                    if each(&Entry { file, place, index, record })?.is_break() {
                        return Ok(End::Enough);
                    }
                    self.announced = announces;
                }
                Err(read::Failure::NoKey { wanted: Some(wanted), given }) => {
                    // Said once for the segment, which commits to one key.
                    current.key_missing = true;
                    let spot = Spot::line(&line, Some(time));
                    damages.add(spot, Reason::NoKey(Some(wanted), given), 1);
                }
                Err(failure) => {
                    let given = self.opener.given();
                    let reason = match failure {
                        // A record that was authentic said that the key changes here.
                        read::Failure::NotAuthentic { .. }
                            if announced.is_some() && !current.opened && !current.committed =>
                        {
                            Reason::NoKey(None, given)
                        }
                        read::Failure::NotAuthentic { key } => Reason::NotAuthentic(key),
                        read::Failure::NotAToken => Reason::NotAToken,
                        _ => Reason::NoKey(None, given),
                    };
                    let spot = Spot::line(&line, Some(time));
                    if matches!(reason, Reason::NoKey(..)) && !current.opened {
                        current.unopened.get_or_insert((spot, reason, 0)).2 += 1;
                    } else {
                        damages.add(spot, reason, 1);
                    }
                }
            }
        }
        Ok(End::Reached)
    }

    /// Chooses the key of the segment that `line` begins, and looks at what stands before it.
    fn begin_segment(
        &mut self,
        log: Option<&Log>,
        line: &Line<'_>,
        damages: &mut Damages<'_>,
        current: &mut Current,
    ) -> Result<(), Failure> {
        *current = Current { segment: current.segment, ..Current::default() };
        let Some((log, segment)) =
            log.and_then(|log| Some((log, log.segments().get(line.segment)?)))
        else {
            self.opener.begin_segment(None);
            return Ok(());
        };
        let before = line.segment.checked_sub(1).and_then(|before| log.segments().get(before));
        let starts = line.place.line == 1;
        if starts && before.is_some_and(|b| b.number().checked_add(1) != Some(segment.number())) {
            damages.add(Spot::file(segment.path()), Reason::SegmentsMissing, 1);
        }
        match segment.header()? {
            Some(Ok(header)) => {
                self.opener.begin_segment(Some(&header));
                current.committed = self.opener.missing_key().is_none();
            }
            Some(Err(error)) => {
                damages.add(Spot::file(segment.chain_path()), Reason::Header(error), 1);
                self.opener.begin_segment(None);
            }
            None => {
                if !log.is_plain() {
                    damages.add(Spot::file(segment.chain_path()), Reason::NoChain, 1);
                }
                self.opener.begin_segment(None);
            }
        }
        Ok(())
    }

    /// What damage in place of a token means; none when it is as it should be.
    fn reason(
        &self,
        log: Option<&Log>,
        line: &Line<'_>,
        damage: Damage,
    ) -> Result<Option<Reason>, Failure> {
        Ok(Some(match damage {
            Damage::Long(length) => Reason::TooLong(length),
            Damage::NoFile => Reason::NoFile,
            Damage::Tail(bytes) => {
                let segments = log.map(Log::segments).unwrap_or_default();
                let active = |s: &read::Segment| s.name() == SegmentName::Active;
                if segments.get(line.segment).is_none_or(active) {
                    return Ok(match self.tail {
                        TornTail::Told => Some(Reason::Torn(bytes)),
                        TornTail::Waits => None,
                    });
                }
                let next = segments.get(line.segment + 1).map(read::Segment::header).transpose()?;
                let kept = match next {
                    Some(Some(Ok(header))) => header.events.contains(&Event::TornTailKept(bytes)),
                    _ => false,
                };
                if kept {
                    return Ok(None);
                }
                Reason::BytesBehind(bytes)
            }
            _ => Reason::NotAToken,
        }))
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
        self.read(&mut lines, Bounds::range(range), &mut damages, &mut |entry| {
            moment = Some(entry.record.when());
            Ok(ControlFlow::Break(()))
        })?;
        moment.ok_or_else(|| {
            let name = escape::path(&log.path().active()).into_owned();
            let what = format!("{name} has no record {} that opens", index::show(index));
            let exit = if damages.count() == 0 { Exit::Error } else { damages.exit() };
            Failure::new(exit, what)
        })
    }
}

impl Current {
    /// A segment has one key. So lines that no key opened are damaged when another line of the
    /// segment opened; otherwise the key is missing, and nothing is decided.
    fn settle(&mut self, damages: &mut Damages<'_>) {
        if let Some((spot, reason, lines)) = self.unopened.take() {
            let reason = if self.opened { Reason::NotAuthentic(None) } else { reason };
            damages.add(spot, reason, lines);
        }
    }
}

/// The key id that a record announces for the next segment.
fn announces(record: &OpenedRecord<'_>) -> Option<String> {
    let kind = record.record.as_ref()?.kind;
    let path = MemberPath::new("fields.key_id").filter(|_| kind == RecordKind::KeyChange)?;
    record.member(&path).map(|id| id.into_owned())
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
