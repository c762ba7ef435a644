//! `fernlog append --on-full`: what happens to lines that come faster than the disk takes them, and
//! when the disk takes none.

use rustix::process::Signal;
use serde_json::Value;

use super::Shell;
use super::trouble::Mount;

/// A queue that is full after a few lines, before a disk that takes a while.
const NARROW: [&str; 4] = ["--queue-size", "2K", "--durability", "durable"];
const ON_DISK: [&str; 6] = ["append", "disk/audit.log", "-k", "audit.key", "--sign", "audit.sign"];

fn lines(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:0100}")).collect()
}

/// The messages of the records that were lines.
fn messages(records: &[Value]) -> Vec<&str> {
    let lines = records.iter().filter(|record| record["kind"].is_null());
    lines.map(|record| record["message"].as_str().unwrap()).collect()
}

fn dropped(records: &[Value]) -> u64 {
    let gaps = records.iter().filter(|record| record["kind"] == "gap");
    gaps.map(|gap| gap["fields"]["count"].as_u64().unwrap()).sum()
}

#[test]
fn a_queue_with_room_loses_nothing() {
    for on_full in ["fail", "drop"] {
        let shell = Shell::with_keys();
        let lines = lines(3000);
        let ended = shell.append(&["--on-full", on_full, "--ack"], lines.join("\n").as_bytes());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let acknowledged: Vec<&str> = ended.out.lines().collect();
        let indexes: Vec<String> = (1..=3000).map(|index: u32| index.to_string()).collect();
        assert_eq!(acknowledged, indexes);
        assert!(ended.err.contains("#1..#3000 appended to audit.log, 3,000 records"));
        assert_eq!(shell.messages(), lines);
        shell.verifies();
    }
}

#[test]
fn lines_that_find_no_room_are_dropped_and_counted_in_the_log() {
    let shell = Shell::with_keys();
    let lines = lines(20_000);
    let flags = [&NARROW[..], &["--on-full", "drop", "--ack"]].concat();
    let ended = shell.append(&flags, lines.join("\n").as_bytes());
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let records = shell.records();
    let (kept, dropped) = (messages(&records), dropped(&records));
    assert!(dropped > 0);
    assert_eq!(kept.len() as u64 + dropped, 20_000);
    // Those that are in are in order, each is acknowledged, and no other.
    assert!(kept.is_sorted());
    assert_eq!(ended.out.lines().count(), kept.len());
    assert!(ended.err.contains("warning: the queue was full: "), "{}", ended.err);
    assert!(ended.err.contains(" were dropped; a gap record in the log counts them"));
    shell.verifies();
}

#[test]
fn a_full_queue_can_end_the_run_and_the_rest_goes_in_later() {
    let shell = Shell::with_keys();
    let lines = lines(20_000);
    let flags = [&NARROW[..], &["--on-full", "fail", "--ack"]].concat();
    let ended = shell.append(&flags, lines.join("\n").as_bytes());
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("the queue is full: the disk is slower"), "{}", ended.err);
    let kept = shell.messages();
    assert!(!kept.is_empty() && kept == lines[..kept.len()]);
    assert_eq!(ended.out.lines().count(), kept.len());
    assert!(ended.err.contains(&format!("up to line {}\n", kept.len())), "{}", ended.err);
    assert!(ended.err.contains(&format!("from line {} on", kept.len() + 1)), "{}", ended.err);
    shell.append(&[], lines[kept.len()..].join("\n").as_bytes());
    assert_eq!(shell.messages(), lines);
    shell.verifies();
}

#[test]
fn acknowledgements_come_while_the_input_goes_on() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--on-full", "fail", "--ack", "--durability", "durable"]);
    for index in 1..=3 {
        writer.write("x\n");
        assert_eq!(writer.line(), index.to_string());
        assert_eq!(shell.records().len(), index);
    }
    writer.write("last words");
    writer.signal(Signal::TERM);
    assert_eq!(writer.ended().code, Some(0));
    assert_eq!(shell.messages().last().unwrap(), "last words");
    shell.verifies();
}

#[test]
fn a_disk_that_fails_ends_the_run_although_the_input_goes_on() {
    for on_full in ["fail", "drop"] {
        let shell = Shell::with_keys();
        let Some(disk) = Mount::new(shell.path("disk"), "size=128k") else { return };
        let lines = lines(1000);
        let flags = [&ON_DISK[..], &["--on-full", on_full, "--ack"]].concat();
        let mut writer = shell.start_with(&flags);
        writer.write(&(lines.join("\n") + "\n"));
        let ended = writer.ended();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains("no space left on device; "), "{}", ended.err);
        let records = shell.records_of(&shell.path("disk"));
        let kept = messages(&records);
        assert!(kept.len() > 50 && kept == lines[..kept.len()]);
        assert_eq!(ended.out.lines().count(), kept.len());
        assert!(ended.err.contains(&format!("up to line {}\n", kept.len())), "{}", ended.err);

        disk.change("size=4m");
        let rest = lines[kept.len()..].join("\n");
        assert_eq!(shell.run(&ON_DISK, rest.as_bytes()).code, Some(0));
        let records = shell.records_of(&shell.path("disk"));
        assert_eq!(messages(&records), lines);
        shell.verifies_at("disk/audit.log");
    }
}

#[test]
fn a_size_without_a_queue_is_refused() {
    let shell = Shell::with_keys();
    let ended = shell.append(&["--queue-size", "1M"], b"a\n");
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("there is no queue as long as the input waits"), "{}", ended.err);
    assert!(!shell.path("audit.log").exists());
}
