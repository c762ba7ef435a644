//! `fernlog roll`.

use super::Shell;

const ROLL: [&str; 6] = ["roll", "audit.log", "-k", "audit.key", "--sign", "audit.sign"];

#[test]
fn the_closed_segment_is_printed_and_the_log_goes_on() {
    let shell = Shell::with_keys();
    shell.append(&[], b"a\n");
    assert_eq!(shell.ok(&ROLL), "audit.000000.log\n");
    shell.append(&[], b"b\n");
    assert_eq!(shell.ok(&ROLL), "audit.000001.log\n");
    assert_eq!(shell.messages(), ["a", "b"]);
    shell.verifies();
}

#[test]
fn a_log_that_is_not_there_is_not_made() {
    let shell = Shell::with_keys();
    let before = shell.files();
    let ended = shell.run(&ROLL, b"");
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("there is no log audit.log"), "{}", ended.err);
    assert_eq!(shell.files(), before);
}

#[test]
fn a_log_that_is_being_written_is_held() {
    let shell = Shell::with_keys();
    let mut writer = shell.start(&["--ack"]);
    writer.write("a\n");
    writer.line();
    let ended = shell.run(&ROLL, b"");
    assert_eq!(ended.code, Some(20));
    assert!(ended.err.contains("held by another writer (process "), "{}", ended.err);
    assert_eq!(writer.close().code, Some(0));
}
