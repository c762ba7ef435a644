//! `fernlog inspect`: what can be said about a log without a key. It checks nothing.

use std::path::Path;

use fernlog::UnixTime;
use fernlog::read::{Log, SegmentFacts, inspect};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::InspectArgs;
use crate::escape::{self, Place};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, Input};
use crate::time::Digits;
use crate::ui::Ui;

/// Tells about each log.
///
/// # Errors
///
/// Standard output takes no more; other failures end one log and not the rest.
pub(crate) fn run(args: &InspectArgs, ui: &Ui) -> Result<Exit, Failure> {
    let mut exit = Exit::Ok;
    let mut fail = |failure: Failure| {
        ui.failure(&failure);
        exit = exit.worst(failure.exit());
    };
    let inputs = input::locate(&args.logs.logs, &mut fail);
    for input in inputs {
        let Input::Log(path) = input else {
            fail(Failure::usage("inspect needs the files of a log, not standard input"));
            continue;
        };
        match Log::open(&path).and_then(|log| inspect(&log)) {
            Ok(facts) if args.json.json => print_json(&path.active(), &facts, ui)?,
            Ok(facts) => print(&path.active(), &facts, ui)?,
            Err(error) => fail(error.into()),
        }
    }
    if !args.json.json && exit == Exit::Ok {
        ui.hint("nothing was checked; fernlog verify does that");
    }
    Ok(exit)
}

fn print(log: &Path, facts: &[SegmentFacts], ui: &Ui) -> Result<(), Failure> {
    let origin = facts.iter().find_map(|segment| segment.chain.as_ref());
    let kind = match origin {
        Some(chain) => format!("fernlog format 1, {}", escape::text(&chain.origin, Place::Cell)),
        None => "plain log without a chain".to_owned(),
    };
    ui.out().line(&format!("{}   {kind}, {} segments", escape::path(log), facts.len()))?;
    for segment in facts {
        print_segment(segment, ui)?;
    }
    let sum = |of: fn(&SegmentFacts) -> u64| facts.iter().map(of).sum::<u64>();
    let (bytes, content) = (sum(|s| s.bytes), sum(|s| s.content_bytes));
    ui.out().line(&format!(
        "\n  in all        {} records, {bytes} bytes, about {content} bytes of content",
        sum(|segment| segment.records)
    ))
}

fn print_segment(facts: &SegmentFacts, ui: &Ui) -> Result<(), Failure> {
    let row = |name: &str, text: &str| ui.out().line(&format!("    {name:<14}{text}"));
    let state = if facts.active { "active" } else { "closed" };
    let file = escape::path(&facts.file);
    ui.out().line(&format!("\n  segment {}, {state}   {file}", facts.segment))?;
    let mut lines = format!("{} records", facts.records);
    if facts.other_lines > 0 {
        lines += &format!(", {} lines that are no tokens", facts.other_lines);
    }
    if facts.torn_bytes > 0 {
        lines += &format!(", {} bytes behind the last line", facts.torn_bytes);
    }
    row("lines", &lines)?;
    if let Some((first, last)) = facts.times {
        row("token times", &format!("{} to {}", time(first, ui), time(last, ui)))?;
    }
    row("size", &format!("{} bytes", facts.bytes))?;
    let Some(chain) = &facts.chain else { return Ok(()) };
    row("began", &format!("{}, at entry #{}", time(chain.began, ui), chain.first))?;
    row("key id", &chain.key_id.to_string())?;
    row("signer", &escape::text(&chain.signer, Place::Cell))?;
    let covered = format!("{}, the newest covers {} entries", chain.checkpoints, chain.covered);
    row("checkpoints", &covered)?;
    chain.events.iter().try_for_each(|event| row("event", &escape::text(event, Place::Cell)))
}

fn print_json(log: &Path, facts: &[SegmentFacts], ui: &Ui) -> Result<(), Failure> {
    ui.out().json(&json!({
        "type": "start", "schema": "fernlog.inspect/1", "log": log.to_string_lossy(),
    }))?;
    facts.iter().try_for_each(|segment| ui.out().json(&to_json(segment)))
}

fn to_json(facts: &SegmentFacts) -> Value {
    let time = |time: UnixTime| time.to_seconds_text();
    let chain = facts.chain.as_ref();
    json!({
        "type": "segment",
        "file": facts.file.to_string_lossy(),
        "segment": facts.segment,
        "active": facts.active,
        "records": facts.records,
        "other_lines": facts.other_lines,
        "torn_bytes": facts.torn_bytes,
        "bytes": facts.bytes,
        "content_bytes": facts.content_bytes,
        "first_time": facts.times.map(|(first, _)| time(first)),
        "last_time": facts.times.map(|(_, last)| time(last)),
        "origin": chain.map(|chain| &chain.origin),
        "first": chain.map(|chain| chain.first),
        "began": chain.map(|chain| time(chain.began)),
        "key_id": chain.map(|chain| chain.key_id.to_string()),
        "signer": chain.map(|chain| &chain.signer),
        "checkpoints": chain.map(|chain| chain.checkpoints),
        "covered": chain.map(|chain| chain.covered),
        "events": chain.map(|chain| &chain.events),
    })
}

/// A time in the zone that was asked for.
fn time(time: UnixTime, ui: &Ui) -> String {
    match Timestamp::from_second(time.seconds()) {
        Ok(moment) => ui.time(moment, Digits::Fixed(0)),
        Err(_) => time.to_seconds_text(),
    }
}
