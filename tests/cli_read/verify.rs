//! `fernlog verify`.

use std::process::{Command, Stdio};
use std::time::Duration;

use fernlog::{Key, Level, Record};
use serde_json::Value;

use super::{Answer, Desk, START};
use crate::common::site::append_bytes;

const KEYS: &str = "--vkey audit.vkey -k audit.key";

fn verify(desk: &Desk, flags: &str) -> Answer {
    desk.run(&format!("-q verify audit.log {flags}"))
}

/// The first line of a report that ends with this code.
#[track_caller]
fn verdict(desk: &Desk, flags: &str, code: i32) -> String {
    let answer = verify(desk, flags);
    assert_eq!((answer.code, answer.err.as_str()), (code, ""), "{}", answer.out);
    answer.out.lines().next().unwrap_or_default().to_owned()
}

fn json(answer: &Answer) -> Vec<Value> {
    answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The ids of the findings.
fn findings(desk: &Desk, flags: &str) -> Vec<String> {
    let lines = json(&verify(desk, &format!("--json {flags}")));
    let found = lines.iter().filter(|line| line["type"] == "finding");
    found.map(|line| line["id"].as_str().unwrap().to_owned()).collect()
}

fn keep_checkpoint(desk: &Desk, name: &str) {
    let answer = desk.run("checkpoint audit.log");
    assert_eq!(answer.code, 0);
    desk.file(name, answer.out.as_bytes());
}

#[test]
fn an_intact_log_says_what_was_not_checked() {
    let desk = Desk::sample();
    assert_eq!(verdict(&desk, "", 0), "INTACT, end not anchored   audit.log");
    let report = verify(&desk, "").out;
    for line in [
        "  records       18, the last entry is #20",
        "  from, to      2026-11-22T10:00:00Z   2026-11-22T10:17:00Z",
        "  checked       yes  format       18 lines",
        "                yes  chain        21 entries",
        "  not checked        signatures   no verifier key given (--vkey)",
        "                     content      no key given (-k)",
        "                     end of log   no checkpoint given (--checkpoint, --state)",
        "  not shown     the end is not anchored: records cut off at the end together with their checkpoints,",
        "                no verifier key was given: anyone who could write the files could have written",
    ] {
        assert!(report.lines().any(|l| l == line), "{line}\n{report}");
    }
    assert!(report.lines().all(|line| line.chars().count() <= 100), "{report}");
}

#[test]
fn with_keys_and_a_checkpoint_everything_is_checked() {
    let desk = Desk::sample();
    keep_checkpoint(&desk, "kept.txt");
    let flags = format!("{KEYS} --checkpoint kept.txt");
    assert_eq!(verdict(&desk, &flags, 0), "INTACT, anchored   audit.log");
    let report = verify(&desk, &flags).out;
    assert!(!report.contains("not checked") && !report.contains("not shown"), "{report}");
    assert!(report.contains("rests on      log key example.com/test+"), "{report}");
    assert!(report.contains("checkpoint of size 21"), "{report}");
}

#[test]
fn a_hint_tells_how_to_insist_on_an_anchor() {
    let desk = Desk::sample();
    let answer = desk.run("verify audit.log");
    assert!(answer.err.contains("--require anchored"), "{}", answer.err);
}

#[test]
fn a_changed_record_is_placed_and_explained() {
    let desk = Desk::sample();
    desk.damage_line("audit.000001.log", 3);
    assert_eq!(verdict(&desk, KEYS, 10), "TAMPERED   audit.log");
    let report = verify(&desk, KEYS).out;
    assert!(
        report.contains("\nerror[FL101]: record changed\n  --> audit.000001.log:3   #10   byte ")
    );
    for label in ["what broke", "scope         entry #10", "likely cause", "next steps"] {
        assert!(report.contains(&format!("\n  {label}")), "{label}\n{report}");
    }
    assert!(report.contains("\n1 error. "), "{report}");
    assert!(report.contains("NO   content"), "{report}");
}

#[test]
fn a_removed_line_is_tampering_without_any_key() {
    let desk = Desk::sample();
    desk.edit_lines("audit.000000.log", |lines| drop(lines.remove(1)));
    assert_eq!(verdict(&desk, "", 10), "TAMPERED   audit.log");
    assert_eq!(findings(&desk, ""), ["FL102"]);
}

#[test]
fn findings_over_the_limit_are_counted() {
    let desk = Desk::sample();
    for number in [1, 3, 5] {
        desk.damage_line("audit.000001.log", number);
    }
    let report = verify(&desk, &format!("{KEYS} --max-findings 1")).out;
    assert_eq!(report.matches("error[").count(), 1);
    assert!(report.contains("and more that are not shown (--max-findings): 2 FL101"), "{report}");
    assert!(report.contains("\n3 errors. "), "{report}");
}

#[test]
fn a_torn_tail_is_exit_11_and_can_be_accepted_or_refused() {
    let desk = Desk::sample();
    append_bytes(&desk.site.log(), b"gAAAAAB");
    assert_eq!(verdict(&desk, "", 11), "TORN   audit.log");
    assert!(verify(&desk, "").out.contains("warning[FL301]: torn tail"));
    assert!(verdict(&desk, "--torn-tail ok", 0).starts_with("INTACT"));
    assert!(verdict(&desk, "--torn-tail error", 10).starts_with("TAMPERED"));
}

#[test]
fn a_wrong_key_decides_nothing() {
    let desk = Desk::sample();
    desk.other_key("other.key");
    assert_eq!(verdict(&desk, "-k other.key", 12), "NO KEY   audit.log: not decided");
    let report = verify(&desk, "-k other.key").out;
    assert!(report.contains(&desk.site.keyring.primary().id().to_string()), "{report}");
    assert!(!report.contains("No problems"), "{report}");
}

#[test]
fn a_wrong_key_and_a_broken_chain_are_tampering() {
    let desk = Desk::sample();
    desk.other_key("other.key");
    desk.damage_line("audit.log", 1);
    assert_eq!(verdict(&desk, "-k other.key", 10), "TAMPERED   audit.log");
}

#[test]
fn the_verifier_key_of_another_log_is_exit_12() {
    let desk = Desk::sample();
    let other = fernlog::SigningKey::generate("example.com/test").unwrap();
    desk.file("other.vkey", format!("{}\n", other.verifier()).as_bytes());
    assert!(verdict(&desk, "--vkey other.vkey", 12).starts_with("NO KEY   audit.log"));
}

#[test]
fn what_is_required_and_was_not_checked_is_exit_13() {
    let desk = Desk::sample();
    for level in ["signatures", "content", "anchored"] {
        let first = verdict(&desk, &format!("--require {level}"), 13);
        assert!(first.starts_with("UNPROVEN   audit.log: "), "{first}");
    }
    assert!(verdict(&desk, &format!("{KEYS} --require signatures,content"), 0).starts_with("INT"));
}

#[test]
fn a_checkpoint_shows_that_the_end_was_cut_off() {
    let desk = Desk::sample();
    let (log, chain) = (desk.site.read("audit.log"), desk.site.read("audit.log.chain"));
    let writer = desk.site.open();
    writer.append(&Record::new(Level::Info, "", "last")).unwrap();
    writer.close().unwrap();
    keep_checkpoint(&desk, "kept.txt");
    std::fs::write(desk.path("audit.log"), log).unwrap();
    std::fs::write(desk.path("audit.log.chain"), chain).unwrap();
    assert!(verdict(&desk, KEYS, 0).starts_with("INTACT, end not anchored"));
    assert_eq!(
        verdict(&desk, &format!("{KEYS} --checkpoint kept.txt"), 10),
        "TAMPERED   audit.log"
    );
    assert_eq!(findings(&desk, &format!("{KEYS} --checkpoint kept.txt")), ["FL302"]);
}

#[test]
fn what_is_no_checkpoint_of_this_log_is_exit_2() {
    let desk = Desk::sample();
    desk.file("garbage.txt", b"hello\n");
    let answer = verify(&desk, &format!("{KEYS} --checkpoint garbage.txt"));
    assert!(answer.errors(2)[0].contains("garbage.txt"), "{}", answer.err);
    let other = Desk::new();
    let mut site = crate::common::site::Site::new();
    site.log_key = fernlog::SigningKey::generate("example.com/other").unwrap();
    let log = site.open();
    log.append(&Record::new(Level::Info, "", "x")).unwrap();
    log.close().unwrap();
    std::fs::copy(site.path("audit.log.chain"), other.path("chain")).unwrap();
    let answer = other.run(&format!("checkpoint {}", site.log().display()));
    desk.file("other.txt", answer.out.as_bytes());
    assert_eq!(verify(&desk, &format!("{KEYS} --checkpoint other.txt")).code, 2);
}

#[test]
fn the_state_file_is_made_and_kept_up_to_date() {
    let desk = Desk::sample();
    let flags = format!("{KEYS} --state audit.state");
    assert_eq!(verdict(&desk, &flags, 0), "INTACT, end not anchored   audit.log");
    let first = desk.site.read("audit.state");
    assert_eq!(verdict(&desk, &flags, 0), "INTACT, anchored   audit.log");
    let log = desk.site.open();
    log.append(&Record::new(Level::Info, "", "more")).unwrap();
    log.close().unwrap();
    assert_eq!(verdict(&desk, &flags, 0), "INTACT, anchored   audit.log");
    assert_ne!(desk.site.read("audit.state"), first);
    assert!(!desk.site.files().iter().any(|name| name.starts_with('.')));
}

#[test]
fn the_state_file_shows_that_the_log_became_shorter_and_stays() {
    let desk = Desk::sample();
    let (log, chain) = (desk.site.read("audit.log"), desk.site.read("audit.log.chain"));
    let writer = desk.site.open();
    writer.append(&Record::new(Level::Info, "", "last")).unwrap();
    writer.close().unwrap();
    let flags = format!("{KEYS} --state audit.state");
    assert_eq!(verify(&desk, &flags).code, 0);
    let state = desk.site.read("audit.state");
    std::fs::write(desk.path("audit.log"), log).unwrap();
    std::fs::write(desk.path("audit.log.chain"), chain).unwrap();
    assert_eq!(verdict(&desk, &flags, 10), "TAMPERED   audit.log");
    assert_eq!(findings(&desk, &flags), ["FL305"]);
    assert_eq!(desk.site.read("audit.state"), state);
}

#[test]
fn a_damaged_state_file_is_exit_2_and_stays() {
    let desk = Desk::sample();
    desk.file("audit.state", b"{\"schema\":\"fernlog.state/1\"}\n");
    let answer = verify(&desk, &format!("{KEYS} --state audit.state"));
    assert!(answer.errors(2)[0].contains("audit.state: not a state file"), "{}", answer.err);
    assert_eq!(desk.site.read("audit.state"), b"{\"schema\":\"fernlog.state/1\"}\n");
}

#[test]
fn json_has_start_findings_segments_and_a_summary() {
    let desk = Desk::sample();
    desk.damage_line("audit.000001.log", 3);
    let answer = verify(&desk, &format!("--json {KEYS}"));
    assert_eq!((answer.code, answer.err.as_str()), (10, ""));
    assert!(answer.out.starts_with(
        "{\"type\":\"start\",\"schema\":\"fernlog.verify/1\",\"version\":\"0.1.0\",\"logs\":[\"audit.log\"]}\n"
    ));
    let lines = json(&answer);
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["start", "finding", "segment", "segment", "segment", "summary"]);
    let finding = &lines[1];
    assert_eq!((&finding["id"], &finding["index"]), (&"FL101".into(), &10.into()));
    assert_eq!((&finding["file"], &finding["line"]), (&"audit.000001.log".into(), &3.into()));
    assert_eq!(lines[3]["file"], "audit.000001.log");
    let summary = &lines[5];
    assert_eq!((&summary["verdict"], &summary["exit_code"]), (&"TAMPERED".into(), &10.into()));
    assert_eq!(summary["checks"]["signatures"], "pass");
    assert_eq!(summary["checks"]["anchor"], "not run");
}

#[test]
fn several_logs_have_a_report_each_and_the_worst_exit() {
    let desk = Desk::sample();
    let plain = desk.path("plain.log");
    std::fs::copy(desk.path("audit.log"), &plain).unwrap();
    let answer = desk.run("-q verify audit.log plain.log no.log");
    let firsts: Vec<_> = answer.out.lines().filter(|line| line.contains("   ")).collect();
    assert!(firsts.iter().any(|line| line.starts_with("INTACT, end not anchored   audit.log")));
    assert!(answer.out.contains("UNPROVEN   plain.log: "), "{}", answer.out);
    assert_eq!(answer.errors(2), ["fernlog: error: cannot open no.log: no such file or directory"]);
    let answer = desk.run(&format!("-q verify . {KEYS} --state s"));
    assert!(answer.errors(2)[0].contains("a state file is about one log"), "{}", answer.err);
}

#[test]
fn each_of_several_logs_gets_the_checkpoints_of_its_origin() {
    let desk = Desk::sample();
    keep_checkpoint(&desk, "kept.txt");
    let plain = desk.path("plain.log");
    std::fs::copy(desk.path("audit.log"), &plain).unwrap();
    let answer = desk.run("-q verify audit.log plain.log --checkpoint kept.txt");
    assert!(answer.out.starts_with("INTACT, anchored   audit.log\n"), "{}", answer.out);
    let answer = desk.run("-q verify plain.log audit.log --checkpoint kept.txt --vkey audit.vkey");
    assert!(answer.out.contains("INTACT, anchored   audit.log\n"), "{}", answer.out);
}

#[test]
fn a_plain_log_is_checked_by_its_key_alone() {
    let desk = Desk::new();
    let log = desk.site.plain().open().unwrap();
    log.append(&Record::new(Level::Info, "", "x")).unwrap();
    log.close().unwrap();
    assert_eq!(verdict(&desk, "-k audit.key", 0), "INTACT   audit.log");
    assert!(verify(&desk, "-k audit.key").out.contains("this log has no chain"));
    assert!(verdict(&desk, KEYS, 13).starts_with("UNPROVEN"));
    assert!(verdict(&desk, "", 13).starts_with("UNPROVEN"));
}

#[test]
fn what_is_no_log_is_exit_14() {
    let desk = Desk::new();
    desk.file("audit.log", b"these are\nno tokens\n");
    assert!(verdict(&desk, "", 14).starts_with("NOT A LOG   audit.log: "));
}

#[test]
fn standard_input_is_refused() {
    let desk = Desk::sample();
    assert_eq!(desk.run("verify -").code, 2);
}

#[test]
fn a_hostile_origin_and_file_name_are_escaped() {
    let desk = Desk::sample();
    for name in desk.site.files() {
        if let Some(rest) = name.strip_prefix("audit").filter(|_| name.contains(".log")) {
            std::fs::rename(desk.path(&name), desk.path(&format!("a\u{1b}[2J\n{rest}"))).unwrap();
        }
    }
    desk.edit("a\u{1b}[2J\n.log.chain", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("example.com/test", "x\u{9b}2J\u{202e}").into_bytes();
    });
    for flags in ["", "--json"] {
        let answer = desk.run(&format!("verify . {KEYS} {flags}"));
        assert_eq!(answer.code, 10);
        let text = format!("{}{}", answer.out, answer.err);
        let harmless = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(text.chars().all(harmless), "{text:?}");
        assert!(text.contains("a\\x1b[2J") || text.contains("a\\u001b[2J"), "{text}");
    }
}

#[test]
fn times_are_in_the_zone() {
    let desk = Desk::sample();
    let report = verify(&desk, "--tz Europe/Berlin").out;
    assert!(report.contains("2026-11-22T11:00:00+01:00   2026-11-22T11:17:00+01:00"), "{report}");
}

#[test]
fn ctrl_c_ends_with_a_partial_report() {
    let desk = Desk::new();
    let log = desk.site.builder().durability(fernlog::Durability::Buffered).open().unwrap();
    let text = "x".repeat(100_000);
    for _ in 0..400 {
        log.append(&Record::new(Level::Info, "", &text)).unwrap();
    }
    log.close().unwrap();
    let mut command = desk.command(&format!("verify audit.log {KEYS}"));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(60));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let answer = Answer::of(&child.wait_with_output().unwrap());
    // A fast machine may have been done; it must then have told the truth about that.
    match answer.code {
        130 => assert!(answer.out.starts_with("PARTIAL   audit.log: "), "{}", answer.out),
        _ => assert!(answer.out.starts_with("INTACT"), "{answer:?}"),
    }
}

#[test]
fn an_end_of_tokens_of_another_key_is_tampering() {
    let desk = Desk::sample();
    let cipher = fernlog::crypto::Cipher::new(&Key::generate().unwrap());
    let token = cipher.seal(b"{}", u64::try_from(START).unwrap(), [1; 16]);
    append_bytes(&desk.site.log(), format!("{token}\n").as_bytes());
    assert_eq!(verdict(&desk, KEYS, 10), "TAMPERED   audit.log");
}
