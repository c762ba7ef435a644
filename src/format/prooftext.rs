//! Proofs as text: C2SP `tlog-proof@v1` for one entry, the body of a C2SP `tlog-witness`
//! add-checkpoint request for growth. Both end with the checkpoint that they lead to.

use crate::crypto::{Note, decode_standard, encode_standard};
use crate::format::checkpoint::{Checkpoint, decode_hash};
use crate::format::proof::ProofError;
use crate::format::tree::Hash;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A path through a tree of 2^64 entries; growth needs one hash more.
const MAX_PATH: usize = 65;

/// A proof that an entry is in a log, as it stands in a file. Nothing in it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProof {
    /// The data of the entry: a line without its LF, or the text of a header.
    pub entry: Vec<u8>,
    /// Its index.
    pub index: u64,
    /// Siblings on the way to the root.
    pub path: Vec<Hash>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The note around the checkpoint.
    pub note: Note,
}

impl RecordProof {
    /// The text of a proof that leads to the checkpoint in `note`.
    #[must_use]
    pub fn to_text(entry: &[u8], index: u64, path: &[Hash], note: &str) -> String {
        let extra = encode_standard(entry);
        format!("{FIRST_LINE}\nextra {extra}\nindex {index}\n{}\n{note}", lines(path))
    }

    /// Reads a proof.
    ///
    /// # Errors
    ///
    /// [`ProofError`] when the text has another form; lines more or less are another form.
    pub fn from_text(text: &str) -> Result<Self, ProofError> {
        let (head, note) = text.split_once("\n\n").ok_or(ProofError)?;
        let mut lines = head.split('\n');
        let mut next = |prefix| lines.next().and_then(|line: &str| line.strip_prefix(prefix));
        let (first, extra, index) = (next(""), next("extra "), next("index "));
        if first != Some(FIRST_LINE) {
            return Err(ProofError);
        }
        let entry = extra.and_then(decode_standard).ok_or(ProofError)?;
        let index = index.and_then(number).ok_or(ProofError)?;
        let path = hashes(lines)?;
        let (checkpoint, note) = checkpoint(note)?;
        Ok(Self { entry, index, path, checkpoint, note })
    }
}

/// A proof that a log grew, as it stands in a file. Nothing in it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowthProof {
    /// The size it grew from.
    pub old: u64,
    /// The hashes between the two trees.
    pub path: Vec<Hash>,
    /// The checkpoint it grew to.
    pub checkpoint: Checkpoint,
    /// The note around the checkpoint.
    pub note: Note,
}

impl GrowthProof {
    /// The text of a proof that leads from `old` entries to the checkpoint in `note`.
    #[must_use]
    pub fn to_text(old: u64, path: &[Hash], note: &str) -> String {
        format!("old {old}\n{}\n{note}", lines(path))
    }

    /// Reads a proof.
    ///
    /// # Errors
    ///
    /// As [`RecordProof::from_text`].
    pub fn from_text(text: &str) -> Result<Self, ProofError> {
        let (head, note) = text.split_once("\n\n").ok_or(ProofError)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(number);
        let path = hashes(lines)?;
        let (checkpoint, note) = checkpoint(note)?;
        Ok(Self { old: old.ok_or(ProofError)?, path, checkpoint, note })
    }
}

fn lines(path: &[Hash]) -> String {
    path.iter().map(|hash| encode_standard(hash) + "\n").collect()
}

fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Hash>, ProofError> {
    let path: Vec<Hash> =
        lines.take(MAX_PATH + 1).map(decode_hash).collect::<Option<_>>().ok_or(ProofError)?;
    if path.len() > MAX_PATH { Err(ProofError) } else { Ok(path) }
}

/// A number in its one spelling.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn checkpoint(note: &str) -> Result<(Checkpoint, Note), ProofError> {
    let note = Note::parse(note.as_bytes()).map_err(|_| ProofError)?;
    let checkpoint = Checkpoint::from_text(note.untrusted_text()).map_err(|_| ProofError)?;
    Ok((checkpoint, note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{SigningKey, sign_note};

    fn note() -> String {
        let key = SigningKey::generate("example.com/log").unwrap();
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 9, root: [7; 32] };
        sign_note(&checkpoint.to_text(), &[&key]).unwrap()
    }

    #[test]
    fn a_record_proof_reads_its_own_text() {
        let text = RecordProof::to_text(b"line", 3, &[[1; 32], [2; 32]], &note());
        let proof = RecordProof::from_text(&text).unwrap();
        assert_eq!((&proof.entry[..], proof.index, proof.path.len()), (&b"line"[..], 3, 2));
        assert_eq!(proof.checkpoint.size, 9);
        let alone = RecordProof::to_text(b"line", 0, &[], &note());
        assert_eq!(RecordProof::from_text(&alone).unwrap().path, [[0; 32]; 0]);
    }

    #[test]
    fn a_growth_proof_reads_its_own_text() {
        let text = GrowthProof::to_text(3, &[[1; 32]], &note());
        let proof = GrowthProof::from_text(&text).unwrap();
        assert_eq!((proof.old, proof.path, proof.checkpoint.size), (3, vec![[1; 32]], 9));
    }

    #[test]
    fn any_other_spelling_is_refused() {
        let text = RecordProof::to_text(b"line", 3, &[[1; 32]], &note());
        for (from, to) in [
            ("@v1", "@v2"),
            ("extra ", "extra  "),
            ("index 3", "index 03"),
            ("index 3", "index -3"),
            ("AQEB", "AQE"),
            ("\n\n", "\n"),
            ("extra bGluZQ==\n", ""),
            ("\n9\n", "\n09\n"),
        ] {
            assert!(RecordProof::from_text(&text.replacen(from, to, 1)).is_err(), "{from} {to}");
        }
        let long = RecordProof::to_text(b"line", 3, &[[1; 32]; 66], &note());
        assert!(RecordProof::from_text(&long).is_err());
    }
}
