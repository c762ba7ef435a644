//! Others move, remove, replace or cut the files of a log that is open.

use std::fs;
use std::time::Duration;

use fernlog::{AuditLog, Conflict, Durability, Error};

use crate::common::site::{Site, append_bytes, lines, record};

/// Longer than the writer lets pass between two looks at its files.
fn wait() {
    std::thread::sleep(Duration::from_millis(250));
}

/// A log that is open with three durable records in it.
fn site_with_log() -> (Site, AuditLog) {
    let site = Site::new();
    let log = site.open();
    for name in ["a", "b", "c"] {
        log.append_with(&record(name), Durability::Durable).unwrap();
    }
    (site, log)
}

/// All records in order, without those about the log itself.
fn told(site: &Site) -> Vec<String> {
    let mut messages = site.messages("audit.log");
    messages.retain(|message| message.len() == 1);
    messages
}

fn recovered(site: &Site) -> usize {
    site.plaintexts("audit.log").iter().filter(|text| text.contains("\"recovered\"")).count()
}

#[test]
fn a_log_that_was_moved_is_written_again_under_its_name() {
    let (site, log) = site_with_log();
    fs::rename(site.log(), site.path("audit.log.1")).unwrap();
    let receipt = log.append_with(&record("d"), Durability::Durable).unwrap();
    assert_eq!(receipt.durability, Durability::Durable);
    assert_eq!(told(&site), ["a", "b", "c", "d"]);
    log.append(&record("e")).unwrap();
    log.close().unwrap();
    assert_eq!(told(&site), ["a", "b", "c", "d", "e"]);
    assert_eq!(recovered(&site), 1);
    site.assert_intact();
}

#[test]
fn a_log_that_was_removed_is_written_again() {
    let (site, log) = site_with_log();
    fs::remove_file(site.log()).unwrap();
    wait();
    log.append_with(&record("d"), Durability::Written).unwrap();
    assert_eq!(told(&site), ["a", "b", "c", "d"]);
    log.close().unwrap();
    site.assert_intact();
}

#[test]
fn a_file_in_the_place_of_the_log_is_moved_aside() {
    let (site, log) = site_with_log();
    fs::rename(site.log(), site.path("elsewhere")).unwrap();
    fs::write(site.log(), "not ours").unwrap();
    log.append_with(&record("d"), Durability::Durable).unwrap();
    assert_eq!(site.read("audit.log.foreign-1"), b"not ours");
    log.close().unwrap();
    assert_eq!(told(&site), ["a", "b", "c", "d"]);
    site.assert_intact();
}

#[test]
fn a_removed_chain_and_its_key_come_back() {
    let (site, log) = site_with_log();
    fs::remove_file(site.path("audit.log.chain")).unwrap();
    fs::remove_file(site.path("audit.log.signer")).unwrap();
    log.append_with(&record("d"), Durability::Durable).unwrap();
    log.roll().unwrap();
    log.close().unwrap();
    site.assert_intact();
    site.open().close().unwrap();
}

#[test]
fn everything_removed_comes_back() {
    let (site, log) = site_with_log();
    for name in site.files() {
        fs::remove_file(site.path(&name)).unwrap();
    }
    wait();
    log.tick().unwrap();
    log.append(&record("d")).unwrap();
    assert!(matches!(site.builder().open(), Err(Error::Locked { .. })));
    log.close().unwrap();
    assert_eq!(told(&site), ["a", "b", "c", "d"]);
    site.assert_intact();
}

#[test]
fn a_removed_lock_does_not_let_a_second_writer_in() {
    let (site, log) = site_with_log();
    fs::remove_file(site.path("audit.log.lock")).unwrap();
    // At once, before the first writer has had any reason to look.
    assert!(matches!(site.builder().open(), Err(Error::Locked { .. })));
    log.append_with(&record("d"), Durability::Durable).unwrap();
    log.close().unwrap();
    site.assert_intact();
}

#[test]
fn lines_that_others_append_are_set_aside() {
    let (site, log) = site_with_log();
    let offset = site.read("audit.log").len();
    append_bytes(&site.log(), b"a line by somebody else\n");
    log.append_with(&record("d"), Durability::Durable).unwrap();
    let aside = site.read(&format!("audit.log.torn-{offset}"));
    assert!(aside.starts_with(b"a line by somebody else\n"));
    log.close().unwrap();
    assert_eq!(told(&site), ["a", "b", "c", "d"]);
    site.assert_intact();
}

#[test]
fn records_that_others_cut_off_are_counted_and_nothing_hides_it() {
    let (site, log) = site_with_log();
    // As logrotate's copytruncate does.
    fs::copy(site.log(), site.path("copy")).unwrap();
    fs::File::options().write(true).open(site.log()).unwrap().set_len(0).unwrap();
    let error = log.append_with(&record("d"), Durability::Durable).unwrap_err();
    let Error::Conflict { what: Conflict::CutByOthers, .. } = error else { panic!("{error}") };
    // The log goes on in a new segment and says how many are missing.
    log.append_with(&record("e"), Durability::Durable).unwrap();
    log.close().unwrap();
    assert_eq!(told(&site), ["e"]);
    let gap = &site.plaintexts("audit.log")[0];
    assert!(gap.contains("\"count\":4") || gap.contains("\"count\":3"), "{gap}");
    assert!(gap.contains("\"reason\":\"truncated\""), "{gap}");
    let report = site.verify();
    assert_eq!(report.verdict, fernlog::read::Verdict::Tampered);
}

#[test]
fn a_log_whose_folder_went_away_refuses_and_goes_on_when_it_is_back() {
    let (site, log) = site_with_log();
    let folder = site.log().parent().unwrap().to_owned();
    let away = folder.with_extension("away");
    fs::rename(&folder, &away).unwrap();
    wait();
    let error = log.append(&record("d")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    fs::rename(&away, &folder).unwrap();
    log.append(&record("e")).unwrap();
    log.close().unwrap();
    assert_eq!(told(&site), ["a", "b", "c", "e"]);
    assert!(site.plaintexts("audit.log").iter().any(|text| text.contains("\"count\":1")));
    site.assert_intact();
}

#[test]
fn a_written_record_is_never_more_than_a_moment_in_a_dead_file() {
    let (site, log) = site_with_log();
    wait();
    fs::rename(site.log(), site.path("audit.log.1")).unwrap();
    for _ in 0..100 {
        log.append_with(&record("x"), Durability::Written).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(site.log().exists());
    assert!(lines(&site.log()).len() >= 100);
    log.close().unwrap();
    site.assert_intact();
}
