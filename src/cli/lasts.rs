//! The last records of a log, in bounded memory and without reading what lies before them: from
//! the end backwards, stretch by stretch, records are only counted until there are enough; from
//! there they are read forwards.

use std::ops::ControlFlow;

use fernlog::format::Place;
use fernlog::read::{Log, Position};

use crate::damage::{Damages, Voice};
use crate::failure::Failure;
use crate::lines::Lines;
use crate::records::{Bounds, End, Entry, Records};
use crate::ui::Ui;

/// Bytes of lines that are counted at a time.
const STRETCH: u64 = 1 << 20;

/// Where to begin reading, and how many of the wanted records there are to be passed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// The first line to read; the beginning of the log if there is none.
    pub(crate) position: Option<Position>,
    /// Wanted records behind it that do not belong to the last ones.
    pub(crate) skip: u64,
}

/// Finds where the last `count` records that `wanted` keeps begin. `None` after Ctrl-C.
///
/// # Errors
///
/// The files cannot be read.
pub(crate) fn find(
    log: &Log,
    records: &mut Records<'_>,
    bounds: Bounds,
    count: u64,
    wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    ui: &Ui,
) -> Result<Option<Start>, Failure> {
    let mut found = 0;
    for segment in (0..log.segments().len()).rev() {
        let starts = stretches(log, segment)?;
        for (place, position) in starts.iter().enumerate().rev() {
            let end = starts.get(place + 1).copied().unwrap_or(behind(position));
            // Told when the stretch is read for good.
            let mut damages = Damages::new(ui, Voice::Silent);
            let mut lines = Lines::from(log, *position)?;
            let bounds = Bounds { end: Some(end), ..bounds };
            let stopped = records.read(&mut lines, bounds, &mut damages, &mut |entry| {
                found += u64::from(wanted(entry));
                Ok(ControlFlow::Continue(()))
            })?;
            if stopped == End::Interrupted {
                return Ok(None);
            }
            if found >= count {
                return Ok(Some(Start { position: Some(*position), skip: found - count }));
            }
        }
    }
    Ok(Some(Start { position: None, skip: 0 }))
}

/// The position behind the segment.
fn behind(position: &Position) -> Position {
    let segment = position.segment.saturating_add(1);
    Position { segment, place: Place { line: 1, byte: 0 }, index: None }
}

/// The positions at which the stretches of a segment begin.
fn stretches(log: &Log, segment: usize) -> Result<Vec<Position>, Failure> {
    let number = log.segments().get(segment).map_or(0, |segment| segment.number());
    let mut reader = log.reader_over(segment..segment + 1)?;
    let mut starts: Vec<Position> = Vec::new();
    while let Some(line) = reader.next_line()? {
        let due = |last: &Position| line.place.byte - last.place.byte >= STRETCH;
        if line.index.is_some() && starts.last().is_none_or(due) {
            starts.push(Position { segment: number, place: line.place, index: line.index });
        }
    }
    Ok(starts)
}
