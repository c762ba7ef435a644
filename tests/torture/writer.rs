//! A running `fernlog append`: lines go in through a pipe, acknowledgements come back through one.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// No writer of the campaign needs longer for anything.
const LIMIT: Duration = Duration::from_secs(60);

/// A writer that goes on.
#[derive(Debug)]
pub(crate) struct Writer {
    child: Child,
    stdin: Option<ChildStdin>,
    acks: Receiver<u64>,
    arrived: Arc<AtomicUsize>,
    errors: JoinHandle<String>,
    ran: Ran,
}

/// What became of a writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran {
    pub(crate) sent: Vec<String>,
    /// Indexes that were acknowledged, in their order.
    pub(crate) acks: Vec<u64>,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) said: String,
    /// It had to be ended because it did not end.
    pub(crate) hung: bool,
}

impl Ran {
    /// What may follow from an error of the disk: the writer says so and stops, or has mended it
    /// and everything is in.
    pub(crate) fn said_or_mended(&self) -> bool {
        match self.code {
            Some(0) => self.acks.len() == self.sent.len(),
            Some(2) => self.said.contains("fernlog: error: "),
            _ => false,
        }
    }
}

impl Writer {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (to, acks) = channel();
        let arrived = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&arrived);
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // A last line cut off by a kill is no acknowledgement, and no number either way.
                let Ok(index) = line.parse() else { break };
                if to.send(index).is_err() {
                    break;
                }
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(stderr.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let stdin = child.stdin.take();
        Self { child, stdin, acks, arrived, errors, ran: Ran::default() }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// How many acknowledgements have arrived, for whoever looks from another thread.
    pub(crate) fn arrived(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.arrived)
    }

    /// Sends lines with one write; says whether somebody was there to take them.
    pub(crate) fn send(&mut self, lines: Vec<String>) -> bool {
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        self.ran.sent.extend(lines);
        let Some(stdin) = &mut self.stdin else { return false };
        stdin.write_all(text.as_bytes()).is_ok()
    }

    /// Waits until everything sent is acknowledged; says whether that came.
    pub(crate) fn settled(&mut self) -> bool {
        let until = Instant::now() + LIMIT;
        while self.ran.acks.len() < self.ran.sent.len() {
            match self.acks.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(index) => self.ran.acks.push(index),
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {
                    self.ran.hung = true;
                    return false;
                }
            }
        }
        true
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Ends the input, waits for the end and collects what was acknowledged.
    pub(crate) fn finish(mut self) -> Ran {
        drop(self.stdin.take());
        let begun = Instant::now();
        let mut pause = Duration::from_micros(200);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if begun.elapsed() > LIMIT => {
                    self.ran.hung = true;
                    drop(self.child.kill());
                }
                _ => {}
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        };
        // Until its end of the pipe is closed everywhere, as all of it is dead now.
        self.ran.acks.extend(self.acks.iter());
        self.ran.said = self.errors.join().unwrap();
        self.ran.code = status.code();
        self.ran.signal = status.signal();
        self.ran
    }
}

/// Kills a process of ours that was not waited for yet.
pub(crate) fn kill(pid: Pid) {
    let _ = kill_process(pid, Signal::KILL);
}
