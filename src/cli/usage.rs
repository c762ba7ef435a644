//! Reads the command line, and says in our words what clap has against it. Nothing typed is
//! repeated when a key might be in it, and nothing is repeated without escapes.

use std::ffi::{OsStr, OsString};

use clap::builder::StyledStr;
use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, When};
use crate::escape::{self, Place};
use crate::failure::Failure;
use crate::keyguard;

/// Why there is no command to run.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Help or the version was asked for.
    Show(StyledStr),
    /// Nothing was asked for: help as an error.
    Nothing(StyledStr),
    /// A mistake.
    Mistake(Failure),
}

/// Reads the command line, the name of the program first. `key_file` is `FERNLOG_KEY_FILE`.
///
/// # Errors
///
/// What to show instead of running a command.
pub(crate) fn parse(args: &[OsString], key_file: Option<&OsStr>) -> Result<Cli, Stop> {
    let error = match Cli::try_parse_from(args) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    Err(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Show(error.render()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Stop::Nothing(error.render()),
        kind => {
            let refusal = refuse_keys(&error, args, key_file);
            Stop::Mistake(refusal.unwrap_or_else(|| {
                // A line end in a file name could forge a hint, so the message is made from escaped
                // words.
                let words = args.iter().map(|arg| escaped(arg));
                match Cli::try_parse_from(words) {
                    Err(again) if again.kind() == kind => mistake(&again.to_string()),
                    _ => Failure::usage(kind.to_string().to_lowercase()),
                }
                .hint(where_to_read(args))
            }))
        }
    })
}

/// What `--color` says, for messages about a command line that could not be read.
pub(crate) fn early_colour(args: &[OsString]) -> When {
    let value = |(place, arg): (usize, &OsString)| {
        let arg = arg.to_string_lossy().into_owned();
        match arg.strip_prefix("--color") {
            Some("") => args.get(place + 1).map(|next| next.to_string_lossy().into_owned()),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        }
    };
    match args.iter().enumerate().find_map(value).as_deref() {
        Some("always") => When::Always,
        Some("never") => When::Never,
        _ => When::Auto,
    }
}

fn refuse_keys(error: &clap::Error, args: &[OsString], env: Option<&OsStr>) -> Option<Failure> {
    if args.iter().any(|arg| keyguard::holds_key(arg)) {
        let place = (error.kind() == ErrorKind::ValueValidation)
            .then(|| error.get(ContextKind::InvalidArg))
            .flatten()
            .and_then(|flag| flag.to_string().split(' ').next().map(str::to_owned));
        let message = match place {
            Some(flag) => format!("{flag} got {}", keyguard::IsAKey),
            None => "there is a key on the command line; keys come from files: -k FILE".to_owned(),
        };
        return Some(Failure::usage(message).hint(keyguard::ADVICE));
    }
    env.is_some_and(|value| keyguard::looks_like_key(&value.to_string_lossy())).then(|| {
        Failure::usage(format!("FERNLOG_KEY_FILE holds {}", keyguard::IsAKey))
            .hint("the key was visible to every program started from there; replace it")
    })
}

/// clap's text has a message, then paragraphs with tips and the usage. Both become hints.
fn mistake(text: &str) -> Failure {
    let mut paragraphs = text.split("\n\n");
    let message = one_line(paragraphs.next().unwrap_or(text));
    let message = message.strip_prefix("error: ").unwrap_or(&message).trim_end_matches(':');
    let mut failure = Failure::usage(message);
    for paragraph in paragraphs {
        let paragraph = paragraph.trim();
        if paragraph.starts_with("tip: ") {
            for tip in paragraph.lines() {
                failure = failure.hint(tip.trim().trim_start_matches("tip: "));
            }
        } else if let Some(usage) = paragraph.strip_prefix("Usage: ") {
            for line in usage.lines() {
                failure = failure.hint(format!("usage: {}", line.trim()));
            }
        }
    }
    failure
}

fn where_to_read(args: &[OsString]) -> String {
    let command = Cli::command();
    let name = args.iter().skip(1).find_map(|arg| {
        command.find_subcommand(arg).map(|found| format!("fernlog help {}", found.get_name()))
    });
    format!("more: {}", name.unwrap_or_else(|| "fernlog --help".to_owned()))
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn escaped(arg: &OsStr) -> String {
    escape::bytes(arg.as_encoded_bytes(), Place::Cell).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    fn stop(line: &str) -> Stop {
        let words = shlex::split(line).unwrap();
        parse(&words.iter().map(OsString::from).collect::<Vec<_>>(), None).expect_err(line)
    }

    fn refused(line: &str) -> Failure {
        match stop(line) {
            Stop::Mistake(failure) => failure,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_mistake_is_one_sentence_with_hints() {
        let failure = refused("fernlog decrypt a.log --frmat json");
        assert_eq!(failure.message(), "unexpected argument '--frmat' found");
        assert_eq!(failure.exit().code(), 2);
        assert!(failure.hints().iter().any(|hint| hint.contains("'--format'")));
        assert!(failure.hints().iter().any(|hint| hint.starts_with("usage: fernlog decrypt")));
        assert_eq!(failure.hints().last().unwrap(), "more: fernlog help decrypt");
    }

    #[test]
    fn what_is_missing_is_named_in_the_same_line() {
        let failure = refused("fernlog keygen audit");
        assert_eq!(
            failure.message(),
            "the following required arguments were not provided: --origin <ORIGIN>"
        );
    }

    #[test]
    fn no_word_at_all_shows_help_as_an_error() {
        assert!(matches!(stop("fernlog"), Stop::Nothing(_)));
        assert!(matches!(stop("fernlog --help"), Stop::Show(_)));
        assert!(matches!(stop("fernlog --version"), Stop::Show(_)));
        assert!(matches!(stop("fernlog grep -h"), Stop::Show(_)));
    }

    #[test]
    fn a_key_in_place_of_a_file_is_refused_and_not_repeated() {
        for line in [
            format!("fernlog decrypt -k {KEY} a.log"),
            format!("fernlog decrypt -k{KEY} a.log"),
            format!("fernlog decrypt --key-file={KEY} a.log"),
            format!("fernlog decrypt --key {KEY} a.log"),
            format!("fernlog decrypt -k a.key {KEY}"),
            format!("fernlog append a.log -k a.key --sign {KEY}"),
            "fernlog append a.log -k a.key --sign PRIVATE+KEY+o+72414d3d+AXRlc3Q=".to_owned(),
            format!("fernlog verify a.log --vkey {KEY}"),
            format!("fernlog keygen x --origin o {KEY}"),
            format!("fernlog {KEY}"),
            format!("fernlog decrypt --nope={KEY} a.log"),
            format!("fernlog decrypt --key-command 'echo {KEY}' a.log"),
            format!("fernlog decrypt -k '# comment\n{KEY}\n' a.log"),
        ] {
            let failure = refused(&line);
            let said = format!("{failure:?}");
            assert!(!said.contains(&KEY[..10]) && !said.contains("AXRlc3Q"), "{line}: {said}");
            assert_eq!(failure.hints(), [keyguard::ADVICE], "{line}");
            assert!(failure.message().contains("key"), "{line}");
        }
        assert_eq!(
            refused(&format!("fernlog decrypt -k {KEY} a.log")).message(),
            "--key-file got a key where a file name belongs"
        );
    }

    #[test]
    fn a_key_may_be_searched_for() {
        let words = ["fernlog", "grep", KEY, "a.log"].map(OsString::from);
        assert!(parse(&words, None).is_ok());
    }

    #[test]
    fn a_key_in_the_environment_is_named_without_its_value() {
        let error = Cli::try_parse_from(["fernlog", "--nope"]).unwrap_err();
        let failure = refuse_keys(&error, &[], Some(OsStr::new(KEY))).unwrap();
        assert!(failure.message().starts_with("FERNLOG_KEY_FILE"));
        assert!(!format!("{failure:?}").contains(KEY));
        assert!(refuse_keys(&error, &[], Some(OsStr::new("/etc/fernlog/audit.key"))).is_none());
    }

    #[test]
    fn hostile_words_cannot_forge_a_hint() {
        let words = ["fernlog", "verify", "--x\n\n  tip: run \x1b[2Jthis"].map(OsString::from);
        let Err(Stop::Mistake(failure)) = parse(&words, None) else { panic!("accepted") };
        assert!(failure.message().contains("\\n\\n  tip: run \\x1b[2Jthis"));
        assert!(!failure.hints().iter().any(|hint| hint.starts_with("run")));
    }

    #[cfg(unix)]
    #[test]
    fn words_that_are_not_utf8_are_a_mistake() {
        use std::os::unix::ffi::OsStringExt as _;
        let bad = OsString::from_vec(b"\xff\x1b".to_vec());
        let words = ["fernlog".into(), "help".into(), bad];
        let Err(Stop::Mistake(failure)) = parse(&words, None) else { panic!("accepted") };
        assert!(failure.message().is_ascii(), "{}", failure.message());
    }

    #[test]
    fn colour_is_known_before_the_rest() {
        let when =
            |line: &str| early_colour(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(when("fernlog --color=always --nope"), When::Always);
        assert_eq!(when("fernlog --nope --color never"), When::Never);
        assert_eq!(when("fernlog --color"), When::Auto);
        assert_eq!(when("fernlog --colorful"), When::Auto);
    }
}
