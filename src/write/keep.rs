//! Which closed segments retention deletes. Pure: what is there goes in, how many of the oldest go
//! comes out.

use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::format::UnixTime;
use crate::write::schedule::{interval, refused};

/// What a log keeps of its closed segments. At every roll the oldest ones that are over a limit are
/// deleted: their lines go, their chains stay, and the header of the segment that begins says which
/// they were. The segment that was closed last always stays.
///
/// Nothing happens between rolls, and a segment is never split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    segments: Option<u64>,
    age: Option<Duration>,
    bytes: Option<u64>,
}

/// What is known about a closed segment that still has lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClosedSegment {
    pub(super) number: u64,
    /// Bytes of the files that would be deleted.
    pub(super) bytes: u64,
    /// When the segment behind it began, as that one's header says; none if it cannot be read.
    pub(super) closed: Option<UnixTime>,
}

/// The segment that is about to close, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) bytes: u64,
    /// The time in its header.
    pub(super) began: UnixTime,
    pub(super) now: UnixTime,
}

impl Keep {
    const ALL: Self = Self { segments: None, age: None, bytes: None };

    /// At most so many closed segments.
    #[must_use]
    pub fn segments(count: u64) -> Self {
        Self { segments: Some(count), ..Self::ALL }
    }

    /// Segments that were closed no longer ago than this.
    ///
    /// So that one jump of the clock does not empty a log, the age counts up to the beginning of
    /// the segment that closes, if that is earlier than now; and one roll deletes no more than an
    /// eighth of the closed segments for their age alone, but up to two of them. What is left is
    /// deleted at the following rolls.
    #[must_use]
    pub fn age(age: Duration) -> Self {
        Self { age: Some(age), ..Self::ALL }
    }

    /// At most so many bytes of closed segments. The active segment comes on top.
    #[must_use]
    pub fn bytes(bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..Self::ALL }
    }

    /// Both limits hold: what is over either of them goes.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            segments: lower(self.segments, other.segments),
            age: lower(self.age, other.age),
            bytes: lower(self.bytes, other.bytes),
        }
    }

    /// Refuses what cannot work in a log that rolls at `roll_size` bytes.
    pub(super) fn check(&self, roll_size: Option<u64>) -> Result<()> {
        let refuse = |what| Err(Error::Setting { what });
        if self.segments == Some(0) {
            return refuse("retention of 0 segments: the one that was closed last always stays");
        }
        if self.age.is_some_and(|age| age.is_zero()) {
            return refuse("retention of no time at all keeps nothing");
        }
        match (self.bytes, roll_size) {
            (Some(0), _) => refuse("retention of 0 bytes keeps nothing"),
            (Some(bytes), Some(size)) if bytes < size => {
                refuse("retention smaller than one segment: it must have at least the roll size")
            }
            _ => Ok(()),
        }
    }

    /// Whether the sizes of segments matter.
    pub(super) fn counts_bytes(&self) -> bool {
        self.bytes.is_some()
    }

    /// How many of `closed`, which stand in the order of the log, go when `closing` closes.
    pub(super) fn excess(&self, closed: &[ClosedSegment], closing: Closing) -> usize {
        let over_count = self.over_count(closed.len());
        over_count.max(self.over_bytes(closed, closing.bytes)).max(self.over_age(closed, closing))
    }

    fn over_count(&self, closed: usize) -> usize {
        // The one that closes is the first to be kept.
        let kept = self.segments.map(|count| usize::try_from(count).unwrap_or(usize::MAX) - 1);
        kept.map_or(0, |kept| closed.saturating_sub(kept))
    }

    fn over_bytes(&self, closed: &[ClosedSegment], closing: u64) -> usize {
        let Some(most) = self.bytes else { return 0 };
        let mut kept = closing;
        let fits = |segment: &&ClosedSegment| {
            kept = kept.saturating_add(segment.bytes);
            kept <= most
        };
        closed.len() - closed.iter().rev().take_while(fits).count()
    }

    fn over_age(&self, closed: &[ClosedSegment], Closing { began, now, .. }: Closing) -> usize {
        let Some(age) = self.age else { return 0 };
        // A clock that jumped ahead while this segment was written is not believed yet.
        let reference = began.min(now);
        let mut newest: Option<UnixTime> = None;
        let mut old = 0;
        for (place, segment) in closed.iter().enumerate() {
            // A time that is still to come was written by a wrong clock. Such a segment goes with
            // the next one whose time can be right.
            let Some(time) = segment.closed.filter(|time| *time <= reference) else { continue };
            // Closed after all before it, whatever a clock said that had gone back.
            let time = newest.map_or(time, |newest| newest.max(time));
            newest = Some(time);
            if time.after(age) >= reference {
                break;
            }
            old = place + 1;
        }
        old.min((closed.len() / 8).max(2))
    }
}

fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

const UNDERSTOOD: &str = "understood are 30 (segments), 12h, 90d or 8w (age), and 500M, 10G or 1T \
                          (total size)";

impl FromStr for Keep {
    type Err = Error;

    /// Reads a number of segments (`30`), an age (`12h`, `90d`, `8w`) or a total size (`500M`,
    /// `10G`; powers of 1024). The small `m` is refused: it could mean minutes or megabytes.
    fn from_str(text: &str) -> Result<Self> {
        let unknown = || refused(text, UNDERSTOOD);
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self::segments).map_err(|_| unknown());
        }
        let (count, unit) = interval(text).ok_or_else(unknown)?;
        let (factor, kind): (u64, fn(u64) -> Self) = match unit {
            'h' => (3600, |seconds| Self::age(Duration::from_secs(seconds))),
            'd' => (86_400, |seconds| Self::age(Duration::from_secs(seconds))),
            'w' => (604_800, |seconds| Self::age(Duration::from_secs(seconds))),
            'K' => (1 << 10, Self::bytes),
            'M' => (1 << 20, Self::bytes),
            'G' => (1 << 30, Self::bytes),
            'T' => (1 << 40, Self::bytes),
            _ => return Err(unknown()),
        };
        count.checked_mul(factor).map(kind).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn day(number: i64) -> UnixTime {
        UnixTime::new(number * DAY, 0)
    }

    /// Segments of 100 bytes that were closed on these days.
    fn closed(days: &[i64]) -> Vec<ClosedSegment> {
        let segment = |(number, at): (usize, &i64)| ClosedSegment {
            number: number as u64,
            bytes: 100,
            closed: Some(day(*at)),
        };
        days.iter().enumerate().map(segment).collect()
    }

    /// The segment that closes holds 100 bytes as well and is one day long.
    fn closing(now: i64) -> Closing {
        Closing { bytes: 100, began: day(now - 1), now: day(now) }
    }

    fn days(count: u64) -> Keep {
        Keep::age(Duration::from_secs(count * 86_400))
    }

    #[test]
    fn the_count_includes_the_segment_that_closes() {
        let three = closed(&[1, 2, 3]);
        assert_eq!(Keep::segments(5).excess(&three, closing(4)), 0);
        assert_eq!(Keep::segments(4).excess(&three, closing(4)), 0);
        assert_eq!(Keep::segments(3).excess(&three, closing(4)), 1);
        assert_eq!(Keep::segments(1).excess(&three, closing(4)), 3);
        assert_eq!(Keep::segments(u64::MAX).excess(&three, closing(4)), 0);
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let three = closed(&[1, 2, 3]);
        assert_eq!(Keep::bytes(400).excess(&three, closing(4)), 0);
        assert_eq!(Keep::bytes(399).excess(&three, closing(4)), 1);
        assert_eq!(Keep::bytes(200).excess(&three, closing(4)), 2);
        // The one that closes stays, whatever its size.
        assert_eq!(Keep::bytes(50).excess(&three, closing(4)), 3);
    }

    #[test]
    fn a_small_old_segment_does_not_stay_behind_a_large_one() {
        let mut three = closed(&[1, 2, 3]);
        three[1].bytes = 10_000;
        three[0].bytes = 1;
        assert_eq!(Keep::bytes(1000).excess(&three, closing(4)), 2);
    }

    #[test]
    fn what_is_older_goes() {
        let segments = closed(&[1, 2, 3, 4]);
        // Counted up to the beginning of the segment that closes, day 92.
        assert_eq!(days(90).excess(&segments, closing(93)), 1);
        assert_eq!(days(91).excess(&segments, closing(93)), 0);
        assert_eq!(days(89).excess(&segments, closing(93)), 2);
    }

    #[test]
    fn either_limit_counts() {
        let segments = closed(&[1, 2, 3, 4]);
        let keep = Keep::segments(4).and(days(89));
        assert_eq!(keep.excess(&segments, closing(93)), 2);
        assert_eq!(keep.and(Keep::bytes(200)).excess(&segments, closing(93)), 3);
        assert_eq!(Keep::segments(4).and(Keep::segments(9)), Keep::segments(4));
    }

    #[test]
    fn a_clock_that_jumps_ahead_deletes_nothing_at_the_roll_it_causes() {
        let segments = closed(&(1..=80).collect::<Vec<_>>());
        let jumped = Closing { bytes: 100, began: day(80), now: day(5000) };
        assert_eq!(days(90).excess(&segments, jumped), 0);
    }

    #[test]
    fn a_clock_that_stays_ahead_deletes_little_at_a_time() {
        let mut segments = closed(&(1..=80).collect::<Vec<_>>());
        segments.extend(closed(&[5000]));
        assert_eq!(days(90).excess(&segments, closing(5001)), 10);
        assert_eq!(days(90).excess(&closed(&[1, 2, 3, 4]), closing(5001)), 2);
    }

    #[test]
    fn old_segments_that_are_many_all_go_in_the_end() {
        let mut segments = closed(&(1..=1000).collect::<Vec<_>>());
        let mut rolls = 0;
        while segments[0].closed < Some(day(909)) {
            let excess = days(90).excess(&segments, closing(1000));
            assert!(excess > 0);
            segments.drain(..excess);
            rolls += 1;
        }
        assert!(rolls < 25, "{rolls}");
    }

    #[test]
    fn a_time_to_come_holds_nothing_back() {
        // Segment 1 was closed under a clock that was years ahead.
        let segments = closed(&[1, 5000, 2, 3, 99]);
        assert_eq!(days(90).excess(&segments[..3], closing(93)), 1);
        assert_eq!(days(90).excess(&segments, closing(96)), 2);
        assert_eq!(Keep::ALL.and(days(90)).excess(&closed(&[5000, 5001]), closing(99)), 0);
    }

    #[test]
    fn a_clock_that_went_back_makes_nothing_older() {
        // Segment 2 was closed after a boot without a clock, in 1970.
        let segments = closed(&[50, 60, 0, 70]);
        assert_eq!(days(30).excess(&segments, closing(82)), 1);
        // It is as old as the one before it.
        assert_eq!(days(20).excess(&segments[1..], closing(82)), 2);
    }

    #[test]
    fn a_segment_without_a_time_goes_with_the_next_one() {
        let mut segments = closed(&[1, 2, 3]);
        segments[0].closed = None;
        assert_eq!(days(89).excess(&segments[..1], closing(93)), 0);
        assert_eq!(days(89).excess(&segments, closing(93)), 2);
    }

    #[test]
    fn the_last_second_of_the_calendar_is_an_age_too() {
        let now = UnixTime::new(i64::MAX, 0);
        let closing = Closing { bytes: 0, began: now, now };
        assert_eq!(Keep::age(Duration::MAX).excess(&closed(&[1]), closing), 0);
        assert_eq!(days(1).excess(&closed(&[1]), closing), 1);
    }

    #[test]
    fn settings_that_keep_nothing_are_refused() {
        let why = |keep: Keep, size| keep.check(size).unwrap_err().to_string();
        assert!(why(Keep::segments(0), None).contains("0 segments"));
        assert!(why(Keep::age(Duration::ZERO), None).contains("no time"));
        assert!(why(Keep::bytes(0), None).contains("0 bytes"));
        let small = why(Keep::segments(9).and(Keep::bytes(99)), Some(100));
        assert!(small.contains("smaller than one segment"), "{small}");
        assert!(Keep::bytes(100).check(Some(100)).is_ok());
        assert!(Keep::bytes(1).check(None).is_ok());
    }

    #[test]
    fn words_say_what_is_kept() {
        for (text, keep) in [
            ("30", Keep::segments(30)),
            ("12h", Keep::age(Duration::from_secs(43_200))),
            ("90d", days(90)),
            ("8w", days(56)),
            ("500M", Keep::bytes(500 << 20)),
            ("10G", Keep::bytes(10 << 30)),
            ("1T", Keep::bytes(1 << 40)),
        ] {
            assert_eq!(text.parse::<Keep>().unwrap(), keep, "{text}");
        }
    }

    #[test]
    fn words_that_could_mean_something_else_are_refused() {
        for text in ["", "d", "-1", "+1", "90m", "10g", "1.5G", "10GB", "30s", "1y", "\u{e9}"] {
            let error = text.parse::<Keep>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("'{text}': understood are")), "{error}");
        }
        for text in ["99999999999999999999", "99999999999999999T", "9999999999999999999w"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }
}
