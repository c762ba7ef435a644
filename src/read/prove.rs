//! Proofs from the files of a log: that one record is in it, that it only grew. Whoever checks
//! them needs the verifier key and no other file.

use std::fmt;

use crate::crypto::{NoteError, VerifierKey};
use crate::error::{Error, Result};
use crate::format::{
    ChainItem, ChainReader, ConsistencyProof, Frontier, GrowthProof, InclusionProof, Lines,
    MAX_LINE, ProofError, Prover, RecordProof, Scan, SignedCheckpoint, leaf,
};
use crate::read::log::{Log, Segment};
use crate::read::zst::apart;

/// Why a proof could not be made or does not hold.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProveError {
    /// The files of the log do not lead to what was signed: verify it.
    Damaged,
    /// The files could not be read.
    Log(Error),
    /// The checkpoint in the proof is not signed by the log key.
    Note(NoteError),
    /// No checkpoint covers the entry yet.
    NotCovered {
        /// Entries that the newest checkpoint covers.
        covered: u64,
    },
    /// The log has no such entry, or no chain.
    NotThere,
    /// What the proof needs was deleted by the log's own retention, as a later header says.
    Pruned {
        /// Number of the segment.
        segment: u64,
    },
    /// The proof has another form, or does not lead to its checkpoint.
    Proof(ProofError),
}

impl fmt::Display for ProveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the entries of the log do not lead to its checkpoint"),
            Self::Log(error) => error.fmt(f),
            Self::Note(error) => error.fmt(f),
            Self::NotCovered { covered } => {
                write!(f, "no checkpoint covers it yet; the newest covers {covered} entries")
            }
            Self::NotThere => f.write_str("the log has no such entry, or no chain"),
            Self::Pruned { segment } => {
                write!(f, "the lines of segment {segment} were deleted by the log's retention")
            }
            Self::Proof(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ProveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Log(error) => Some(error),
            Self::Note(error) => Some(error),
            Self::Proof(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for ProveError {
    fn from(error: Error) -> Self {
        Self::Log(error)
    }
}

impl From<ProofError> for ProveError {
    fn from(error: ProofError) -> Self {
        Self::Proof(error)
    }
}

/// Makes the proof that entry `index` is in `log`, as C2SP `tlog-proof@v1` text. It leads to the
/// newest checkpoint of the entry's own segment, so that segment and its chain are all it reads.
///
/// # Errors
///
/// [`ProveError::NotThere`], [`ProveError::NotCovered`], [`ProveError::Pruned`],
/// [`ProveError::Damaged`], [`ProveError::Log`].
pub fn prove_record(log: &Log, index: u64) -> Result<String, ProveError> {
    let at = segment_of(log, index)?;
    let segment = &log.segments()[at];
    let signed = newest_checkpoint(segment)?.ok_or(ProveError::NotThere)?;
    let size = signed.checkpoint.size;
    if index >= size {
        return Err(ProveError::NotCovered { covered: size });
    }
    is_there(segment)?;
    let before = start(segment)?;
    let mut prover = Prover::inclusion(&before, index, size)?;
    let mut entry = Vec::new();
    let mut next = before.size();
    each_entry(segment, |data| {
        prover.push(leaf(data));
        if next == index {
            entry = data.to_vec();
        }
        next += 1;
        next < size
    })?;
    let path = prover.finish().map_err(|_| ProveError::Damaged)?;
    let proof = InclusionProof { index, size, path };
    proof.verify(&leaf(&entry), &signed.checkpoint.root).map_err(|_| ProveError::Damaged)?;
    let note = String::from_utf8_lossy(&signed.bytes);
    Ok(RecordProof::to_text(&entry, index, &proof.path, &note))
}

/// Makes the proof that the log of `old` entries is the beginning of the newest checkpoint, as the
/// body of a C2SP `tlog-witness` request.
///
/// # Errors
///
/// As [`prove_record`].
pub fn prove_growth(log: &Log, old: u64) -> Result<String, ProveError> {
    let newest = newest_of(log)?.ok_or(ProveError::NotThere)?;
    let size = newest.checkpoint.size;
    if old > size {
        return Err(ProveError::NotCovered { covered: size });
    }
    // The segment of the last old entry: what the proof needs of it may lie behind its header.
    let mut at = segment_of(log, old.checked_sub(1).ok_or(ProveError::NotThere)?)?;
    // When the old size is the end of a pruned segment, the next header has all that is needed.
    let next = log.segments().get(at + 1).filter(|next| next.first() == Some(old));
    at += usize::from(next.is_some() && log.segments()[at].is_pruned());
    log.segments()[at..].iter().try_for_each(is_there)?;
    let before = start(&log.segments()[at])?;
    let mut tree = before.clone();
    let mut prover = Prover::consistency(&before, old, size)?;
    let mut old_root = (tree.size() == old).then(|| tree.root());
    for segment in &log.segments()[at..] {
        each_entry(segment, |data| {
            let hash = leaf(data);
            prover.push(hash);
            tree.push(hash);
            if tree.size() == old {
                old_root = Some(tree.root());
            }
            tree.size() < size
        })?;
        if tree.size() >= size {
            break;
        }
    }
    let path = prover.finish().map_err(|_| ProveError::Damaged)?;
    let proof = ConsistencyProof { old_size: old, new_size: size, path };
    let old_root = old_root.ok_or(ProveError::Damaged)?;
    proof.verify(&old_root, &newest.checkpoint.root).map_err(|_| ProveError::Damaged)?;
    Ok(GrowthProof::to_text(old, &proof.path, &String::from_utf8_lossy(&newest.bytes)))
}

/// Checks a proof that [`prove_record`] or another C2SP implementation made.
///
/// # Errors
///
/// [`ProveError::Proof`] when it proves nothing, [`ProveError::Note`] when `vkey` did not sign.
pub fn verify_record(text: &str, vkey: &VerifierKey) -> Result<RecordProof, ProveError> {
    let proof = RecordProof::from_text(text)?;
    proof.note.require(vkey).map_err(ProveError::Note)?;
    let size = proof.checkpoint.size;
    let inclusion = InclusionProof { index: proof.index, size, path: proof.path.clone() };
    inclusion.verify(&leaf(&proof.entry), &proof.checkpoint.root)?;
    Ok(proof)
}

/// Checks a proof that [`prove_growth`] or another C2SP implementation made, from the checkpoint
/// `old`, whose signature the caller has checked.
///
/// # Errors
///
/// As [`verify_record`].
pub fn verify_growth(
    text: &str,
    old: &crate::format::Checkpoint,
    vkey: &VerifierKey,
) -> Result<GrowthProof, ProveError> {
    let proof = GrowthProof::from_text(text)?;
    proof.note.require(vkey).map_err(ProveError::Note)?;
    if proof.old != old.size || proof.checkpoint.origin != old.origin {
        return Err(ProveError::Proof(ProofError));
    }
    let (old_size, new_size) = (old.size, proof.checkpoint.size);
    let growth = ConsistencyProof { old_size, new_size, path: proof.path.clone() };
    growth.verify(&old.root, &proof.checkpoint.root)?;
    Ok(proof)
}

/// The newest checkpoint of the log.
///
/// # Errors
///
/// Those of reading the files.
pub fn newest_of(log: &Log) -> Result<Option<Box<SignedCheckpoint>>, Error> {
    for segment in log.segments().iter().rev() {
        if let Some(signed) = newest_checkpoint(segment)? {
            return Ok(Some(signed));
        }
    }
    Ok(None)
}

/// Which segment holds entry `index`: the last one that begins at or before it.
fn segment_of(log: &Log, index: u64) -> Result<usize, ProveError> {
    let begins = |segment: &Segment| segment.first().is_some_and(|first| first <= index);
    log.segments().iter().rposition(begins).ok_or(ProveError::NotThere)
}

/// Whether the segment's lines were not pruned.
fn is_there(segment: &Segment) -> Result<(), ProveError> {
    match segment.is_pruned() {
        true => Err(ProveError::Pruned { segment: segment.number() }),
        false => Ok(()),
    }
}

fn start(segment: &Segment) -> Result<Frontier, ProveError> {
    match segment.header()? {
        Some(Ok(header)) => Ok(header.before),
        _ => Err(ProveError::Damaged),
    }
}

fn newest_checkpoint(segment: &Segment) -> Result<Option<Box<SignedCheckpoint>>, Error> {
    let Some(source) = segment.open_chain()? else { return Ok(None) };
    let read_error = || Error::io("read", segment.chain_path());
    let mut reader = ChainReader::new(source);
    let _ = reader.header().map_err(read_error())?;
    let mut newest = None;
    while let Some((_, item)) = reader.next_item().map_err(read_error())? {
        if let ChainItem::Checkpoint(signed) = item {
            newest = Some(signed);
        }
    }
    Ok(newest)
}

/// Hands the data of each entry of a segment to `take`, the header first, as long as it says so.
fn each_entry(segment: &Segment, mut take: impl FnMut(&[u8]) -> bool) -> Result<(), ProveError> {
    let chain = segment.open_chain()?.ok_or(ProveError::Damaged)?;
    let (header, _) =
        ChainReader::new(chain).header().map_err(Error::io("read", segment.chain_path()))?;
    if !take(header.as_bytes()) {
        return Ok(());
    }
    let Some(source) = segment.open()? else { return Ok(()) };
    let mut lines = Lines::new(source, MAX_LINE);
    let failed = |error| Error::io("read", segment.path())(error);
    while let Ok(Some((_, scan))) = apart(lines.next_line()).map_err(failed)? {
        match scan {
            Scan::Line(line) if take(line) => {}
            _ => break,
        }
    }
    Ok(())
}
