//! What can be typed: every command and flag, said once. Help, completions and man pages are
//! generated from here. The commands are grouped by the person who needs them.
//!
//! Only what a word can mean by itself is checked here; times, which need a zone, and keys, which
//! need a file, are read by the commands.

mod check;
mod examples;
mod keys;
mod read;
mod shared;
mod tool;
mod values;
mod write;

#[cfg(test)]
mod tests;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use check::*;
pub(crate) use keys::*;
pub(crate) use read::*;
pub(crate) use shared::*;
pub(crate) use tool::*;
pub(crate) use write::*;

/// Encrypted, tamper-evident audit logs
///
/// One Fernet token a line, a public hash chain with signed checkpoints beside it: whoever has the
/// key reads the log, and anybody can check that nothing was changed, removed or added.
#[derive(Debug, Parser)]
#[command(
    name = "fernlog",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = examples::FERNLOG
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
    /// Zone in which times are read and printed: UTC, local, or a name such as Europe/Berlin
    #[arg(long, global = true, value_name = "ZONE", default_value = "UTC")]
    pub(crate) tz: String,
    /// No progress, hints or notes; grep: print nothing and stop at the first match
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// When to do something that depends on who is looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless the environment says no
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Keygen(KeygenArgs),
    Keys(KeysArgs),
    Append(AppendArgs),
    Roll(RollArgs),
    Repair(RepairArgs),
    Decrypt(DecryptArgs),
    Grep(GrepArgs),
    Tail(TailArgs),
    Verify(VerifyArgs),
    Inspect(InspectArgs),
    Checkpoint(CheckpointArgs),
    Prove(ProveArgs),
    Doctor(DoctorArgs),
    Demo(DemoArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    Help(HelpArgs),
}
