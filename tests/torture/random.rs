//! Seeded randomness: a run is told by its seed, a case by seed, stage and number.

use std::ops::Range;

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of one case.
    pub(crate) fn of_case(seed: u64, stage: &str, case: u64) -> Self {
        let mut state = seed;
        for byte in stage.bytes().map(u64::from).chain([case]) {
            state = Self(state ^ byte).next();
        }
        Self(state)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.within(0..from.len() as u64) as usize]
    }

    /// Text of one line; mostly short, now and then of several pages.
    pub(crate) fn text(&mut self) -> String {
        let length = match self.within(0..100) {
            0 => self.within(4000..40_000),
            1..=9 => self.within(200..4000),
            _ => self.within(0..200),
        };
        let mut text = String::with_capacity(length as usize);
        for _ in 0..length {
            text.push(char::from(b' ' + (self.next() % 95) as u8));
        }
        text
    }
}
