//! Every place at which a file can be cut off.

use super::{EVIDENCE, Keys, Specimen, ids, verify_log};
use fernlog::read::{FindingId, Verdict};

#[test]
fn a_cut_of_a_closed_segment_or_its_chain_is_tampering() {
    let specimen = Specimen::new();
    for name in &EVIDENCE[..4] {
        let good = &specimen.files[*name];
        for end in 0..good.len() {
            specimen.restore_with(&[(name, Some(&good[..end]))]);
            let report = specimen.report(Keys::Auditor);
            assert_eq!(report.verdict, Verdict::Tampered, "{name} {end}");
        }
    }
}

#[test]
fn a_cut_of_the_active_segment_below_what_was_signed_is_tampering() {
    let specimen = Specimen::new();
    let good = &specimen.files["audit.log"];
    for end in 0..good.len() {
        specimen.restore_with(&[("audit.log", Some(&good[..end]))]);
        for keys in [Keys::Auditor, Keys::Operator] {
            let report = specimen.report(keys);
            assert_eq!(report.verdict, Verdict::Tampered, "{end} {keys:?}");
            assert!(ids(&report).contains(&FindingId::RecordsRemoved), "{end}: {:?}", ids(&report));
        }
    }
}

#[test]
fn a_cut_of_the_active_chain_only_uncovers_lines() {
    let specimen = Specimen::new();
    let good = &specimen.files["audit.log.chain"];
    let text = String::from_utf8(good.clone()).unwrap();
    // Up to the hand-over the chain must be whole; behind it a checkpoint may be missing or torn.
    let handover = text.match_indices("\n\n").nth(2).unwrap().0 + 2;
    for end in 0..good.len() {
        specimen.restore_with(&[("audit.log.chain", Some(&good[..end]))]);
        let report = specimen.report(Keys::Auditor);
        let expected = if end < handover { Verdict::Tampered } else { Verdict::Intact };
        assert_eq!(report.verdict, expected, "{end}: {:?}", ids(&report));
        if expected == Verdict::Intact {
            assert!(report.uncovered > 0, "{end}");
            assert!(ids(&report).contains(&FindingId::Uncovered), "{end}");
            let sentence = |caveat: &&str| caveat.contains("not anchored");
            assert!(report.caveats().iter().any(sentence), "{end}");
        }
    }
}

#[test]
fn log_and_chain_cut_back_together_show_only_against_an_anchor() {
    let specimen = Specimen::new();
    let anchor = specimen.anchor();
    let chain = &specimen.files["audit.log.chain"];
    let text = String::from_utf8(chain.clone()).unwrap();
    // The checkpoint in the middle covers two of the four lines.
    let middle = text.match_indices("\nexample.com/test\n").nth(1).unwrap().0 + 1;
    let two_lines = specimen.lines("audit.log")[..2].concat();
    specimen.restore_with(&[
        ("audit.log.chain", Some(&chain[..middle])),
        ("audit.log", Some(&two_lines)),
    ]);
    let blind = verify_log(&specimen.site, Keys::Operator, vec![]);
    assert_eq!(blind.verdict, Verdict::Intact, "{:?}", ids(&blind));
    assert!(blind.caveats().iter().any(|caveat| caveat.contains("not anchored")));
    let seen = verify_log(&specimen.site, Keys::Operator, vec![anchor]);
    assert_eq!(seen.verdict, Verdict::Tampered);
    assert!(ids(&seen).contains(&FindingId::ShorterThanAnchor), "{:?}", ids(&seen));
}

#[test]
fn a_torn_tail_is_torn_and_with_an_anchor_still_torn_if_nothing_is_missing() {
    let specimen = Specimen::new();
    let anchor = specimen.anchor();
    for tail in [&b"gAAAAAB"[..], b"\0\0\0\0\0\0\0\0"] {
        let torn = [&specimen.files["audit.log"][..], tail].concat();
        specimen.restore_with(&[("audit.log", Some(&torn))]);
        for anchors in [vec![], vec![anchor.clone()]] {
            let report = verify_log(&specimen.site, Keys::Auditor, anchors);
            assert_eq!(report.verdict, Verdict::Torn);
            assert_eq!(report.torn_bytes, tail.len() as u64);
        }
    }
}
