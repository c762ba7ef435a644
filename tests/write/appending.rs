//! Appending to an open log.

use std::time::Duration;

use fernlog::{AuditLog, Durability, Error, Key, Keyring, SigningKey, Upkeep};

use crate::common::site::{Site, lines, record};

#[test]
fn a_new_log_has_its_files_and_nothing_else() {
    let site = Site::new();
    site.open().close().unwrap();
    let names =
        ["audit.log", "audit.log.chain", "audit.log.hashes", "audit.log.lock", "audit.log.signer"];
    assert_eq!(site.files(), names);
}

#[test]
fn secret_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let log = site.open();
    log.roll().unwrap();
    for name in site.files() {
        let mode = site.path(&name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn receipts_count_entries_with_the_header_first() {
    let site = Site::new();
    let log = site.open();
    for index in 1..=3 {
        let receipt = log.append(&record("x")).unwrap();
        assert_eq!((receipt.index, receipt.segment), (index, 0));
        assert_eq!(receipt.durability, Durability::Written);
    }
    assert_eq!(log.head().unwrap().size, 4);
}

#[test]
fn written_lines_are_in_the_file_and_buffered_ones_not_yet() {
    let site = Site::new();
    let log = site.open();
    log.append_with(&record("buffered"), Durability::Buffered).unwrap();
    assert_eq!(lines(&site.log()).len(), 0);
    log.append_with(&record("written"), Durability::Written).unwrap();
    assert_eq!(site.messages("audit.log"), ["buffered", "written"]);
}

#[test]
fn dropping_the_last_handle_writes_what_is_buffered() {
    let site = Site::new();
    let log = site.open();
    let clone = log.clone();
    log.append_with(&record("buffered"), Durability::Buffered).unwrap();
    drop(log);
    assert_eq!(lines(&site.log()).len(), 0);
    drop(clone);
    assert_eq!(site.messages("audit.log"), ["buffered"]);
}

#[test]
fn a_closed_log_takes_nothing_from_any_handle() {
    let site = Site::new();
    let log = site.open();
    let clone = log.clone();
    log.close().unwrap();
    assert!(matches!(clone.append(&record("late")), Err(Error::Closed)));
    assert!(matches!(clone.flush(), Err(Error::Closed)));
}

#[test]
fn seq_and_token_time_agree_with_the_record() {
    let site = Site::new();
    let log = site.open();
    log.append(&record("x").time("2025-11-22T08:26:41.000000005Z".parse().unwrap())).unwrap();
    let text = &site.plaintexts("audit.log")[0];
    assert!(text.starts_with(r#"{"seq":1,"timestamp":"2025-11-22T08:26:41.000000005Z""#), "{text}");
    let shape = fernlog::crypto::TokenShape::of(lines(&site.log())[0].as_bytes()).unwrap();
    assert_eq!(shape.time, 1_763_800_001);
}

#[test]
fn many_threads_get_each_their_own_index() {
    let site = Site::new();
    let log = site.open();
    let mut indexes: Vec<u64> = std::thread::scope(|scope| {
        let append =
            || (0..200).map(|_| log.append(&record("x")).unwrap().index).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(append)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    indexes.sort_unstable();
    assert_eq!(indexes, (1..=1600).collect::<Vec<_>>());
    assert_eq!(lines(&site.log()).len(), 1600);
}

#[test]
fn a_second_writer_is_refused_and_told_who_writes() {
    let site = Site::new();
    let _log = site.open();
    match site.builder().open() {
        Err(Error::Locked { holder, .. }) => {
            assert!(holder.contains(&std::process::id().to_string()), "{holder}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_over_the_cap_is_refused_and_the_next_one_taken() {
    let site = Site::new();
    let log = site.open();
    let long = "x".repeat(900_000);
    assert!(matches!(log.append(&record(&long)), Err(Error::TooLarge { most: 1_048_576, .. })));
    assert_eq!(log.append(&record("short")).unwrap().index, 1);
    assert_eq!(site.messages("audit.log"), ["short"]);
}

#[test]
fn checkpoints_follow_writes_without_further_calls_when_a_thread_sees_to_it() {
    let site = Site::new();
    let interval = Duration::from_millis(20);
    let log = site.builder().checkpoint_interval(interval).upkeep(Upkeep::Thread).open().unwrap();
    let before = site.read("audit.log.chain").len();
    log.append(&record("x")).unwrap();
    let covered = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        site.read("audit.log.chain").len() > before
    });
    assert!(covered);
}

#[test]
fn a_flush_without_news_signs_nothing() {
    let site = Site::new();
    let log = site.open();
    log.append(&record("x")).unwrap();
    let head = log.flush().unwrap();
    let chain = site.read("audit.log.chain");
    assert_eq!(log.flush().unwrap(), head);
    assert_eq!(site.read("audit.log.chain"), chain);
}

#[test]
fn settings_that_cannot_work_are_refused_with_the_reason() {
    let site = Site::new();
    let bare = || AuditLog::builder(site.log());
    let key = || SigningKey::generate("x").unwrap();
    let ring = || site.keyring.clone();
    for builder in [
        bare(),
        bare().keyring(ring()),
        bare().keyring(ring()).log_key(key()).plain(),
        bare().keyring(ring()).log_key(key()).roll_size(0),
        bare().keyring(ring()).log_key(key()).checkpoint_interval(Duration::ZERO),
        AuditLog::builder("/").keyring(ring()).log_key(key()),
    ] {
        assert!(matches!(builder.open(), Err(Error::Setting { .. })));
    }
    assert_eq!(site.files(), [""; 0]);
}

#[test]
fn a_writer_without_the_key_of_the_log_is_refused() {
    let mut site = Site::new();
    site.open().close().unwrap();
    let wanted = site.keyring.primary().id();
    site.keyring = Keyring::new(Key::generate().unwrap());
    match site.builder().open() {
        Err(Error::WrongKey { wanted: id, given }) => {
            assert_eq!((id, given), (wanted, site.keyring.ids()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_of_another_origin_is_not_written() {
    let mut site = Site::new();
    site.open().close().unwrap();
    site.log_key = SigningKey::generate("example.com/other").unwrap();
    let error = site.builder().open().unwrap_err();
    assert!(error.to_string().contains("example.com/other"), "{error}");
}

#[test]
fn special_files_are_no_log() {
    for target in ["/dev/null", "/dev/full"] {
        let site = Site::new();
        std::os::unix::fs::symlink(target, site.log()).unwrap();
        assert!(site.builder().open().is_err());
        assert!(site.plain().open().is_err());
    }
    let site = Site::new();
    std::fs::create_dir(site.log()).unwrap();
    assert!(site.plain().open().is_err());
}

#[test]
fn a_batch_of_buffered_records_reaches_the_file_at_once() {
    let site = Site::new();
    let log = site.open();
    for message in ["a", "b", "c"] {
        log.append_with(&record(message), Durability::Buffered).unwrap();
    }
    assert_eq!(log.head().unwrap().buffered, 3);
    log.reach(Durability::Buffered).unwrap();
    assert_eq!(lines(&site.log()).len(), 0);
    log.reach(Durability::Durable).unwrap();
    assert_eq!(site.messages("audit.log"), ["a", "b", "c"]);
    assert_eq!(log.head().unwrap().buffered, 0);
}
