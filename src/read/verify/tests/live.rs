//! Verifying a log while it is written and rolled.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

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
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut checks = 0;
            while !done.load(Ordering::Relaxed) {
                let report = verify(&crate::read::Log::open(&path).unwrap(), &options).unwrap();
                assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
                checks += 1;
            }
            checks
        });
        for turn in 1..=300 {
            test.append(2);
            write_on(&test, &mut written);
            test.checkpoint();
            write_on(&test, &mut written);
            if turn % 20 == 0 {
                roll(&mut test, &mut written);
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 2);
    });
    let report = check(&test, &options);
    assert_eq!((report.verdict, report.size), (Verdict::Intact, test.size()));
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
