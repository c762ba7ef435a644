//! Segments whose lines the log's own retention deleted. Their chain files are kept, so that the
//! header, the hand-over and the signatures still verify and join what is left. That the lines
//! are gone is right only if a later header says so, and a checkpoint covers that header: whoever
//! deletes lines himself cannot make such a header without the keys.

use crate::error::Result;
use crate::read::report::{Check, Finding, FindingId, Findings};
use crate::read::verify::Context;
use crate::read::verify::outcome::Outcome;
use crate::read::verify::segment::Walk;
use crate::read::verify::stops::{Stop, StopKind};

impl Walk<'_> {
    /// Passes over a size that only lines would lead to. What was kept elsewhere can still be
    /// compared with a checkpoint of the same size.
    pub(crate) fn pass_over(&mut self, stop: Stop) -> Result<()> {
        self.stops.pop()?;
        let StopKind::Pin(at) = stop.kind else {
            self.passed = Some((stop.size, stop.root));
            return Ok(());
        };
        match (self.passed, self.context.pins.list.get(at)) {
            (Some((size, root)), Some(_)) if (size, root) == (stop.size, stop.root) => {
                self.out.pins.push((at, true));
            }
            (Some((size, _)), Some(pin)) if size == stop.size => self.contradict(at, pin),
            _ => {}
        }
        Ok(())
    }

    /// The facts that do not need the lines.
    pub(crate) fn finish_pruned(&mut self) {
        let first = self.before.size();
        let (size, _) = self.stops.last.unwrap_or((self.sight.tree.size(), Default::default()));
        self.out.size = size.max(self.sight.tree.size());
        self.out.root = None;
        // The next segment does not begin behind the header.
        self.out.end = None;
        self.out.report.entries = self.out.size.saturating_sub(first);
        let checks = self.out.checks();
        (checks.format, checks.content) = (Check::NotRun, Check::NotRun);
    }
}

/// Whether the header of the segment at `from` or of a later one says that the lines of these
/// segments were pruned, and is the header that was signed.
pub(crate) fn is_announced(
    context: &Context<'_>,
    outcomes: &[Outcome],
    from: usize,
    first: u64,
    last: u64,
) -> bool {
    let behind = outcomes.iter().enumerate().skip(from);
    let mut signed = behind.filter(|(_, out)| out.before.is_some() && !out.header_changed);
    signed.any(|(at, _)| context.heads.get(at).is_some_and(|head| head.announces(first, last)))
}

/// Says which segments were pruned; neighbours are one note.
pub(crate) fn told(context: &Context<'_>, outcomes: &[Outcome], found: &mut Findings) {
    let mut open: Option<(Finding, u64, u64)> = None;
    for (at, outcome) in outcomes.iter().enumerate() {
        let Some(segment) = context.log.segments().get(at) else { break };
        let number = outcome.report.segment;
        if !outcome.report.pruned {
            found_pruned(open.take(), found);
            continue;
        }
        let last = outcome.size.saturating_sub(1);
        open = match open.take() {
            Some((finding, first_number, before)) if before.checked_add(1) == Some(number) => {
                let first = finding.first.unwrap_or(0);
                Some((finding.stretch(first, last), first_number, number))
            }
            other => {
                found_pruned(other, found);
                let first = outcome.report.first.unwrap_or(0);
                let finding = Finding::new(FindingId::Pruned, segment.path(), "");
                Some((finding.stretch(first, last), number, number))
            }
        };
    }
    found_pruned(open, found);
}

fn found_pruned(run: Option<(Finding, u64, u64)>, found: &mut Findings) {
    let Some((mut finding, first, last)) = run else { return };
    let segments = if first == last {
        format!("segment {first}")
    } else {
        format!("segments {first} to {last}")
    };
    let entries = finding.first.zip(finding.last);
    let entries = entries.map_or_else(String::new, |(a, b)| format!(", entries #{a} to #{b},"));
    finding.message =
        format!("the lines of {segments}{entries} were deleted by the log's retention");
    found.push(finding);
}
