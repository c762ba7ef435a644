//! Segments whose lines are gone: deleted by the log's own retention, which a later header says
//! and a checkpoint signs, or by somebody else.

use super::*;
use crate::format::Event;
use crate::read::verify::{Anchor, Require};
use crate::read::{Check, ProveError};

/// Four closed segments of three records each. Segment 3 says that 0 was deleted, segment 4, which
/// is active, that 1 was.
fn announced() -> TestLog {
    let mut test = TestLog::new();
    for number in 0..4 {
        test.append(3);
        match number {
            2 => test.roll_pruning(0, 0),
            3 => test.roll_pruning(1, 1),
            _ => test.roll(),
        }
    }
    test.append(2);
    test.checkpoint();
    test
}

/// As it is when retention has done what was announced.
fn pruned() -> TestLog {
    let test = announced();
    test.write();
    test.prune(0);
    test.prune(1);
    test
}

fn edit(test: &TestLog, name: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(test.file(name)).unwrap();
    assert!(text.contains(from));
    std::fs::write(test.file(name), text.replacen(from, to, 1)).unwrap();
}

#[test]
fn what_retention_deleted_is_no_damage_and_a_note_says_so() {
    let test = pruned();
    for options in [VerifyOptions::default(), keyless(&test), keyed(&test)] {
        let report = check(&test, &options);
        assert_eq!((report.verdict, found(&report)), (Verdict::Intact, vec![]));
        let note = report.findings.iter().find(|f| f.id == FindingId::Pruned).unwrap();
        assert_eq!((note.severity, note.first, note.last), (Severity::Note, Some(0), Some(7)));
        assert!(note.message.contains("segments 0 to 1, entries #0 to #7,"), "{}", note.message);
        assert_eq!((report.size, report.root), (test.size(), Some(test.root())));
        let gone = &report.segments[1];
        assert_eq!((gone.pruned, gone.first, gone.entries), (true, Some(4), 4));
        assert_eq!((gone.records, gone.checks.chain), (0, Check::Pass));
        assert_eq!(gone.checks.content, Check::NotRun);
    }
}

#[test]
fn every_level_can_be_reached_behind_retention() {
    let test = pruned();
    let anchor = Anchor::parse("kept".as_ref(), test.anchor().as_bytes()).unwrap();
    let require = vec![Require::Signatures, Require::Content, Require::Anchored];
    let options = VerifyOptions { anchors: vec![anchor], require, ..keyed(&test) };
    let report = check(&test, &options);
    assert_eq!(report.verdict, Verdict::Intact, "{:?} {:#?}", report.checks, report.findings);
}

#[test]
fn lines_that_were_announced_and_are_still_there_are_as_good_as_ever() {
    let test = announced();
    test.write();
    let report = check(&test, &keyed(&test));
    assert_eq!((report.verdict, found(&report)), (Verdict::Intact, vec![]));
    assert_eq!(report.pruned().count(), 0);
    // A crash may also come between two deletions, in whatever order.
    test.prune(1);
    let report = check(&test, &keyed(&test));
    assert_eq!((report.verdict, found(&report)), (Verdict::Intact, vec![]));
    assert_eq!(report.pruned().count(), 1);
    // And its damage is damage.
    let path = test.file("audit.000000.log");
    std::fs::write(&path, changed(&std::fs::read(&path).unwrap())).unwrap();
    only(&check(&test, &keyless(&test)), FindingId::RecordChanged);
}

#[test]
fn what_nobody_announced_is_missing() {
    let test = pruned();
    test.prune(2);
    let finding = only(&check(&test, &keyed(&test)), FindingId::SegmentMissing);
    assert!(finding.file.ends_with("audit.000002.log"));
    assert_eq!((finding.first, finding.last), (Some(8), Some(11)));
}

#[test]
fn an_announcement_counts_for_the_segments_that_it_names_and_for_earlier_ones_alone() {
    for (first, last, verdict) in [
        (0, 0, Verdict::Tampered),
        (0, 1, Verdict::Intact),
        (1, 1, Verdict::Intact),
        (0, u64::MAX, Verdict::Tampered),
        (2, 2, Verdict::Tampered),
    ] {
        let mut test = TestLog::new();
        for number in 0..3 {
            test.append(2);
            if number == 1 { test.roll_pruning(first, last) } else { test.roll() }
        }
        test.write();
        test.prune(1);
        let report = check(&test, &keyless(&test));
        assert_eq!(report.verdict, verdict, "{first} {last} {:#?}", report.findings);
    }
}

#[test]
fn an_announcement_that_was_put_in_later_does_not_excuse() {
    let mut test = TestLog::new();
    for _ in 0..3 {
        test.append(2);
        test.roll();
    }
    test.write();
    test.prune(0);
    edit(
        &test,
        "audit.000002.log.chain",
        "event rolled size\n",
        "event rolled size\nevent pruned 0\n",
    );
    let report = check(&test, &keyed(&test));
    let ids: Vec<_> = found(&report).iter().map(|found| found.0).collect();
    assert_eq!(ids, ["FL303", "FL203"], "{:#?}", report.findings);
    assert!(report.findings[0].message.contains("no checkpoint covers that header"));
    assert_eq!(report.pruned().count(), 0);
}

#[test]
fn an_announcement_whose_checkpoints_are_gone_or_not_signed_does_not_excuse() {
    for cut in [true, false] {
        let test = pruned();
        let name = "audit.log.chain";
        let text = std::fs::read_to_string(test.file(name)).unwrap();
        let bad = match cut {
            true => text.split_inclusive("\n\n").next().unwrap().to_owned(),
            // Other signatures of the log key in all checkpoints.
            false => text.replace("\u{2014} example.com/test ", "\u{2014} example.com/tesu "),
        };
        std::fs::write(test.file(name), bad).unwrap();
        let report = check(&test, &keyless(&test));
        assert_eq!(report.verdict, Verdict::Tampered);
        assert!(found(&report).iter().any(|f| f.0 == "FL303"), "{:#?}", report.findings);
    }
}

#[test]
fn a_chain_file_that_retention_would_have_kept_is_missing() {
    let test = pruned();
    std::fs::remove_file(test.file("audit.000001.log.chain")).unwrap();
    let finding = only(&check(&test, &keyed(&test)), FindingId::ChainMissing);
    assert!(finding.file.ends_with("audit.000001.log.chain"));
    std::fs::remove_file(test.file("audit.000000.log.chain")).unwrap();
    let report = check(&test, &keyed(&test));
    assert_eq!(report.verdict, Verdict::Tampered);
}

#[test]
fn what_is_left_of_a_pruned_segment_is_checked() {
    for (from, to) in [
        ("event rolled size", "event rolled time"),
        ("\n8\n", "\n9\n"),
        ("segment 1", "segment 7"),
        ("first 4", "first 5"),
    ] {
        let test = pruned();
        edit(&test, "audit.000001.log.chain", from, to);
        let report = check(&test, &keyless(&test));
        assert_eq!(report.verdict, Verdict::Tampered, "{from}");
        assert!(report.errors() > 0, "{from}");
    }
    // Without its final checkpoint nothing says that the segment ended where the next one begins.
    let test = pruned();
    let text = std::fs::read_to_string(test.file("audit.000001.log.chain")).unwrap();
    let blocks: Vec<_> = text.split_inclusive("\n\n").collect();
    std::fs::write(test.file("audit.000001.log.chain"), blocks[..3].concat()).unwrap();
    only(&check(&test, &keyless(&test)), FindingId::SegmentKey);
}

#[test]
fn another_history_in_a_pruned_segment_does_not_join() {
    let test = pruned();
    let mut other = TestLog::with_key(test.key.clone());
    other.log_key = test.log_key.clone();
    other.append(3);
    other.roll();
    std::fs::write(test.file("audit.000000.log.chain"), &other.closed[0].chain).unwrap();
    let report = check(&test, &keyless(&test));
    assert_eq!(report.verdict, Verdict::Tampered);
    assert!(found(&report).iter().any(|f| f.0 == "FL205"), "{:#?}", report.findings);
}

#[test]
fn what_was_kept_elsewhere_is_compared_with_the_checkpoints_that_are_left() {
    let mut test = TestLog::new();
    test.append(3);
    test.checkpoint();
    let kept = test.anchor();
    test.append(1);
    let between = test.anchor();
    test.append(1);
    test.roll();
    test.append(1);
    test.roll_pruning(0, 0);
    test.write();
    test.prune(0);
    let mut other = TestLog::with_key(test.key.clone());
    other.log_key = test.log_key.clone();
    other.append(3);
    for (note, verdict) in [
        (kept, Verdict::Intact),
        // No checkpoint has this size, and no lines lead there.
        (between, Verdict::Unproven),
        (other.anchor(), Verdict::Tampered),
    ] {
        let anchor = Anchor::parse("kept".as_ref(), note.as_bytes()).unwrap();
        let options = VerifyOptions { anchors: vec![anchor], ..keyless(&test) };
        let report = check(&test, &options);
        assert_eq!(report.verdict, verdict, "{:#?}", report.findings);
    }
}

#[test]
fn the_key_of_a_pruned_segment_is_not_asked_for() {
    let mut test = TestLog::new();
    test.append(2);
    test.roll_with(crate::crypto::Key::generate().unwrap(), vec![Event::Rolled("key".into())]);
    test.append(2);
    test.roll_pruning(0, 0);
    test.write();
    test.prune(0);
    // The ring has the newer key alone.
    assert_eq!(check(&test, &keyed(&test)).verdict, Verdict::Intact);
}

#[test]
fn a_segment_that_is_pruned_while_it_is_verified_is_no_damage() {
    let test = announced();
    let log = test.write();
    test.prune(0);
    let report = verify(&log, &keyed(&test)).unwrap();
    assert_eq!((report.verdict, found(&report)), (Verdict::Intact, vec![]));
    let mut reader = log.reader();
    assert_eq!(reader.next_line().unwrap().unwrap().index, Some(5));
}

#[test]
fn readers_pass_over_what_is_gone() {
    let test = pruned();
    let log = test.open();
    let pruned: Vec<_> = log.segments().iter().map(crate::read::Segment::is_pruned).collect();
    assert_eq!(pruned, [true, true, false, false, false]);
    let mut reader = log.reader();
    let mut indexes = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        indexes.push(line.index.unwrap());
    }
    assert_eq!(indexes, [9, 10, 11, 13, 14, 15, 17, 18]);
    assert!(log.reader_over(0..2).unwrap().next_line().unwrap().is_none());
}

#[test]
fn a_proof_that_needs_what_is_gone_says_so() {
    let test = pruned();
    let log = test.open();
    let error = crate::read::prove_record(&log, 5).unwrap_err();
    assert!(matches!(error, ProveError::Pruned { segment: 1 }), "{error}");
    let proof = crate::read::prove_record(&log, 9).unwrap();
    crate::read::verify_record(&proof, &test.vkey()).unwrap();
    let error = crate::read::prove_growth(&log, 6).unwrap_err();
    assert!(matches!(error, ProveError::Pruned { segment: 1 }), "{error}");
    // From the end of what is gone on, the next header knows enough.
    assert!(crate::read::prove_growth(&log, 8).is_ok());
}

#[test]
fn every_changed_byte_of_a_pruned_segment_is_tampering() {
    let test = pruned();
    let path = test.file("audit.000001.log.chain");
    let good = std::fs::read(&path).unwrap();
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1 << (place % 8);
        std::fs::write(&path, &bad).unwrap();
        let report = check(&test, &keyless(&test));
        assert_eq!(report.verdict, Verdict::Tampered, "{place}");
        assert!(report.errors() > 0, "{place}");
    }
}
