//! At which times a log rolls. Pure: a time in, the next boundary out; no clock is read here.
//!
//! Boundaries are civil: midnight is midnight in the zone that was asked for. A clock time that
//! comes twice, when clocks go back, counts once, the first time. One that never comes, when clocks
//! go forward, counts at the first instant behind the gap.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};

use crate::error::{Error, Result};
use crate::format::UnixTime;

/// When a log rolls by time: every so often, or at a clock time of certain days.
///
/// Clock times are in UTC unless [`Schedule::in_zone`] names another zone. On the command line a
/// schedule is one word:
///
/// ```
/// use fernlog::UnixTime;
/// use fernlog::write::Schedule;
///
/// # fn main() -> fernlog::Result<()> {
/// let nights: Schedule = "monday@03:30".parse()?;
/// let next = nights.in_zone("Europe/Berlin")?.next(UnixTime::new(1_774_000_000, 0));
/// assert_eq!(next.to_seconds_text(), "2026-03-23T02:30:00Z");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    when: When,
    zone: TimeZone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// So many seconds after the segment began.
    Every(i64),
    /// At a clock time, on the days of the rule.
    Clock(Days, Time),
}

/// Days on which a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Days {
    /// Those whose number since 1970-01-01 is a multiple of this. So the boundaries are the same
    /// for every log, and a roll for another reason does not move them.
    EveryNth(i64),
    On(Weekday),
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Schedule {
    /// Every `interval`, counted from the beginning of each segment, in whole seconds. A day is
    /// 24 hours here, whatever clocks do.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for less than a second, and for fractions of one.
    pub fn every(interval: Duration) -> Result<Self> {
        let refuse = |why| Err(refused(format!("{interval:?}"), why));
        if interval.is_zero() {
            return refuse("a segment cannot end when it begins");
        }
        if interval.subsec_nanos() != 0 {
            return refuse("times of segments are whole seconds");
        }
        let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
        Ok(Self { when: When::Every(seconds), zone: TimeZone::UTC })
    }

    /// Every day at midnight.
    #[must_use]
    pub fn midnight() -> Self {
        let when = When::Clock(Days::EveryNth(1), Time::midnight());
        Self { when, zone: TimeZone::UTC }
    }

    /// Every day at a clock time.
    ///
    /// # Errors
    ///
    /// As [`Schedule::at`].
    pub fn daily_at(hour: u8, minute: u8, second: u8) -> Result<Self> {
        Self::midnight().at(hour, minute, second)
    }

    /// Once a week, at the midnight with which this day begins.
    #[must_use]
    pub fn weekly(day: Weekday) -> Self {
        Self { when: When::Clock(Days::On(day), Time::midnight()), zone: TimeZone::UTC }
    }

    /// The same days, at another clock time than midnight.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a time that no clock shows, and for a schedule that goes by intervals.
    pub fn at(self, hour: u8, minute: u8, second: u8) -> Result<Self> {
        let given = || format!("{hour:02}:{minute:02}:{second:02}");
        let fields = [hour, minute, second].map(|field| i8::try_from(field).unwrap_or(i8::MAX));
        let Ok(time) = Time::new(fields[0], fields[1], fields[2], 0) else {
            return Err(refused(given(), "a clock shows 00:00:00 to 23:59:59"));
        };
        match self.when {
            When::Clock(days, _) => Ok(Self { when: When::Clock(days, time), ..self }),
            When::Every(_) => Err(refused(given(), "an interval has no clock time")),
        }
    }

    /// Only on every `count`th day, counted from 1970-01-01: so many days lie between two rolls,
    /// whenever the log was begun.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for 0, and for a schedule that goes by intervals or weekdays.
    pub fn days(self, count: u32) -> Result<Self> {
        let refuse = |why| Err(refused(format!("every {count} days"), why));
        match self.when {
            When::Clock(Days::EveryNth(_), time) if count > 0 => {
                let days = Days::EveryNth(i64::from(count));
                Ok(Self { when: When::Clock(days, time), ..self })
            }
            When::Clock(Days::EveryNth(_), _) => refuse("at least one day lies between two"),
            _ => refuse("this schedule has its days already"),
        }
    }

    /// The same clock times in a zone of the IANA database, such as `Europe/Berlin`, in `UTC`, or
    /// in the zone of this machine (`local`). An interval is the same in all zones.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] when there is no such zone, or when this machine does not know it.
    pub fn in_zone(self, name: &str) -> Result<Self> {
        let zone = match name {
            "UTC" => Ok(TimeZone::UTC),
            "local" => TimeZone::try_system(),
            _ => TimeZone::get(name),
        };
        match zone {
            Ok(zone) => Ok(Self { zone, ..self }),
            Err(_) => Err(refused(name, "no time zone that this machine knows has this name")),
        }
    }

    /// The first boundary that is later than `after`: for an interval `after` plus the interval,
    /// for days the next one of them. At the end of the calendar, in the year 9999, no boundary is
    /// left, and the last second of the calendar is given.
    #[must_use]
    pub fn next(&self, after: UnixTime) -> UnixTime {
        let next = match self.when {
            When::Every(seconds) => after.seconds().checked_add(seconds),
            When::Clock(days, time) => self.next_day(days, time, after.seconds()),
        };
        // The edge of the calendar is where `UnixTime` puts what lies behind it.
        UnixTime::new(next.unwrap_or(i64::MAX), 0)
    }

    fn next_day(&self, days: Days, time: Time, after: i64) -> Option<i64> {
        let edges = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
        let inside = after.clamp(*edges.start(), *edges.end());
        let today = self.zone.to_datetime(Timestamp::from_second(inside).ok()?).date();
        // Yesterday's boundary may be in front of us still, where clocks skipped it.
        let mut day = days.on_or_after(today.yesterday().unwrap_or(today))?;
        // Yesterday's, today's and tomorrow's may be behind us, where clocks went back over
        // midnight; never more than those.
        loop {
            let boundary = self.instant(day, time)?;
            if boundary > after {
                return Some(boundary);
            }
            day = days.on_or_after(day.tomorrow().ok()?)?;
        }
    }

    /// The instant of a clock time on a day: the first one if there are two, the end of the gap if
    /// there is none.
    fn instant(&self, day: Date, time: Time) -> Option<i64> {
        let found = self.zone.to_ambiguous_timestamp(day.to_datetime(time));
        let AmbiguousOffset::Gap { after, .. } = found.offset() else {
            return found.compatible().ok().map(Timestamp::as_second);
        };
        // One of these lies before the gap and one behind it, so the change is between them.
        let (before, behind) = (found.earlier().ok()?, found.later().ok()?);
        let change = self
            .zone
            .following(before)
            .map(|transition| (transition.timestamp(), transition.offset()))
            .take_while(|(at, _)| *at <= behind)
            .find(|(_, offset)| *offset == after);
        Some(change.map_or(behind, |(at, _)| at).as_second())
    }
}

impl Days {
    /// The first of these days that is not before `day`; none behind the end of the calendar.
    fn on_or_after(self, day: Date) -> Option<Date> {
        let missing = match self {
            Self::EveryNth(count) => {
                let number = day.to_datetime(Time::midnight()).to_zoned(TimeZone::UTC).ok()?;
                let number = number.timestamp().as_second().div_euclid(86_400);
                (-number).rem_euclid(count)
            }
            Self::On(weekday) => {
                (weekday as i64 - i64::from(day.weekday().to_monday_zero_offset())).rem_euclid(7)
            }
        };
        day.checked_add(Span::new().try_days(missing).ok()?).ok()
    }
}

const UNDERSTOOD: &str = "understood are 30s, 15m, 1h, 1d, midnight, 03:30, 2d@03:30, monday and \
                          monday@03:30";

impl FromStr for Schedule {
    type Err = Error;

    /// Reads `15m` (also `s`, `h`, `d`), `midnight`, a clock time like `03:30` or `03:30:15`, a
    /// weekday, and a weekday or a number of days with a clock time behind an `@`. In UTC.
    fn from_str(text: &str) -> Result<Self> {
        let unknown = || refused(text, UNDERSTOOD);
        let word = text.to_ascii_lowercase();
        let at_clock = |schedule: Self, clock: &str| match clock_time(clock) {
            Some([hour, minute, second]) => schedule.at(hour, minute, second),
            None => Err(unknown()),
        };
        if let Some((days, clock)) = word.split_once('@') {
            let schedule = match (weekday(days), interval(days)) {
                (Some(day), _) => Self::weekly(day),
                (None, Some((count, 'd'))) => {
                    Self::midnight().days(u32::try_from(count).map_err(|_| unknown())?)?
                }
                _ => return Err(unknown()),
            };
            return at_clock(schedule, clock);
        }
        if let Some(day) = weekday(&word) {
            return Ok(Self::weekly(day));
        }
        let Some((count, unit)) = interval(&word) else {
            return at_clock(Self::midnight(), &word);
        };
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(unknown()),
        };
        match count.checked_mul(seconds) {
            Some(0) => Err(refused(text, "a segment cannot end when it begins")),
            Some(seconds) => Self::every(Duration::from_secs(seconds)),
            None => Err(refused(text, "no segment lasts so long")),
        }
    }
}

/// `15m` is 15 and `m`.
pub(super) fn interval(text: &str) -> Option<(u64, char)> {
    let unit = text.chars().next_back().filter(char::is_ascii_alphabetic)?;
    let digits = text.get(..text.len() - 1)?;
    // `parse` alone would take a sign.
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    number.map(|number| (number, unit))
}

fn clock_time(text: &str) -> Option<[u8; 3]> {
    if text == "midnight" {
        return Some([0; 3]);
    }
    let two = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok())?
    };
    let parts: Vec<u8> = text.split(':').map(two).collect::<Option<_>>()?;
    match parts[..] {
        [hour, minute] => Some([hour, minute, 0]),
        [hour, minute, second] => Some([hour, minute, second]),
        _ => None,
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    WEEKDAYS.iter().find(|(_, known)| *known == name).map(|(day, _)| *day)
}

const WEEKDAYS: [(Weekday, &str); 7] = [
    (Weekday::Monday, "monday"),
    (Weekday::Tuesday, "tuesday"),
    (Weekday::Wednesday, "wednesday"),
    (Weekday::Thursday, "thursday"),
    (Weekday::Friday, "friday"),
    (Weekday::Saturday, "saturday"),
    (Weekday::Sunday, "sunday"),
];

pub(super) fn refused(given: impl Into<String>, why: &'static str) -> Error {
    Error::Value { given: given.into(), why }
}
