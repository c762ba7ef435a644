//! Reading a damaged stretch again with the leaf hashes at hand that were signed: each line is
//! named for what it is, and the walk goes on behind the damage with a tree that counts.

use crate::error::{Error, Result};
use crate::format::{Hash, Lines, Place, Scan};
use crate::read::files::Source;
use crate::read::report::{Finding, FindingId};
use crate::read::verify::locate::{Alignment, Expected, Fate, NONE, Places, SLACK};
use crate::read::verify::segment::Walk;
use crate::read::verify::sight::entry_hash;
use crate::read::zst::apart;

/// Lines that are looked up among earlier entries, which reads the whole cache each time.
const LOOKUPS: u32 = 20;

impl Walk<'_> {
    /// Explains the stretch behind the mark; false if it cannot be done.
    pub(crate) fn explain(&mut self, window: Expected) -> Result<bool> {
        let Some((places, ended)) = self.places(&window.hashes)? else { return Ok(false) };
        let alignment = Alignment::new(places, window.hashes.len());
        let to_end = window.is_end && ended;
        if alignment.in_order.is_empty() && !to_end {
            self.stops.put_back(&window.stops);
            // The first of them is the one that did not fit.
            return Ok(false);
        }
        self.sight.go_back(&self.mark);
        let Some(mut lines) = self.lines_from_mark() else { return Ok(false) };
        let mut script = Script {
            window: &window,
            alignment,
            first: self.mark.tree.size(),
            expected: 0,
            line: 0,
            kept: 0,
            to_end,
            lookups: LOOKUPS,
        };
        script.play(self, &mut lines)?;
        if let Some(content) = &mut self.sight.content {
            content.expect(Some(self.sight.tree.size()));
        }

        self.lines = Some(lines);
        self.tail = None;
        self.sight.tally.span = None;
        let size = self.sight.tree.size();
        let behind = window.stops.partition_point(|stop| stop.size <= size);
        self.stops.put_back(window.stops.get(behind..).unwrap_or_default());
        self.settle();
        self.decide_pins(&window);
        Ok(true)
    }

    /// The expected place of each line behind the mark, and whether that is all of them.
    fn places(&self, expected: &[Hash]) -> Result<Option<(Vec<u32>, bool)>> {
        let index = Places::of(expected);
        let header = |hash| if expected.first() == Some(hash) { 0 } else { NONE };
        let mut places: Vec<u32> = self.header.iter().map(header).collect();
        let Some(mut lines) = self.lines_from_mark() else { return Ok(None) };
        let failed = |error| Error::io("read", self.segment.path())(error);
        while places.len() < expected.len() + SLACK {
            match apart(lines.next_line()).map_err(failed)? {
                Ok(None | Some((_, Scan::Tail(..)))) => return Ok(Some((places, true))),
                // What a damaged compressed file held behind this place was not removed.
                Err(_) => break,
                Ok(Some((place, scan))) => places.push(index.find(&entry_hash(place, scan))),
            }
        }
        Ok(Some((places, false)))
    }

    fn decide_pins(&mut self, window: &Expected) {
        let contested = std::mem::take(&mut self.contested);
        for &(at, fits) in &window.pins {
            match self.context.pins.list.get(at) {
                Some(_) if fits => self.out.pins.push((at, true)),
                Some(pin) => self.contradict(at, pin),
                None => {}
            }
        }
        let decided = |at| window.pins.iter().any(|(pin, _)| *pin == at);
        self.contested = contested.into_iter().filter(|(at, _)| !decided(*at)).collect();
    }
}

/// The alignment, played from its beginning.
struct Script<'w> {
    window: &'w Expected,
    alignment: Alignment,
    /// Index of the first expected entry.
    first: u64,
    /// The next expected entry.
    expected: usize,
    /// The next line, counted as in the alignment.
    line: usize,
    /// How many of the lines that stand in order were passed.
    kept: usize,
    /// Whether the lines end with the expected entries.
    to_end: bool,
    lookups: u32,
}

impl Script<'_> {
    fn play(&mut self, walk: &mut Walk<'_>, lines: &mut Lines<Source>) -> Result<()> {
        if let Some(hash) = walk.header {
            let stands = self.window.hashes.first() == Some(&hash);
            self.kept += usize::from(stands);
            if !stands {
                walk.header_changed("the header is not the one that was signed");
            }
            self.line = 1;
            self.push(walk);
            if let Some(content) = &mut walk.sight.content {
                content.expect(Some(self.first.saturating_add(1)));
            }
        }
        loop {
            let next = self.alignment.in_order.get(self.kept).copied();
            if next.is_none() && !self.to_end {
                return Ok(());
            }
            let place = lines.place();
            let is_known = self.place_of_line() != NONE;
            if next.is_none() && !is_known && self.next_gone(usize::MAX).is_none() {
                // Behind everything that was signed.
                self.removed(walk, self.window.hashes.len(), place);
                return Ok(());
            }
            let path = walk.segment.path();
            match lines.next_line().map_err(Error::io("read", path))? {
                None | Some((_, Scan::Tail(..))) => {
                    self.removed(walk, self.window.hashes.len(), place);
                    return Ok(());
                }
                Some((place, scan)) => self.line(walk, place, scan, next),
            }
            self.line += 1;
        }
    }

    fn line(&mut self, walk: &mut Walk<'_>, at: Place, scan: Scan<'_>, next: Option<(u32, u32)>) {
        match next {
            Some((line, place)) if line as usize == self.line => {
                self.removed(walk, place as usize, at);
                if let Some(content) = &mut walk.sight.content {
                    content.expect(Some(walk.sight.tree.size()));
                }
                walk.sight.line(at, scan);
                self.expected += 1;
                self.kept += 1;
            }
            next => {
                let limit = next.map_or(usize::MAX, |(_, place)| place as usize);
                self.stray(walk, at, scan, limit);
            }
        }
    }

    /// A line that does not stand in order.
    fn stray(&mut self, walk: &mut Walk<'_>, at: Place, scan: Scan<'_>, limit: usize) {
        let known = self.place_of_line();
        let index = self.first.saturating_add(u64::from(known));
        let fate = self.alignment.fate.get_mut(known as usize);
        let (id, index, message) = match fate {
            Some(fate @ Fate::Moved) => {
                // Once; the same line again is a repetition.
                *fate = Fate::InOrder;
                (FindingId::RecordsMoved, index, format!("record #{index} was moved here"))
            }
            Some(_) => {
                (FindingId::RecordRepeated, index, format!("record #{index} stands here again"))
            }
            None => match self.next_gone(limit) {
                Some(gone) => {
                    self.removed(walk, gone, at);
                    let index = self.first.saturating_add(gone as u64);
                    let message = "this is not the line that was signed here".to_owned();
                    (FindingId::RecordChanged, index, message)
                }
                None => {
                    walk.out.strangers.stray(at, entry_hash(at, scan));
                    self.put_in(walk, at, scan)
                }
            },
        };
        let time = walk.sight.stray(at, scan);
        if id == FindingId::RecordChanged {
            self.push(walk);
        }
        if let Some(content) = &mut walk.sight.content {
            content.watch.failed = true;
        }
        // A line that is no token has its finding already.
        if time.is_some() {
            let finding = Finding::new(id, walk.segment.path(), message);
            walk.sight.pending.push(finding.at(at).entry(index).time(time));
        }
    }

    /// A line that nobody signed for this stretch.
    fn put_in(
        &mut self,
        walk: &mut Walk<'_>,
        at: Place,
        scan: Scan<'_>,
    ) -> (FindingId, u64, String) {
        let here = walk.sight.tree.size();
        let said = match (scan, &mut walk.sight.content) {
            (Scan::Line(line), Some(content)) => content.seq_of(line),
            _ => None,
        };
        let earlier = said.filter(|seq| *seq < here).or_else(|| {
            self.lookups = self.lookups.checked_sub(1)?;
            walk.stands_before(&entry_hash(at, scan), here)
        });
        match earlier {
            Some(index) => {
                (FindingId::RecordRepeated, index, format!("record #{index} stands here again"))
            }
            None => (FindingId::ForeignRecord, here, "this log never signed this line".to_owned()),
        }
    }

    fn place_of_line(&self) -> u32 {
        self.alignment.places.get(self.line).copied().unwrap_or(NONE)
    }

    /// The next expected entry before `limit` that stands nowhere.
    fn next_gone(&self, limit: usize) -> Option<usize> {
        let fate = self.alignment.fate.get(self.expected..)?;
        let place = self.expected + fate.iter().position(|fate| *fate == Fate::Gone)?;
        (place < limit).then_some(place)
    }

    /// Goes on to the expected entry `to`; what is gone on the way was removed.
    fn removed(&mut self, walk: &mut Walk<'_>, to: usize, at: Place) {
        while self.expected < to {
            let Some(fate) = self.alignment.fate.get(self.expected..to) else { return };
            let gone = fate.iter().take_while(|fate| **fate == Fate::Gone).count();
            if gone > 0 {
                let first = walk.sight.tree.size();
                let last = first + gone as u64 - 1;
                let hashes = self.window.hashes.get(self.expected..self.expected + gone);
                walk.out.strangers.gone(first, hashes.unwrap_or_default());
                let message = format!("records missing before this line: {gone}");
                let finding = Finding::new(FindingId::RecordsRemoved, walk.segment.path(), message);
                walk.sight.pending.push(finding.at(at).entry(first).stretch(first, last));
                if let Some(content) = &mut walk.sight.content {
                    content.watch.failed = true;
                }
            }
            for _ in 0..gone.max(1) {
                self.push(walk);
            }
        }
    }

    /// Takes the next expected entry into the tree.
    fn push(&mut self, walk: &mut Walk<'_>) {
        if let Some(hash) = self.window.hashes.get(self.expected) {
            walk.sight.tree.push(*hash);
            self.expected += 1;
        }
    }
}
