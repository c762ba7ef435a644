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
