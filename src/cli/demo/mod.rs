//! `fernlog demo`: the whole story on a log made for it.

mod damage;
mod records;
mod stage;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use fernlog::{AuditLog, Durability, Keyring, SigningKey};
use indicatif::{DecimalBytes, HumanCount};

use crate::args::DemoArgs;
use crate::escape;
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::progress::Interrupt;
use crate::ui::Ui;

use damage::Kept;
use stage::Stage;

/// Logs that package managers write, of which one is likely to be here.
const REAL_LOGS: [&str; 4] =
    ["/var/log/dpkg.log", "/var/log/dnf.rpm.log", "/var/log/pacman.log", "/var/log/zypp/history"];
/// A larger one would make the demo slow.
const MOST: u64 = 8 << 20;

const READ: [&str; 3] = ["audit.log", "-k", "audit.key"];
const WRITE: [&str; 5] = ["audit.log", "-k", "audit.key", "--sign", "audit.sign"];
const VERIFY: [&str; 4] = ["verify", "audit.log", "--vkey", "audit.vkey"];

/// Tells the story.
///
/// # Errors
///
/// A folder that is not empty or cannot be made; anything that does not end as the story says.
pub(crate) fn run(args: &DemoArgs, ui: &Ui) -> Result<Exit, Failure> {
    // Before there is a folder that Ctrl-C would leave behind.
    let interrupt = Interrupt::catch().map_err(|error| Failure::usage(failure::reason(&error)))?;
    let Some(dir) = &args.dir else {
        let folder =
            tempfile::Builder::new().prefix("fernlog-demo-").tempdir().map_err(|error| {
                Failure::usage(format!("no temporary folder: {}", failure::reason(&error)))
            })?;
        ui.out().line(
            "This happens in a temporary folder. To keep it and look around: fernlog demo DIR",
        )?;
        story(folder.path(), interrupt, ui)?;
        return Ok(Exit::Ok);
    };
    prepare(dir)?;
    ui.out().line(&format!("This happens in {}, which stays.", escape::path(dir)))?;
    // Absolute, because the commands of the story run in it.
    let folder = fs::canonicalize(dir).map_err(|error| Failure::file(dir, &error))?;
    story(&folder, interrupt, ui)?;
    ui.out().line(&format!("\nLook around: cd {}", crate::words::word(dir)))?;
    Ok(Exit::Ok)
}

/// Makes the folder; an empty one will do.
fn prepare(dir: &Path) -> Result<(), Failure> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::file(dir, &error));
        }
        _ => {}
    }
    let mut entries = fs::read_dir(dir).map_err(|error| Failure::file(dir, &error))?;
    if entries.next().is_some() {
        let said = format!("{} is not empty", escape::path(dir));
        return Err(Failure::usage(said).hint("name a folder that does not exist yet"));
    }
    Ok(())
}

fn story(folder: &Path, interrupt: Interrupt, ui: &Ui) -> Result<(), Failure> {
    let mut stage = Stage::new(folder, interrupt, ui)?;
    keys(&mut stage)?;
    let deed = write(&mut stage)?;
    read(&mut stage)?;
    let older = check(&mut stage)?;
    stock_tools(&mut stage)?;
    altered(&mut stage, deed)?;
    deleted(&mut stage, deed)?;
    put_back(&mut stage, &older)?;
    wrong_key(&mut stage)?;
    next(&mut stage)
}

fn keys(stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("Keys: one to read, one to sign, one for auditors")?;
    stage.run(&["keygen", "audit", "--origin", "example.com/shop/host7"], Exit::Ok)
}

/// Writes the log and gives the index of the deed.
fn write(stage: &mut Stage<'_>) -> Result<u64, Failure> {
    stage.scene("Write: an application, then the log of a real program")?;
    let log = AuditLog::builder(stage.path("audit.log"))
        .keyring(Keyring::load(stage.path("audit.key"))?)
        .log_key(SigningKey::load(stage.path("audit.sign"))?)
        .durability(Durability::Written)
        .roll_size(512 << 10)
        .open()?;
    let mut deed = 0;
    for n in 0..records::COUNT {
        let receipt = log.append(&records::record(n))?;
        if n == records::DEED {
            deed = receipt.index;
        }
    }
    let head = log.close()?;
    stage.tell(&format!(
        "An application appended {} records with the library; at 512 KiB the log rolled, {} times.",
        HumanCount(records::COUNT),
        head.segment
    ))?;
    match REAL_LOGS.map(Path::new).into_iter().find(|path| usable(path)) {
        Some(path) => {
            let words = [&["append"], &WRITE[..], &["--logger", "packages"]].concat();
            stage.run_between(&words, Some(path), None, Exit::Ok)?;
        }
        None => stage
            .tell("This machine has no package manager's log to append; that part is left out.")?,
    }
    stage.run(&[&["roll"], &WRITE[..]].concat(), Exit::Ok)?;
    files(stage)?;
    Ok(deed)
}

fn usable(path: &Path) -> bool {
    let readable = fs::File::open(path).and_then(|file| file.metadata());
    readable.is_ok_and(|metadata| metadata.is_file() && (1..=MOST).contains(&metadata.len()))
}

/// What stands in the folder now.
fn files(stage: &Stage<'_>) -> Result<(), Failure> {
    let folder = stage.path("");
    let entries = fs::read_dir(&folder).map_err(|error| Failure::file(&folder, &error))?;
    let mut logs = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".log") {
            logs.push((name, entry.metadata().map_or(0, |metadata| metadata.len())));
        }
    }
    logs.sort();
    stage.tell("\nThe segments of the log; beside each stand its .chain and .hashes:\n")?;
    for (name, bytes) in &logs {
        stage.tell(&format!("  {name:<18} {:>10}", DecimalBytes(*bytes).to_string()))?;
    }
    let first = fs::read_to_string(stage.path("audit.000000.log")).unwrap_or_default();
    let line = first.lines().next().unwrap_or_default();
    let start: String = line.chars().take(92).collect();
    stage.tell(&format!("\nA record is one line, a Fernet token:\n\n  {start}..."))
}

fn read(stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("Read: whoever has audit.key")?;
    stage.run(&[&["decrypt"], &READ[..], &["--head", "4"]].concat(), Exit::Ok)?;
    stage.run(&[&["grep", "-C", "1", "mallory"], &READ[..]].concat(), Exit::Ok)?;
    stage.run(&[&["grep", "-c", "login failed"], &READ[..]].concat(), Exit::Ok)
}

/// Verifies the log, and gives the newest segment as it was before the last records came.
fn check(stage: &mut Stage<'_>) -> Result<Kept, Failure> {
    stage.scene("Check: whoever has audit.vkey, and no key to read")?;
    stage.run(&VERIFY, Exit::Ok)?;
    let older = Kept::of(&active(stage))?;
    let line = stage.path("late.txt");
    fs::write(&line, "night shift begins\nnight shift ends\n")
        .map_err(|error| Failure::file(&line, &error))?;
    stage.tell(
        "\nMore records come. The newest checkpoint, kept elsewhere, pins the end of the log:",
    )?;
    stage.run_between(
        &[&["append"], &WRITE[..]].concat(),
        Some(Path::new("late.txt")),
        None,
        Exit::Ok,
    )?;
    stage.run_between(&["checkpoint", "audit.log"], None, Some("kept.txt"), Exit::Ok)?;
    let content = ["-k", "audit.key", "--checkpoint", "kept.txt"];
    stage.run(&[&VERIFY[..], &content].concat(), Exit::Ok)?;
    Ok(older)
}

fn active(stage: &Stage<'_>) -> Vec<PathBuf> {
    ["audit.log", "audit.log.chain", "audit.log.hashes"].map(|name| stage.path(name)).to_vec()
}

fn stock_tools(stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("No lock-in: the same log with tools that never heard of fernlog")?;
    stage.tell(STOCK_TOOLS)
}

/// Each of them works in the folder of the demo; a test runs them.
const STOCK_TOOLS: &str = r#"
All records of a segment, with Python and its package cryptography:

  python3 -c "
  from cryptography.fernet import Fernet
  fernet = Fernet(open('audit.key').read().split()[-1])
  for line in open('audit.000000.log', 'rb'): print(fernet.decrypt(line.strip()).decode())"

The first record, with openssl (a token is version, time, IV, ciphertext, MAC):

  key=$(tail -n 1 audit.key | tr '_-' '/+' | base64 -d | tail -c 16 | od -An -v -tx1 | tr -d ' \n')
  head -n 1 audit.000000.log | tr '_-' '/+' | base64 -d > token
  iv=$(head -c 25 token | tail -c 16 | od -An -v -tx1 | tr -d ' \n')
  tail -c +26 token | head -c -32 | openssl enc -d -aes-128-cbc -K $key -iv $iv

Its leaf in the hash chain, which is the second one of .hashes (the first is the header's):

  { printf '\0'; head -n 1 audit.000000.log | tr -d '\n'; } | sha256sum
  head -c 64 audit.000000.log.hashes | tail -c 32 | od -An -v -tx1 | tr -d ' \n'"#;

fn altered(stage: &mut Stage<'_>, deed: u64) -> Result<(), Failure> {
    stage.scene("Somebody alters one character of the line about mallory")?;
    let found = damage::find(&stage.path("audit.log"), deed)?;
    let kept = Kept::of(std::slice::from_ref(&found.file))?;
    found.alter()?;
    stage.run(&VERIFY, Exit::Tampered)?;
    kept.put_back()
}

fn deleted(stage: &mut Stage<'_>, deed: u64) -> Result<(), Failure> {
    stage.scene("Undone. Somebody deletes that line")?;
    let found = damage::find(&stage.path("audit.log"), deed)?;
    let kept = Kept::of(std::slice::from_ref(&found.file))?;
    found.delete()?;
    stage.run(&VERIFY, Exit::Tampered)?;
    kept.put_back()
}

fn put_back(stage: &mut Stage<'_>, older: &Kept) -> Result<(), Failure> {
    stage.scene("Undone. Somebody cuts off the end, and the checkpoints that cover it")?;
    let kept = Kept::of(&active(stage))?;
    older.put_back()?;
    stage.tell("Log and chain are as they were a moment ago: sound, signed, shorter. Alone they cannot show it:")?;
    stage.run(&VERIFY, Exit::Ok)?;
    stage.tell("\nThe checkpoint that was kept elsewhere can:")?;
    stage.run(&[&VERIFY[..], &["--checkpoint", "kept.txt"]].concat(), Exit::Tampered)?;
    kept.put_back()
}

fn wrong_key(stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("Undone. Somebody tries another key")?;
    let keygen = ["keygen", "other", "--origin", "example.com/shop/host7", "-q"];
    stage.run_between(&keygen, None, Some("other.txt"), Exit::Ok)?;
    stage.run(&[&VERIFY[..], &["-k", "other.key"]].concat(), Exit::NoKey)?;
    stage
        .tell("\nThat decides nothing. With the right key and the checkpoint all is as it was:")?;
    stage.run(&[&VERIFY[..], &["-k", "audit.key", "--checkpoint", "kept.txt"]].concat(), Exit::Ok)
}

fn next(stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("Next")?;
    stage.tell(NEXT)
}

const NEXT: &str = "
  fernlog keygen audit --origin example.com/payments/host7     keys for a log of your own
  my-service | fernlog append audit.log -k audit.key --sign audit.sign
  fernlog checkpoint audit.log                                 keep what it prints where the writer
                                                               of the log cannot change it
  fernlog verify audit.log --vkey audit.vkey --checkpoint FILE from cron: the exit status tells
  fernlog doctor audit.log -k audit.key                        whether the set-up is sound
  fernlog help keys, exit-codes, time, filters, json           the rest

What it does not do: who has audit.key and audit.sign and can write the files can write on as the
log does; who had them only later cannot change what was closed before. See SECURITY.md.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_holds_something_is_refused_and_an_empty_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(prepare(folder.path()).is_ok());
        assert!(prepare(&folder.path().join("new")).is_ok());
        assert!(prepare(folder.path()).is_err());
        assert!(prepare(&folder.path().join("no/new")).is_err());
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(prepare(&folder.path().join("file")).is_err());
    }

    #[test]
    fn texts_fit_100_columns() {
        for line in STOCK_TOOLS.lines().chain(NEXT.lines()) {
            assert!(line.len() <= 100, "{line}");
        }
    }
}
