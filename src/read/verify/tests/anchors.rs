//! What was kept elsewhere: checkpoints and the memory of the last check.

use std::path::Path;

use super::*;
use crate::error::Error;
use crate::read::Check;
use crate::read::verify::{Anchor, Require, State};

fn anchor(note: &str) -> Anchor {
    Anchor::parse(Path::new("kept.txt"), note.as_bytes()).unwrap()
}

fn with(test: &TestLog, notes: &[&str]) -> VerifyOptions<'static> {
    let anchors = notes.iter().map(|note| anchor(note)).collect();
    VerifyOptions { anchors, require: vec![Require::Anchored], ..keyless(test) }
}

/// A log of eight records in two segments and what was kept of it at each size.
fn grown() -> (TestLog, Vec<String>) {
    let mut test = TestLog::new();
    let mut kept = vec![test.anchor()];
    for _ in 0..4 {
        test.append(1);
        kept.push(test.anchor());
    }
    test.roll();
    kept.push(test.anchor());
    for _ in 0..4 {
        test.append(1);
        kept.push(test.anchor());
    }
    test.checkpoint();
    (test, kept)
}

#[test]
fn every_size_of_the_log_can_be_an_anchor() {
    let (test, kept) = grown();
    test.write();
    for note in &kept {
        let report = check(&test, &with(&test, &[note]));
        assert_eq!(report.verdict, Verdict::Intact, "{note} {:#?}", report.findings);
        assert_eq!(report.anchored_size, Some(anchor(note).checkpoint().size));
    }
    let all: Vec<&str> = kept.iter().map(String::as_str).collect();
    assert_eq!(check(&test, &with(&test, &all)).anchored_size, Some(10));
}

#[test]
fn a_log_cut_back_with_its_chain_shows_by_the_anchor_alone() {
    let mut test = TestLog::sample();
    test.checkpoint();
    let old = (test.active.log.clone(), test.active.chain.clone());
    test.append(3);
    test.checkpoint();
    let kept = test.anchor();
    (test.active.log, test.active.chain) = old;
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::Intact);
    let finding = only(&check(&test, &with(&test, &[&kept])), FindingId::ShorterThanAnchor);
    assert_eq!((finding.first, finding.last), (Some(21), Some(23)));
}

#[test]
fn a_torn_tail_is_tampering_when_an_anchor_expects_more() {
    let mut test = TestLog::sample();
    test.checkpoint();
    let kept = test.anchor();
    let end = test.active.log.len() - 10;
    test.active.log.truncate(end);
    // The checkpoint that covered the line is gone too.
    let text = String::from_utf8(test.active.chain.clone()).unwrap();
    let blocks: Vec<&str> = text.trim_end().split("\n\n").collect();
    test.active.chain = (blocks[..blocks.len() - 2].join("\n\n") + "\n\n").into_bytes();
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::Torn);
    assert_eq!(check(&test, &with(&test, &[&kept])).verdict, Verdict::Tampered);
}

#[test]
fn another_history_under_the_same_key_is_a_fork() {
    let mut test = TestLog::new();
    let mut other = TestLog::new();
    other.log_key = test.log_key.clone();
    test.append(4);
    other.append(4);
    test.checkpoint();
    test.write();
    let report = check(&test, &with(&test, &[&other.anchor()]));
    only(&report, FindingId::Fork);
    assert_eq!(report.checks.anchor, Check::Fail);
}

#[test]
fn damage_to_the_log_does_not_make_an_anchor_a_fork() {
    let (mut test, kept) = grown();
    let mut all = lines(&test.closed[0].log);
    all[1] = changed(&all[1]);
    test.closed[0].log = all.concat();
    test.write();
    for note in &kept {
        let report = check(&test, &with(&test, &[note]));
        only(&report, FindingId::RecordChanged);
        assert_eq!(report.checks.anchor, Check::Pass, "{note}");
    }
}

#[test]
fn an_anchor_shows_a_change_behind_the_last_checkpoint() {
    let mut test = TestLog::new();
    test.append(3);
    test.checkpoint();
    test.append(3);
    let kept = test.anchor();
    let mut all = lines(&test.active.log);
    all[4] = changed(&all[4]);
    test.active.log = all.concat();
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::Intact);
    let finding = only(&check(&test, &with(&test, &[&kept])), FindingId::RecordChanged);
    assert_eq!(finding.line, Some(5));
}

#[test]
fn an_anchor_of_another_log_or_with_a_bad_signature_is_an_error() {
    let (test, kept) = grown();
    test.write();
    let error = |note: &str, options: VerifyOptions<'_>| {
        let options = VerifyOptions { anchors: vec![anchor(note)], ..options };
        verify(&test.open(), &options).unwrap_err()
    };
    let forged = kept[2].replace("\n3\n", "\n4\n");
    assert!(matches!(error(&forged, keyless(&test)), Error::Note { .. }));
    let other = kept[2].replace("example.com/test", "example.com/other");
    assert!(matches!(error(&other, VerifyOptions::default()), Error::Refused { .. }));
    assert!(Anchor::parse(Path::new("x"), b"garbage").is_err());
}

#[test]
fn two_anchors_that_contradict_each_other_are_a_fork() {
    let mut test = TestLog::new();
    let mut other = TestLog::new();
    other.log_key = test.log_key.clone();
    test.append(4);
    other.append(4);
    let (a, b) = (test.anchor(), other.anchor());
    test.checkpoint();
    test.write();
    let report = check(&test, &with(&test, &[&a, &b]));
    assert_eq!(report.verdict, Verdict::Tampered);
    assert!(found(&report).iter().all(|(id, ..)| *id == "FL205"));
}

fn remembering(test: &TestLog, state: &State) -> VerifyOptions<'static> {
    let text = state.to_text();
    let state = State::from_text(Path::new("state"), &text).unwrap();
    VerifyOptions { state: Some(state), ..keyless(test) }
}

#[test]
fn the_memory_of_the_last_check_shows_a_shorter_log() {
    let mut test = TestLog::sample();
    let old = (test.active.log.clone(), test.active.chain.clone());
    test.checkpoint();
    test.write();
    let state = check(&test, &keyless(&test)).state.unwrap();
    let report = check(&test, &remembering(&test, &state));
    assert_eq!((report.verdict, report.anchored_size), (Verdict::Intact, Some(21)));
    (test.active.log, test.active.chain) = old;
    let end = lines(&test.active.log)[..4].concat().len();
    test.active.log.truncate(end);
    test.write();
    only(&check(&test, &remembering(&test, &state)), FindingId::ShorterThanBefore);
}

#[test]
fn the_memory_of_the_last_check_shows_a_rewritten_log() {
    let mut test = TestLog::sample();
    test.checkpoint();
    test.write();
    let state = check(&test, &keyless(&test)).state.unwrap();
    // Everything again, by someone with all keys.
    let mut forged = TestLog::with_key(test.key.clone());
    forged.log_key = test.log_key.clone();
    forged.append(30);
    forged.checkpoint();
    forged.write();
    let report = check(&forged, &remembering(&test, &state));
    let ids: Vec<_> = report.findings.iter().map(|f| f.id).collect();
    assert!(ids.contains(&FindingId::Fork) && ids.contains(&FindingId::SegmentKey), "{ids:?}");
}

#[test]
fn a_damaged_memory_is_not_read() {
    let test = TestLog::sample();
    test.write();
    let text = check(&test, &keyless(&test)).state.unwrap().to_text();
    for bad in ["", "{}", &text[..text.len() / 2], &text.replace("\"size\": 20", "\"size\": 21")] {
        assert!(State::from_text(Path::new("state"), bad).is_err());
    }
    assert!(State::from_text(Path::new("state"), &text).is_ok());
}

#[test]
fn an_anchor_on_a_log_without_its_chain_is_not_fine() {
    let mut test = TestLog::new();
    test.append(2);
    std::fs::write(test.file("audit.log"), &test.active.log).unwrap();
    let report = check(&test, &with(&test, &[&test.anchor()]));
    assert_eq!(report.verdict, Verdict::Tampered);
}
