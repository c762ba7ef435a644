//! `fernlog repair`.

use std::fs;

use crate::common::site::{append_bytes, lines};

use super::{Ended, Shell};

const REPAIR: [&str; 3] = ["repair", "audit.log", "--torn-tail"];
const PLAIN: [&str; 5] = ["append", "audit.log", "-k", "audit.key", "--plain"];

fn log_with(input: &[u8]) -> Shell {
    let shell = Shell::with_keys();
    assert_eq!(shell.append(&[], input).code, Some(0));
    shell
}

/// Every file of the folder but the lock, which says who came last.
fn contents(shell: &Shell) -> Vec<(String, Vec<u8>)> {
    let names = shell.files().into_iter().filter(|name| !name.ends_with(".lock"));
    names.map(|name| (name.clone(), fs::read(shell.path(&name)).unwrap())).collect()
}

/// Repair refuses, and leaves everything as it is.
fn refused(shell: &Shell, code: i32) -> Ended {
    let before = contents(shell);
    let ended = shell.run(&REPAIR, b"");
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.out, "");
    assert!(contents(shell) == before, "something was changed");
    ended
}

#[test]
fn a_torn_line_is_saved_and_then_cut() {
    for tail in [&b"gAAAAAtorn"[..], b"\0\0\0", b"\xff\xfe"] {
        let shell = log_with(b"a\nb\n");
        let whole = fs::read(shell.path("audit.log")).unwrap();
        let chain = fs::read(shell.path("audit.log.chain")).unwrap();
        append_bytes(&shell.path("audit.log"), tail);
        let ended = shell.run(&REPAIR, b"");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let saved = format!("audit.log.torn-{}", whole.len());
        assert_eq!(ended.out, format!("{saved}\n"));
        let said = format!("{} bytes of an incomplete line, from byte", tail.len());
        assert!(ended.err.contains(&said) && ended.err.contains(&saved), "{}", ended.err);
        assert_eq!(fs::read(shell.path(&saved)).unwrap(), tail);
        assert_eq!(fs::read(shell.path("audit.log")).unwrap(), whole);
        assert_eq!(fs::read(shell.path("audit.log.chain")).unwrap(), chain, "it signs nothing");
        shell.verifies();
        shell.append(&[], b"c\n");
        assert_eq!(shell.messages(), ["a", "b", "c"]);
        shell.verifies();
    }
}

#[test]
fn a_torn_checkpoint_is_saved_and_then_cut() {
    let shell = log_with(b"a\n");
    let chain = fs::read(shell.path("audit.log.chain")).unwrap();
    append_bytes(&shell.path("audit.log.chain"), b"example.com/test\n3\nAAAA");
    append_bytes(&shell.path("audit.log"), b"gAAAAAB");
    let ended = shell.run(&REPAIR, b"");
    let saved: Vec<&str> = ended.out.lines().collect();
    assert_eq!(saved.len(), 2, "{ended:?}");
    assert_eq!(saved[0], format!("audit.log.chain.torn-{}", chain.len()));
    assert!(ended.err.contains("23 bytes of an incomplete checkpoint"), "{}", ended.err);
    assert_eq!(fs::read(shell.path(saved[0])).unwrap(), b"example.com/test\n3\nAAAA");
    assert_eq!(fs::read(shell.path("audit.log.chain")).unwrap(), chain);
    shell.verifies();
}

#[test]
fn a_second_tail_at_the_same_place_gets_another_name() {
    let shell = log_with(b"a\n");
    for tail in [&b"one"[..], b"two"] {
        append_bytes(&shell.path("audit.log"), tail);
        assert_eq!(shell.run(&REPAIR, b"").code, Some(0));
    }
    let offset = fs::metadata(shell.path("audit.log")).unwrap().len();
    assert_eq!(fs::read(shell.path(&format!("audit.log.torn-{offset}"))).unwrap(), b"one");
    assert_eq!(fs::read(shell.path(&format!("audit.log.torn-{offset}-2"))).unwrap(), b"two");
}

#[test]
fn a_sound_log_needs_nothing() {
    let shell = log_with(b"a\n");
    let before = contents(&shell);
    let ended = shell.run(&REPAIR, b"");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""));
    assert!(ended.err.contains("audit.log has no torn tail; nothing to do"), "{}", ended.err);
    assert!(contents(&shell) == before);
}

#[test]
fn lines_that_no_checkpoint_covers_stay() {
    let shell = log_with(b"a\n");
    let chain = fs::read(shell.path("audit.log.chain")).unwrap();
    shell.append(&[], b"b\n");
    // As after a crash before the checkpoint.
    fs::write(shell.path("audit.log.chain"), chain).unwrap();
    append_bytes(&shell.path("audit.log"), b"gAAAAA");
    assert_eq!(shell.run(&REPAIR, b"").code, Some(0));
    assert_eq!(shell.messages(), ["a", "b"]);
    shell.append(&[], b"");
    shell.verifies();
}

#[test]
fn a_plain_log_is_repaired_too() {
    let shell = Shell::with_keys();
    shell.run(&PLAIN, b"a\n");
    append_bytes(&shell.path("audit.log"), b"gAAAAA");
    assert_eq!(shell.run(&REPAIR, b"").code, Some(0));
    assert_eq!(shell.messages(), ["a"]);
}

#[test]
fn without_the_flag_it_says_what_it_can_do() {
    let shell = log_with(b"a\n");
    let ended = shell.run(&["repair", "audit.log"], b"");
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("--torn-tail is all that repair can do"), "{}", ended.err);
}

#[test]
fn a_log_that_is_being_written_is_held() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack"]);
    writer.write("a\n");
    writer.line();
    let ended = refused(&shell, 20);
    assert!(ended.err.contains("held by another writer (process "), "{}", ended.err);
    assert_eq!(writer.close().code, Some(0));
}

#[test]
fn fewer_lines_than_were_signed_are_no_torn_tail() {
    let shell = log_with(b"a\nb\n");
    let kept = lines(&shell.path("audit.log"))[0].clone() + "\ngAAAAA";
    fs::write(shell.path("audit.log"), kept).unwrap();
    let ended = refused(&shell, 10);
    assert!(ended.err.contains("has 2 entries and 3 were signed"), "{}", ended.err);
    assert!(ended.err.contains("keep evidence first"), "{}", ended.err);
    assert!(ended.err.contains("fernlog verify audit.log --vkey"), "{}", ended.err);
}

#[test]
fn damage_in_the_middle_is_no_torn_tail() {
    let shell = log_with(b"a\nb\n");
    append_bytes(&shell.path("audit.log"), b"no token\ngAAAAA");
    assert!(refused(&shell, 10).err.contains("line 3 is no token"));

    let shell = log_with(b"a\nb\n");
    let mut swapped = lines(&shell.path("audit.log"));
    swapped.swap(0, 1);
    fs::write(shell.path("audit.log"), swapped.join("\n") + "\ngAAAAA").unwrap();
    assert!(refused(&shell, 10).err.contains("other entries than those"));
}

#[test]
fn a_forged_checkpoint_is_no_torn_tail() {
    let shell = log_with(b"a\n");
    let chain = fs::read_to_string(shell.path("audit.log.chain")).unwrap();
    // Another size under the same signatures.
    let (head, last) = chain.rsplit_once("\n2\n").unwrap();
    fs::write(shell.path("audit.log.chain"), format!("{head}\n1\n{last}")).unwrap();
    append_bytes(&shell.path("audit.log"), b"gAAAAA");
    refused(&shell, 10);
}

#[test]
fn a_log_whose_chain_is_lost_is_not_taken_for_a_plain_one() {
    let shell = log_with(b"a\n");
    append_bytes(&shell.path("audit.log"), b"gAAAAA");
    fs::remove_file(shell.path("audit.log.chain")).unwrap();
    assert!(refused(&shell, 10).err.contains("the log or its chain is missing"));
}

#[test]
fn a_half_finished_roll_is_left_to_the_next_writer() {
    let shell = log_with(b"a\n");
    fs::write(shell.path("audit.log.chain.new"), "fernlog/segment@v1\n").unwrap();
    append_bytes(&shell.path("audit.log"), b"gAAAAA");
    let ended = refused(&shell, 2);
    assert!(ended.err.contains("a roll stopped half way; the next append"), "{}", ended.err);
}

#[test]
fn a_file_that_is_no_log_is_left_alone() {
    let shell = Shell::empty();
    for text in ["just a text\nand more", "root:x:0:0", "{\"a\":1}"] {
        fs::write(shell.path("audit.log"), text).unwrap();
        let ended = refused(&shell, 14);
        assert!(ended.err.contains("is not a fernlog log"), "{}", ended.err);
    }
    fs::remove_file(shell.path("audit.log")).unwrap();
    fs::remove_file(shell.path("audit.log.lock")).unwrap();
    refused(&shell, 2);
    assert!(shell.files().is_empty());
}

#[test]
fn an_append_only_log_says_what_to_do_and_is_not_copied_again_and_again() {
    let shell = log_with(b"a\n");
    append_bytes(&shell.path("audit.log"), b"gAAAAA");
    let Some(_only) = super::attribute(&shell.path("audit.log"), 'a') else { return };
    let ended = refused(&shell, 2);
    assert!(ended.err.contains("audit.log is append-only"), "{}", ended.err);
    assert!(ended.err.contains("chattr -a audit.log"), "{}", ended.err);
}
