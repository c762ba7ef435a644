//! The commands that make keys and write logs, as a shell runs them.

mod append;
mod append_flags;
mod append_queue;
mod demo;
mod doctor;
mod json_lines;
mod keygen;
mod repair;
mod roll;
mod signals;
mod trouble;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use fernlog::Keyring;
use fernlog::crypto::Cipher;
use serde_json::Value;

/// No command of these tests takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Files of a log, in the arguments of a command.
pub(crate) const APPEND: [&str; 6] =
    ["append", "audit.log", "-k", "audit.key", "--sign", "audit.sign"];

/// A folder with keys in which commands run.
pub(crate) struct Shell {
    folder: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Shell {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Shell { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with `audit.key`, `audit.sign` and `audit.vkey`, made by the command.
    pub(crate) fn with_keys() -> Self {
        let shell = Self::empty();
        shell.ok(&["keygen", "audit", "--origin", "example.com/test"]);
        shell
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fernlog"));
        command.args(arguments).current_dir(self.folder.path());
        for name in ["FERNLOG_KEY_FILE", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end with this standard input.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S], input: &[u8]) -> Ended {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A command that stops reading is no failure here.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let ended = end(child);
        writer.join().unwrap();
        ended
    }

    /// Runs a command that must end well, and gives what it printed.
    pub(crate) fn ok<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let ended = self.run(arguments, b"");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    }

    /// Appends lines with the ordinary arguments and these.
    pub(crate) fn append(&self, more: &[&str], input: &[u8]) -> Ended {
        self.run(&[&APPEND[..], more].concat(), input)
    }

    /// A command that goes on, with its ends in our hands.
    pub(crate) fn start(&self, more: &[&str]) -> Running {
        self.start_with(&[&APPEND[..], more].concat())
    }

    /// Any command that goes on.
    pub(crate) fn start_with(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Running { child, input, output }
    }

    /// What stands in the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The records of the log, all segments in order.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.records_of(self.folder.path())
    }

    /// The records of the log in another folder under the same key.
    pub(crate) fn records_of(&self, folder: &Path) -> Vec<Value> {
        let ring = Keyring::load(self.path("audit.key")).unwrap();
        let cipher = Cipher::new(ring.primary());
        let mut segments: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .collect();
        // `audit.000000.log` stands before `audit.log`, as in the log.
        segments.sort();
        let mut records = Vec::new();
        let mut raw = Vec::new();
        for segment in segments {
            let text = std::fs::read_to_string(segment).unwrap();
            assert!(text.is_empty() || text.ends_with('\n'), "a torn line");
            for line in text.lines() {
                let opened = cipher.open(line.as_bytes(), &mut raw).unwrap();
                records.push(serde_json::from_slice(opened.plaintext).unwrap());
            }
        }
        records
    }

    /// The messages of the log.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.records().iter().map(|record| record["message"].as_str().unwrap().to_owned()).collect()
    }

    /// The log is what was written, signatures and content.
    pub(crate) fn verifies(&self) {
        self.verifies_at("audit.log");
    }

    /// The log at another place under the same keys is what was written.
    pub(crate) fn verifies_at(&self, log: &str) {
        let said = self.ok(&["verify", log, "--vkey", "audit.vkey", "-k", "audit.key"]);
        assert!(said.starts_with("INTACT"), "{said}");
    }
}

/// A command that goes on.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn write(&mut self, text: &str) {
        self.input.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Closes nothing: for a command that is to end although its input goes on.
    pub(crate) fn ended(mut self) -> Ended {
        let held = self.input.take();
        let ended = end_with(self.child, self.output);
        drop(held);
        ended
    }

    /// Ends the input and waits.
    pub(crate) fn close(mut self) -> Ended {
        drop(self.input.take());
        self.ended()
    }

    /// Stops reading what it prints.
    pub(crate) fn deaf(self) -> (Child, Option<ChildStdin>) {
        drop(self.output);
        (self.child, self.input)
    }
}

fn end(mut child: Child) -> Ended {
    let output = BufReader::new(child.stdout.take().unwrap());
    end_with(child, output)
}

fn end_with(mut child: Child, mut output: BufReader<ChildStdout>) -> Ended {
    use std::io::Read;
    let mut errors = child.stderr.take().unwrap();
    let out = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let err = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        errors.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("the command did not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ended { code: status.code(), out: out.join().unwrap(), err: err.join().unwrap() }
}

/// Waits until something is so.
pub(crate) fn until(mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "it never came to be");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An attribute that a file has until this is dropped; none, with a notice, where the file system
/// has none or only root may set it.
pub(crate) struct Attribute(PathBuf, char);

pub(crate) fn attribute(path: &Path, letter: char) -> Option<Attribute> {
    let set = Command::new("chattr").arg(format!("+{letter}")).arg(path).output();
    if set.is_ok_and(|output| output.status.success()) {
        return Some(Attribute(path.to_owned(), letter));
    }
    crate::common::notice("not run: chattr needs root and a file system with attributes");
    None
}

impl Drop for Attribute {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg(format!("-{}", self.1)).arg(&self.0).status();
    }
}
