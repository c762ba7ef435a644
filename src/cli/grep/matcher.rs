//! What a match is: patterns, and the text of a record that they are held against.

use std::ops::Range;

use anstyle::{AnsiColor, Style};
use fernlog::read::{MemberPath, OpenedRecord};
use jiff::tz::TimeZone;
use regex::bytes::Regex;

use crate::args::Matching;
use crate::escape::{self, Place};
use crate::failure::{Failure, quoted};
use crate::pattern::{self, Case};
use crate::textline::TextLine;

/// Looks at one record after the other.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    regex: Regex,
    invert: bool,
    subject: Subject,
    zone: TimeZone,
    line: TextLine,
    /// What was searched, where that is not the line itself.
    searched: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Subject {
    /// The record as text.
    Text,
    /// The stored JSON.
    Raw,
    /// One member; a record without it does not match.
    Member(MemberPath),
}

impl Matcher {
    /// Reads the patterns: any of them may match.
    ///
    /// # Errors
    ///
    /// One of them is no regular expression; the field has no name that a record can have.
    pub(crate) fn new(
        patterns: &[String],
        args: &Matching,
        zone: &TimeZone,
    ) -> Result<Self, Failure> {
        let smart = args.smart_case && !patterns.iter().any(|p| has_capital(p, args.fixed_strings));
        let case = if args.ignore_case || smart { Case::Ignore } else { Case::Exact };
        let mut parts = Vec::new();
        for pattern in patterns {
            if args.fixed_strings {
                parts.push(format!("(?:{})", regex::escape(pattern)));
            } else {
                // Alone first: `a)|(b` must not become right between our brackets.
                pattern::compile(pattern, case)?;
                parts.push(format!("(?:{pattern})"));
            }
        }
        let any = parts.join("|");
        let whole = if args.line_regexp {
            format!("^(?:{any})$")
        } else if args.word_regexp {
            format!(r"\b{{start-half}}(?:{any})\b{{end-half}}")
        } else {
            any
        };
        let subject = match &args.field {
            _ if args.raw => Subject::Raw,
            None => Subject::Text,
            Some(name) => Subject::Member(MemberPath::new(name).ok_or_else(|| {
                Failure::usage(format!("no record has a member {}", quoted(name)))
            })?),
        };
        Ok(Matcher {
            regex: pattern::compile(&whole, case)?,
            invert: args.invert_match,
            subject,
            zone: zone.clone(),
            line: TextLine::default(),
            searched: Vec::new(),
        })
    }

    /// Whether the record matches.
    pub(crate) fn matches(&mut self, record: &OpenedRecord<'_>) -> bool {
        self.searched.clear();
        let found = match &self.subject {
            Subject::Text => {
                self.line.fill(record, &self.zone, None);
                self.regex.is_match(self.line.text())
            }
            Subject::Raw => {
                self.searched.extend_from_slice(record.plaintext);
                self.regex.is_match(&self.searched)
            }
            Subject::Member(path) => record.member(path).is_some_and(|value| {
                self.searched.extend_from_slice(value.as_bytes());
                self.regex.is_match(&self.searched)
            }),
        };
        found != self.invert
    }

    /// What was searched in the record that was looked at last.
    pub(crate) fn searched(&self) -> &[u8] {
        match self.subject {
            Subject::Text => self.line.text(),
            _ => &self.searched,
        }
    }

    /// Where the patterns match in what was searched; empty matches and those of `-v` are none.
    pub(crate) fn ranges(&self) -> Vec<Range<usize>> {
        if self.invert {
            return Vec::new();
        }
        let found = self.regex.find_iter(self.searched()).map(|found| found.range());
        found.filter(|range| !range.is_empty()).collect()
    }

    /// Appends the record that was looked at last as it is shown, with its matches set off.
    pub(crate) fn show(
        &mut self,
        record: &OpenedRecord<'_>,
        ranges: &[Range<usize>],
        colour: bool,
        out: &mut String,
    ) {
        match &self.subject {
            Subject::Text => self.line.show(ranges, colour, out),
            Subject::Raw => show_pieces(&self.searched, ranges, colour, record, out),
            Subject::Member(path) => {
                self.line.fill(record, &self.zone, Some(path));
                let start = self.line.wanted().map_or(0, |place| place.start);
                let known = self.line.wanted().is_some();
                let shift = |range: &Range<usize>| range.start + start..range.end + start;
                let ranges: Vec<_> = ranges.iter().filter(|_| known).map(shift).collect();
                self.line.show(&ranges, colour, out);
            }
        }
    }

    /// One match as `-o` shows it.
    pub(crate) fn show_match(
        &self,
        record: &OpenedRecord<'_>,
        range: &Range<usize>,
        colour: bool,
        out: &mut String,
    ) {
        let piece = self.searched().get(range.clone()).unwrap_or_default();
        let as_json = matches!(self.subject, Subject::Raw) && record.record.is_some();
        push(out, piece, as_json, if colour { MATCH } else { Style::new() });
    }
}

const MATCH: Style = AnsiColor::Red.on_default().bold();

/// Stored JSON, escaped as JSON is; a foreign plaintext as text is.
fn show_pieces(
    text: &[u8],
    ranges: &[Range<usize>],
    colour: bool,
    record: &OpenedRecord<'_>,
    out: &mut String,
) {
    let as_json = record.record.is_some();
    let mut at = 0;
    for range in ranges.iter().filter(|_| colour) {
        push(out, text.get(at..range.start).unwrap_or_default(), as_json, Style::new());
        push(out, text.get(range.clone()).unwrap_or_default(), as_json, MATCH);
        at = range.end;
    }
    push(out, text.get(at..).unwrap_or_default(), as_json, Style::new());
}

fn push(out: &mut String, piece: &[u8], as_json: bool, style: Style) {
    use std::fmt::Write as _;
    let shown = match std::str::from_utf8(piece) {
        Ok(json) if as_json => escape::json(json),
        _ => escape::bytes(piece, Place::Text),
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "{style}{shown}{style:#}");
}

/// Whether a pattern asks for a capital letter by name; `\W` and `\pL` do not.
fn has_capital(pattern: &str, fixed: bool) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && !fixed {
            let class = chars.next();
            let one = chars.clone().next();
            if matches!(class, Some('p' | 'P' | 'x' | 'u' | 'U')) && one == Some('{') {
                chars.by_ref().find(|c| *c == '}');
            } else if matches!(class, Some('p' | 'P')) {
                chars.next();
            }
        } else if c.is_uppercase() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use fernlog::format::StoredRecord;
    use fernlog::read::Order;

    use super::*;
    use crate::args::{Cli, Command};

    const RECORD: &str = r#"{"timestamp":"2026-11-22T10:15:30Z","level":"INFO","message":"Log in: failed\nfor root","actor":"eve","fields":{"deep":{"user":"Kim"}}}"#;

    fn record(plaintext: &str) -> OpenedRecord<'_> {
        OpenedRecord {
            time: 0,
            plaintext: plaintext.as_bytes(),
            record: StoredRecord::decode(plaintext.as_bytes()),
            key: None,
            order: Order::Unknown,
        }
    }

    fn matcher(flags: &str) -> Result<Matcher, Failure> {
        let words = shlex::split(&format!("fernlog grep {flags} a.log")).unwrap();
        let cli = Cli::try_parse_from(words).unwrap();
        let Command::Grep(args) = cli.command else { panic!("{flags}") };
        let (patterns, _) = args.patterns_and_logs().unwrap();
        Matcher::new(&patterns, &args.matching, &TimeZone::UTC)
    }

    fn found(flags: &str) -> bool {
        matcher(flags).unwrap().matches(&record(RECORD))
    }

    #[test]
    fn a_pattern_is_held_against_the_record_as_text() {
        assert!(found("'failed.for root actor=eve'"));
        assert!(found("'^2026-11-22T10:15:30.000Z INFO     Log'"));
        assert!(!found("'\"message\"'"));
        assert!(found("''"));
    }

    #[test]
    fn any_of_several_patterns_may_match() {
        assert!(found("-e nothing -e root"));
        assert!(!found("-e nothing -e none"));
        assert!(matcher("-e 'a)|(b' -e c").is_err());
    }

    #[test]
    fn plain_text_has_no_special_letters() {
        assert!(!found("-F 'Log.in'"));
        assert!(found("'Log.in'"));
        assert!(found("-F '{\"user\"'"));
    }

    #[test]
    fn case_is_kept_ignored_or_guessed() {
        assert!(!found("log"));
        assert!(found("-i log"));
        assert!(found("-S log"));
        assert!(!found("-S lOg"));
        assert!(found(r"-S 'log\sin\W'"));
        assert!(!found("-S -e log -e NOT"));
    }

    #[test]
    fn words_and_whole_records() {
        assert!(found("-w 'fail(ed)?'") && !found("-w fail"));
        assert!(!found("-x root"));
        assert!(found("-x --in actor 'e.e'"));
        assert!(!found("-x --in actor ev"));
    }

    #[test]
    fn what_does_not_match_is_asked_with_v() {
        assert!(found("-v nothing") && !found("-v root"));
        assert!(matcher("-v nothing").unwrap().ranges().is_empty());
    }

    #[test]
    fn one_member_can_be_searched_alone() {
        assert!(found("--in actor eve") && !found("--in message eve"));
        assert!(found("--in fields.deep.user Kim") && found("--in deep.user Kim"));
        assert!(!found("--in host ''") && found("-v --in host ''"));
    }

    #[test]
    fn the_stored_json_can_be_searched() {
        assert!(found(r#"--raw '"actor":"eve"'"#));
        assert!(found(r"--raw 'failed\\nfor'"));
    }

    #[test]
    fn matches_are_set_off_where_the_member_stands() {
        let mut matcher = matcher("--in actor eve").unwrap();
        let record = record(r#"{"message":"eve","actor":"eve"}"#);
        assert!(matcher.matches(&record));
        let ranges = matcher.ranges();
        let mut out = String::new();
        matcher.show(&record, &ranges, true, &mut out);
        assert!(out.contains(" eve"), "{out:?}");
        assert!(out.ends_with("\u{1b}[1m\u{1b}[31meve\u{1b}[0m"), "{out:?}");
    }

    #[test]
    fn raw_json_is_shown_as_json() {
        let mut matcher = matcher("--raw x").unwrap();
        let record = record("{\"message\":\"x\u{202e}\"}");
        assert!(matcher.matches(&record));
        let mut out = String::new();
        let ranges = matcher.ranges();
        matcher.show(&record, &ranges, false, &mut out);
        assert_eq!(out, "{\"message\":\"x\\u202e\"}");
        out.clear();
        matcher.show_match(&record, &ranges[0], false, &mut out);
        assert_eq!(out, "x");
    }
}
