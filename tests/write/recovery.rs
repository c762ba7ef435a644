//! Opening a log after a crash, and after somebody was at its files.

use std::fs;

use fernlog::{Conflict, Error};

use crate::common::site::{Site, append_bytes, lines, record};

/// A log with `records` records, cleanly closed.
fn site_with(records: usize) -> Site {
    let site = Site::new();
    let log = site.open();
    for number in 0..records {
        log.append(&record(&format!("record {number}"))).unwrap();
    }
    log.close().unwrap();
    site
}

fn conflict(site: &Site) -> Conflict {
    match site.builder().open() {
        Err(Error::Conflict { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_clean_log_goes_on_in_the_same_segment() {
    let site = site_with(3);
    let log = site.open();
    assert_eq!(log.append(&record("next")).unwrap().index, 4);
    assert_eq!(lines(&site.log()).len(), 4);
}

#[test]
fn a_torn_tail_is_saved_cut_and_written_down() {
    for tail in [&b"gAAAAABp"[..], b"\0\0\0\0", b"\xff\xfe", &[b'A'; 3_000_000]] {
        let site = site_with(2);
        let whole = site.read("audit.log");
        append_bytes(&site.log(), tail);
        let log = site.open();
        log.append(&record("after")).unwrap();
        log.close().unwrap();
        assert_eq!(site.read(&format!("audit.log.torn-{}", whole.len())), tail);
        let messages = site.messages("audit.log");
        assert_eq!(messages[2..], ["an incomplete last line was set aside", "after"]);
        let recovered = &site.plaintexts("audit.log")[2];
        assert!(recovered.contains(&format!(r#""bytes":{}"#, tail.len())), "{recovered}");
        assert!(recovered.contains(r#""kind":"recovered""#), "{recovered}");
    }
}

#[test]
fn a_second_torn_tail_at_the_same_place_keeps_both_copies() {
    let site = site_with(1);
    let offset = site.read("audit.log").len();
    fs::write(site.path(&format!("audit.log.torn-{offset}")), "earlier").unwrap();
    append_bytes(&site.log(), b"later");
    drop(site.open());
    assert_eq!(site.read(&format!("audit.log.torn-{offset}")), b"earlier");
    assert_eq!(site.read(&format!("audit.log.torn-{offset}-2")), b"later");
}

#[test]
fn whole_lines_that_no_checkpoint_covers_are_kept_and_covered() {
    let site = Site::new();
    let log = site.open();
    log.flush().unwrap();
    let chain = site.read("audit.log.chain");
    log.append(&record("uncovered")).unwrap();
    log.close().unwrap();
    // As after a crash before the checkpoint.
    fs::write(site.path("audit.log.chain"), &chain).unwrap();
    let log = site.open();
    assert_eq!(log.head().unwrap().size, 2);
    assert!(site.read("audit.log.chain").len() > chain.len());
}

#[test]
fn fewer_lines_than_were_signed_are_refused() {
    let site = site_with(3);
    let kept = lines(&site.log())[..2].join("\n") + "\n";
    fs::write(site.log(), kept).unwrap();
    assert_eq!(conflict(&site), Conflict::Shorter { entries: 3, signed: 4 });
}

#[test]
fn other_lines_than_were_signed_are_refused() {
    let site = site_with(3);
    let mut swapped = lines(&site.log());
    swapped.swap(0, 1);
    fs::write(site.log(), swapped.join("\n") + "\n").unwrap();
    assert_eq!(conflict(&site), Conflict::OtherRoot { size: 4 });
}

#[test]
fn a_whole_line_that_is_no_token_is_refused_and_left_alone() {
    let site = site_with(1);
    append_bytes(&site.log(), b"hello\n");
    let before = site.read("audit.log");
    assert_eq!(conflict(&site), Conflict::DamagedLine { line: 2 });
    assert_eq!(site.read("audit.log"), before);
}

#[test]
fn a_lost_chain_is_not_begun_anew() {
    let site = site_with(1);
    fs::remove_file(site.path("audit.log.chain")).unwrap();
    assert_eq!(conflict(&site), Conflict::PartMissing);
}

#[test]
fn a_lost_log_is_refused_when_lines_were_signed() {
    let site = site_with(1);
    fs::remove_file(site.log()).unwrap();
    assert_eq!(conflict(&site), Conflict::Shorter { entries: 1, signed: 2 });
}

#[test]
fn a_torn_checkpoint_is_saved_and_cut() {
    let site = site_with(2);
    let chain = site.read("audit.log.chain");
    append_bytes(&site.path("audit.log.chain"), b"example.com/test\n4\nAAAA");
    let log = site.open();
    log.append(&record("after")).unwrap();
    log.close().unwrap();
    let torn = site.read(&format!("audit.log.chain.torn-{}", chain.len()));
    assert_eq!(torn, b"example.com/test\n4\nAAAA");
    assert!(site.read("audit.log.chain").starts_with(&chain));
}

#[test]
fn a_damaged_or_forged_chain_is_refused() {
    let site = site_with(2);
    let chain = String::from_utf8(site.read("audit.log.chain")).unwrap();
    for damaged in [chain.replace("\n3\n", "\n2\n"), chain.replace("\n3\n", "\n03\n")] {
        fs::write(site.path("audit.log.chain"), damaged).unwrap();
        assert_eq!(conflict(&site), Conflict::Signature);
    }
}

#[test]
fn the_hash_cache_is_rebuilt_when_it_is_lost_wrong_short_or_long() {
    let site = site_with(5);
    let good = site.read("audit.log.hashes");
    assert_eq!(good.len(), 6 * 32);
    let wrong: Vec<u8> = good.iter().map(|byte| byte ^ 1).collect();
    let long = [&good[..], b"more"].concat();
    for cache in [&b""[..], &wrong, &good[..70], &long] {
        fs::write(site.path("audit.log.hashes"), cache).unwrap();
        site.open().close().unwrap();
        assert_eq!(site.read("audit.log.hashes"), good);
    }
    fs::remove_file(site.path("audit.log.hashes")).unwrap();
    site.open().close().unwrap();
    assert_eq!(site.read("audit.log.hashes"), good);
}

#[test]
fn a_lost_segment_key_rolls_and_says_so() {
    for lost in [None, Some("garbage")] {
        let site = site_with(2);
        fs::remove_file(site.path("audit.log.signer")).unwrap();
        if let Some(text) = lost {
            fs::write(site.path("audit.log.signer"), text).unwrap();
        }
        let log = site.open();
        let receipt = log.append(&record("after")).unwrap();
        assert_eq!((receipt.index, receipt.segment), (4, 1));
        let chain = String::from_utf8(site.read("audit.log.chain")).unwrap();
        assert!(chain.contains("\nevent signer lost\n"), "{chain}");
    }
}

/// Every state that a crash can leave a roll in, from before its first rename to its end.
#[test]
fn a_roll_that_stopped_at_any_step_is_completed() {
    let moves = [
        ("audit.log.hashes", "audit.000000.log.hashes"),
        ("audit.log.chain", "audit.000000.log.chain"),
        ("audit.log", "audit.000000.log"),
    ];
    for done in 0..=6 {
        // The files before the roll and after it.
        let site = site_with(2);
        let old_signer = site.read("audit.log.signer");
        let log = site.open();
        log.roll().unwrap();
        log.close().unwrap();
        fs::remove_file(site.path("audit.log.hashes")).unwrap();

        // Wind the roll back to `done` steps.
        if done < 6 {
            fs::rename(site.path("audit.log.signer"), site.path("audit.log.signer.new")).unwrap();
            fs::write(site.path("audit.log.signer"), &old_signer).unwrap();
        }
        if done < 5 {
            fs::rename(site.path("audit.log.chain"), site.path("audit.log.chain.new")).unwrap();
        }
        if done < 4 {
            fs::remove_file(site.log()).unwrap();
        }
        for (step, (from, to)) in moves.iter().enumerate() {
            if step >= done {
                fs::rename(site.path(to), site.path(from)).unwrap();
            }
        }

        let log = site.open();
        let receipt = log.append(&record("after")).unwrap();
        assert_eq!((receipt.index, receipt.segment), (4, 1), "{done}");
        log.close().unwrap();
        assert_eq!(site.messages("audit.000000.log"), ["record 0", "record 1"]);
        assert_eq!(site.messages("audit.log"), ["after"]);
        assert!(!site.files().iter().any(|name| name.ends_with(".new")), "{done}");
    }
}

#[test]
fn a_roll_that_never_finished_its_preparation_is_forgotten() {
    let site = site_with(2);
    let chain = site.read("audit.log.chain");
    for half in [&b""[..], b"fernlog/segment@v1\norigin exam", &chain[..200]] {
        fs::write(site.path("audit.log.chain.new"), half).unwrap();
        fs::write(site.path("audit.log.signer.new"), b"PRIVATE+K").unwrap();
        let log = site.open();
        assert_eq!(log.append(&record("x")).unwrap().segment, 0);
        drop(log);
        assert!(!site.files().iter().any(|name| name.ends_with(".new")));
    }
}

#[test]
fn a_prepared_roll_that_we_did_not_sign_is_refused() {
    let site = site_with(2);
    let other = site_with(2);
    fs::copy(other.path("audit.log.chain"), site.path("audit.log.chain.new")).unwrap();
    assert_eq!(conflict(&site), Conflict::Signature);
}

#[test]
fn a_log_whose_creation_stopped_half_way_is_created() {
    let site = site_with(0);
    fs::rename(site.path("audit.log.chain"), site.path("audit.log.chain.new")).unwrap();
    fs::rename(site.path("audit.log.signer"), site.path("audit.log.signer.new")).unwrap();
    fs::remove_file(site.log()).unwrap();
    fs::remove_file(site.path("audit.log.hashes")).unwrap();
    let log = site.open();
    assert_eq!(log.append(&record("first")).unwrap().index, 1);
}
