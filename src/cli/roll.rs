//! `fernlog roll`: closes the active segment of a log and begins the next.

use fernlog::AuditLog;
use fernlog::format::SegmentName;

use crate::args::RollArgs;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::recovery;
use crate::target;
use crate::ui::Ui;

/// Rolls a log and prints the file that was closed.
///
/// # Errors
///
/// There is no log, its keys are others, another writer holds it, or a file cannot be written.
pub(crate) fn run(args: &RollArgs, ui: &Ui) -> Result<Exit, Failure> {
    input::one_stdin(args.keys.key_files.iter().chain([&args.sign]))?;
    let path = target::existing_log(&args.log.log)?;
    let builder = AuditLog::builder(path.active())
        .keyring(input::keyring(&args.keys, ui)?)
        .log_key(input::signing_key(&args.sign, ui)?);
    let log = target::closed(builder, &args.closed).open()?;
    recovery::tell(log.recovery(), ui);
    let head = log.roll()?;
    log.close()?;
    let closed = head.segment.saturating_sub(1);
    ui.out().line(&escape::path(&path.segment(SegmentName::Closed(closed))))?;
    ui.out().flush()?;
    ui.note(&format!("segment {closed} is closed, segment {} begins", head.segment));
    Ok(Exit::Ok)
}
