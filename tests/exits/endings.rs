//! What is in the log after each way to end, by durability.

use std::os::unix::process::ExitStatusExt as _;
use std::panic;
use std::process::Output;

use fernlog::{AuditLog, Durability};
use rustix::process::Signal;

use super::{Stage, assert_intact, scene};
use crate::common::site::record;

const DURABLE: [&str; 2] = ["durable 0", "durable 1"];
const WRITTEN: [&str; 2] = ["written 0", "written 1"];
const BUFFERED: [&str; 2] = ["buffered 0", "buffered 1"];

/// Plays the process that ends.
#[test]
fn actor() {
    let Some((scene, builder)) = scene() else { return };
    let log = builder.open().unwrap();
    append(&log, &DURABLE, Durability::Durable);
    append(&log, &WRITTEN, Durability::Written);
    append(&log, &BUFFERED, Durability::Buffered);
    match scene.as_str() {
        "drop" => drop(log),
        "return" => {}
        "close" => drop(log.close().unwrap()),
        "exit" => std::process::exit(7),
        "abort" => std::process::abort(),
        "flush, exit" => {
            log.flush().unwrap();
            std::process::exit(7)
        }
        "panic" => panic!("with a live handle"),
        "panic of a thread" => {
            let clone = log.clone();
            let thread = std::thread::spawn(move || {
                append(&clone, &["of the thread"], Durability::Buffered);
                panic!("between two records")
            });
            thread.join().unwrap_err();
            append(&log, &["after the panic"], Durability::Written);
            std::process::exit(7)
        }
        "panic, caught" => {
            let clone = log.clone();
            let caught = panic::catch_unwind(panic::AssertUnwindSafe(|| {
                append(&clone, &["before the panic"], Durability::Durable);
                panic!("caught")
            }));
            caught.unwrap_err();
            append(&log, &["after the panic"], Durability::Durable);
        }
        "SIGTERM, SIGKILL" => {
            let signal = Signal::TERM;
            rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        other => panic!("no such scene: {other}"),
    }
}

fn append(log: &AuditLog, messages: &[&str], durability: Durability) {
    for message in messages {
        assert_eq!(log.append_with(&record(message), durability).unwrap().durability, durability);
    }
}

fn play(scene: &str) -> (Stage, Output) {
    let stage = Stage::new();
    let output = stage.play("exits::endings::actor", scene);
    (stage, output)
}

/// Everything is in, covered by a checkpoint, and the next writer finds nothing to mend.
fn assert_whole(stage: &Stage, more: &[&str]) {
    assert_eq!(stage.messages(), [&DURABLE[..], &WRITTEN, &BUFFERED, more].concat());
    assert_intact(&stage.report(), 0);
    goes_on(stage);
}

/// What was only buffered is gone, what was written is in, and none of it has a checkpoint.
fn assert_cut_short(stage: &Stage) {
    assert_eq!(stage.messages(), [DURABLE, WRITTEN].concat());
    assert_intact(&stage.report(), 4);
    goes_on(stage);
}

fn goes_on(stage: &Stage) {
    let before = stage.messages();
    let log = stage.0.open();
    log.append(&record("next")).unwrap();
    log.close().unwrap();
    assert_eq!(stage.messages(), [&before[..], &["next".to_owned()]].concat());
    assert_intact(&stage.report(), 0);
}

#[test]
fn dropping_the_handle_writes_and_covers_everything() {
    for scene in ["drop", "return", "close"] {
        let (stage, output) = play(scene);
        assert!(output.status.success(), "{output:?}");
        assert_whole(&stage, &[]);
    }
}

#[test]
fn process_exit_loses_what_was_only_buffered() {
    let (stage, output) = play("exit");
    assert_eq!(output.status.code(), Some(7));
    assert_cut_short(&stage);
}

#[test]
fn a_flush_before_process_exit_loses_nothing() {
    let (stage, output) = play("flush, exit");
    assert_eq!(output.status.code(), Some(7));
    assert_whole(&stage, &[]);
}

#[test]
fn abort_loses_what_was_only_buffered() {
    let (stage, output) = play("abort");
    assert!(output.status.signal().is_some(), "{output:?}");
    assert_cut_short(&stage);
}

#[test]
fn a_signal_that_nobody_handles_loses_what_was_only_buffered() {
    let (stage, output) = play("SIGTERM, SIGKILL");
    assert_eq!(output.status.signal(), Some(Signal::TERM.as_raw()));
    assert_cut_short(&stage);
}

#[test]
fn a_panic_that_unwinds_writes_and_covers_everything() {
    let (stage, output) = play("panic");
    assert_eq!(output.status.code(), Some(101));
    assert_whole(&stage, &[]);
}

#[test]
fn a_panic_of_one_thread_does_not_stop_the_others() {
    let (stage, output) = play("panic of a thread");
    assert_eq!(output.status.code(), Some(7));
    let more = ["of the thread", "after the panic"];
    assert_eq!(stage.messages(), [&DURABLE[..], &WRITTEN, &BUFFERED, &more].concat());
    assert_intact(&stage.report(), 8);
    goes_on(&stage);
}

#[test]
fn a_panic_that_is_caught_leaves_a_log_that_goes_on() {
    let (stage, output) = play("panic, caught");
    assert!(output.status.success(), "{output:?}");
    assert_whole(&stage, &["before the panic", "after the panic"]);
}
