//! `fernlog checkpoint`: prints the newest checkpoint of a log, checks the signature of one that
//! was kept.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fernlog::crypto::NoteError;
use fernlog::read::{self, Log};
use fernlog::{Error, VerifierKey};
use indicatif::HumanCount;
use serde_json::json;

use crate::args::{CheckpointAction, CheckpointArgs};
use crate::colour::verdict_style;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::paragraph::Paragraphs;
use crate::ui::Ui;
use crate::verify::{anchor, plain_name};

/// Prints or checks a checkpoint.
///
/// # Errors
///
/// The files cannot be used; standard output takes no more.
pub(crate) fn run(args: &CheckpointArgs, ui: &Ui) -> Result<Exit, Failure> {
    match (&args.action, &args.log) {
        (Some(CheckpointAction::Verify { file, vkey, json }), _) => {
            input::one_stdin([file, vkey])?;
            let vkey = input::verifier_key(vkey)?;
            if json.json { verify_json(file, &vkey, ui) } else { verify(file, &vkey, ui) }
        }
        (None, Some(log)) => print(log, ui),
        (None, None) => Err(Failure::usage("no log was named")),
    }
}

/// Prints the newest note of the log, byte for byte.
fn print(path: &Path, ui: &Ui) -> Result<Exit, Failure> {
    let path = input::only_log(path)?;
    let newest = read::newest_of(&Log::open(&path)?)?;
    let Some(newest) = newest else {
        let name = escape::path(&path.active()).into_owned();
        return Err(Failure::usage(format!("{name} has no checkpoint"))
            .hint("a plain log has none at all; others have one from their first record on"));
    };
    // The note is UTF-8 without control characters, or it would not have been read as one.
    ui.out().bytes(&newest.bytes)?;
    Ok(Exit::Ok)
}

/// Says whether the log key signed a checkpoint.
fn verify(file: &Path, vkey: &VerifierKey, ui: &Ui) -> Result<Exit, Failure> {
    let kept = anchor(file)?;
    let (exit, reason) = signature(&kept.require(None, Some(vkey)))?;
    let mut out = Paragraphs::new(ui);
    let said = if exit == Exit::Ok { String::new() } else { format!(": {reason}") };
    let name = plain_name(file);
    out.headline(verdict_style(exit), exit.word(), &format!("   {name}{said}"));
    out.space();
    let checkpoint = kept.checkpoint();
    out.pair("origin", &checkpoint.origin);
    out.pair("size", &format!("{} entries", HumanCount(checkpoint.size)));
    out.pair("root", &STANDARD.encode(checkpoint.root));
    out.pair(if exit == Exit::Ok { "signed by" } else { "asked for" }, &key_name(vkey));
    ui.out().text(&out.finish())?;
    Ok(exit)
}

fn verify_json(file: &Path, vkey: &VerifierKey, ui: &Ui) -> Result<Exit, Failure> {
    let kept = anchor(file)?;
    let (exit, reason) = signature(&kept.require(None, Some(vkey)))?;
    let checkpoint = kept.checkpoint();
    ui.out().json(&json!({
        "type": "checkpoint",
        "schema": "fernlog.checkpoint/1",
        "verdict": exit.word(),
        "exit_code": exit.code(),
        "file": plain_name(file),
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": STANDARD.encode(checkpoint.root),
        "key": key_name(vkey),
        "reason": (exit != Exit::Ok).then_some(reason),
    }))?;
    Ok(exit)
}

/// What a check of a signature says, as a verdict.
///
/// # Errors
///
/// It is not about a signature.
fn signature(checked: &fernlog::Result<()>) -> Result<(Exit, &'static str), Failure> {
    match checked {
        Ok(()) => Ok((Exit::Ok, "")),
        Err(Error::Note { source, .. }) => note_verdict(source),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

/// The verdict on a note whose signature does not hold.
///
/// # Errors
///
/// It is no note at all.
pub(crate) fn note_verdict(error: &NoteError) -> Result<(Exit, &'static str), Failure> {
    match error {
        NoteError::BadSignature { .. } => Ok((Exit::Tampered, "the signature is wrong")),
        NoteError::UnknownKey { .. } | NoteError::Untrusted => {
            Ok((Exit::NoKey, "the key did not sign it, so nothing is decided"))
        }
        other => Err(Failure::usage(other.to_string())),
    }
}

/// Name and id of a verifier key, as signed notes print them.
pub(crate) fn key_name(vkey: &VerifierKey) -> String {
    format!("{}+{:08x}", vkey.name(), u32::from_be_bytes(vkey.id()))
}
