//! Segments whose lines the log's own retention deleted, as every command says it.

use super::{Answer, Desk};
use crate::testlog::TestLog;

/// A log of four segments of three records; the last header says that 0 and 1 were deleted.
fn log() -> (TestLog, Desk) {
    let mut log = TestLog::new();
    for number in 0..3 {
        log.append(3);
        if number == 2 { log.roll_pruning(0, 1) } else { log.roll() }
    }
    log.append(3);
    log.checkpoint();
    log.write();
    let desk = Desk::at(log.path().folder(), &log.ring(), &log.log_key);
    (log, desk)
}

fn pruned() -> (TestLog, Desk) {
    let (log, desk) = log();
    log.prune(0);
    log.prune(1);
    (log, desk)
}

const GONE: &str = "fernlog: audit.log: the lines of segments 0 to 1, #0 to #7, were deleted by \
                    the log's retention";

#[track_caller]
fn noted(answer: &Answer) -> Vec<&str> {
    assert_eq!((answer.code, answer.err.trim_end()), (0, GONE));
    answer.out.lines().collect()
}

fn json(answer: &Answer) -> Vec<serde_json::Value> {
    answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_left_is_printed_and_the_rest_is_noted_once() {
    let (_log, desk) = pruned();
    let all = desk.run("decrypt audit.log -k audit.key --template {index}");
    assert_eq!(noted(&all), ["9", "10", "11", "13", "14", "15"]);
    assert_eq!(noted(&desk.run("grep 'message 1' audit.log -k audit.key")).len(), 5);
    let more = desk.run("tail -n 100 audit.log -k audit.key --template {index}");
    assert_eq!(noted(&more).len(), 6);
    // Who does not come near it need not know.
    let last = desk.run("tail -n 2 audit.log -k audit.key --template {index}");
    assert_eq!(last.lines(), ["14", "15"]);
    let quiet = desk.run("-q decrypt audit.log -k audit.key --template {index}");
    assert_eq!(quiet.lines().len(), 6);
}

#[test]
fn a_selection_of_what_is_gone_says_so() {
    let (_log, desk) = pruned();
    assert!(noted(&desk.run("decrypt audit.log -k audit.key --index 2..5")).is_empty());
    let over = desk.run("decrypt audit.log -k audit.key --index 6..11 --template {index}");
    assert_eq!(noted(&over), ["9", "10"]);
    let behind = desk.run("decrypt audit.log -k audit.key --index 8.. --template {index}");
    assert_eq!(behind.lines().len(), 6);
    let since = desk.run("decrypt audit.log -k audit.key --since '#5'");
    assert!(since.errors(2)[0].contains("has no time of #5 any more"), "{since:?}");
}

#[test]
fn verify_is_intact_and_says_what_is_gone() {
    let (_log, desk) = pruned();
    let human = desk.run("verify audit.log --vkey audit.vkey -k audit.key");
    assert_eq!(human.code, 0, "{human:?}");
    assert!(human.out.contains("4, 2 deleted by retention"), "{}", human.out);
    let note = "the lines of segments 0 to 1, entries #0 to #7,";
    assert!(human.out.contains(note), "{}", human.out);
    let objects = json(&desk.run("verify audit.log --vkey audit.vkey --json"));
    let finding = &objects[1];
    assert_eq!((&finding["id"], &finding["severity"]), (&"FL311".into(), &"note".into()));
    assert_eq!((&finding["first"], &finding["last"]), (&0.into(), &7.into()));
    let segment = &objects[3];
    assert_eq!((&segment["pruned"], &segment["entries"]), (&true.into(), &4.into()));
    let summary = objects.last().unwrap();
    assert_eq!((&summary["pruned_segments"], &summary["pruned_entries"]), (&2.into(), &8.into()));
}

#[test]
fn inspect_says_what_is_gone() {
    let (_log, desk) = pruned();
    let human = desk.run("inspect audit.log");
    assert_eq!((human.code, human.err.trim_end()), (0, GONE));
    let line = "audit.000001.log   from #4, lines deleted by retention (rolled size)";
    assert!(human.out.contains(line), "{}", human.out);
    assert!(human.out.contains("(rolled size, pruned 0-1)"), "{}", human.out);
    let facts = json(&desk.run("inspect audit.log --json"));
    assert_eq!((&facts[1]["pruned"], &facts[3]["pruned"]), (&true.into(), &false.into()));
}

#[test]
fn a_proof_of_what_is_gone_is_refused_by_name() {
    let (_log, desk) = pruned();
    let answer = desk.run("prove audit.log '#5'");
    let said = "the lines of segment 1 were deleted by the log's retention";
    assert!(answer.errors(2)[0].ends_with(said), "{answer:?}");
    assert_eq!(desk.run("prove audit.log '#9'").code, 0);
}

#[test]
fn what_nobody_announced_is_damage_for_every_reader() {
    let (log, desk) = pruned();
    log.prune(2);
    let answer = desk.run("decrypt audit.log -k audit.key");
    assert_eq!(answer.code, 10);
    assert!(answer.err.contains("audit.000002.log:1: the file of this segment is missing"));
    assert_eq!(desk.run("verify audit.log --vkey audit.vkey").code, 10);
}
