//! The last records of a log, in bounded memory and without reading what lies before them: from
//! the end backwards, stretch by stretch, records are only counted until there are enough; from
//! there they are read forwards.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;

use fernlog::KeyId;
use fernlog::format::{Place, StoredRecord};
use fernlog::read::{Log, OpenedRecord, Order, Position};

use crate::damage::{Damages, Voice};
use crate::failure::Failure;
use crate::lines::Lines;
use crate::records::{Bounds, Each, End, Entry, Records, keep_all};
use crate::ui::Ui;

/// How much of a stream is kept for its last records.
const KEPT: usize = 16 << 20;

/// Bytes of lines that are counted at a time.
const STRETCH: u64 = 1 << 20;

/// Times that a compressed segment is decompressed from its beginning at most, or about that.
const PASSES: u64 = 8;

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
            let stopped =
                records.read(&mut lines, bounds, &mut damages, &keep_all, &mut |entry| {
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
    let here = log.segments().get(segment);
    let number = here.map_or(0, |segment| segment.number());
    // To come to the middle of a compressed file takes decompressing all before it.
    let packed = here.filter(|segment| segment.is_compressed());
    let packed = packed.and_then(|segment| segment.open().ok().flatten());
    let stretch = packed.map_or(STRETCH, |source| (source.len() / PASSES).max(STRETCH));
    let mut reader = log.reader_over(segment..segment + 1)?;
    let mut starts: Vec<Position> = Vec::new();
    while let Some(line) = reader.next_line()? {
        let due = |last: &Position| line.place.byte - last.place.byte >= stretch;
        if line.index.is_some() && starts.last().is_none_or(due) {
            starts.push(Position { segment: number, place: line.place, index: line.index });
        }
    }
    Ok(starts)
}

/// The last records of a stream, which cannot be read twice.
#[derive(Debug)]
pub(crate) struct Last {
    count: u64,
    bytes: usize,
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    place: Place,
    index: Option<u64>,
    time: u64,
    key: Option<KeyId>,
    order: Order,
    plaintext: Vec<u8>,
}

impl Last {
    /// Nothing is kept yet of the last `count`.
    pub(crate) fn new(count: u64) -> Self {
        Last { count, bytes: 0, kept: VecDeque::new() }
    }

    /// Takes the next record.
    ///
    /// # Errors
    ///
    /// So many do not fit in memory.
    pub(crate) fn push(&mut self, entry: &Entry<'_>) -> Result<(), Failure> {
        let OpenedRecord { time, key, order, plaintext, .. } = entry.record;
        let (place, index, plaintext) = (entry.place, entry.index, plaintext.to_vec());
        self.bytes += plaintext.len();
        self.kept.push_back(Kept { place, index, time, key, order, plaintext });
        if self.kept.len() as u64 > self.count {
            self.bytes -= self.kept.pop_front().map_or(0, |kept| kept.plaintext.len());
        }
        if self.bytes > KEPT {
            return Err(Failure::usage("so many last records of standard input need a file")
                .hint("read from the files of the log, where the end can be found"));
        }
        Ok(())
    }

    /// Hands over what is left.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub(crate) fn each(&self, each: &mut Each<'_>) -> Result<(), Failure> {
        for kept in &self.kept {
            let record = OpenedRecord {
                time: kept.time,
                plaintext: &kept.plaintext,
                record: StoredRecord::decode(&kept.plaintext),
                key: kept.key,
                order: kept.order,
            };
            let (place, index) = (kept.place, kept.index);
            if each(&Entry { file: Path::new("-"), place, index, record })?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
