//! Every byte of every file that evidence rests on.

use super::{EVIDENCE, Keys, Specimen, ids};
use fernlog::read::{FindingId, Verdict};

#[test]
fn no_changed_byte_of_the_evidence_goes_unnoticed() {
    let specimen = Specimen::new();
    let mut changed = 0;
    for name in EVIDENCE {
        let good = &specimen.files[name];
        for place in 0..good.len() {
            // Another letter of the alphabet where there is one, and a bit that leaves it.
            for (flip, keys) in [(0x01, Keys::Auditor), (0x80, Keys::Operator)] {
                let mut bad = good.clone();
                bad[place] ^= flip;
                specimen.restore_with(&[(name, Some(&bad))]);
                let report = specimen.report(keys);
                assert_eq!(report.verdict, Verdict::Tampered, "{name} {place} {flip} {keys:?}");
                changed += 1;
            }
        }
    }
    assert!(changed > 10_000, "{changed}");
}

#[test]
fn a_changed_byte_of_a_line_is_found_at_its_line() {
    let specimen = Specimen::new();
    for (name, first) in [("audit.000000.log", 1), ("audit.000001.log", 6), ("audit.log", 11)] {
        let mut offset = 0;
        for (number, line) in specimen.lines(name).iter().enumerate() {
            let mut bad = specimen.files[name].clone();
            // The middle of the line, where both letters are in the alphabet.
            let place = offset + line.len() / 2;
            bad[place] = if bad[place] == b'A' { b'B' } else { b'A' };
            specimen.restore_with(&[(name, Some(&bad))]);
            for keys in [Keys::Auditor, Keys::Operator] {
                let report = specimen.report(keys);
                assert_eq!(ids(&report), [FindingId::RecordChanged], "{name} {number} {keys:?}");
                let finding = &report.findings[0];
                assert!(finding.file.ends_with(name));
                assert_eq!(finding.line, Some(number as u64 + 1));
                assert_eq!(finding.index, Some(first + number as u64));
                assert_eq!(finding.byte, Some(offset as u64));
            }
            offset += line.len();
        }
    }
}

#[test]
fn the_cache_changes_no_verdict() {
    let specimen = Specimen::new();
    for name in ["audit.000000.log.hashes", "audit.log.hashes"] {
        for place in 0..specimen.files[name].len() {
            let mut bad = specimen.files[name].clone();
            bad[place] ^= 1;
            specimen.restore_with(&[(name, Some(&bad))]);
            assert_eq!(specimen.report(Keys::Auditor).verdict, Verdict::Intact, "{name} {place}");
        }
        specimen.restore_with(&[(name, None)]);
        assert_eq!(specimen.report(Keys::Auditor).verdict, Verdict::Intact, "{name}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let specimen = Specimen::new();
    for (name, id) in [
        ("audit.000000.log", FindingId::SegmentMissing),
        ("audit.000001.log", FindingId::SegmentMissing),
        ("audit.log", FindingId::SegmentMissing),
        ("audit.000000.log.chain", FindingId::ChainMissing),
        ("audit.000001.log.chain", FindingId::ChainMissing),
        ("audit.log.chain", FindingId::ChainMissing),
    ] {
        specimen.restore_with(&[(name, None)]);
        let report = specimen.report(Keys::Auditor);
        assert_eq!(report.verdict, Verdict::Tampered, "{name}");
        assert!(ids(&report).contains(&id), "{name}: {:?}", ids(&report));
    }
    let both = [("audit.000001.log", None), ("audit.000001.log.chain", None)];
    specimen.restore_with(&both);
    let report = specimen.report(Keys::Auditor);
    assert_eq!(report.verdict, Verdict::Tampered);
    assert!(ids(&report).contains(&FindingId::SegmentMissing));
}
