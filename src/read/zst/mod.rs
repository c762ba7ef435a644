//! Reading what a compressed segment holds, as a stream and in bounded memory.
//!
//! A compressed segment is one or more whole zstd frames, one behind the other, and nothing else:
//! no skippable frame and no bytes in between or behind, in which something could be stowed away
//! that no hash covers. A window over 8 MiB is refused; that is what RFC 8878 recommends decoders
//! to support and encoders not to exceed, and it bounds the memory whatever a frame claims.

#[cfg(feature = "zstd")]
mod enabled;
#[cfg(feature = "zstd")]
pub(crate) use enabled::Unpacked;

#[cfg(not(feature = "zstd"))]
mod disabled;
#[cfg(not(feature = "zstd"))]
pub(crate) use disabled::Unpacked;

use std::fmt;
use std::io;

/// Why a compressed file cannot be read on: it is damaged, and reading it again will not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// A sentence.
    pub why: &'static str,
    /// Bytes that came out before.
    pub byte: u64,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "behind byte {} of its content: {}", self.byte, self.why)
    }
}

impl std::error::Error for Broken {}

impl From<Broken> for io::Error {
    fn from(broken: Broken) -> Self {
        Self::new(io::ErrorKind::InvalidData, broken)
    }
}

/// Tells damage of a compressed file from what the operating system refuses: the one is a fact
/// about the log, the other is none.
pub(crate) fn apart<T>(read: io::Result<T>) -> io::Result<Result<T, Broken>> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Broken>()) {
            Some(broken) => Ok(Err(*broken)),
            None => Err(error),
        },
    }
}
