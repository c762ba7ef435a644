//! A report for people: the verdict, each finding, the facts, what was checked and what was not.

use anstyle::AnsiColor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fernlog::UnixTime;
use fernlog::read::{Check, Finding, Report, Severity, Verdict};
use indicatif::{DecimalBytes, HumanCount};

use crate::args::VerifyArgs;
use crate::colour::verdict_style;
use crate::exit::Exit;
use crate::index;
use crate::paragraph::Paragraphs;
use crate::textline;
use crate::time::Digits;
use crate::ui::Ui;

/// The report as text.
pub(super) fn text(report: &Report, args: &VerifyArgs, ui: &Ui) -> String {
    let mut out = Paragraphs::new(ui);
    headline(report, &mut out);
    let (notes, findings): (Vec<_>, Vec<_>) =
        report.findings.iter().partition(|finding| finding.severity == Severity::Note);
    for finding in findings {
        out.space();
        self::finding(finding, &mut out, ui);
    }
    not_shown(report, &mut out);
    if report.verdict == Verdict::NotALog {
        return out.finish();
    }
    if report.interrupted {
        // Facts about a part of the log would pass for facts about the log.
        out.space();
        summary(report, &mut out);
        return out.finish();
    }
    out.space();
    facts(report, &mut out, ui);
    out.space();
    checks(report, args, &mut out);
    for finding in notes {
        out.pair("", &format!("{} ({})", finding.message, finding.id));
    }
    for (number, caveat) in report.caveats().into_iter().enumerate() {
        out.pair(if number == 0 { "not shown" } else { "" }, caveat);
    }
    for (number, pin) in report.pinned.iter().enumerate() {
        out.pair(if number == 0 { "rests on" } else { "" }, pin);
    }
    out.space();
    summary(report, &mut out);
    out.finish()
}

fn headline(report: &Report, out: &mut Paragraphs<'_>) {
    let style = verdict_style(Exit::from(report.verdict));
    let word = report.verdict.word();
    let anchored = match (report.verdict, report.checks.anchor) {
        (Verdict::Intact, Check::Pass) => ", anchored",
        (Verdict::Intact, _) if report.origin.is_some() => ", end not anchored",
        _ => "",
    };
    if report.interrupted && report.verdict != Verdict::Tampered {
        let rest = format!("   {}: stopped before the end, so nothing is decided", report.log);
        return out.headline(verdict_style(Exit::Interrupted), Exit::Partial.word(), &rest);
    }
    let reason = match (report.reason, report.verdict) {
        (Some(reason), _) => format!(": {reason}"),
        (None, Verdict::NoKey) => ": not decided".to_owned(),
        _ => String::new(),
    };
    let first = format!("{word}{anchored}");
    out.headline(style, &first, &format!("   {}{reason}", report.log));
}

fn finding(finding: &Finding, out: &mut Paragraphs<'_>, ui: &Ui) {
    let colour = match finding.severity {
        Severity::Error => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    let kind = format!("{}[{}]", finding.severity, finding.id);
    out.headline(colour.on_default().bold(), &kind, &format!(": {}", finding.id.title()));
    out.line(&format!("  --> {}", place(finding, ui)));
    out.pair("what broke", &finding.message);
    if let Some(scope) = scope(finding) {
        out.pair("scope", &scope);
    }
    out.pair("likely cause", &finding.cause);
    out.pair("next steps", &finding.next);
}

/// File, line, byte, index and time, each in a form that flags take.
fn place(finding: &Finding, ui: &Ui) -> String {
    let mut text = super::plain_name(&finding.file);
    if let Some(line) = finding.line {
        text.push_str(&format!(":{line}"));
    }
    if let Some(index) = finding.index {
        text.push_str(&format!("   {}", index::show(index)));
    }
    if let Some(byte) = finding.byte {
        text.push_str(&format!("   byte {}", HumanCount(byte)));
    }
    if let Some(time) = finding.time {
        text.push_str(&format!("   {}", moment(time, ui)));
    }
    text
}

fn scope(finding: &Finding) -> Option<String> {
    let (first, last) = (finding.first?, finding.last?);
    let count = last.checked_sub(first)?.saturating_add(1);
    Some(if count == 1 {
        format!("entry {}", index::show(first))
    } else {
        let (first, last) = (index::show(first), index::show(last));
        format!("entries {first} to {last}, {} of them", HumanCount(count))
    })
}

/// Findings over the limit, by kind.
fn not_shown(report: &Report, out: &mut Paragraphs<'_>) {
    let mut rest: Vec<String> = Vec::new();
    for (id, severity, count) in &report.counts {
        let shown = |f: &&Finding| f.id == *id && f.severity == *severity;
        let shown = report.findings.iter().filter(shown).count() as u64;
        if *count > shown {
            rest.push(format!("{} {id}", HumanCount(count - shown)));
        }
    }
    if !rest.is_empty() {
        out.space();
        out.line(&format!("and more that are not shown (--max-findings): {}", rest.join(", ")));
    }
}

fn facts(report: &Report, out: &mut Paragraphs<'_>, ui: &Ui) {
    if let Some(origin) = &report.origin {
        out.pair("origin", origin);
    }
    let records = report.records();
    let last = report.size.checked_sub(1).filter(|_| records > 0);
    let end =
        last.map_or_else(String::new, |last| format!(", the last entry is {}", index::show(last)));
    out.pair("records", &format!("{}{end}", HumanCount(records)));
    let firsts = report.segments.iter().filter_map(|segment| segment.first_time);
    let lasts = report.segments.iter().filter_map(|segment| segment.last_time);
    if let (Some(first), Some(last)) = (firsts.min(), lasts.max()) {
        out.pair("from, to", &format!("{}   {}", moment(first, ui), moment(last, ui)));
    }
    if report.segments.len() > 1 {
        let count = HumanCount(report.segments.len() as u64);
        let compressed = report.segments.iter().filter(|segment| segment.compressed).count();
        let kinds = [(compressed, "compressed"), (report.pruned().count(), "deleted by retention")];
        let kinds = kinds.iter().filter(|(count, _)| *count > 0);
        let kinds: String =
            kinds.map(|(count, what)| format!(", {} {what}", HumanCount(*count as u64))).collect();
        out.pair("segments", &format!("{count}{kinds}"));
    }
    if let (Some(root), Some(_)) = (report.root, &report.origin) {
        let size = HumanCount(report.size);
        out.pair("head", &format!("size {size}, root {}", STANDARD.encode(root)));
    }
    let mut keys: Vec<String> = Vec::new();
    for id in report.segments.iter().filter_map(|segment| segment.key_id) {
        let id = id.to_string();
        if !keys.contains(&id) {
            keys.push(id);
        }
    }
    if !keys.is_empty() {
        out.pair(if keys.len() == 1 { "key" } else { "keys" }, &keys.join(" "));
    }
}

fn checks(report: &Report, args: &VerifyArgs, out: &mut Paragraphs<'_>) {
    let checks = report.checks;
    let lines = format!("{} lines", HumanCount(report.records()));
    let covered = match report.uncovered {
        0 => format!("{} entries", HumanCount(report.checkpoint_size)),
        newer => format!(
            "{} entries; newer, in no checkpoint yet: {}",
            HumanCount(report.checkpoint_size),
            HumanCount(newer)
        ),
    };
    let end = match report.anchored_size {
        Some(size) => format!("agrees with what was kept of size {}", HumanCount(size)),
        None => "compared with what was kept".to_owned(),
    };
    let signers: u64 = report.segments.iter().map(|segment| segment.checkpoints).sum();
    let all = [
        ("format", checks.format, lines.clone(), "nothing to check"),
        ("chain", checks.chain, covered, "this log has none"),
        (
            "signatures",
            checks.signatures,
            format!("{} checkpoints", HumanCount(signers)),
            if args.vkey.vkey.is_some() {
                "nothing to check with this key"
            } else {
                "no verifier key given (--vkey)"
            },
        ),
        (
            "content",
            checks.content,
            lines,
            if has_key(args) { "no given key opens it" } else { "no key given (-k)" },
        ),
        ("end of log", checks.anchor, end, "no checkpoint given (--checkpoint, --state)"),
    ];
    let mut label = "checked";
    for (name, check, what, _) in all.iter().filter(|(_, check, ..)| *check != Check::NotRun) {
        let line = match check {
            Check::Pass => format!("yes  {name:<12} {what}"),
            _ => format!("NO   {name}"),
        };
        out.pair(label, &line);
        label = "";
    }
    label = "not checked";
    for (name, _, _, why) in all.iter().filter(|(_, check, ..)| *check == Check::NotRun) {
        out.pair(label, &format!("     {name:<12} {why}"));
        label = "";
    }
}

fn has_key(args: &VerifyArgs) -> bool {
    args.keys.key_command.is_some() || !args.keys.key_files.is_empty()
}

fn summary(report: &Report, out: &mut Paragraphs<'_>) {
    let plural = |count: u64, word: &str| match count {
        1 => format!("1 {word}"),
        _ => format!("{} {word}s", HumanCount(count)),
    };
    let found = match (report.errors(), report.warnings()) {
        (0, 0) if report.interrupted => "No problems found before that".to_owned(),
        (0, 0) => "No problems found in what was checked".to_owned(),
        (0, warnings) => plural(warnings, "warning"),
        (errors, 0) => plural(errors, "error"),
        (errors, warnings) => {
            format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))
        }
    };
    let bytes = match report.interrupted {
        true => String::new(),
        false => format!("{} in ", DecimalBytes(report.bytes())),
    };
    out.line(&format!("{found}. {bytes}{:.2} s.", report.seconds));
}

fn moment(time: UnixTime, ui: &Ui) -> String {
    textline::moment_with(time, ui.zone(), Digits::Fixed(0))
}
