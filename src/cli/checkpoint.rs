//! `fernlog checkpoint`: print the newest signed checkpoint of a log, check one that was kept.

use std::path::Path;

use fernlog::crypto::NoteError;
use fernlog::format::Checkpoint;
use fernlog::read::{Anchor, Log, newest_of};
use fernlog::{Error, VerifierKey};
use serde_json::json;

use crate::args::{CheckpointAction, CheckpointArgs};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::textfile;
use crate::ui::Ui;

/// Prints or checks a checkpoint.
///
/// # Errors
///
/// The log or the file cannot be used; a checkpoint that does not hold.
pub(crate) fn run(args: &CheckpointArgs, ui: &Ui) -> Result<Exit, Failure> {
    match (&args.action, &args.log) {
        (Some(CheckpointAction::Verify { file, vkey, json }), _) => {
            verify(file, vkey, json.json, ui)
        }
        (None, Some(log)) => print(log, ui),
        (None, None) => Err(Failure::usage("a log is needed")),
    }
}

fn print(log: &Path, ui: &Ui) -> Result<Exit, Failure> {
    let log = Log::open(&input::only_log(log)?)?;
    let Some(signed) = newest_of(&log)? else {
        return Err(Failure::usage(format!(
            "{} has no checkpoint: it is a plain log",
            escape::path(&log.path().active())
        )));
    };
    // Exactly as it was signed: a byte more or less would be another note.
    ui.out().bytes(&signed.bytes)?;
    Ok(Exit::Ok)
}

fn verify(file: &Path, vkey: &Path, as_json: bool, ui: &Ui) -> Result<Exit, Failure> {
    input::one_stdin([&file.to_owned(), &vkey.to_owned()])?;
    let vkey = input::verifier_key(vkey)?;
    let anchor = Anchor::parse(file, textfile::read(file)?.as_bytes())?;
    anchor.require(None, Some(&vkey)).map_err(|error| unsigned(error, &vkey))?;
    let checkpoint = anchor.checkpoint();
    if as_json {
        ui.out().json(&json!({
            "type": "checkpoint",
            "schema": "fernlog.checkpoint/1",
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": root(checkpoint),
        }))?;
    } else {
        ui.out().line(&format!("good checkpoint  {}", escape::path(file)))?;
        ui.out().line(&format!("  origin  {}", escape::path(Path::new(&checkpoint.origin))))?;
        ui.out().line(&format!("  size    {} entries", checkpoint.size))?;
        ui.out().line(&format!("  root    {}", root(checkpoint)))?;
    }
    Ok(Exit::Ok)
}

/// The root as the note has it.
pub(crate) fn root(checkpoint: &Checkpoint) -> String {
    checkpoint.to_text().lines().nth(2).unwrap_or_default().to_owned()
}

/// A note that the log key did not sign: another key decides nothing, a wrong signature does.
pub(crate) fn unsigned(error: Error, vkey: &VerifierKey) -> Failure {
    let exit = match &error {
        Error::Note { source: NoteError::UnknownKey { .. }, .. } => Exit::NoKey,
        Error::Note { source: NoteError::BadSignature { .. }, .. } => Exit::Tampered,
        _ => return error.into(),
    };
    let failure = Failure::new(exit, error.to_string());
    let name = escape::path(Path::new(vkey.name())).into_owned();
    if exit == Exit::NoKey {
        failure.hint(format!("the verifier key given is that of {name}"))
    } else {
        failure
    }
}
