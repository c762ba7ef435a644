//! When the next segment begins. Pure: sizes and times in, an answer out.

use crate::format::UnixTime;
use crate::write::schedule::Schedule;

/// When a log rolls by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RollPolicy {
    /// Bytes after which a segment ends; none: never by size.
    pub(super) size: Option<u64>,
    /// Times at which a segment ends; none: never by time.
    pub(super) schedule: Option<Schedule>,
}

/// When the active segment ends by time. The default is that of a segment that begins with its
/// first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deadline {
    /// None when the schedule has no boundary any more.
    at: Option<UnixTime>,
    /// The latest time that was seen while the segment was written; none before its first line.
    latest: Option<UnixTime>,
}

impl RollPolicy {
    /// Whether a segment that holds `bytes` bytes ends before a line of `line` bytes.
    ///
    /// A segment without lines never ends: one line over the size has a segment of its own.
    pub(super) fn due(&self, bytes: u64, line: u64) -> bool {
        self.size.is_some_and(|size| bytes > 0 && bytes.saturating_add(line) > size)
    }

    /// The deadline of a segment that began at `began`, seen at `now`, which may be much later.
    pub(super) fn deadline(&self, began: UnixTime, now: UnixTime) -> Deadline {
        let boundary = |after| {
            let next = self.schedule.as_ref()?.next(after);
            (next > after).then_some(next)
        };
        // The clock may have gone back since; then it counts from now.
        let at = boundary(began.min(now));
        Deadline { at, latest: Some(began) }
    }

    /// Whether the segment ends at `now`, or its deadline has to be looked at.
    ///
    /// A clock that was set back by more than a period ends it too: the deadline is a time of
    /// another clock, and could be years away. One that jumped ahead ends it once, because the next
    /// segment begins at the new time.
    pub(super) fn is_over(&self, deadline: Deadline, now: UnixTime) -> bool {
        let Some(schedule) = &self.schedule else { return false };
        let Some(latest) = deadline.latest else { return true };
        deadline.at.is_some_and(|at| now >= at) || (now < latest && schedule.next(now) < latest)
    }

    /// The deadline after a look at `now`: that of a segment without lines, which does not end,
    /// moves on to the next boundary.
    pub(super) fn seen(&self, deadline: Deadline, now: UnixTime, bytes: u64) -> Deadline {
        match deadline.latest {
            Some(latest) if bytes > 0 || !self.is_over(deadline, now) => {
                Deadline { latest: Some(latest.max(now)), ..deadline }
            }
            _ => self.deadline(now, now),
        }
    }
}

/// Why a segment ended, as the next header says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Key,
    Request,
    Restart,
    Size,
    Time,
}

impl Reason {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Request => "request",
            Self::Restart => "restart",
            Self::Size => "size",
            Self::Time => "time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_size(bytes: u64) -> RollPolicy {
        RollPolicy { size: Some(bytes), ..RollPolicy::default() }
    }

    fn by_time(text: &str) -> RollPolicy {
        RollPolicy { schedule: Some(text.parse().unwrap()), ..RollPolicy::default() }
    }

    fn time(text: &str) -> UnixTime {
        text.parse().unwrap()
    }

    /// A segment that holds lines, written from one time to another.
    struct Segment {
        policy: RollPolicy,
        deadline: Deadline,
    }

    impl Segment {
        fn began(schedule: &str, at: &str) -> Self {
            let policy = by_time(schedule);
            Self { deadline: policy.deadline(time(at), time(at)), policy }
        }

        fn opened(schedule: &str, began: &str, now: &str) -> Self {
            let policy = by_time(schedule);
            Self { deadline: policy.deadline(time(began), time(now)), policy }
        }

        /// Looks as the writer does, and begins the next segment when this one is over.
        fn rolls(&mut self, now: &str) -> bool {
            let over = self.policy.is_over(self.deadline, time(now));
            self.deadline = match over {
                true => self.policy.deadline(time(now), time(now)),
                false => self.policy.seen(self.deadline, time(now), 100),
            };
            over
        }
    }

    #[test]
    fn a_line_that_would_pass_the_size_begins_a_segment() {
        assert!(!by_size(100).due(60, 40));
        assert!(by_size(100).due(60, 41));
    }

    #[test]
    fn an_empty_segment_takes_a_line_of_any_size() {
        assert!(!by_size(100).due(0, 5000));
    }

    #[test]
    fn without_a_size_nothing_rolls() {
        assert!(!RollPolicy::default().due(u64::MAX, u64::MAX));
        let never = RollPolicy::default();
        assert!(!never.is_over(Deadline::default(), UnixTime::new(i64::MAX, 0)));
    }

    #[test]
    fn it_rolls_at_the_boundary_and_not_before() {
        let mut segment = Segment::began("midnight", "2026-11-22T10:00:00Z");
        assert!(!segment.rolls("2026-11-22T23:59:59.999999999Z"));
        assert!(segment.rolls("2026-11-23T00:00:00Z"));
        assert!(!segment.rolls("2026-11-23T00:00:01Z"));
    }

    #[test]
    fn a_restart_goes_on_with_the_same_deadline() {
        let began = "2026-11-22T10:00:00Z";
        assert!(
            !Segment::opened("1h", began, "2026-11-22T10:50:00Z").rolls("2026-11-22T10:59:00Z")
        );
        assert!(Segment::opened("1h", began, "2026-11-22T10:50:00Z").rolls("2026-11-22T11:00:00Z"));
        // The boundary passed while nothing ran.
        assert!(Segment::opened("1h", began, "2026-11-22T18:00:00Z").rolls("2026-11-22T18:00:00Z"));
    }

    #[test]
    fn a_clock_that_jumps_ahead_rolls_once() {
        let mut segment = Segment::began("1h", "2026-11-22T10:00:00Z");
        assert!(segment.rolls("2031-01-01T00:00:00Z"));
        assert!(!segment.rolls("2031-01-01T00:00:01Z"));
        assert!(segment.rolls("2031-01-01T01:00:00Z"));
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_delays_by_that() {
        let mut segment = Segment::began("1h", "2026-11-22T10:00:00Z");
        assert!(!segment.rolls("2026-11-22T10:59:00Z"));
        assert!(!segment.rolls("2026-11-22T10:29:00Z"));
        assert!(!segment.rolls("2026-11-22T10:59:59Z"));
        assert!(segment.rolls("2026-11-22T11:00:00Z"));
    }

    #[test]
    fn a_clock_that_is_set_back_by_years_rolls_at_once_and_once() {
        let mut segment = Segment::began("midnight", "2031-01-01T00:00:00Z");
        assert!(segment.rolls("2026-11-22T10:00:00Z"));
        assert!(!segment.rolls("2026-11-22T10:00:01Z"));
        assert!(segment.rolls("2026-11-23T00:00:00Z"));
    }

    #[test]
    fn no_clock_that_is_set_back_delays_by_more_than_a_period() {
        for back in 1..200 {
            // Written until 10:59, then the clock is set back by this many minutes.
            let mut segment = Segment::began("1h", "2026-11-22T10:00:00Z");
            assert!(!segment.rolls("2026-11-22T10:59:00Z"));
            let set = time("2026-11-22T10:59:00Z").seconds() - back * 60;
            let later = |minutes: i64| UnixTime::new(set + minutes * 60, 0).to_string();
            assert!((0..=61).any(|minutes| segment.rolls(&later(minutes))), "{back}");
        }
    }

    #[test]
    fn a_segment_from_the_future_is_not_waited_for() {
        // A restart with a clock that is right again.
        let mut years = Segment::opened("1h", "2031-01-01T00:00:00Z", "2026-11-22T10:00:00Z");
        assert!(years.rolls("2026-11-22T10:00:00Z"));
        let mut minutes = Segment::opened("1h", "2026-11-22T10:30:00Z", "2026-11-22T10:00:00Z");
        assert!(!minutes.rolls("2026-11-22T10:59:59Z"));
        assert!(minutes.rolls("2026-11-22T11:00:00Z"));
    }

    #[test]
    fn an_empty_segment_goes_on_to_the_next_boundary() {
        let policy = by_time("midnight");
        let began = time("2026-11-22T10:00:00Z");
        let morning = time("2026-11-23T09:00:00Z");
        let deadline = policy.deadline(began, began);
        assert!(policy.is_over(deadline, morning));
        let moved = policy.seen(deadline, morning, 0);
        // The record of the morning is not alone in a segment of yesterday.
        assert!(!policy.is_over(moved, time("2026-11-23T23:59:59Z")));
        assert!(policy.is_over(moved, time("2026-11-24T00:00:00Z")));
    }

    #[test]
    fn a_segment_that_begins_with_its_first_line_counts_from_there() {
        let policy = by_time("1h");
        let now = time("2026-11-22T10:00:00Z");
        assert!(policy.is_over(Deadline::default(), now));
        assert_eq!(policy.seen(Deadline::default(), now, 0), policy.deadline(now, now));
        assert_eq!(policy.seen(Deadline::default(), now, 100), policy.deadline(now, now));
    }

    #[test]
    fn at_the_end_of_the_calendar_it_rolls_once_at_most() {
        let mut segment = Segment::began("midnight", "9999-12-31T12:00:00Z");
        assert!(segment.rolls("9999-12-31T23:59:59Z"));
        assert!(!segment.rolls("9999-12-31T23:59:59Z"));
    }
}
