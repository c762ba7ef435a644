//! Where keys come from, and what the wrong ones give.

use std::os::unix::fs::PermissionsExt;

use super::Desk;

#[test]
fn a_wrong_key_is_named_and_gives_nothing() {
    let desk = Desk::sample();
    desk.other_key("other.key");
    let answer = desk.run("decrypt audit.log -k other.key");
    let errors = answer.errors(12);
    let id = desk.site.keyring.primary().id();
    assert!(errors[0].contains(&format!("key {id} is needed from here on; given: ")));
    assert!(errors.iter().any(|e| e.contains(&format!("fernlog keys find {id}"))));
    assert_eq!(answer.out, "");
}

#[test]
fn a_half_wrong_key_gives_nothing() {
    let desk = Desk::sample();
    for (name, place) in [("a.key", 3), ("b.key", 40)] {
        let mut text = desk.site.keyring.to_text(&[]).as_bytes().to_vec();
        text[place] = if text[place] == b'A' { b'B' } else { b'A' };
        desk.file(name, &text);
        let answer = desk.run(&format!("decrypt audit.log -k {name}"));
        assert_eq!((answer.code, answer.out.as_str()), (12, ""), "{name}");
    }
}

#[test]
fn in_a_plain_log_a_wrong_key_is_exit_12_and_a_changed_line_10() {
    let desk = Desk::new();
    let log = desk.site.plain().open().unwrap();
    for message in ["one", "two", "three"] {
        log.append(&crate::common::site::record(message)).unwrap();
    }
    log.close().unwrap();
    desk.other_key("other.key");
    let answer = desk.run("decrypt audit.log -k other.key");
    assert!(answer.errors(12)[0].contains("no given key opens any of 3 lines"));
    desk.damage_line("audit.log", 1);
    let answer = desk.run("decrypt audit.log -k other.key -k audit.key --template {index}");
    assert!(answer.errors(10)[0].contains("audit.log:1: #0, "), "{}", answer.err);
    assert_eq!(answer.out, "1\n2\n");
}

#[test]
fn without_a_key_nothing_is_read() {
    let desk = Desk::sample();
    let errors = desk.run("decrypt audit.log");
    assert_eq!(errors.errors(2)[0], "fernlog: error: no key was given");
}

#[test]
fn the_key_comes_from_the_environment_a_command_or_standard_input() {
    let desk = Desk::sample();
    let words = "decrypt audit.log --template {index} --head 1";
    let mut command = desk.command(words);
    command.env("FERNLOG_KEY_FILE", desk.path("audit.key"));
    assert_eq!(super::Answer::of(&command.output().unwrap()).lines(), ["1"]);
    let answer = desk.run(&format!("{words} --key-command 'cat audit.key'"));
    assert_eq!(answer.lines(), ["1"]);
    let answer = desk.run_with(&format!("{words} -k -"), &desk.site.read("audit.key"));
    assert_eq!(answer.lines(), ["1"]);
}

#[test]
fn the_key_command_does_not_see_the_name_of_the_key_file() {
    let desk = Desk::sample();
    let words =
        "decrypt audit.log --key-command 'sh -c \"test -z $FERNLOG_KEY_FILE && cat audit.key\"'";
    let mut command = desk.command(words);
    command.env("FERNLOG_KEY_FILE", desk.path("audit.key"));
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

#[test]
fn a_key_file_that_others_can_read_earns_a_warning() {
    let desk = Desk::sample();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(desk.path("audit.key"), open).unwrap();
    let answer = desk.run("decrypt audit.log -k audit.key --head 1");
    assert_eq!(
        answer.errors(0),
        [
            "fernlog: warning: others on this machine can read audit.key",
            "fernlog: hint: chmod 600 audit.key"
        ]
    );
}
