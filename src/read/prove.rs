//! Proofs that travel: one record is in the log (C2SP `tlog-proof@v1`), and the log only grew
//! (the body of a C2SP `tlog-witness` add-checkpoint request). Both are made from one segment's
//! frontier on, without reading what lies before it.

use std::fmt;

use crate::crypto::{Note, NoteError, VerifierKey, decode_standard, encode_standard};
use crate::error::{Error, Result};
use crate::format::{
    ChainItem, ChainReader, Checkpoint, Frontier, Hash, Header, InclusionProof, Lines, MAX_LINE,
    Prover, Scan, SignedCheckpoint, leaf,
};
use crate::read::log::{Log, Segment};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A path has one hash for each level of the tree.
const MOST_HASHES: usize = 64;

/// Why no proof could be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProveError {
    /// The log is plain: there is no tree to prove anything in.
    NoChain,
    /// The log has no such entry.
    NoEntry {
        /// The index that was asked for.
        index: u64,
    },
    /// The entry is there and no checkpoint covers it yet.
    NotCovered {
        /// The index or size that was asked for.
        index: u64,
        /// The size of the newest checkpoint.
        covered: u64,
    },
    /// The header or the lines do not lead to the checkpoint; `verify` says where.
    Damaged,
    /// A file could not be read.
    Log(Error),
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChain => f.write_str("a log without a chain proves nothing"),
            Self::NoEntry { index } => write!(f, "the log has no entry #{index}"),
            Self::NotCovered { index, covered } => {
                write!(f, "#{index} is not covered yet: the newest checkpoint has size {covered}")
            }
            Self::Damaged => f.write_str("the log is damaged here, so nothing can be proven"),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ProveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Log(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for ProveError {
    fn from(error: Error) -> Self {
        Self::Log(error)
    }
}

/// Makes the proof that entry `index` is in the log, against the newest checkpoint of its own
/// segment. The entry travels in it, so the file proves by itself.
///
/// # Errors
///
/// [`ProveError`].
pub fn prove_entry(log: &Log, index: u64) -> Result<String, ProveError> {
    let (at, header, _) = segment_of(log, index)?;
    let signed = newest_in(&log.segments()[at])?.ok_or(ProveError::Damaged)?;
    let Checkpoint { size, root, .. } = signed.checkpoint;
    if index >= size {
        return Err(ProveError::NotCovered { index, covered: size });
    }
    let damaged = |_| ProveError::Damaged;
    let mut prover = Prover::inclusion(&header.before, index, size).map_err(damaged)?;
    let mut tree = header.before.clone();
    let mut entry = None;
    each_entry(log, at..at + 1, size, &mut tree, |tree, data| {
        if tree.size() == index {
            entry = Some(data.to_vec());
        }
        prover.push(leaf(data));
    })?;
    let (Some(entry), true) = (entry, tree.root() == root) else {
        // Fewer lines than are signed, or other ones.
        return Err(ProveError::Damaged);
    };
    let mut text = format!("{FIRST_LINE}\nextra {}\nindex {index}\n", encode_standard(&entry));
    push_hashes(&mut text, &prover.finish().map_err(damaged)?);
    Ok(with_note(text, &signed))
}

/// Makes the proof that the log as its newest checkpoint has it begins with its first `old`
/// entries.
///
/// # Errors
///
/// [`ProveError`].
pub fn prove_growth(log: &Log, old: u64) -> Result<String, ProveError> {
    let signed = newest_checkpoint(log)?.ok_or(ProveError::NoChain)?;
    let Checkpoint { size, root, .. } = signed.checkpoint;
    if old == 0 {
        return Err(ProveError::NoEntry { index: 0 });
    }
    if old > size {
        return Err(ProveError::NotCovered { index: old, covered: size });
    }
    let (at, header, _) = segment_of(log, old - 1)?;
    let damaged = |_| ProveError::Damaged;
    let mut prover = Prover::consistency(&header.before, old, size).map_err(damaged)?;
    let mut tree = header.before.clone();
    each_entry(log, at..log.segments().len(), size, &mut tree, |_, data| prover.push(leaf(data)))?;
    if tree.root() != root {
        return Err(ProveError::Damaged);
    }
    let mut text = format!("old {old}\n");
    push_hashes(&mut text, &prover.finish().map_err(damaged)?);
    Ok(with_note(text, &signed))
}

/// The newest checkpoint that stands in the chain files, signatures unchecked.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Refused`].
pub fn newest_checkpoint(log: &Log) -> Result<Option<SignedCheckpoint>> {
    for segment in log.segments().iter().rev() {
        if let Some(signed) = newest_in(segment)? {
            return Ok(Some(signed));
        }
    }
    Ok(None)
}

fn newest_in(segment: &Segment) -> Result<Option<SignedCheckpoint>> {
    let Some(chain) = segment.open_chain()? else { return Ok(None) };
    let failed = |error| Error::io("read", segment.chain_path())(error);
    let mut reader = ChainReader::new(chain);
    let _ = reader.header().map_err(failed)?;
    let mut newest: Option<SignedCheckpoint> = None;
    while let Some((_, item)) = reader.next_item().map_err(failed)? {
        if let ChainItem::Checkpoint(signed) = item {
            let size = newest.as_ref().map_or(0, |newest| newest.checkpoint.size);
            if signed.checkpoint.size >= size {
                newest = Some(*signed);
            }
        }
    }
    Ok(newest)
}

/// The segment that holds entry `index`: its place, its header, and the header's text.
fn segment_of(log: &Log, index: u64) -> Result<(usize, Header, String), ProveError> {
    if log.is_plain() {
        return Err(ProveError::NoChain);
    }
    let begins = |segment: &Segment| segment.first().is_some_and(|first| first <= index);
    let Some(at) = log.segments().iter().rposition(begins) else {
        return Err(ProveError::NoEntry { index });
    };
    let (text, header) = header_of(&log.segments()[at])?;
    Ok((at, header, text))
}

fn header_of(segment: &Segment) -> Result<(String, Header), ProveError> {
    let chain = segment.open_chain()?.ok_or(ProveError::Damaged)?;
    let (text, header) =
        ChainReader::new(chain).header().map_err(Error::io("read", segment.chain_path()))?;
    Ok((text, header.map_err(|_| ProveError::Damaged)?))
}

/// Goes through the entries of `segments` until the tree has `size` entries.
fn each_entry(
    log: &Log,
    segments: std::ops::Range<usize>,
    size: u64,
    tree: &mut Frontier,
    mut entry: impl FnMut(&Frontier, &[u8]),
) -> Result<(), ProveError> {
    for segment in log.segments().get(segments).unwrap_or_default() {
        if tree.size() >= size {
            return Ok(());
        }
        let (text, header) = header_of(segment)?;
        if header.first() != tree.size() {
            return Err(ProveError::Damaged);
        }
        entry(tree, text.as_bytes());
        tree.push(leaf(text.as_bytes()));
        let Some(source) = segment.open()? else { continue };
        let mut lines = Lines::new(source, MAX_LINE);
        let failed = |error| Error::io("read", segment.path())(error);
        while tree.size() < size {
            match lines.next_line().map_err(failed)? {
                Some((_, Scan::Line(line))) => {
                    entry(tree, line);
                    tree.push(leaf(line));
                }
                Some((_, Scan::Long(_))) => return Err(ProveError::Damaged),
                Some((_, Scan::Tail(..))) | None => break,
            }
        }
    }
    if tree.size() == size { Ok(()) } else { Err(ProveError::Damaged) }
}

fn push_hashes(text: &mut String, hashes: &[Hash]) {
    for hash in hashes {
        text.push_str(&encode_standard(hash));
        text.push('\n');
    }
}

fn with_note(mut text: String, signed: &SignedCheckpoint) -> String {
    text.push('\n');
    // A note is UTF-8, or it would not have been read as one.
    text.push_str(&String::from_utf8_lossy(&signed.bytes));
    text
}

/// What a proof of one entry proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenEntry {
    /// Name of the log.
    pub origin: String,
    /// Index of the entry.
    pub index: u64,
    /// Number of entries of the checkpoint.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// The entry: a line without its LF, or a header.
    pub entry: Vec<u8>,
}

/// Why a proof was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofRefused {
    /// Not a proof of this form, down to the last character.
    Form,
    /// The checkpoint in it is not signed by the log key.
    Signature(NoteError),
    /// The entry is not in the log that the checkpoint signs.
    NotProven,
}

impl fmt::Display for ProofRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("not a tlog-proof of one record"),
            Self::Signature(error) => error.fmt(f),
            Self::NotProven => f.write_str("the record is not in the log that was signed"),
        }
    }
}

impl std::error::Error for ProofRefused {}

/// Checks a proof that [`prove_entry`] made, with nothing but the log key.
///
/// # Errors
///
/// [`ProofRefused`].
pub fn verify_proof(text: &[u8], vkey: &VerifierKey) -> Result<ProvenEntry, ProofRefused> {
    let text = std::str::from_utf8(text).map_err(|_| ProofRefused::Form)?;
    let (body, note) = text.split_once("\n\n").ok_or(ProofRefused::Form)?;
    let mut lines = body.split('\n');
    let mut value = |prefix: &str| lines.next()?.strip_prefix(prefix);
    let form = || ProofRefused::Form;
    value(FIRST_LINE).filter(|rest| rest.is_empty()).ok_or_else(form)?;
    let entry = value("extra ").and_then(decode_standard).ok_or_else(form)?;
    let index = value("index ").and_then(number).ok_or_else(form)?;
    let hash = |line| Hash::try_from(decode_standard(line)?).ok();
    let path: Vec<Hash> =
        lines.take(MOST_HASHES + 1).map(hash).collect::<Option<_>>().ok_or_else(form)?;
    if path.len() > MOST_HASHES {
        return Err(ProofRefused::Form);
    }
    let note = Note::parse(note.as_bytes()).map_err(|_| ProofRefused::Form)?;
    let Checkpoint { origin, size, root } =
        Checkpoint::from_text(note.untrusted_text()).map_err(|_| ProofRefused::Form)?;
    note.require(vkey).map_err(ProofRefused::Signature)?;
    if origin != vkey.name() {
        return Err(ProofRefused::Signature(NoteError::Untrusted));
    }
    let proof = InclusionProof { index, size, path };
    proof.verify(&leaf(&entry), &root).map_err(|_| ProofRefused::NotProven)?;
    Ok(ProvenEntry { origin, index, size, root, entry })
}

/// A decimal number in its one spelling.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ConsistencyProof;
    use crate::read::testlog::TestLog;

    #[test]
    fn every_covered_entry_of_every_segment_can_be_proven() {
        let test = TestLog::sample();
        let log = test.write();
        for index in 0..20 {
            let text = prove_entry(&log, index).unwrap();
            let proven = verify_proof(text.as_bytes(), &test.vkey()).unwrap();
            assert_eq!(proven.index, index);
            let is_header = proven.entry.starts_with(b"fernlog/segment@v1\n");
            assert_eq!(is_header, [0, 7, 15].contains(&index));
        }
    }

    #[test]
    fn an_entry_that_is_not_covered_or_not_there_is_said_so() {
        let test = TestLog::sample();
        let log = test.write();
        let error = prove_entry(&log, 20).unwrap_err();
        assert!(matches!(error, ProveError::NotCovered { index: 20, covered: 20 }));
        assert!(prove_entry(&log, 500).is_err());
    }

    #[test]
    fn no_changed_byte_of_a_proof_verifies() {
        let test = TestLog::sample();
        let text = prove_entry(&test.write(), 3).unwrap().into_bytes();
        let vkey = test.vkey();
        // The signature of the segment key is not the verifier's business.
        let last_line = text.iter().rposition(|&b| b == b'\n').unwrap();
        let ours = text[..last_line].iter().rposition(|&b| b == b'\n').unwrap();
        for place in 0..ours {
            let mut bad = text.clone();
            bad[place] ^= 1;
            assert!(verify_proof(&bad, &vkey).is_err(), "{place}");
        }
        for cut in 0..ours {
            assert!(verify_proof(&text[..cut], &vkey).is_err(), "{cut}");
        }
        assert!(verify_proof(&text, &TestLog::new().vkey()).is_err());
    }

    #[test]
    fn a_damaged_log_gives_no_proof() {
        let mut test = TestLog::sample();
        test.closed[1].log[30] ^= 1;
        let log = test.write();
        assert!(matches!(prove_entry(&log, 9), Err(ProveError::Damaged)));
        assert!(prove_entry(&log, 3).is_ok());
    }

    #[test]
    fn growth_from_every_size_is_proven() {
        let mut test = TestLog::new();
        let mut roots = vec![test.root()];
        for count in [3, 4, 5] {
            for _ in 0..count {
                test.append(1);
                roots.push(test.root());
            }
            test.roll();
            roots.push(test.root());
        }
        let log = test.write();
        for (old, root) in (1..).zip(&roots) {
            let text = prove_growth(&log, old).unwrap();
            let (body, _) = text.split_once("\n\n").unwrap();
            let mut lines = body.lines();
            assert_eq!(lines.next(), Some(format!("old {old}").as_str()));
            let path = lines.map(|l| decode_standard(l).unwrap().try_into().unwrap()).collect();
            let proof = ConsistencyProof { old_size: old, new_size: test.size(), path };
            assert_eq!(proof.verify(root, &test.root()), Ok(()), "{old}");
        }
        assert!(prove_growth(&log, test.size() + 1).is_err());
        assert!(prove_growth(&log, 0).is_err());
    }
}
