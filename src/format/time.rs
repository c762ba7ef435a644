//! Points in time as the log writes them: RFC 3339 in UTC, nine fractional digits.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

const DAY: i64 = 86_400;
/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
const LAST: i64 = 253_402_300_799;
/// 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200;

/// A point in time: seconds and nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime {
    seconds: i64,
    nanos: u32,
}

impl UnixTime {
    /// The time `seconds` and `nanos` after 1970; what no calendar can write is moved to its edge.
    #[must_use]
    pub fn new(seconds: i64, nanos: u32) -> Self {
        let inside = seconds.clamp(FIRST, LAST);
        Self { seconds: inside, nanos: if inside == seconds { nanos.min(999_999_999) } else { 0 } }
    }

    /// The clear time of a token.
    #[must_use]
    pub fn from_token(seconds: u64) -> Self {
        Self::new(i64::try_from(seconds).unwrap_or(i64::MAX), 0)
    }

    /// Whole seconds since 1970, negative before it.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds within the second.
    #[must_use]
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    /// The time `pause` later.
    #[must_use]
    pub fn after(self, pause: Duration) -> Self {
        let nanos = self.nanos + pause.subsec_nanos();
        let seconds = i64::try_from(pause.as_secs()).unwrap_or(i64::MAX);
        let carry = i64::from(nanos / 1_000_000_000);
        Self::new(self.seconds.saturating_add(seconds).saturating_add(carry), nanos % 1_000_000_000)
    }

    /// Seconds for a token, which has no sign: a clock before 1970 gives 0, never a panic.
    #[must_use]
    pub fn token_seconds(self) -> u64 {
        u64::try_from(self.seconds).unwrap_or(0)
    }

    /// `2026-11-22T10:15:30Z`, without the fraction.
    #[must_use]
    pub fn to_seconds_text(self) -> String {
        let text = Text::of(self);
        format!("{}Z", &text.as_str()[..19])
    }

    /// `2026-11-22T10:15:30.123456789Z`.
    pub(crate) fn to_bytes(self) -> [u8; 30] {
        Text::of(self).0
    }
}

impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> Self {
        let seconds = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self::new(seconds(after), after.subsec_nanos()),
            Err(before) => match before.duration() {
                d if d.subsec_nanos() == 0 => Self::new(-seconds(d), 0),
                d => Self::new(-seconds(d) - 1, 1_000_000_000 - d.subsec_nanos()),
            },
        }
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(*self).as_str())
    }
}

/// Text that is no time as a log writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time like 2026-11-22T10:15:30Z")
    }
}

impl std::error::Error for NotATime {}

impl FromStr for UnixTime {
    type Err = NotATime;

    /// Reads `YYYY-MM-DDThh:mm:ss[.fraction]Z`, the form in which logs hold times.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let (date, fraction) = match text.strip_suffix('Z').ok_or(NotATime)?.split_once('.') {
            Some((date, fraction)) => (date, fraction),
            None => (text.strip_suffix('Z').ok_or(NotATime)?, "0"),
        };
        let bytes: &[u8; 19] = date.as_bytes().try_into().map_err(|_| NotATime)?;
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if separators.iter().any(|&(at, separator)| bytes[at] != separator) {
            return Err(NotATime);
        }
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0_i64, |sum, b| {
                b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')).ok_or(NotATime)
            })
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        // A leap second is read as the second that follows it.
        if !(1..=12).contains(&month) || day < 1 || hour > 23 || minute > 59 || second > 60 {
            return Err(NotATime);
        }
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day)
            || !fraction.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(NotATime);
        }
        let digits = fraction.get(..fraction.len().min(9)).unwrap_or_default();
        let scale = 10_u32.pow(9 - digits.len() as u32);
        let nanos = digits.parse::<u32>().map_err(|_| NotATime)? * scale;
        Ok(Self::new(days * DAY + hour * 3600 + minute * 60 + second, nanos))
    }
}

/// The 30 bytes of a printed time.
struct Text([u8; 30]);

impl Text {
    fn of(time: UnixTime) -> Self {
        let (year, month, day) = civil_from_days(time.seconds.div_euclid(DAY));
        let second = time.seconds.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        // All of these are far below 2^32: the year ends at 9999.
        let [year, month, day] = [year, month, day].map(|part| part as u32);
        let second = second as u32;
        put::<0, 4>(&mut text, year);
        put::<5, 7>(&mut text, month);
        put::<8, 10>(&mut text, day);
        put::<11, 13>(&mut text, second / 3600);
        put::<14, 16>(&mut text, second / 60 % 60);
        put::<17, 19>(&mut text, second % 60);
        put::<20, 29>(&mut text, time.nanos);
        Self(text)
    }

    fn as_str(&self) -> &str {
        // Digits and separators only.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Writes `value` in decimal into the places from `FROM` to `TO`.
fn put<const FROM: usize, const TO: usize>(text: &mut [u8; 30], value: u32) {
    let mut rest = value;
    for digit in text[FROM..TO].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Year, month and day of a day number since 1970 in the proleptic Gregorian calendar
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": eras of 400 years from March).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * march_month + 2) / 5 + 1)
}

/// Inverse of [`civil_from_days`] for dates that exist.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_print_and_read_back() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (1_763_800_001, 5, "2025-11-22T08:26:41.000000005Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000000000Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, 7, "9999-12-31T23:59:59.000000000Z"),
            (i64::MIN, 7, "0000-01-01T00:00:00.000000000Z"),
        ] {
            let time = UnixTime::new(seconds, nanos);
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse(), Ok(time));
        }
    }

    #[test]
    fn any_day_of_ten_thousand_years_comes_back() {
        for day in (FIRST / DAY..=LAST / DAY).step_by(17) {
            let (y, m, d) = civil_from_days(day);
            assert_eq!(days_from_civil(y, m, d), day);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "2026-11-22",
            "2026-11-22T10:15:30",
            "2026-11-22 10:15:30Z",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:15:30.Z",
            "2026-11-22T10:15:30.1x\u{e9}Z",
            "+026-11-22T10:15:30Z",
        ] {
            assert_eq!(text.parse::<UnixTime>(), Err(NotATime), "{text}");
        }
    }

    #[test]
    fn extreme_token_times_become_the_edge_of_the_calendar() {
        assert_eq!(UnixTime::from_token(u64::MAX).seconds(), LAST);
        assert_eq!(UnixTime::new(-5, 0).token_seconds(), 0);
    }
}
