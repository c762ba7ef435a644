//! `fernlog decrypt`.

use std::os::unix::fs::PermissionsExt;

use fernlog::{Level, Record, UnixTime};

use super::{Desk, START};

const ALL: [&str; 18] = [
    "1", "2", "3", "4", "5", "6", "8", "9", "10", "11", "12", "13", "14", "16", "17", "18", "19",
    "20",
];

/// The indexes that a selection leaves, by a template.
#[track_caller]
fn indexes(desk: &Desk, flags: &str) -> Vec<String> {
    let answer = desk.run(&format!("decrypt audit.log -k audit.key --template {{index}} {flags}"));
    answer.lines().into_iter().map(str::to_owned).collect()
}

#[test]
fn records_of_all_segments_come_in_order() {
    let desk = Desk::sample();
    assert_eq!(indexes(&desk, ""), ALL);
    let text = desk.run("decrypt audit.log -k audit.key");
    assert_eq!(
        text.lines()[7],
        "2026-11-22T10:07:00.000Z INFO     app: message 9 actor=mallory n=9"
    );
}

#[test]
fn a_folder_and_a_closed_segment_stand_for_the_log() {
    let desk = Desk::sample();
    for name in [".", "audit.000001.log", "audit.log.chain"] {
        let answer = desk.run(&format!("cat {name} -k audit.key --template {{index}}"));
        assert_eq!(answer.lines(), ALL, "{name}");
    }
}

#[test]
fn json_is_the_stored_object() {
    let desk = Desk::sample();
    let answer = desk.run("decrypt audit.log -k audit.key --format json --index 9");
    assert_eq!(
        answer.lines(),
        [
            r##"{"seq":9,"timestamp":"2026-11-22T10:07:00.000000000Z","level":"INFO","logger":"app","message":"message 9","actor":"mallory","fields":{"n":9}}"##
        ]
    );
}

#[test]
fn raw_is_the_exact_plaintext() {
    let desk = Desk::with([Record::new(Level::Info, "", "a\u{1b}\n\u{202e}")]);
    let answer = desk.run("decrypt audit.log -k audit.key --format raw");
    assert_eq!(answer.out, format!("{}\n", desk.site.plaintexts("audit.log")[0]));
    assert_eq!(answer.code, 0);
}

#[test]
fn logfmt_has_pairs() {
    let desk = Desk::sample();
    let answer = desk.run("decrypt audit.log -k audit.key --format logfmt --index 9");
    assert_eq!(
        answer.lines(),
        ["timestamp=2026-11-22T10:07:00Z level=INFO logger=app message=\"message 9\" \
          actor=mallory n=9"]
    );
}

#[test]
fn times_are_printed_in_the_zone() {
    let desk = Desk::sample();
    let answer = desk.run("decrypt audit.log -k audit.key --tz Europe/Berlin --head 1");
    assert!(answer.lines()[0].starts_with("2026-11-22T11:00:00.000+01:00 INFO"));
}

#[test]
fn hostile_records_are_escaped_in_a_pipe_too() {
    let desk = Desk::with([Record::new(Level::Info, "l\u{1b}[2J", "a\nb\r\u{9b}2J\u{202e}\u{7f}")
        .actor("\u{feff}")
        .field("k\n\u{1b}", "v\u{2028}")
        .field("nested", serde_json::json!({ "x\u{1b}": "\u{85}" }))]);
    for form in ["text", "json", "logfmt"] {
        let answer = desk.run(&format!("decrypt audit.log -k audit.key --format {form}"));
        assert_eq!(answer.lines().len(), 1, "{form}");
        let harmless =
            |c: char| c == '\n' || !c.is_control() && !"\u{202e}\u{feff}\u{2028}".contains(c);
        assert!(answer.out.chars().all(harmless), "{form}: {:?}", answer.out);
    }
}

#[test]
fn since_is_inclusive_and_until_exclusive() {
    let desk = Desk::sample();
    let flags = "--since 2026-11-22T10:01:00Z --until '2026-11-22 10:03'";
    assert_eq!(indexes(&desk, flags), ["2", "3"]);
}

#[test]
fn an_index_stands_for_the_time_of_its_record() {
    let desk = Desk::sample();
    assert_eq!(indexes(&desk, "--since '#18'"), ["18", "19", "20"]);
    assert_eq!(indexes(&desk, "--until '#3'"), ["1", "2"]);
    let answer = desk.run("decrypt audit.log -k audit.key --since '#7'");
    let errors = answer.errors(2);
    assert_eq!(errors, ["fernlog: error: audit.log has no record #7 that opens"]);
}

#[test]
fn an_index_range_crosses_segments() {
    let desk = Desk::sample();
    assert_eq!(indexes(&desk, "--index 5..10"), ["5", "6", "8", "9"]);
    assert_eq!(indexes(&desk, "--index '#19..'"), ["19", "20"]);
    assert_eq!(indexes(&desk, "--index ..2"), ["1"]);
    assert_eq!(indexes(&desk, "--index 7"), Vec::<String>::new());
}

#[test]
fn levels_loggers_and_members_select() {
    let desk = Desk::sample();
    assert_eq!(indexes(&desk, "--level warning"), ["5", "10", "20"]);
    assert_eq!(indexes(&desk, "--logger app.db --index 1..9"), ["2", "4", "6", "8"]);
    assert_eq!(indexes(&desk, "--logger app --index 1..4"), ["1", "2", "3"]);
    assert_eq!(indexes(&desk, "--field actor=mallory --index 1..9"), ["3", "6"]);
    assert_eq!(indexes(&desk, "--field actor!=alice --field n~=2"), ["12"]);
    assert_eq!(indexes(&desk, "--field 'message~~=^message 1[0-2]$'"), ["10", "11", "12"]);
}

#[test]
fn first_and_last_count_what_is_selected() {
    let desk = Desk::sample();
    assert_eq!(indexes(&desk, "--head 2 --field actor=mallory"), ["3", "6"]);
    assert_eq!(indexes(&desk, "--tail 2 --field actor=mallory"), ["12", "18"]);
    assert_eq!(indexes(&desk, "--tail 3"), ["18", "19", "20"]);
    assert_eq!(indexes(&desk, "--tail 6"), ["14", "16", "17", "18", "19", "20"]);
    assert_eq!(indexes(&desk, "--tail 100"), ALL);
    assert_eq!(indexes(&desk, "--tail 0"), Vec::<String>::new());
    assert_eq!(indexes(&desk, "--head 0"), Vec::<String>::new());
    assert_eq!(indexes(&desk, "--tail 2 --index 1..10"), ["8", "9"]);
}

#[test]
fn the_last_records_of_a_long_segment_are_found_from_its_end() {
    let desk =
        Desk::with((0..9000).map(|n| Record::new(Level::Info, "", "x".repeat(200)).field("n", n)));
    assert_eq!(indexes(&desk, "--tail 2"), ["8999", "9000"]);
    assert_eq!(indexes(&desk, "--tail 8000")[0], "1001");
    assert_eq!(indexes(&desk, "--tail 1 --field n=17"), ["18"]);
}

#[test]
fn damage_is_told_by_place_and_the_rest_is_printed() {
    let desk = Desk::sample();
    desk.damage_line("audit.000001.log", 3);
    let answer = desk.run("decrypt audit.log -k audit.key --template {index}");
    let id = desk.site.keyring.primary().id();
    assert_eq!(
        answer.errors(10),
        [format!(
            "fernlog: error: audit.000001.log:3: #10, 2026-11-22T10:08:00Z: the line is not \
             authentic under key {id}"
        )]
    );
    assert_eq!(answer.out.lines().count(), 17);
}

#[test]
fn neighbours_that_are_damaged_alike_are_told_once() {
    let desk = Desk::sample();
    desk.edit_lines("audit.000001.log", |lines| {
        for line in &mut lines[2..5] {
            line[0] = b'!';
        }
    });
    let answer = desk.run("decrypt audit.log -k audit.key");
    assert_eq!(
        answer.errors(10),
        ["fernlog: error: audit.000001.log:3-5: #10 to #12: 3 lines are no tokens"]
    );
}

#[test]
fn a_removed_line_shows_at_the_next_record() {
    let desk = Desk::sample();
    desk.edit_lines("audit.000001.log", |lines| drop(lines.remove(2)));
    let answer = desk.run("decrypt audit.log -k audit.key --template {index}:{seq}");
    let errors = answer.errors(10);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("audit.000001.log:3: #10, "), "{errors:?}");
    assert!(errors[0].contains("was written as #11"), "{errors:?}");
}

#[test]
fn a_torn_tail_is_exit_11() {
    let desk = Desk::sample();
    desk.edit("audit.log", |bytes| bytes.truncate(bytes.len() - 5));
    let answer = desk.run("decrypt audit.log -k audit.key --template {index}");
    let errors = answer.errors(11);
    assert!(errors[0].contains("audit.log:5: the last line is incomplete: "), "{errors:?}");
    assert_eq!(answer.out.lines().count(), 17);
}

#[test]
fn a_tail_of_a_closed_segment_is_damage() {
    let desk = Desk::sample();
    desk.edit("audit.000000.log", |bytes| bytes.extend_from_slice(b"more"));
    let answer = desk.run("decrypt audit.log -k audit.key");
    assert!(answer.errors(10)[0].contains("4 bytes follow the last line of a closed segment"));
}

#[test]
fn a_missing_segment_is_said() {
    let desk = Desk::sample();
    std::fs::remove_file(desk.path("audit.000001.log")).unwrap();
    let answer = desk.run("decrypt audit.log -k audit.key --template {index}");
    assert_eq!(
        answer.errors(10),
        ["fernlog: error: audit.000001.log:1: the file of this segment is missing"]
    );
    assert_eq!(answer.out.lines().count(), 11);
}

#[test]
fn a_file_is_made_and_never_overwritten() {
    let desk = Desk::sample();
    let words = "decrypt audit.log -k audit.key --template {index} -o out.txt";
    assert_eq!(desk.run(words).lines(), Vec::<&str>::new());
    assert_eq!(desk.site.read("out.txt"), (ALL.join("\n") + "\n").into_bytes());
    let mode = desk.path("out.txt").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let answer = desk.run(words);
    assert_eq!(answer.errors(2), ["fernlog: error: out.txt exists and is not overwritten"]);
}

#[test]
fn a_file_from_a_damaged_log_is_kept_and_one_from_a_wrong_key_is_not() {
    let desk = Desk::sample();
    desk.damage_line("audit.log", 1);
    assert_eq!(desk.run("decrypt audit.log -k audit.key -o out.txt").code, 10);
    assert_eq!(desk.site.read("out.txt").iter().filter(|b| **b == b'\n').count(), 17);
    desk.other_key("other.key");
    assert_eq!(desk.run("decrypt audit.log -k other.key -o none.txt").code, 12);
    assert!(!desk.site.files().iter().any(|name| name.contains("none") || name.starts_with('.')));
}

#[test]
fn standard_input_is_a_piece_of_a_log() {
    let desk = Desk::sample();
    let lines = desk.site.read("audit.log");
    let answer = desk.run_with("decrypt - -k audit.key --template {index}:{message}", &lines);
    assert_eq!(answer.lines()[0], "16:message 16");
    assert_eq!(answer.lines().len(), 5);
    let answer = desk.run_with("decrypt - -k audit.key --template {index} --index 17..19", &lines);
    assert_eq!(answer.lines(), ["17", "18"]);
    let answer = desk.run_with("decrypt - -k audit.key --template {message} --tail 2", &lines);
    assert_eq!(answer.out, "message 19\nmessage 20\n");
    let answer = desk.run("decrypt - -k -");
    assert!(answer.errors(2)[0].contains("standard input can serve one purpose"));
}

#[test]
fn foreign_plaintexts_are_shown_and_marked() {
    let desk = Desk::new();
    let cipher = fernlog::crypto::Cipher::new(desk.site.keyring.primary());
    let token = |text: &[u8], iv| cipher.seal(text, u64::try_from(START).unwrap(), [iv; 16]);
    let lines = format!("{}\n{}\n", token(b"hello\x1b\nworld", 1), token(b"\xff", 2));
    desk.file("audit.log", lines.as_bytes());
    let answer = desk.run("decrypt audit.log -k audit.key");
    assert_eq!(
        answer.lines(),
        [
            "2026-11-22T10:00:00.000Z FOREIGN  hello\\x1b\\nworld",
            "2026-11-22T10:00:00.000Z FOREIGN  \\xff"
        ]
    );
    let answer = desk.run("decrypt audit.log -k audit.key --format json");
    assert_eq!(answer.lines()[0], r#"{"foreign":"hello\u001b\nworld"}"#);
}

#[test]
fn times_at_the_edges_of_numbers_are_read() {
    let desk = Desk::new();
    let cipher = fernlog::crypto::Cipher::new(desk.site.keyring.primary());
    let times = [0, 1 << 31, 1 << 63, u64::MAX];
    let lines: String = times.iter().map(|time| cipher.seal(b"x", *time, [3; 16]) + "\n").collect();
    desk.file("audit.log", lines.as_bytes());
    let answer = desk.run("decrypt audit.log -k audit.key");
    assert_eq!(answer.lines().len(), 4);
    assert!(answer.out.starts_with("1970-01-01T00:00:00.000Z FOREIGN"));
}

#[test]
fn what_is_no_log_is_exit_14() {
    let desk = Desk::new();
    desk.file("notes.txt", b"these are\nno tokens\n");
    let answer = desk.run("decrypt notes.txt -k audit.key");
    assert!(answer.errors(14)[0].contains("notes.txt is not a fernlog log"));
}

#[test]
fn of_several_logs_a_missing_one_is_said_and_the_others_are_read() {
    let desk = Desk::sample();
    let answer = desk.run("decrypt no.log audit.log -k audit.key --template {index}");
    assert_eq!(answer.errors(2), ["fernlog: error: cannot open no.log: no such file or directory"]);
    assert_eq!(answer.out.lines().count(), 18);
}

#[test]
fn an_empty_log_has_no_records() {
    let desk = Desk::with([]);
    assert_eq!(desk.run("decrypt audit.log -k audit.key").lines(), Vec::<&str>::new());
    desk.file("plain.log", b"");
    assert_eq!(desk.run("decrypt plain.log -k audit.key").lines(), Vec::<&str>::new());
}

#[test]
fn a_template_with_an_unknown_name_is_refused_before_anything_is_read() {
    let desk = Desk::new();
    let answer = desk.run("decrypt no.log -k no.key --template '{levle}'");
    assert_eq!(answer.errors(2)[0], "fernlog: error: no record has a member 'levle'");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::with(
        (0..3000).map(|n| Record::new(Level::Info, "", "x".repeat(200)).time(UnixTime::new(n, 0))),
    );
    let mut command = desk.command("decrypt audit.log -k audit.key");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn ctrl_c_makes_no_file_and_says_how_far_it_came() {
    let desk = Desk::new();
    let log = desk.site.builder().durability(fernlog::Durability::Buffered).open().unwrap();
    let text = "x".repeat(100_000);
    for _ in 0..400 {
        log.append(&Record::new(Level::Info, "", &text)).unwrap();
    }
    log.close().unwrap();
    let mut command = desk.command("decrypt audit.log -k audit.key -o out.txt");
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(60));
    let kill = ["-INT", &child.id().to_string()];
    assert!(std::process::Command::new("kill").args(kill).status().unwrap().success());
    let answer = super::Answer::of(&child.wait_with_output().unwrap());
    // A fast machine may have been done.
    if answer.code != 0 {
        assert_eq!(answer.code, 130, "{answer:?}");
        assert!(answer.err.contains("fernlog: PARTIAL: "), "{}", answer.err);
        assert!(!desk.path("out.txt").exists());
    }
    assert!(!desk.site.files().iter().any(|name| name.starts_with('.')));
}

#[test]
fn a_full_disk_is_exit_2() {
    let desk = Desk::sample();
    let mut command = desk.command("decrypt audit.log -k audit.key");
    command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let answer = super::Answer::of(&command.output().unwrap());
    assert_eq!(answer.errors(2), ["fernlog: error: standard output: no space left on device"]);
}
