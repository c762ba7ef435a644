//! Damage to headers, checkpoints and whole files.

use super::*;
use crate::crypto::{Key, SigningKey};
use crate::format::Event;
use crate::read::Check;
use crate::read::testlog::ORIGIN;
use crate::read::verify::Require;

/// Replaces text in the chain file of a closed segment.
fn edit(chain: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(chain.clone()).unwrap();
    assert!(text.contains(from));
    *chain = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn a_changed_header_is_named_and_the_lines_verify() {
    for (from, to) in [
        ("event rolled size", "event rolled time"),
        ("interval 1000", "interval 9000"),
        ("segment@v1", "segment@v2"),
    ] {
        let mut test = TestLog::sample();
        edit(&mut test.closed[1].chain, from, to);
        test.write();
        let report = check(&test, &keyed(&test));
        let finding = only(&report, FindingId::HeaderChanged);
        assert_eq!(finding.first, Some(7), "{from}");
        assert_eq!(report.segments[1].checks.content, Check::Pass);
    }
}

#[test]
fn behind_a_changed_header_later_damage_is_still_named() {
    let mut test = TestLog::sample();
    edit(&mut test.closed[1].chain, "first 7", "first 8");
    let mut all = lines(&test.closed[1].log);
    all[2] = changed(&all[2]);
    test.closed[1].log = all.concat();
    test.write();
    let report = check(&test, &keyless(&test));
    let expected = [("FL203", Some(7), Some(7)), ("FL101", Some(10), Some(10))];
    assert_eq!(found(&report), expected, "{:#?}", report.findings);
}

#[test]
fn the_first_header_can_be_damaged_too() {
    let mut test = TestLog::sample();
    edit(&mut test.closed[0].chain, "first 0", "first x");
    test.write();
    only(&check(&test, &keyless(&test)), FindingId::HeaderChanged);
}

#[test]
fn another_key_in_the_header_is_a_changed_header_and_no_wrong_key() {
    let mut test = TestLog::sample();
    let other = Key::generate().unwrap();
    let was = crate::crypto::encode_standard(&test.key.commitment(ORIGIN));
    let is = crate::crypto::encode_standard(&other.commitment(ORIGIN));
    edit(&mut test.closed[0].chain, &was, &is);
    test.write();
    only(&check(&test, &keyed(&test)), FindingId::HeaderChanged);
}

#[test]
fn a_changed_checkpoint_is_named_and_the_lines_verify() {
    let mut test = TestLog::sample();
    edit(&mut test.closed[1].chain, "\n12\n", "\n13\n");
    test.write();
    let report = check(&test, &keyless(&test));
    only(&report, FindingId::CheckpointSignature);
    assert_eq!(report.root, Some(test.root()));
}

#[test]
fn without_a_verifier_key_the_segment_keys_are_checked_all_the_same() {
    let mut test = TestLog::sample();
    edit(&mut test.closed[1].chain, "\n12\n", "\n13\n");
    test.write();
    only(&check(&test, &VerifyOptions::default()), FindingId::CheckpointSignature);
}

#[test]
fn a_checkpoint_that_another_segment_key_signed_is_named() {
    let mut test = TestLog::new();
    test.append(2);
    let thief = SigningKey::generate(ORIGIN).unwrap();
    let note = test.note(&[&test.log_key, &thief]);
    test.active.chain.extend_from_slice(note.as_bytes());
    test.active.chain.push(b'\n');
    test.write();
    only(&check(&test, &keyless(&test)), FindingId::SegmentKey);
}

#[test]
fn a_missing_hand_over_is_named() {
    let mut test = TestLog::sample();
    let text = String::from_utf8(test.closed[1].chain.clone()).unwrap();
    let blocks: Vec<&str> = text.split("\n\n").collect();
    // Header, then text and signatures of each checkpoint.
    let without = [&blocks[..1], &blocks[3..]].concat().join("\n\n");
    test.closed[1].chain = without.into_bytes();
    test.write();
    only(&check(&test, &keyless(&test)), FindingId::SegmentKey);
}

#[test]
fn a_missing_final_checkpoint_is_named() {
    let mut test = TestLog::sample();
    let text = String::from_utf8(test.closed[1].chain.clone()).unwrap();
    let blocks: Vec<&str> = text.trim_end().split("\n\n").collect();
    test.closed[1].chain = (blocks[..blocks.len() - 2].join("\n\n") + "\n\n").into_bytes();
    test.write();
    let report = check(&test, &keyless(&test));
    only(&report, FindingId::SegmentKey);
    assert_eq!(report.root, Some(test.root()));
}

#[test]
fn a_torn_checkpoint_is_a_note_in_the_active_segment_and_damage_elsewhere() {
    let mut test = TestLog::sample();
    test.checkpoint();
    let whole = test.active.chain.len();
    test.active.chain.truncate(whole - 30);
    test.write();
    let report = check(&test, &keyless(&test));
    assert_eq!((report.verdict, found(&report)), (Verdict::Intact, vec![]));
    assert!(report.findings.iter().any(|f| f.id == FindingId::CheckpointSignature));
    let mut test = TestLog::sample();
    let whole = test.closed[0].chain.len();
    test.closed[0].chain.truncate(whole - 30);
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::Tampered);
}

#[test]
fn a_missing_file_is_named() {
    for (file, id) in [
        ("audit.000001.log", FindingId::SegmentMissing),
        ("audit.000001.log.chain", FindingId::ChainMissing),
        ("audit.log", FindingId::SegmentMissing),
        ("audit.log.chain", FindingId::ChainMissing),
    ] {
        let test = TestLog::sample();
        test.write();
        std::fs::remove_file(test.file(file)).unwrap();
        only(&check(&test, &keyed(&test)), id);
    }
}

#[test]
fn a_missing_segment_is_named_wherever_it_stood() {
    for number in [0, 1] {
        let test = TestLog::sample();
        test.write();
        for kind in ["", ".chain", ".hashes"] {
            let name = format!("audit.{number:06}.log{kind}");
            std::fs::remove_file(test.file(&name)).unwrap();
        }
        only(&check(&test, &keyed(&test)), FindingId::SegmentMissing);
    }
    let test = TestLog::sample();
    test.write();
    for name in ["audit.log", "audit.log.chain", "audit.log.hashes"] {
        std::fs::remove_file(test.file(name)).unwrap();
    }
    only(&check(&test, &keyed(&test)), FindingId::SegmentMissing);
}

#[test]
fn a_lost_signer_is_a_warning_that_fails_required_signatures() {
    let mut test = TestLog::new();
    test.append(2);
    test.roll_with(test.key.clone(), vec![Event::SignerLost]);
    test.append(2);
    test.write();
    let report = check(&test, &keyless(&test));
    assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
    assert_eq!(found(&report)[0].0, "FL207");
    let options = VerifyOptions { require: vec![Require::Signatures], ..keyless(&test) };
    assert_eq!(check(&test, &options).verdict, Verdict::Unproven);
}

#[test]
fn a_hand_over_that_the_old_key_did_not_sign_is_named() {
    let mut test = TestLog::new();
    test.append(2);
    test.roll_with(test.key.clone(), vec![Event::SignerLost]);
    // As a thief of the log key would do it, without saying so.
    let mut other = TestLog::new();
    other.log_key = test.log_key.clone();
    other.append(2);
    other.roll();
    test.closed[0] = other.closed[0].clone();
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::Tampered);
}

#[test]
fn a_segment_of_another_history_is_a_fork() {
    let test = TestLog::sample();
    let mut other = TestLog::with_key(test.key.clone());
    other.log_key = test.log_key.clone();
    other.append(6);
    other.roll();
    let mut mixed = TestLog::sample();
    mixed.log_key = test.log_key.clone();
    mixed.closed = vec![other.closed[0].clone(), test.closed[1].clone()];
    mixed.active = test.active.clone();
    mixed.write();
    let report = check(&mixed, &keyless(&test));
    assert_eq!(report.verdict, Verdict::Tampered);
    assert!(report.findings.iter().any(|f| f.id == FindingId::Fork));
}

#[test]
fn a_half_done_roll_is_no_damage() {
    let test = TestLog::sample();
    let mut rolled = TestLog::sample();
    // The same log, once before and once behind a roll, comes from one builder.
    drop(test);
    rolled.roll();
    let last = rolled.closed.pop().unwrap();
    let fresh = std::mem::replace(&mut rolled.active, last);
    rolled.write();
    let chain = |name: &str| rolled.file(name);
    std::fs::write(chain("audit.log.chain.new"), &fresh.chain).unwrap();
    assert_eq!(check(&rolled, &keyless(&rolled)).verdict, Verdict::Intact);
    std::fs::rename(chain("audit.log.chain"), chain("audit.000002.log.chain")).unwrap();
    let report = check(&rolled, &keyless(&rolled));
    assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
    std::fs::rename(chain("audit.log"), chain("audit.000002.log")).unwrap();
    let report = check(&rolled, &keyless(&rolled));
    assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
    std::fs::write(chain("audit.log.signer.new"), "").unwrap();
    std::fs::rename(chain("audit.log.chain.new"), chain("audit.log.chain")).unwrap();
    assert_eq!(check(&rolled, &keyless(&rolled)).verdict, Verdict::Intact);
}

#[test]
fn a_newer_version_is_no_log_of_ours() {
    let mut test = TestLog::new();
    edit(&mut test.active.chain, "segment@v1\n", "segment@v2\nnew line\n");
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::NotALog);
}

#[test]
fn a_chain_copied_over_another_is_named_where_it_was_put() {
    for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (2, 3)] {
        let mut test = TestLog::new();
        for _ in 0..3 {
            test.append(3);
            test.checkpoint();
            test.append(2);
            test.roll();
        }
        test.append(1);
        let chain = test.closed[from].chain.clone();
        test.closed.get_mut(to).unwrap_or(&mut test.active).chain = chain;
        test.write();
        for options in [keyed(&test), keyless(&test), VerifyOptions::default()] {
            let finding = only(&check(&test, &options), FindingId::HeaderChanged);
            let name = if to == 3 { "audit.log" } else { &format!("audit.{to:06}.log") };
            assert!(finding.file.ends_with(format!("{name}.chain")), "{from} over {to}");
            assert_eq!(finding.message, format!("this is the chain file of segment {from}"));
        }
    }
}
