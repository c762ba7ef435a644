//! Flags that several commands share, spelled the same everywhere.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use crate::index::{self, IndexRange};
use crate::keyguard;

/// The logs a command reads.
#[derive(Args, Debug)]
pub(crate) struct Logs {
    /// Logs: files, folders that hold one, or - for standard input
    #[arg(value_name = "LOG", required = true, value_hint = ValueHint::AnyPath,
          value_parser = keyguard::file_name())]
    pub(crate) logs: Vec<PathBuf>,
}

/// Where keys come from. Never from the command line itself. The keys of `--key-command` come
/// before those of files, files in the order given; all are tried.
#[derive(Args, Debug)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeySource {
    /// Key file, - for standard input, or /dev/fd/N (repeatable)
    #[arg(short = 'k', long = "key-file", value_name = "FILE", env = "FERNLOG_KEY_FILE",
          hide_env_values = true, action = ArgAction::Append, value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) key_files: Vec<PathBuf>,
    /// Command that prints a key file; split into words as a shell does, run without a shell
    #[arg(long, value_name = "CMD", value_hint = ValueHint::CommandString,
          value_parser = keyguard::command_line())]
    pub(crate) key_command: Option<String>,
}

/// Which records. All conditions must hold.
#[derive(Args, Debug)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Selection {
    /// Records of this time and later (see `fernlog help time`)
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// Records before this time
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,
    /// Records from index A up to, and without, B; also A.., ..B and A alone
    #[arg(long, value_name = "A..B", value_parser = index::parse_range)]
    pub(crate) index: Option<IndexRange>,
    /// Records of this level and above
    #[arg(long, value_name = "MIN", ignore_case = true)]
    pub(crate) level: Option<LevelArg>,
    /// Records of this logger and of those below it
    #[arg(long, value_name = "NAME")]
    pub(crate) logger: Option<String>,
    /// k=v, k!=v, k~=substring or k~~=regex (repeatable, see `fernlog help filters`)
    #[arg(long = "field", value_name = "CONDITION", action = ArgAction::Append)]
    pub(crate) fields: Vec<String>,
    /// The first N that the other conditions leave
    #[arg(long, value_name = "N", conflicts_with = "tail")]
    pub(crate) head: Option<u64>,
    /// The last N that the other conditions leave
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<u64>,
}

/// How records are printed.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Form of a record
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) format: Format,
    /// Text with {names} of members, such as '{timestamp} {level} {message}'
    #[arg(long, value_name = "TEXT", conflicts_with = "format")]
    pub(crate) template: Option<String>,
    /// File to make, never to overwrite; - is standard output
    #[arg(short = 'o', long = "output", value_name = "FILE", value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) output: Option<PathBuf>,
}

/// The form of a printed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line to read, control characters escaped
    Text,
    /// The stored object, one a line
    Json,
    /// key=value, one record a line
    Logfmt,
    /// The exact bytes of each record, then LF; on a terminal only with -o -
    Raw,
}

/// Machine-readable output.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Json {
    /// JSON, one object a line (see `fernlog help json`)
    #[arg(long)]
    pub(crate) json: bool,
}

/// The level of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum LevelArg {
    Trace,
    Debug,
    Info,
    Notice,
    #[value(alias = "WARN")]
    Warning,
    Error,
    #[value(alias = "FATAL")]
    Critical,
}

/// The log that a command works on, when it can be one only.
#[derive(Args, Debug)]
pub(crate) struct Log {
    /// Log: the path of its active segment, such as audit.log
    #[arg(value_name = "LOG", value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) log: PathBuf,
}
