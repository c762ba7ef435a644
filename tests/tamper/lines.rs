//! Lines deleted, repeated, swapped, inserted: found, named, at their place.

use super::{Keys, Specimen, ids};
use crate::common::site::{Site, record};
use fernlog::read::{FindingId, Verdict};

const LOGS: [&str; 3] = ["audit.000000.log", "audit.000001.log", "audit.log"];

/// Changes the lines of each segment at each place, and checks what is found.
fn each(edit: impl Fn(&mut Vec<Vec<u8>>, usize) -> bool, expected: &[FindingId]) {
    let specimen = Specimen::new();
    for name in LOGS {
        for place in 0..4 {
            let mut lines = specimen.lines(name);
            if !edit(&mut lines, place) {
                continue;
            }
            specimen.restore_with(&[(name, Some(&lines.concat()))]);
            for keys in [Keys::Auditor, Keys::Operator] {
                let report = specimen.report(keys);
                assert_eq!(report.verdict, Verdict::Tampered, "{name} {place} {keys:?}");
                let found = ids(&report);
                assert!(
                    found.iter().any(|id| expected.contains(id)),
                    "{name} {place} {keys:?}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn a_deleted_line_is_found() {
    let delete = |lines: &mut Vec<Vec<u8>>, place: usize| {
        lines.remove(place);
        true
    };
    each(delete, &[FindingId::RecordsRemoved]);
}

#[test]
fn a_repeated_line_is_found() {
    let repeat = |lines: &mut Vec<Vec<u8>>, place: usize| {
        let line = lines[place].clone();
        lines.insert(place, line);
        true
    };
    each(repeat, &[FindingId::RecordRepeated]);
}

#[test]
fn swapped_neighbours_are_found() {
    let swap = |lines: &mut Vec<Vec<u8>>, place: usize| {
        let inside = place + 1 < lines.len();
        if inside {
            lines.swap(place, place + 1);
        }
        inside
    };
    each(swap, &[FindingId::RecordsMoved]);
}

#[test]
fn a_line_of_another_log_is_found() {
    let other = Site::new();
    let log = other.open();
    log.append(&record("from elsewhere")).unwrap();
    let line = other.read("audit.log");
    let insert = |lines: &mut Vec<Vec<u8>>, place: usize| {
        lines.insert(place, line.clone());
        true
    };
    each(insert, &[FindingId::ForeignRecord]);
}

#[test]
fn lines_that_are_no_tokens_are_found() {
    for bad in [&b"\n"[..], b"\r\n", b"hello\n", b"\xef\xbb\xbf\n", b"gAAAAA==\n"] {
        let insert = |lines: &mut Vec<Vec<u8>>, place: usize| {
            lines.insert(place, bad.to_vec());
            true
        };
        each(insert, &[FindingId::NotAToken]);
    }
}

#[test]
fn a_file_saved_with_crlf_is_one_finding() {
    let specimen = Specimen::new();
    for name in LOGS {
        let text = String::from_utf8(specimen.files[name].clone()).unwrap();
        for saved in [text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
            specimen.restore_with(&[(name, Some(saved.as_bytes()))]);
            let report = specimen.report(Keys::Auditor);
            assert_eq!(report.verdict, Verdict::Tampered);
            let marked = ids(&report).iter().filter(|id| **id == FindingId::SavedAsText).count();
            assert_eq!(marked, 1, "{name}: {:?}", ids(&report));
        }
    }
}

#[test]
fn damage_in_one_place_leaves_the_rest_verified() {
    let specimen = Specimen::new();
    let mut lines = specimen.lines("audit.000001.log");
    let line = String::from_utf8(lines[1].clone()).unwrap();
    lines[1] = line.replacen(&line[60..64], "AAAA", 1).into_bytes();
    let mut last = specimen.lines("audit.log");
    last.remove(2);
    let damage = [("audit.000001.log", lines.concat()), ("audit.log", last.concat())];
    let changed: Vec<_> = damage.iter().map(|(name, bytes)| (*name, Some(&bytes[..]))).collect();
    specimen.restore_with(&changed);
    let report = specimen.report(Keys::Operator);
    assert_eq!(ids(&report), [FindingId::RecordChanged, FindingId::RecordsRemoved]);
    assert_eq!(report.findings[0].index, Some(7));
    assert_eq!((report.findings[1].first, report.findings[1].last), (Some(13), Some(13)));
}
