//! `fernlog doctor`.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use serde_json::Value;

use super::trouble::Mount;
use super::{Ended, Shell, attribute};
use crate::common::notice;

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

/// A log on the file system that is mounted at `disk`.
fn append_on_disk(shell: &Shell) {
    let append = ["append", "disk/audit.log", "-k", "audit.key", "--sign", "audit.sign"];
    assert_eq!(shell.run(&append, b"a\n").code, Some(0));
}

fn findings_of(shell: &Shell, log: &str) -> Vec<String> {
    findings(&shell.run(&["doctor", log], b""))
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
fn a_disk_without_room_is_a_finding() {
    let shell = Shell::with_keys();
    let Some(_disk) = Mount::new(shell.path("disk"), "size=1m") else { return };
    append_on_disk(&shell);
    let found = findings_of(&shell, "disk/audit.log");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("free, less than 67.11 MB -> make room"), "{found:?}");
}

#[test]
fn room_is_measured_against_the_largest_segment() {
    let shell = Shell::with_keys();
    let Some(_disk) = Mount::new(shell.path("disk"), "size=100m") else { return };
    append_on_disk(&shell);
    assert!(findings_of(&shell, "disk/audit.log").is_empty());
    // A hole takes no room itself.
    let closed = std::fs::File::create(shell.path("disk/audit.000000.log")).unwrap();
    closed.set_len(60_000_000).unwrap();
    let found = findings_of(&shell, "disk/audit.log");
    assert!(found.iter().any(|found| found.contains("free, less than 120.00 MB")), "{found:?}");
}

#[test]
fn a_disk_that_takes_no_more_files_is_a_finding() {
    let shell = Shell::with_keys();
    let Some(_disk) = Mount::new(shell.path("disk"), "size=100m,nr_inodes=16") else { return };
    append_on_disk(&shell);
    let found = findings_of(&shell, "disk/audit.log");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("more files can be made -> remove files"), "{found:?}");
}

#[test]
fn attributes_that_stop_a_log_are_findings() {
    let shell = set_up();
    {
        let Some(_only) = attribute(&shell.path("audit.log"), 'a') else { return };
        let found = only(&shell);
        assert!(found.contains("WARN") && found.contains("cannot be rolled"), "{found}");
        assert!(found.contains("chattr -a audit.log"), "{found}");
        assert_eq!(shell.append(&[], b"c\n").code, Some(0), "append-only files can be appended to");
    }
    let Some(_fixed) = attribute(&shell.path("audit.log"), 'i') else { return };
    let found = only(&shell);
    assert!(found.contains("ERROR") && found.contains("chattr -i audit.log"), "{found}");
    assert_eq!(shell.append(&[], b"d\n").code, Some(2));
}

#[test]
fn a_folder_in_which_nothing_can_be_renamed_is_a_finding() {
    let shell = set_up();
    let folder = shell.path(".");
    let Some(only_grows) = attribute(&folder, 'a') else { return };
    let found = only(&shell);
    drop(only_grows);
    assert!(found.contains("is append-only: files cannot be renamed in it"), "{found}");
}

#[test]
fn who_holds_the_log_is_said() {
    let shell = set_up();
    assert!(shell.ok(&ALL).contains("audit.log.lock  no writer; the last one was process "));
    let mut writer = shell.start(&["--ack"]);
    writer.write("c\n");
    writer.line();
    let said = shell.ok(&ALL);
    assert!(said.contains(&format!("held by process {} (fernlog)", writer.id())), "{said}");
    writer.close();
}

#[test]
fn a_lock_that_outlives_its_process_is_a_finding() {
    let shell = set_up();
    // What a fork does: the descriptor goes on in a child of which the lock knows nothing.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exec 9<>audit.log.lock; flock -x 9; sleep 5 >/dev/null 2>&1 &"]);
    command.current_dir(shell.path("."));
    assert!(command.status().unwrap().success());
    let found = only(&shell);
    assert!(found.contains("which is gone; a child of it holds it"), "{found}");
    assert!(found.contains("fuser -v audit.log.lock"), "{found}");
}

#[test]
fn a_writer_whose_file_was_moved_away_is_a_finding() {
    if !rustix::process::geteuid().is_root() {
        return notice("not run: the open files of another process need root");
    }
    let shell = set_up();
    let mut writer = shell.start(&["--ack"]);
    writer.write("c\n");
    writer.line();
    // It must not notice by itself before we look.
    writer.signal(Signal::STOP);
    std::fs::rename(shell.path("audit.log"), shell.path("moved")).unwrap();
    std::fs::write(shell.path("audit.log"), "").unwrap();
    let found = findings(&shell.run(&ALL, b"")).join("\n");
    std::fs::rename(shell.path("moved"), shell.path("audit.log")).unwrap();
    writer.signal(Signal::CONT);
    assert_eq!(writer.close().code, Some(0));
    assert!(found.contains("/moved, which is not this file"), "{found}");
    assert!(found.contains("The lines are in /proc/"), "{found}");
    shell.verifies();
}

#[test]
fn a_cache_of_the_wrong_size_is_a_finding() {
    let shell = set_up();
    std::fs::write(shell.path("audit.log.hashes"), [0; 40]).unwrap();
    let found = only(&shell);
    assert!(found.contains("holds 1 of 3 leaf hashes -> the next append rebuilds it"), "{found}");
    shell.append(&[], b"");
    shell.ok(&ALL);
}

#[test]
fn a_lost_segment_key_is_a_finding() {
    let shell = set_up();
    std::fs::remove_file(shell.path("audit.log.signer")).unwrap();
    assert!(only(&shell).contains("cannot be read -> the next append rolls and says"));
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
