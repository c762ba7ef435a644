//! Findings: what can be wrong with a log, each kind under an id that never changes its meaning.

use std::fmt;
use std::path::PathBuf;

use crate::format::{Place, UnixTime};
use crate::read::report::explain;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, nothing wrong.
    Note,
    /// Nothing is proven wrong, and somebody should look.
    Warning,
    /// Something is proven wrong, or cannot be decided.
    Error,
}

impl Severity {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $severity:ident;)*) => {
        /// The kinds of findings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingId {
            $($(#[$doc])* $name,)*
        }

        impl FindingId {
            /// All of them, in the order of their ids.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable id, such as `FL101`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The usual severity.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

ids! {
    /// FL101: a record was changed.
    RecordChanged = "FL101", Error;
    /// FL102: records were removed.
    RecordsRemoved = "FL102", Error;
    /// FL103: a record of another log was put in.
    ForeignRecord = "FL103", Error;
    /// FL104: records were moved.
    RecordsMoved = "FL104", Error;
    /// FL105: a record was repeated.
    RecordRepeated = "FL105", Error;
    /// FL106: a line is no canonical token.
    NotAToken = "FL106", Error;
    /// FL107: time runs backwards.
    TimeBackwards = "FL107", Warning;
    /// FL108: the end was replaced by tokens of an unannounced key.
    EndReplaced = "FL108", Error;
    /// FL109: a sealed field was moved or changed.
    SealedField = "FL109", Error;
    /// FL201: the signature of a checkpoint is bad.
    CheckpointSignature = "FL201", Error;
    /// FL202: the root differs from a checkpoint.
    RootDiffers = "FL202", Error;
    /// FL203: a header was changed or does not fold.
    HeaderChanged = "FL203", Error;
    /// FL204: a segment key is wrong or a hand-over is missing.
    SegmentKey = "FL204", Error;
    /// FL205: two signed checkpoints contradict each other.
    Fork = "FL205", Error;
    /// FL206: a checkpoint came later than promised.
    CheckpointLate = "FL206", Warning;
    /// FL207: a hand-over without the old segment key.
    UncleanHandOver = "FL207", Warning;
    /// FL301: the last line is incomplete.
    TornTail = "FL301", Warning;
    /// FL302: the log is shorter than an anchor says.
    ShorterThanAnchor = "FL302", Error;
    /// FL303: a segment is missing.
    SegmentMissing = "FL303", Error;
    /// FL304: a chain file is missing.
    ChainMissing = "FL304", Error;
    /// FL305: the log is shorter than at the last check.
    ShorterThanBefore = "FL305", Error;
    /// FL306: the file was saved by an editor or transferred as text.
    SavedAsText = "FL306", Error;
    /// FL307: bytes that are no record stand after the end.
    BytesAfterEnd = "FL307", Error;
    /// FL308: entries that no checkpoint covers yet.
    Uncovered = "FL308", Note;
    /// FL309: the writer lost records and said so.
    RecordsLost = "FL309", Warning;
    /// FL310: a compressed segment is damaged.
    CompressedDamaged = "FL310", Error;
    /// FL311: lines were deleted by the log's own retention.
    Pruned = "FL311", Note;
    /// FL401: no given key belongs here.
    NoKey = "FL401", Error;
    /// FL402: the key differs from the header's commitment.
    OtherKey = "FL402", Error;
    /// FL403: from here on another key is needed.
    KeyNeeded = "FL403", Error;
}

impl FindingId {
    /// The finding of this id, as in `FL101`.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|finding| finding.id().eq_ignore_ascii_case(id))
    }

    /// A few words that say what it is.
    #[must_use]
    pub const fn title(self) -> &'static str {
        explain::of(self).title
    }

    /// What most likely led to it, in one sentence.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        explain::of(self).cause
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub const fn next(self) -> &'static str {
        explain::of(self).next
    }

    /// A paragraph: what it means, the likely cause, what to do.
    #[must_use]
    pub fn explain(self) -> String {
        let text = explain::of(self);
        format!("{} Likely cause: {}. Next: {}.", text.meaning, text.cause, text.next)
    }

    /// Whether it is about the form of the lines, not about what was signed.
    pub(crate) const fn is_about_form(self) -> bool {
        matches!(
            self,
            Self::NotAToken | Self::SavedAsText | Self::BytesAfterEnd | Self::CompressedDamaged
        )
    }

    /// Whether it proves that the log is not what was written, when it is an error.
    pub(crate) const fn is_tampering(self) -> bool {
        !matches!(self, Self::NoKey | Self::OtherKey | Self::KeyNeeded)
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub id: FindingId,
    /// How much it weighs here.
    pub severity: Severity,
    /// The file that shows it.
    pub file: PathBuf,
    /// Line in the file, from 1.
    pub line: Option<u64>,
    /// Offset in the file, from 0.
    pub byte: Option<u64>,
    /// Index of the entry.
    pub index: Option<u64>,
    /// Clear time of the record.
    pub time: Option<UnixTime>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What most likely led to it.
    pub cause: String,
    /// What to do next.
    pub next: String,
    /// The first entry of the stretch in which the change lies.
    pub first: Option<u64>,
    /// The last entry of that stretch.
    pub last: Option<u64>,
}

impl Finding {
    /// A finding about a whole file.
    pub(crate) fn new(id: FindingId, file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self {
            id,
            severity: id.severity(),
            file: file.into(),
            line: None,
            byte: None,
            index: None,
            time: None,
            message: message.into(),
            cause: id.cause().to_owned(),
            next: id.next().to_owned(),
            first: None,
            last: None,
        }
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        (self.line, self.byte) = (Some(place.line), Some(place.byte));
        self
    }

    /// The entry it is about.
    pub(crate) fn entry(self, index: u64) -> Self {
        Self { index: Some(index), ..self.stretch(index, index) }
    }

    pub(crate) fn stretch(mut self, first: u64, last: u64) -> Self {
        (self.first, self.last) = (Some(first), Some(last));
        self
    }

    pub(crate) fn time(mut self, seconds: Option<u64>) -> Self {
        self.time = seconds.map(UnixTime::from_token);
        self
    }

    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// Findings up to a limit. The rest is counted: a hostile file must not fill the memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub list: Vec<Finding>,
    pub counts: Vec<(FindingId, Severity, u64)>,
    most: usize,
}

impl Findings {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        self.count(finding.id, finding.severity, 1);
        self.keep(finding);
    }

    pub(crate) fn limit(&self) -> usize {
        self.most
    }

    /// Whether one more of `severity` would be kept; if not, [`Findings::count`] is enough.
    pub(crate) fn has_room(&self, severity: Severity) -> bool {
        self.list.len() < self.most || self.list.iter().any(|kept| kept.severity < severity)
    }

    pub(crate) fn count(&mut self, id: FindingId, severity: Severity, more: u64) {
        match self.counts.iter_mut().find(|(i, s, _)| (*i, *s) == (id, severity)) {
            Some((_, _, count)) => *count += more,
            None => self.counts.push((id, severity, more)),
        }
    }

    /// Takes back one that was counted.
    pub(crate) fn uncount(&mut self, id: FindingId, severity: Severity) {
        if let Some((_, _, count)) =
            self.counts.iter_mut().find(|(i, s, _)| (*i, *s) == (id, severity))
        {
            *count = count.saturating_sub(1);
        }
        self.counts.retain(|(_, _, count)| *count > 0);
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        for (id, severity, count) in other.counts {
            self.count(id, severity, count);
        }
        other.list.into_iter().for_each(|finding| self.keep(finding));
    }

    fn keep(&mut self, finding: Finding) {
        if self.list.len() >= self.most {
            // An error is never crowded out by warnings.
            match self.list.iter().rposition(|kept| kept.severity < finding.severity) {
                Some(place) => drop(self.list.remove(place)),
                None => return,
            }
        }
        self.list.push(finding);
    }

    pub(crate) fn any(&self, matches: impl Fn(FindingId, Severity) -> bool) -> bool {
        self.counts.iter().any(|(id, severity, _)| matches(*id, *severity))
    }

    pub(crate) fn has(&self, id: FindingId) -> bool {
        self.any(|found, _| found == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_found_by_their_text() {
        for id in FindingId::ALL {
            assert_eq!(FindingId::from_id(id.id()), Some(*id));
            assert!(!id.title().is_empty() && id.explain().ends_with('.'));
        }
        let mut texts: Vec<_> = FindingId::ALL.iter().map(|id| id.id()).collect();
        texts.dedup();
        assert_eq!(texts.len(), 30);
        assert!(texts.is_sorted());
    }

    #[test]
    fn errors_are_kept_before_warnings_and_all_are_counted() {
        let mut findings = Findings::new(2);
        for id in [FindingId::TimeBackwards; 3] {
            findings.push(Finding::new(id, "f", "m"));
        }
        findings.push(Finding::new(FindingId::NotAToken, "f", "m"));
        let kept: Vec<_> = findings.list.iter().map(|f| f.id).collect();
        assert_eq!(kept, [FindingId::TimeBackwards, FindingId::NotAToken]);
        let backwards = (FindingId::TimeBackwards, Severity::Warning, 3);
        assert_eq!(findings.counts, [backwards, (FindingId::NotAToken, Severity::Error, 1)]);
    }
}
