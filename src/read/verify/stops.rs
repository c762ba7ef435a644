//! The places at which the tree must have a known root: the segment's checkpoints, what was kept
//! elsewhere, and the beginning of the next segment. Read one by one beside the lines.

use std::collections::VecDeque;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::{ChainItem, ChainReader, Hash, Place, SignedCheckpoint};
use crate::read::files::Source;
use crate::read::report::{Finding, FindingId, Findings, Severity};
use crate::read::verify::anchors::Pin;
use crate::read::verify::signatures::{Role, Signers};

/// A size at which the root is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub size: u64,
    pub root: Hash,
    pub kind: StopKind,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopKind {
    /// A checkpoint of this segment.
    Signed(Place),
    /// The header of the next segment, when the last checkpoint of this one is missing.
    Seam,
    /// The pin of this number.
    Pin(usize),
}

/// Reads the stops of one segment in the order of their sizes.
pub(crate) struct Stops<'a> {
    chain: ChainReader<Source>,
    path: &'a Path,
    pub signers: Signers<'a>,
    /// Index of the header.
    first: Option<u64>,
    /// Size and root with which the next segment goes on; none for the active segment.
    seam: Option<(u64, Hash)>,
    is_closed: bool,
    /// The next header says that the key which would have signed the end was lost.
    pub may_lack_end: bool,
    pins: VecDeque<(usize, &'a Pin)>,
    queue: VecDeque<Stop>,
    items: u64,
    ended: bool,
    /// Checkpoints that were read, good or bad.
    pub count: u64,
    /// The newest one that counts.
    pub last: Option<(u64, Hash)>,
    /// Its note.
    pub note: Vec<u8>,
    pub found: Findings,
    /// Findings about the segment's own key, which fall if its header is not the signed one.
    pub own_key: Findings,
    /// The finding about the key of the segment before, which falls if that header is not.
    pub key_before: Option<Finding>,
}

impl<'a> Stops<'a> {
    pub(crate) fn new(chain: ChainReader<Source>, path: &'a Path, most: usize) -> Self {
        Self {
            chain,
            path,
            signers: Signers::default(),
            first: None,
            seam: None,
            is_closed: false,
            may_lack_end: false,
            pins: VecDeque::new(),
            queue: VecDeque::new(),
            items: 0,
            ended: false,
            count: 0,
            last: None,
            note: Vec::new(),
            found: Findings::new(most),
            own_key: Findings::new(most),
            key_before: None,
        }
    }

    /// The segment begins with the entry `first`.
    pub(crate) fn begin(&mut self, first: Option<u64>) {
        self.first = first;
    }

    /// The segment is closed, and the next one says that it begins there.
    pub(crate) fn close(&mut self, seam: Option<(u64, Hash)>) {
        self.is_closed = true;
        self.seam = seam;
    }

    /// The pins that lie in this segment, in order.
    pub(crate) fn pin(&mut self, pins: impl Iterator<Item = (usize, &'a Pin)>) {
        self.pins = pins.collect();
    }

    /// The next stop, which stays the next.
    pub(crate) fn peek(&mut self) -> Result<Option<Stop>> {
        if self.queue.is_empty()
            && let Some(stop) = self.next_signed()?
        {
            self.queue.push_back(stop);
        }
        let signed = self.queue.front().copied();
        let pin = self.pins.front().map(|&(at, pin)| Stop {
            size: pin.size,
            root: pin.root,
            kind: StopKind::Pin(at),
        });
        Ok(match (signed, pin) {
            (Some(signed), Some(pin)) if pin.size < signed.size => Some(pin),
            (signed, pin) => signed.or(pin),
        })
    }

    /// Whether there is another stop that is not only a pin.
    pub(crate) fn has_signed(&mut self) -> Result<bool> {
        self.peek()?;
        Ok(!self.queue.is_empty())
    }

    /// Leaves the next stop behind.
    pub(crate) fn pop(&mut self) -> Result<()> {
        match self.peek()?.map(|stop| stop.kind) {
            Some(StopKind::Pin(_)) => drop(self.pins.pop_front()),
            Some(_) => drop(self.queue.pop_front()),
            None => {}
        }
        Ok(())
    }

    /// Puts back stops that were left behind, the smallest first.
    pub(crate) fn put_back(&mut self, stops: &[Stop]) {
        for stop in stops.iter().rev().filter(|stop| !matches!(stop.kind, StopKind::Pin(_))) {
            self.queue.push_front(*stop);
        }
    }

    fn next_signed(&mut self) -> Result<Option<Stop>> {
        while !self.ended {
            let item = self.chain.next_item().map_err(Error::io("read", self.path))?;
            let is_first = self.items == 0;
            self.items += 1;
            match item {
                Some((place, ChainItem::Checkpoint(signed))) => {
                    if let Some(stop) = self.judge(place, *signed, is_first) {
                        return Ok(Some(stop));
                    }
                }
                Some((place, ChainItem::Torn(bytes))) => {
                    let message =
                        format!("the chain file ends in a checkpoint of which {bytes} bytes exist");
                    let finding = Finding::new(FindingId::CheckpointSignature, self.path, message);
                    let wrong = self.is_closed || is_first;
                    let severity = if wrong { Severity::Error } else { Severity::Note };
                    self.found.push(finding.at(place).severity(severity));
                }
                Some((place, _)) => {
                    let message = "this is no checkpoint of this log";
                    let finding = Finding::new(FindingId::CheckpointSignature, self.path, message);
                    self.found.push(finding.at(place));
                }
                None => {
                    self.ended = true;
                    if is_first {
                        self.missing("there is no checkpoint at all, not even the hand-over");
                    } else {
                        return Ok(self.missing_end());
                    }
                }
            }
        }
        Ok(None)
    }

    /// A closed segment without its final checkpoint still ends where the next one begins.
    fn missing_end(&mut self) -> Option<Stop> {
        let (size, root) = self.seam.take()?;
        if self.last.is_some_and(|(last, _)| last >= size) {
            return None;
        }
        if !self.may_lack_end {
            self.missing("the final checkpoint of this closed segment is missing");
        }
        Some(Stop { size, root, kind: StopKind::Seam })
    }

    fn missing(&mut self, message: &str) {
        self.found.push(Finding::new(FindingId::SegmentKey, self.path, message));
    }

    fn judge(&mut self, place: Place, signed: SignedCheckpoint, is_first: bool) -> Option<Stop> {
        self.count += 1;
        let size = signed.checkpoint.size;
        let is_hand_over = self.first.is_none_or(|first| first.checked_add(1) == Some(size));
        let role = if is_first && is_hand_over { Role::HandOver } else { Role::Later };
        let judged = self.signers.judge(&signed.note, role);
        let path = self.path;
        let finding = |(id, message): (FindingId, &str)| {
            let message = format!("the checkpoint of size {size}: {message}");
            Finding::new(id, path, message).at(place)
        };
        // One checkpoint, one finding: a changed text breaks all its signatures at once.
        if let Some(found) = judged.log {
            self.found.push(finding(found));
        } else if let Some(found) = judged.segment {
            self.own_key.push(finding(found));
        } else if self.key_before.is_none() {
            self.key_before = judged.before.map(finding);
        }
        if is_first && !is_hand_over {
            self.missing("the first checkpoint is not the hand-over, which covers the header");
        }
        if judged.is_void {
            return None;
        }
        let root = signed.checkpoint.root;
        let wrong = match self.last {
            Some((last, _)) if size < last => {
                Some((FindingId::RootDiffers, "it stands behind a larger one"))
            }
            Some((last, other)) if size == last && root != other => {
                Some((FindingId::Fork, "another one of the same size has another root"))
            }
            None if self.first.is_some_and(|first| size <= first) => {
                Some((FindingId::RootDiffers, "it covers nothing of this segment"))
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            let last = size.saturating_sub(1);
            self.found.push(finding(wrong).stretch(self.first.unwrap_or(last).min(last), last));
            return None;
        }
        let is_new = self.last.is_none_or(|(last, _)| last != size);
        self.last = Some((size, root));
        self.note = signed.bytes;
        // The same size and root again is a heartbeat.
        is_new.then_some(Stop { size, root, kind: StopKind::Signed(place) })
    }
}
