//! What a reader says about lines that the log's own retention deleted: they are no damage, and
//! nobody should take what is left for all there was.

use fernlog::read::Log;

use crate::escape;
use crate::index::{self, IndexRange};
use crate::ui::Ui;

/// Neighbouring segments whose lines are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    /// Numbers of the first and the last of them.
    segments: (u64, u64),
    /// Index of their first entry.
    start: u64,
    /// Index of the entry behind them, if that is known.
    end: Option<u64>,
}

/// All stretches of a log that are gone.
pub(crate) fn gone(log: &Log) -> Vec<Gone> {
    let segments = log.segments();
    let mut found: Vec<Gone> = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        let Some(start) = segment.first().filter(|_| segment.is_pruned()) else { continue };
        let number = segment.number();
        let end = segments.get(at + 1).and_then(|next| next.first());
        match found.last_mut() {
            Some(last) if last.segments.1.checked_add(1) == Some(number) => {
                (last.segments.1, last.end) = (number, end);
            }
            _ => found.push(Gone { segments: (number, number), start, end }),
        }
    }
    found
}

/// Says once for each stretch that lies in `range` and not before the segment `from`, that it is
/// gone.
pub(crate) fn tell(log: &Log, range: IndexRange, from: u64, ui: &Ui) {
    let name = escape::path(&log.path().active()).into_owned();
    for gone in gone(log) {
        if gone.overlaps(range) && gone.segments.1 >= from {
            let _ = ui.out().flush();
            ui.note(&format!("{name}: {}", gone.sentence()));
        }
    }
}

impl Gone {
    /// Whether an index of the range is among its entries.
    pub(crate) fn overlaps(&self, range: IndexRange) -> bool {
        range.end.is_none_or(|end| self.start < end) && self.end.is_none_or(|end| range.start < end)
    }

    /// That it is gone.
    pub(crate) fn sentence(&self) -> String {
        let segments = match self.segments {
            (first, last) if first == last => format!("segment {first}"),
            (first, last) => format!("segments {first} to {last}"),
        };
        let last = self.end.and_then(|end| end.checked_sub(1));
        let entries = last.map_or_else(String::new, |last| {
            format!(", {} to {},", index::show(self.start), index::show(last))
        });
        format!("the lines of {segments}{entries} were deleted by the log's retention")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_told_for_a_range_that_reaches_into_it() {
        let gone = Gone { segments: (0, 1), start: 0, end: Some(15) };
        assert_eq!(
            gone.sentence(),
            "the lines of segments 0 to 1, #0 to #14, were deleted by the log's retention"
        );
        let range = |start, end| IndexRange { start, end };
        assert!(gone.overlaps(IndexRange::ALL) && gone.overlaps(range(14, Some(20))));
        assert!(!gone.overlaps(range(15, None)));
        let later = Gone { segments: (2, 2), start: 15, end: None };
        assert!(!later.overlaps(range(3, Some(15))) && later.overlaps(range(99, None)));
        assert_eq!(later.sentence(), "the lines of segment 2 were deleted by the log's retention");
    }
}
