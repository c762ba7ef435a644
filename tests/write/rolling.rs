//! One segment after the other.

use fernlog::{Error, Key, Keyring};

use crate::common::site::{Site, lines, record};

#[test]
fn a_roll_closes_the_segment_under_its_number() {
    let site = Site::new();
    let log = site.open();
    log.append(&record("one")).unwrap();
    assert_eq!(log.roll().unwrap().segment, 1);
    let receipt = log.append(&record("two")).unwrap();
    // The header of segment 1 is entry 2.
    assert_eq!((receipt.index, receipt.segment), (3, 1));
    log.close().unwrap();
    assert_eq!(site.messages("audit.000000.log"), ["one"]);
    assert_eq!(site.messages("audit.log"), ["two"]);
    let names: Vec<_> = site.files().into_iter().filter(|name| name.contains("000000")).collect();
    assert_eq!(names, ["audit.000000.log", "audit.000000.log.chain", "audit.000000.log.hashes"]);
}

#[test]
fn no_segment_passes_the_size_and_no_record_is_split() {
    let site = Site::new();
    let log = site.builder().roll_size(2000).open().unwrap();
    let message = "m".repeat(100);
    for _ in 0..50 {
        log.append(&record(&message)).unwrap();
    }
    log.append(&record(&"long".repeat(1000))).unwrap();
    log.append(&record(&message)).unwrap();
    log.close().unwrap();
    let mut records = 0;
    for name in site.files().iter().filter(|name| name.ends_with(".log")) {
        let found = lines(&site.path(name));
        assert!(!found.is_empty(), "{name}");
        let size = site.read(name).len();
        assert!(size <= 2000 || found.len() == 1, "{name}: {size}");
        records += found.len();
    }
    assert_eq!(records, 52);
}

#[test]
fn every_segment_has_a_signing_key_of_its_own() {
    let site = Site::new();
    let log = site.open();
    let first = site.read("audit.log.signer");
    log.roll().unwrap();
    assert_ne!(site.read("audit.log.signer"), first);
    let chain = String::from_utf8(site.read("audit.log.chain")).unwrap();
    // The hand-over: the log key, the old segment's key, the new segment's key.
    let signatures = chain.lines().filter(|line| line.starts_with('\u{2014}')).count();
    assert_eq!(signatures, 3);
    assert!(chain.contains("\nevent rolled request\n"), "{chain}");
}

#[test]
fn a_closed_segment_is_never_overwritten() {
    let site = Site::new();
    let log = site.open();
    log.append(&record("one")).unwrap();
    std::fs::write(site.path("audit.000000.log"), "precious").unwrap();
    assert!(matches!(log.roll(), Err(Error::Exists { .. })));
    assert_eq!(site.read("audit.000000.log"), b"precious");
    // The log goes on as if nobody had asked.
    assert_eq!(log.append(&record("two")).unwrap().segment, 0);
    assert_eq!(site.messages("audit.log"), ["one", "two"]);
}

#[test]
fn another_primary_key_is_announced_and_rolls_the_log() {
    let mut site = Site::new();
    let log = site.open();
    log.append(&record("old key")).unwrap();
    log.close().unwrap();
    site.keyring = site.keyring.clone().rotated(Key::generate().unwrap());
    let log = site.open();
    log.append(&record("new key")).unwrap();
    log.close().unwrap();

    let announced = &site.plaintexts("audit.000000.log")[1];
    assert!(announced.contains(r#""kind":"key-change""#), "{announced}");
    assert!(announced.contains(&site.keyring.primary().id().to_string()), "{announced}");
    let chain = String::from_utf8(site.read("audit.log.chain")).unwrap();
    assert!(chain.contains("\nevent rolled key\n"));
    site.keyring = Keyring::new(site.keyring.primary().clone());
    assert_eq!(site.messages("audit.log"), ["new key"]);
}
