//! The text of a checkpoint: origin, size, root (C2SP tlog-checkpoint v1.0.0).

use std::fmt;

use crate::crypto::{decode_standard, encode_standard};
use crate::format::tree::Hash;

/// What a log says about itself at one size. Its signatures are those of the note around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Number of entries covered.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, encode_standard(&self.root))
    }

    /// Reads the text of a note as a checkpoint without extension lines.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] when it is anything else, down to a leading zero: two spellings of one
    /// checkpoint would be two different signed texts.
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError)?.split('\n');
        let mut next = || lines.next().ok_or(CheckpointError);
        let (origin, size, root) = (next()?, next()?, next()?);
        let parsed = Self {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| CheckpointError)?,
            root: decode_hash(root).ok_or(CheckpointError)?,
        };
        if origin.is_empty() || parsed.to_text() != text {
            Err(CheckpointError)
        } else {
            Ok(parsed)
        }
    }
}

/// The text of a note is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointError;

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a checkpoint of three lines: origin, size, root")
    }
}

impl std::error::Error for CheckpointError {}

/// A 32-byte hash in strict base64.
pub(crate) fn decode_hash(text: &str) -> Option<Hash> {
    decode_standard(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_spelling_of_a_checkpoint_reads() {
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 9, root: [7; 32] };
        let text = checkpoint.to_text();
        assert_eq!(Checkpoint::from_text(&text), Ok(checkpoint));
        for other in [
            text.replace("\n9\n", "\n09\n"),
            text.replace("\n9\n", "\n+9\n"),
            text.replace("\n9\n", "\n\n"),
            text.replace("BwcH", "Bwc"),
            text.replace("example.com/log", ""),
            format!("{text}extension\n"),
            text.trim_end().to_owned(),
        ] {
            assert_eq!(Checkpoint::from_text(&other), Err(CheckpointError), "{other:?}");
        }
    }
}
