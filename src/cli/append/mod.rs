//! `fernlog append`: lines of standard input become records at the end of a log.
//!
//! | file | step |
//! |---|---|
//! | `stdin.rs` | bytes, until the end or until somebody says stop |
//! | `feed.rs` | lines, and word when there are none for now |
//! | `shape.rs`, `object.rs` | a record from a line |
//! | `run.rs` | the records into the log, acknowledged when they are safe |

mod feed;
mod object;
mod run;
mod shape;
mod stdin;

use std::io;

use fernlog::{AuditLog, Durability, Upkeep};

use crate::args::{AppendArgs, DurabilityArg};
use crate::attributes;
use crate::colour::IsTerminal;
use crate::escape;
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::input;
use crate::progress::Progress;
use crate::recovery;
use crate::target;
use crate::ui::Ui;

use feed::Feed;
use run::Run;
use stdin::{Stdin, Stop};

/// Appends standard input.
///
/// # Errors
///
/// Keys or log that cannot be used, another writer, a write that fails. What was appended before
/// stays in the log.
pub(crate) fn run(args: &AppendArgs, ui: &Ui) -> Result<Exit, Failure> {
    if args.keys.key_files.iter().chain(&args.sign.sign).any(|path| input::is_stdin(path)) {
        return Err(Failure::usage("standard input is what is appended; keys come from elsewhere"));
    }
    let log = open(args, ui)?;
    let stdin = Stdin::catching_signals().map_err(failed_input)?;
    let progress = progress(args, &stdin, ui);
    let mut feed = Feed::new(stdin, shape::LONGEST);
    let mut run = Run::new(args, log, ui);
    if let Some(progress) = progress {
        run.show_progress(progress);
    }
    let exit = run.all(&mut feed)?;
    let Some(stop) = feed.source().stopped() else { return Ok(exit) };
    let said = format!("the input ended early, after line {}", feed.line());
    match stop {
        // A service that is told to end and has taken all there was has done what was asked.
        Stop::Terminate if !feed.source().left_something() => {
            ui.note(&said);
            Ok(exit)
        }
        _ => {
            ui.warning(&said);
            Ok(exit.worst(Exit::Interrupted))
        }
    }
}

/// None where it would be in the way of somebody who types, or of acknowledgements that are read.
fn progress(args: &AppendArgs, stdin: &Stdin, ui: &Ui) -> Option<Progress> {
    let read = args.ack && ui.out_terminal() == IsTerminal::Yes;
    if read || stdin.is_terminal() {
        return None;
    }
    Some(match stdin.length() {
        Some(length) => Progress::new(ui, "appended", length),
        None => Progress::endless(ui, "appended"),
    })
}

fn open(args: &AppendArgs, ui: &Ui) -> Result<AuditLog, Failure> {
    let path = target::log(&args.log.log)?;
    if let Some(kind) = attributes::remote(path.folder()) {
        ui.warning(&format!(
            "{} lies on {kind}: {}",
            escape::path(&path.active()),
            attributes::REMOTE
        ));
        ui.hint("keep the log on a disk of this machine, and ship closed segments from there");
    }
    let mut builder = AuditLog::builder(path.active())
        .keyring(input::keyring(&args.keys, ui)?)
        .durability(durability(args.durability))
        // Nobody appends while the input is silent, and the last lines still get their checkpoint.
        .upkeep(Upkeep::Thread);
    builder = match &args.sign.sign {
        Some(sign) => builder.log_key(input::signing_key(sign, ui)?),
        None => builder.plain(),
    };
    if let Some(size) = args.roll_size {
        builder = builder.roll_size(size);
    }
    let log = builder.open()?;
    recovery::tell(log.recovery(), ui);
    Ok(log)
}

fn durability(arg: DurabilityArg) -> Durability {
    match arg {
        DurabilityArg::Buffered => Durability::Buffered,
        DurabilityArg::Written => Durability::Written,
        DurabilityArg::Durable => Durability::Durable,
    }
}

fn failed_input(error: io::Error) -> Failure {
    Failure::usage(format!("standard input: {}", failure::reason(&error)))
}
