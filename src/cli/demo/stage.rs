//! Shows a command and what it does: the same program, run as a shell would run it, in the folder
//! of the demo. What it prints is what it says, never a copy of it.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anstyle::{AnsiColor, Style};

use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::progress::Interrupt;
use crate::ui::Ui;
use crate::words;

/// Where the story is told.
#[derive(Debug)]
pub(super) struct Stage<'u> {
    ui: &'u Ui,
    program: PathBuf,
    folder: PathBuf,
    interrupt: Interrupt,
    scene: u32,
}

impl<'u> Stage<'u> {
    /// # Errors
    ///
    /// The system does not say which program this is.
    pub(super) fn new(folder: &Path, interrupt: Interrupt, ui: &'u Ui) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::usage(failure::reason(&error));
        Ok(Stage {
            ui,
            program: env::current_exe().map_err(failed)?,
            folder: folder.to_owned(),
            interrupt,
            scene: 0,
        })
    }

    /// Path of a file of the demo.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Begins a part of the story.
    ///
    /// # Errors
    ///
    /// Standard output takes no more; Ctrl-C.
    pub(super) fn scene(&mut self, title: &str) -> Result<(), Failure> {
        self.scene += 1;
        let title = format!("{}. {title}", self.scene);
        self.ui.out().line(&format!("\n{}", self.ui.paint(Style::new().bold(), &title)))?;
        self.stop_if_asked()
    }

    /// Tells something.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub(super) fn tell(&self, text: &str) -> Result<(), Failure> {
        self.ui.out().line(text)
    }

    /// Runs a command, which must end as said: a demo that shows another ending is a defect.
    ///
    /// # Errors
    ///
    /// The command cannot be run or ends otherwise; standard output takes no more; Ctrl-C.
    pub(super) fn run(&self, words: &[&str], exit: Exit) -> Result<(), Failure> {
        self.run_between(words, None, None, exit)
    }

    /// Like [`Stage::run`], with files for standard input and output.
    ///
    /// # Errors
    ///
    /// Those of [`Stage::run`], and files that cannot be opened.
    pub(super) fn run_between(
        &self,
        words: &[&str],
        input: Option<&Path>,
        output: Option<&str>,
        exit: Exit,
    ) -> Result<(), Failure> {
        let mut line = format!("$ fernlog {}", words::line(words));
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(&self.folder).env_remove("FERNLOG_KEY_FILE");
        // Its messages come between its lines, as on a terminal, also when all goes to a file.
        let ours =
            || -> io::Result<Stdio> { Ok(io::stdout().as_fd().try_clone_to_owned()?.into()) };
        let failed = |error: io::Error| Failure::usage(failure::reason(&error));
        command
            .stdin(Stdio::null())
            .stdout(ours().map_err(failed)?)
            .stderr(ours().map_err(failed)?);
        let colour = if self.ui.colour_out() { "CLICOLOR_FORCE" } else { "NO_COLOR" };
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env(colour, "1");
        if let Some(path) = input {
            line.push_str(&format!(" < {}", words::word(path)));
            command.stdin(
                File::open(self.folder.join(path)).map_err(|error| Failure::file(path, &error))?,
            );
        }
        if let Some(name) = output {
            line.push_str(&format!(" > {name}"));
            let path = self.path(name);
            command.stdout(File::create(&path).map_err(|error| Failure::file(&path, &error))?);
        }
        self.ui.out().line("")?;
        self.ui.out().line(&self.ui.paint(AnsiColor::Cyan.on_default(), &line))?;
        // Before the command prints past our buffer.
        self.ui.out().flush()?;
        let status = command.status().map_err(|error| Failure::file(&self.program, &error))?;
        self.stop_if_asked()?;
        let code = status.code();
        if code != Some(i32::from(exit.code())) {
            let ended = code.map_or("by a signal".to_owned(), |code| format!("with {code}"));
            let wanted = exit.code();
            return Err(Failure::usage(format!(
                "that should have ended with {wanted}, not {ended}"
            )));
        }
        if exit != Exit::Ok {
            self.ui.out().line(&format!("(exit status {})", exit.code()))?;
        }
        Ok(())
    }

    fn stop_if_asked(&self) -> Result<(), Failure> {
        if self.interrupt.raised() { Err(Failure::new(Exit::Interrupted, "")) } else { Ok(()) }
    }
}
