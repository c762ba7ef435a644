//! Logs without a chain.

use fernlog::Error;

use crate::common::site::{Site, append_bytes, record};

#[test]
fn a_plain_log_counts_lines_over_all_segments() {
    let site = Site::new();
    let log = site.plain().open().unwrap();
    assert_eq!(log.append(&record("a")).unwrap().index, 0);
    log.roll().unwrap();
    assert_eq!(log.append(&record("b")).unwrap().index, 1);
    log.close().unwrap();
    let log = site.plain().open().unwrap();
    let receipt = log.append(&record("c")).unwrap();
    assert_eq!((receipt.index, receipt.segment), (2, 1));
    log.close().unwrap();
    assert_eq!(site.files(), ["audit.000000.log", "audit.log", "audit.log.lock"]);
}

#[test]
fn a_torn_tail_of_a_plain_log_is_set_aside() {
    let site = Site::new();
    let log = site.plain().open().unwrap();
    log.append(&record("a")).unwrap();
    log.close().unwrap();
    append_bytes(&site.log(), b"gAAAA\0\0");
    let log = site.plain().open().unwrap();
    log.append(&record("b")).unwrap();
    assert_eq!(site.messages("audit.log"), ["a", "an incomplete last line was set aside", "b"]);
}

#[test]
fn a_chained_log_is_not_opened_as_plain_nor_the_other_way_round() {
    let site = Site::new();
    site.open().close().unwrap();
    assert!(matches!(site.plain().open(), Err(Error::Refused { .. })));
    let site = Site::new();
    site.plain().open().unwrap().close().unwrap();
    assert!(matches!(site.builder().open(), Err(Error::Conflict { .. })));
}
