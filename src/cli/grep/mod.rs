//! `fernlog grep`: searches records.

mod events;
mod lines;
mod matcher;

use std::ops::ControlFlow;
use std::time::Instant;

use indicatif::HumanCount;

use crate::args::GrepArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::grep::events::Events;
use crate::grep::lines::Lines;
use crate::grep::matcher::Matcher;
use crate::input::Input;
use crate::pipeline::MakeSieve;
use crate::reading::{self, Done, Missing, Reading};
use crate::records::keep_all;
use crate::selection::Chosen;
use crate::ui::{self, Ui};

/// What is counted, of one log or of all.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Records that match.
    records: u64,
    /// Matches in them.
    matches: u64,
    /// Bytes that were searched.
    searched: u64,
    /// Bytes that were printed.
    printed: u64,
}

/// What to print.
#[derive(Debug)]
enum Show<'u> {
    /// Records.
    Lines(Lines<'u>),
    /// JSON.
    Events(Events<'u>),
    /// How many match in each log.
    Count,
    /// The names of logs with, or without, a match.
    Names(Names),
    /// Nothing.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    With,
    Without,
}

impl Show<'_> {
    /// Whether one match is as good as many.
    fn is_settled_by_one(&self) -> bool {
        matches!(self, Show::Names(_) | Show::Nothing)
    }
}

/// Searches the selected records of all logs.
///
/// # Errors
///
/// The flags, patterns or keys cannot be used; standard output takes no more.
pub(crate) fn run(args: &GrepArgs, ui: &Ui) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let (patterns, logs) = args.patterns_and_logs().map_err(Failure::usage)?;
    let chosen = Chosen::new(&args.selection, ui)?;
    let mut matcher = Matcher::new(&patterns, &args.matching, ui.zone())?;
    let missing = if args.printing.no_messages { Missing::Silent } else { Missing::Told };
    let mut reading = Reading::new(&args.keys, &logs, missing, ui)?;
    let several = reading.inputs().len() > 1;
    let mut show = what_to_show(args, several, begun, ui)?;
    if !matches!(show, Show::Lines(_) | Show::Events(_)) {
        reading.show_progress("searched");
    }
    let (mut all, mut hit, mut interrupted) = (Counts::default(), false, false);
    for input in reading.inputs() {
        let (done, counts) = search(&input, &chosen, args, &mut reading, &mut matcher, &mut show)?;
        all.add(counts);
        let found = counts.records > 0;
        if done == Done::Interrupted {
            interrupted = true;
        }
        hit |= conclude(&input, &mut show, counts, found, several, done, ui)?;
        if interrupted || (hit && matches!(show, Show::Nothing)) {
            break;
        }
    }
    if let Show::Events(events) = &show {
        events.summary(&all, ui)?;
    }
    if args.printing.stats {
        stats(&all, &reading, begun, ui);
    }
    if interrupted {
        let read = HumanCount(reading.totals().records);
        return Ok(reading.partial(&format!("{read} records were searched")));
    }
    let answer = if hit { Exit::Ok } else { Exit::No };
    Ok(if reading.exit() == Exit::Ok { answer } else { reading.exit() })
}

fn what_to_show<'u>(
    args: &GrepArgs,
    several: bool,
    begun: Instant,
    ui: &'u Ui,
) -> Result<Show<'u>, Failure> {
    let printing = &args.printing;
    let narrow = printing.count || printing.files_with_matches || printing.files_without_match;
    if args.json.json && (narrow || printing.only_matching) {
        return Err(Failure::usage(
            "--json gives every match; it does not go with -c, -l, -L or -o",
        ));
    }
    Ok(if ui.quiet() {
        Show::Nothing
    } else if printing.files_with_matches {
        Show::Names(Names::With)
    } else if printing.files_without_match {
        Show::Names(Names::Without)
    } else if printing.count {
        Show::Count
    } else if args.json.json {
        Show::Events(Events::new(printing.context(), begun, ui))
    } else {
        Show::Lines(Lines::new(printing, several, ui))
    })
}

/// Searches one log.
fn search(
    input: &Input,
    chosen: &Chosen,
    args: &GrepArgs,
    reading: &mut Reading<'_>,
    matcher: &mut Matcher,
    show: &mut Show<'_>,
) -> Result<(Done, Counts), Failure> {
    let most = args.matching.max_count.unwrap_or(u64::MAX);
    let mut counts = Counts::default();
    if most == 0 {
        return Ok((Done::Read, counts));
    }
    let name = reading::shown(input);
    match show {
        Show::Lines(lines) => lines.begin(&name),
        Show::Events(events) => events.begin(input),
        _ => {}
    }
    let looks_around = match show {
        Show::Lines(_) | Show::Events(_) => args.printing.context() != (0, 0),
        _ => false,
    };
    let model = matcher.clone();
    let matching: &MakeSieve<'_> = &|| {
        let mut matcher = model.clone();
        Box::new(move |entry| matcher.matches(&entry.record))
    };
    let before = reading.totals().bytes;
    let sieve = if looks_around { &keep_all } else { matching };
    let done = reading.read(input, chosen, sieve, &mut |entry| {
        // Behind the last match that is wanted, records are context only.
        let wanted = counts.records < most;
        let matched = matcher.matches(&entry.record) && wanted;
        counts.records += u64::from(matched);
        let more = match show {
            Show::Lines(lines) => lines.record(entry, matcher, matched, &mut counts)?,
            Show::Events(events) => events.record(entry, matcher, matched, &mut counts)?,
            Show::Count => ControlFlow::Break(()),
            Show::Names(_) | Show::Nothing => ControlFlow::Break(()),
        };
        let enough =
            if show.is_settled_by_one() { counts.records > 0 } else { counts.records >= most };
        Ok(if enough { more } else { ControlFlow::Continue(()) })
    })?;
    counts.searched = reading.totals().bytes - before;
    Ok((done, counts))
}

/// Prints what is due at the end of a log; says whether it counts as found.
fn conclude(
    input: &Input,
    show: &mut Show<'_>,
    counts: Counts,
    found: bool,
    several: bool,
    done: Done,
    ui: &Ui,
) -> Result<bool, Failure> {
    let name = || reading::shown(input);
    match show {
        Show::Count if done != Done::Failed && several => {
            ui.out().line(&format!("{}:{}", name(), counts.records))?;
        }
        Show::Count if done != Done::Failed => ui.out().line(&counts.records.to_string())?,
        Show::Names(Names::With) if found => ui.out().line(&name())?,
        Show::Names(Names::Without) => {
            let without = !found && done == Done::Read;
            if without {
                ui.out().line(&name())?;
            }
            return Ok(without);
        }
        Show::Events(events) => events.end(input, &counts, ui)?,
        _ => {}
    }
    Ok(found)
}

fn stats(all: &Counts, reading: &Reading<'_>, begun: Instant, ui: &Ui) {
    let _ = ui.out().flush();
    let plural = |count, one: &str, many: &str| {
        format!("{} {}", HumanCount(count), if count == 1 { one } else { many })
    };
    let matches = plural(all.records, "matching record", "matching records");
    let read = plural(reading.totals().records, "record", "records");
    let seconds = begun.elapsed().as_secs_f64();
    ui::say(&format!("{matches} in {read}, {seconds:.2} s"));
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.records += other.records;
        self.matches += other.matches;
        self.searched += other.searched;
        self.printed += other.printed;
    }
}
