//! Wrong keys, missing keys, and what only a key can see.

use super::*;
use crate::crypto::{Key, Keyring};
use crate::read::Check;
use crate::read::verify::Require;

#[test]
fn a_wrong_key_decides_nothing() {
    let test = TestLog::sample();
    test.write();
    let wrong = Keyring::new(Key::generate().unwrap());
    let options = VerifyOptions { keyring: Some(wrong.clone()), ..keyless(&test) };
    let report = check(&test, &options);
    assert_eq!(report.verdict, Verdict::NoKey);
    assert_eq!(report.checks.content, Check::NotRun);
    assert_eq!(report.errors(), 1);
    let message = &report.findings.iter().find(|f| f.id == FindingId::OtherKey).unwrap().message;
    let (wanted, given) = (test.key.id().to_string(), wrong.primary().id().to_string());
    assert!(message.contains(&wanted) && message.contains(&given), "{message}");
}

#[test]
fn a_wrong_key_on_a_broken_chain_is_tampering() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.closed[0].log);
    all[0] = changed(&all[0]);
    test.closed[0].log = all.concat();
    test.write();
    let wrong = Keyring::new(Key::generate().unwrap());
    let options = VerifyOptions { keyring: Some(wrong), ..keyless(&test) };
    assert_eq!(check(&test, &options).verdict, Verdict::Tampered);
}

#[test]
fn a_rotated_key_that_was_not_given_is_named_with_its_segment() {
    let mut test = TestLog::new();
    test.append(2);
    let old = test.ring();
    test.roll_with(Key::generate().unwrap(), vec![]);
    test.append(2);
    test.roll();
    test.append(2);
    test.write();
    let options = VerifyOptions { keyring: Some(old.clone()), ..keyless(&test) };
    let report = check(&test, &options);
    assert_eq!(report.verdict, Verdict::NoKey);
    assert_eq!(found(&report), [("FL403", None, None)]);
    let mut both = test.ring();
    both.merge(old);
    let options = VerifyOptions { keyring: Some(both), ..keyless(&test) };
    assert_eq!(check(&test, &options).verdict, Verdict::Intact);
}

#[test]
fn the_verifier_key_of_another_log_decides_nothing() {
    let test = TestLog::sample();
    test.write();
    let report = check(&test, &keyless(&TestLog::new()));
    assert_eq!(report.verdict, Verdict::NoKey);
    assert_eq!(report.checks.signatures, Check::NotRun);
}

#[test]
fn a_record_that_says_another_index_is_found_even_though_it_is_signed() {
    let mut test = TestLog::new();
    test.append(2);
    test.append_plaintext(br#"{"seq":1,"message":"again"}"#);
    test.append(2);
    test.checkpoint();
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::Intact);
    let finding = only(&check(&test, &keyed(&test)), FindingId::RecordRepeated);
    assert_eq!(finding.line, Some(3));
}

#[test]
fn foreign_records_have_an_index_and_are_no_damage() {
    let mut test = TestLog::new();
    test.append(1);
    test.append_plaintext(b"plain words");
    test.append_plaintext(&[0xff, 0, 1]);
    test.append(1);
    test.checkpoint();
    test.write();
    assert_eq!(check(&test, &keyed(&test)).verdict, Verdict::Intact);
}

#[test]
fn an_uncovered_record_that_was_changed_shows_with_the_key_alone() {
    let mut test = TestLog::sample();
    let mut all = lines(&test.active.log);
    let last = all.len() - 1;
    all[last] = changed(&all[last]);
    test.active.log = all.concat();
    test.write();
    assert_eq!(check(&test, &keyless(&test)).verdict, Verdict::Intact);
    let finding = only(&check(&test, &keyed(&test)), FindingId::RecordChanged);
    assert_eq!((finding.line, finding.index), (Some(5), Some(20)));
}

#[test]
fn an_end_of_tokens_of_another_key_is_named() {
    let mut test = TestLog::sample();
    let mut other = TestLog::new();
    other.append(5);
    test.active.log.extend_from_slice(&other.active.log);
    test.write();
    let finding = only(&check(&test, &keyed(&test)), FindingId::EndReplaced);
    assert_eq!((finding.first, finding.last), (Some(21), Some(25)));
}

#[test]
fn a_gap_record_is_a_warning() {
    let mut test = TestLog::new();
    test.append(1);
    test.append_gap();
    test.checkpoint();
    test.write();
    let report = check(&test, &keyed(&test));
    assert_eq!(
        (report.verdict, found(&report)),
        (Verdict::Intact, vec![("FL309", Some(2), Some(2))])
    );
}

#[test]
fn what_is_required_and_not_reached_is_unproven() {
    let test = TestLog::sample();
    test.write();
    let require = |require| VerifyOptions { require: vec![require], ..VerifyOptions::default() };
    for level in [Require::Signatures, Require::Content, Require::Anchored] {
        assert_eq!(check(&test, &require(level)).verdict, Verdict::Unproven);
    }
    let options =
        VerifyOptions { require: vec![Require::Signatures, Require::Content], ..keyed(&test) };
    assert_eq!(check(&test, &options).verdict, Verdict::Intact);
}

fn plain(count: u64) -> TestLog {
    let mut test = TestLog::new();
    for seq in 0..count {
        test.append_plaintext(format!(r#"{{"seq":{seq},"message":"x"}}"#).as_bytes());
    }
    test
}

fn write_plain(test: &TestLog) {
    std::fs::write(test.file("audit.log"), &test.active.log).unwrap();
}

#[test]
fn a_plain_log_is_checked_by_its_content() {
    let test = plain(5);
    write_plain(&test);
    let with_key = VerifyOptions { keyring: Some(test.ring()), ..VerifyOptions::default() };
    assert_eq!(check(&test, &with_key).verdict, Verdict::Intact);
    assert_eq!(check(&test, &keyed(&test)).verdict, Verdict::Unproven);
    assert_eq!(check(&test, &VerifyOptions::default()).verdict, Verdict::Unproven);
    let wrong = Keyring::new(Key::generate().unwrap());
    let options = VerifyOptions { keyring: Some(wrong), ..VerifyOptions::default() };
    assert_eq!(check(&test, &options).verdict, Verdict::NoKey);
}

#[test]
fn damage_in_a_plain_log_is_named_by_what_the_records_say() {
    type Edit = fn(&mut Vec<Vec<u8>>);
    let cases: [(Edit, FindingId); 5] = [
        (|l| drop(l.remove(2)), FindingId::RecordsRemoved),
        (|l| l.swap(2, 3), FindingId::RecordsMoved),
        (|l| l.insert(4, l[1].clone()), FindingId::RecordRepeated),
        (|l| l[3] = changed(&l[3]), FindingId::RecordChanged),
        (|l| l.insert(3, b"\n".to_vec()), FindingId::NotAToken),
    ];
    for (edit, id) in cases {
        let mut test = plain(6);
        let mut all = lines(&test.active.log);
        edit(&mut all);
        test.active.log = all.concat();
        write_plain(&test);
        let options = VerifyOptions { keyring: Some(test.ring()), ..VerifyOptions::default() };
        only(&check(&test, &options), id);
    }
}

#[test]
fn a_log_whose_chain_was_taken_away_is_no_plain_log() {
    let test = TestLog::sample();
    test.write();
    for name in ["audit.000000.log.chain", "audit.000001.log.chain", "audit.log.chain"] {
        std::fs::remove_file(test.file(name)).unwrap();
    }
    assert_eq!(check(&test, &VerifyOptions::default()).verdict, Verdict::Tampered);
}

#[test]
fn another_file_is_no_log() {
    let test = TestLog::new();
    for text in ["", "Nov 22 10:15:30 host sshd[1]: Accepted\n", "\0\0\0\n\n\n"] {
        std::fs::write(test.file("audit.log"), text).unwrap();
        let report = check(&test, &VerifyOptions::default());
        assert_eq!((report.verdict, report.findings.len()), (Verdict::NotALog, 0), "{text:?}");
        assert!(report.reason.is_some());
    }
}
