//! A report as JSON lines, schema `fernlog.verify/1` (docs of the command line).

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::crypto::encode_standard;
use crate::format::UnixTime;
use crate::read::report::{Checks, Finding, Report, SegmentReport};

/// Name of the schema. It only grows.
const SCHEMA: &str = "fernlog.verify/1";

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Object<'a> {
    Start {
        schema: &'a str,
        version: &'a str,
        logs: &'a [String],
    },
    Finding {
        id: &'a str,
        severity: &'a str,
        file: String,
        line: Option<u64>,
        byte: Option<u64>,
        index: Option<u64>,
        time: Option<String>,
        message: &'a str,
        cause: &'a str,
        next: &'a str,
        first: Option<u64>,
        last: Option<u64>,
    },
    Segment {
        file: String,
        segment: u64,
        first: Option<u64>,
        entries: u64,
        records: u64,
        first_time: Option<String>,
        last_time: Option<String>,
        bytes: u64,
        checkpoints: u64,
        key_id: Option<String>,
        checks: JsonChecks,
        compressed: bool,
        pruned: bool,
    },
    Summary {
        verdict: &'a str,
        exit_code: u8,
        log: &'a str,
        origin: Option<&'a str>,
        size: u64,
        root: Option<String>,
        checkpoint_size: u64,
        uncovered: u64,
        torn_bytes: u64,
        anchored_size: Option<u64>,
        checks: JsonChecks,
        errors: u64,
        warnings: u64,
        reason: Option<&'a str>,
        caveats: Vec<&'static str>,
        pinned: &'a [String],
        interrupted: bool,
        seconds: f64,
        pruned_segments: usize,
        pruned_entries: u64,
    },
}

#[derive(Serialize)]
struct JsonChecks {
    format: &'static str,
    chain: &'static str,
    signatures: &'static str,
    content: &'static str,
    anchor: &'static str,
}

impl From<Checks> for JsonChecks {
    fn from(checks: Checks) -> Self {
        Self {
            format: checks.format.name(),
            chain: checks.chain.name(),
            signatures: checks.signatures.name(),
            content: checks.content.name(),
            anchor: checks.anchor.name(),
        }
    }
}

impl Report {
    /// Writes the line that begins the output of one or more reports.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn start_json(logs: &[String], out: &mut impl Write) -> io::Result<()> {
        write(out, &Object::Start { schema: SCHEMA, version: env!("CARGO_PKG_VERSION"), logs })
    }

    /// Writes findings, segments and the summary, one JSON object per line. Characters that could
    /// act on a terminal are escaped.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn to_json_lines(&self, out: &mut impl Write) -> io::Result<()> {
        for finding in &self.findings {
            write(out, &finding_object(finding))?;
        }
        for segment in &self.segments {
            write(out, &segment_object(segment))?;
        }
        write(
            out,
            &Object::Summary {
                verdict: self.verdict.word(),
                exit_code: self.verdict.exit_code(),
                log: &self.log,
                origin: self.origin.as_deref(),
                size: self.size,
                root: self.root.map(|root| encode_standard(&root)),
                checkpoint_size: self.checkpoint_size,
                uncovered: self.uncovered,
                torn_bytes: self.torn_bytes,
                anchored_size: self.anchored_size,
                checks: self.checks.into(),
                errors: self.errors(),
                warnings: self.warnings(),
                reason: self.reason,
                caveats: self.caveats(),
                pinned: &self.pinned,
                interrupted: self.interrupted,
                seconds: self.seconds,
                pruned_segments: self.pruned().count(),
                pruned_entries: self.pruned().map(|segment| segment.entries).sum(),
            },
        )
    }
}

fn finding_object(finding: &Finding) -> Object<'_> {
    Object::Finding {
        id: finding.id.id(),
        severity: finding.severity.name(),
        file: name(&finding.file),
        line: finding.line,
        byte: finding.byte,
        index: finding.index,
        time: finding.time.map(UnixTime::to_seconds_text),
        message: &finding.message,
        cause: &finding.cause,
        next: &finding.next,
        first: finding.first,
        last: finding.last,
    }
}

fn segment_object(segment: &SegmentReport) -> Object<'static> {
    Object::Segment {
        file: name(&segment.file),
        segment: segment.segment,
        first: segment.first,
        entries: segment.entries,
        records: segment.records,
        first_time: segment.first_time.map(UnixTime::to_seconds_text),
        last_time: segment.last_time.map(UnixTime::to_seconds_text),
        bytes: segment.bytes,
        checkpoints: segment.checkpoints,
        key_id: segment.key_id.map(|id| id.to_string()),
        checks: segment.checks.into(),
        compressed: segment.compressed,
        pruned: segment.pruned,
    }
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn write(out: &mut impl Write, object: &Object<'_>) -> io::Result<()> {
    let text = serde_json::to_string(object).map_err(io::Error::other)?;
    writeln!(out, "{}", escape(&text))
}

/// serde_json escapes C0 and leaves the rest; outside of strings JSON has none of these.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if acts_on_terminal(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// DEL, C1, bidirectional marks, zero-width characters, line and paragraph separators; all of them
/// have four hex digits.
fn acts_on_terminal(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::report::FindingId;

    #[test]
    fn a_hostile_file_name_comes_out_escaped() {
        let finding = Finding::new(FindingId::NotAToken, "a\u{1b}[2J\u{9b}\u{202e}b", "m");
        let mut out = Vec::new();
        write(&mut out, &finding_object(&finding.entry(4))).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(r#""file":"a\u001b[2J\u009b\u202eb""#), "{text}");
        assert!(text.starts_with(r#"{"type":"finding","id":"FL106","severity":"error","#));
        assert!(text.contains(r#""line":null,"byte":null,"index":4,"time":null"#));
    }
}
