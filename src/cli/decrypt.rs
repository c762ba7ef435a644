//! `fernlog decrypt`: prints records.

use std::ops::ControlFlow;

use indicatif::HumanCount;

use crate::args::DecryptArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::newfile::Sink;
use crate::print::Printer;
use crate::reading::{Done, Missing, Reading};
use crate::records::keep_all;
use crate::selection::Chosen;
use crate::ui::Ui;

/// Prints the selected records of all logs. Damage is told on standard error and asks for its exit
/// code; what could be read is printed, and a file of `-o` is kept.
///
/// # Errors
///
/// The flags or keys cannot be used; the output takes no more.
pub(crate) fn run(args: &DecryptArgs, ui: &Ui) -> Result<Exit, Failure> {
    let chosen = Chosen::new(&args.selection, ui)?;
    let mut printer = Printer::new(&args.output, ui)?;
    let mut reading = Reading::new(&args.keys, &args.logs.logs, Missing::Told, ui)?;
    let mut sink = Sink::new(args.output.output.as_deref(), ui)?;
    if matches!(sink, Sink::File(_)) {
        reading.show_progress("decrypted");
    }
    let mut bytes = Vec::new();
    let mut printed = 0_u64;
    let mut interrupted = false;
    for input in reading.inputs() {
        let done = reading.read(&input, &chosen, &keep_all, &mut |entry| {
            bytes.clear();
            printer.print(entry, &mut bytes);
            sink.write(&bytes)?;
            printed += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        interrupted = done == Done::Interrupted;
        if interrupted {
            break;
        }
    }
    let exit = reading.exit();
    let whole = match exit {
        _ if interrupted => false,
        Exit::Error | Exit::NotALog => false,
        Exit::NoKey => printed > 0,
        _ => true,
    };
    match (whole, &sink) {
        (true, _) | (false, Sink::Out(_)) => sink.keep()?,
        (false, Sink::File(_)) => ui.warning("the file of -o was not made"),
    }
    if exit == Exit::NoKey && printed > 0 {
        ui.hint(&format!(
            "{} records were written; give all keys: -k OLD -k NEW",
            HumanCount(printed)
        ));
    }
    if interrupted {
        return Ok(reading.partial(&format!("{} records were printed", HumanCount(printed))));
    }
    Ok(exit)
}
