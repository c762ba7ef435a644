//! Checkpoints that were kept where the writer could not change them, and what the last check
//! saw: the log must reach them and agree with them.

use std::path::{Path, PathBuf};

use crate::crypto::{Note, VerifierKey};
use crate::error::{Error, Result};
use crate::format::{Checkpoint, Hash};
use crate::read::report::{Finding, FindingId};
use crate::read::verify::VerifyOptions;

/// A checkpoint from a place of its own, with the name of its file.
#[derive(Clone, Debug)]
pub struct Anchor {
    file: PathBuf,
    note: Note,
    checkpoint: Checkpoint,
}

impl Anchor {
    /// Reads a checkpoint file. Its signatures are checked by [`verify`](super::verify).
    ///
    /// # Errors
    ///
    /// [`Error::Note`] when `bytes` are no signed note, [`Error::Refused`] when the note is no
    /// checkpoint.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self> {
        let failed = |source| Error::Note { path: Some(file.to_owned()), source };
        // Mail and editors leave empty lines behind a note.
        let note = Note::parse(trimmed(bytes)).map_err(failed)?;
        let checkpoint = Checkpoint::from_text(note.untrusted_text())
            .map_err(|_| Error::refused(file, "the note in it is no checkpoint"))?;
        Ok(Self { file: file.to_owned(), note, checkpoint })
    }

    /// What it says.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Checks that it is of the log `origin` and signed by `vkey`.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for another log, [`Error::Note`] for a missing or bad signature.
    pub fn require(&self, origin: Option<&str>, vkey: Option<&VerifierKey>) -> Result<()> {
        if let Some(vkey) = vkey {
            let failed = |source| Error::Note { path: Some(self.file.clone()), source };
            self.note.require(vkey).map_err(failed)?;
        }
        if origin.is_some_and(|origin| origin != self.checkpoint.origin) {
            return Err(Error::refused(&self.file, "it is a checkpoint of another log"));
        }
        Ok(())
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let Some(shorter) = bytes.strip_suffix(b"\n").filter(|b| b.ends_with(b"\n")) {
        bytes = shorter;
    }
    bytes
}

/// What a pin comes from, which decides how a contradiction is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinKind {
    Anchor,
    State,
}

/// A size and root that the log must have.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    pub size: u64,
    pub root: Hash,
    pub kind: PinKind,
    pub file: PathBuf,
}

impl Pin {
    /// That the log of `size` entries does not reach it.
    pub(crate) fn shortfall(&self, size: u64) -> Finding {
        let (id, what) = match self.kind {
            PinKind::Anchor => (FindingId::ShorterThanAnchor, "the checkpoint kept elsewhere"),
            PinKind::State => (FindingId::ShorterThanBefore, "the checkpoint seen last time"),
        };
        let message = format!(
            "{what} covers {} entries and the log has {size}: {} are missing at the end",
            self.size,
            self.size - size.min(self.size)
        );
        Finding::new(id, &self.file, message).stretch(size, self.size.saturating_sub(1))
    }

    /// That the log signed another root.
    pub(crate) fn fork(&self) -> Finding {
        let what = match self.kind {
            PinKind::Anchor => "a checkpoint kept elsewhere",
            PinKind::State => "the checkpoint seen last time",
        };
        let message = format!(
            "{what} of size {} has another root than the log that is signed here: there are two \
             histories",
            self.size
        );
        Finding::new(FindingId::Fork, &self.file, message).stretch(0, self.size.saturating_sub(1))
    }
}

/// All pins by size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    pub list: Vec<Pin>,
    /// Pins that contradict each other, whatever the log says.
    pub contradictions: Vec<Finding>,
}

impl Pins {
    pub(crate) fn new(options: &VerifyOptions<'_>, origin: Option<&str>) -> Result<Self> {
        let vkey = options.vkey.as_ref();
        let mut pins = Self::default();
        for anchor in &options.anchors {
            anchor.require(origin, vkey)?;
            pins.push(anchor, PinKind::Anchor);
        }
        if let Some(state) = &options.state {
            state.anchor().require(origin, vkey)?;
            pins.push(state.anchor(), PinKind::State);
        }
        pins.list.sort_by_key(|pin| pin.size);
        for pair in pins.list.windows(2) {
            if let [a, b] = pair
                && a.size == b.size
                && a.root != b.root
            {
                pins.contradictions.push(b.fork());
            }
        }
        Ok(pins)
    }

    fn push(&mut self, anchor: &Anchor, kind: PinKind) {
        let Checkpoint { size, root, .. } = anchor.checkpoint;
        self.list.push(Pin { size, root, kind, file: anchor.file.clone() });
    }
}
