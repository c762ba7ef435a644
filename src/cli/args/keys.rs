//! Commands about keys.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{Json, examples};
use crate::keyguard;

/// Make the keys of a new log
///
/// Makes PREFIX.key (who has it reads the log), PREFIX.sign (the writer signs with it) and
/// PREFIX.vkey (auditors check with it, and get it on a way you trust). Nothing is overwritten.
#[derive(Args, Debug)]
#[command(after_help = examples::KEYGEN)]
pub(crate) struct KeygenArgs {
    /// What the file names begin with, such as /etc/fernlog/audit
    #[arg(value_name = "PREFIX", value_hint = ValueHint::FilePath,
          value_parser = keyguard::file_name())]
    pub(crate) prefix: PathBuf,
    /// Name of the log, chosen once: no spaces, no +, such as example.com/payments/host7
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: String,
    /// Words about the key, kept in a comment of PREFIX.key
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// Make PREFIX.fields.key too, the key of sealed fields
    #[arg(long)]
    pub(crate) fields: bool,
}

/// Show and find key files
#[derive(Args, Debug)]
#[command(after_help = examples::KEYS)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) action: KeysAction,
}

/// What to do with key files. None of them prints a secret.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Show what a key file holds: kinds, ids, comments, mode
    #[command(after_help = examples::KEYS_SHOW)]
    Show {
        /// Key file, signer or verifier key
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath,
              value_parser = keyguard::file_name())]
        file: PathBuf,
        #[command(flatten)]
        json: Json,
    },
    /// List the key files of a folder
    #[command(after_help = examples::KEYS_LIST)]
    List {
        /// Folder to look in
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath,
              value_parser = keyguard::file_name())]
        dir: PathBuf,
        #[command(flatten)]
        json: Json,
    },
    /// Find the key file that holds a key id
    #[command(after_help = examples::KEYS_FIND)]
    Find {
        /// Key id, as `inspect` and every report print it
        #[arg(value_name = "ID")]
        id: String,
        /// Folders to look in; the current one when none is given
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath,
              value_parser = keyguard::file_name())]
        dirs: Vec<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
}
