//! The words for each kind of finding.

use crate::read::report::FindingId;

/// What is said about one kind.
pub(crate) struct Explanation {
    pub title: &'static str,
    pub meaning: &'static str,
    pub cause: &'static str,
    pub next: &'static str,
}

const COMPARE: &str = "keep this copy as evidence and compare it with a backup or a shipped copy";

#[rustfmt::skip]
pub(crate) const fn of(id: FindingId) -> Explanation {
    use FindingId as F;
    let (title, meaning, cause, next) = match id {
        F::RecordChanged => (
            "record changed",
            "A line is not the one that was signed at this place, or its token is not authentic.",
            "edited in place, or a flipped bit on disk; not a wrong key and not a crash",
            COMPARE,
        ),
        F::RecordsRemoved => (
            "records removed",
            "Entries that were signed are not in the file; first and last say which.",
            "lines were deleted by someone who could write the file",
            COMPARE,
        ),
        F::ForeignRecord => (
            "record of another log",
            "A line stands here that this log never signed.",
            "a line was put in by hand, from another log or another key",
            COMPARE,
        ),
        F::RecordsMoved => (
            "records moved",
            "A record is authentic and stands at another place than the one it was written for.",
            "lines were reordered",
            COMPARE,
        ),
        F::RecordRepeated => (
            "record repeated",
            "The same record stands in the log a second time.",
            "a line was copied",
            COMPARE,
        ),
        F::NotAToken => (
            "line is not a canonical token",
            "A whole line is no Fernet token in its one canonical spelling.",
            "edited by hand, written by another program, or damaged on disk",
            "look at the line in the file; compare it with a backup",
        ),
        F::TimeBackwards => (
            "time runs backwards",
            "The clear times of the records run backwards, or lie far from the time of the segment. \
             The order of the log is that of its indexes, so nothing is proven wrong.",
            "the clock was set, or records with times of their own were imported",
            "check the clock of the host at that time",
        ),
        F::EndReplaced => (
            "end replaced by tokens of an unannounced key",
            "The last records do not open with the key that opened those before, and no record \
             announced another key.",
            "the end was replaced, or a program wrote with another key",
            COMPARE,
        ),
        F::SealedField => (
            "sealed field moved or changed",
            "The value of a sealed field does not belong to this record and this field.",
            "the value was copied from another record by a holder of the Fernet key",
            COMPARE,
        ),
        F::CheckpointSignature => (
            "checkpoint signature bad",
            "A checkpoint cannot be read, or is not signed as it must be.",
            "the chain file was edited or damaged",
            "restore the chain file from a copy, then verify again",
        ),
        F::RootDiffers => (
            "root differs from checkpoint",
            "The entries are not those that were signed. The change lies between first and last; \
             without usable leaf hashes it cannot be placed more exactly.",
            "lines were changed, added or moved after they were signed",
            "verify with the key, which places the change; compare with a backup",
        ),
        F::HeaderChanged => (
            "header changed or does not fold",
            "The header of a segment is not the one that was signed, or does not continue the \
             segment before it.",
            "the chain file was edited, damaged, or belongs to another log",
            "restore the chain file from a copy, then verify again",
        ),
        F::SegmentKey => (
            "segment key wrong or hand-over missing",
            "A checkpoint is not signed by the key of its segment, or the checkpoint that hands \
             over from one segment key to the next, or the last one of a segment, is missing.",
            "a segment was written again with stolen keys, or the chain file was cut",
            "compare the chain files with copies kept elsewhere",
        ),
        F::Fork => (
            "fork: two signed checkpoints contradict",
            "Two checkpoints of this log, both signed, name different contents for the same \
             entries. Together they prove that the writer's key signed two histories.",
            "the log was rewritten by someone with its keys, or restored and continued",
            "keep both checkpoints: they are the proof",
        ),
        F::CheckpointLate => (
            "checkpoint interval exceeded",
            "More time passed between a record and the checkpoint that covers it than the header \
             promises.",
            "the writer was stopped or overloaded, or the clock was set",
            "look at the writer's host at that time",
        ),
        F::UncleanHandOver => (
            "unclean hand-over",
            "The key of the segment before was lost, so the log key alone vouches for everything \
             from here on.",
            "the signer file was deleted or not restored; or a thief of the log key says so",
            "ask the operator why; compare with a checkpoint from before that time",
        ),
        F::TornTail => (
            "torn tail",
            "The file ends in the middle of a line. Everything before it is complete.",
            "the writer stopped while writing: crash, full disk, power",
            "nothing: the next append saves the bytes aside and goes on",
        ),
        F::ShorterThanAnchor => (
            "log shorter than anchored",
            "A checkpoint kept elsewhere covers more entries than the log has.",
            "the end was cut off, or an older copy was put back",
            "check restores and snapshots; compare with a backup",
        ),
        F::SegmentMissing => (
            "segment missing",
            "A file of the log is not there.",
            "it was deleted, moved or not copied",
            "restore it; segments on both sides verify without it",
        ),
        F::ChainMissing => (
            "chain file missing",
            "The lines of a segment are there and its header and checkpoints are not.",
            "the file was deleted or not copied",
            "restore the chain file, then verify again",
        ),
        F::ShorterThanBefore => (
            "shorter than at the last check",
            "The log has fewer entries than the state file saw signed.",
            "the end was cut off, or an older copy was put back",
            "check restores and snapshots; compare with a backup",
        ),
        F::SavedAsText => (
            "saved by an editor or transferred as text",
            "The whole file bears the mark of an editor or of a text transfer: CRLF line ends, a \
             byte order mark, or UTF-16.",
            "opened and saved in an editor, or copied in text mode",
            "copy the original again in binary mode",
        ),
        F::BytesAfterEnd => (
            "bytes that are no record after the end",
            "Data stands after the end of a closed segment.",
            "something was appended to a file that is finished",
            "keep the bytes as evidence; restore the file from a copy",
        ),
        F::Uncovered => (
            "entries not yet covered by a checkpoint",
            "The newest entries are in no checkpoint yet, so the chain does not vouch for them.",
            "the log is being written, or its writer was killed",
            "verify again after the next checkpoint",
        ),
        F::RecordsLost => (
            "records lost by the writer",
            "The writer could not write some records and says so in a gap record.",
            "a full queue or a failing disk at that time",
            "read the gap record: it says how many, from when to when and why",
        ),
        F::CompressedDamaged => (
            "compressed segment damaged",
            "The compressed file of a segment is not one or more whole zstd frames and nothing \
             else. What came out before the damage was checked.",
            "a failing disk, a copy that was cut off, or a change",
            "restore the file from a copy; decompressed, a copy of the .log serves as well",
        ),
        F::Pruned => (
            "records deleted by retention",
            "The lines of these segments are gone, and a later header that is signed says that \
             the log's own retention deleted them. Their headers and checkpoints are there and \
             join what is left.",
            "the log was set up to keep so much and no more",
            "nothing; what must be kept longer is copied away in time",
        ),
        F::NoKey => (
            "no given key belongs here",
            "None of the given keys belongs to this log or segment, so nothing is decided.",
            "a wrong key file; another log put in this place would look the same",
            "find the right key file; a checkpoint kept elsewhere can decide without it",
        ),
        F::OtherKey => (
            "key differs from the header's commitment",
            "The header commits to a Fernet key, and no given key is that one.",
            "a wrong or damaged key file; another log put in this place would look the same",
            "find the key file with the wanted key id: fernlog keys find ID",
        ),
        F::KeyNeeded => (
            "another key is needed from here",
            "Earlier segments open with the given keys; from this one on another is needed.",
            "the key was rotated and the new key file was not given",
            "give both keys: -k OLD -k NEW",
        ),
    };
    Explanation { title, meaning, cause, next }
}
