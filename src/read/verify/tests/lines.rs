//! Damage to the lines of a log, found without the Fernet key and with it.

use super::*;

/// Verifies without and with the key; both must find the same.
#[track_caller]
fn both(test: &TestLog, id: FindingId) -> crate::read::Finding {
    test.write();
    let with = only(&check(test, &keyed(test)), id);
    let without = only(&check(test, &keyless(test)), id);
    assert_eq!((with.line, with.index), (without.line, without.index));
    without
}

#[test]
fn an_untouched_log_is_intact() {
    let test = TestLog::sample();
    test.write();
    for options in [keyless(&test), keyed(&test), VerifyOptions::default()] {
        let report = check(&test, &options);
        assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
        assert_eq!((report.size, report.checkpoint_size, report.uncovered), (21, 20, 1));
        assert_eq!(report.root, Some(test.root()));
        assert_eq!(found(&report), []);
        assert!(!report.caveats().is_empty());
    }
}

#[test]
fn a_changed_record_is_named_and_the_others_verify() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[1].log);
    all[2] = changed(&all[2]);
    test.closed[1].log = all.concat();
    let finding = both(&test, FindingId::RecordChanged);
    assert_eq!((finding.line, finding.index), (Some(3), Some(10)));
    assert_eq!(finding.byte, Some((all[0].len() + all[1].len()) as u64));
    assert!(finding.file.ends_with("audit.000001.log") && finding.time.is_some());
}

#[test]
fn two_changed_records_are_two_findings() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[1].log);
    (all[1], all[6]) = (changed(&all[1]), changed(&all[6]));
    test.closed[1].log = all.concat();
    test.write();
    let report = check(&test, &keyless(&test));
    assert_eq!(found(&report), [("FL101", Some(9), Some(9)), ("FL101", Some(14), Some(14))]);
}

#[test]
fn removed_records_are_named_by_their_indexes() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[1].log);
    all.drain(2..4);
    test.closed[1].log = all.concat();
    let finding = both(&test, FindingId::RecordsRemoved);
    assert_eq!((finding.first, finding.last, finding.line), (Some(10), Some(11), Some(3)));
}

#[test]
fn records_removed_at_the_end_of_a_segment_are_named() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[0].log);
    all.pop();
    test.closed[0].log = all.concat();
    let finding = both(&test, FindingId::RecordsRemoved);
    assert_eq!((finding.first, finding.last), (Some(6), Some(6)));
}

#[test]
fn swapped_neighbours_are_one_move() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[0].log);
    all.swap(1, 2);
    test.closed[0].log = all.concat();
    both(&test, FindingId::RecordsMoved);
}

#[test]
fn a_repeated_record_is_named() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[0].log);
    all.insert(4, all[1].clone());
    test.closed[0].log = all.concat();
    let finding = both(&test, FindingId::RecordRepeated);
    assert_eq!((finding.line, finding.index), (Some(5), Some(2)));
}

#[test]
fn a_record_of_another_log_is_named() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[0].log);
    let mut other = TestLog::new();
    other.append(1);
    all.insert(2, other.active.log.clone());
    test.closed[0].log = all.concat();
    let finding = both(&test, FindingId::ForeignRecord);
    assert_eq!(finding.line, Some(3));
}

#[test]
fn a_line_behind_the_end_of_a_closed_segment_is_named() {
    let mut test = TestLog::sample();
    let first = lines(&test.closed[0].log)[0].clone();
    test.closed[0].log.extend_from_slice(&first);
    both(&test, FindingId::RecordRepeated);
    let mut other = TestLog::new();
    other.append(1);
    let end = test.closed[0].log.len() - first.len();
    test.closed[0].log.truncate(end);
    test.closed[0].log.extend_from_slice(&other.active.log);
    both(&test, FindingId::ForeignRecord);
}

#[test]
fn lines_that_are_no_tokens_are_named_once() {
    for bad in ["\n", "gAAAAA=\n", "gAAAAABp\r\n", "\u{feff}x\n"] {
        let mut test = TestLog::sample();
        let mut all = lines(&test.closed[0].log);
        all.insert(2, bad.as_bytes().to_vec());
        test.closed[0].log = all.concat();
        let finding = both(&test, FindingId::NotAToken);
        assert_eq!(finding.line, Some(3), "{bad:?}");
    }
}

#[test]
fn a_line_of_any_length_is_damage_with_its_place() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[0].log);
    let mut long = vec![b'a'; 3 << 20];
    long.push(b'\n');
    all.insert(1, long);
    test.closed[0].log = all.concat();
    let finding = both(&test, FindingId::NotAToken);
    assert_eq!(finding.line, Some(2));
}

#[test]
fn a_file_saved_by_an_editor_is_one_finding() {
    for (index, edit) in
        [|l: &str| l.replace('\n', "\r\n"), |l: &str| format!("\u{feff}{l}")].iter().enumerate()
    {
        let mut test = TestLog::sample();
        let text = String::from_utf8(test.closed[1].log.clone()).unwrap();
        test.closed[1].log = edit(&text).into_bytes();
        let finding = both(&test, FindingId::SavedAsText);
        assert!(finding.file.ends_with("audit.000001.log"), "{index}");
    }
}

#[test]
fn a_file_in_utf16_is_one_finding() {
    let mut test = TestLog::sample();
    let text = String::from_utf8(test.closed[1].log.clone()).unwrap();
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    test.closed[1].log = units.flat_map(u16::to_le_bytes).collect();
    both(&test, FindingId::SavedAsText);
}

#[test]
fn bytes_behind_the_last_line_are_torn_only_in_the_active_segment() {
    let mut test = TestLog::sample();
    test.active.log.extend_from_slice(b"gAAAAABp");
    test.write();
    let report = check(&test, &keyless(&test));
    assert_eq!((report.verdict, report.torn_bytes), (Verdict::Torn, 8));
    for (torn_tail, verdict) in [
        (super::super::TornTail::Accept, Verdict::Intact),
        (super::super::TornTail::Reject, Verdict::Tampered),
    ] {
        let options = VerifyOptions { torn_tail, ..keyless(&test) };
        assert_eq!(check(&test, &options).verdict, verdict);
    }
    let mut test = TestLog::sample();
    test.closed[0].log.extend_from_slice(b"gAAAAABp");
    both(&test, FindingId::BytesAfterEnd);
}

#[test]
fn nul_bytes_at_the_end_are_torn() {
    let mut test = TestLog::sample();
    test.active.log.extend(vec![0; 2 << 20]);
    test.write();
    assert_eq!(check(&test, &keyed(&test)).verdict, Verdict::Torn);
}

#[test]
fn a_torn_tail_that_the_next_header_declares_is_no_damage() {
    let mut test = TestLog::new();
    test.append(3);
    test.active.log.extend_from_slice(b"gAAA");
    test.roll_with(test.key.clone(), vec![crate::format::Event::TornTailKept(4)]);
    test.append(1);
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::Intact);
    test.closed[0].log.push(b'x');
    test.write();
    only(&check(&test, &keyless(&test)), FindingId::BytesAfterEnd);
}

#[test]
fn a_covered_line_cut_in_half_is_tampering() {
    let mut test = TestLog::sample();
    test.checkpoint();
    let end = test.active.log.len() - 50;
    test.active.log.truncate(end);
    test.write();
    let report = check(&test, &keyless(&test));
    assert_eq!(report.verdict, Verdict::Tampered);
    assert_eq!(found(&report)[0], ("FL102", Some(20), Some(20)));
}

#[test]
fn without_leaf_hashes_the_stretch_is_named_and_with_the_key_the_record() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[1].log);
    all[2] = changed(&all[2]);
    test.closed[1].log = all.concat();
    test.closed[1].hashes.clear();
    test.write();
    let finding = only(&check(&test, &keyless(&test)), FindingId::RootDiffers);
    assert_eq!((finding.first, finding.last), (Some(8), Some(11)));
    let finding = only(&check(&test, &keyed(&test)), FindingId::RecordChanged);
    assert_eq!((finding.line, finding.index), (Some(3), Some(10)));
}

#[test]
fn leaf_hashes_that_do_not_fold_to_a_signed_root_are_not_believed() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[1].log);
    all[2] = changed(&all[2]);
    test.closed[1].log = all.concat();
    // What a forger would leave behind: hashes of what he wrote.
    let forged = crate::format::leaf(all[2].strip_suffix(b"\n").unwrap());
    test.closed[1].hashes[3 * 32..4 * 32].copy_from_slice(&forged);
    test.write();
    only(&check(&test, &keyless(&test)), FindingId::RootDiffers);
}

#[test]
fn records_missing_without_leaf_hashes_are_counted() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[1].log);
    all.drain(1..3);
    test.closed[1].log = all.concat();
    test.closed[1].hashes.clear();
    test.write();
    let finding = only(&check(&test, &keyless(&test)), FindingId::RecordsRemoved);
    assert!(finding.message.ends_with(": 2"), "{}", finding.message);
    let finding = only(&check(&test, &keyed(&test)), FindingId::RecordsRemoved);
    assert_eq!((finding.first, finding.last), (Some(9), Some(10)));
}

#[test]
fn a_missing_cache_is_no_damage() {
    let mut test = TestLog::sample();
    test.closed[0].hashes.clear();
    test.active.hashes.truncate(40);
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::Intact);
}

#[test]
fn damage_in_a_long_log_is_found_and_what_follows_verifies() {
    let mut test = TestLog::new();
    for _ in 0..40 {
        test.append(25);
        test.checkpoint();
    }
    let mut all = lines(&test.active.log);
    all[900] = changed(&all[900]);
    all.remove(500);
    let copy = all[10].clone();
    all.insert(100, copy);
    test.active.log = all.concat();
    test.write();
    let report = check(&test, &keyless(&test));
    let expected = [
        ("FL105", Some(11), Some(11)),
        ("FL102", Some(501), Some(501)),
        ("FL101", Some(901), Some(901)),
    ];
    let errors: Vec<_> = found(&report).into_iter().filter(|(id, ..)| *id != "FL206").collect();
    assert_eq!(errors, expected);
    assert_eq!(report.size, test.size());
    assert_eq!(report.root, Some(test.root()));
}

#[test]
fn a_clock_that_was_set_back_is_a_warning() {
    let mut test = TestLog::new();
    test.append(3);
    test.append_at(crate::read::testlog::START - 60);
    test.append(3);
    test.write();
    let report = check(&test, &keyed(&test));
    assert_eq!(report.verdict, Verdict::Intact);
    assert_eq!(found(&report), [("FL107", Some(4), Some(4))]);
}

#[test]
fn a_checkpoint_that_came_late_is_a_warning() {
    let mut test = TestLog::new();
    test.append(10);
    test.checkpoint();
    test.append(1);
    test.write();
    let report = check(&test, &keyless(&test));
    assert_eq!(report.verdict, Verdict::Intact);
    assert_eq!(found(&report), [("FL206", Some(1), Some(10))]);
}

/// Moves a line, counted from 0, from one closed segment into another.
fn move_line(test: &mut TestLog, from: (usize, usize), to: (usize, usize)) {
    let mut all = lines(&test.closed[from.0].log);
    let line = all.remove(from.1);
    test.closed[from.0].log = all.concat();
    let mut all = lines(&test.closed[to.0].log);
    all.insert(to.1, line);
    test.closed[to.0].log = all.concat();
}

#[test]
fn a_line_moved_into_another_segment_is_one_move() {
    for (from, to, index) in [((0, 3), (1, 2), 4), ((1, 3), (0, 2), 11), ((0, 0), (1, 7), 1)] {
        let mut test = TestLog::sample();
        move_line(&mut test, from, to);
        let finding = both(&test, FindingId::RecordsMoved);
        assert_eq!((finding.index, finding.line), (Some(index), Some(to.1 as u64 + 1)));
        assert!(finding.file.ends_with(format!("audit.{:06}.log", to.0)));
    }
}

#[test]
fn what_was_removed_beside_a_moved_line_is_still_missing() {
    let mut test = TestLog::sample();
    move_line(&mut test, (1, 3), (0, 2));
    let mut all = lines(&test.closed[1].log);
    all.drain(2..4);
    test.closed[1].log = all.concat();
    test.write();
    let report = check(&test, &keyless(&test));
    let expected = [
        ("FL104", Some(11), Some(11)),
        ("FL102", Some(10), Some(10)),
        ("FL102", Some(12), Some(12)),
    ];
    assert_eq!(found(&report), expected, "{:#?}", report.findings);
    assert_eq!(report.errors(), 3);
}

#[test]
fn without_leaf_hashes_a_line_from_another_segment_is_damage_all_the_same() {
    let mut test = TestLog::sample();
    move_line(&mut test, (0, 3), (1, 2));
    test.closed[0].hashes.clear();
    test.closed[1].hashes.clear();
    test.write();
    for options in [keyed(&test), keyless(&test)] {
        assert_eq!(check(&test, &options).verdict, Verdict::Tampered);
    }
}
