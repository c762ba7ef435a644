//! What happens when the entries do not lead to a signed root.

use std::collections::HashMap;
use std::io::{BufReader, Read};

use crate::error::Result;
use crate::format::{Hash, Lines, MAX_LINE, Place, Scan};
use crate::read::files::Source;
use crate::read::report::{Check, Finding, FindingId, Severity};
use crate::read::verify::locate::Expected;
use crate::read::verify::segment::{BEGIN, Walk};
use crate::read::verify::sight::entry_hash;
use crate::read::verify::stops::Stop;

/// Lines behind the last checkpoint that are looked up; a writer makes one every 65,536 entries.
const MOST_BEHIND: usize = 1 << 16;

impl Walk<'_> {
    /// The entries do not lead to `stop`: finds out why, and goes on behind the damage.
    pub(crate) fn damage(&mut self, stop: Stop) -> Result<()> {
        self.out.checks().chain = Check::Fail;
        if self.sight.tally.is_utf16 || self.broken.is_some() {
            // Nothing in the file, or nothing behind this place, is what was signed, and one
            // finding says so.
            self.trusted = false;
            return Ok(());
        }
        // One at a time: this is what takes memory. A poisoned lock guards no data.
        let one = self.context.locating.lock();
        let (first, from) = (self.before.size(), &self.mark.tree);
        let path = self.segment.hashes_path();
        let window = Expected::read(path, first, from, stop, &mut self.stops, &self.contested)?;
        let explained = match window {
            Some(window) => self.explain(window)?,
            None => false,
        };
        drop(one);
        if !explained {
            self.give_up(stop);
        }
        Ok(())
    }

    /// The stretch up to `stop` cannot be explained from leaf hashes.
    fn give_up(&mut self, stop: Stop) {
        let is_header = self.header.is_some() && stop.size <= self.before.size().saturating_add(1);
        if is_header && self.can_restart {
            self.out.needs_start = true;
            return;
        }
        self.trusted = false;
        if is_header {
            self.header_changed("the header is not the one that the hand-over signs");
            return;
        }
        let missing = stop.size.saturating_sub(self.sight.tree.size());
        let found = self.sight.settle();
        // The content pass or the form of a line may have named the place already.
        let is_named = found.any(|_, severity| severity == Severity::Error);
        self.out.findings.absorb(found);
        if is_named || self.out.header_changed {
            return;
        }
        let (id, message) = if missing > 0 {
            (FindingId::RecordsRemoved, missing_among_signed(missing))
        } else {
            let message =
                format!("the entries are not those that size {} was signed with", stop.size);
            (FindingId::RootDiffers, message)
        };
        let finding = Finding::new(id, self.segment.path(), message).at(self.mark.place);
        let (first, last) = (self.mark.tree.size(), stop.size.saturating_sub(1));
        self.unexplained = Some(finding.stretch(first, last));
    }

    /// The header is not the right one, so the keys that it names do not count.
    pub(crate) fn header_changed(&mut self, wrong: &str) {
        if !std::mem::replace(&mut self.out.header_changed, true) {
            let finding = Finding::new(FindingId::HeaderChanged, self.segment.chain_path(), wrong);
            self.out.findings.push(finding.at(BEGIN).entry(self.before.size()));
        }
        self.out.checks().chain = Check::Fail;
        self.out.signer = None;
        self.stops.signers.segment = None;
        if self.out.missing_key.take().is_some() || self.sight.content.is_some() {
            self.choose_key(None);
        }
    }

    /// The index before `end` of an entry of this segment whose leaf hash is said to be `hash`:
    /// a hint from the cache, good enough to choose between two words.
    pub(crate) fn stands_before(&self, hash: &Hash, end: u64) -> Option<u64> {
        let mut source = BufReader::new(Source::open(self.segment.hashes_path()).ok()??);
        let mut leaf = [0; 32];
        for index in self.before.size()..end {
            source.read_exact(&mut leaf).ok()?;
            if leaf == *hash {
                return Some(index);
            }
        }
        None
    }

    /// Records that nothing covers yet have no signed place, but none may stand there twice. What
    /// stood before is looked up in the cache; with the key, `seq` tells in any case.
    pub(crate) fn repeated_behind(&mut self) {
        let Some(mut lines) = self.lines_from_mark() else { return };
        let mut index = self.mark.tree.size();
        let mut seen: HashMap<Hash, (Place, u64)> = HashMap::new();
        let mut found: Vec<(Place, u64)> = Vec::new();
        while let Ok(Some((place, scan))) = lines.next_line() {
            if matches!(scan, Scan::Tail(..)) || seen.len() >= MOST_BEHIND {
                break;
            }
            let hash = entry_hash(place, scan);
            match seen.get(&hash) {
                Some((_, first)) => found.push((place, *first)),
                None => drop(seen.insert(hash, (place, index))),
            }
            index += 1;
        }
        if let Ok(Some(source)) = Source::open(self.segment.hashes_path()) {
            let mut source = BufReader::new(source);
            let mut leaf = [0; 32];
            for index in self.before.size()..self.mark.tree.size() {
                if source.read_exact(&mut leaf).is_err() {
                    break;
                }
                found.extend(seen.get(&leaf).map(|(place, _)| (*place, index)));
            }
        }
        // The content pass may have named the same line.
        let named = |place: Place| {
            let at = |finding: &Finding| finding.byte == Some(place.byte);
            self.out.findings.list.iter().any(at)
        };
        found.retain(|(place, _)| !named(*place));
        for (place, index) in found {
            self.out.checks().chain = Check::Fail;
            let message = format!("record #{index} stands here again");
            let finding =
                Finding::new(FindingId::RecordRepeated, self.segment.path(), message).at(place);
            self.out.findings.push(finding.entry(index));
        }
    }

    /// Reads the lines again from the mark.
    pub(crate) fn lines_from_mark(&self) -> Option<Lines<Source>> {
        let place = self.mark.place;
        let source = self.source.as_ref()?.from(place.byte);
        Some(Lines::at(source, MAX_LINE, place))
    }
}

pub(crate) fn missing_among_signed(count: u64) -> String {
    format!("entries missing among those that were signed: {count}")
}
