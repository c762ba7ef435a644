//! `fernlog prove`: proofs that outsiders check with the verifier key alone.

use std::path::Path;

use fernlog::crypto::{NoteError, TokenShape};
use fernlog::read::{
    Anchor, Log, ProveError, prove_growth, prove_record, verify_growth, verify_record,
};
use fernlog::{UnixTime, VerifierKey};
use serde_json::json;

use crate::args::ProveArgs;
use crate::checkpoint::{root, unsigned};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::textfile;
use crate::ui::Ui;

/// Makes a proof or checks one.
///
/// # Errors
///
/// The log or a file cannot be used; a proof that does not hold.
pub(crate) fn run(args: &ProveArgs, ui: &Ui) -> Result<Exit, Failure> {
    if let Some(proof) = &args.verify {
        return check(proof, args, ui);
    }
    let Some(path) = &args.log else { return Err(Failure::usage("a log is needed")) };
    let log = Log::open(&input::only_log(path)?)?;
    let proof = match (args.index, args.from) {
        (Some(index), None) => prove_record(&log, index),
        (None, Some(size)) => prove_growth(&log, size),
        _ => return Err(Failure::usage("one of #N and --from is needed")),
    };
    let proof = proof.map_err(|error| failed(error, path))?;
    textfile::write(args.output.as_deref(), &proof, ui)?;
    Ok(Exit::Ok)
}

fn check(file: &Path, args: &ProveArgs, ui: &Ui) -> Result<Exit, Failure> {
    let Some(vkey) = &args.vkey.vkey else { return Err(Failure::usage("--vkey is needed")) };
    input::one_stdin([&file.to_owned(), vkey])?;
    let vkey = input::verifier_key(vkey)?;
    let text = textfile::read(file)?;
    match &args.checkpoint {
        Some(old) => check_growth(file, &text, old, &vkey, args.json.json, ui),
        None if text.starts_with("old ") => {
            Err(Failure::usage("this proof begins at an older checkpoint")
                .hint("give it: --checkpoint FILE"))
        }
        None => check_record(file, &text, &vkey, args.json.json, ui),
    }
}

fn check_record(
    file: &Path,
    text: &str,
    vkey: &VerifierKey,
    as_json: bool,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let proof = verify_record(text, vkey).map_err(|error| failed(error, file))?;
    let checkpoint = &proof.checkpoint;
    let time = TokenShape::of(&proof.entry).ok().map(|shape| UnixTime::from_token(shape.time));
    let time = time.map(UnixTime::to_seconds_text);
    let entry = String::from_utf8_lossy(&proof.entry);
    if as_json {
        ui.out().json(&json!({
            "type": "proof",
            "schema": "fernlog.prove/1",
            "origin": checkpoint.origin,
            "index": proof.index,
            "size": checkpoint.size,
            "root": root(checkpoint),
            "time": time,
            "entry": entry,
        }))?;
        return Ok(Exit::Ok);
    }
    let origin = escape::path(Path::new(&checkpoint.origin)).into_owned();
    ui.out().line(&format!("proven  entry #{} is in {origin}", proof.index))?;
    ui.out().line(&format!(
        "  checkpoint  {} entries, root {}",
        checkpoint.size,
        root(checkpoint)
    ))?;
    match time {
        Some(time) => {
            ui.out().line(&format!("  token time  {time}"))?;
            ui.out().line(&format!("  token       {entry}"))?;
        }
        None => ui.out().line("  entry       the header of a segment")?,
    }
    Ok(Exit::Ok)
}

fn check_growth(
    file: &Path,
    text: &str,
    old: &Path,
    vkey: &VerifierKey,
    as_json: bool,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let anchor = Anchor::parse(old, textfile::read(old)?.as_bytes())?;
    anchor.require(None, Some(vkey)).map_err(|error| unsigned(error, vkey))?;
    let proof =
        verify_growth(text, anchor.checkpoint(), vkey).map_err(|error| failed(error, file))?;
    let checkpoint = &proof.checkpoint;
    if as_json {
        ui.out().json(&json!({
            "type": "growth",
            "schema": "fernlog.prove/1",
            "origin": checkpoint.origin,
            "old_size": proof.old,
            "size": checkpoint.size,
            "root": root(checkpoint),
        }))?;
        return Ok(Exit::Ok);
    }
    let origin = escape::path(Path::new(&checkpoint.origin)).into_owned();
    ui.out().line(&format!("proven  {origin} only grew from {} entries", proof.old))?;
    ui.out().line(&format!(
        "  checkpoint  {} entries, root {}",
        checkpoint.size,
        root(checkpoint)
    ))?;
    Ok(Exit::Ok)
}

fn failed(error: ProveError, path: &Path) -> Failure {
    let exit = match error {
        ProveError::Log(error) => return error.into(),
        ProveError::Damaged | ProveError::Proof(_) => Exit::Tampered,
        ProveError::Note(NoteError::BadSignature { .. }) => Exit::Tampered,
        ProveError::Note(_) => Exit::NoKey,
        _ => Exit::Error,
    };
    let failure = Failure::new(exit, format!("{}: {error}", escape::path(path)));
    match error {
        ProveError::NotCovered { .. } => {
            failure.hint("the writer makes a checkpoint soon, or at fernlog roll")
        }
        ProveError::Damaged => {
            failure.hint(format!("fernlog verify {} says where", escape::path(path)))
        }
        _ => failure,
    }
}
