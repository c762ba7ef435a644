//! `fernlog repair`: sets aside what a crash left behind the last whole line of a log, without any
//! key. It changes nothing else and signs nothing.

use fernlog::format::SegmentName;
use fernlog::write::repair_torn_tail;

use crate::args::RepairArgs;
use crate::attributes::Attributes;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::recovery;
use crate::target;
use crate::ui::Ui;
use crate::words;

/// Repairs a log and prints the files in which the bytes are now.
///
/// # Errors
///
/// There is no log, a writer holds it, anything is wrong with it besides a torn tail, or a file
/// cannot be changed.
pub(crate) fn run(args: &RepairArgs, ui: &Ui) -> Result<Exit, Failure> {
    let path = target::existing_log(&args.log.log)?;
    if !args.torn_tail {
        return Err(Failure::usage("say what to repair: --torn-tail is all that repair can do")
            .hint("it sets aside an incomplete last line, or an incomplete last checkpoint")
            .hint("any other damage is evidence: see what fernlog verify says"));
    }
    // Before anything is copied: the copy would be made again each time the cut is refused.
    for file in [path.active(), path.beside(SegmentName::Active, "chain")] {
        let Attributes { append_only, immutable } = Attributes::of(&file);
        let (attribute, letter) = match (append_only, immutable) {
            (_, true) => ("immutable", 'i'),
            (true, false) => ("append-only", 'a'),
            (false, false) => continue,
        };
        let shown = escape::path(&file);
        return Err(Failure::usage(format!("{shown} is {attribute}: nothing can be cut from it"))
            .hint(format!(
                "as root: chattr -{letter} {}, and again +{letter} afterwards",
                words::word(&file)
            )));
    }
    let repaired = repair_torn_tail(path.active())?;
    let name = escape::path(&args.log.log);
    for torn in &repaired.tails {
        ui.out().line(&escape::path(&torn.saved))?;
        let what = if torn.file == path.active() { "line" } else { "checkpoint" };
        ui.note(&format!("{} and cut", recovery::set_aside(torn, what)));
    }
    ui.out().flush()?;
    if repaired.tails.is_empty() {
        ui.note(&format!("{name} has no torn tail; nothing to do"));
    } else {
        ui.hint("keep what was saved: without a key nothing could be written about it in the log");
    }
    Ok(Exit::Ok)
}
