//! Matches as JSON, in the events of ripgrep: begin, match, context, end, summary. Beside `data`,
//! which is ripgrep's, a record has its `index` and `time`; they stand in `data` too, for programs
//! that look nowhere else.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::escape;
use crate::failure::Failure;
use crate::grep::Counts;
use crate::grep::matcher::Matcher;
use crate::input::Input;
use crate::reading;
use crate::records::Entry;
use crate::ui::Ui;

/// Prints events.
#[derive(Debug)]
pub(crate) struct Events<'u> {
    ui: &'u Ui,
    before: usize,
    after: usize,
    kept: VecDeque<String>,
    due: usize,
    /// `begin` is printed with the first match, as ripgrep does.
    begin: Option<String>,
    all: Instant,
    log: Instant,
    searches: u64,
    with_match: u64,
}

#[derive(Serialize)]
struct Event<T> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    data: T,
}

/// Text, or bytes in base64 where it is none.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Text<'a> {
    Text(&'a str),
    Bytes(String),
}

#[derive(Serialize)]
struct Begin<'a> {
    path: Text<'a>,
}

#[derive(Serialize)]
struct Found<'a> {
    path: Text<'a>,
    lines: Text<'a>,
    line_number: u64,
    absolute_offset: u64,
    index: Option<u64>,
    time: String,
    submatches: Vec<Submatch<'a>>,
}

#[derive(Serialize)]
struct Submatch<'a> {
    r#match: Text<'a>,
    start: usize,
    end: usize,
}

#[derive(Serialize)]
struct Ended<'a> {
    path: Text<'a>,
    binary_offset: Option<u64>,
    stats: Stats,
}

#[derive(Serialize)]
struct Summary {
    elapsed_total: Elapsed,
    stats: Stats,
}

#[derive(Serialize)]
struct Stats {
    elapsed: Elapsed,
    searches: u64,
    searches_with_match: u64,
    bytes_searched: u64,
    bytes_printed: u64,
    matched_lines: u64,
    matches: u64,
}

#[derive(Serialize)]
struct Elapsed {
    secs: u64,
    nanos: u32,
    human: String,
}

impl<'u> Events<'u> {
    /// Nothing is printed yet; `context` is how many records before and after a match.
    pub(crate) fn new((before, after): (usize, usize), begun: Instant, ui: &'u Ui) -> Self {
        let (kept, begin) = (VecDeque::new(), None);
        Events {
            ui,
            before,
            after,
            kept,
            due: 0,
            begin,
            all: begun,
            log: begun,
            searches: 0,
            with_match: 0,
        }
    }

    /// Goes on with the next log.
    pub(crate) fn begin(&mut self, input: &Input) {
        let name = input.name();
        self.begin = Some(event("begin", None, None, Begin { path: path(&name) }));
        self.log = Instant::now();
        self.searches += 1;
        self.kept.clear();
        self.due = 0;
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
            let begin = self.begin.take();
            self.with_match += u64::from(begin.is_some());
            let kept = std::mem::take(&mut self.kept);
            for event in begin.into_iter().chain(kept) {
                self.print(&event, counts)?;
            }
            self.print(&found("match", entry, matcher.searched(), &ranges), counts)?;
            self.due = self.after;
        } else if self.due > 0 {
            self.print(&found("context", entry, matcher.searched(), &[]), counts)?;
            self.due -= 1;
        } else if self.before > 0 {
            if self.kept.len() == self.before {
                self.kept.pop_front();
            }
            self.kept.push_back(found("context", entry, matcher.searched(), &[]));
        }
        Ok(if self.due > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }

    /// Ends a log that had a match.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub(crate) fn end(&mut self, input: &Input, counts: &Counts, ui: &Ui) -> Result<(), Failure> {
        if counts.records == 0 {
            return Ok(());
        }
        let stats = stats(counts, 1, 1, self.log.elapsed());
        let name = input.name();
        let data = Ended { path: path(&name), binary_offset: None, stats };
        ui.out().line(&event("end", None, None, data))
    }

    /// Ends the run.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub(crate) fn summary(&self, all: &Counts, ui: &Ui) -> Result<(), Failure> {
        let elapsed = self.all.elapsed();
        let stats = stats(all, self.searches, self.with_match, elapsed);
        let data = Summary { elapsed_total: Elapsed::of(elapsed), stats };
        ui.out().line(&event("summary", None, None, data))
    }

    fn print(&self, event: &str, counts: &mut Counts) -> Result<(), Failure> {
        counts.printed += event.len() as u64 + 1;
        self.ui.out().line(event)
    }
}

fn event(
    r#type: &'static str,
    index: Option<u64>,
    time: Option<String>,
    data: impl Serialize,
) -> String {
    // Names are text and numbers finite, so this cannot fail.
    let json = serde_json::to_string(&Event { r#type, index, time, data }).unwrap_or_default();
    escape::json(&json).into_owned()
}

fn found(
    r#type: &'static str,
    entry: &Entry<'_>,
    searched: &[u8],
    ranges: &[Range<usize>],
) -> String {
    let line = [searched, b"\n"].concat();
    let submatch = |range: &Range<usize>| Submatch {
        r#match: text(searched.get(range.clone()).unwrap_or_default()),
        start: range.start,
        end: range.end,
    };
    let time = reading::json_time(entry.record.when());
    let data = Found {
        path: path(entry.file),
        lines: text(&line),
        line_number: entry.place.line,
        absolute_offset: entry.place.byte,
        index: entry.index,
        time: time.clone(),
        submatches: ranges.iter().map(submatch).collect(),
    };
    event(r#type, entry.index, Some(time), data)
}

fn path(path: &Path) -> Text<'_> {
    let name = path.strip_prefix(".").unwrap_or(path);
    text(name.as_os_str().as_encoded_bytes())
}

fn text(bytes: &[u8]) -> Text<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Text::Text(text),
        Err(_) => Text::Bytes(STANDARD.encode(bytes)),
    }
}

fn stats(counts: &Counts, searches: u64, with_match: u64, elapsed: Duration) -> Stats {
    Stats {
        elapsed: Elapsed::of(elapsed),
        searches,
        searches_with_match: with_match,
        bytes_searched: counts.searched,
        bytes_printed: counts.printed,
        matched_lines: counts.records,
        matches: counts.matches,
    }
}

impl Elapsed {
    fn of(duration: Duration) -> Self {
        Elapsed {
            secs: duration.as_secs(),
            nanos: duration.subsec_nanos(),
            human: format!("{:.6}s", duration.as_secs_f64()),
        }
    }
}
