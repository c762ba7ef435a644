//! Commands about fernlog itself.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use clap_complete::Shell;

use super::examples;
use crate::keyguard;

/// See the whole story on a log made for it
///
/// Makes keys, writes, rolls, searches and verifies a log, then tampers with it and shows what is
/// noticed. Takes less than ten seconds.
#[derive(Args, Debug)]
#[command(after_help = examples::DEMO)]
pub(crate) struct DemoArgs {
    /// Folder to make and keep; without it everything happens in a temporary one
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath,
          value_parser = keyguard::file_name())]
    pub(crate) dir: Option<PathBuf>,
}

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = examples::COMPLETIONS)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete in
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Print the man page
#[derive(Args, Debug)]
#[command(after_help = examples::MAN)]
pub(crate) struct ManArgs {
    /// Folder to make a page of every command in; existing files are not overwritten
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath,
          value_parser = keyguard::file_name())]
    pub(crate) dir: Option<PathBuf>,
}

/// Explain a topic or a command
///
/// Without a word it shows all commands and topics.
#[derive(Args, Debug)]
#[command(after_help = examples::HELP)]
pub(crate) struct HelpArgs {
    /// A topic (keys, exit-codes, time, filters, json) or a command
    #[arg(value_name = "TOPIC")]
    pub(crate) words: Vec<String>,
}
