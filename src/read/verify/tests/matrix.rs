//! Every byte, every line, every cut of a small log.

use super::*;

/// A log of two segments that is small enough to damage at every byte.
fn small() -> TestLog {
    let mut test = TestLog::new();
    test.append(2);
    test.checkpoint();
    test.append(1);
    test.roll();
    test.append(2);
    test.checkpoint();
    test
}

const FILES: [&str; 4] =
    ["audit.000000.log", "audit.000000.log.chain", "audit.log", "audit.log.chain"];

#[test]
fn every_changed_byte_is_tampering() {
    let test = small();
    test.write();
    let options = keyless(&test);
    for name in FILES {
        let path = test.file(name);
        let good = std::fs::read(&path).unwrap();
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1 << (place % 8);
            std::fs::write(&path, &bad).unwrap();
            let report = check(&test, &options);
            assert_eq!(report.verdict, Verdict::Tampered, "{name} {place}");
            assert!(report.errors() > 0);
        }
        std::fs::write(&path, &good).unwrap();
    }
    assert_eq!(check(&test, &options).verdict, Verdict::Intact);
}

#[test]
fn a_changed_byte_of_a_line_is_one_finding_at_its_line() {
    let test = small();
    test.write();
    let path = test.file("audit.000000.log");
    let good = std::fs::read(&path).unwrap();
    let lf = good.iter().position(|&b| b == b'\n').unwrap();
    for place in (0..lf).step_by(5) {
        let mut bad = good.clone();
        bad[place] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        for options in [keyless(&test), keyed(&test)] {
            let report = check(&test, &options);
            assert_eq!(report.errors(), 1, "{place} {:#?}", report.findings);
            let finding = &report.findings[0];
            assert_eq!((finding.line, finding.index), (Some(1), Some(1)), "{place}");
        }
    }
}

#[test]
fn every_line_deleted_repeated_or_swapped_is_tampering() {
    let test = small();
    test.write();
    let options = keyless(&test);
    for name in FILES {
        let path = test.file(name);
        let good = lines(&std::fs::read(&path).unwrap());
        for at in 0..good.len() {
            let mut cases = vec![good.clone(); 2];
            cases[0].remove(at);
            cases[1].insert(at, good[at].clone());
            // Signatures of one note have no order.
            let signatures =
                good[at..].iter().take(2).all(|l| l.starts_with("\u{2014}".as_bytes()));
            if at + 1 < good.len() && good[at] != good[at + 1] && !signatures {
                cases.push(good.clone());
                cases[2].swap(at, at + 1);
            }
            for (kind, bad) in cases.into_iter().enumerate() {
                // Without its last line the newest checkpoint is torn, as a crash leaves it.
                if name == "audit.log.chain" && kind == 0 && at + 1 == good.len() {
                    continue;
                }
                std::fs::write(&path, bad.concat()).unwrap();
                let report = check(&test, &options);
                let verdict = report.verdict;
                assert_eq!(verdict, Verdict::Tampered, "{name} {at} {kind}");
            }
        }
        std::fs::write(&path, good.concat()).unwrap();
    }
}

#[test]
fn every_cut_is_tampering_but_those_that_only_an_anchor_shows() {
    let test = small();
    test.write();
    let kept = super::super::Anchor::parse("kept".as_ref(), test.anchor().as_bytes()).unwrap();
    let anchored = VerifyOptions { anchors: vec![kept], ..keyless(&test) };
    for name in FILES {
        let path = test.file(name);
        let good = std::fs::read(&path).unwrap();
        for cut in (0..good.len()).step_by(3) {
            std::fs::write(&path, &good[..cut]).unwrap();
            let report = check(&test, &keyless(&test));
            // Checkpoints cut from the active chain leave lines that nothing covers yet.
            let may_pass = name == "audit.log.chain" && report.checkpoint_size >= 5;
            let expected = if may_pass { Verdict::Intact } else { Verdict::Tampered };
            assert_eq!(report.verdict, expected, "{name} {cut} {:#?}", report.findings);
            // The lines are still those of the anchor.
            assert_eq!(check(&test, &anchored).verdict, expected, "{name} {cut}");
        }
        std::fs::write(&path, &good).unwrap();
    }
}
