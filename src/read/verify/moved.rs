//! Lines that were moved from one segment into another. Each segment is checked by itself, so one
//! of them misses an entry and another has a line too many; the leaf hash tells that it is one.

use std::collections::HashMap;

use crate::format::{Hash, Place};
use crate::read::report::{Finding, FindingId, Findings, Severity};
use crate::read::verify::outcome::Outcome;

/// Entries of each kind that a segment remembers.
const MOST: usize = 1024;

/// What a segment misses and what it has too many.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    /// Indexes and leaf hashes of entries that are not there.
    gone: Vec<(u64, Hash)>,
    /// Places and leaf hashes of lines that were not signed here.
    stray: Vec<(Place, Hash)>,
}

impl Strangers {
    pub(crate) fn gone(&mut self, first: u64, hashes: &[Hash]) {
        let room = MOST.saturating_sub(self.gone.len());
        self.gone.extend((first..).zip(hashes.iter().copied()).take(room));
    }

    pub(crate) fn stray(&mut self, place: Place, hash: Hash) {
        if self.stray.len() < MOST {
            self.stray.push((place, hash));
        }
    }
}

/// Makes one finding of two where a line that one segment misses stands in another.
pub(crate) fn match_up(outcomes: &mut [Outcome]) {
    let mut gone: HashMap<Hash, (usize, u64)> = HashMap::new();
    for (at, outcome) in outcomes.iter_mut().enumerate() {
        let entries = std::mem::take(&mut outcome.strangers.gone);
        gone.extend(entries.into_iter().map(|(index, hash)| (hash, (at, index))));
    }
    for at in 0..outcomes.len() {
        let here = outcomes.get_mut(at).map(|outcome| std::mem::take(&mut outcome.strangers.stray));
        for (place, hash) in here.unwrap_or_default() {
            // Once; the same line again was repeated.
            let Some((from, index)) = gone.remove(&hash) else { continue };
            let is_told = |outcome: &mut Outcome| moved_here(&mut outcome.findings, place, index);
            if outcomes.get_mut(at).is_some_and(is_told)
                && let Some(source) = outcomes.get_mut(from)
            {
                moved_away(&mut source.findings, index);
            }
        }
    }
}

/// The line at `place` is not foreign; false when the finding about it was one too many to keep.
fn moved_here(found: &mut Findings, place: Place, index: u64) -> bool {
    let is_it = |finding: &Finding| {
        let kinds = [FindingId::ForeignRecord, FindingId::RecordRepeated];
        finding.byte == Some(place.byte) && kinds.contains(&finding.id)
    };
    let Some(finding) = found.list.iter_mut().find(|finding| is_it(finding)) else { return false };
    let was = finding.id;
    let time = finding.time;
    let message = format!("record #{index} was moved here from another segment");
    *finding = Finding::new(FindingId::RecordsMoved, &finding.file, message).at(place).entry(index);
    finding.time = time;
    found.uncount(was, Severity::Error);
    found.count(FindingId::RecordsMoved, Severity::Error, 1);
    true
}

/// The entry `index` was not removed.
fn moved_away(found: &mut Findings, index: u64) {
    let is_it = |finding: &Finding| {
        let stretch = finding.first.zip(finding.last);
        finding.id == FindingId::RecordsRemoved
            && stretch.is_some_and(|(first, last)| (first..=last).contains(&index))
    };
    let Some(at) = found.list.iter().position(is_it) else { return };
    let finding = found.list.remove(at);
    found.uncount(finding.id, finding.severity);
    let (Some(first), Some(last)) = (finding.first, finding.last) else { return };
    // What was removed before it and behind it.
    let parts = [(first, index.checked_sub(1)), (index.saturating_add(1), Some(last))];
    for (first, last) in parts.into_iter().rev() {
        let Some(last) = last.filter(|last| first <= *last) else { continue };
        let message = format!("records missing before this line: {}", last - first + 1);
        let part = Finding { message, index: Some(first), ..finding.clone() };
        found.count(part.id, part.severity, 1);
        found.list.insert(at, part.stretch(first, last));
    }
}
