//! What the headers of all segments say, read before anything is verified: each segment needs to
//! know a little about its neighbours.

use std::path::Path;

use crate::crypto::VerifierKey;
use crate::error::{Error, Result};
use crate::format::{
    ChainItem, ChainReader, Event, Hash, Header, HeaderError, SegmentName, SignedCheckpoint,
    UnixTime, leaf,
};
use crate::read::log::{Log, Segment};

/// What neighbours need to know about a segment. Unverified.
#[derive(Debug)]
pub(crate) struct Head {
    /// Number in the log: that of the file name, for the active one that of the header.
    pub number: u64,
    pub first: u64,
    /// Root of everything before the segment.
    pub root: Hash,
    pub signer: VerifierKey,
    pub time: UnixTime,
    /// Whether the header says that the signing key of the segment before was lost.
    pub signer_lost: bool,
    /// Bytes of a torn tail that the header declares for the segment before.
    pub kept_tail: Option<u64>,
    /// Segments whose lines retention deleted, as the header says: first and last.
    pub pruned: Vec<(u64, u64)>,
    /// Whether the first checkpoint beside it covers it, so that nobody changed a byte of it.
    is_whole: bool,
}

impl Head {
    /// Whether the header says that the lines of an earlier segment, or of several of them, were
    /// deleted by the log's own retention.
    pub(crate) fn announces(&self, first: u64, last: u64) -> bool {
        // No header can speak of itself and what comes after it.
        let mut said = self.pruned.iter().filter(|(_, b)| *b < self.number);
        said.any(|(a, b)| *a <= first && last <= *b)
    }
}

/// The headers of a log.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    /// One for each segment; none where there is no header that can be read.
    heads: Vec<Option<Head>>,
    numbers: Vec<u64>,
    /// Of each segment: the number of the one whose chain file was put in place of its own.
    foreign: Vec<Option<u64>>,
    /// Name of the log.
    pub origin: Option<String>,
    /// Whether the verifier key belongs to this log.
    pub vkey_fits: bool,
    /// A header of a newer version, not a changed one.
    pub newer_version: bool,
    /// Length of all files of lines.
    pub bytes: u64,
}

impl Heads {
    pub(crate) fn read(log: &Log, vkey: Option<&VerifierKey>) -> Result<Self> {
        let mut heads = Self::default();
        let mut signed = false;
        for segment in log.segments() {
            heads.bytes += segment.open()?.map_or(0, |source| source.len());
            heads.numbers.push(segment.number());
            let head = heads.read_one(segment, vkey, &mut signed)?;
            heads.heads.push(head);
        }
        heads.name_active(log);
        heads.find_foreign();
        if let Some(vkey) = vkey {
            let same_name = heads.origin.as_deref().is_none_or(|origin| origin == vkey.name());
            heads.vkey_fits = same_name && (signed || signs_anywhere(log, vkey)?);
        }
        Ok(heads)
    }

    fn read_one(
        &mut self,
        segment: &Segment,
        vkey: Option<&VerifierKey>,
        signed: &mut bool,
    ) -> Result<Option<Head>> {
        let Some(chain) = segment.open_chain()? else { return Ok(None) };
        let failed = |error| Error::io("read", segment.chain_path())(error);
        let mut reader = ChainReader::new(chain);
        let (text, header) = reader.header().map_err(failed)?;
        let first_item = reader.next_item().map_err(failed)?;
        if let (Some(vkey), Some((_, ChainItem::Checkpoint(signed_by)))) = (vkey, &first_item) {
            *signed |= has_signature(&signed_by.note, vkey);
        }
        let header = match header {
            Ok(header) => {
                // Versions do not go back: what stood before was changed.
                self.newer_version = false;
                header
            }
            Err(HeaderError::Version) => {
                self.newer_version |= !is_changed_version(&text, first_item.as_ref());
                return Ok(None);
            }
            Err(_) => return Ok(None),
        };
        // The name that the auditor expects counts; else the first that can be read.
        let expected = vkey.is_some_and(|vkey| vkey.name() == header.origin);
        if self.origin.is_none() || expected {
            self.origin = Some(header.origin.clone());
        }
        let kept_tail = header.events.iter().find_map(|event| match event {
            Event::TornTailKept(bytes) => Some(*bytes),
            _ => None,
        });
        let pruned = header.events.iter().filter_map(|event| match event {
            Event::Pruned(first, last) => Some((*first, *last)),
            _ => None,
        });
        let pruned = pruned.collect();
        let mut tree = header.before.clone();
        tree.push(leaf(text.as_bytes()));
        let covers = |signed: &SignedCheckpoint| signed.checkpoint.root == tree.root();
        let is_whole = matches!(&first_item, Some((_, ChainItem::Checkpoint(s))) if covers(s));
        Ok(Some(Head {
            number: header.segment,
            first: header.first(),
            root: header.before.root(),
            signer: header.signer,
            time: header.time,
            signer_lost: header.events.contains(&Event::SignerLost),
            kept_tail,
            pruned,
            is_whole,
        }))
    }

    /// The active segment's number is not in its file name. What its header says is believed only
    /// if it comes after the closed ones.
    fn name_active(&mut self, log: &Log) {
        let count = self.numbers.len();
        let is_active = log.segments().last().is_some_and(|s| s.name() == SegmentName::Active);
        if !is_active || count == 0 {
            return;
        }
        let least = match count.checked_sub(2).and_then(|before| self.numbers.get(before)) {
            Some(before) => before.saturating_add(1),
            None => 0,
        };
        let said = self.heads.last().and_then(Option::as_ref).map(|head| head.number);
        if let Some(number) = self.numbers.last_mut() {
            *number = said.unwrap_or(least).max(least);
        }
    }

    /// A whole chain file that says it is of another segment, which has a place of its own in the
    /// log, was copied here. It says nothing about its neighbours here, and nothing is wrong with
    /// them.
    fn find_foreign(&mut self) {
        let numbers = &self.numbers;
        for (head, here) in self.heads.iter_mut().zip(numbers) {
            let is_other = |head: &Head| head.is_whole && head.number != *here;
            let other = head.as_ref().filter(|head| is_other(head)).map(|head| head.number);
            let other = other.filter(|number| numbers.contains(number));
            if other.is_some() {
                *head = None;
            }
            self.foreign.push(other);
        }
    }

    /// The number of the segment whose chain file was put in place of this one's.
    pub(crate) fn foreign(&self, at: usize) -> Option<u64> {
        self.foreign.get(at).copied().flatten()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Head> {
        self.heads.get(at)?.as_ref()
    }

    /// The number that the segment has by its name.
    pub(crate) fn number(&self, at: usize) -> u64 {
        self.numbers.get(at).copied().unwrap_or_default()
    }

    /// Whether no number is missing before this segment.
    pub(crate) fn follows(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| self.number(before));
        before.is_some_and(|before| before.checked_add(1) == Some(self.number(at)))
    }

    /// Whether it is the first segment of the log.
    pub(crate) fn is_first(&self, at: usize) -> bool {
        at == 0 && self.number(0) == 0
    }

    pub(crate) fn before(&self, at: usize) -> Option<&Head> {
        if self.follows(at) { self.get(at.checked_sub(1)?) } else { None }
    }

    pub(crate) fn after(&self, at: usize) -> Option<&Head> {
        if self.follows(at + 1) { self.get(at + 1) } else { None }
    }
}

pub(crate) fn has_signature(note: &crate::crypto::Note, key: &VerifierKey) -> bool {
    note.signatures().iter().any(|s| s.id == key.id() && s.name == key.name())
}

/// Whether any checkpoint of the log claims to be signed by `vkey`.
fn signs_anywhere(log: &Log, vkey: &VerifierKey) -> Result<bool> {
    for segment in log.segments() {
        let Some(chain) = segment.open_chain()? else { continue };
        let path: &Path = segment.chain_path();
        let mut reader = ChainReader::new(chain);
        let _ = reader.header().map_err(Error::io("read", path))?;
        while let Some((_, item)) = reader.next_item().map_err(Error::io("read", path))? {
            if matches!(&item, ChainItem::Checkpoint(c) if has_signature(&c.note, vkey)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a header of a "newer version" is one of ours with its first line changed: with the
/// right version it is exactly what the first checkpoint signs.
fn is_changed_version(text: &str, first: Option<&(crate::format::Place, ChainItem)>) -> bool {
    let Some((line, rest)) = text.split_once('\n') else { return true };
    let version = line.rsplit('v').next().and_then(|version| version.parse::<u64>().ok());
    if !version.is_some_and(|version| version > 1 && line.ends_with(&format!("@v{version}"))) {
        return true;
    }
    let ours = format!("{}\n{rest}", crate::format::HEADER_FIRST_LINE);
    let Ok(header) = Header::from_text(&ours) else { return false };
    let mut tree = header.before;
    tree.push(crate::format::leaf(ours.as_bytes()));
    match first {
        Some((_, ChainItem::Checkpoint(signed))) => signed.checkpoint.root == tree.root(),
        _ => false,
    }
}
