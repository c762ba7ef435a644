//! Finding out what happened to a stretch that does not fold to its signed root.
//!
//! `.hashes` is only a cache and anybody can change it. But when the leaf hashes in it fold, from
//! a frontier that was confirmed, to the signed roots, they are as good as signed. Then the lines
//! of the file are aligned with them one by one, as a diff does.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use crate::error::Result;
use crate::format::{Frontier, Hash};
use crate::read::files::Source;
use crate::read::verify::anchors::Pin;
use crate::read::verify::stops::{Stop, StopKind, Stops};

/// The most entries to align at once. With everything that hangs on them some 20 MiB.
pub(crate) const WINDOW: u64 = 1 << 18;
/// Lines that may have been put in without the alignment losing its hold.
pub(crate) const SLACK: usize = 1 << 16;
/// "Not among the expected".
pub(crate) const NONE: u32 = u32::MAX;

/// Leaf hashes that a signed root vouches for.
pub(crate) struct Expected {
    pub hashes: Vec<Hash>,
    /// Whether no signed root comes behind them.
    pub is_end: bool,
    /// The stops that they fold to.
    pub stops: Vec<Stop>,
    /// Pins among them, and whether they fit.
    pub pins: Vec<(usize, bool)>,
}

impl Expected {
    /// Reads the leaf hashes of the entries behind `from` up to `stop` and as far behind it as
    /// they still fold; none if they do not reach and fold to `stop`.
    pub(crate) fn read(
        path: &Path,
        first: u64,
        from: &Frontier,
        stop: Stop,
        stops: &mut Stops<'_>,
        contested: &[(usize, &Pin)],
    ) -> Result<Option<Self>> {
        let count = stop.size.saturating_sub(from.size());
        // A cache that cannot be opened is no cache; it is no fault of the log either.
        let Ok(Some(source)) = Source::open(path) else { return Ok(None) };
        if count == 0 || count > WINDOW {
            return Ok(None);
        }
        let mut source = std::io::BufReader::new(source.from((from.size() - first) * 32));
        let mut window =
            Self { hashes: Vec::new(), is_end: false, stops: Vec::new(), pins: Vec::new() };
        let mut tree = from.clone();
        let mut next = Some(stop);
        let (mut sure, mut sure_pins) = (0, 0);
        while let Some(stop) = next {
            if stop.size.saturating_sub(from.size()) > WINDOW
                || !window.fill(&mut source, &mut tree, stop, contested)
            {
                break;
            }
            let fits = tree.root() == stop.root;
            match stop.kind {
                StopKind::Pin(_) if fits || !window.stops.is_empty() => {}
                _ if !fits => break,
                _ => {}
            }
            if let StopKind::Pin(pin) = stop.kind {
                window.pins.push((pin, fits));
            }
            window.stops.push(stop);
            if fits {
                (sure, sure_pins) = (window.hashes.len(), window.pins.len());
            }
            stops.pop()?;
            next = stops.peek()?;
        }
        window.is_end = !stops.has_signed()?;
        window.hashes.truncate(sure);
        window.pins.truncate(sure_pins);
        Ok((sure > 0).then_some(window))
    }

    /// Reads on to the size of `stop`; contested pins on the way are decided.
    fn fill(
        &mut self,
        source: &mut impl Read,
        tree: &mut Frontier,
        stop: Stop,
        contested: &[(usize, &Pin)],
    ) -> bool {
        while tree.size() < stop.size {
            let mut hash = [0; 32];
            if source.read_exact(&mut hash).is_err() {
                return false;
            }
            tree.push(hash);
            self.hashes.push(hash);
            for (at, pin) in contested.iter().filter(|(_, pin)| pin.size == tree.size()) {
                self.pins.push((*at, pin.root == tree.root()));
            }
        }
        true
    }
}

/// Where each expected leaf stands.
pub(crate) struct Places<'e> {
    expected: &'e [Hash],
    by_prefix: HashMap<u64, u32>,
}

impl<'e> Places<'e> {
    pub(crate) fn of(expected: &'e [Hash]) -> Self {
        let key = |(place, hash): (usize, &Hash)| (prefix(hash), place as u32);
        Self { expected, by_prefix: expected.iter().enumerate().map(key).collect() }
    }

    /// The place of `hash`, or [`NONE`].
    pub(crate) fn find(&self, hash: &Hash) -> u32 {
        let place = self.by_prefix.get(&prefix(hash)).copied().unwrap_or(NONE);
        let fits = self.expected.get(place as usize) == Some(hash);
        if fits { place } else { NONE }
    }
}

fn prefix(hash: &Hash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Which lines stand in their order: the longest increasing run of their expected places.
pub(crate) struct Alignment {
    /// For each line its expected place, or [`NONE`].
    pub places: Vec<u32>,
    /// Line and place of those that stand in order.
    pub in_order: Vec<(u32, u32)>,
    /// For each expected place: is a line there in order, elsewhere, or not at all?
    pub fate: Vec<Fate>,
}

/// What became of an expected entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    InOrder,
    Moved,
    Gone,
}

impl Alignment {
    pub(crate) fn new(places: Vec<u32>, expected: usize) -> Self {
        // Patience sorting: `ends[n]` is the line that ends the best run of length n + 1.
        let mut ends: Vec<u32> = Vec::new();
        let mut before = vec![NONE; places.len()];
        let place = |line: u32| places.get(line as usize).copied().unwrap_or(NONE);
        for line in 0..places.len() as u32 {
            let here = place(line);
            if here == NONE {
                continue;
            }
            let length = ends.partition_point(|&end| place(end) < here);
            if let (Some(shorter), Some(slot)) =
                (length.checked_sub(1), before.get_mut(line as usize))
            {
                *slot = ends.get(shorter).copied().unwrap_or(NONE);
            }
            match ends.get_mut(length) {
                Some(end) => *end = line,
                None => ends.push(line),
            }
        }
        let mut in_order = Vec::with_capacity(ends.len());
        let mut line = ends.last().copied().unwrap_or(NONE);
        while line != NONE {
            in_order.push((line, place(line)));
            line = before.get(line as usize).copied().unwrap_or(NONE);
        }
        in_order.reverse();
        let mut fate = vec![Fate::Gone; expected];
        for &here in places.iter().filter(|&&here| here != NONE) {
            if let Some(fate) = fate.get_mut(here as usize) {
                *fate = Fate::Moved;
            }
        }
        for &(_, here) in &in_order {
            if let Some(fate) = fate.get_mut(here as usize) {
                *fate = Fate::InOrder;
            }
        }
        Self { places, in_order, fate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order(places: &[u32]) -> Vec<u32> {
        let alignment = Alignment::new(places.to_vec(), 10);
        alignment.in_order.iter().map(|(_, place)| *place).collect()
    }

    #[test]
    fn the_longest_run_in_order_is_kept() {
        assert_eq!(in_order(&[0, 1, 2]), [0, 1, 2]);
        assert_eq!(in_order(&[0, 5, 1, 2, 3]), [0, 1, 2, 3]);
        assert_eq!(in_order(&[NONE, 4, NONE, 4, 6]), [4, 6]);
        assert_eq!(in_order(&[9, 8, 7]).len(), 1);
        assert_eq!(in_order(&[NONE]), [0; 0]);
    }

    #[test]
    fn the_fate_of_every_expected_entry_is_known() {
        let alignment = Alignment::new(vec![0, 3, 1], 4);
        assert_eq!(alignment.fate, [Fate::InOrder, Fate::InOrder, Fate::Gone, Fate::Moved]);
    }
}
