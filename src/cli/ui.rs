//! The command's voice: data and answers to standard output, messages to standard error, colour
//! only where it is wanted. Commands get one [`Ui`] and print through nothing else.

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::builder::StyledStr;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::args::{Global, When};
use crate::colour::{ColourEnv, IsTerminal, colour, paint};
use crate::escape::{self, Place};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::out::Out;
use crate::time;

/// Everything a command needs to talk.
#[derive(Debug)]
pub(crate) struct Ui {
    colour_out: bool,
    colour_err: bool,
    out_terminal: IsTerminal,
    err_terminal: IsTerminal,
    quiet: bool,
    zone: TimeZone,
    zone_name: String,
    now: Timestamp,
    out: Out,
}

impl Ui {
    /// Sets up the streams as the global flags say. `now` is the moment the run began.
    ///
    /// # Errors
    ///
    /// A zone that does not exist.
    pub(crate) fn new(global: &Global, now: Timestamp) -> Result<Self, Failure> {
        let mut ui = Ui::plain(global.color, now);
        ui.quiet = global.quiet;
        ui.zone = time::zone(&global.tz)?;
        // The other spellings of it are ours alone.
        if ui.zone != TimeZone::UTC {
            ui.zone_name = global.tz.clone();
        }
        Ok(ui)
    }

    /// A voice for what happens before the flags are understood.
    pub(crate) fn plain(when: When, now: Timestamp) -> Self {
        let env = ColourEnv::from_environment();
        let out_terminal = IsTerminal::from(io::stdout().is_terminal());
        let err_terminal = IsTerminal::from(io::stderr().is_terminal());
        Ui {
            colour_out: colour(when, env, out_terminal),
            colour_err: colour(when, env, err_terminal),
            out_terminal,
            err_terminal,
            quiet: false,
            zone: TimeZone::UTC,
            zone_name: "UTC".to_owned(),
            now,
            out: Out::new(),
        }
    }

    /// Standard output, buffered. `main` flushes it at the end; whoever waits in between (`tail
    /// -f`) flushes first.
    pub(crate) fn out(&self) -> &Out {
        &self.out
    }

    /// Whether standard output is a terminal.
    pub(crate) fn out_terminal(&self) -> IsTerminal {
        self.out_terminal
    }

    /// Whether standard error is a terminal.
    pub(crate) fn err_terminal(&self) -> IsTerminal {
        self.err_terminal
    }

    /// Whether standard output gets colour.
    pub(crate) fn colour_out(&self) -> bool {
        self.colour_out
    }

    /// Whether `-q` was given: no progress, no hints, no notes.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    /// The zone that moments are read and printed in.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The name of that zone, or `local`.
    pub(crate) fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The moment the run began.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Text for standard output in a style, if there is colour. The text must be escaped already.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        paint(self.colour_out, style, text)
    }

    /// Help from clap, for standard output.
    pub(crate) fn styled(&self, text: &StyledStr) -> String {
        if self.colour_out { text.ansi().to_string() } else { text.to_string() }
    }

    /// Prints help because no command was given: exit 2.
    ///
    /// # Errors
    ///
    /// Always, with nothing more to say.
    pub(crate) fn help_as_error(&self, text: &StyledStr) -> Result<Exit, Failure> {
        write_err(&if self.colour_err { text.ansi().to_string() } else { text.to_string() });
        Err(Failure::usage(""))
    }

    /// Says that something failed.
    pub(crate) fn error(&self, message: &str) {
        self.message("error", AnsiColor::Red, message);
    }

    /// Says that something is doubtful.
    pub(crate) fn warning(&self, message: &str) {
        self.message("warning", AnsiColor::Yellow, message);
    }

    /// Says what to do next; not with `-q`.
    pub(crate) fn hint(&self, message: &str) {
        if !self.quiet {
            self.message("hint", AnsiColor::Cyan, message);
        }
    }

    /// Says what happened, when that is not the answer itself; not with `-q`.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            say(message);
        }
    }

    /// Prints why a command stopped and what to do next.
    pub(crate) fn failure(&self, failure: &Failure) {
        if !failure.message().is_empty() {
            self.error(failure.message());
        }
        failure.hints().iter().for_each(|hint| self.hint(hint));
    }

    fn message(&self, kind: &str, colour: AnsiColor, message: &str) {
        let kind = paint(self.colour_err, colour.on_default().bold(), &format!("{kind}:"));
        write_err(&format!("fernlog: {kind} {}\n", escape::text(message, Place::Text)));
    }
}

/// Prints a message without a kind. Threads that have no [`Ui`] may call it.
pub(crate) fn say(message: &str) {
    write_err(&format!("fernlog: {}\n", escape::text(message, Place::Text)));
}

fn write_err(line: &str) {
    // One write a line keeps lines whole; when even this fails there is nowhere left to say so.
    // anstream turns colours into what an old console understands.
    let _ = anstream::AutoStream::always(io::stderr().lock()).write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_zone_is_a_usage_error() {
        let global = Global { color: When::Never, tz: "Mars/Olympus".into(), quiet: true };
        let failure = Ui::new(&global, Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(failure.exit(), Exit::Error);
        assert!(failure.message().contains("Mars/Olympus"));
    }
}
