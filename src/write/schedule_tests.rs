//! Boundaries of schedules at fixed times, with the clock changes of many zones.

use std::time::Duration;

use proptest::prelude::*;

use crate::format::UnixTime;
use crate::write::schedule::{Schedule, Weekday};

fn time(text: &str) -> UnixTime {
    text.parse().unwrap()
}

fn schedule(text: &str, zone: &str) -> Schedule {
    text.parse::<Schedule>().unwrap().in_zone(zone).unwrap()
}

/// The boundaries that follow `after`, as many as are expected.
fn assert_boundaries(text: &str, zone: &str, after: &str, expected: &[&str]) {
    let schedule = schedule(text, zone);
    let mut now = time(after);
    for boundary in expected {
        now = schedule.next(now);
        assert_eq!(now.to_seconds_text(), *boundary, "{text} in {zone} after {after}");
    }
}

#[test]
fn an_interval_counts_from_the_beginning_of_the_segment() {
    let begin = time("2026-11-22T10:15:30.9Z");
    for (text, end) in [
        ("30s", "2026-11-22T10:16:00Z"),
        ("15m", "2026-11-22T10:30:30Z"),
        ("1h", "2026-11-22T11:15:30Z"),
        ("1d", "2026-11-23T10:15:30Z"),
    ] {
        assert_eq!(schedule(text, "UTC").next(begin), time(end), "{text}");
    }
}

#[test]
fn midnight_is_strictly_later() {
    let days = ["2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"];
    assert_boundaries("midnight", "UTC", "2026-11-22T23:59:59.999999999Z", &days);
    assert_boundaries("midnight", "UTC", "2026-11-23T00:00:00Z", &days[1..]);
    assert_boundaries("midnight", "UTC", "2026-11-23T00:00:00.5Z", &days[1..]);
}

#[test]
fn a_clock_time_of_today_may_be_in_front_of_us() {
    let expected = ["2026-11-22T03:30:00Z", "2026-11-23T03:30:00Z"];
    assert_boundaries("03:30", "UTC", "2026-11-22T03:29:59Z", &expected);
    assert_boundaries("03:30:15", "UTC", "2026-11-22T03:30:00Z", &["2026-11-22T03:30:15Z"]);
}

#[test]
fn a_weekday_comes_once_a_week() {
    // 2026-11-22 is a Sunday.
    let mondays = ["2026-11-23T03:30:00Z", "2026-11-30T03:30:00Z", "2026-12-07T03:30:00Z"];
    assert_boundaries("monday@03:30", "UTC", "2026-11-22T10:00:00Z", &mondays);
    assert_boundaries("sunday", "UTC", "2026-11-22T00:00:00Z", &["2026-11-29T00:00:00Z"]);
    assert_boundaries("Sunday", "UTC", "2026-11-21T23:59:59Z", &["2026-11-22T00:00:00Z"]);
}

#[test]
fn every_n_days_are_the_same_days_whenever_the_log_began() {
    // Day 20,778 since 1970 is 2026-11-21.
    let expected = ["2026-11-24T00:00:00Z", "2026-11-27T00:00:00Z"];
    assert_boundaries("3d@midnight", "UTC", "2026-11-21T00:00:00Z", &expected);
    assert_boundaries("3d@midnight", "UTC", "2026-11-23T22:00:00Z", &expected);
    assert_boundaries("2d@03:30", "UTC", "1969-12-28T04:00:00Z", &["1969-12-30T03:30:00Z"]);
}

#[test]
fn days_have_twenty_three_and_twenty_five_hours_in_berlin() {
    let spring = ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"];
    assert_boundaries("midnight", "Europe/Berlin", "2026-03-28T12:00:00Z", &spring);
    let autumn = ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z"];
    assert_boundaries("midnight", "Europe/Berlin", "2026-10-24T12:00:00Z", &autumn);
}

#[test]
fn a_time_in_the_missing_hour_comes_at_the_end_of_the_gap() {
    // 02:30 is skipped on 2026-03-29: the gap ends at 01:00 UTC.
    let expected = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
    assert_boundaries("02:30", "Europe/Berlin", "2026-03-27T12:00:00Z", &expected);
}

#[test]
fn a_time_in_the_repeated_hour_comes_once() {
    // 02:30 is there twice on 2026-10-25, at 00:30 and at 01:30 UTC.
    let expected = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
    assert_boundaries("02:30", "Europe/Berlin", "2026-10-23T12:00:00Z", &expected);
}

#[test]
fn a_shift_of_half_an_hour_is_one_too() {
    // Lord Howe Island: +10:30 and +11. Clocks skip 02:00 to 02:30 and repeat 01:30 to 02:00.
    let spring = ["2026-10-02T15:45:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"];
    assert_boundaries("02:15", "Australia/Lord_Howe", "2026-10-02T12:00:00Z", &spring);
    let autumn = ["2026-04-03T14:45:00Z", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"];
    assert_boundaries("01:45", "Australia/Lord_Howe", "2026-04-03T12:00:00Z", &autumn);
}

#[test]
fn a_midnight_that_is_skipped_comes_at_one_o_clock() {
    // Clocks went from 24:00 to 01:00.
    for (zone, after, expected) in [
        ("Africa/Cairo", "2026-04-23T12:00:00Z", ["2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"]),
        ("Asia/Beirut", "2026-03-28T12:00:00Z", ["2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"]),
        (
            "America/Sao_Paulo",
            "2018-11-03T12:00:00Z",
            ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
        ),
    ] {
        assert_boundaries("midnight", zone, after, &expected);
    }
}

#[test]
fn a_midnight_that_comes_twice_counts_once() {
    // Beirut goes from 24:00 back to 23:00, Havana from 01:00 back to 00:00.
    let beirut = ["2026-10-23T21:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T22:00:00Z"];
    assert_boundaries("midnight", "Asia/Beirut", "2026-10-23T12:00:00Z", &beirut);
    let havana = ["2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"];
    assert_boundaries("midnight", "America/Havana", "2026-10-31T00:00:00Z", &havana);
    // St. John's went back over midnight, from 00:01 to 23:01.
    let johns = ["2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"];
    assert_boundaries("midnight", "America/St_Johns", "2010-11-05T12:00:00Z", &johns);
}

#[test]
fn a_day_that_was_skipped_ends_nothing_twice() {
    // Apia had no 2011-12-30: midnight of the 30th and of the 31st are one instant.
    let expected = ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"];
    assert_boundaries("midnight", "Pacific/Apia", "2011-12-29T09:00:00Z", &expected);
    // The Friday was the skipped one.
    let fridays = ["2011-12-30T10:00:00Z", "2012-01-05T10:00:00Z"];
    assert_boundaries("friday", "Pacific/Apia", "2011-12-29T09:00:00Z", &fridays);
    let noon = ["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"];
    assert_boundaries("12:00", "Pacific/Apia", "2011-12-29T09:00:00Z", &noon);
}

#[test]
fn years_far_off_have_boundaries_too() {
    assert_boundaries("midnight", "UTC", "0000-01-01T00:00:00Z", &["0000-01-02T00:00:00Z"]);
    let summer = ["9000-07-01T22:00:00Z", "9000-07-02T22:00:00Z"];
    assert_boundaries("midnight", "Europe/Berlin", "9000-07-01T12:00:00Z", &summer);
}

#[test]
fn the_end_of_the_calendar_has_no_boundary_behind_it() {
    let end = UnixTime::new(i64::MAX, 0);
    for text in ["1s", "1d", "midnight", "03:30", "monday", "5d@12:00"] {
        for zone in ["UTC", "Europe/Berlin", "Pacific/Apia", "America/Havana"] {
            assert_eq!(schedule(text, zone).next(end), end, "{text} {zone}");
        }
    }
    let huge = Schedule::every(Duration::from_secs(u64::MAX)).unwrap();
    assert_eq!(huge.next(time("2026-11-22T10:15:30Z")), end);
    let rare = Schedule::midnight().days(u32::MAX).unwrap();
    assert_eq!(rare.next(time("2026-11-22T10:15:30Z")), end);
}

#[test]
fn words_and_calls_say_the_same() {
    for (text, schedule) in [
        ("15m", Schedule::every(Duration::from_secs(900)).unwrap()),
        ("midnight", Schedule::midnight()),
        ("03:30", Schedule::daily_at(3, 30, 0).unwrap()),
        ("monday", Schedule::weekly(Weekday::Monday)),
        ("sunday@23:59:59", Schedule::weekly(Weekday::Sunday).at(23, 59, 59).unwrap()),
        ("7d@midnight", Schedule::midnight().days(7).unwrap()),
    ] {
        assert_eq!(text.parse::<Schedule>().unwrap(), schedule, "{text}");
    }
}

#[test]
fn what_is_no_schedule_is_refused_with_what_is_understood() {
    for text in [
        "",
        "1",
        "m",
        "-1h",
        "+1h",
        "1.5h",
        "1w",
        "1y",
        "h1",
        "24:00",
        "3:30",
        "03:60",
        "03:30:60",
        "03",
        "03:30:15:00",
        "noon",
        "mon",
        "monday@",
        "@03:30",
        "1h@03:30",
        "monday@monday",
        "0s",
        "0d@03:30",
        "1\u{e9}",
        "99999999999999999999s",
        "9999999999999999999d",
    ] {
        let error = text.parse::<Schedule>().unwrap_err().to_string();
        assert!(error.contains(text) || text.contains('@'), "{error}");
        assert!(error.len() > text.len() + 10, "{error}");
    }
    assert_eq!(
        "noon".parse::<Schedule>().unwrap_err().to_string(),
        "'noon': understood are 30s, 15m, 1h, 1d, midnight, 03:30, 2d@03:30, monday and monday@03:30"
    );
}

#[test]
fn intervals_without_whole_seconds_are_refused() {
    for interval in [Duration::ZERO, Duration::from_millis(999), Duration::from_millis(1500)] {
        assert!(Schedule::every(interval).is_err(), "{interval:?}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let hourly = || Schedule::every(Duration::from_secs(3600)).unwrap();
    assert!(hourly().at(3, 30, 0).is_err());
    assert!(hourly().days(2).is_err());
    assert!(Schedule::weekly(Weekday::Friday).days(2).is_err());
    assert!(Schedule::midnight().days(0).is_err());
    assert!(Schedule::daily_at(24, 0, 0).is_err());
    assert!(Schedule::daily_at(200, 0, 0).is_err());
}

#[test]
fn an_unknown_zone_is_refused_by_name() {
    let error = Schedule::midnight().in_zone("Europe/Atlantis").unwrap_err();
    assert_eq!(
        error.to_string(),
        "'Europe/Atlantis': no time zone that this machine knows has this name"
    );
    for name in ["", " ", "../../etc/passwd", "Mars\n"] {
        assert!(Schedule::midnight().in_zone(name).is_err(), "{name:?}");
    }
}

const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "Pacific/Apia",
    "Pacific/Kwajalein",
];

fn clock_schedule() -> impl Strategy<Value = Schedule> {
    let days = prop_oneof![Just(0_u32), 1..40_u32, 100..107_u32];
    (days, 0..24_u8, 0..60_u8, 0..60_u8, 0..ZONES.len()).prop_map(|(days, h, m, s, zone)| {
        let schedule = match days {
            0 => Schedule::midnight(),
            100.. => Schedule::weekly(WEEK[days as usize - 100]),
            _ => Schedule::midnight().days(days).unwrap(),
        };
        schedule.at(h, m, s).unwrap().in_zone(ZONES[zone]).unwrap()
    })
}

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

proptest! {
    #[test]
    fn boundaries_are_strictly_later_in_order_and_the_only_ones(
        schedule in clock_schedule(),
        after in -10_000_000_000_i64..60_000_000_000,
        nanos in 0..1_000_000_000_u32,
        within in any::<u64>(),
    ) {
        let after = UnixTime::new(after, nanos);
        let next = schedule.next(after);
        let second = schedule.next(next);
        prop_assert!(after < next && next < second);
        // Whenever between two boundaries somebody asks, the answer is the second one.
        let length = u64::try_from(second.seconds() - next.seconds()).unwrap();
        let between = next.seconds() + i64::try_from(within % length).unwrap();
        prop_assert_eq!(schedule.next(UnixTime::new(between, nanos)), second);
        // And from before the first one no later than the first.
        let earlier = after.seconds() + i64::try_from(within % 1000).unwrap();
        let from_there = schedule.next(UnixTime::new(earlier, nanos));
        prop_assert!(from_there == next || earlier >= next.seconds());
    }

    #[test]
    fn no_second_of_the_calendar_panics(schedule in clock_schedule(), at in any::<i64>()) {
        let at = UnixTime::new(at, 0);
        prop_assert!(schedule.next(at) >= at);
    }

    #[test]
    fn no_text_panics(text in "[0-9a-z@: é]{0,12}") {
        let _ = text.parse::<Schedule>();
    }
}
