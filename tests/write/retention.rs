//! What is kept of closed segments.

use std::time::Duration;

use fernlog::AuditLog;
use fernlog::read::FindingId;
use fernlog::write::{Builder, Keep};

use crate::common::site::{Site, record};

/// Appends one record and rolls, so many times.
fn segments(log: &AuditLog, count: usize) {
    for number in 0..count {
        log.append(&record(&format!("record {number}"))).unwrap();
        log.roll().unwrap();
    }
}

/// The numbers of the closed segments that have a file with this ending.
fn closed(site: &Site, ending: &str) -> Vec<u64> {
    let files = site.files();
    let numbers = files.iter().filter_map(|name| {
        let (number, rest) = name.strip_prefix("audit.")?.split_at_checked(6)?;
        (rest == ending).then(|| number.parse().ok())?
    });
    numbers.collect()
}

fn pruned(site: &Site, chain: &str) -> Vec<String> {
    let text = String::from_utf8(site.read(chain)).unwrap();
    let said = text.lines().filter_map(|line| line.strip_prefix("event pruned "));
    said.map(str::to_owned).collect()
}

fn refusal(builder: Builder) -> String {
    builder.open().unwrap_err().to_string()
}

#[test]
fn only_the_newest_segments_keep_their_lines_and_all_keep_their_chain() {
    let site = Site::new();
    let log = site.builder().keep(Keep::segments(3)).open().unwrap();
    segments(&log, 6);
    log.close().unwrap();
    assert_eq!(closed(&site, ".log"), [3, 4, 5]);
    assert_eq!(closed(&site, ".log.hashes"), [3, 4, 5]);
    assert_eq!(closed(&site, ".log.chain"), [0, 1, 2, 3, 4, 5]);
    // Each of them was announced by the segment that began when it went.
    assert_eq!(pruned(&site, "audit.000003.log.chain"), [""; 0]);
    assert_eq!(pruned(&site, "audit.000004.log.chain"), ["0"]);
    assert_eq!(pruned(&site, "audit.000005.log.chain"), ["1"]);
    assert_eq!(pruned(&site, "audit.log.chain"), ["2"]);
    site.assert_intact();
    assert_eq!(site.verify().pruned().count(), 3);
}

#[test]
fn retention_that_comes_late_announces_a_range() {
    let site = Site::new();
    let log = site.open();
    segments(&log, 5);
    log.close().unwrap();
    let log = site.builder().keep(Keep::segments(2)).open().unwrap();
    assert_eq!(closed(&site, ".log"), [0, 1, 2, 3, 4]);
    segments(&log, 1);
    assert_eq!(closed(&site, ".log"), [4, 5]);
    assert_eq!(pruned(&site, "audit.log.chain"), ["0-3"]);
    site.assert_intact();
    assert_eq!(site.verify().pruned().count(), 4);
}

#[test]
fn the_total_size_stays_below_the_limit() {
    let site = Site::new();
    let log = site.builder().roll_size(2000).keep(Keep::bytes(10_000)).open().unwrap();
    for _ in 0..100 {
        log.append(&record(&"m".repeat(200))).unwrap();
        let files = site.files();
        let closed = files.iter().filter(|name| name.len() > 16 && !name.ends_with(".chain"));
        let total: usize = closed.map(|name| site.read(name).len()).sum();
        assert!(total <= 10_000, "{total}");
    }
    assert!(closed(&site, ".log").len() > 2);
    assert!(closed(&site, ".log")[0] > 10);
}

#[test]
fn what_is_older_goes_two_at_a_roll() {
    let site = Site::new();
    let open = |keep| site.builder().keep(keep).open().unwrap();
    let log = open(Keep::age(Duration::from_secs(3600)));
    segments(&log, 5);
    assert_eq!(closed(&site, ".log"), [0, 1, 2, 3, 4]);
    log.close().unwrap();
    std::thread::sleep(Duration::from_millis(3100));
    let log = open(Keep::age(Duration::from_secs(2)));
    // The segment that closes began with the others: for all that is known, no time has passed.
    segments(&log, 1);
    assert_eq!(closed(&site, ".log"), [0, 1, 2, 3, 4, 5]);
    segments(&log, 1);
    assert_eq!(closed(&site, ".log"), [2, 3, 4, 5, 6]);
    segments(&log, 1);
    assert_eq!(closed(&site, ".log"), [4, 5, 6, 7]);
}

#[test]
fn what_was_announced_and_not_deleted_is_deleted_later() {
    let site = Site::new();
    let log = site.builder().keep(Keep::segments(2)).open().unwrap();
    segments(&log, 2);
    let lines = site.read("audit.000000.log");
    segments(&log, 1);
    log.close().unwrap();
    assert_eq!(closed(&site, ".log"), [1, 2]);
    // As a crash leaves it.
    std::fs::write(site.path("audit.000000.log"), lines).unwrap();
    let log = site.builder().keep(Keep::segments(2)).open().unwrap();
    assert_eq!(closed(&site, ".log"), [1, 2]);
    segments(&log, 1);
    // And it was not announced twice.
    assert_eq!(pruned(&site, "audit.log.chain"), ["1"]);
}

#[test]
fn lines_that_somebody_else_deletes_are_still_missed() {
    let site = Site::new();
    let log = site.builder().keep(Keep::segments(3)).open().unwrap();
    segments(&log, 4);
    std::fs::remove_file(site.path("audit.000002.log")).unwrap();
    segments(&log, 3);
    log.close().unwrap();
    assert_eq!(closed(&site, ".log"), [4, 5, 6]);
    let report = site.verify();
    assert_eq!(report.pruned().count(), 3);
    let missing = report.findings.iter().filter(|finding| finding.id == FindingId::SegmentMissing);
    assert_eq!(missing.count(), 1, "{:#?}", report.findings);
}

#[test]
fn files_that_are_called_nearly_like_ours_are_not_touched() {
    let site = Site::new();
    let names = [
        "audit.0000000.log",
        "audit.0.log",
        "audit.000000.log.bak",
        "audit.000000.log.gz",
        "audit-2.000000.log",
        "audit.log.000000",
        "other.000000.log",
        "other.000000.log.hashes",
    ];
    for name in names {
        std::fs::write(site.path(name), "precious").unwrap();
    }
    let log = site.builder().keep(Keep::segments(1)).open().unwrap();
    segments(&log, 4);
    assert_eq!(closed(&site, ".log"), [3]);
    for name in names {
        assert_eq!(site.read(name), b"precious", "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_deleted_stops_nothing() {
    let site = Site::new();
    let log = site.builder().keep(Keep::segments(1)).open().unwrap();
    segments(&log, 1);
    // A directory is not removed as a file is.
    std::fs::remove_file(site.path("audit.000000.log.hashes")).unwrap();
    std::fs::create_dir(site.path("audit.000000.log.hashes")).unwrap();
    segments(&log, 2);
    assert_eq!(closed(&site, ".log"), [0, 2]);
    std::fs::remove_dir(site.path("audit.000000.log.hashes")).unwrap();
    segments(&log, 1);
    assert_eq!(closed(&site, ".log"), [3]);
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_reason() {
    let site = Site::new();
    let keep = |keep| site.builder().roll_size(1000).keep(keep);
    assert!(refusal(keep(Keep::segments(0))).contains("0 segments"));
    assert!(refusal(keep(Keep::age(Duration::ZERO))).contains("no time"));
    assert!(refusal(keep(Keep::bytes(999))).contains("smaller than one segment"));
    let plain = site.plain().keep(Keep::segments(5));
    assert!(refusal(plain).contains("retention needs a chain"));
    assert!(site.files().is_empty());
}
