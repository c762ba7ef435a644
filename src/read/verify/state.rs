//! What an auditor remembers from one check to the next: the newest checkpoint, and who signed the
//! first segment. It turns every auditor into a private witness. Reading and writing the file is
//! up to the caller.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::crypto::{VerifierKey, decode_standard, encode_standard};
use crate::format::UnixTime;
use crate::read::verify::Anchor;

const SCHEMA: &str = "fernlog.state/1";

/// The memory of an auditor.
#[derive(Clone, Debug)]
pub struct State {
    anchor: Anchor,
    note: String,
    signer: Option<VerifierKey>,
    time: UnixTime,
}

/// The file, member by member.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    origin: String,
    size: u64,
    root: String,
    signer: Option<String>,
    time: String,
    checkpoint: String,
}

impl State {
    /// What to remember of a log whose newest checkpoint is `note`.
    pub(crate) fn new(note: &[u8], signer: Option<VerifierKey>, time: UnixTime) -> Option<Self> {
        let anchor = Anchor::parse(Path::new(""), note).ok()?;
        let note = std::str::from_utf8(note).ok()?.to_owned();
        Some(Self { anchor, note, signer, time })
    }

    /// Reads the text of a state file. `file` is its name for messages.
    ///
    /// # Errors
    ///
    /// [`StateError`] when it is anything but a whole state file: an auditor whose memory is
    /// damaged must be told, not start afresh.
    pub fn from_text(file: &Path, text: &str) -> Result<Self, StateError> {
        let read: File = serde_json::from_str(text).map_err(|_| StateError)?;
        let anchor = Anchor::parse(file, read.checkpoint.as_bytes()).map_err(|_| StateError)?;
        let signer = read.signer.as_deref().map(VerifierKey::from_text);
        let said = anchor.checkpoint();
        let fits = read.schema == SCHEMA
            && said.origin == read.origin
            && said.size == read.size
            && decode_standard(&read.root).as_deref() == Some(said.root.as_slice());
        if !fits {
            return Err(StateError);
        }
        Ok(Self {
            signer: signer.transpose().map_err(|_| StateError)?,
            time: read.time.parse().map_err(|_| StateError)?,
            note: read.checkpoint,
            anchor,
        })
    }

    /// The text of the state file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let said = self.anchor.checkpoint();
        let file = File {
            schema: SCHEMA.to_owned(),
            origin: said.origin.clone(),
            size: said.size,
            root: encode_standard(&said.root),
            signer: self.signer.as_ref().map(ToString::to_string),
            time: self.time.to_seconds_text(),
            checkpoint: self.note.clone(),
        };
        // Strings and a number: this cannot fail.
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }

    /// The newest checkpoint that was seen.
    #[must_use]
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The key that signed segment 0, if that segment was there.
    #[must_use]
    pub fn signer(&self) -> Option<&VerifierKey> {
        self.signer.as_ref()
    }

    /// When the check was made.
    #[must_use]
    pub fn time(&self) -> UnixTime {
        self.time
    }

    /// The same with what an earlier state knew and this check could not see.
    #[must_use]
    pub(crate) fn after(mut self, earlier: Option<&Self>) -> Self {
        self.signer = self.signer.or_else(|| earlier?.signer.clone());
        self
    }
}

/// The text is no state file, or a damaged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateError;

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a state file of fernlog, or a damaged one")
    }
}

impl std::error::Error for StateError {}
