//! Compressed segments verify as the lines in them do, and damage of the file is named.

use super::*;
use crate::format::SegmentName;
use crate::read::{Content, Damage, Reader};

/// A sample whose first two segments are compressed.
fn compressed() -> TestLog {
    let test = TestLog::sample();
    test.write();
    test.compress(0);
    test.compress(1);
    test
}

/// Changes the compressed file of segment 1.
fn edit(test: &TestLog, edit: impl FnOnce(&mut Vec<u8>)) {
    let path = test.file("audit.000001.log.zst");
    let mut bytes = std::fs::read(&path).unwrap();
    edit(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Gives segment 1 other lines.
fn edit_lines(test: &TestLog, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut all = lines(&test.closed[1].log);
    edit(&mut all);
    let bytes = zstd::bulk::compress(&all.concat(), 3).unwrap();
    std::fs::write(test.file("audit.000001.log.zst"), bytes).unwrap();
}

/// What of each line a reader says: its index, and whether it is a token.
fn read(mut reader: Reader<'_>) -> Vec<(Option<u64>, Option<Damage>)> {
    let mut found = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        let damage = match line.content {
            Content::Damage(damage) => Some(damage),
            Content::Token { .. } => None,
        };
        found.push((line.index, damage));
    }
    found
}

#[test]
fn a_log_verifies_alike_with_and_without_compressed_segments() {
    let test = TestLog::sample();
    test.write();
    let before = check(&test, &keyed(&test));
    test.compress(0);
    test.compress(1);
    let report = check(&test, &keyed(&test));
    assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
    assert_eq!((report.root, report.checks), (before.root, before.checks));
    for (plain, packed) in before.segments.iter().zip(&report.segments) {
        assert_eq!((plain.bytes, plain.entries), (packed.bytes, packed.entries));
    }
    let kinds: Vec<_> = report.segments.iter().map(|segment| segment.compressed).collect();
    assert_eq!(kinds, [true, true, false]);
    assert!(report.segments[1].file.ends_with("audit.000001.log.zst"));
}

#[test]
fn lines_of_a_compressed_segment_have_their_place_from_any_point() {
    let test = TestLog::sample();
    let plain = test.write();
    let expected = read(plain.reader());
    test.compress(0);
    test.compress(1);
    let log = test.open();
    assert_eq!(read(log.reader()), expected);
    assert_eq!(read(log.reader_over(1..2).unwrap()), expected[6..13]);
    let mut reader = log.reader();
    for behind in 1..=expected.len() {
        reader.next_line().unwrap();
        assert_eq!(read(log.reader_from(reader.position()).unwrap()), expected[behind..]);
    }
}

#[test]
fn the_uncompressed_file_counts_when_both_are_there() {
    let test = TestLog::sample();
    test.write();
    std::fs::write(test.file("audit.000001.log.zst"), "half written").unwrap();
    let report = check(&test, &keyed(&test));
    assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
    assert!(!test.open().segments()[1].is_compressed());
}

#[test]
fn a_segment_that_is_compressed_while_it_is_read_is_read() {
    let test = TestLog::sample();
    let log = test.write();
    test.compress(0);
    assert_eq!(read(log.reader()).len(), 18);
    assert_eq!(verify(&log, &keyed(&test)).unwrap().verdict, Verdict::Intact);
}

#[test]
fn damage_of_lines_is_named_as_in_any_segment() {
    let test = compressed();
    edit_lines(&test, |all| all[2] = changed(&all[2]));
    let finding = only(&check(&test, &keyless(&test)), FindingId::RecordChanged);
    assert_eq!((finding.line, finding.index), (Some(3), Some(10)));
    assert!(finding.file.ends_with("audit.000001.log.zst"));
    edit_lines(&test, |all| drop(all.remove(4)));
    let finding = only(&check(&test, &keyed(&test)), FindingId::RecordsRemoved);
    assert_eq!((finding.first, finding.last), (Some(12), Some(12)));
    edit_lines(&test, |all| all.swap(1, 5));
    let report = check(&test, &keyed(&test));
    assert!(report.findings.iter().any(|f| f.id == FindingId::RecordsMoved));
}

#[test]
fn a_file_that_was_cut_is_one_finding_with_the_records_that_are_gone() {
    let cuts: [fn(usize) -> usize; 5] =
        [|_| 0, |_| 3, |_| 20, |whole| whole / 2, |whole| whole - 1];
    for (cut, length) in cuts.into_iter().enumerate() {
        let test = compressed();
        // Two logs are never compressed to the same length.
        edit(&test, |bytes| bytes.truncate(length(bytes.len())));
        for options in [keyless(&test), keyed(&test)] {
            let finding = only(&check(&test, &options), FindingId::CompressedDamaged);
            assert!(finding.file.ends_with("audit.000001.log.zst"), "{cut}");
            assert!(finding.byte.is_some() && finding.first >= Some(8), "{cut} {finding:?}");
            assert_eq!(finding.last, Some(14), "{cut} {finding:?}");
        }
        let damage = |found: &(_, _)| *found == (None, Some(Damage::Broken));
        let found = read(test.open().reader());
        assert_eq!(found.iter().filter(|found| damage(found)).count(), 1, "{cut}");
        assert_eq!(found.last().unwrap(), &(Some(20), None), "{cut}");
    }
}

#[test]
fn nothing_may_stand_behind_the_last_frame() {
    let test = compressed();
    edit(&test, |bytes| bytes.push(b'\n'));
    let report = check(&test, &keyed(&test));
    let finding = only(&report, FindingId::CompressedDamaged);
    assert_eq!((finding.line, finding.first), (Some(8), None));
    assert_eq!(report.root, Some(test.root()));
}

#[test]
fn lines_in_a_second_frame_are_lines_behind_the_end() {
    let test = compressed();
    let more = zstd::bulk::compress(&test.closed[0].log, 3).unwrap();
    edit(&test, |bytes| bytes.extend(more));
    only(&check(&test, &keyless(&test)), FindingId::ForeignRecord);
}

#[test]
fn every_changed_byte_of_a_compressed_file_is_noticed_or_changes_no_line() {
    let test = compressed();
    let path = test.file("audit.000001.log.zst");
    let good = std::fs::read(&path).unwrap();
    let mut noticed = 0;
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1 << (place % 8);
        std::fs::write(&path, &bad).unwrap();
        let report = check(&test, &keyless(&test));
        let content = zstd::bulk::decompress(&bad, 1 << 20);
        let is_same = content.is_ok_and(|content| content == test.closed[1].log);
        assert_eq!(report.verdict == Verdict::Intact, is_same, "{place} {:#?}", report.findings);
        noticed += usize::from(!is_same);
    }
    assert!(noticed > good.len() * 9 / 10);
}

#[test]
fn ten_gigabytes_of_nothing_are_one_long_line_in_little_memory() {
    // 128 MiB here; the memory does not depend on it.
    let test = compressed();
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(b'A'), 1 << 27), &mut encoder).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 16);
    edit(&test, |bytes| *bytes = bomb);
    assert_eq!(check(&test, &keyed(&test)).verdict, Verdict::Tampered);
}

#[test]
fn a_plain_log_may_be_compressed_too() {
    let test = compressed();
    for name in [0, 1].map(SegmentName::Closed) {
        std::fs::remove_file(test.path().beside(name, "chain")).unwrap();
        std::fs::remove_file(test.path().beside(name, "hashes")).unwrap();
    }
    for name in ["audit.log", "audit.log.chain", "audit.log.hashes"] {
        std::fs::remove_file(test.file(name)).unwrap();
    }
    let found = crate::read::locate(test.path().folder()).unwrap();
    assert_eq!(found, [test.path()]);
    let log = test.open();
    assert!(log.is_plain());
    assert_eq!(read(log.reader()).len(), 13);
    edit(&test, |bytes| bytes.truncate(60));
    let report = check(&test, &VerifyOptions::default());
    assert!(report.findings.iter().any(|f| f.id == FindingId::CompressedDamaged));
}

#[test]
fn a_proof_comes_from_a_compressed_segment_as_well() {
    let test = compressed();
    let log = test.open();
    for index in [1, 9, 13] {
        let proof = crate::read::prove_record(&log, index).unwrap();
        crate::read::verify_record(&proof, &test.vkey()).unwrap();
    }
    edit(&test, |bytes| bytes.truncate(60));
    let error = crate::read::prove_record(&log, 9).unwrap_err();
    assert!(matches!(error, crate::read::ProveError::Damaged), "{error}");
}
