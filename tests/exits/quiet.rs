//! What the library leaves alone in the process that links it.

use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

use fernlog::write::Upkeep;

use super::{Stage, scene};
use crate::common::site::record;

/// Threads, and the masks of signals that are caught, ignored and blocked.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    threads: usize,
    signals: Vec<String>,
}

impl Process {
    fn now() -> Self {
        // Of this thread: the one that started it blocks signals for a moment.
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let masks = ["SigBlk:", "SigIgn:", "SigCgt:"];
        let signals = status.lines().filter(|line| masks.iter().any(|mask| line.starts_with(mask)));
        Self {
            threads: std::fs::read_dir("/proc/self/task").unwrap().count(),
            signals: signals.map(str::to_owned).collect(),
        }
    }
}

static HOOKED: AtomicBool = AtomicBool::new(false);

/// Plays a process that writes a log and looks at itself.
#[test]
fn actor() {
    let Some((scene, builder)) = scene() else { return };
    panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        HOOKED.store(true, Ordering::Relaxed);
    }));
    let before = Process::now();
    assert_eq!(before.signals.len(), 3, "{before:?}");
    let upkeep = scene == "upkeep";
    let log = builder.upkeep(if upkeep { Upkeep::Thread } else { Upkeep::Caller }).open().unwrap();
    let mut open = Process::now();
    log.append(&record("a record")).unwrap();
    log.roll().unwrap();
    log.append(&record("another one")).unwrap();
    assert_eq!(Process::now(), open);
    open.threads -= usize::from(upkeep);
    assert_eq!(open, before);
    log.close().unwrap();
    assert_eq!(Process::now().signals, before.signals);
    assert!(panic::catch_unwind(|| panic!("is the hook still ours?")).is_err());
    assert!(HOOKED.load(Ordering::Relaxed));
}

#[test]
fn no_thread_no_handler_no_hook() {
    let output = Stage::new().play("exits::quiet::actor", "caller");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn one_thread_when_it_was_asked_for() {
    let output = Stage::new().play("exits::quiet::actor", "upkeep");
    assert!(output.status.success(), "{output:?}");
}
