//! From everything that was found to a verdict.

use std::sync::atomic::Ordering;

use crate::read::report::{
    Check, Checks, Finding, FindingId, Report, SegmentReport, Severity, Verdict,
};
use crate::read::verify::outcome::Outcome;
use crate::read::verify::seams::Joined;
use crate::read::verify::{Context, Require, State, TornTail};

const NEWER: &str = "it was written in a newer version of the format";
const NO_TOKEN: &str = "no line of it is a token";
const EMPTY: &str = "it is empty";
const UNDECIDED: &str = "a checkpoint that was kept elsewhere could not be compared with anything";
const NOTHING_CHECKED: &str = "a log without a chain proves nothing without its key";
const NO_CHAIN: &str = "a log without a chain has no signatures";
const FOREIGN_VKEY: &str = "the verifier key is not this log's";
const STOPPED: &str = "it was stopped before the end";
const REQUIRED: &str = "a required level was not reached";

pub(crate) fn report(context: &Context<'_>, mut joined: Joined) -> Report {
    let options = context.options;
    let is_plain = context.log.is_plain();
    let foreign_vkey = options.vkey.is_some() && !context.heads.vkey_fits && !is_plain;
    if foreign_vkey {
        let path = context.log.path().active();
        joined.findings.push(Finding::new(FindingId::NoKey, path, FOREIGN_VKEY));
    }
    let checks = checks(&joined);
    let (verdict, reason) = verdict(context, &joined, checks);
    if verdict == Verdict::NotALog {
        // What is no log of ours cannot be damaged either.
        joined.findings = Default::default();
    }
    let last = joined.outcomes.last();
    let state = match verdict {
        Verdict::Intact | Verdict::Torn => state(context, &joined.outcomes),
        _ => None,
    };
    Report {
        log: context.log.path().to_string(),
        verdict,
        reason,
        origin: context.heads.origin.clone(),
        size: joined.size,
        root: last.and_then(|outcome| outcome.root),
        checkpoint_size: signed_size(&joined.outcomes),
        uncovered: last.map_or(0, |outcome| outcome.uncovered),
        torn_bytes: last.map_or(0, |outcome| outcome.torn_bytes),
        anchored_size: joined.anchored_size,
        checks,
        findings: joined.findings.list,
        counts: joined.findings.counts,
        pinned: pinned(context),
        state,
        interrupted: context.stopped.load(Ordering::Relaxed),
        seconds: 0.0,
        has_vkey: options.vkey.is_some() && !foreign_vkey,
        has_anchor: !context.pins.list.is_empty(),
        is_plain,
        segments: segments(joined.outcomes),
    }
}

fn segments(outcomes: Vec<Outcome>) -> Vec<SegmentReport> {
    outcomes.into_iter().map(|outcome| outcome.report).collect()
}

fn signed_size(outcomes: &[Outcome]) -> u64 {
    outcomes.iter().filter_map(|outcome| outcome.signed).map(|(size, _)| size).max().unwrap_or(0)
}

fn checks(joined: &Joined) -> Checks {
    let among = |lines: bool, of: fn(&Checks) -> Check| {
        // Of lines that are gone by the log's own rule there is nothing to check.
        let there = joined.outcomes.iter().filter(|outcome| !lines || !outcome.report.pruned);
        let mut each = there.map(|outcome| of(&outcome.report.checks));
        let first = each.next().unwrap_or_default();
        each.fold(first, Check::and)
    };
    let fails = |ids: &[FindingId]| joined.findings.any(|id, _| ids.contains(&id));
    let mut checks = Checks {
        format: among(true, |checks| checks.format),
        chain: among(false, |checks| checks.chain),
        signatures: among(false, |checks| checks.signatures),
        content: among(true, |checks| checks.content),
        anchor: joined.anchor,
    };
    if fails(&[FindingId::SegmentMissing, FindingId::ChainMissing, FindingId::Fork]) {
        checks.chain = Check::Fail;
    }
    if fails(&[FindingId::SegmentKey]) {
        checks.signatures = Check::Fail;
    }
    checks
}

fn verdict(
    context: &Context<'_>,
    joined: &Joined,
    checks: Checks,
) -> (Verdict, Option<&'static str>) {
    let found = &joined.findings;
    if context.heads.newer_version {
        return (Verdict::NotALog, Some(NEWER));
    }
    if context.log.is_plain() && !found.any(|id, _| is_trace(id)) {
        let records: u64 = joined.outcomes.iter().map(|outcome| outcome.report.records).sum();
        let bytes: u64 = joined.outcomes.iter().map(|outcome| outcome.report.bytes).sum();
        if records == 0 {
            return (Verdict::NotALog, Some(if bytes == 0 { EMPTY } else { NO_TOKEN }));
        }
    }
    let wrong = |id: FindingId, severity| severity == Severity::Error && id.is_tampering();
    let Checks { format, chain, signatures, content, anchor } = checks;
    // A check that failed is never fine, whatever its findings say.
    if found.any(wrong) || [format, chain, signatures, content, anchor].contains(&Check::Fail) {
        return (Verdict::Tampered, None);
    }
    if found.any(|id, severity| severity == Severity::Error && !id.is_tampering()) {
        return (Verdict::NoKey, None);
    }
    if let Some(reason) = unproven(context, joined, checks) {
        return (Verdict::Unproven, Some(reason));
    }
    if found.has(FindingId::TornTail) && context.options.torn_tail == TornTail::Report {
        return (Verdict::Torn, None);
    }
    (Verdict::Intact, None)
}

/// Signs that a file without any readable token was a log once.
fn is_trace(id: FindingId) -> bool {
    matches!(id, FindingId::SavedAsText | FindingId::ChainMissing | FindingId::SegmentMissing)
}

fn unproven(context: &Context<'_>, joined: &Joined, checks: Checks) -> Option<&'static str> {
    let options = context.options;
    if context.stopped.load(Ordering::Relaxed) {
        return Some(STOPPED);
    }
    if context.log.is_plain() && options.vkey.is_some() {
        return Some(NO_CHAIN);
    }
    if context.log.is_plain() && options.keyring.is_none() {
        return Some(NOTHING_CHECKED);
    }
    if joined.undecided {
        return Some(UNDECIDED);
    }
    let reached = |require: &Require| match require {
        // Against an auditor who kept nothing, a thief of the log key can claim a lost signer.
        Require::Signatures => {
            checks.signatures == Check::Pass && !joined.findings.has(FindingId::UncleanHandOver)
        }
        Require::Content => checks.content == Check::Pass,
        Require::Anchored => checks.anchor == Check::Pass,
    };
    (!options.require.iter().all(reached)).then_some(REQUIRED)
}

/// What the caller should remember.
fn state(context: &Context<'_>, outcomes: &[Outcome]) -> Option<State> {
    let newest = outcomes.iter().rev().find(|outcome| !outcome.note.is_empty())?;
    let signer = outcomes.first().filter(|_| context.heads.is_first(0));
    let signer = signer.and_then(|outcome| outcome.signer.clone());
    let time = context.options.now.unwrap_or_default();
    let state = State::new(&newest.note, signer, time)?;
    Some(state.after(context.options.state.as_ref()))
}

fn pinned(context: &Context<'_>) -> Vec<String> {
    let mut pinned = Vec::new();
    if let Some(vkey) = context.vkey {
        let id = u32::from_be_bytes(vkey.id());
        pinned.push(format!("log key {}+{id:08x}", vkey.name()));
    }
    for anchor in &context.options.anchors {
        pinned.push(format!("checkpoint of size {}", anchor.checkpoint().size));
    }
    if let Some(state) = &context.options.state {
        let size = state.anchor().checkpoint().size;
        pinned.push(format!("state of the last check, size {size}"));
        if state.signer().is_some() {
            pinned.push("signer of segment 0, from the state of the last check".to_owned());
        }
    }
    pinned
}
