//! Commands of the auditor, who has the verifier key and no other. They only read; verify writes
//! its state file when it is asked to keep one.

use std::path::PathBuf;

use clap::{ArgAction, ArgGroup, Args, Subcommand, ValueEnum, ValueHint};

use super::{Json, KeySource, Logs, examples};
use crate::index;
use crate::keyguard;

/// The verifier key.
#[derive(Args, Debug)]
#[command(next_help_heading = "Keys")]
pub(crate) struct Vkey {
    /// Verifier key of the log, made by keygen
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) vkey: Option<PathBuf>,
}

/// Check that a log is whole and unchanged
///
/// Works without any key; with --vkey it checks signatures, with a key the content, with a
/// checkpoint or a state file also the end. What was not checked is always said.
#[derive(Args, Debug)]
#[command(after_help = examples::VERIFY)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) logs: Logs,
    /// Checkpoint kept elsewhere that the log must reach and agree with (repeatable)
    #[arg(long = "checkpoint",
        help_heading = "Checks", value_name = "FILE", action = ArgAction::Append,
          value_hint = ValueHint::FilePath, value_parser = keyguard::file_name())]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// Memory of the last check: compared with, then brought up to date
    #[arg(long, help_heading = "Checks", value_name = "FILE", value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) state: Option<PathBuf>,
    /// Exit with 13 when this was not checked (repeatable)
    #[arg(long, help_heading = "Checks", value_name = "LEVEL", action = ArgAction::Append, value_delimiter = ',')]
    pub(crate) require: Vec<Require>,
    /// How many findings to print; all are counted
    #[arg(long, help_heading = "Checks", value_name = "N", default_value_t = 20)]
    pub(crate) max_findings: usize,
    /// Take an incomplete last line for nothing (exit 0) or for damage (exit 10)
    #[arg(long, help_heading = "Checks", value_name = "AS")]
    pub(crate) torn_tail: Option<TornTailArg>,
    #[command(flatten)]
    pub(crate) vkey: Vkey,
    #[command(flatten)]
    pub(crate) keys: KeySource,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// A check that must have been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Require {
    /// Signatures, with --vkey
    Signatures,
    /// Content, with a key
    Content,
    /// The end, with a checkpoint or a state file
    Anchored,
}

/// What an incomplete last line counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TornTailArg {
    /// The writer was interrupted: exit 0
    Ok,
    /// Damage: exit 10
    Error,
}

/// Tell what can be said without a key
#[derive(Args, Debug)]
#[command(after_help = examples::INSPECT)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) logs: Logs,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Print the newest signed checkpoint of a log
///
/// Keep it where the writer of the log cannot change it; with it, verify notices when the end of
/// the log was cut off or an older copy was put back. A log that is called `verify` is `./verify`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true,
          after_help = examples::CHECKPOINT)]
pub(crate) struct CheckpointArgs {
    /// Log: the path of its active segment, such as audit.log
    #[arg(value_name = "LOG", required = true, value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) log: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) action: Option<CheckpointAction>,
}

/// What else to do with a checkpoint.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointAction {
    /// Check the signatures of a checkpoint
    #[command(after_help = examples::CHECKPOINT_VERIFY)]
    Verify {
        /// Checkpoint, or - for standard input
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath,
              value_parser = keyguard::file_name())]
        file: PathBuf,
        /// Verifier key of the log, made by keygen
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
              value_parser = keyguard::file_name())]
        vkey: PathBuf,
        #[command(flatten)]
        json: Json,
    },
}

/// Prove that a record is in the log, or that the log only grew
///
/// Makes a proof of one record, or with --from a proof that the log of SIZE entries is the
/// beginning of today's. With --verify it checks such a proof; the log is not needed for that.
#[derive(Args, Debug)]
#[command(
    override_usage = "fernlog prove [OPTIONS] <LOG> <#N>\n       \
                      fernlog prove [OPTIONS] <LOG> --from <SIZE>\n       \
                      fernlog prove [OPTIONS] --verify <FILE> --vkey <FILE>",
    after_help = examples::PROVE,
    group = ArgGroup::new("what").args(["index", "from", "verify"]).required(true)
)]
pub(crate) struct ProveArgs {
    /// Log: the path of its active segment, such as audit.log
    #[arg(value_name = "LOG", required_unless_present = "verify", conflicts_with = "verify",
          value_hint = ValueHint::FilePath, value_parser = keyguard::file_name())]
    pub(crate) log: Option<PathBuf>,
    /// Index of the record
    #[arg(value_name = "#N", value_parser = index::parse)]
    pub(crate) index: Option<u64>,
    /// Prove that the log grew from SIZE entries to its newest checkpoint
    #[arg(long, value_name = "SIZE", value_parser = index::parse)]
    pub(crate) from: Option<u64>,
    /// Proof to check, or - for standard input
    #[arg(long, value_name = "FILE", requires = "vkey", value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) verify: Option<PathBuf>,
    /// The older checkpoint that a proof made with --from begins at
    #[arg(long, value_name = "FILE", requires = "verify", value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) checkpoint: Option<PathBuf>,
    /// File to make, never to overwrite; - is standard output
    #[arg(short = 'o', long = "output", value_name = "FILE", conflicts_with = "verify",
          value_hint = ValueHint::FilePath, value_parser = keyguard::file_name())]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) vkey: Vkey,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Check the set-up
///
/// Looks at keys, file modes and logs, and compares the tokens of this build with those of an
/// independent implementation. Exits with 1 when it has findings.
#[derive(Args, Debug)]
#[command(after_help = examples::DOCTOR)]
pub(crate) struct DoctorArgs {
    /// Logs to look at
    #[arg(value_name = "LOG", value_hint = ValueHint::AnyPath,
          value_parser = keyguard::file_name())]
    pub(crate) logs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) keys: KeySource,
    /// Signer's private key to look at
    #[arg(long, value_name = "FILE", help_heading = "Keys", value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) sign: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) vkey: Vkey,
    #[command(flatten)]
    pub(crate) json: Json,
}
