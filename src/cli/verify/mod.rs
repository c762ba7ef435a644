//! `fernlog verify`: is this log what was written?

mod human;
mod state;

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fernlog::read::{self, Anchor, Log, Report, VerifyOptions};

use crate::args::{Require, TornTailArg, VerifyArgs};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, Input};
use crate::progress::{Interrupt, Progress};
use crate::selection;
use crate::ui::Ui;

/// Verifies each log, prints a report about it, and brings the state file up to date.
///
/// # Errors
///
/// The flags, keys, checkpoints or the state file cannot be used; standard output takes no more.
pub(crate) fn run(args: &VerifyArgs, ui: &Ui) -> Result<Exit, Failure> {
    let files = args.keys.key_files.iter().chain(&args.checkpoints).chain(&args.vkey.vkey);
    input::one_stdin(files)?;
    let mut exit = Exit::Ok;
    let logs = logs(&args.logs.logs, ui, &mut exit)?;
    if args.state.is_some() && logs.len() > 1 {
        return Err(Failure::usage("a state file is about one log, and there are several"));
    }
    let interrupt = Interrupt::catch().map_err(|e| Failure::file(Path::new("Ctrl-C"), &e))?;
    let given = Given {
        anchors: args.checkpoints.iter().map(|file| anchor(file)).collect::<Result<_, _>>()?,
        state: args.state.as_deref().map(state::StateFile::open).transpose()?,
        options: options(args, ui)?,
    };
    if args.json.json {
        let names: Vec<_> = logs.iter().map(|(name, _)| name.clone()).collect();
        json(ui, |out| Report::start_json(&names, out))?;
    }
    let mut used = vec![false; given.anchors.len()];
    for (number, (name, log)) in logs.iter().enumerate() {
        if number > 0 && !args.json.json {
            ui.out().line("")?;
        }
        let options = given.options_for(log, logs.len(), &mut used)?;
        match check(log, options, &interrupt, ui) {
            Ok(mut report) => {
                name_plainly(&mut report, name);
                let said = conclude(&report, args, ui)?;
                exit = exit.worst(said);
                if let (Some(file), Exit::Ok | Exit::Torn) = (&given.state, said) {
                    file.keep(report.state.as_ref(), ui)?;
                }
                if report.interrupted {
                    break;
                }
            }
            Err(failure) => {
                exit = exit.worst(failure.exit());
                ui.out().flush()?;
                ui.failure(&failure);
            }
        }
    }
    if let Some(unused) = used.iter().position(|used| !used) {
        let file = args.checkpoints.get(unused).map(|file| escape::path(file).into_owned());
        let message = "it is a checkpoint of none of these logs";
        return Err(Failure::usage(format!("{}: {message}", file.unwrap_or_default())));
    }
    Ok(exit)
}

/// What comes from elsewhere than the log.
struct Given {
    anchors: Vec<Anchor>,
    state: Option<state::StateFile>,
    options: VerifyOptions<'static>,
}

impl Given {
    /// What one of the logs is verified with: of several, each gets the checkpoints of its origin.
    fn options_for(
        &self,
        log: &Log,
        logs: usize,
        used: &mut [bool],
    ) -> Result<VerifyOptions<'static>, Failure> {
        let mut origin = None;
        if logs > 1 {
            for segment in log.segments() {
                if let Some(Ok(header)) = segment.header()? {
                    origin = Some(header.origin);
                    break;
                }
            }
        }
        let mut options = self.options.clone();
        for (anchor, used) in self.anchors.iter().zip(used) {
            let fits = logs == 1 || origin.as_deref() == Some(anchor.checkpoint().origin.as_str());
            if fits {
                *used = true;
                options.anchors.push(anchor.clone());
            }
        }
        options.state = self.state.as_ref().and_then(|file| file.state.clone());
        Ok(options)
    }
}

fn options(args: &VerifyArgs, ui: &Ui) -> Result<VerifyOptions<'static>, Failure> {
    Ok(VerifyOptions {
        vkey: args.vkey.vkey.as_deref().map(input::verifier_key).transpose()?,
        keyring: input::optional_keyring(&args.keys, ui)?,
        require: args.require.iter().map(|require| (*require).into()).collect(),
        torn_tail: match args.torn_tail {
            None => read::TornTail::Report,
            Some(TornTailArg::Ok) => read::TornTail::Accept,
            Some(TornTailArg::Error) => read::TornTail::Reject,
        },
        max_findings: args.max_findings,
        now: Some(selection::unix_time(ui.now())),
        ..VerifyOptions::default()
    })
}

/// The logs, each with its name; those that cannot be opened are said and the rest goes on.
fn logs(paths: &[PathBuf], ui: &Ui, exit: &mut Exit) -> Result<Vec<(String, Log)>, Failure> {
    if paths.iter().any(|path| input::is_stdin(path)) {
        return Err(Failure::usage("this needs the files of a log, not standard input"));
    }
    let mut failed = |failure: Failure| {
        *exit = exit.worst(failure.exit());
        ui.failure(&failure);
    };
    let mut logs = Vec::new();
    for input in input::locate(paths, &mut failed) {
        let Input::Log(path) = &input else { continue };
        match Log::open(path) {
            Ok(log) => logs.push((plain_name(&path.active()), log)),
            Err(error) => failed(error.into()),
        }
    }
    Ok(logs)
}

/// The files under the names that the user knows them by.
fn name_plainly(report: &mut Report, name: &str) {
    name.clone_into(&mut report.log);
    let findings = report.findings.iter_mut().map(|finding| &mut finding.file);
    for file in findings.chain(report.segments.iter_mut().map(|segment| &mut segment.file)) {
        if let Ok(plain) = file.strip_prefix(".") {
            *file = plain.to_owned();
        }
    }
}

/// A file name as JSON gives it: not escaped, without the folder that goes unsaid.
pub(crate) fn plain_name(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).to_string_lossy().into_owned()
}

/// A checkpoint that was kept elsewhere.
///
/// # Errors
///
/// The file cannot be read or is no checkpoint.
pub(crate) fn anchor(file: &Path) -> Result<Anchor, Failure> {
    Ok(Anchor::parse(file, &input::small_file(file)?)?)
}

fn check(
    log: &Log,
    options: VerifyOptions<'static>,
    interrupt: &Interrupt,
    ui: &Ui,
) -> Result<Report, Failure> {
    let lengths = log.segments().iter().filter_map(|segment| segment.open().ok().flatten());
    let progress = Progress::new(ui, "verified", lengths.map(|source| source.len()).sum());
    let shown = AtomicU64::new(0);
    let told = |now: read::Progress| {
        let before = shown.fetch_max(now.done, Ordering::Relaxed);
        progress.advance(now.done.saturating_sub(before), 0);
        if interrupt.raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = VerifyOptions { progress: Some(&told), ..options };
    Ok(read::verify(log, &options)?)
}

/// Prints the report and gives its exit code.
fn conclude(report: &Report, args: &VerifyArgs, ui: &Ui) -> Result<Exit, Failure> {
    if args.json.json {
        json(ui, |out| report.to_json_lines(out))?;
    } else {
        ui.out().text(&human::text(report, args, ui))?;
        let open_end = report.verdict == read::Verdict::Intact
            && report.checks.anchor == read::Check::NotRun
            && report.origin.is_some()
            && !report.interrupted;
        if open_end {
            ui.out().flush()?;
            ui.hint("fernlog checkpoint prints what to keep elsewhere; --require anchored insists");
        }
    }
    let exit = Exit::from(report.verdict);
    // What was found counts; that nothing was found does not.
    Ok(if report.interrupted { Exit::Interrupted.worst(exit) } else { exit })
}

/// Prints what the library writes, with our own, stricter escapes.
fn json(ui: &Ui, write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    write(&mut bytes).and_then(|()| bytes.flush()).map_err(Failure::output)?;
    String::from_utf8_lossy(&bytes).lines().try_for_each(|line| ui.out().line(&escape::json(line)))
}

impl From<Require> for read::Require {
    fn from(require: Require) -> Self {
        match require {
            Require::Signatures => read::Require::Signatures,
            Require::Content => read::Require::Content,
            Require::Anchored => read::Require::Anchored,
        }
    }
}

impl From<read::Verdict> for Exit {
    fn from(verdict: read::Verdict) -> Self {
        use read::Verdict;
        match verdict {
            Verdict::Intact => Exit::Ok,
            Verdict::Tampered => Exit::Tampered,
            Verdict::Torn => Exit::Torn,
            Verdict::NoKey => Exit::NoKey,
            Verdict::Unproven => Exit::Unproven,
            Verdict::NotALog => Exit::NotALog,
            // A verdict of a later version is no good one.
            _ => Exit::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use fernlog::read::Verdict;

    use super::*;

    #[test]
    fn verdicts_have_the_words_and_codes_of_the_table() {
        for verdict in [
            Verdict::Intact,
            Verdict::Tampered,
            Verdict::Torn,
            Verdict::NoKey,
            Verdict::Unproven,
            Verdict::NotALog,
        ] {
            let exit = Exit::from(verdict);
            assert_eq!((exit.word(), exit.code()), (verdict.word(), verdict.exit_code()));
        }
    }
}
