//! `--key-command`: runs a program that prints a key file. No shell is involved, and nothing that
//! the program prints or was given is ever repeated.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use fernlog::Keyring;
use zeroize::Zeroizing;

use crate::failure::{self, Failure};

/// A key file is never longer.
const MOST: usize = 64 << 10;
/// A password manager that asks for a touch or a PIN needs its time; a hanging one must end.
const LIMIT: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(10);

/// Runs the command and reads the keys that it prints.
///
/// # Errors
///
/// The text is no command, it cannot be run, fails, takes longer than a minute, prints more than
/// 64 KiB, or prints no key file.
pub(crate) fn run(command: &str) -> Result<Keyring, Failure> {
    run_within(command, LIMIT)
}

fn run_within(command: &str, limit: Duration) -> Result<Keyring, Failure> {
    let words = shlex::split(command).unwrap_or_default();
    let [program, arguments @ ..] = words.as_slice() else {
        return Err(Failure::usage("--key-command is empty or has an open quote"));
    };
    let failed = |why: &str| Failure::usage(format!("--key-command {program}: {why}"));
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("FERNLOG_KEY_FILE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| failed(&failure::reason(&error)))?;
    let text = match answer(&mut child, limit) {
        Ok(text) => text,
        Err(error) => {
            // Not the whole process group: the command shares ours, for pinentry needs the terminal.
            let _ = child.kill().and_then(|()| child.wait());
            return Err(failed(&failure::reason(&error)));
        }
    };
    let text = std::str::from_utf8(&text).map_err(|_| failed("what it printed is not text"))?;
    Keyring::from_text(text).map_err(|error| failed(&format!("what it printed: {error}")))
}

/// What the command prints until it ends well.
fn answer(child: &mut Child, limit: Duration) -> io::Result<Zeroizing<Vec<u8>>> {
    let begun = Instant::now();
    let late = || io::Error::other(format!("no answer within {} s", limit.as_secs()));
    let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
    let (sender, receiver) = mpsc::channel();
    // A thread, because reading a pipe has no time limit. It ends with the pipe or the process.
    thread::spawn(move || {
        // Room from the start: a buffer that grows leaves copies of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1));
        let read = stdout.take(MOST as u64 + 1).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    let bytes = receiver.recv_timeout(limit).map_err(|_| late())??;
    if bytes.len() > MOST {
        return Err(io::Error::other("it printed more than 64 KiB"));
    }
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(bytes),
            Some(status) => return Err(io::Error::other(status.to_string())),
            None if begun.elapsed() >= limit => return Err(late()),
            None => thread::sleep(STEP),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    fn refused(command: &str) -> String {
        run(command).unwrap_err().message().to_owned()
    }

    #[test]
    fn what_it_prints_is_a_key_file() {
        let ring = run(&format!("printf '# note\\n%s\\n' '{KEY}'")).unwrap();
        assert_eq!(*ring.primary().to_text(), KEY);
    }

    #[test]
    fn no_shell_reads_the_command() {
        assert!(run(&format!("echo {KEY} ; echo '#'")).is_err());
        assert!(refused("echo $HOME").contains("line 1 is neither"));
    }

    #[test]
    fn a_command_that_fails_is_no_source_even_if_it_printed_a_key() {
        assert!(refused(&format!("sh -c 'echo {KEY}; exit 3'")).ends_with("exit status: 3"));
        assert!(refused("/no/such/program x").contains("no such file"));
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let limit = Duration::from_millis(100);
        for command in ["sleep 20", "sh -c 'exec >&-; exec sleep 20'"] {
            let begun = Instant::now();
            let failure = run_within(command, limit).unwrap_err();
            assert!(failure.message().contains("no answer"), "{}", failure.message());
            assert!(begun.elapsed() < Duration::from_secs(5));
        }
    }

    #[test]
    fn an_endless_answer_is_cut() {
        assert!(refused("yes").contains("64 KiB"));
    }

    #[test]
    fn what_it_prints_and_its_arguments_are_never_repeated() {
        for command in [format!("echo hunter2 {KEY}"), format!("false {KEY}"), "'".into()] {
            let said = refused(&command);
            assert!(!said.contains("hunter2") && !said.contains(&KEY[..8]), "{said}");
        }
    }

    #[test]
    fn nothing_is_on_its_standard_input() {
        assert!(refused("cat").contains("no key in it"));
    }

    #[test]
    fn an_empty_command_is_a_mistake() {
        assert!(refused("").contains("empty"));
        assert!(refused("  ").contains("empty"));
    }
}
