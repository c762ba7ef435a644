//! Processes that share what they must not: after a fork, and across an exec.

use std::process::Command;

use fernlog::{AuditLog, Error};
use fork::Fork;

use super::{Stage, assert_intact, scene};
use crate::common::site::record;

/// Plays the process that forks or starts another program.
#[test]
fn actor() {
    let Some((scene, builder)) = scene() else { return };
    let log = builder.clone().open().unwrap();
    log.append(&record("before")).unwrap();
    log.append_with(&record("buffered before"), fernlog::Durability::Buffered).unwrap();
    match scene.as_str() {
        "fork" => match fork::fork().unwrap() {
            Fork::Child => child(log),
            Fork::Parent(child) => {
                assert_eq!(fork::waitpid(child).unwrap(), 0, "the child found something wrong");
                // What the child has dropped is still ours.
                assert!(matches!(builder.open(), Err(Error::Locked { .. })));
            }
        },
        "exec" => {
            let seen = Command::new("sh").args(["-c", "ls -l /proc/self/fd"]).output().unwrap();
            assert!(seen.status.success());
            let seen = String::from_utf8(seen.stdout).unwrap();
            assert!(seen.contains("->") && !seen.contains("audit.log"), "{seen}");
        }
        other => panic!("no such scene: {other}"),
    }
    log.append(&record("after")).unwrap();
    log.close().unwrap();
}

/// Whatever the child tries is refused. It leaves without the destructors of the test harness.
fn child(log: AuditLog) -> ! {
    let refused = [
        log.append(&record("of the child")).map(drop),
        log.append_with(&record("of the child"), fernlog::Durability::Buffered).map(drop),
        log.flush().map(drop),
        log.roll().map(drop),
        log.tick(),
        log.head().map(drop),
        log.clone().close().map(drop),
    ];
    let all = refused.iter().all(|result| matches!(result, Err(Error::Forked)));
    drop(log);
    std::process::exit(i32::from(!all))
}

#[test]
fn a_forked_child_is_refused_and_its_drop_writes_nothing_and_gives_no_lock_away() {
    let stage = Stage::new();
    let output = stage.play("exits::forks::actor", "fork");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stage.messages(), ["before", "buffered before", "after"]);
    assert_intact(&stage.report(), 0);
}

#[test]
fn no_file_of_the_log_is_open_in_a_program_that_is_started() {
    let stage = Stage::new();
    let output = stage.play("exits::forks::actor", "exec");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stage.messages(), ["before", "buffered before", "after"]);
}
