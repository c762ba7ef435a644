//! `fernlog tail`: prints the last records, and follows a log as it is written, over its rolls.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use fernlog::format::LogPath;
use fernlog::read::{Filter, Log, Position, Segment};

use crate::args::TailArgs;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, Input};
use crate::lines::{self, Lines};
use crate::newfile::Sink;
use crate::print::Printer;
use crate::reading::{self, Done, Missing, Reading, Window};
use crate::records::{Bounds, Each, TornTail, keep_all};
use crate::selection::{Chosen, Limit};
use crate::ui::Ui;

/// How often a followed log is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// Prints the last records of all logs, and with `-f` those that come after them.
///
/// # Errors
///
/// The flags or keys cannot be used; the output takes no more.
pub(crate) fn run(args: &TailArgs, ui: &Ui) -> Result<Exit, Failure> {
    if args.follow {
        refuse_what_ends(args)?;
    }
    let mut chosen = Chosen::new(&args.selection, ui)?;
    if let Some(count) = args.last() {
        chosen.set_limit(Limit::Last(count));
    }
    let mut printer = Printer::new(&args.output, ui)?;
    let mut reading = Reading::new(&args.keys, &args.logs.logs, Missing::Told, ui)?;
    if args.follow {
        reading.torn_tail(TornTail::Waits);
    }
    let mut sink = Sink::new(args.output.output.as_deref(), ui)?;
    let mut bytes = Vec::new();
    let each: &mut Each<'_> = &mut |entry| {
        bytes.clear();
        printer.print(entry, &mut bytes);
        sink.write(&bytes)?;
        Ok(ControlFlow::Continue(()))
    };
    let mut followed = Vec::new();
    let inputs = reading.inputs();
    for input in &inputs {
        if inputs.len() > 1 {
            ui.out().flush()?;
            ui.note(&format!("{}:", reading::shown(input)));
        }
        let done = match input {
            Input::Stdin => reading.read(input, &chosen, &keep_all, each)?,
            Input::Log(path) => begin(path, &chosen, &mut reading, &mut followed, each)?,
        };
        if done == Done::Interrupted {
            return Ok(reading.partial("the end of the log was looked for"));
        }
    }
    if args.follow && !followed.is_empty() {
        follow(&mut followed, &chosen, &mut reading, each, ui)?;
        return Ok(reading.exit().worst(Exit::Interrupted));
    }
    match (reading.exit(), &sink) {
        (Exit::Error | Exit::NotALog, Sink::File(_)) => ui.warning("the file of -o was not made"),
        _ => sink.keep()?,
    }
    Ok(reading.exit())
}

fn refuse_what_ends(args: &TailArgs) -> Result<(), Failure> {
    let to_file = args.output.output.as_deref().is_some_and(|path| !input::is_stdin(path));
    let why = if args.selection.head.is_some() {
        "-f goes on, and --head ends"
    } else if to_file {
        "-f goes on, so the file of -o would never be whole"
    } else if args.logs.logs.iter().any(|path| input::is_stdin(path)) {
        "-f needs the files of a log, not standard input"
    } else {
        return Ok(());
    };
    Err(Failure::usage(why))
}

/// A log that is followed.
#[derive(Debug)]
struct Followed {
    path: LogPath,
    filter: Filter,
    /// The next line.
    at: Position,
    /// What the active file was when it was read last.
    seen: Option<Stamp>,
    /// It could not be read, and that was said.
    failed: bool,
}

/// Device, inode and length: when they stay the same, nothing was written.
type Stamp = (u64, u64, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    fs::symlink_metadata(path).ok().map(|m| (m.dev(), m.ino(), m.len()))
}

/// Prints the last records of a log and notes where they end.
fn begin(
    path: &LogPath,
    chosen: &Chosen,
    reading: &mut Reading<'_>,
    followed: &mut Vec<Followed>,
    each: &mut Each<'_>,
) -> Result<Done, Failure> {
    // Before the log is opened: what is written meanwhile is then read in the first round.
    let seen = stamp(&path.active());
    let log = match lines::open(path) {
        Ok(log) => log,
        Err(failure) => return Ok(reading.failed(&failure)),
    };
    let left = reading.read_log(&log, chosen, &keep_all, each)?;
    if let Some(at) = left.end {
        let (path, filter) = (path.clone(), left.filter);
        followed.push(Followed { path, filter, at, seen, failed: false });
    }
    Ok(left.done)
}

/// Goes on until Ctrl-C.
fn follow(
    logs: &mut [Followed],
    chosen: &Chosen,
    reading: &mut Reading<'_>,
    each: &mut Each<'_>,
    ui: &Ui,
) -> Result<(), Failure> {
    let several = logs.len() > 1;
    let mut last = logs.len() - 1;
    loop {
        ui.out().flush()?;
        if reading.interrupted() {
            return Ok(());
        }
        thread::sleep(PAUSE);
        for (number, log) in logs.iter_mut().enumerate() {
            let now = stamp(&log.path.active());
            if now == log.seen {
                continue;
            }
            let mut named = last == number || !several;
            let name = escape::path(&log.path.active()).into_owned();
            let segment = log.at.segment;
            log.read_on(chosen, reading, &mut |entry| {
                if !std::mem::replace(&mut named, true) {
                    ui.out().flush()?;
                    ui.note(&format!("{name}:"));
                }
                last = number;
                each(entry)
            })?;
            log.seen = now;
            if log.at.segment != segment {
                ui.out().flush()?;
                ui.note(&format!("{name} rolled; following segment {}", log.at.segment));
            }
        }
    }
}

impl Followed {
    /// Reads what was written since the last time.
    fn read_on(
        &mut self,
        chosen: &Chosen,
        reading: &mut Reading<'_>,
        each: &mut Each<'_>,
    ) -> Result<(), Failure> {
        let log = match Log::open(&self.path) {
            Ok(log) => log,
            Err(error) => {
                // It may come back, as after a restore; until then it is said once.
                if !std::mem::replace(&mut self.failed, true) {
                    reading.failed(&error.into());
                }
                return Ok(());
            }
        };
        self.failed = false;
        if let Some(failure) = self.shrunk(&log)? {
            reading.failed(&failure);
        }
        let mut lines = match Lines::from(&log, self.at) {
            Ok(lines) => lines,
            Err(failure) => {
                reading.failed(&failure);
                return Ok(());
            }
        };
        let bounds = Bounds::range(chosen.range());
        reading.pass(&mut lines, bounds, &self.filter, Window::ALL, &keep_all, each)?;
        self.at = lines.position().unwrap_or(self.at);
        Ok(())
    }

    /// A log only grows. If it did not, that is said, and following goes on at its new end.
    fn shrunk(&mut self, log: &Log) -> Result<Option<Failure>, Failure> {
        let number = self.at.segment;
        let segment = log.segments().iter().find(|segment| segment.number() == number);
        let length = match segment {
            // Closed, read, and deleted by the log's own retention since.
            Some(segment) if segment.is_pruned() => return Ok(None),
            Some(segment) => length(segment)?,
            None => 0,
        };
        if length >= self.at.place.byte {
            return Ok(None);
        }
        let name = escape::path(&self.path.active()).into_owned();
        let message =
            format!("{name}: segment {number} had {} bytes and has {length}", self.at.place.byte);
        let mut reader = log.reader();
        while reader.next_line()?.is_some() {}
        self.at = reader.position();
        Ok(Some(
            Failure::new(Exit::Tampered, message)
                .hint("lines were cut off, or an older copy was put back"),
        ))
    }
}

/// Length of the lines of a segment. A compressed file only claims one, so it is counted; once,
/// for reading goes on behind it.
fn length(segment: &Segment) -> Result<u64, Failure> {
    Ok(match segment.open()? {
        // What cannot be decompressed is said when it is read.
        Some(mut lines) if segment.is_compressed() => {
            io::copy(&mut lines, &mut io::sink()).unwrap_or(u64::MAX)
        }
        Some(lines) => lines.len(),
        None => 0,
    })
}
