//! Who must have signed a checkpoint, and what it means when someone did not.
//!
//! In segment e every checkpoint carries the log key and exactly segment key e; the first one, the
//! hand-over, also segment key e-1. An older or newer segment key in its place is the mark of a
//! segment that was written again with stolen keys (systemd-journald, CVE-2023-31439).

use crate::crypto::{Note, NoteError, VerifierKey};
use crate::read::report::FindingId;
use crate::read::verify::heads::has_signature;

/// The keys around one segment.
#[derive(Debug, Default)]
pub(crate) struct Signers<'a> {
    /// The log key, if it was given and is this log's.
    pub log: Option<&'a VerifierKey>,
    /// The segment's own key, if its header could be read.
    pub segment: Option<VerifierKey>,
    /// The key of the segment before.
    pub before: Option<&'a VerifierKey>,
    /// The key of the segment after.
    pub after: Option<&'a VerifierKey>,
    /// The header says that the key of the segment before was lost.
    pub lost: bool,
}

/// Where in the chain file a checkpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    HandOver,
    Later,
}

/// What the signatures of one checkpoint say.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// A key that we have says that this is not what it signed, or did not sign at all: its root
    /// counts for nothing.
    pub is_void: bool,
    /// About the log key.
    pub log: Option<(FindingId, &'static str)>,
    /// About the segment's own key. It counts only if the header that names it is the signed one.
    pub segment: Option<(FindingId, &'static str)>,
    /// About the key of the segment before. It counts only if that segment's header is right.
    pub before: Option<(FindingId, &'static str)>,
}

impl Signers<'_> {
    pub(crate) fn judge(&self, note: &Note, role: Role) -> Judged {
        let mut judged = Judged::default();
        if has_repeated(note) {
            let what = "a signature stands in it twice";
            judged.log = Some((FindingId::CheckpointSignature, what));
            return judged;
        }
        if let Some(key) = self.log {
            judged.log = match note.require(key) {
                Ok(()) => None,
                Err(NoteError::UnknownKey { .. }) => {
                    Some((FindingId::CheckpointSignature, "the log key did not sign it"))
                }
                Err(_) => {
                    Some((FindingId::CheckpointSignature, "the signature of the log key is wrong"))
                }
            };
            judged.is_void |= judged.log.is_some();
        }
        judged.segment = self.judge_segment(note, role, &mut judged.is_void);
        if let (Role::HandOver, Some(key)) = (role, self.before) {
            judged.before = match note.require(key) {
                Ok(()) => None,
                Err(NoteError::UnknownKey { .. }) if self.lost => {
                    Some((FindingId::UncleanHandOver, "the key of the segment before was lost"))
                }
                Err(NoteError::UnknownKey { .. }) => {
                    Some((FindingId::SegmentKey, "the key of the segment before did not sign it"))
                }
                Err(_) => {
                    judged.is_void = true;
                    let what = "the signature of the key of the segment before is wrong";
                    Some((FindingId::CheckpointSignature, what))
                }
            };
        }
        judged
    }

    fn judge_segment(
        &self,
        note: &Note,
        role: Role,
        is_void: &mut bool,
    ) -> Option<(FindingId, &'static str)> {
        match note.require(self.segment.as_ref()?) {
            Ok(()) => {}
            Err(NoteError::UnknownKey { .. }) if self.lost && role == Role::HandOver => {}
            Err(NoteError::UnknownKey { .. }) => {
                // On the hand-over it may be the header that is wrong, and its root tells. Behind
                // it, what nobody signed whose key we have counts for nothing.
                *is_void |= self.log.is_none() && role == Role::Later;
                return Some((FindingId::SegmentKey, "the key of this segment did not sign it"));
            }
            Err(_) => {
                *is_void = true;
                let what = "the signature of the segment key is wrong";
                return Some((FindingId::CheckpointSignature, what));
            }
        }
        let older = self.before.filter(|_| role == Role::Later);
        let other = older.into_iter().chain(self.after).any(|key| has_signature(note, key));
        other.then_some((FindingId::SegmentKey, "the key of another segment signed it"))
    }
}

/// Whether two signatures claim to be by the same key: no writer does that.
fn has_repeated(note: &Note) -> bool {
    let signatures = note.signatures();
    signatures.iter().enumerate().any(|(at, one)| {
        let others = signatures.iter().skip(at + 1);
        others.into_iter().any(|other| (&other.name, other.id) == (&one.name, one.id))
    })
}
