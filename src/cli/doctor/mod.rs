//! `fernlog doctor`: whether the set-up is sound. It reads and changes nothing, and it is no
//! verification: what stands in a log is for `verify`.
//!
//! | file | looks at |
//! |---|---|
//! | `machine.rs` | the tokens of this build, the clock |
//! | `keys.rs` | key files: kind, mode, owner, whether they belong together |
//! | `logs.rs` | logs: files, modes, whether the keys fit, times of tokens |
//! | `disk.rs` | the file system under a log: room, attributes, whether it is a remote one |
//! | `writer.rs` | who holds a log, and whether the lines still end up in it |

mod disk;
mod keys;
mod logs;
mod machine;
mod writer;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::args::DoctorArgs;
use crate::escape::{self, Place};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::ui::Ui;

/// Looks at everything that was named and says what it finds.
///
/// # Errors
///
/// A mistake on the command line; standard output takes no more. What cannot be read is a finding.
pub(crate) fn run(args: &DoctorArgs, ui: &Ui) -> Result<Exit, Failure> {
    let files = args.keys.key_files.iter().chain(&args.sign).chain(&args.vkey.vkey);
    input::one_stdin(files.chain(&args.logs))?;
    let mut report = Report::default();
    machine::build(&mut report);
    machine::clock(ui.now(), &mut report);
    let keys = keys::look(args, &mut report);
    logs::look(&args.logs, &keys, ui.now(), &mut report);
    if args.json.json {
        report.json(ui)?
    } else {
        report.text(ui)?
    }
    if keys.is_empty() && args.logs.is_empty() {
        ui.hint("name what to look at: fernlog doctor audit.log -k audit.key --sign audit.sign");
    }
    Ok(report.exit())
}

/// How much a line of the report matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Ok,
    /// Works, and should be otherwise.
    Warning,
    /// Does not work, or protects nothing.
    Error,
}

/// One line of the report. Texts are escaped when they are printed.
#[derive(Debug)]
struct Line {
    weight: Weight,
    area: &'static str,
    subject: String,
    message: String,
    next: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Report(Vec<Line>);

impl Report {
    fn ok(&mut self, area: &'static str, subject: impl Into<String>, message: impl Into<String>) {
        self.add(Weight::Ok, area, subject.into(), message.into(), None);
    }

    fn warning(
        &mut self,
        area: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.add(Weight::Warning, area, subject.into(), message.into(), Some(next.into()));
    }

    fn error(
        &mut self,
        area: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.add(Weight::Error, area, subject.into(), message.into(), Some(next.into()));
    }

    fn add(
        &mut self,
        weight: Weight,
        area: &'static str,
        subject: String,
        message: String,
        next: Option<String>,
    ) {
        self.0.push(Line { weight, area, subject, message, next });
    }

    fn count(&self, weight: Weight) -> usize {
        self.0.iter().filter(|line| line.weight == weight).count()
    }

    fn exit(&self) -> Exit {
        let clean = self.0.iter().all(|line| line.weight == Weight::Ok);
        if clean { Exit::Ok } else { Exit::No }
    }

    fn text(&self, ui: &Ui) -> Result<(), Failure> {
        let cell = |text: &str| escape::text(text, Place::Cell).into_owned();
        for Line { weight, area, subject, message, next } in &self.0 {
            let (word, style) = match weight {
                Weight::Ok => ("ok", AnsiColor::Green.on_default()),
                Weight::Warning => ("WARN", AnsiColor::Yellow.on_default().bold()),
                Weight::Error => ("ERROR", AnsiColor::Red.on_default().bold()),
            };
            let word = ui.paint(style, &format!("{word:<5}"));
            let subject = cell(subject);
            let gap = if subject.is_empty() { "" } else { "  " };
            ui.out().line(&format!("{word}  {area:<5}  {subject}{gap}{}", cell(message)))?;
            if let Some(next) = next {
                ui.out().line(&format!("              -> {}", cell(next)))?;
            }
        }
        let (errors, warnings) = (self.count(Weight::Error), self.count(Weight::Warning));
        let of = |count, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let end = match (errors, warnings) {
            (0, 0) => ui.paint(Style::new().bold(), "no findings"),
            (0, _) => of(warnings, "warning"),
            (_, 0) => of(errors, "error"),
            _ => format!("{}, {}", of(errors, "error"), of(warnings, "warning")),
        };
        ui.out().line(&end)
    }

    fn json(&self, ui: &Ui) -> Result<(), Failure> {
        let out = ui.out();
        let version = env!("CARGO_PKG_VERSION");
        out.json(&json!({"type": "start", "schema": "fernlog.doctor/1", "version": version}))?;
        for Line { weight, area, subject, message, next } in &self.0 {
            let severity = match weight {
                Weight::Ok => "ok",
                Weight::Warning => "warning",
                Weight::Error => "error",
            };
            out.json(&json!({
                "type": "check", "severity": severity, "area": area, "subject": subject,
                "message": message, "next": next,
            }))?;
        }
        out.json(&json!({
            "type": "summary", "exit_code": self.exit().code(),
            "errors": self.count(Weight::Error), "warnings": self.count(Weight::Warning),
        }))
    }
}
