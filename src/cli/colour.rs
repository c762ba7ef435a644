//! Whether there is colour, and which. A word always says the same without it.

use std::env;

use anstyle::{AnsiColor, Style};

use crate::args::When;
use crate::exit::Exit;

/// What decides about colour, apart from `--color` and the terminal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ColourEnv {
    no_color: bool,
    clicolor_off: bool,
    clicolor_force: bool,
    dumb: bool,
}

impl ColourEnv {
    /// Reads `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM`.
    pub(crate) fn from_environment() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        ColourEnv {
            no_color: set("NO_COLOR").is_some(),
            clicolor_off: set("CLICOLOR").is_some_and(|value| value == "0"),
            clicolor_force: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: set("TERM").is_some_and(|value| value == "dumb"),
        }
    }
}

/// Whether a stream gets colour: `--color`, then `NO_COLOR`, then `CLICOLOR_FORCE`, then the rest.
pub(crate) fn colour(when: When, env: ColourEnv, terminal: IsTerminal) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if env.no_color => false,
        When::Auto if env.clicolor_force => true,
        When::Auto => terminal == IsTerminal::Yes && !env.clicolor_off && !env.dumb,
    }
}

/// Whether somebody looks at a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsTerminal {
    /// A terminal.
    Yes,
    /// A file, a pipe, a journal.
    No,
}

impl From<bool> for IsTerminal {
    fn from(is: bool) -> Self {
        if is { IsTerminal::Yes } else { IsTerminal::No }
    }
}

/// The style of a verdict.
pub(crate) fn verdict_style(exit: Exit) -> Style {
    let colour = match exit {
        Exit::Ok => AnsiColor::Green,
        Exit::Tampered | Exit::Error | Exit::NotALog | Exit::Held => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    colour.on_default().bold()
}

/// Text in a style, if there is colour.
pub(crate) fn paint(on: bool, style: Style, text: &str) -> String {
    if on { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: ColourEnv =
        ColourEnv { no_color: false, clicolor_off: false, clicolor_force: false, dumb: false };

    #[test]
    fn without_a_wish_the_terminal_decides() {
        assert!(colour(When::Auto, NONE, IsTerminal::Yes));
        assert!(!colour(When::Auto, NONE, IsTerminal::No));
    }

    #[test]
    fn the_flag_beats_the_environment() {
        let no = ColourEnv { no_color: true, dumb: true, ..NONE };
        let force = ColourEnv { clicolor_force: true, ..NONE };
        assert!(colour(When::Always, no, IsTerminal::No));
        assert!(!colour(When::Never, force, IsTerminal::Yes));
    }

    #[test]
    fn no_color_beats_clicolor_force() {
        let both = ColourEnv { no_color: true, clicolor_force: true, ..NONE };
        assert!(!colour(When::Auto, both, IsTerminal::Yes));
    }

    #[test]
    fn clicolor_force_colours_a_pipe() {
        let force = ColourEnv { clicolor_force: true, ..NONE };
        assert!(colour(When::Auto, force, IsTerminal::No));
    }

    #[test]
    fn clicolor_0_and_a_dumb_terminal_get_none() {
        for env in [ColourEnv { clicolor_off: true, ..NONE }, ColourEnv { dumb: true, ..NONE }] {
            assert!(!colour(When::Auto, env, IsTerminal::Yes));
        }
    }

    #[test]
    fn paint_leaves_text_alone_without_colour() {
        assert_eq!(paint(false, verdict_style(Exit::Tampered), "TAMPERED"), "TAMPERED");
        assert!(paint(true, verdict_style(Exit::Tampered), "TAMPERED").contains("\x1b["));
    }
}
