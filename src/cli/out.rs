//! Standard output: data and answers, nothing else.

use std::io::{self, BufWriter, Write as _};
use std::sync::{Mutex, PoisonError};

use crate::escape;
use crate::failure::Failure;

/// Standard output. Its errors are failures of the run, save that a reader may go away. Threads may
/// share it; each call prints as a whole.
#[derive(Debug)]
pub(crate) struct Out {
    inner: Mutex<BufWriter<io::Stdout>>,
}

impl Out {
    /// Standard output with a buffer, which whoever makes it flushes at the end.
    pub(crate) fn new() -> Self {
        Out { inner: Mutex::new(BufWriter::with_capacity(1 << 16, io::stdout())) }
    }

    /// Prints one line.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        self.with(|out| out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")))
    }

    /// Prints text as it is.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.with(|out| out.write_all(bytes))
    }

    /// Prints one JSON object in a line, with everything dangerous escaped.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub(crate) fn json(&self, value: &serde_json::Value) -> Result<(), Failure> {
        self.line(&escape::json(&value.to_string()))
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        self.with(|out| out.flush())
    }

    fn with(
        &self,
        act: impl FnOnce(&mut BufWriter<io::Stdout>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        // A thread that panicked while it printed left whole bytes behind, so going on is safe.
        let mut out = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut out).map_err(Failure::output)
    }
}
