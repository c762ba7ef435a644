//! `fernlog prove`: proofs for others, who need the verifier key and not the log.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fernlog::UnixTime;
use fernlog::crypto::TokenShape;
use fernlog::format::{Checkpoint, GrowthProof, RecordProof};
use fernlog::read::{self, Log, ProveError};
use indicatif::HumanCount;
use serde_json::json;

use crate::args::ProveArgs;
use crate::checkpoint::{key_name, note_verdict};
use crate::colour::verdict_style;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::index;
use crate::input;
use crate::newfile::Sink;
use crate::paragraph::Paragraphs;
use crate::ui::Ui;
use crate::verify::{anchor, plain_name};
use crate::words;

/// Makes or checks a proof.
///
/// # Errors
///
/// The files cannot be used; there is nothing to prove; the output takes no more.
pub(crate) fn run(args: &ProveArgs, ui: &Ui) -> Result<Exit, Failure> {
    match (&args.verify, &args.log) {
        (Some(file), _) => verify(file, args, ui),
        (None, Some(log)) => make(log, args, ui),
        (None, None) => Err(Failure::usage("no log was named")),
    }
}

fn make(path: &Path, args: &ProveArgs, ui: &Ui) -> Result<Exit, Failure> {
    if args.json.json {
        return Err(Failure::usage("a proof has one form; --json goes with --verify"));
    }
    let path = input::only_log(path)?;
    let log = Log::open(&path)?;
    let name = escape::path(&path.active()).into_owned();
    let proof = match (args.index, args.from) {
        (Some(index), _) => read::prove_record(&log, index).map_err(|error| {
            not_made(error, &format!("{name}: entry {}", index::show(index)), &name)
        }),
        (None, Some(size)) => read::prove_growth(&log, size)
            .map_err(|error| not_made(error, &format!("{name}: size {}", HumanCount(size)), &name)),
        (None, None) => Err(Failure::usage("neither an index nor --from was given")),
    }?;
    let mut sink = Sink::new(args.output.as_deref(), ui)?;
    sink.write(proof.as_bytes())?;
    sink.keep()?;
    if let Some(file) = args.output.as_deref().filter(|file| !input::is_stdin(file)) {
        let file = words::word(file);
        ui.note(&format!("to check it: fernlog prove --verify {file} --vkey VKEY"));
    }
    Ok(Exit::Ok)
}

fn not_made(error: ProveError, what: &str, name: &str) -> Failure {
    match error {
        ProveError::Log(error) => error.into(),
        ProveError::Damaged => Failure::new(Exit::Tampered, format!("{what}: {error}"))
            .hint(format!("fernlog verify {name} says what is wrong")),
        ProveError::NotCovered { .. } => Failure::usage(format!("{what}: {error}"))
            .hint("the writer makes the next checkpoint soon, at the latest when it rolls or ends"),
        other => Failure::usage(format!("{what}: {other}")),
    }
}

/// What a proof says when it holds.
struct Proven {
    what: &'static str,
    checkpoint: Checkpoint,
    index: Option<u64>,
    /// The line that is proven, as it stands in the log: whoever has the key can open it.
    entry: Option<String>,
    time: Option<UnixTime>,
    from: Option<u64>,
}

fn verify(file: &Path, args: &ProveArgs, ui: &Ui) -> Result<Exit, Failure> {
    input::one_stdin([file.to_owned()].iter().chain(&args.vkey.vkey).chain(&args.checkpoint))?;
    let Some(vkey) = &args.vkey.vkey else {
        return Err(Failure::usage("a proof is checked with the verifier key: --vkey FILE"));
    };
    let vkey = input::verifier_key(vkey)?;
    let name = escape::path(file).into_owned();
    let text = String::from_utf8(input::small_file(file)?)
        .map_err(|_| Failure::usage(format!("{name} is no proof: it is not text")))?;
    let not_a_proof = |_| Failure::usage(format!("{name} is no proof, or a damaged one"));
    let (proven, checked) = if text.starts_with("old ") {
        let proof = GrowthProof::from_text(&text).map_err(not_a_proof)?;
        let Some(old) = &args.checkpoint else {
            return Err(Failure::usage("this proof begins at an older checkpoint")
                .hint("give the one that was kept: --checkpoint FILE"));
        };
        let kept = anchor(old)?;
        kept.require(None, Some(&vkey))?;
        let old = kept.checkpoint();
        if old.size != proof.old {
            let (has, wants) = (HumanCount(old.size), HumanCount(proof.old));
            let message = format!("the older checkpoint has size {has}, the proof needs {wants}");
            return Err(Failure::usage(message));
        }
        let checked = read::verify_growth(&text, old, &vkey).map(drop);
        let what = "the log only grew";
        let (checkpoint, from) = (proof.checkpoint, Some(proof.old));
        (Proven { what, checkpoint, index: None, entry: None, time: None, from }, checked)
    } else {
        if args.checkpoint.is_some() {
            return Err(Failure::usage("--checkpoint is for proofs that the log grew"));
        }
        let proof = RecordProof::from_text(&text).map_err(not_a_proof)?;
        let checked = read::verify_record(&text, &vkey).map(drop);
        let time = TokenShape::of(&proof.entry).ok().map(|shape| UnixTime::from_token(shape.time));
        let what =
            if time.is_some() { "the record is in the log" } else { "the header is in the log" };
        let entry = Some(String::from_utf8_lossy(&proof.entry).into_owned());
        let (checkpoint, index) = (proof.checkpoint, Some(proof.index));
        (Proven { what, checkpoint, index, entry, time, from: None }, checked)
    };
    let (exit, reason) = match checked {
        Ok(()) => (Exit::Ok, ""),
        Err(ProveError::Proof(_)) => (Exit::Tampered, "it does not lead to its checkpoint"),
        Err(ProveError::Note(error)) => note_verdict(&error)?,
        Err(error) => return Err(not_made(error, &name, &name)),
    };
    let key = key_name(&vkey);
    if args.json.json {
        ui.out().json(&json!({
            "type": "proof",
            "schema": "fernlog.prove/1",
            "verdict": exit.word(),
            "exit_code": exit.code(),
            "file": plain_name(file),
            "origin": proven.checkpoint.origin,
            "size": proven.checkpoint.size,
            "root": STANDARD.encode(proven.checkpoint.root),
            "index": proven.index,
            "entry": proven.entry,
            "time": proven.time.map(UnixTime::to_seconds_text),
            "from": proven.from,
            "key": key,
            "reason": (exit != Exit::Ok).then_some(reason),
        }))?;
    } else {
        ui.out().text(&human(&plain_name(file), &proven, exit, reason, &key, ui))?;
    }
    Ok(exit)
}

fn human(name: &str, proven: &Proven, exit: Exit, reason: &str, key: &str, ui: &Ui) -> String {
    let mut out = Paragraphs::new(ui);
    let said = if exit == Exit::Ok { proven.what } else { reason };
    out.headline(verdict_style(exit), exit.word(), &format!("   {name}: {said}"));
    if exit != Exit::Ok {
        return out.finish();
    }
    out.space();
    out.pair("origin", &proven.checkpoint.origin);
    if let Some(index) = proven.index {
        let time = proven.time.map(UnixTime::to_seconds_text);
        let time = time.map_or_else(String::new, |time| format!("   token time {time}"));
        out.pair("entry", &format!("{}{time}", index::show(index)));
    }
    if let Some(from) = proven.from {
        out.pair("from size", &HumanCount(from).to_string());
    }
    let label = if proven.from.is_some() { "to size" } else { "log size" };
    out.pair(label, &HumanCount(proven.checkpoint.size).to_string());
    out.pair("root", &STANDARD.encode(proven.checkpoint.root));
    out.pair("signed by", key);
    if let (Some(token), Some(_)) = (&proven.entry, proven.time) {
        out.pair("token", token);
    }
    out.finish()
}
