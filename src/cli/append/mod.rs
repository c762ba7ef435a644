//! `fernlog append`: lines of standard input become records at the end of a log.
//!
//! | file | step |
//! |---|---|
//! | `stdin.rs` | bytes, until the end or until somebody says stop |
//! | `feed.rs` | lines, and word when there are none for now |
//! | `shape.rs`, `object.rs` | a record from a line |
//! | `run.rs` | the records on their way, the summary at the end |
//! | `direct.rs`, `queued.rs` | into the log, or through a queue that does not let the input wait |
//! | `acks.rs` | acknowledged when they are safe |

mod acks;
mod direct;
mod feed;
mod object;
mod queued;
mod run;
mod shape;
mod stdin;

use std::io;
use std::thread;

use fernlog::write::{OnFull, QueueSettings};
use fernlog::{AuditLog, Durability, Upkeep};

use crate::args::{AppendArgs, DurabilityArg, OnFullArg};
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

use acks::Acks;
use direct::Direct;
use feed::Feed;
use queued::Queued;
use run::{Run, Way};
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
    let queue = queue(args)?;
    let log = open(args, ui)?;
    let stdin = Stdin::catching_signals().map_err(failed_input)?;
    let progress = progress(args, &stdin, ui);
    let mut feed = Feed::new(stdin, shape::LONGEST);
    let acks = Acks::new(args.ack, ui);
    let exit = thread::scope(|scope| -> Result<Exit, Failure> {
        let way: Box<dyn Way + '_> = match queue {
            None => Box::new(Direct::new(log, durability(args.durability), acks)),
            Some(settings) => {
                let halt = feed.source().halt().map_err(failed_input)?;
                Box::new(Queued::start(scope, log, settings, acks, halt)?)
            }
        };
        Run::new(args, way, progress, ui).all(&mut feed)
    })?;
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
        .durability(lowest(args))
        // Nobody appends while the input is silent, and the last lines still get their checkpoint.
        .upkeep(Upkeep::Thread);
    builder = match &args.sign.sign {
        Some(sign) => builder.log_key(input::signing_key(sign, ui)?),
        None => builder.plain(),
    };
    if let Some(size) = args.segments.roll_size {
        builder = builder.roll_size(size);
    }
    if let Some(schedule) = args.segments.roll_every.clone() {
        builder = builder.roll_every(schedule.in_zone(ui.zone_name())?);
    }
    builder = target::closed(builder, &args.closed);
    let log = builder.open()?;
    recovery::tell(log.recovery(), ui);
    Ok(log)
}

/// None where the input waits.
fn queue(args: &AppendArgs) -> Result<Option<QueueSettings>, Failure> {
    let on_full = match args.on_full {
        OnFullArg::Block if args.queue_size.is_some() => {
            return Err(Failure::usage("there is no queue as long as the input waits")
                .hint("--queue-size goes with --on-full fail or --on-full drop"));
        }
        OnFullArg::Block => return Ok(None),
        OnFullArg::Fail => OnFull::Fail,
        OnFullArg::Drop => OnFull::Drop,
    };
    let settings = QueueSettings::new().on_full(on_full);
    Ok(Some(match args.queue_size {
        // As many records as have room: the size alone decides.
        Some(size) => settings.bytes(usize::try_from(size).unwrap_or(usize::MAX)),
        None => settings,
    }))
}

/// What the log gives. A queue hands its records to the system: they have waited long enough.
fn lowest(args: &AppendArgs) -> Durability {
    let asked = durability(args.durability);
    if args.on_full == OnFullArg::Block { asked } else { asked.max(Durability::Written) }
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
