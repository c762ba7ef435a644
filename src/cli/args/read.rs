//! Commands of the operator, who has the key.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

use super::{Json, KeySource, Logs, Output, Selection, examples};
use crate::keyguard;

/// Print records
///
/// Control characters are escaped in every form but raw, in a pipe too: programs that read the
/// output want --format json, or --format raw for the exact bytes.
#[derive(Args, Debug)]
#[command(visible_alias = "cat", after_help = examples::DECRYPT)]
pub(crate) struct DecryptArgs {
    #[command(flatten)]
    pub(crate) logs: Logs,
    #[command(flatten)]
    pub(crate) keys: KeySource,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Search records
///
/// A pattern is a regular expression and is matched against each record as --format text holds it,
/// without colour or escapes. The letters mean what they mean to grep. -q is among the global
/// options.
#[derive(Args, Debug)]
#[command(
    override_usage = "fernlog grep [OPTIONS] <PATTERN> <LOG>...\n       \
                      fernlog grep [OPTIONS] -e <PATTERN>... <LOG>...",
    after_help = examples::GREP
)]
pub(crate) struct GrepArgs {
    /// Pattern to search for, unless -e gives it
    #[arg(value_name = "PATTERN", required_unless_present = "patterns")]
    pattern: Option<std::ffi::OsString>,
    /// Logs: files, folders that hold one, or - for standard input
    #[arg(value_name = "LOG", value_hint = ValueHint::AnyPath,
          required_unless_present = "patterns", value_parser = keyguard::file_name())]
    logs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) matching: Matching,
    #[command(flatten)]
    pub(crate) printing: Printing,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten)]
    pub(crate) keys: KeySource,
    #[command(flatten)]
    pub(crate) selection: Selection,
}

/// What is a match.
#[derive(Args, Debug)]
#[command(next_help_heading = "Matching")]
pub(crate) struct Matching {
    /// Pattern to search for (repeatable: any of them)
    #[arg(short = 'e', long = "regexp", value_name = "PATTERN", action = ArgAction::Append,
          allow_hyphen_values = true)]
    patterns: Vec<String>,
    /// Patterns are plain text
    #[arg(short = 'F', long)]
    pub(crate) fixed_strings: bool,
    /// Ignore case
    #[arg(short = 'i', long, overrides_with = "smart_case")]
    pub(crate) ignore_case: bool,
    /// Ignore case unless a pattern has a capital
    #[arg(short = 'S', long, overrides_with = "ignore_case")]
    pub(crate) smart_case: bool,
    /// Whole words only
    #[arg(short = 'w', long, overrides_with = "line_regexp")]
    pub(crate) word_regexp: bool,
    /// Whole records only
    #[arg(short = 'x', long, overrides_with = "word_regexp")]
    pub(crate) line_regexp: bool,
    /// Records that do not match
    #[arg(short = 'v', long)]
    pub(crate) invert_match: bool,
    /// Search one field only, such as message or fields.user
    #[arg(long = "in", value_name = "FIELD", conflicts_with = "raw")]
    pub(crate) field: Option<String>,
    /// Search the stored JSON
    #[arg(long)]
    pub(crate) raw: bool,
    /// Stop after N matching records of each log
    #[arg(short = 'm', long, value_name = "N")]
    pub(crate) max_count: Option<u64>,
}

/// What is printed of a match.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Printing {
    /// Only what matched
    #[arg(short = 'o', long)]
    pub(crate) only_matching: bool,
    /// Only the number of matching records of each log
    #[arg(short = 'c', long)]
    pub(crate) count: bool,
    /// Only the names of logs with a match
    #[arg(short = 'l', long, conflicts_with = "files_without_match")]
    pub(crate) files_with_matches: bool,
    /// Only the names of logs without a match
    #[arg(short = 'L', long)]
    pub(crate) files_without_match: bool,
    /// The index of each record before it
    #[arg(short = 'n', long)]
    pub(crate) line_number: bool,
    /// N records after each match
    #[arg(short = 'A', long, value_name = "N")]
    after_context: Option<usize>,
    /// N records before each match
    #[arg(short = 'B', long, value_name = "N")]
    before_context: Option<usize>,
    /// N records before and after each match
    #[arg(short = 'C', long, value_name = "N")]
    context: Option<usize>,
    /// No messages about files that cannot be read
    #[arg(short = 's', long)]
    pub(crate) no_messages: bool,
    /// A summary of the search on standard error
    #[arg(long)]
    pub(crate) stats: bool,
}

impl GrepArgs {
    /// The patterns and the logs. As in grep, -e makes every bare word a log.
    ///
    /// # Errors
    ///
    /// What is missing or cannot be used, as a sentence.
    pub(crate) fn patterns_and_logs(&self) -> Result<(Vec<String>, Vec<PathBuf>), String> {
        let mut patterns = self.matching.patterns.clone();
        let mut logs = self.logs.clone();
        if let Some(word) = &self.pattern {
            if patterns.is_empty() {
                let pattern = word.to_str().ok_or("the pattern is not UTF-8")?;
                patterns.push(pattern.to_owned());
            } else if keyguard::looks_like_key(&word.to_string_lossy()) {
                return Err(keyguard::IsAKey.to_string());
            } else {
                logs.insert(0, PathBuf::from(word));
            }
        }
        if logs.is_empty() {
            return Err("no log to search".to_owned());
        }
        Ok((patterns, logs))
    }
}

impl Printing {
    /// How many records to show before and after a match; -A and -B beat -C.
    pub(crate) fn context(&self) -> (usize, usize) {
        let both = self.context.unwrap_or(0);
        (self.before_context.unwrap_or(both), self.after_context.unwrap_or(both))
    }
}

/// Print the last records, and follow the log
#[derive(Args, Debug)]
#[command(after_help = examples::TAIL)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) logs: Logs,
    /// How many records to begin with (10 when nothing else is said)
    #[arg(short = 'n', long = "lines", value_name = "N", conflicts_with_all = ["head", "tail"])]
    lines: Option<u64>,
    /// Go on with records as they are written, into the next segments too
    #[arg(short = 'f', long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) keys: KeySource,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) output: Output,
}

impl TailArgs {
    /// How many records to begin with; `None` when --head asks for the first ones instead.
    pub(crate) fn last(&self) -> Option<u64> {
        let given = self.lines.or(self.selection.tail);
        given.or_else(|| self.selection.head.is_none().then_some(10))
    }
}
