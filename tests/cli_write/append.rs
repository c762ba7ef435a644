//! `fernlog append` with input that ends.

use fernlog::{Key, Keyring};
use serde_json::json;

use super::{APPEND, Shell};

#[test]
fn a_system_log_comes_back_line_for_line() {
    let shell = Shell::with_keys();
    let mut input = String::new();
    for n in 0..3000 {
        input.push_str(&format!("2026-11-22 10:15:30 status installed lib{n}:amd64 1.{n}-1\r\n\n"));
    }
    let ended = shell.append(&[], input.as_bytes());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = input.split_terminator('\n').collect();
    assert_eq!(shell.messages(), lines);
    shell.verifies();
}

#[test]
fn empty_lines_cr_tab_nul_and_a_last_line_without_lf_are_records() {
    let shell = Shell::with_keys();
    shell.append(&[], b"a\r\n\n\t\0\nend");
    assert_eq!(shell.messages(), ["a\r", "", "\t\0", "end"]);
}

#[test]
fn no_input_makes_a_log_without_records() {
    let shell = Shell::with_keys();
    let ended = shell.append(&[], b"");
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.contains("nothing appended to audit.log"), "{}", ended.err);
    assert!(shell.records().is_empty());
}

#[test]
fn bytes_that_are_no_text_are_kept_exactly() {
    let shell = Shell::with_keys();
    shell.append(&[], b"caf\xe9\n");
    let record = &shell.records()[0];
    assert_eq!(record["message"], "caf\u{fffd}");
    assert_eq!(record["fields"], json!({"bytes": "Y2Fm6Q=="}));
}

#[test]
fn flags_say_level_logger_and_fields() {
    let shell = Shell::with_keys();
    let more =
        ["--level", "notice", "--logger", "dpkg", "--field", "host=web7", "--field", "a=b=c"];
    shell.append(&more, b"x\n");
    let record = &shell.records()[0];
    assert_eq!((&record["level"], &record["logger"]), (&json!("NOTICE"), &json!("dpkg")));
    assert_eq!(record["fields"], json!({"host": "web7", "a": "b=c"}));
}

#[test]
fn the_end_is_told_on_standard_error() {
    let shell = Shell::with_keys();
    let ended = shell.append(&[], b"a\nb\nc\n");
    assert_eq!(ended.out, "");
    assert!(ended.err.contains("#1..#3 appended to audit.log, 3 records"), "{}", ended.err);
    assert!(ended.err.contains("head: size 4, root "), "{}", ended.err);
    let ended = shell.append(&[], b"d\n");
    assert!(ended.err.contains("#4..#4 appended to audit.log, 1 record\n"), "{}", ended.err);
}

#[test]
fn acknowledgements_are_the_indexes() {
    let shell = Shell::with_keys();
    for durability in ["buffered", "written", "durable"] {
        let before = shell.records().len();
        let ended = shell.append(&["--ack", "--durability", durability], b"a\nb\n");
        let first = before + 1;
        assert_eq!(ended.out, format!("{first}\n{}\n", first + 1), "{durability}");
    }
}

#[test]
fn a_plain_log_has_no_chain() {
    let shell = Shell::with_keys();
    let plain = ["append", "audit.log", "-k", "audit.key", "--plain"];
    assert_eq!(shell.run(&plain, b"a\n").code, Some(0));
    let ended = shell.run(&plain, b"b\n");
    assert!(ended.err.contains("head: size 2, no chain"), "{}", ended.err);
    assert_eq!(shell.messages(), ["a", "b"]);
    assert!(!shell.path("audit.log.chain").exists());
    assert_eq!(shell.records()[1]["seq"], 1);
}

#[test]
fn a_segment_that_is_full_gives_way_to_the_next() {
    let shell = Shell::with_keys();
    let lines: Vec<String> = (0..200).map(|n| format!("line {n}")).collect();
    let ended = shell.append(&["--roll-size", "8K"], lines.join("\n").as_bytes());
    assert_eq!(ended.code, Some(0));
    assert!(shell.path("audit.000002.log").exists(), "{:?}", shell.files());
    assert_eq!(shell.messages(), lines);
}

#[test]
fn a_line_over_the_cap_is_refused_by_number_and_the_rest_goes_on() {
    let shell = Shell::with_keys();
    let mut input = b"first\n".to_vec();
    input.extend_from_slice(&vec![b'x'; 3 << 20]);
    input.extend_from_slice(b"\nthird\n");
    // Short enough to read, too long once it is a token.
    input.extend_from_slice(&vec![b'y'; 900_000]);
    let ended = shell.append(&[], &input);
    assert_eq!(ended.code, Some(3));
    let refused: Vec<&str> = ended.err.lines().filter(|line| line.contains("refused")).collect();
    assert_eq!(
        refused,
        [
            "fernlog: error: line 2 is refused: too long for one record",
            "fernlog: error: line 4 is refused: too long for one record"
        ]
    );
    assert_eq!(shell.messages(), ["first", "third"]);
}

#[test]
fn a_wrong_key_is_exit_12_and_names_both() {
    let shell = Shell::with_keys();
    shell.append(&[], b"a\n");
    let wanted = Keyring::load(shell.path("audit.key")).unwrap().ids()[0].to_string();
    let key = Key::generate().unwrap();
    std::fs::write(shell.path("audit.key"), Keyring::new(key.clone()).to_text(&[]).as_bytes())
        .unwrap();
    let ended = shell.append(&[], b"b\n");
    assert_eq!(ended.code, Some(12));
    assert!(
        ended.err.contains(&wanted) && ended.err.contains(&key.id().to_string()),
        "{}",
        ended.err
    );
}

#[test]
fn a_key_of_another_log_may_not_sign() {
    let shell = Shell::with_keys();
    shell.append(&[], b"a\n");
    let before = std::fs::read(shell.path("audit.log")).unwrap();
    shell.ok(&["keygen", "other", "--origin", "example.com/other"]);
    let ended =
        shell.run(&["append", "audit.log", "-k", "audit.key", "--sign", "other.sign"], b"b\n");
    assert_eq!(ended.code, Some(10));
    assert!(ended.err.contains("example.com/other"), "{}", ended.err);
    assert_eq!(std::fs::read(shell.path("audit.log")).unwrap(), before);
}

#[test]
fn a_key_on_the_command_line_is_refused_and_not_repeated() {
    let shell = Shell::with_keys();
    let key = Key::generate().unwrap().to_text();
    let sign = std::fs::read_to_string(shell.path("audit.sign")).unwrap();
    for arguments in [
        ["append", "audit.log", "-k", &key, "--sign", "audit.sign"],
        ["append", "audit.log", "-k", "audit.key", "--sign", sign.trim()],
        ["append", &key, "-k", "audit.key", "--sign", "audit.sign"],
    ] {
        let ended = shell.run(&arguments, b"a\n");
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.contains("replace it"), "{}", ended.err);
        assert!(!ended.err.contains(key.as_str()) && !ended.err.contains(sign.trim()));
    }
    assert!(!shell.path("audit.log").exists());
}

#[test]
fn standard_input_cannot_be_key_and_lines_at_once() {
    let shell = Shell::with_keys();
    let ended = shell.run(&["append", "audit.log", "-k", "-", "--sign", "audit.sign"], b"a\n");
    assert_eq!(ended.code, Some(2));
    assert!(!shell.path("audit.log").exists());
}

#[test]
fn what_is_no_log_path_is_refused() {
    let shell = Shell::with_keys();
    for (path, said) in [
        (".", "is a folder"),
        ("no/audit.log", "folder no does not exist"),
        ("audit.000003.log", "is a part of a log"),
        ("audit.log.chain", "is a part of a log"),
        ("-", "a log is a file"),
    ] {
        let mut arguments = APPEND;
        arguments[1] = path;
        let ended = shell.run(&arguments, b"a\n");
        assert_eq!(ended.code, Some(2), "{path}");
        assert!(ended.err.contains(said), "{path}: {}", ended.err);
    }
    assert_eq!(shell.files(), ["audit.key", "audit.sign", "audit.vkey"]);
}

#[test]
fn a_key_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let shell = Shell::with_keys();
    let open = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(shell.path("audit.key"), open).unwrap();
    let ended = shell.append(&[], b"a\n");
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("others can write"), "{}", ended.err);
}
