//! Why a command stopped: the exit code, one sentence, and what to do next.

use std::fmt::Display;
use std::io;
use std::path::Path;

use crate::escape;
use crate::exit::Exit;
use crate::time::NotATime;

/// The end of a command that could not do what it was asked. Commands return it, `main` prints it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hints: Vec<String>,
}

impl Failure {
    /// A failure with its exit code. The message is lower case, without a full stop. Names from
    /// outside go in through [`quoted`] or [`escape::path`]; what was forgotten is escaped when the
    /// message is printed.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Failure { exit, message: message.into(), hints: Vec::new() }
    }

    /// A mistake in what was typed, or an input that cannot be used: exit 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::new(Exit::Error, message)
    }

    /// A file that could not be read or written: exit 2.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Failure::new(Exit::Error, format!("{}: {}", escape::path(path), reason(error)))
    }

    /// Standard output that takes no more. A reader that went away is no failure: exit 0, silently.
    pub(crate) fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::new(Exit::Ok, "");
        }
        Failure::new(Exit::Error, format!("standard output: {}", reason(&error)))
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The sentence, empty when there is nothing to say.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl From<NotATime> for Failure {
    fn from(error: NotATime) -> Self {
        Failure::usage(error.message).hint(error.hint)
    }
}

/// What the operating system says, in the form of our messages: lower case, without the number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = match (error.kind(), error.raw_os_error()) {
        // What the library itself missed says so in the words of the system.
        (io::ErrorKind::NotFound, None) => "no such file or directory".to_owned(),
        _ => error.to_string(),
    };
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    match (chars.next(), chars.as_str()) {
        // Acronyms keep their capitals.
        (Some(first), rest) if !rest.starts_with(|c: char| c.is_ascii_uppercase()) => {
            format!("{}{rest}", first.to_ascii_lowercase())
        }
        _ => text.to_owned(),
    }
}

/// Names a thing from outside in a message: in quotes, escaped, cut when it is very long.
pub(crate) fn quoted(value: impl Display) -> String {
    const LONGEST: usize = 200;
    let value = value.to_string();
    let short: String = value.chars().take(LONGEST).collect();
    let rest = if short.len() < value.len() { "..." } else { "" };
    format!("'{}{rest}'", escape::text(&short, escape::Place::Cell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named_with_the_reason() {
        let error = io::Error::from_raw_os_error(2);
        let failure = Failure::file(Path::new("no\x1b.log"), &error);
        assert_eq!(failure.message(), "no\\x1b.log: no such file or directory");
        assert_eq!(failure.exit(), Exit::Error);
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let failure = Failure::output(io::ErrorKind::BrokenPipe.into());
        assert_eq!((failure.exit(), failure.message()), (Exit::Ok, ""));
    }

    #[test]
    fn a_full_disk_is_a_failure() {
        let failure = Failure::output(io::Error::from_raw_os_error(28));
        assert_eq!(failure.message(), "standard output: no space left on device");
        assert_eq!(failure.exit(), Exit::Error);
    }

    #[test]
    fn acronyms_keep_their_capitals() {
        assert_eq!(reason(&io::Error::other("UTF-8 expected")), "UTF-8 expected");
        assert_eq!(reason(&io::Error::other("Permission denied")), "permission denied");
        assert_eq!(reason(&io::Error::other("")), "");
    }

    #[test]
    fn quoted_names_are_escaped_and_cut() {
        assert_eq!(quoted("a\tb\n"), "'a\\tb\\n'");
        assert_eq!(quoted("x".repeat(500)).len(), 205);
    }
}
