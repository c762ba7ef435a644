//! The `fernlog` command: reads the command line, runs one command, and turns its outcome into the
//! status of the process. It stands on the public API of the library alone.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod append;
mod args;
mod attributes;
mod checkpoint;
mod colour;
mod damage;
mod decrypt;
mod demo;
mod doctor;
mod escape;
mod exit;
mod failure;
mod generate;
mod grep;
mod index;
mod input;
mod inspect;
mod keycommand;
mod keygen;
mod keyguard;
mod keys;
mod lasts;
mod lines;
mod members;
mod newfile;
mod out;
mod paragraph;
mod pass;
mod pattern;
mod pipeline;
mod print;
mod process;
mod progress;
mod prove;
mod pruned;
mod reading;
mod records;
mod recovery;
mod repair;
mod roll;
mod selection;
mod tail;
mod target;
mod template;
mod textline;
mod time;
mod topics;
mod ui;
mod usage;
mod verify;
mod words;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use jiff::Timestamp;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::Ui;
use crate::usage::Stop;

fn main() -> ExitCode {
    // IMPORTANT: before any key or plaintext is in memory.
    process::forbid_memory_images();
    process::survive_file_limit();
    let args: Vec<OsString> = env::args_os().collect();
    let now = Timestamp::now();
    let early = Ui::plain(usage::early_colour(&args), now);
    let exit = match usage::parse(&args, env::var_os("FERNLOG_KEY_FILE").as_deref()) {
        Ok(cli) => match Ui::new(&cli.global, now) {
            Ok(ui) => end(&ui, run(cli, &ui)),
            Err(failure) => end(&early, Err(failure)),
        },
        Err(Stop::Show(text)) => {
            let text = early.styled(&text);
            end(&early, early.out().text(&text).map(|()| Exit::Ok))
        }
        Err(Stop::Nothing(text)) => end(&early, early.help_as_error(&text)),
        Err(Stop::Mistake(failure)) => end(&early, Err(failure)),
    };
    ExitCode::from(exit.code())
}

fn run(cli: Cli, ui: &Ui) -> Result<Exit, Failure> {
    match cli.command {
        Command::Keygen(args) => keygen::run(&args, ui),
        Command::Inspect(args) => inspect::run(&args, ui),
        Command::Checkpoint(args) => checkpoint::run(&args, ui),
        Command::Prove(args) => prove::run(&args, ui),
        Command::Keys(args) => keys::run(&args, ui),
        Command::Decrypt(args) => decrypt::run(&args, ui),
        Command::Demo(args) => demo::run(&args, ui),
        Command::Doctor(args) => doctor::run(&args, ui),
        Command::Append(args) => append::run(&args, ui),
        Command::Roll(args) => roll::run(&args, ui),
        Command::Repair(args) => repair::run(&args, ui),
        Command::Grep(args) => grep::run(&args, ui),
        Command::Tail(args) => tail::run(&args, ui),
        Command::Verify(args) => verify::run(&args, ui),
        Command::Completions(args) => generate::completions(&args, ui),
        Command::Man(args) => generate::man(&args, ui),
        Command::Help(args) => topics::run(&args, ui),
    }
}

/// Prints what is left to print. Output that was lost outweighs an answer that was only half given.
fn end(ui: &Ui, outcome: Result<Exit, Failure>) -> Exit {
    let flushed = ui.out().flush().map(|()| Exit::Ok);
    let mut said = None;
    let exit = |outcome: Result<Exit, Failure>| match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            // A full disk fails the command and then the flush: once is enough.
            if said.as_deref() != Some(failure.message()) {
                ui.failure(&failure);
            }
            said = Some(failure.message().to_owned());
            failure.exit()
        }
    };
    let exits = [outcome, flushed].map(exit);
    exits[0].worst(exits[1])
}
