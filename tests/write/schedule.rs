//! Segments that end by time.

use std::time::{Duration, Instant};

use fernlog::write::{Schedule, Upkeep};
use fernlog::{AuditLog, Durability};

use crate::common::site::{Site, record};

fn every(seconds: u64) -> Schedule {
    Schedule::every(Duration::from_secs(seconds)).unwrap()
}

/// Waits until the log is in this segment, up to five seconds.
fn wait_for_segment(log: &AuditLog, segment: u64) {
    let begin = Instant::now();
    while log.head().unwrap().segment < segment {
        assert!(begin.elapsed() < Duration::from_secs(5), "still {:?}", log.head());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn events(site: &Site) -> String {
    String::from_utf8(site.read("audit.log.chain")).unwrap()
}

#[test]
fn a_record_behind_the_boundary_begins_a_segment() {
    let site = Site::new();
    let log = site.builder().roll_every(every(1)).open().unwrap();
    log.append(&record("before")).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    let receipt = log.append(&record("behind")).unwrap();
    assert_eq!((receipt.index, receipt.segment), (3, 1));
    log.close().unwrap();
    assert_eq!(site.messages("audit.000000.log"), ["before"]);
    assert_eq!(site.messages("audit.log"), ["behind"]);
    assert!(events(&site).contains("\nevent rolled time\n"));
    site.assert_intact();
}

#[test]
fn a_log_that_falls_silent_rolls_when_it_is_asked_to_tick() {
    let site = Site::new();
    let log = site.builder().roll_every(every(2)).open().unwrap();
    log.append(&record("one")).unwrap();
    log.tick().unwrap();
    assert_eq!(log.head().unwrap().segment, 0);
    std::thread::sleep(Duration::from_millis(2100));
    log.tick().unwrap();
    assert_eq!(log.head().unwrap().segment, 1);
    // The new one is empty: it goes on for as long as it takes.
    std::thread::sleep(Duration::from_millis(2100));
    log.tick().unwrap();
    assert_eq!(log.head().unwrap().segment, 1);
}

#[test]
fn a_log_with_a_thread_of_its_own_rolls_while_it_is_silent() {
    let site = Site::new();
    let log = site.builder().roll_every(every(1)).upkeep(Upkeep::Thread).open().unwrap();
    log.append(&record("one")).unwrap();
    wait_for_segment(&log, 1);
    assert_eq!(site.messages("audit.000000.log"), ["one"]);
}

#[test]
fn a_long_checkpoint_interval_does_not_put_the_roll_off() {
    let site = Site::new();
    let builder = site.builder().checkpoint_interval(Duration::from_secs(3600));
    let log = builder.roll_every(every(1)).upkeep(Upkeep::Thread).open().unwrap();
    log.append_with(&record("one"), Durability::Buffered).unwrap();
    wait_for_segment(&log, 1);
    assert_eq!(site.messages("audit.000000.log"), ["one"]);
}

#[test]
fn a_restart_neither_forgets_the_boundary_nor_moves_it() {
    let site = Site::new();
    let open = || site.builder().roll_every(every(2)).open().unwrap();
    let log = open();
    let begin = Instant::now();
    log.append(&record("one")).unwrap();
    log.close().unwrap();
    // The header's time has no fraction, so the segment ends within the second second.
    while begin.elapsed() < Duration::from_millis(2100) {
        std::thread::sleep(Duration::from_millis(500));
        open().close().unwrap();
    }
    let log = open();
    assert_eq!(log.append(&record("two")).unwrap().segment, 1);
}

#[test]
fn time_and_size_both_end_segments() {
    let site = Site::new();
    let log = site.builder().roll_size(1000).roll_every(every(1)).open().unwrap();
    let long = "m".repeat(500);
    let begin = Instant::now();
    log.append(&record(&long)).unwrap();
    log.append(&record(&long)).unwrap();
    let by_size = log.head().unwrap().segment;
    assert!(by_size == 1 || begin.elapsed() > Duration::from_millis(500), "{by_size}");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(log.append(&record("short")).unwrap().segment, by_size + 1);
}

#[test]
fn a_plain_log_counts_from_its_first_record() {
    let site = Site::new();
    let open = || site.plain().roll_every(every(2)).open().unwrap();
    let log = open();
    log.append(&record("one")).unwrap();
    log.close().unwrap();
    std::thread::sleep(Duration::from_millis(2100));
    let log = open();
    assert_eq!(log.append(&record("two")).unwrap().segment, 1);
    log.close().unwrap();
    assert_eq!(site.messages("audit.000000.log"), ["one"]);
}
