//! `fernlog inspect`: what can be said about a log without a key. Nothing of it is verified.

use std::collections::BTreeSet;
use std::path::Path;

use anstyle::Style;
use fernlog::UnixTime;
use fernlog::read::{self, SegmentFacts};
use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;

use crate::args::InspectArgs;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::index::{self, IndexRange};
use crate::input::{self, Input};
use crate::lines;
use crate::paragraph::Paragraphs;
use crate::pruned;
use crate::textline;
use crate::time::Digits;
use crate::ui::Ui;
use crate::verify::plain_name;

/// Segments that are listed one by one.
const LISTED: usize = 20;

/// Tells about each log.
///
/// # Errors
///
/// Standard output takes no more; a log is standard input.
pub(crate) fn run(args: &InspectArgs, ui: &Ui) -> Result<Exit, Failure> {
    if args.logs.logs.iter().any(|path| input::is_stdin(path)) {
        return Err(Failure::usage("this needs the files of a log, not standard input"));
    }
    let mut exit = Exit::Ok;
    let mut failed = |failure: Failure| {
        exit = exit.worst(failure.exit());
        let _ = ui.out().flush();
        ui.failure(&failure);
    };
    let inputs = input::locate(&args.logs.logs, &mut failed);
    let names: Vec<_> = inputs.iter().map(|input| plain_name(&input.name())).collect();
    if args.json.json {
        let (schema, version) = ("fernlog.inspect/1", env!("CARGO_PKG_VERSION"));
        print_json(ui, &Object::Start { schema, version, logs: &names })?;
    }
    for (number, (input, name)) in inputs.iter().zip(&names).enumerate() {
        let Input::Log(path) = input else { continue };
        let facts = lines::open(path).and_then(|log| {
            pruned::tell(&log, IndexRange::ALL, 0, ui);
            Ok(read::inspect(&log)?)
        });
        match facts {
            Ok(facts) if args.json.json => json(name, &facts, ui)?,
            Ok(facts) => {
                if number > 0 {
                    ui.out().line("")?;
                }
                ui.out().text(&human(name, &facts, ui))?;
            }
            Err(failure) => failed(failure),
        }
    }
    Ok(exit)
}

/// Sums over the segments of a log.
struct Sums<'f> {
    origin: Option<&'f str>,
    records: u64,
    other: u64,
    torn: u64,
    bytes: u64,
    content: u64,
    times: Option<(UnixTime, UnixTime)>,
    keys: Vec<String>,
    covered: Option<u64>,
    size: Option<u64>,
}

impl<'f> Sums<'f> {
    fn of(facts: &'f [SegmentFacts]) -> Self {
        let sum = |of: fn(&SegmentFacts) -> u64| facts.iter().map(of).sum();
        let chains = || facts.iter().filter_map(|segment| segment.chain.as_ref());
        let times = || facts.iter().filter_map(|segment| segment.times);
        let first = times().map(|(first, _)| first).min();
        let last = times().map(|(_, last)| last).max();
        // The header is an entry too.
        let size = facts.last().and_then(|last| {
            let lines = last.records.saturating_add(last.other_lines);
            Some(last.chain.as_ref()?.first.saturating_add(1).saturating_add(lines))
        });
        let keys: BTreeSet<_> = chains().map(|chain| chain.key_id.to_string()).collect();
        Sums {
            origin: chains().next().map(|chain| chain.origin.as_str()),
            records: sum(|segment| segment.records),
            other: sum(|segment| segment.other_lines),
            torn: sum(|segment| segment.torn_bytes),
            bytes: sum(|segment| segment.bytes),
            content: sum(|segment| segment.content_bytes),
            times: first.zip(last),
            keys: keys.into_iter().collect(),
            covered: chains().map(|chain| chain.covered).max(),
            size,
        }
    }
}

fn human(name: &str, facts: &[SegmentFacts], ui: &Ui) -> String {
    let sums = Sums::of(facts);
    let mut out = Paragraphs::new(ui);
    let kind = match sums.origin {
        Some(_) => "fernlog format 1, chained",
        None => "fernlog format 1, plain: no chain",
    };
    let segments = match facts.len() {
        1 => "1 segment".to_owned(),
        several => format!("{} segments", HumanCount(several as u64)),
    };
    out.headline(Style::new().bold(), name, &format!("   {kind}, {segments}"));
    if let Some(origin) = sums.origin {
        out.pair("origin", origin);
    }
    let (records, other) = (HumanCount(sums.records), HumanCount(sums.other));
    out.pair("lines", &format!("{records} records, {other} other"));
    if sums.torn > 0 {
        out.pair("", &format!("{} bytes after the last line end", HumanCount(sums.torn)));
    }
    if let Some((first, last)) = sums.times {
        let (first, last) = (moment(first, ui), moment(last, ui));
        let clear = "(clear in every token, to the second)";
        out.pair("token times", &format!("{first} to {last}   {clear}"));
    }
    if !sums.keys.is_empty() {
        out.pair("key ids", &sums.keys.join(" "));
    }
    if let (Some(covered), Some(size)) = (sums.covered, sums.size) {
        let newer = match size.saturating_sub(covered) {
            0 => "all".to_owned(),
            newer => format!("all but the {} newest", HumanCount(newer)),
        };
        out.pair("checkpoints", &format!("cover {newer} of {} entries", HumanCount(size)));
    }
    let (bytes, content) = (HumanCount(sums.bytes), DecimalBytes(sums.content));
    let rest = sums.bytes.saturating_sub(sums.content).saturating_mul(100);
    let percent = rest.checked_div(sums.bytes).unwrap_or(0);
    let size = format!("{bytes} bytes; about {content} of content, {percent} % overhead");
    out.pair("size", &size);
    list(facts, &mut out);
    for segment in facts {
        if let Some(broken) = &segment.broken {
            let file = plain_name(Path::new(segment.file.file_name().unwrap_or_default()));
            out.pair("damaged", &format!("{file} cannot be read {broken}"));
        }
    }
    out.space();
    out.remark(match sums.origin {
        Some(_) => {
            "Nothing of this was checked. Without a key fernlog verify checks format and chain, \
             with --vkey signatures, with -k the content, with a kept checkpoint the end."
        }
        None => "Nothing of this was checked, and without a key nothing can be.",
    });
    out.finish()
}

fn list(facts: &[SegmentFacts], out: &mut Paragraphs<'_>) {
    if facts.len() < 2 {
        return;
    }
    // The newest ones tell the most.
    let passed = facts.len().saturating_sub(LISTED);
    for (number, segment) in facts.iter().skip(passed).enumerate() {
        let label = if number == 0 { "segments" } else { "" };
        let file = plain_name(Path::new(segment.file.file_name().unwrap_or_default()));
        let first = segment.chain.as_ref().map_or_else(
            || "no header".to_owned(),
            |chain| format!("from {}", index::show(chain.first)),
        );
        let records = match segment.pruned {
            true => "lines deleted by retention".to_owned(),
            false => format!("{} records", HumanCount(segment.records)),
        };
        let events = segment.chain.as_ref().map(|chain| chain.events.join(", "));
        let events = events.filter(|events| !events.is_empty());
        let events = events.map_or_else(String::new, |events| format!(" ({events})"));
        out.pair(label, &format!("{file}   {first}, {records}{events}"));
    }
    if passed > 0 {
        out.pair("", &format!("and {} older ones (--json lists all)", HumanCount(passed as u64)));
    }
}

fn moment(time: UnixTime, ui: &Ui) -> String {
    textline::moment_with(time, ui.zone(), Digits::Fixed(0))
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Object<'a> {
    Start {
        schema: &'a str,
        version: &'a str,
        logs: &'a [String],
    },
    Segment {
        file: String,
        segment: u64,
        active: bool,
        records: u64,
        other_lines: u64,
        torn_bytes: u64,
        bytes: u64,
        content_bytes: u64,
        first_time: Option<String>,
        last_time: Option<String>,
        first: Option<u64>,
        origin: Option<&'a str>,
        key_id: Option<String>,
        signer: Option<&'a str>,
        began: Option<String>,
        events: &'a [String],
        checkpoints: Option<u64>,
        covered: Option<u64>,
        compressed: bool,
        broken: Option<&'a str>,
        pruned: bool,
    },
    Summary {
        log: &'a str,
        origin: Option<&'a str>,
        segments: usize,
        records: u64,
        other_lines: u64,
        torn_bytes: u64,
        bytes: u64,
        content_bytes: u64,
        first_time: Option<String>,
        last_time: Option<String>,
        key_ids: &'a [String],
        size: Option<u64>,
        covered: Option<u64>,
        pruned_segments: usize,
    },
}

fn json(name: &str, facts: &[SegmentFacts], ui: &Ui) -> Result<(), Failure> {
    for segment in facts {
        let chain = segment.chain.as_ref();
        print_json(
            ui,
            &Object::Segment {
                file: plain_name(&segment.file),
                segment: segment.segment,
                active: segment.active,
                records: segment.records,
                other_lines: segment.other_lines,
                torn_bytes: segment.torn_bytes,
                bytes: segment.bytes,
                content_bytes: segment.content_bytes,
                first_time: segment.times.map(|(first, _)| first.to_seconds_text()),
                last_time: segment.times.map(|(_, last)| last.to_seconds_text()),
                first: chain.map(|chain| chain.first),
                origin: chain.map(|chain| chain.origin.as_str()),
                key_id: chain.map(|chain| chain.key_id.to_string()),
                signer: chain.map(|chain| chain.signer.as_str()),
                began: chain.map(|chain| chain.began.to_seconds_text()),
                events: chain.map(|chain| chain.events.as_slice()).unwrap_or_default(),
                checkpoints: chain.map(|chain| chain.checkpoints),
                covered: chain.map(|chain| chain.covered),
                compressed: segment.compressed,
                broken: segment.broken.as_deref(),
                pruned: segment.pruned,
            },
        )?;
    }
    let sums = Sums::of(facts);
    print_json(
        ui,
        &Object::Summary {
            log: name,
            origin: sums.origin,
            segments: facts.len(),
            records: sums.records,
            other_lines: sums.other,
            torn_bytes: sums.torn,
            bytes: sums.bytes,
            content_bytes: sums.content,
            first_time: sums.times.map(|(first, _)| first.to_seconds_text()),
            last_time: sums.times.map(|(_, last)| last.to_seconds_text()),
            key_ids: &sums.keys,
            size: sums.size,
            covered: sums.covered,
            pruned_segments: facts.iter().filter(|segment| segment.pruned).count(),
        },
    )
}

fn print_json(ui: &Ui, object: &Object<'_>) -> Result<(), Failure> {
    // Text and numbers alone, so this cannot fail.
    let text = serde_json::to_string(object).unwrap_or_default();
    ui.out().line(&escape::json(&text))
}
