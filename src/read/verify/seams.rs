//! Joining the segments in their order: numbers without a gap, each segment going on where the one
//! before ended, each hand-over signed by the key before, one key for each segment.

use crate::crypto::KeyId;
use crate::format::SegmentName;
use crate::read::report::{Check, Finding, FindingId, Findings, Severity};
use crate::read::verify::Context;
use crate::read::verify::moved;
use crate::read::verify::outcome::Outcome;
use crate::read::verify::pruned;

/// All that was found, in the order of the log.
pub(crate) struct Joined {
    pub findings: Findings,
    pub outcomes: Vec<Outcome>,
    pub anchor: Check,
    pub anchored_size: Option<u64>,
    /// Pins that could not be compared with anything.
    pub undecided: bool,
    pub size: u64,
}

pub(crate) fn join(context: &Context<'_>, mut outcomes: Vec<Outcome>) -> Joined {
    let mut found = Findings::new(context.options.max_findings);
    context.pins.contradictions.iter().cloned().for_each(|finding| found.push(finding));
    moved::match_up(&mut outcomes);
    for at in 0..outcomes.len() {
        missing_numbers(context, at, &outcomes, &mut found);
        missing_lines(context, at, &mut outcomes, &mut found);
        let (before, rest) = outcomes.split_at_mut(at);
        let Some(outcome) = rest.first_mut() else { break };
        let before = before.last().filter(|_| context.heads.follows(at));
        seam(context, at, before, outcome, &mut found);
        key_before(context, at, before, outcome, &mut found);
        found.absorb(std::mem::take(&mut outcome.findings));
    }
    pruned::told(context, &outcomes, &mut found);
    missing_active(context, &outcomes, &mut found);
    missing_keys(context, &outcomes, &mut found);
    first_signer(context, &outcomes, &mut found);
    let mut joined = Joined {
        findings: found,
        size: outcomes.iter().map(|outcome| outcome.size).max().unwrap_or(0),
        outcomes,
        anchor: Check::NotRun,
        anchored_size: None,
        undecided: false,
    };
    joined.pins(context);
    joined
}

/// Segments whose number is missing before the one at `at`.
fn missing_numbers(context: &Context<'_>, at: usize, outcomes: &[Outcome], found: &mut Findings) {
    let heads = &context.heads;
    let here = heads.number(at);
    let expected = at.checked_sub(1).map_or(0, |before| heads.number(before).saturating_add(1));
    if here <= expected {
        return;
    }
    let last = here - 1;
    let (path, name) = (context.log.path(), SegmentName::Closed(expected));
    // Retention deletes lines and keeps chains.
    let mut finding = if pruned::is_announced(context, outcomes, at, expected, last) {
        let message = match last - expected {
            0 => format!("the chain file of segment {expected}, which was pruned, is missing"),
            _ => format!(
                "the chain files of segments {expected} to {last}, which were pruned, are missing"
            ),
        };
        Finding::new(FindingId::ChainMissing, path.beside(name, "chain"), message)
    } else {
        let message = match last - expected {
            0 => format!("segment {expected} is missing"),
            _ => format!("segments {expected} to {last} are missing"),
        };
        Finding::new(FindingId::SegmentMissing, path.segment(name), message)
    };
    let size = at.checked_sub(1).and_then(|before| outcomes.get(before)).map_or(0, |o| o.size);
    if let Some(head) = heads.get(at).filter(|head| head.first > size) {
        finding = finding.stretch(size, head.first - 1);
    }
    found.push(finding);
}

/// The lines of the segment at `at` are not there, and retention did not delete them.
fn missing_lines(context: &Context<'_>, at: usize, outcomes: &mut [Outcome], found: &mut Findings) {
    let Some(segment) = context.log.segments().get(at) else { return };
    if segment.has_log() || segment.is_half_rolled() {
        return;
    }
    let here = context.heads.number(at);
    let is_excused = pruned::is_announced(context, outcomes, at + 1, here, here);
    let Some(outcome) = outcomes.get_mut(at) else { return };
    outcome.report.pruned = segment.is_pruned() && is_excused;
    if outcome.report.pruned {
        return;
    }
    let why = match segment.is_pruned() {
        true => "; a header says that they were pruned, and no checkpoint covers that header",
        false => "",
    };
    let message = format!("the lines of segment {here} are missing{why}");
    let mut finding = Finding::new(FindingId::SegmentMissing, segment.path(), message);
    if let (Some(head), Some((size, _))) = (context.heads.get(at), outcome.signed) {
        finding = finding.stretch(head.first, size.saturating_sub(1));
    }
    found.push(finding);
}

fn missing_active(context: &Context<'_>, outcomes: &[Outcome], found: &mut Findings) {
    let is_active = |s: &crate::read::Segment| s.name() == SegmentName::Active;
    if !context.log.segments().last().is_some_and(is_active) && !outcomes.is_empty() {
        let path = context.log.path().active();
        let message = "the active segment is missing";
        found.push(Finding::new(FindingId::SegmentMissing, path, message));
    }
}

/// Whether the segment goes on where the one before ended.
fn seam(
    context: &Context<'_>,
    at: usize,
    before: Option<&Outcome>,
    outcome: &mut Outcome,
    found: &mut Findings,
) {
    let (Some((first, root)), Some((size, end))) =
        (outcome.before, before.and_then(|before| before.signed))
    else {
        return;
    };
    // A beginning behind the end is the final checkpoint that is missing, found already.
    let message = if first < size {
        "the segment begins before the signed end of the one before"
    } else if first == size && root != end {
        "the segment goes on from another history than the one before it was signed with"
    } else {
        return;
    };
    outcome.checks().chain = Check::Fail;
    if let Some(segment) = context.log.segments().get(at) {
        let finding = Finding::new(FindingId::Fork, segment.chain_path(), message);
        found.push(finding.stretch(0, first.saturating_sub(1)));
    }
}

/// Whether the key of the segment before signed the hand-over.
fn key_before(
    context: &Context<'_>,
    at: usize,
    before: Option<&Outcome>,
    outcome: &mut Outcome,
    found: &mut Findings,
) {
    let Some(segment) = context.log.segments().get(at) else { return };
    if let Some(finding) = outcome.key_before.take() {
        // A changed header names any key; that is one damage, not two.
        if before.is_some_and(|before| before.header_changed) {
            return;
        }
        if finding.severity == Severity::Error {
            outcome.checks().signatures = Check::Fail;
        }
        found.push(finding);
    } else if outcome.signer_lost && context.heads.before(at).is_none() {
        let message = "the header says that the key of the segment before was lost";
        found.push(Finding::new(FindingId::UncleanHandOver, segment.chain_path(), message));
    }
}

/// Segments that no given key opens; neighbours with the same key are one finding.
fn missing_keys(context: &Context<'_>, outcomes: &[Outcome], found: &mut Findings) {
    let Some(ring) = &context.options.keyring else { return };
    let mut last: Option<KeyId> = None;
    let mut opened = false;
    for (outcome, segment) in outcomes.iter().zip(context.log.segments()) {
        let Some(wanted) = outcome.missing_key else {
            opened |= outcome.opened;
            last = None;
            continue;
        };
        if last.replace(wanted) == Some(wanted) {
            continue;
        }
        let given: Vec<_> = ring.ids().iter().map(ToString::to_string).collect();
        let given = given.join(" ");
        let number = outcome.report.segment;
        let (id, message) = if opened {
            let message =
                format!("from segment {number} on key {wanted} is needed; given: {given}");
            (FindingId::KeyNeeded, message)
        } else {
            let message = format!("segment {number} was written with key {wanted}; given: {given}");
            (FindingId::OtherKey, message)
        };
        let mut finding = Finding::new(id, segment.path(), message);
        finding.index = outcome.report.first;
        found.push(finding);
    }
}

/// An auditor who saw the first segment once knows who signed it.
fn first_signer(context: &Context<'_>, outcomes: &[Outcome], found: &mut Findings) {
    let pinned = context.options.state.as_ref().and_then(|state| state.signer());
    let (Some(pinned), Some(first)) = (pinned, outcomes.first()) else { return };
    let is_other = first.signer.as_ref().is_some_and(|signer| signer != pinned);
    if context.heads.is_first(0)
        && is_other
        && let Some(segment) = context.log.segments().first()
    {
        let message = "segment 0 is signed by another key than at the last check";
        found.push(Finding::new(FindingId::SegmentKey, segment.chain_path(), message));
    }
}

impl Joined {
    /// What was kept elsewhere against what the segments said about it.
    fn pins(&mut self, context: &Context<'_>) {
        let mut all = Check::Pass;
        for (at, pin) in context.pins.list.iter().enumerate() {
            let said = || self.outcomes.iter().flat_map(|outcome| &outcome.pins);
            let fits = |wanted| said().any(|(pin, fits)| *pin == at && *fits == wanted);
            let check = if fits(false) {
                Check::Fail
            } else if fits(true) {
                self.anchored_size = self.anchored_size.max(Some(pin.size));
                Check::Pass
            } else if pin.size > self.size {
                self.findings.push(pin.shortfall(self.size));
                Check::Fail
            } else {
                self.undecided = true;
                Check::NotRun
            };
            all = all.and(check);
        }
        if !context.pins.contradictions.is_empty() {
            all = Check::Fail;
        }
        self.anchor = if context.pins.list.is_empty() { Check::NotRun } else { all };
    }
}
