//! `fernlog keygen`.

use std::os::unix::fs::PermissionsExt as _;

use fernlog::{Keyring, SigningKey, VerifierKey};

use super::Shell;

const KEYGEN: [&str; 4] = ["keygen", "audit", "--origin", "example.com/a"];

#[test]
fn the_files_of_a_set_belong_together_and_secrets_are_private() {
    let shell = Shell::empty();
    let said = shell.ok(&[&KEYGEN[..], &["--label", "prod 'eu'", "--fields"]].concat());
    assert_eq!(shell.files(), ["audit.fields.key", "audit.key", "audit.sign", "audit.vkey"]);
    for (name, mode) in [
        ("audit.key", 0o600),
        ("audit.sign", 0o600),
        ("audit.vkey", 0o644),
        ("audit.fields.key", 0o600),
    ] {
        let found = shell.path(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
    let ring = Keyring::load(shell.path("audit.key")).unwrap();
    assert!(said.contains(&ring.ids()[0].to_string()), "{said}");
    let sign = SigningKey::load(shell.path("audit.sign")).unwrap();
    assert_eq!(sign.name(), "example.com/a");
    assert_eq!(*sign.verifier(), VerifierKey::load(shell.path("audit.vkey")).unwrap());
    let text = std::fs::read_to_string(shell.path("audit.key")).unwrap();
    assert!(text.contains("\n# label: prod 'eu'\n"), "{text}");
}

#[test]
fn no_secret_is_printed() {
    let shell = Shell::empty();
    let ended = shell.run(&KEYGEN, b"");
    for name in ["audit.key", "audit.sign"] {
        let text = std::fs::read_to_string(shell.path(name)).unwrap();
        let secret = text.lines().last().unwrap();
        assert!(!ended.out.contains(secret) && !ended.err.contains(secret));
    }
}

#[test]
fn the_next_commands_that_it_prints_work() {
    let shell = Shell::empty();
    let said = shell.ok(&KEYGEN);
    let commands: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("  fernlog ")).collect();
    let append: Vec<&str> = commands[0].split(' ').take_while(|word| *word != "<").collect();
    assert_eq!(shell.run(&append, b"hello\n").code, Some(0));
    assert_eq!(shell.messages(), ["hello"]);
}

#[test]
fn an_existing_file_is_refused_before_anything_is_made() {
    for name in ["audit.key", "audit.sign", "audit.vkey", "audit.fields.key"] {
        let shell = Shell::empty();
        std::fs::write(shell.path(name), "mine").unwrap();
        let ended = shell.run(&[&KEYGEN[..], &["--fields"]].concat(), b"");
        assert_eq!(ended.code, Some(2));
        assert!(
            ended.err.contains(&format!("{name} exists and is not overwritten")),
            "{}",
            ended.err
        );
        assert_eq!(shell.files(), [name]);
        assert_eq!(std::fs::read(shell.path(name)).unwrap(), b"mine");
    }
}

#[test]
fn a_dangling_symlink_is_not_written_through() {
    let shell = Shell::empty();
    std::os::unix::fs::symlink(shell.path("elsewhere"), shell.path("audit.sign")).unwrap();
    assert_eq!(shell.run(&KEYGEN, b"").code, Some(2));
    assert_eq!(shell.files(), ["audit.sign"]);
}

#[test]
fn a_folder_that_takes_no_files_gets_none() {
    let shell = Shell::empty();
    let ended = shell.run(&["keygen", "/proc/audit", "--origin", "a"], b"");
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("/proc/audit.key"), "{}", ended.err);
}

#[test]
fn a_folder_that_is_missing_is_not_made() {
    let shell = Shell::empty();
    let ended = shell.run(&["keygen", "no/audit", "--origin", "a"], b"");
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("folder no does not exist"), "{}", ended.err);
    assert!(shell.files().is_empty());
}

#[test]
fn origins_and_labels_that_break_lines_are_refused() {
    for (origin, label) in [
        ("a b", "x"),
        ("a+b", "x"),
        ("", "x"),
        ("a\u{202e}b", "x"),
        ("a", "two\nlines"),
        ("a", "\x1b[2Jclear"),
    ] {
        let shell = Shell::empty();
        let ended = shell.run(&["keygen", "audit", "--origin", origin, "--label", label], b"");
        assert_eq!(ended.code, Some(2), "{origin:?} {label:?}");
        assert!(shell.files().is_empty());
        assert!(!ended.err.contains('\x1b') && !ended.err.contains('\u{202e}'));
    }
}
