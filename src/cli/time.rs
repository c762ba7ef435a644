//! Moments as people type them (`--since`, `--until`) and as reports print them, both in the zone
//! that `--tz` names. What time it is now is an argument, so nothing here reads a clock.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A place in the log given by `--since` or `--until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeSpec {
    /// A moment.
    At(Timestamp),
    /// The moment of the record with this index (`#118400`).
    Index(u64),
}

/// Why a text is no moment, and what was perhaps meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotATime {
    /// One sentence.
    pub(crate) message: String,
    /// What to type instead.
    pub(crate) hint: String,
}

/// How many digits of a second to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digits {
    /// As many as the moment has.
    Needed,
    /// Always so many; the rest is cut off.
    Fixed(u8),
}

/// The zone that `--tz` names: `UTC`, `local`, or a name such as `Europe/Berlin`.
pub(crate) fn zone(name: &str) -> Result<TimeZone, NotATime> {
    match name {
        "UTC" | "utc" | "Z" => Ok(TimeZone::UTC),
        "local" => TimeZone::try_system().map_err(|_| NotATime {
            message: "the time zone of this machine is not known".into(),
            hint: "name it: --tz Europe/Berlin".into(),
        }),
        _ => TimeZone::get(name).map_err(|_| NotATime {
            message: format!("no time zone is called '{name}'"),
            hint: "a zone is UTC, local or a name such as Europe/Berlin".into(),
        }),
    }
}

/// Reads a moment. Dates and clock times without an offset are in `zone`.
pub(crate) fn parse(text: &str, zone: &TimeZone, now: Timestamp) -> Result<TimeSpec, NotATime> {
    let text = text.trim();
    if let Some(index) = text.strip_prefix('#') {
        return crate::index::parse(index).map(TimeSpec::Index).map_err(|_| unknown(text));
    }
    moment(text, zone, now)?.map(TimeSpec::At).ok_or_else(|| unknown(text))
}

/// Prints a moment as RFC 3339: with `Z` in UTC, with the offset elsewhere.
pub(crate) fn print(moment: Timestamp, zone: &TimeZone, digits: Digits) -> String {
    let offset = (*zone != TimeZone::UTC).then(|| zone.to_offset(moment));
    match (offset, digits) {
        (None, Digits::Needed) => format!("{moment}"),
        (None, Digits::Fixed(n)) => format!("{moment:.*}", usize::from(n)),
        (Some(offset), Digits::Needed) => format!("{}", moment.display_with_offset(offset)),
        (Some(offset), Digits::Fixed(n)) => {
            format!("{:.*}", usize::from(n), moment.display_with_offset(offset))
        }
    }
}

/// `Ok(None)` is a text of no known form.
fn moment(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Option<Timestamp>, NotATime> {
    let today = zone.to_datetime(now).date();
    let at = |civil: DateTime| zone.to_timestamp(civil).map_err(|_| out_of_range(text));
    match text {
        "now" => return Ok(Some(now)),
        "today" => return at(today.into()).map(Some),
        "yesterday" => {
            let date = today.yesterday().map_err(|_| out_of_range(text))?;
            return at(date.into()).map(Some);
        }
        _ => {}
    }
    if let Some(seconds) = text.strip_prefix('@') {
        let Ok(seconds) = seconds.parse::<i64>() else { return Ok(None) };
        return Timestamp::from_second(seconds).map(Some).map_err(|_| out_of_range(text));
    }
    let ago = text.strip_suffix("ago").map(str::trim_end);
    if let Some(span) = ago.or_else(|| text.strip_prefix('-')) {
        let Some(span) = duration(span) else { return Ok(None) };
        return now.checked_sub(span).map(Some).map_err(|_| out_of_range(text));
    }
    if duration(text).is_some() {
        return Err(NotATime {
            message: format!("'{text}' does not say in which direction"),
            hint: format!("-{text} or '{text} ago'?"),
        });
    }
    if !has_shape_of_a_date(text) {
        return match is_clock(text).then(|| text.parse::<Time>()) {
            Some(Ok(time)) => at(today.to_datetime(time)).map(Some),
            _ => Ok(None),
        };
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(Some(moment));
    }
    if let Ok(date) = text.parse::<Date>().map(DateTime::from)
        && text.len() == 10
    {
        return at(date).map(Some);
    }
    text.parse::<DateTime>().ok().map(at).transpose()
}

/// `2d12h`: numbers with the units w, d, h, m and s, a day being 24 hours.
fn duration(text: &str) -> Option<SignedDuration> {
    let mut total = SignedDuration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(unit_at);
        let unit = tail.chars().next()?;
        let seconds = match unit {
            'w' => 7 * 86_400,
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let part = number.parse::<i64>().ok()?.checked_mul(seconds)?;
        total = total.checked_add(SignedDuration::from_secs(part))?;
        rest = &tail[unit.len_utf8()..];
    }
    (!text.is_empty()).then_some(total)
}

/// jiff reads more forms than we promise (`20261122`, `2026-W47-7`, zones in brackets); this keeps
/// them out.
fn has_shape_of_a_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            4 | 7 => *byte == b'-',
            0..=9 => byte.is_ascii_digit(),
            10 => matches!(byte, b'T' | b't' | b' '),
            _ => byte.is_ascii_digit() || b":.Zz+-".contains(byte),
        })
        && (bytes.len() == 10
            || is_clock(text[11..].split(['Z', 'z', '+', '-']).next().unwrap_or("")))
}

/// `18:00`, `18:00:00` or `18:00:00.123`.
fn is_clock(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(c, f)| (c, Some(f)));
    let mut parts = clock.split(':');
    let digits = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    let count = clock.split(':').count();
    (count == 2 || count == 3)
        && parts.all(|part| digits(part, 2))
        && fraction.is_none_or(|f| count == 3 && (1..=9).contains(&f.len()) && digits(f, f.len()))
}

fn unknown(text: &str) -> NotATime {
    let number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    NotATime {
        message: format!("'{text}' is no time that fernlog knows"),
        hint: if number {
            format!("@{text} is a Unix time, '#{text}' the time of a record")
        } else {
            "2026-11-22T18:00:00Z, '2026-11-22 18:00', 18:00, today, -3h, @1790000000 or '#118400'; \
             see fernlog help time"
                .into()
        },
    }
}

fn out_of_range(text: &str) -> NotATime {
    NotATime {
        message: format!("'{text}' lies outside the years that fernlog can count"),
        hint: "a year is between 0 and 9999".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T18:20:11.5Z".parse().unwrap()
    }

    fn at(text: &str, tz: &str) -> String {
        match parse(text, &zone(tz).unwrap(), now()) {
            Ok(TimeSpec::At(moment)) => moment.to_string(),
            other => panic!("{text}: {other:?}"),
        }
    }

    fn refused(text: &str) -> NotATime {
        parse(text, &TimeZone::UTC, now()).expect_err(text)
    }

    #[test]
    fn every_form_of_the_contract_is_read() {
        for (text, moment) in [
            ("2026-11-22T18:00:00Z", "2026-11-22T18:00:00Z"),
            ("2026-11-22T18:00:00.123456789Z", "2026-11-22T18:00:00.123456789Z"),
            ("2026-11-22t18:00:00+01:00", "2026-11-22T17:00:00Z"),
            ("2026-11-22 18:00:00-05:30", "2026-11-22T23:30:00Z"),
            ("2026-11-22 18:00", "2026-11-22T18:00:00Z"),
            ("2026-11-22 18:00:01", "2026-11-22T18:00:01Z"),
            ("2026-11-22 18:00:01.123", "2026-11-22T18:00:01.123Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("18:00", "2026-11-22T18:00:00Z"),
            ("18:00:05", "2026-11-22T18:00:05Z"),
            ("today", "2026-11-22T00:00:00Z"),
            ("yesterday", "2026-11-21T00:00:00Z"),
            ("now", "2026-11-22T18:20:11.5Z"),
            ("-3h", "2026-11-22T15:20:11.5Z"),
            ("-2d12h", "2026-11-20T06:20:11.5Z"),
            ("3h ago", "2026-11-22T15:20:11.5Z"),
            ("1w ago", "2026-11-15T18:20:11.5Z"),
            ("90sago", "2026-11-22T18:18:41.5Z"),
            ("@1790000000", "2026-09-21T14:13:20Z"),
            ("@0", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(at(text, "UTC"), moment, "{text}");
        }
    }

    #[test]
    fn an_index_stands_for_the_time_of_its_record() {
        assert_eq!(parse("#118400", &TimeZone::UTC, now()), Ok(TimeSpec::Index(118_400)));
        refused("#");
        refused("#-1");
        refused("#99999999999999999999");
    }

    #[test]
    fn clock_times_are_in_the_zone() {
        assert_eq!(at("2026-11-22 18:00", "Europe/Berlin"), "2026-11-22T17:00:00Z");
        assert_eq!(at("2026-07-01", "Europe/Berlin"), "2026-06-30T22:00:00Z");
        assert_eq!(at("today", "Pacific/Auckland"), "2026-11-22T11:00:00Z");
        assert_eq!(at("2026-11-22T18:00:00Z", "Europe/Berlin"), "2026-11-22T18:00:00Z");
    }

    #[test]
    fn an_hour_that_summer_time_skips_is_still_a_moment() {
        assert_eq!(at("2026-03-29 02:30", "Europe/Berlin"), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn a_bare_duration_is_refused_with_a_hint() {
        for text in ["3h", "2d12h", "90s"] {
            assert_eq!(refused(text).hint, format!("-{text} or '{text} ago'?"));
        }
    }

    #[test]
    fn a_bare_number_is_refused_with_a_hint() {
        assert!(refused("1790000000").hint.contains("@1790000000"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "-",
            "ago",
            "-h",
            "-3x",
            "--3h",
            "soon",
            "20261122",
            "2026",
            "2026-11",
            "2026-13-01",
            "2026-W47-7",
            "2026-11-22T18",
            "25:00",
            "18:60",
            "1:00",
            "18",
            "@",
            "@x",
            "@1.5",
            "2026-11-22T18:00:00Z[UTC]",
            "2026-11-22T18:00:00Zulu",
            "\u{663}h",
            "2026-11-22\u{a0}18:00",
            "2026-11-22T18:00:00+",
            "2026-11-22Z",
        ] {
            refused(text);
        }
    }

    #[test]
    fn numbers_that_overflow_are_refused() {
        for text in [
            "@99999999999999",
            "@-99999999999999",
            "@99999999999999999999",
            "-99999999d",
            "-9223372036854775807w",
            "-99999999999999999999h",
            "9999999999d ago",
        ] {
            refused(text);
        }
    }

    #[test]
    fn zones_have_names() {
        assert_eq!(zone("UTC").unwrap(), TimeZone::UTC);
        assert!(zone("local").is_ok());
        for name in ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd"] {
            assert!(zone(name).is_err(), "{name}");
        }
    }

    #[test]
    fn moments_print_in_the_zone() {
        let moment = "2026-11-22T18:20:11.987654321Z".parse().unwrap();
        let berlin = zone("Europe/Berlin").unwrap();
        let printed = |zone: &TimeZone, digits| print(moment, zone, digits);
        assert_eq!(printed(&TimeZone::UTC, Digits::Needed), "2026-11-22T18:20:11.987654321Z");
        assert_eq!(printed(&TimeZone::UTC, Digits::Fixed(3)), "2026-11-22T18:20:11.987Z");
        assert_eq!(printed(&TimeZone::UTC, Digits::Fixed(0)), "2026-11-22T18:20:11Z");
        assert_eq!(printed(&berlin, Digits::Fixed(0)), "2026-11-22T19:20:11+01:00");
        assert_eq!(printed(&berlin, Digits::Needed), "2026-11-22T19:20:11.987654321+01:00");
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let berlin = zone("Europe/Berlin").unwrap();
        for zone in [TimeZone::UTC, berlin] {
            let text = print(now(), &zone, Digits::Needed);
            assert_eq!(parse(&text, &zone, now()), Ok(TimeSpec::At(now())));
        }
    }
}
