//! Commands of the writer: the only ones that change a log.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, ValueHint};
use fernlog::write::{Keep, Schedule};

use super::{KeySource, LevelArg, Log, examples, values};
use crate::keyguard;

/// Append standard input to a log
///
/// Every line of standard input becomes a record, empty ones too. The log is made when it does not
/// exist, and put in order first when its last writer crashed. Whenever the input falls silent,
/// everything so far has the durability asked for. SIGINT and SIGTERM end the input: what was read
/// is appended, and the log is closed with a checkpoint.
#[derive(Args, Debug)]
#[command(after_help = examples::APPEND)]
pub(crate) struct AppendArgs {
    #[command(flatten)]
    pub(crate) log: Log,
    /// Write no chain: encrypted only, with nothing to verify
    #[arg(long, conflicts_with = "sign")]
    pub(crate) plain: bool,
    /// Each line is a JSON object; its known members go to their places, the others to fields
    #[arg(long)]
    pub(crate) json_lines: bool,
    /// Level of records that name none
    #[arg(long, value_name = "LEVEL", default_value = "INFO", ignore_case = true)]
    pub(crate) level: LevelArg,
    /// Logger of records that name none
    #[arg(long, value_name = "NAME")]
    pub(crate) logger: Option<String>,
    /// Field for every record; a value in the line itself goes before it (repeatable)
    #[arg(long = "field", value_name = "NAME=VALUE", action = ArgAction::Append,
          value_parser = values::name_and_value)]
    pub(crate) fields: Vec<(String, String)>,
    /// What an acknowledged record survives
    #[arg(long, value_name = "LEVEL", default_value = "written")]
    pub(crate) durability: DurabilityArg,
    /// What happens when lines come faster than the disk takes them. A disk that fails ends the run
    /// with an error in any case
    #[arg(long, value_name = "HOW", default_value = "block")]
    pub(crate) on_full: OnFullArg,
    /// Memory for lines that wait for the disk, with --on-full fail or drop: 8M unless this says
    /// otherwise
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) queue_size: Option<u64>,
    /// Print the index of each record once it has the durability asked for
    #[arg(long)]
    pub(crate) ack: bool,
    #[command(flatten)]
    pub(crate) segments: Segments,
    #[command(flatten)]
    pub(crate) closed: Closed,
    #[command(flatten)]
    pub(crate) keys: KeySource,
    #[command(flatten)]
    pub(crate) sign: Sign,
}

/// When the next segment begins.
#[derive(Args, Debug)]
#[command(next_help_heading = "Segments")]
pub(crate) struct Segments {
    /// Begin the next segment when this one reaches SIZE, such as 64M
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) roll_size: Option<u64>,
    /// Begin the next segment every 15m, 1h or 1d, or at midnight, 03:30, monday or monday@03:30;
    /// clock times are those of --tz
    #[arg(long, value_name = "WHEN", value_parser = values::schedule)]
    pub(crate) roll_every: Option<Schedule>,
}

/// What becomes of closed segments.
#[derive(Args, Debug)]
#[command(next_help_heading = "Segments")]
pub(crate) struct Closed {
    /// Whenever a segment ends, delete the oldest lines beyond this: 30 closed segments, an age such
    /// as 90d, or a size such as 10G (repeatable, all hold). Their chains stay, and the log says so
    #[arg(long, value_name = "LIMIT", action = ArgAction::Append, value_parser = values::keep)]
    pub(crate) keep: Vec<Keep>,
    /// Compress closed segments; every command reads them as they are
    #[arg(long)]
    pub(crate) compress: bool,
}

/// The key that signs checkpoints.
#[derive(Args, Debug)]
#[command(next_help_heading = "Keys")]
pub(crate) struct Sign {
    /// Signer's private key, made by keygen
    #[arg(long, value_name = "FILE", required_unless_present = "plain",
          value_hint = ValueHint::FilePath, value_parser = keyguard::file_name())]
    pub(crate) sign: Option<PathBuf>,
}

/// What a record survives once it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DurabilityArg {
    /// Nothing yet: it may still be in this process
    Buffered,
    /// A crash of this process
    Written,
    /// A power cut
    Durable,
}

/// What to do with a line that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnFullArg {
    /// The input waits; there is no queue
    Block,
    /// The run ends and says up to which line records are in
    Fail,
    /// The line is dropped and counted; a gap record in the log tells of it
    Drop,
}

/// Close the active segment and begin the next
///
/// This is what a logrotate postrotate script calls; fernlog gives the closed segment its name.
#[derive(Args, Debug)]
#[command(after_help = examples::ROLL)]
pub(crate) struct RollArgs {
    #[command(flatten)]
    pub(crate) log: Log,
    #[command(flatten)]
    pub(crate) closed: Closed,
    #[command(flatten)]
    pub(crate) keys: KeySource,
    /// Signer's private key, made by keygen
    #[arg(long, value_name = "FILE", help_heading = "Keys", value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) sign: PathBuf,
}

/// Set aside what a crash left behind the last whole line
///
/// Opening a log for appending does this by itself, and writes it down in the log. This is for
/// whoever has no key, or wants a look first. It takes the writer's lock, copies the bytes to a
/// file of their own and cuts them only then; it signs nothing. Anything but a torn tail it leaves
/// as it is.
#[derive(Args, Debug)]
#[command(after_help = examples::REPAIR)]
pub(crate) struct RepairArgs {
    #[command(flatten)]
    pub(crate) log: Log,
    /// Set aside an incomplete last line, and an incomplete last checkpoint
    #[arg(long)]
    pub(crate) torn_tail: bool,
}
