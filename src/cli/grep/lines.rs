//! Matches as lines of text, with their neighbours.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use anstyle::{AnsiColor, Style};

use crate::args::Printing;
use crate::failure::Failure;
use crate::grep::Counts;
use crate::grep::matcher::Matcher;
use crate::records::Entry;
use crate::ui::Ui;

/// Prints matching records and those around them.
#[derive(Debug)]
pub(crate) struct Lines<'u> {
    ui: &'u Ui,
    /// Whether the name of the log stands before each line, and its name.
    names: bool,
    name: String,
    numbers: bool,
    only_matching: bool,
    before: usize,
    after: usize,
    /// Records that may turn out to stand before a match.
    kept: VecDeque<String>,
    /// How many records are still to be printed after a match.
    due: usize,
    /// Whether records were passed over since the last line, so that a rule belongs in between.
    gap: bool,
    printed: bool,
}

/// What a line is, which the sign behind its name and index says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Match,
    Context,
}

impl<'u> Lines<'u> {
    /// Nothing is printed yet; with `several` logs their names are.
    pub(crate) fn new(args: &Printing, several: bool, ui: &'u Ui) -> Self {
        let (before, after) = if args.only_matching { (0, 0) } else { args.context() };
        Lines {
            ui,
            names: several,
            name: String::new(),
            numbers: args.line_number,
            only_matching: args.only_matching,
            before,
            after,
            kept: VecDeque::new(),
            due: 0,
            gap: false,
            printed: false,
        }
    }

    /// Goes on with the next log.
    pub(crate) fn begin(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        self.kept.clear();
        self.due = 0;
        self.gap = true;
    }

    /// Takes the next record. Breaks when no context is due any more.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub(crate) fn record(
        &mut self,
        entry: &Entry<'_>,
        matcher: &mut Matcher,
        matched: bool,
        counts: &mut Counts,
    ) -> Result<ControlFlow<()>, Failure> {
        if matched {
            let ranges = matcher.ranges();
            counts.matches += ranges.len() as u64;
            if self.only_matching {
                for range in &ranges {
                    let mut line = self.prefix(entry, Role::Match);
                    matcher.show_match(&entry.record, range, self.ui.colour_out(), &mut line);
                    self.line(&line, counts)?;
                }
                return Ok(ControlFlow::Break(()));
            }
            let mut line = self.prefix(entry, Role::Match);
            matcher.show(&entry.record, &ranges, self.ui.colour_out(), &mut line);
            self.rule(counts)?;
            for kept in std::mem::take(&mut self.kept) {
                self.line(&kept, counts)?;
            }
            self.line(&line, counts)?;
            self.due = self.after;
        } else if self.due > 0 {
            let line = self.context(entry, matcher);
            self.line(&line, counts)?;
            self.due -= 1;
        } else if self.before > 0 {
            if self.kept.len() == self.before {
                self.kept.pop_front();
                self.gap = true;
            }
            let line = self.context(entry, matcher);
            self.kept.push_back(line);
        } else {
            self.gap = true;
        }
        Ok(if self.due > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    fn context(&self, entry: &Entry<'_>, matcher: &mut Matcher) -> String {
        let mut line = self.prefix(entry, Role::Context);
        matcher.show(&entry.record, &[], self.ui.colour_out(), &mut line);
        line
    }

    /// The line between stretches that do not join.
    fn rule(&mut self, counts: &mut Counts) -> Result<(), Failure> {
        let due = std::mem::take(&mut self.gap) && self.printed && self.before + self.after > 0;
        if due { self.line(&self.ui.paint(SIGN, "--"), counts) } else { Ok(()) }
    }

    fn prefix(&self, entry: &Entry<'_>, role: Role) -> String {
        let sign = self.ui.paint(SIGN, if role == Role::Match { ":" } else { "-" });
        let mut text = String::new();
        if self.names {
            text.push_str(&self.ui.paint(NAME, &self.name));
            text.push_str(&sign);
        }
        if self.numbers {
            let index = entry.index.map_or_else(|| "?".to_owned(), |index| index.to_string());
            text.push_str(&self.ui.paint(INDEX, &index));
            text.push_str(&sign);
        }
        text
    }

    fn line(&mut self, line: &str, counts: &mut Counts) -> Result<(), Failure> {
        self.printed = true;
        counts.printed += line.len() as u64 + 1;
        self.ui.out().line(line)
    }
}

const NAME: Style = AnsiColor::Magenta.on_default();
const INDEX: Style = AnsiColor::Green.on_default();
const SIGN: Style = AnsiColor::Cyan.on_default();
