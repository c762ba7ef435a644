//! `fernlog append` as a part of something that goes on: pipes that fall silent, signals, crashes.

use rustix::process::Signal;

use super::{APPEND, Shell, until};

#[test]
fn an_idle_pipe_has_everything_written() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&[]);
    writer.write("a\nb\nbeginning of a line");
    until(|| shell.path("audit.log").exists() && shell.messages().len() == 2);
    assert_eq!(shell.messages(), ["a", "b"]);
    assert_eq!(writer.close().code, Some(0));
    assert_eq!(shell.messages()[2], "beginning of a line");
}

#[test]
fn an_idle_pipe_has_its_checkpoint() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack"]);
    let signed = || {
        let chain = std::fs::read_to_string(shell.path("audit.log.chain")).unwrap_or_default();
        chain.contains("\nexample.com/test\n2\n")
    };
    writer.write("a\n");
    assert_eq!(writer.line(), "1");
    until(signed);
    assert_eq!(writer.close().code, Some(0));
}

#[test]
fn each_record_is_acknowledged_while_the_input_goes_on() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack", "--durability", "durable"]);
    for index in 1..=5 {
        writer.write("x\n");
        assert_eq!(writer.line(), index.to_string());
        assert_eq!(shell.records().len(), index);
    }
    assert_eq!(writer.close().code, Some(0));
}

#[test]
fn sigterm_ends_the_input_and_closes_the_log() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack"]);
    writer.write("a\n");
    writer.line();
    // In the pipe before the signal, so it was said before the end.
    writer.write("b\nlast words");
    writer.signal(Signal::TERM);
    let ended = writer.ended();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(shell.messages(), ["a", "b", "last words"]);
    let chain = std::fs::read_to_string(shell.path("audit.log.chain")).unwrap();
    assert!(chain.contains("\nexample.com/test\n4\n"), "no checkpoint at the end");
}

#[test]
fn ctrl_c_ends_the_input_with_130() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack"]);
    writer.write("a\n");
    writer.line();
    writer.signal(Signal::INT);
    let ended = writer.ended();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(ended.err.contains("the input ended early, after line 1"), "{}", ended.err);
    shell.verifies();
}

#[test]
fn a_file_that_is_not_read_to_its_end_is_no_success() {
    let shell = Shell::with_keys();
    let line = "a line of an input that takes a while\n";
    std::fs::write(shell.path("input"), line.repeat(500_000)).unwrap();
    let mut command = shell.command(&[&APPEND[..], &["--durability", "durable"]].concat());
    let child = command.stdin(std::fs::File::open(shell.path("input")).unwrap()).spawn().unwrap();
    until(|| std::fs::metadata(shell.path("audit.log")).is_ok_and(|file| file.len() > 0));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let records = shell.records();
    let said = format!("the input ended early, after line {}\n", records.len());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains(&said), "{said} is not in {errors}");
    assert!(records.iter().all(|record| record["message"] == line.trim_end()));
}

#[test]
fn after_kill_9_the_acknowledged_records_are_there_and_the_log_goes_on() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack"]);
    for n in 0..50 {
        writer.write(&format!("line {n}\n"));
    }
    let acknowledged = (0..20).map(|_| writer.line()).count();
    writer.signal(Signal::KILL);
    assert_eq!(writer.ended().code, None);
    assert_eq!(shell.append(&[], b"after\n").code, Some(0));
    let messages = shell.messages();
    let (last, before) = messages.split_last().unwrap();
    assert_eq!(last, "after");
    assert!(before.len() >= acknowledged);
    assert!(before.iter().enumerate().all(|(n, message)| *message == format!("line {n}")));
    shell.verifies();
}

#[test]
fn a_crash_in_mid_line_is_set_aside_by_the_next_append() {
    let shell = Shell::with_keys();
    shell.append(&[], b"a\n");
    crate::common::site::append_bytes(&shell.path("audit.log"), b"gAAAAAtorn");
    assert_eq!(shell.append(&[], b"b\n").code, Some(0));
    let records = shell.records();
    let kinds: Vec<_> = records.iter().map(|record| record["kind"].as_str()).collect();
    assert_eq!(kinds, [None, Some("recovered"), None]);
    let saved = records[1]["fields"]["saved"].as_str().unwrap();
    assert_eq!(std::fs::read(shell.path(saved)).unwrap(), b"gAAAAAtorn");
    shell.verifies();
}

#[test]
fn a_second_writer_is_told_who_holds_the_log() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack"]);
    writer.write("a\n");
    writer.line();
    let ended = shell.append(&[], b"b\n");
    assert_eq!(ended.code, Some(20));
    assert!(ended.err.contains("audit.log is held by another writer (process "), "{}", ended.err);
    assert_eq!(writer.close().code, Some(0));
    assert_eq!(shell.messages(), ["a"]);
}

#[test]
fn nobody_reading_the_acknowledgements_loses_no_record() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack"]);
    writer.write("a\n");
    writer.line();
    let (mut child, input) = writer.deaf();
    let mut input = input.unwrap();
    std::io::Write::write_all(&mut input, b"b\n").unwrap();
    until(|| shell.messages().len() == 2);
    std::io::Write::write_all(&mut input, b"c\n").unwrap();
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(shell.messages(), ["a", "b", "c"]);
}
