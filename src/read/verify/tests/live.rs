//! Verifying a log while it is written and rolled.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;

/// Brings the files up to what the builder has, in the order of docs/format.md, section 9.
fn write_on(test: &TestLog, written: &mut (usize, usize)) {
    let append = |name: &str, bytes: &[u8]| {
        let mut file = OpenOptions::new().append(true).create(true).open(test.file(name)).unwrap();
        file.write_all(bytes).unwrap();
    };
    append("audit.log", &test.active.log[written.0..]);
    append("audit.log.chain", &test.active.chain[written.1..]);
    *written = (test.active.log.len(), test.active.chain.len());
}

fn roll(test: &mut TestLog, written: &mut (usize, usize)) {
    test.roll();
    let closed = test.closed.last().unwrap().clone();
    let fresh = std::mem::replace(&mut test.active, closed);
    write_on(test, written);
    test.active = fresh;
    let number = test.closed.len() - 1;
    let closed = |kind: &str| test.file(&format!("audit.{number:06}.log{kind}"));
    fs::write(test.file("audit.log.chain.new"), &test.active.chain).unwrap();
    fs::rename(test.file("audit.log.chain"), closed(".chain")).unwrap();
    fs::rename(test.file("audit.log"), closed("")).unwrap();
    fs::rename(test.file("audit.log.chain.new"), test.file("audit.log.chain")).unwrap();
    fs::write(test.file("audit.log"), "").unwrap();
    *written = (0, test.active.chain.len());
}

#[test]
fn a_log_that_is_written_and_rolled_meanwhile_raises_no_alarm() {
    let mut test = TestLog::new();
    test.append(1);
    test.write();
    let options = keyless(&test);
    let path = test.path();
    let mut written = (test.active.log.len(), test.active.chain.len());
    let (done, checks) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let report = verify(&crate::read::Log::open(&path).unwrap(), &options).unwrap();
                assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
                checks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut turn = 0;
        // A fast writer goes on until a slow reader has seen something of it.
        while turn < 300 || (checks.load(Ordering::Relaxed) < 3 && !reader.is_finished()) {
            turn += 1;
            test.append(2);
            write_on(&test, &mut written);
            test.checkpoint();
            write_on(&test, &mut written);
            if turn % 20 == 0 {
                roll(&mut test, &mut written);
            }
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    let report = check(&test, &options);
    assert_eq!((report.verdict, report.size), (Verdict::Intact, test.size()));
}

/// Three closed segments, and whoever looked at them before the last roll, which announces that
/// retention deletes the first two.
fn looked_at_before_retention() -> (TestLog, crate::read::Log) {
    let mut test = TestLog::new();
    for _ in 0..2 {
        test.append(3);
        test.roll();
    }
    test.append(3);
    let log = test.write();
    test.roll_pruning(0, 1);
    test.write();
    (test, log)
}

#[test]
fn what_retention_announces_and_deletes_after_the_look_is_no_damage() {
    let (test, log) = looked_at_before_retention();
    test.prune(0);
    test.prune(1);
    for options in [keyless(&test), keyed(&test)] {
        let report = verify(&log, &options).unwrap();
        assert_eq!((report.verdict, found(&report)), (Verdict::Intact, vec![]));
        assert_eq!((report.pruned().count(), report.size), (2, test.size()));
    }
}

#[test]
fn what_nobody_announced_and_somebody_deletes_after_the_look_is_missing() {
    let (test, log) = looked_at_before_retention();
    test.prune(0);
    test.prune(2);
    let finding = only(&verify(&log, &keyed(&test)).unwrap(), FindingId::SegmentMissing);
    assert!(finding.file.ends_with("audit.000002.log"));
}

#[test]
fn an_announcement_after_the_look_that_nobody_signed_does_not_excuse() {
    let (mut test, log) = looked_at_before_retention();
    test.roll();
    test.write();
    test.prune(0);
    test.prune(2);
    let path = test.file("audit.log.chain");
    let header = fs::read_to_string(&path).unwrap();
    let forged = header.replacen("event rolled size\n", "event rolled size\nevent pruned 2\n", 1);
    assert_ne!(header, forged);
    fs::write(&path, forged).unwrap();
    let report = verify(&log, &keyed(&test)).unwrap();
    assert_eq!(report.verdict, Verdict::Tampered);
    let is_it = |f: &crate::read::Finding| f.id == FindingId::SegmentMissing;
    assert!(report.findings.iter().any(is_it), "{:#?}", report.findings);
}

#[test]
fn the_second_look_keeps_what_retention_deletes_next() {
    let (test, _) = looked_at_before_retention();
    let log = crate::read::Log::open_holding(&test.path()).unwrap();
    test.prune(0);
    test.prune(1);
    let report = verify(&log, &keyed(&test)).unwrap();
    assert_eq!((report.verdict, found(&report)), (Verdict::Intact, vec![]));
    assert_eq!(report.pruned().count(), 0);
}

#[test]
fn a_look_in_the_middle_of_a_roll_is_taken_again_before_anything_is_missing() {
    let test = TestLog::sample();
    test.write();
    let (lines, away) = (test.file("audit.000001.log"), test.file("away"));
    fs::rename(&lines, &away).unwrap();
    let log = test.open();
    let report = verify(&log, &keyed(&test)).unwrap();
    assert_eq!(only(&report, FindingId::SegmentMissing).file, lines);
    fs::rename(&away, &lines).unwrap();
    let report = verify(&log, &keyed(&test)).unwrap();
    assert_eq!((report.verdict, report.size), (Verdict::Intact, test.size()));
}

/// A log that was looked at when the last line was half written, and the other half.
fn met_halfway() -> (TestLog, crate::read::Log, Vec<u8>) {
    let mut test = TestLog::sample();
    test.write();
    let before = test.active.log.len();
    test.append(1);
    let mut half = test.active.log[before..].to_vec();
    let rest = half.split_off(40);
    append_to(&test, &half);
    let log = test.open();
    (test, log, rest)
}

fn append_to(test: &TestLog, bytes: &[u8]) {
    let path = test.file("audit.log");
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn a_line_that_is_completed_meanwhile_is_no_torn_tail() {
    let (test, log, rest) = met_halfway();
    append_to(&test, &rest);
    let report = verify(&log, &keyed(&test)).unwrap();
    assert_eq!((report.verdict, report.torn_bytes), (Verdict::Intact, 0));
    assert_eq!(report.size, test.size() - 1);
    assert_eq!(check(&test, &keyed(&test)).size, test.size());
}

#[test]
fn a_tail_that_the_writer_takes_back_meanwhile_is_no_torn_tail() {
    let (test, log, rest) = met_halfway();
    let whole = test.active.log.len() - 40 - rest.len();
    let file = OpenOptions::new().write(true).open(test.file("audit.log")).unwrap();
    file.set_len(whole as u64).unwrap();
    let report = verify(&log, &keyed(&test)).unwrap();
    assert_eq!((report.verdict, report.torn_bytes), (Verdict::Intact, 0));
}

#[test]
fn a_tail_that_stays_or_grows_without_an_end_is_torn() {
    let (test, log, rest) = met_halfway();
    let report = verify(&log, &keyed(&test)).unwrap();
    assert_eq!((report.verdict, report.torn_bytes), (Verdict::Torn, 40));
    append_to(&test, &rest[..10]);
    let report = verify(&log, &keyed(&test)).unwrap();
    assert_eq!(report.verdict, Verdict::Torn);
}

#[test]
fn a_line_of_a_plain_log_that_is_completed_meanwhile_is_no_torn_tail() {
    let test = TestLog::new();
    let line = crate::crypto::Cipher::new(&test.key).seal(b"a message", 1_763_800_000, [3; 16]);
    fs::write(test.file("audit.log"), format!("{line}\n{}", &line[..40])).unwrap();
    let log = test.open();
    let options = VerifyOptions { keyring: Some(test.ring()), ..VerifyOptions::default() };
    assert_eq!(verify(&log, &options).unwrap().verdict, Verdict::Torn);
    append_to(&test, format!("{}\n", &line[40..]).as_bytes());
    assert_eq!(verify(&log, &options).unwrap().verdict, Verdict::Intact);
}

#[test]
fn a_caller_can_stop_it_and_gets_no_good_verdict() {
    let mut test = TestLog::new();
    test.append(6000);
    test.checkpoint();
    test.write();
    let stop = |_| std::ops::ControlFlow::Break(());
    let options = VerifyOptions { progress: Some(&stop), ..keyless(&test) };
    let report = check(&test, &options);
    assert!(report.interrupted);
    assert_eq!(report.verdict, Verdict::Unproven);
}
