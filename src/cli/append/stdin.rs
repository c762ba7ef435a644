//! Standard input that can be told to stop: a read that waits is woken by Ctrl-C or by the service
//! manager, and what was read by then is not lost.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::feed::{More, Patience, Source};

/// Who said stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Ctrl-C.
    Interrupt,
    /// A service manager, or `kill`.
    Terminate,
}

/// Ends the input from another thread, when there is no use in reading on.
#[derive(Debug)]
pub(super) struct Halt {
    halted: Arc<AtomicBool>,
    waker: UnixStream,
}

impl Halt {
    /// From now on the input has no more.
    pub(super) fn pull(&self) {
        self.halted.store(true, Ordering::SeqCst);
        // A reader that is not woken finds out with its next bytes.
        let _ = (&self.waker).write(&[0]);
    }
}

/// Standard input.
#[derive(Debug)]
pub(super) struct Stdin {
    file: File,
    /// A regular file keeps what was not taken from it; a pipe does not.
    regular: bool,
    /// Bytes of a regular file that are still to be read.
    length: Option<u64>,
    /// Readable once a signal came, or a halt.
    woken: UnixStream,
    waker: UnixStream,
    halted: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
    last_look_taken: bool,
}

impl Stdin {
    /// Takes over standard input. From now on the first SIGINT or SIGTERM ends it, and the second
    /// ends the process as it used to.
    ///
    /// # Errors
    ///
    /// The system does not let standard input be used or signals be caught.
    pub(super) fn catching_signals() -> io::Result<Self> {
        // Past the buffer of `io::stdin`, which would hide from `poll` what it holds.
        let mut file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let metadata = file.metadata()?;
        let regular = metadata.is_file();
        let read = if regular { file.stream_position()? } else { 0 };
        let length = regular.then(|| metadata.len().saturating_sub(read));
        let (woken, waker) = UnixStream::pair()?;
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM] {
            let again = Arc::new(AtomicBool::new(false));
            // IMPORTANT: in this order, or the first signal would already find the flag set, and
            // the reader could wake up before it is told why.
            flag::register_conditional_default(number, Arc::clone(&again))?;
            flag::register(number, again)?;
            flag::register_usize(
                number,
                Arc::clone(&signal),
                usize::try_from(number).unwrap_or(1),
            )?;
            low_level::pipe::register(number, waker.try_clone()?)?;
        }
        let halted = Arc::default();
        Ok(Stdin { file, regular, length, woken, waker, halted, signal, last_look_taken: false })
    }

    /// What ends it from another thread.
    ///
    /// # Errors
    ///
    /// The system gives no descriptor.
    pub(super) fn halt(&self) -> io::Result<Halt> {
        Ok(Halt { halted: Arc::clone(&self.halted), waker: self.waker.try_clone()? })
    }

    /// Who said stop, if anybody did.
    pub(super) fn stopped(&self) -> Option<Stop> {
        match i32::try_from(self.signal.load(Ordering::SeqCst)) {
            Ok(0) => None,
            Ok(SIGTERM) => Some(Stop::Terminate),
            _ => Some(Stop::Interrupt),
        }
    }

    /// Whether a stop leaves bytes behind that were there already: a file is not read to its end.
    pub(super) fn left_something(&self) -> bool {
        self.regular
    }

    /// Whether somebody types it.
    pub(super) fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(&self.file)
    }

    /// How many bytes there are, if that is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether bytes or the end can be read; with patience, waits until they can or until a signal
    /// comes.
    fn ready(&self, patience: Patience) -> io::Result<bool> {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut fds =
            [PollFd::new(&self.file, PollFlags::IN), PollFd::new(&self.woken, PollFlags::IN)];
        match poll(&mut fds, (patience == Patience::Look).then_some(&at_once)) {
            // An error or the other end hanging up is found by reading, too.
            Ok(_) => Ok(!fds[0].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Source for Stdin {
    fn more(&mut self, room: &mut [u8], patience: Patience) -> io::Result<More> {
        loop {
            if self.halted.load(Ordering::SeqCst) {
                return Ok(More::Stop);
            }
            let stopped = self.stopped().is_some();
            if stopped && (self.regular || self.last_look_taken) {
                return Ok(if self.regular { More::Stop } else { More::End });
            }
            // What a service wrote before both were told to stop is in the pipe: it is taken, too.
            self.last_look_taken = stopped;
            let ready = self.ready(if stopped { Patience::Look } else { patience })?;
            if ready {
                match self.file.read(room) {
                    Ok(0) => return Ok(More::End),
                    Ok(count) => return Ok(More::Bytes(count)),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // Somebody made it non-blocking and read what had been there.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            } else if !stopped && patience == Patience::Look {
                return Ok(More::Nothing);
            }
        }
    }
}
