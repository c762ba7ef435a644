//! The definition as a whole: it is sound, says what it does, and leaks nothing.

use clap::{Command as ClapCommand, CommandFactory as _, Parser as _};

use std::path::PathBuf;

use super::*;

fn root() -> ClapCommand {
    let mut command = Cli::command();
    command.build();
    command
}

fn walk(command: &ClapCommand, visit: &mut impl FnMut(&ClapCommand)) {
    visit(command);
    command.get_subcommands().for_each(|sub| walk(sub, visit));
}

fn parse(line: &str) -> Cli {
    let words = shlex::split(line).unwrap();
    Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn refused(line: &str) -> clap::error::ErrorKind {
    Cli::try_parse_from(shlex::split(line).unwrap()).expect_err(line).kind()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_commands_are_those_of_the_contract() {
    let root = root();
    let names: Vec<&str> = root.get_subcommands().map(ClapCommand::get_name).collect();
    assert_eq!(
        names,
        [
            "keygen",
            "keys",
            "append",
            "roll",
            "repair",
            "decrypt",
            "grep",
            "tail",
            "verify",
            "inspect",
            "checkpoint",
            "prove",
            "doctor",
            "demo",
            "completions",
            "man",
            "help"
        ]
    );
}

#[test]
fn every_flag_from_the_environment_hides_its_value() {
    walk(&root(), &mut |command| {
        for arg in command.get_arguments().filter(|arg| arg.get_env().is_some()) {
            assert!(arg.is_hide_env_values_set(), "{} {}", command.get_name(), arg.get_id());
        }
    });
}

#[test]
fn every_command_and_flag_is_explained() {
    walk(&root(), &mut |command| {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for arg in command.get_arguments() {
            assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
        }
    });
}

#[test]
fn every_command_has_examples_that_can_be_typed() {
    walk(&root(), &mut |command| {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_else(|| panic!("{} has none", command.get_name()));
        let lines: Vec<&str> = help
            .lines()
            .filter(|line| line.starts_with("  ") && line.contains("fernlog"))
            .collect();
        assert!(!lines.is_empty(), "{}", command.get_name());
        for line in lines {
            let words = shlex::split(line).unwrap();
            let start = words.iter().position(|word| word == "fernlog").unwrap();
            let typed: Vec<&String> = words[start..]
                .iter()
                .take_while(|w| !["|", ">", "<"].contains(&w.as_str()))
                .collect();
            Cli::try_parse_from(typed).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    });
}

#[test]
fn examples_fit_80_columns() {
    walk(&root(), &mut |command| {
        for line in command.get_after_help().map(ToString::to_string).unwrap_or_default().lines() {
            assert!(line.len() <= 80 && line.is_ascii(), "{line}");
        }
    });
}

#[test]
fn cat_is_decrypt() {
    assert!(matches!(parse("fernlog cat a.log").command, Command::Decrypt(_)));
}

#[test]
fn global_flags_go_before_and_behind_the_command() {
    for line in [
        "fernlog --color never --tz Europe/Berlin -q verify a.log",
        "fernlog verify a.log --color never --tz Europe/Berlin -q",
        "fernlog keys list . -q --tz Europe/Berlin --color never",
    ] {
        let global = parse(line).global;
        assert_eq!((global.color, global.tz.as_str()), (When::Never, "Europe/Berlin"), "{line}");
        assert!(global.quiet, "{line}");
    }
}

#[test]
fn times_may_begin_with_a_hyphen() {
    let Command::Decrypt(args) = parse("fernlog decrypt a.log --since -3h --until -1h").command
    else {
        panic!("another command");
    };
    assert_eq!(args.selection.since.as_deref(), Some("-3h"));
    assert_eq!(args.selection.until.as_deref(), Some("-1h"));
}

#[test]
fn levels_are_read_in_any_case() {
    for level in ["WARNING", "warning", "warn", "WARN"] {
        let line = format!("fernlog decrypt a.log --level {level}");
        let Command::Decrypt(args) = parse(&line).command else { panic!("another command") };
        assert_eq!(args.selection.level, Some(LevelArg::Warning));
    }
}

fn grep(line: &str) -> GrepArgs {
    let Command::Grep(args) = parse(line).command else { panic!("another command") };
    args
}

#[test]
fn grep_takes_a_pattern_and_logs() {
    let (patterns, logs) = grep("fernlog grep x a.log b.log").patterns_and_logs().unwrap();
    assert_eq!(patterns, ["x"]);
    assert_eq!(logs, [PathBuf::from("a.log"), PathBuf::from("b.log")]);
}

#[test]
fn grep_with_e_takes_only_logs() {
    let (patterns, logs) = grep("fernlog grep -e -x -e y a.log b.log").patterns_and_logs().unwrap();
    assert_eq!(patterns, ["-x", "y"]);
    assert_eq!(logs, [PathBuf::from("a.log"), PathBuf::from("b.log")]);
    assert!(grep("fernlog grep -e x").patterns_and_logs().is_err());
}

#[test]
fn grep_letters_mean_what_they_mean_to_grep() {
    let args = grep("fernlog grep -Fiwvoclsqn -m 3 -A 1 -C 2 x a.log");
    let matching = &args.matching;
    assert!(matching.fixed_strings && matching.ignore_case && matching.word_regexp);
    assert!(matching.invert_match && matching.max_count == Some(3));
    let printing = &args.printing;
    assert!(printing.only_matching && printing.count && printing.files_with_matches);
    assert!(printing.no_messages && printing.line_number);
    assert_eq!(printing.context(), (2, 1));
    let args = grep("fernlog grep -i -S -w -x -L x a.log");
    assert!(args.matching.smart_case && !args.matching.ignore_case);
    assert!(args.matching.line_regexp && !args.matching.word_regexp);
    assert!(args.printing.files_without_match);
}

#[test]
fn tail_begins_with_ten_records_unless_told() {
    let last = |line: &str| {
        let Command::Tail(args) = parse(line).command else { panic!("another command") };
        args.last()
    };
    assert_eq!(last("fernlog tail a.log"), Some(10));
    assert_eq!(last("fernlog tail -n 3 a.log"), Some(3));
    assert_eq!(last("fernlog tail --tail 4 a.log"), Some(4));
    assert_eq!(last("fernlog tail --head 4 a.log"), None);
}

#[test]
fn append_needs_a_signer_or_plain() {
    use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument};
    assert_eq!(refused("fernlog append a.log -k a.key"), MissingRequiredArgument);
    assert_eq!(refused("fernlog append a.log --sign a.sign --plain"), ArgumentConflict);
    parse("fernlog append a.log -k a.key --plain");
}

#[test]
fn checkpoint_prints_or_verifies() {
    let action = |line: &str| {
        let Command::Checkpoint(args) = parse(line).command else { panic!("another command") };
        (args.log, args.action.is_some())
    };
    assert_eq!(action("fernlog checkpoint a.log"), (Some("a.log".into()), false));
    assert_eq!(action("fernlog checkpoint verify a.txt --vkey a.vkey"), (None, true));
    refused("fernlog checkpoint");
    refused("fernlog checkpoint verify a.txt");
}

#[test]
fn prove_makes_one_thing_or_checks_one() {
    parse("fernlog prove a.log '#5'");
    parse("fernlog prove a.log --from 5 -o -");
    parse("fernlog prove --verify a.proof --vkey a.vkey");
    for line in [
        "fernlog prove",
        "fernlog prove a.log",
        "fernlog prove a.log '#5' --from 5",
        "fernlog prove --verify a.proof",
        "fernlog prove a.log --verify a.proof --vkey a.vkey",
        "fernlog prove --from 5",
    ] {
        refused(line);
    }
}

#[test]
fn help_takes_topics_and_commands() {
    for line in ["fernlog help", "fernlog help exit-codes", "fernlog help keys find"] {
        assert!(matches!(parse(line).command, Command::Help(_)), "{line}");
    }
}
