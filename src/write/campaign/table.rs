//! The figures of a campaign and what it has found.

#![expect(clippy::print_stdout, reason = "the figures are what a campaign is run for")]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::write::campaign::oracle::Wrong;

/// So many findings of one kind are told at length.
const TOLD: usize = 3;

/// The figures of one story under one kind of fault.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) runs: usize,
    pub(super) calls: usize,
    pub(super) images: usize,
    pub(super) distinct: usize,
    pub(super) errors: usize,
    pub(super) time: Duration,
    wrong: BTreeMap<Wrong, usize>,
}

/// All rows, by story and kind of fault.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: BTreeMap<(usize, String, String), Row>,
    findings: BTreeMap<String, Vec<String>>,
    pub(super) kinds: BTreeMap<&'static str, usize>,
    pub(super) verified: u64,
}

impl Table {
    pub(super) fn row(&mut self, at: usize, story: &str, fault: &str) -> &mut Row {
        self.rows.entry((at, story.to_owned(), fault.to_owned())).or_default()
    }

    /// Keeps a finding; `place` says how to see it again.
    pub(super) fn found(
        &mut self,
        (at, story, fault): (usize, &str, &str),
        wrong: Wrong,
        what: &str,
        place: &str,
    ) {
        *self.row(at, story, fault).wrong.entry(wrong).or_default() += 1;
        let words: String = what.chars().filter(|c| !c.is_ascii_digit()).collect();
        let told = self.findings.entry(format!("{wrong:?} {words}")).or_default();
        if told.len() < TOLD {
            let text = format!("{what}\n      at {place}");
            println!("{wrong:?} {text}");
            told.push(text);
        } else {
            told.push(String::new());
        }
    }

    fn sum(&self, of: impl Fn(&Row) -> usize) -> usize {
        self.rows.values().map(of).sum()
    }

    pub(super) fn print(&self, seed: u64, time: Duration) {
        println!(
            "{:<9} {:<18} {:>6} {:>9} {:>9} {:>9} {:>7} {:>5} {:>6} {:>6} {:>6} {:>7}",
            "story",
            "fault",
            "runs",
            "calls",
            "images",
            "distinct",
            "errors",
            "lost",
            "alarms",
            "bytes",
            "other",
            "seconds"
        );
        for ((_, story, fault), row) in &self.rows {
            print_row(story, fault, row);
        }
        let mut all = Row::default();
        for row in self.rows.values() {
            all.runs += row.runs;
            all.calls += row.calls;
            all.images += row.images;
            all.distinct += row.distinct;
            all.errors += row.errors;
            all.time += row.time;
            for (wrong, count) in &row.wrong {
                *all.wrong.entry(*wrong).or_default() += count;
            }
        }
        print_row("all", "", &all);
        let kinds: Vec<_> =
            self.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        println!("images by kind: {}", kinds.join(", "));
        println!("shown to the verifier: {}", self.verified);
        println!("seed {seed}, {:.1} seconds", time.as_secs_f64());
    }

    /// Panics with what was found, or if the campaign was smaller than it should be.
    pub(super) fn assert(&self, images: usize, errors: usize) {
        let mut text = String::new();
        for (kind, told) in &self.findings {
            text += &format!("\n{} times {kind}\n", told.len());
            for told in told.iter().filter(|told| !told.is_empty()) {
                text += &format!("    {told}\n");
            }
        }
        assert!(self.findings.is_empty(), "{text}");
        let made = self.sum(|row| row.images);
        assert!(made >= images, "only {made} images");
        let injected = self.sum(|row| row.errors);
        assert!(injected >= errors, "only {injected} errors");
    }
}

fn print_row(story: &str, fault: &str, row: &Row) {
    let wrong = |wrong| row.wrong.get(&wrong).copied().unwrap_or_default();
    println!(
        "{story:<9} {fault:<18} {:>6} {:>9} {:>9} {:>9} {:>7} {:>5} {:>6} {:>6} {:>6} {:>7.1}",
        row.runs,
        row.calls,
        row.images,
        row.distinct,
        row.errors,
        wrong(Wrong::Lost),
        wrong(Wrong::FalseAlarm),
        wrong(Wrong::Unexplained),
        wrong(Wrong::Stuck) + wrong(Wrong::Other),
        row.time.as_secs_f64()
    );
}
