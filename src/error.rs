//! What can go wrong, as facts that a caller can act on. Sentences are lower case, say where, and
//! never contain key material, plaintext or the line that was read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::crypto::{KeyError, KeyId, NoteError, RandomError};
use crate::format::HeaderError;

/// Result with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that an operation on a log can fail with.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The log was closed.
    Closed,
    /// The files of a log contradict each other; appending would destroy evidence.
    Conflict {
        /// The file that shows it.
        path: PathBuf,
        /// What contradicts what.
        what: Conflict,
    },
    /// The queue was full, and was told to drop what does not fit. The log gets a `gap` record.
    Dropped,
    /// A file that must be new is there.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The process forked after it opened the log; only the parent may write.
    Forked,
    /// A segment's header cannot be read.
    Header {
        /// The `.chain` file.
        path: PathBuf,
        /// Why.
        source: HeaderError,
    },
    /// The operating system refused.
    Io {
        /// What was being done, as in "cannot **open**".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A key file could not be read as one.
    Key {
        /// The file, if it is one.
        path: Option<PathBuf>,
        /// Why.
        source: KeyError,
    },
    /// Another writer holds the log.
    Locked {
        /// The log.
        path: PathBuf,
        /// What the holder wrote about itself, such as its process id.
        holder: String,
    },
    /// A setting that cannot work.
    Setting {
        /// Which setting and why.
        what: &'static str,
    },
    /// A flush or a close of a queue ran out of time, or the queue gave up.
    NotSafe {
        /// How many records are not in the log. A dropped one counts until a `gap` record tells of
        /// it.
        records: u64,
        /// Why the last attempt to write failed, if it did.
        cause: Option<Arc<Error>>,
    },
    /// The queue ended before it could write the record.
    NotWritten {
        /// Why it could not, if an error was in the way.
        cause: Option<Arc<Error>>,
    },
    /// The path is no log.
    NotALog {
        /// The path.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// A signing or verifier key, or a signed note, could not be read or does not fit.
    Note {
        /// The file, if it is one.
        path: Option<PathBuf>,
        /// Why.
        source: NoteError,
    },
    /// The queue is full; the record was not taken.
    QueueFull,
    /// The record is larger than the whole queue.
    QueueTooSmall {
        /// Bytes that the record takes in a queue.
        length: usize,
        /// Bytes that the queue holds at most.
        most: usize,
    },
    /// The operating system gave no random bytes.
    Random,
    /// A file is not of the kind that may stand there, or others may change it.
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The record would give a line over the cap.
    TooLarge {
        /// Length that the line would have, in bytes.
        length: usize,
        /// The cap.
        most: usize,
    },
    /// A value that was given in words cannot be what was meant.
    Value {
        /// The value.
        given: String,
        /// Why, or what is understood.
        why: &'static str,
    },
    /// No given key is the one that the log committed to.
    WrongKey {
        /// Id of the key that the log names.
        wanted: KeyId,
        /// Ids of the keys that were given.
        given: Vec<KeyId>,
    },
}

/// How the files of a log contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// Others have cut lines off the end of the active segment while it was written.
    CutByOthers,
    /// A line that no checkpoint covers yet is no token.
    DamagedLine {
        /// Its number, from 1.
        line: u64,
    },
    /// The log holds other entries than were signed.
    OtherRoot {
        /// Number of entries of the checkpoint that shows it.
        size: u64,
    },
    /// The log belongs to another origin than the key.
    Origin {
        /// Origin in the header.
        log: String,
        /// Name of the signing key.
        key: String,
    },
    /// The chain is there and the log is not, or the other way round.
    PartMissing,
    /// The log has fewer entries than were signed.
    Shorter {
        /// Entries in the log.
        entries: u64,
        /// Entries that were signed.
        signed: u64,
    },
    /// A checkpoint in the chain cannot be read or is not signed by this log's keys.
    Signature,
}

impl Error {
    pub(crate) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn not_a_log(path: &Path, why: &'static str) -> Self {
        Self::NotALog { path: path.to_owned(), why }
    }

    pub(crate) fn refused(path: &Path, why: &'static str) -> Self {
        Self::Refused { path: path.to_owned(), why }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the log is closed"),
            Self::Conflict { path, what } => write!(f, "{}: {what}", path.display()),
            Self::Dropped => f.write_str("the record was dropped because the queue was full"),
            Self::Exists { path } => {
                write!(f, "{} exists and is not overwritten", path.display())
            }
            Self::Forked => f.write_str("the log was opened by another process, before a fork"),
            Self::Header { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}", path.display())
            }
            Self::Key { path, source } => with_path(f, path.as_deref(), source),
            Self::Locked { path, holder } => {
                write!(f, "{} is held by another writer ({holder})", path.display())
            }
            Self::Setting { what } => f.write_str(what),
            Self::NotSafe { records, cause } => {
                let are = if *records == 1 { " is" } else { "s are" };
                write!(f, "{records} queued record{are} not safe in the log")?;
                with_cause(f, cause.as_deref())
            }
            Self::NotWritten { cause } => {
                f.write_str("the record was not written before the queue ended")?;
                with_cause(f, cause.as_deref())
            }
            Self::NotALog { path, why } => {
                write!(f, "{} is not a fernlog log: {why}", path.display())
            }
            Self::Note { path, source } => with_path(f, path.as_deref(), source),
            Self::QueueFull => {
                f.write_str("the queue of the log is full; the record was not taken")
            }
            Self::QueueTooSmall { length, most } => {
                write!(f, "the record takes {length} bytes and the queue holds {most}")
            }
            Self::Random => RandomError.fmt(f),
            Self::Refused { path, why } => write!(f, "{} is refused: {why}", path.display()),
            Self::TooLarge { length, most } => {
                write!(f, "the record would give a line of {length} bytes, over the cap of {most}")
            }
            Self::Value { given, why } => write!(f, "'{}': {why}", given.escape_debug()),
            Self::WrongKey { wanted, given } => {
                write!(f, "the log needs key {wanted}; given:")?;
                given.iter().try_for_each(|id| write!(f, " {id}"))
            }
        }
    }
}

fn with_path(
    f: &mut fmt::Formatter<'_>,
    path: Option<&Path>,
    source: &dyn fmt::Display,
) -> fmt::Result {
    match path {
        Some(path) => write!(f, "{}: {source}", path.display()),
        None => source.fmt(f),
    }
}

fn with_cause(f: &mut fmt::Formatter<'_>, cause: Option<&Error>) -> fmt::Result {
    cause.map_or(Ok(()), |cause| write!(f, ": {cause}"))
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutByOthers => {
                f.write_str("records were cut off its end by another program while it was written")
            }
            Self::DamagedLine { line } => write!(f, "line {line} is no token"),
            Self::OtherRoot { size } => {
                write!(f, "other entries than those that the checkpoint of size {size} signs")
            }
            Self::Origin { log, key } => {
                write!(f, "the log is '{log}' and the signing key is for '{key}'")
            }
            Self::PartMissing => f.write_str("the log or its chain is missing"),
            Self::Shorter { entries, signed } => {
                write!(f, "the log has {entries} entries and {signed} were signed")
            }
            Self::Signature => f.write_str("a checkpoint is not signed by the keys of this log"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Header { source, .. } => Some(source),
            Self::Io { source, .. } => Some(source),
            Self::Key { source, .. } => Some(source),
            Self::Note { source, .. } => Some(source),
            Self::NotSafe { cause: Some(cause), .. } | Self::NotWritten { cause: Some(cause) } => {
                Some(&**cause)
            }
            _ => None,
        }
    }
}

impl From<RandomError> for Error {
    fn from(_: RandomError) -> Self {
        Self::Random
    }
}

impl From<KeyError> for Error {
    fn from(source: KeyError) -> Self {
        Self::Key { path: None, source }
    }
}

impl From<NoteError> for Error {
    fn from(source: NoteError) -> Self {
        Self::Note { path: None, source }
    }
}
