//! `fernlog append` on a log that needs mending, on a disk that fails, and with flags that make it
//! roll, delete, compress and let go.

use std::fs;

use crate::common::site::append_bytes;

use super::{APPEND, Shell};

const ROLL: [&str; 6] = ["roll", "audit.log", "-k", "audit.key", "--sign", "audit.sign"];

#[test]
fn what_opening_mended_is_said() {
    for roll in [false, true] {
        let shell = Shell::with_keys();
        shell.append(&[], b"a\n");
        let length = fs::metadata(shell.path("audit.log")).unwrap().len();
        append_bytes(&shell.path("audit.log"), b"gAAAAAtorn");
        append_bytes(&shell.path("audit.log.chain"), b"example.com/test\n");
        fs::remove_file(shell.path("audit.log.signer")).unwrap();
        let ended = if roll { shell.run(&ROLL, b"") } else { shell.append(&[], b"") };
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let saved = format!("are saved in audit.log.torn-{length}\n");
        assert!(ended.err.contains("10 bytes of an incomplete line, from byte"), "{}", ended.err);
        assert!(ended.err.contains(&saved), "{}", ended.err);
        assert!(ended.err.contains("17 bytes of an incomplete checkpoint"), "{}", ended.err);
        assert!(ended.err.contains("warning: the signing key of the segment was lost"));
        shell.verifies();
    }
}

#[test]
fn entries_without_a_checkpoint_and_a_completed_roll_are_said() {
    let shell = Shell::with_keys();
    shell.append(&[], b"a\n");
    let chain = fs::read(shell.path("audit.log.chain")).unwrap();
    shell.append(&[], b"b\n");
    fs::write(shell.path("audit.log.chain"), chain).unwrap();
    let ended = shell.append(&[], b"");
    assert!(ended.err.contains("1 entry that no checkpoint covered was kept"), "{}", ended.err);

    shell.ok(&ROLL);
    // Back to before the last two steps of the roll.
    fs::rename(shell.path("audit.log.chain"), shell.path("audit.log.chain.new")).unwrap();
    fs::rename(shell.path("audit.log.signer"), shell.path("audit.log.signer.new")).unwrap();
    let ended = shell.append(&[], b"c\n");
    assert!(ended.err.contains("a roll had stopped half way"), "{}", ended.err);
    assert_eq!(shell.messages(), ["a", "b", "c"]);
    shell.verifies();
}

#[test]
fn a_clean_start_says_nothing_about_mending() {
    let shell = Shell::with_keys();
    shell.append(&[], b"a\n");
    let ended = shell.append(&[], b"b\n");
    assert_eq!(ended.err.lines().count(), 2, "{}", ended.err);
}

#[test]
fn a_file_limit_is_an_error_that_says_how_far_it_came_and_no_end_by_a_signal() {
    let shell = Shell::with_keys();
    let lines: Vec<String> = (0..2000).map(|n| format!("{n:0150}")).collect();
    fs::write(shell.path("input"), lines.join("\n")).unwrap();
    let script = format!("ulimit -f 128; exec \"$0\" {} < input", APPEND.join(" "));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_fernlog")]);
    let output = command.current_dir(shell.path(".")).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("file too large; "), "{said}");
    let kept = shell.messages();
    assert!(kept.len() > 50 && kept == lines[..kept.len()]);
    assert!(said.contains(&format!("up to line {}\n", kept.len())), "{said}");
    shell.verifies();
    shell.append(&[], lines[kept.len()..].join("\n").as_bytes());
    assert_eq!(shell.messages(), lines);
}

/// Lines that fill some segments of 8 KiB.
fn many() -> Vec<String> {
    (0..200).map(|n| format!("line {n}")).collect()
}

/// What `decrypt` reads of all segments, in whatever form they are.
fn decrypted(shell: &Shell) -> Vec<String> {
    let said = shell.ok(&["decrypt", "audit.log", "-k", "audit.key", "--template", "{message}"]);
    said.lines().map(str::to_owned).collect()
}

#[test]
fn a_segment_ends_when_its_time_is_over() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack", "--roll-every", "1s"]);
    writer.write("a\n");
    writer.line();
    super::until(|| shell.path("audit.000000.log").exists());
    writer.write("b\n");
    writer.line();
    assert_eq!(writer.close().code, Some(0));
    assert_eq!(shell.messages(), ["a", "b"]);
    let chain = fs::read_to_string(shell.path("audit.log.chain")).unwrap();
    assert!(chain.contains("\nevent rolled time\n"), "{chain}");
    shell.verifies();
}

#[test]
fn a_schedule_is_in_the_zone_that_was_named() {
    let shell = Shell::with_keys();
    for zone in ["UTC", "utc", "Europe/Berlin"] {
        let flags = ["--roll-every", "monday@03:30", "--tz", zone];
        assert_eq!(shell.append(&flags, b"a\n").code, Some(0), "{zone}");
    }
    let ended = shell.append(&["--roll-every", "midnight", "--tz", "Mars/Olympus"], b"a\n");
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("no time zone is called 'Mars/Olympus'"), "{}", ended.err);
}

#[test]
fn old_segments_are_deleted_and_the_log_says_so() {
    let shell = Shell::with_keys();
    let lines = many();
    let flags = ["--roll-size", "8K", "--keep", "2", "--keep", "90d"];
    assert_eq!(shell.append(&flags, lines.join("\n").as_bytes()).code, Some(0));
    let files = shell.files();
    assert!(!files.contains(&"audit.000000.log".to_owned()), "{files:?}");
    assert!(files.contains(&"audit.000000.log.chain".to_owned()), "{files:?}");
    let closed = |name: &&String| name.starts_with("audit.00") && name.ends_with(".log");
    assert_eq!(files.iter().filter(closed).count(), 2, "{files:?}");
    let kept = shell.messages();
    assert!(lines.ends_with(&kept) && kept.len() < lines.len());
    shell.verifies();
}

#[test]
fn closed_segments_are_compressed_and_read_as_they_are() {
    let shell = Shell::with_keys();
    let lines = many();
    let ended = shell.append(&["--roll-size", "8K", "--compress"], lines.join("\n").as_bytes());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let files = shell.files();
    for (there, name) in [(true, "audit.000000.log.zst"), (false, "audit.000000.log")] {
        assert_eq!(files.contains(&name.to_owned()), there, "{files:?}");
    }
    assert_eq!(decrypted(&shell), lines);
    shell.verifies();
}

#[test]
fn roll_deletes_and_compresses_too() {
    let shell = Shell::with_keys();
    for line in ["a\n", "b\n", "c\n"] {
        shell.append(&[], line.as_bytes());
        shell.ok(&[&ROLL[..], &["--keep", "2", "--compress"]].concat());
    }
    let files = shell.files();
    let zst = |name: &&String| name.ends_with(".zst");
    assert_eq!(files.iter().filter(zst).count(), 2, "{files:?}");
    assert_eq!(decrypted(&shell), ["b", "c"]);
    shell.verifies();
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_is_made() {
    let shell = Shell::with_keys();
    for (flags, said) in [
        (&["--roll-every", "noon"][..], "understood are 30s, 15m"),
        (&["--roll-every", "25:00"], "25:00"),
        (&["--roll-every", "0m"], "a segment cannot end when it begins"),
        (&["--roll-size", "0"], "a size of nothing"),
        (&["--keep", "10m"], "understood are 30 (segments), 12h, 90d"),
        (&["--keep", "0"], "retention of 0 segments"),
        (&["--keep", "0d"], "retention of no time"),
        (&["--keep", "4K", "--roll-size", "8K"], "retention smaller than one segment"),
    ] {
        let ended = shell.append(flags, b"a\n");
        assert_eq!(ended.code, Some(2), "{flags:?}");
        assert!(ended.err.contains(said), "{flags:?}: {}", ended.err);
    }
    for (flag, said) in [("--keep=3", "retention needs a chain"), ("--compress", "needs a chain")] {
        let plain = ["append", "audit.log", "-k", "audit.key", "--plain", flag];
        let ended = shell.run(&plain, b"a\n");
        assert_eq!(ended.code, Some(2), "{flag}");
        assert!(ended.err.contains(said), "{flag}: {}", ended.err);
    }
    assert_eq!(shell.files(), ["audit.key", "audit.sign", "audit.vkey"]);
}
