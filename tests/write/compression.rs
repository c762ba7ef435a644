//! Closed segments that become smaller.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use fernlog::write::{Builder, Compression, Keep};
use fernlog::{AuditLog, Durability};

use crate::common::site::{Site, record};

fn compressed(site: &Site) -> Builder {
    site.builder().compression(Compression::Zstd)
}

fn segments(log: &AuditLog, count: usize) {
    for number in 0..count {
        log.append(&record(&format!("record {number}"))).unwrap();
        log.roll().unwrap();
    }
}

fn decompressed(site: &Site, name: &str) -> Vec<u8> {
    zstd::decode_all(&site.read(name)[..]).unwrap()
}

fn named(site: &Site, ending: &str) -> Vec<String> {
    site.files().into_iter().filter(|name| name.ends_with(ending)).collect()
}

/// A segment of this many bytes, closed and not compressed.
fn large(site: &Site, bytes: usize) {
    let log = site.builder().durability(Durability::Buffered).open().unwrap();
    let long = "m".repeat(100_000);
    for _ in 0..bytes / 133_000 {
        log.append(&record(&long)).unwrap();
    }
    log.roll().unwrap();
    log.close().unwrap();
}

#[test]
fn closed_segments_are_the_same_lines_compressed() {
    let site = Site::new();
    let log = site.open();
    segments(&log, 2);
    log.close().unwrap();
    let lines = site.read("audit.000001.log");

    let log = compressed(&site).open().unwrap();
    log.append(&record("new")).unwrap();
    log.close().unwrap();
    assert_eq!(named(&site, ".zst"), ["audit.000000.log.zst", "audit.000001.log.zst"]);
    assert_eq!(named(&site, ".log"), ["audit.log"]);
    assert_eq!(named(&site, ".chain").len(), 3);
    assert_eq!(named(&site, ".hashes").len(), 3);
    assert_eq!(decompressed(&site, "audit.000001.log.zst"), lines);
    let mode = std::fs::metadata(site.path("audit.000001.log.zst")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_segment_is_compressed_soon_after_its_roll() {
    let site = Site::new();
    let log = compressed(&site).open().unwrap();
    segments(&log, 1);
    let begin = Instant::now();
    while named(&site, ".zst").is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    // Any number of rolls at any speed.
    segments(&log, 30);
    log.close().unwrap();
    assert_eq!(named(&site, ".zst").len(), 31);
    assert_eq!(named(&site, ".log"), ["audit.log"]);
    site.assert_intact();
    assert_eq!(site.verify().records(), 31);
}

#[test]
fn the_compressed_file_names_its_length_and_has_a_checksum() {
    let site = Site::new();
    let log = site.open();
    log.append(&record(&"m".repeat(1000))).unwrap();
    log.roll().unwrap();
    log.close().unwrap();
    let length = site.read("audit.000000.log").len();
    compressed(&site).open().unwrap().close().unwrap();
    let mut bytes = site.read("audit.000000.log.zst");
    // RFC 8878, section 3.1.1.1: bit 2 of the descriptor is the checksum's; bits 6 and 7 say that
    // the length of the content has two bytes, from which 256 was taken.
    assert_eq!(bytes[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    assert_eq!(bytes[4] & 0b1100_0100, 0b0100_0100);
    let at = if bytes[4] & 0b0010_0000 == 0 { 6 } else { 5 };
    assert_eq!(usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])) + 256, length);
    *bytes.last_mut().unwrap() ^= 1;
    assert!(zstd::decode_all(&bytes[..]).is_err());
}

#[test]
fn what_a_crash_left_half_done_is_finished() {
    let site = Site::new();
    let log = site.open();
    segments(&log, 3);
    log.close().unwrap();
    let lines: Vec<_> = (0..3).map(|n| site.read(&format!("audit.00000{n}.log"))).collect();
    // It stopped while it wrote, and before it removed the lines.
    std::fs::write(site.path("audit.000000.log.zst.new"), "half").unwrap();
    let whole = zstd::encode_all(&lines[1][..], 3).unwrap();
    std::fs::write(site.path("audit.000001.log.zst"), whole).unwrap();
    compressed(&site).open().unwrap().close().unwrap();
    assert_eq!(named(&site, ".log"), ["audit.log"]);
    assert_eq!(named(&site, ".new"), [""; 0]);
    for (number, lines) in lines.iter().enumerate() {
        assert_eq!(decompressed(&site, &format!("audit.00000{number}.log.zst")), *lines);
    }
}

#[test]
fn a_log_that_is_dropped_does_not_wait_for_a_long_compression() {
    let site = Site::new();
    large(&site, 60 << 20);
    let log = compressed(&site).open().unwrap();
    let begin = Instant::now();
    drop(log);
    let took = begin.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    // It stopped on the way, and nothing of it is left.
    assert_eq!(named(&site, ".log"), ["audit.000000.log", "audit.log"]);
    assert_eq!(named(&site, ".new"), [""; 0]);
    // The lock was given back only then.
    let log = compressed(&site).open().unwrap();
    log.close().unwrap();
    assert_eq!(named(&site, ".zst"), ["audit.000000.log.zst"]);
}

#[test]
fn appends_go_on_while_a_segment_is_compressed() {
    let site = Site::new();
    large(&site, 20 << 20);
    let log = compressed(&site).open().unwrap();
    let begin = Instant::now();
    let mut appended = 0;
    while named(&site, ".zst").is_empty() {
        log.append(&record("meanwhile")).unwrap();
        appended += 1;
        assert!(begin.elapsed() < Duration::from_secs(60));
    }
    log.close().unwrap();
    assert!(appended > 100, "{appended}");
    assert_eq!(site.messages("audit.log").len(), appended);
}

#[test]
fn retention_deletes_compressed_segments_too() {
    let site = Site::new();
    let log = compressed(&site).keep(Keep::segments(2)).open().unwrap();
    segments(&log, 20);
    log.close().unwrap();
    assert_eq!(named(&site, ".zst"), ["audit.000018.log.zst", "audit.000019.log.zst"]);
    assert_eq!(named(&site, ".log"), ["audit.log"]);
    assert_eq!(named(&site, ".chain").len(), 21);
    assert_eq!(named(&site, ".hashes").len(), 3);
    site.assert_intact();
    assert_eq!(site.verify().pruned().count(), 18);
}

#[test]
fn a_plain_log_is_not_compressed() {
    let site = Site::new();
    let refused = site.plain().compression(Compression::Zstd).open().unwrap_err();
    assert!(refused.to_string().contains("compression needs a chain"), "{refused}");
}
