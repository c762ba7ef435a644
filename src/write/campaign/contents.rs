//! Reads the files of a log for the oracle, with code of its own that shares nothing with opening
//! a log for writing but the formats.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::crypto::{Cipher, Note, VerifierKey};
use crate::format::{
    ChainItem, ChainReader, Event, Frontier, LogPath, RecordKind, SegmentName, StoredRecord, leaf,
};
use crate::write::campaign::disk::Files;
use crate::write::campaign::story::{FOLDER, Keys, NEEDLE};

/// What is in the lines of a log.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Number and index of the records of the story, in order.
    pub(super) records: Vec<(usize, u64)>,
    /// Index and count of the gap records.
    pub(super) gaps: Vec<(u64, u64)>,
    /// Whether a header says that a segment key was lost.
    pub(super) signer_lost: bool,
    /// Bytes in files that nobody has explained.
    pub(super) unexplained: usize,
}

/// Signatures that were checked before.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    good: HashSet<u64>,
}

impl Signatures {
    fn require(&mut self, note: &Note, bytes: &[u8], key: &VerifierKey) -> Result<(), String> {
        let mut hasher = DefaultHasher::new();
        (bytes, key.id()).hash(&mut hasher);
        let hash = hasher.finish();
        if !self.good.contains(&hash) {
            note.require(key).map_err(|error| format!("signature: {error}"))?;
            self.good.insert(hash);
        }
        Ok(())
    }
}

/// Nothing that was logged stands anywhere in clear text.
pub(super) fn no_clear_text(files: &Files, keys: &Keys) -> Result<(), String> {
    let fernet = keys.fernet.each_ref().map(|key| key.to_text());
    for (name, data) in &files.0 {
        let clear = memchr::memmem::find(data, NEEDLE.as_bytes()).is_some();
        let key = fernet.iter().any(|key| memchr::memmem::find(data, key.as_bytes()).is_some());
        if clear || key {
            return Err(format!("clear text in {}", name.display()));
        }
    }
    Ok(())
}

/// Reads all segments; an error says what is wrong with them.
pub(super) fn read(
    files: &Files,
    keys: &Keys,
    plain: bool,
    signatures: &mut Signatures,
) -> Result<Contents, String> {
    let path = LogPath::new(&Path::new(FOLDER).join("audit.log")).unwrap();
    let names = files.0.keys().filter_map(|name| Some(name.file_name()?.to_owned()));
    let mut contents = Contents::default();
    let mut tree = Frontier::new();
    let mut signer: Option<VerifierKey> = None;
    let mut index = 0;
    let ciphers = keys.fernet.each_ref().map(Cipher::new);
    let segments = path.segments(names);
    for (at, name) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        let empty = std::sync::Arc::default();
        let log = files.0.get(&path.segment(*name)).unwrap_or(&empty);
        let mut checkpoints = Vec::new();
        if !plain {
            let chain = files.0.get(&path.beside(*name, "chain"));
            let chain = chain.ok_or_else(|| format!("{name:?} has no chain"))?;
            let mut reader = ChainReader::new(chain.as_slice());
            let (text, header) = reader.header().unwrap();
            let header = header.map_err(|error| format!("header of {name:?}: {error}"))?;
            if header.first() != tree.size() || header.before.root() != tree.root() {
                return Err(format!("{name:?} does not continue what is before it"));
            }
            tree.push(leaf(text.as_bytes()));
            index = tree.size();
            let lost = header.events.contains(&Event::SignerLost);
            contents.signer_lost |= lost;
            let mut old = signer.take().filter(|_| !lost);
            while let Some((_, item)) = reader.next_item().unwrap() {
                let ChainItem::Checkpoint(signed) = item else {
                    return Err(format!("{name:?} holds damage that is no checkpoint"));
                };
                let (note, bytes) = (&signed.note, &signed.bytes);
                signatures.require(note, bytes, keys.log.verifier())?;
                signatures.require(note, bytes, &header.signer)?;
                if let Some(old) = old.take() {
                    signatures.require(note, bytes, &old)?;
                }
                checkpoints.push(signed.checkpoint);
            }
            if checkpoints.first().is_none_or(|first| first.size != tree.size()) {
                return Err(format!("{name:?} has no hand-over"));
            }
            signer = Some(header.signer);
        }
        if !log.is_empty() && !log.ends_with(b"\n") {
            return Err(format!("{name:?} has a torn tail"));
        }
        let mut wanted = checkpoints.iter().peekable();
        let mut reach = |tree: &Frontier| -> Result<(), String> {
            while let Some(checkpoint) = wanted.next_if(|next| next.size <= tree.size()) {
                if checkpoint.size < tree.size() || checkpoint.root != tree.root() {
                    return Err(format!("the checkpoint of {} signs others", checkpoint.size));
                }
            }
            Ok(())
        };
        reach(&tree)?;
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            let line = &line[..line.len() - 1];
            tree.push(leaf(line));
            if !plain {
                reach(&tree)?;
            }
            let mut raw = Vec::new();
            let open = || {
                ciphers.iter().find(|cipher| {
                    let mut raw = Vec::new();
                    cipher.open(line, &mut raw).is_ok()
                })
            };
            let cipher = open().ok_or_else(|| format!("line {index} is no token of ours"))?;
            let Ok(opened) = cipher.open(line, &mut raw) else { unreachable!() };
            let record = StoredRecord::decode(opened.plaintext).ok_or("no record")?;
            if record.seq != Some(index) {
                return Err(format!("line {index} says that it is {:?}", record.seq));
            }
            if let Some(rest) = record.message.strip_prefix(NEEDLE) {
                let id = rest.trim_end_matches('x').parse().map_err(|_| "no number")?;
                contents.records.push((id, index));
            } else if record.kind == RecordKind::Gap {
                let count = record.field("count").and_then(|count| count.get().parse().ok());
                contents.gaps.push((index, count.ok_or("a gap without a count")?));
            }
            index += 1;
        }
        if let Some(checkpoint) = wanted.next() {
            return Err(format!(
                "lost signed lines: {} of {} signed",
                tree.size(),
                checkpoint.size
            ));
        }
        let covered = checkpoints.last().is_none_or(|last| last.size == tree.size());
        if !is_last && !covered {
            return Err(format!("{name:?} is closed and its end is not signed"));
        }
    }
    contents.unexplained =
        files.0.iter().filter(|(name, _)| !explained(name)).map(|(_, data)| data.len()).sum();
    Ok(contents)
}

/// The counts of all gap records, whatever else there is.
pub(super) fn gaps(files: &Files, keys: &Keys) -> Vec<u64> {
    let cipher = Cipher::new(&keys.fernet[0]);
    let lines = files.0.values().flat_map(|data| data.split(|byte| *byte == b'\n'));
    let mut gaps = Vec::new();
    for line in lines {
        let mut raw = Vec::new();
        let Ok(opened) = cipher.open(line, &mut raw) else { continue };
        let Some(record) = StoredRecord::decode(opened.plaintext) else { continue };
        if record.kind == RecordKind::Gap {
            gaps.extend(record.field("count").and_then(|count| count.get().parse::<u64>().ok()));
        }
    }
    gaps
}

/// Whether docs/format.md says what a file of this name is.
fn explained(name: &Path) -> bool {
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    let Some(rest) = name.strip_prefix("audit.") else { return false };
    let path = LogPath::new(&Path::new(FOLDER).join("audit.log")).unwrap();
    let number = rest.split('.').next().unwrap_or_default();
    let rest = rest.strip_prefix(number).unwrap_or_default();
    let closed =
        matches!(path.parse(format!("audit.{number}.log").as_ref()), Some(SegmentName::Closed(_)));
    match (number, closed) {
        ("log", _) => {
            ["", ".chain", ".hashes", ".signer", ".lock"].contains(&rest)
                || rest.starts_with(".torn-")
                || rest.starts_with(".chain.torn-")
                // Of the stories in which other programs move files.
                || rest.starts_with(".foreign-")
                || rest == ".1"
        }
        (_, true) => [".log", ".log.chain", ".log.hashes"].contains(&rest),
        _ => false,
    }
}
