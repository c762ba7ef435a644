//! The commands that read logs, run as a user runs them.

mod checks;
mod decrypt;
mod grep;
mod keys;
mod long;
mod pruned;
mod tail;
mod verify;
mod zst;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fernlog::keyfile::{Access, create_new};
use fernlog::{Key, Keyring, Level, Record, SigningKey, UnixTime};

use crate::common::site::Site;

/// 2026-11-22T10:00:00Z, the time of the first record of a sample.
const START: i64 = 1_795_341_600;

/// A folder with a log in it, its keys in files, and the command to run there.
struct Desk {
    site: Site,
}

/// What a run of the command answered.
#[derive(Debug)]
struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    /// A folder with keys and without a log.
    fn new() -> Self {
        let desk = Self { site: Site::new() };
        desk.key_file("audit.key", &desk.site.keyring);
        desk.file("audit.vkey", format!("{}\n", desk.site.log_key.verifier()).as_bytes());
        desk
    }

    /// A folder in which there is a log already, whose keys these are.
    fn at(folder: &Path, ring: &Keyring, log_key: &SigningKey) -> Self {
        let site = Site::at(folder, ring.clone(), log_key.clone());
        let desk = Self { site };
        desk.key_file("audit.key", &desk.site.keyring);
        desk.file("audit.vkey", format!("{}\n", desk.site.log_key.verifier()).as_bytes());
        desk
    }

    /// A log of three segments with the records 1 to 6, 8 to 14 and 16 to 20.
    fn sample() -> Self {
        let desk = Self::new();
        let log = desk.site.open();
        for (number, index) in (1..=6).chain(8..=14).chain(16..=20).enumerate() {
            if index == 8 || index == 16 {
                log.roll().unwrap();
            }
            log.append(&sample_record(number, index)).unwrap();
        }
        log.close().unwrap();
        desk
    }

    /// A log of one segment with these records.
    fn with<'r>(records: impl IntoIterator<Item = Record<'r>>) -> Self {
        let desk = Self::new();
        let log = desk.site.open();
        for record in records {
            log.append(&record).unwrap();
        }
        log.close().unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.site.path(name)
    }

    fn key_file(&self, name: &str, ring: &Keyring) {
        self.file(name, ring.to_text(&["test"]).as_bytes());
    }

    /// A key file of a key that opens nothing here.
    fn other_key(&self, name: &str) {
        self.key_file(name, &Keyring::new(Key::generate().unwrap()));
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        create_new(&self.path(name), bytes, Access::Private).unwrap();
    }

    /// Changes the bytes of a file.
    fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.site.read(name);
        edit(&mut bytes);
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Changes the lines of a file, each with its LF.
    fn edit_lines(&self, name: &str, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
        self.edit(name, |bytes| {
            let mut lines: Vec<_> =
                bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            edit(&mut lines);
            *bytes = lines.concat();
        });
    }

    /// Flips a bit in the middle of a line, counted from 1, so that it is still canonical.
    fn damage_line(&self, name: &str, number: usize) {
        self.edit_lines(name, |lines| {
            let line = &mut lines[number - 1];
            line[60] = if line[60] == b'A' { b'B' } else { b'A' };
        });
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fernlog"));
        command.current_dir(self.path("")).args(shlex_split(words)).stdin(Stdio::null());
        for name in ["FERNLOG_KEY_FILE", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs `fernlog WORDS` in the folder.
    fn run(&self, words: &str) -> Answer {
        Answer::of(&self.command(words).output().unwrap())
    }

    /// Like [`Desk::run`], with this on standard input.
    fn run_with(&self, words: &str, input: &[u8]) -> Answer {
        use std::io::Write;
        let mut child = self
            .command(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Whoever stops early closes the pipe.
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let answer = Answer::of(&child.wait_with_output().unwrap());
        feeder.join().unwrap();
        answer
    }
}

impl Answer {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The lines of standard output, if the run went well and said nothing else.
    #[track_caller]
    fn lines(&self) -> Vec<&str> {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out.lines().collect()
    }

    /// The lines of standard error, if the run ended with this code.
    #[track_caller]
    fn errors(&self, code: i32) -> Vec<&str> {
        assert_eq!(self.code, code, "{self:?}");
        self.err.lines().collect()
    }
}

/// Record `index` of a sample: one a minute, every third by mallory, every fifth a warning.
fn sample_record(number: usize, index: u64) -> Record<'static> {
    let level = if index.is_multiple_of(5) { Level::Warning } else { Level::Info };
    let actor = if index.is_multiple_of(3) { "mallory" } else { "alice" };
    let logger = if index.is_multiple_of(2) { "app.db" } else { "app" };
    let seconds = START + 60 * i64::try_from(number).unwrap();
    Record::new(level, logger, format!("message {index}"))
        .time(UnixTime::new(seconds, 0))
        .actor(actor)
        .field("n", index)
}

/// Splits at spaces; single quotes keep words together.
fn shlex_split(words: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (place, part) in words.split('\'').enumerate() {
        if place % 2 == 1 {
            out.push(part.to_owned());
        } else {
            out.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    out
}
