//! `fernlog doctor`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{Ended, Shell};

const ALL: [&str; 8] =
    ["doctor", "audit.log", "-k", "audit.key", "--sign", "audit.sign", "--vkey", "audit.vkey"];

fn set_up() -> Shell {
    let shell = Shell::with_keys();
    shell.append(&[], b"a\nb\n");
    shell
}

fn chmod(shell: &Shell, name: &str, mode: u32) {
    std::fs::set_permissions(shell.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The findings, each on a line with its advice.
fn findings(ended: &Ended) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = ended.out.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("WARN") || line.starts_with("ERROR") {
            found.push(format!("{line} {}", lines.next().unwrap().trim()));
        }
    }
    found
}

/// The one finding there is.
fn only(shell: &Shell) -> String {
    let ended = shell.run(&ALL, b"");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let found = findings(&ended);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn a_sound_set_up_has_no_findings() {
    let shell = set_up();
    let before = shell.files();
    let said = shell.ok(&ALL);
    for part in
        ["tokens agree with the fernet crate", "opens with key", "belongs to", "no findings"]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert_eq!(shell.files(), before);
}

#[test]
fn without_arguments_it_checks_the_build_and_the_clock() {
    let said = Shell::empty().ok(&["doctor"]);
    assert_eq!(said.lines().count(), 3, "{said}");
}

#[test]
fn a_key_that_others_can_read_is_a_finding() {
    let shell = set_up();
    chmod(&shell, "audit.key", 0o644);
    let found = only(&shell);
    assert!(found.contains("mode 0644: others can read it -> chmod 600 audit.key"), "{found}");
}

#[test]
fn a_segment_key_that_others_can_read_is_a_finding() {
    let shell = set_up();
    chmod(&shell, "audit.log.signer", 0o640);
    let found = only(&shell);
    assert!(found.contains("audit.log.signer") && found.contains("chmod 600"), "{found}");
}

#[test]
fn a_verifier_key_of_another_pair_is_a_finding() {
    let shell = set_up();
    shell.ok(&["keygen", "other", "--origin", "example.com/test"]);
    std::fs::copy(shell.path("other.vkey"), shell.path("audit.vkey")).unwrap();
    assert!(only(&shell).contains("does not belong to the signer's key"));
}

#[test]
fn keys_of_another_origin_are_findings() {
    let shell = set_up();
    shell.ok(&["keygen", "other", "--origin", "example.com/other"]);
    let mut arguments = ALL;
    (arguments[5], arguments[7]) = ("other.sign", "other.vkey");
    let found = findings(&shell.run(&arguments, b""));
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("is the log of example.com/test"), "{found:?}");
}

#[test]
fn a_key_that_does_not_open_the_log_is_a_finding() {
    let shell = set_up();
    shell.ok(&["keygen", "other", "--origin", "example.com/test"]);
    std::fs::copy(shell.path("other.key"), shell.path("audit.key")).unwrap();
    let found = only(&shell);
    assert!(found.contains("needs key ") && found.contains("fernlog keys find "), "{found}");
}

#[test]
fn what_a_crash_left_is_a_finding() {
    let shell = set_up();
    crate::common::site::append_bytes(&shell.path("audit.log"), b"gAAAAA");
    assert!(only(&shell).contains("6 bytes of an incomplete last line"));
    shell.append(&[], b"");
    assert!(only(&shell).contains("incomplete ends set aside after crashes: 1"));
}

#[test]
fn an_interrupted_roll_is_a_finding() {
    let shell = set_up();
    std::fs::write(shell.path("audit.log.chain.new"), "fernlog/segment@v1\n").unwrap();
    assert!(only(&shell).contains("a roll was interrupted"));
}

#[test]
fn records_from_the_future_are_a_finding() {
    let shell = set_up();
    shell.append(&["--json-lines"], br#"{"timestamp":"2222-01-01T00:00:00Z","message":"m"}"#);
    assert!(only(&shell).contains("line 3 is dated 2222-01-01T00:00:00Z, which is still to come"));
}

#[test]
fn json_says_the_same() {
    let shell = set_up();
    chmod(&shell, "audit.sign", 0o644);
    let ended = shell.run(&[&ALL[..], &["--json"]].concat(), b"");
    let lines: Vec<Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["schema"], "fernlog.doctor/1");
    let warnings: Vec<_> = lines.iter().filter(|line| line["severity"] == "warning").collect();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0]["next"], "chmod 600 audit.sign");
    let summary = lines.last().unwrap();
    assert_eq!((&summary["exit_code"], &summary["warnings"]), (&1.into(), &1.into()));
}

#[test]
fn no_key_is_printed() {
    let shell = set_up();
    let ended = shell.run(&["doctor", "-k", "audit.sign", "--vkey", "audit.key"], b"");
    for name in ["audit.key", "audit.sign"] {
        let text = std::fs::read_to_string(shell.path(name)).unwrap();
        assert!(!ended.out.contains(text.lines().last().unwrap()));
    }
}
