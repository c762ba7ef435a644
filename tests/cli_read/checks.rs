//! `fernlog inspect`, `checkpoint`, `prove` and `help findings`.

use fernlog::{Level, Record};
use serde_json::Value;

use super::Desk;

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// A log with a checkpoint, and its old checkpoint beside it.
fn grown() -> Desk {
    let desk = Desk::sample();
    desk.file("old.txt", desk.run("checkpoint audit.log").out.as_bytes());
    let log = desk.site.open();
    for _ in 0..5 {
        log.append(&Record::new(Level::Info, "", "more")).unwrap();
    }
    log.close().unwrap();
    desk
}

#[test]
fn inspect_tells_what_can_be_told_without_a_key() {
    let desk = Desk::sample();
    let answer = desk.run("inspect audit.log");
    let lines = answer.lines();
    assert_eq!(lines[0], "audit.log   fernlog format 1, chained, 3 segments");
    let id = desk.site.keyring.primary().id();
    for line in [
        "  origin        example.com/test",
        "  lines         18 records, 0 other",
        &format!("  key ids       {id}"),
        "  checkpoints   cover all of 21 entries",
        "                audit.000001.log   from #7, 7 records (rolled request)",
    ] {
        assert!(lines.contains(&line), "{line}\n{}", answer.out);
    }
    assert!(answer.out.contains("Nothing of this was checked"));
}

#[test]
fn inspect_gives_json() {
    let desk = Desk::sample();
    let answer = desk.run("inspect audit.log --json");
    let lines: Vec<_> = answer.lines().into_iter().map(json).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0]["schema"], "fernlog.inspect/1");
    assert_eq!((&lines[2]["segment"], &lines[2]["first"]), (&1.into(), &7.into()));
    assert_eq!((&lines[4]["type"], &lines[4]["records"]), (&"summary".into(), &18.into()));
}

#[test]
fn inspect_of_a_plain_log_and_of_no_log() {
    let desk = Desk::sample();
    std::fs::copy(desk.path("audit.log"), desk.path("plain.log")).unwrap();
    assert!(desk.run("inspect plain.log").out.contains("plain: no chain"));
    desk.file("notes.txt", b"no token\n");
    assert!(desk.run("inspect notes.txt").errors(14)[0].contains("is not a fernlog log"));
}

#[test]
fn checkpoint_prints_the_newest_note_exactly() {
    let desk = Desk::sample();
    let answer = desk.run("checkpoint audit.log");
    assert_eq!(answer.lines()[..2], ["example.com/test", "21"]);
    let chain = String::from_utf8(desk.site.read("audit.log.chain")).unwrap();
    assert!(chain.ends_with(&format!("\n\n{}\n", answer.out)), "{chain}\n{}", answer.out);
}

#[test]
fn a_plain_log_has_no_checkpoint() {
    let desk = Desk::sample();
    std::fs::copy(desk.path("audit.log"), desk.path("plain.log")).unwrap();
    assert!(desk.run("checkpoint plain.log").errors(2)[0].contains("has no checkpoint"));
}

#[test]
fn a_kept_checkpoint_is_checked() {
    let desk = grown();
    let answer = desk.run("checkpoint verify old.txt --vkey audit.vkey");
    assert_eq!(answer.lines()[..3], ["INTACT   old.txt", "", "  origin        example.com/test"]);
    let answer = desk.run("checkpoint verify old.txt --vkey audit.vkey --json");
    let said = json(answer.lines()[0]);
    assert_eq!((&said["verdict"], &said["size"]), (&"INTACT".into(), &21.into()));
}

#[test]
fn a_changed_checkpoint_is_tampered_and_one_of_another_key_undecided() {
    let desk = grown();
    desk.edit("old.txt", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replacen("\n21\n", "\n20\n", 1).into_bytes();
    });
    let answer = desk.run("checkpoint verify old.txt --vkey audit.vkey");
    assert_eq!(answer.code, 10);
    assert!(answer.out.starts_with("TAMPERED   old.txt: the signature is wrong\n"));
    let other = fernlog::SigningKey::generate("example.com/test").unwrap();
    desk.file("other.vkey", format!("{}\n", other.verifier()).as_bytes());
    let answer = desk.run("checkpoint verify old.txt --vkey other.vkey");
    assert_eq!(answer.code, 12);
    assert!(answer.out.starts_with("NO KEY   old.txt: "));
    desk.file("garbage.txt", b"hello\n");
    assert_eq!(desk.run("checkpoint verify garbage.txt --vkey audit.vkey").code, 2);
}

#[test]
fn a_record_is_proven_to_whoever_has_the_verifier_key() {
    let desk = Desk::sample();
    let answer = desk.run("-q prove audit.log '#10' -o record.proof");
    assert_eq!(answer.lines(), Vec::<&str>::new());
    // The log is not needed for the check.
    std::fs::remove_file(desk.path("audit.000001.log")).unwrap();
    let answer = desk.run("prove --verify record.proof --vkey audit.vkey");
    let lines = answer.lines();
    assert_eq!(lines[0], "INTACT   record.proof: the record is in the log");
    assert!(lines.contains(&"  entry         #10   token time 2026-11-22T10:08:00Z"));
    let answer = desk.run("prove --verify record.proof --vkey audit.vkey --json");
    let said = json(answer.lines()[0]);
    assert_eq!((&said["index"], &said["exit_code"]), (&10.into(), &0.into()));
}

#[test]
fn a_changed_proof_proves_nothing() {
    let desk = Desk::sample();
    assert_eq!(desk.run("-q prove audit.log '#10' -o record.proof").code, 0);
    desk.edit("record.proof", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace("\nindex 10\n", "\nindex 9\n").into_bytes();
    });
    let answer = desk.run("prove --verify record.proof --vkey audit.vkey");
    assert_eq!(answer.code, 10);
    assert!(answer.out.starts_with("TAMPERED   record.proof: it does not lead to its checkpoint"));
    desk.file("garbage.proof", b"hello\n");
    let answer = desk.run("prove --verify garbage.proof --vkey audit.vkey");
    assert!(answer.errors(2)[0].contains("garbage.proof is no proof"));
}

#[test]
fn what_is_not_in_the_log_or_damaged_is_not_proven() {
    let desk = Desk::sample();
    assert!(desk.run("prove audit.log '#99'").errors(2)[0].contains("no checkpoint covers it"));
    desk.damage_line("audit.000001.log", 2);
    let answer = desk.run("prove audit.log '#10'");
    assert_eq!((answer.code, answer.out.as_str()), (10, ""));
    assert!(answer.err.contains("fernlog verify audit.log"));
}

#[test]
fn growth_is_proven_from_a_kept_checkpoint() {
    let desk = grown();
    assert_eq!(desk.run("-q prove audit.log --from 21 -o growth.proof").code, 0);
    let words = "prove --verify growth.proof --vkey audit.vkey";
    let answer = desk.run(&format!("{words} --checkpoint old.txt"));
    assert_eq!(answer.lines()[0], "INTACT   growth.proof: the log only grew");
    assert!(answer.lines().contains(&"  from size     21"));
    let answer = desk.run(words);
    assert!(answer.errors(2).last().unwrap().contains("--checkpoint FILE"));
}

#[test]
fn a_proof_is_never_written_over_a_file() {
    let desk = Desk::sample();
    desk.file("taken", b"mine");
    assert_eq!(desk.run("prove audit.log '#10' -o taken").code, 2);
    assert_eq!(desk.site.read("taken"), b"mine");
}

#[test]
fn help_explains_every_finding() {
    let desk = Desk::new();
    let answer = desk.run("help findings");
    for id in fernlog::read::FindingId::ALL {
        assert!(answer.out.contains(&format!("\n{id}  ")), "{id}");
    }
    assert!(desk.run("help FL302").lines()[0].starts_with("FL302  error: "));
}
