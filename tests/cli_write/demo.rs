//! `fernlog demo`.

use std::path::Path;
use std::process::{Command, Output};

use super::{Shell, until};
use crate::common::{cannot_run, python};

/// Runs the demo with temporary folders in our own, and with a key in the environment that has
/// nothing to do with it.
fn demo(shell: &Shell, arguments: &[&str]) -> Output {
    let mut command = shell.command(&[&["demo"], arguments].concat());
    command.env("TMPDIR", shell.path("")).env("FERNLOG_KEY_FILE", "no-such.key");
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_story_is_told_to_its_end_and_leaves_nothing_behind() {
    let shell = Shell::empty();
    let output = demo(&shell, &[]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    for part in ["INTACT", "mallory", "FL101", "FL102", "FL302", "NO KEY", "(exit status 10)"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(!told.contains('\x1b'));
    assert!(shell.files().is_empty(), "{:?}", shell.files());
}

#[test]
fn it_fits_100_columns() {
    let told = text(&demo(&Shell::empty(), &[]));
    let wide: Vec<&str> = told.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

#[test]
fn a_folder_that_was_named_stays_and_its_log_is_sound() {
    let shell = Shell::empty();
    assert_eq!(demo(&shell, &["story"]).status.code(), Some(0));
    let verify = ["story/audit.log", "--vkey", "story/audit.vkey"];
    let anchored = ["--checkpoint", "story/kept.txt", "--require", "anchored"];
    shell.ok(&[&["verify"], &verify[..], &anchored].concat());
    assert_eq!(shell.files(), ["story"]);
}

#[test]
fn a_folder_that_holds_something_is_refused_and_untouched() {
    let shell = Shell::empty();
    std::fs::create_dir(shell.path("full")).unwrap();
    std::fs::write(shell.path("full/file"), "mine").unwrap();
    let output = demo(&shell, &["full"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("full is not empty"));
    assert_eq!(std::fs::read_dir(shell.path("full")).unwrap().count(), 1);
}

#[test]
fn ctrl_c_removes_the_temporary_folder() {
    let shell = Shell::empty();
    let mut command = shell.command(&["demo"]);
    let child = command.env("TMPDIR", shell.path("")).spawn().unwrap();
    until(|| !shell.files().is_empty());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert!(shell.files().is_empty(), "{:?}", shell.files());
}

/// What the demo says to type, run by a shell.
fn typed(folder: &Path, told: &str, from: &str, python: &Path) -> Output {
    let part = told.split(from).nth(1).unwrap_or_else(|| panic!("{from} is not in {told}"));
    let lines = part.lines().skip(2).take_while(|line| line.starts_with("  "));
    let script: Vec<&str> = lines.map(|line| &line[2..]).collect();
    let script = script.join("\n").replace("python3", &python.display().to_string());
    Command::new("sh").args(["-c", &script]).current_dir(folder).output().unwrap()
}

#[test]
fn the_commands_of_stock_tools_open_the_log() {
    let Some(python) = python() else { return };
    if Command::new("openssl").arg("version").output().is_err() {
        return cannot_run("openssl is missing");
    }
    let shell = Shell::empty();
    let told = text(&demo(&shell, &["story"]));
    let folder = shell.path("story");

    let output = typed(&folder, &told, "All records of a segment", &python);
    let records = text(&output);
    let lines = std::fs::read_to_string(folder.join("audit.000000.log")).unwrap().lines().count();
    assert_eq!(records.lines().count(), lines, "{output:?}");

    let output = typed(&folder, &told, "The first record, with openssl", &python);
    assert_eq!(text(&output).trim_end(), records.lines().next().unwrap(), "{output:?}");

    let hashes = text(&typed(&folder, &told, "Its leaf in the hash chain", &python));
    let hashes: Vec<&str> = hashes.split_whitespace().filter(|word| word.len() == 64).collect();
    assert_eq!(hashes.len(), 2, "{hashes:?}");
    assert_eq!(hashes[0], hashes[1]);
}
