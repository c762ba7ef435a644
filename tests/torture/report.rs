//! The figures of a run, as they are printed and published.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::Amount;
use crate::lanes::{Outcome, Stage};
use crate::options::Options;
use crate::tally::Tally;
use crate::world::World;

/// Prints, also when nobody reads it any more: the campaign tidies up all the same.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// As [`say`], for what has to be noticed.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Everything after this line of the page is replaced.
const MARK: &str = "<!-- figures -->";

/// The table and what it was measured on.
pub(crate) fn text(
    world: &World,
    options: &Options,
    outcomes: &[Outcome],
    skipped: &[(&Stage, String)],
    took: Duration,
) -> String {
    let mut text = String::from("\n");
    let head = [
        "stage", "asked", "done", "writers", "sent", "acked", "found", "saved", "verdicts", "lost",
        "alarms", "unexpl.", "other", "seconds",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut all = Tally::default();
    let outcomes: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.wanted > 0).collect();
    for outcome in &outcomes {
        rows.push(row(outcome));
        all += &outcome.tally;
    }
    rows.push(numbers("all", String::new(), String::new(), &all, took));
    let widths: Vec<usize> =
        (0..head.len()).map(|i| rows.iter().map(|row| row[i].len()).max().unwrap_or(0)).collect();
    for row in &rows {
        for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if i == 0 {
                write!(text, "{cell:<width$}")
            } else {
                write!(text, "  {cell:>width$}")
            };
        }
        text.push('\n');
    }
    text.push('\n');
    for outcome in &outcomes {
        let _ = writeln!(text, "{}: {}", outcome.stage.name, outcome.stage.what);
    }
    for (stage, why) in skipped {
        let _ = writeln!(text, "NOT RUN: {}: needs {why}", stage.name);
    }
    let _ = write!(
        text,
        "\nacknowledged records lost: {}\nfalse alarms: {}\nunexplained bytes: {}\nother broken \
         promises: {}\nsecond opinions by examples/verify.py: {}\n",
        all.lost, all.alarms, all.unexplained, all.broken, all.second_opinions
    );
    let kind = match options.share {
        Some(1) => "full campaign".to_owned(),
        Some(share) => format!("1/{share} of the full campaign"),
        None => "reduced gate".to_owned(),
    };
    let _ = writeln!(
        text,
        "{kind}, seed {}, {} s in {} lanes",
        world.seed,
        took.as_secs(),
        options.lanes
    );
    let _ = writeln!(text, "{}", machine());
    let verdict = if all.is_clean() { "PASSED" } else { "FAILED" };
    let _ = writeln!(text, "torture: {verdict}");
    text
}

fn row(outcome: &Outcome) -> Vec<String> {
    let unit = match outcome.stage.amount {
        Amount::Faults { .. } => "",
        Amount::Seconds { .. } => " s",
    };
    let asked = format!("{}{unit}", outcome.wanted);
    let done = format!("{}{unit}", outcome.tally.faults);
    numbers(outcome.stage.name, asked, done, &outcome.tally, outcome.time)
}

fn numbers(name: &str, asked: String, done: String, tally: &Tally, time: Duration) -> Vec<String> {
    let counts = [
        tally.writers,
        tally.sent,
        tally.acknowledged,
        tally.found,
        tally.saved,
        tally.verdicts,
        tally.lost,
        tally.alarms,
        tally.unexplained,
        tally.broken,
    ];
    let mut row = vec![name.to_owned(), asked, done];
    row.extend(counts.iter().map(u64::to_string));
    row.push(format!("{:.1}", time.as_secs_f64()));
    row
}

/// Date, version and machine.
fn machine() -> String {
    let line = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok();
        output.map_or_else(String::new, |output| {
            String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
        })
    };
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name\t: "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let folder = env!("CARGO_MANIFEST_DIR");
    format!(
        "{}, fernlog {} {}, Linux {}, {cores} cores, {}",
        line("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        env!("CARGO_PKG_VERSION"),
        line("git", &["-C", folder, "describe", "--always", "--dirty"]),
        line("uname", &["-r"]),
        model.unwrap_or("unknown processor"),
    )
}

/// Puts the figures into the page, behind those of the campaign in memory.
pub(crate) fn publish(path: &Path, with: Option<&Path>, figures: &str) -> std::io::Result<()> {
    let page = std::fs::read_to_string(path)?;
    let memory = with.map(std::fs::read_to_string).transpose()?.unwrap_or_default();
    let memory = match memory.trim_end() {
        "" => String::new(),
        text => format!("In memory:\n\n```text\n{text}\n```\n\nOutside:\n\n"),
    };
    let Some((before, _)) = page.split_once(MARK) else {
        return Err(std::io::Error::other("the page has no place for figures"));
    };
    std::fs::write(path, format!("{before}{MARK}\n\n{memory}```text\n{}\n```\n", figures.trim()))
}
