//! Which closed segments may be deleted, and deleting them.
//!
//! The order that matters: first a header says that a segment is pruned, then that header is
//! durable, then the files go. So lines that are missing have always been announced, and whoever
//! removes lines by hand cannot call it retention.

use crate::crypto::{Note, VerifierKey};
use crate::format::{Checkpoint, Event, Header, LogPath, SegmentName};
use crate::write::closed::Work;
use crate::write::closed::list::{self, KINDS};
use crate::write::file::{Disk, Opening};

/// A checkpoint with as many signatures as there may be is shorter.
const TAIL: usize = 128 << 10;

/// Whether segment `number` was closed as it should be: its chain ends with a checkpoint of the log
/// key that covers exactly what the next header begins with. Only then does the chain that stays
/// prove what the lines were. Others are kept: somebody may want to look at them.
pub(super) fn is_complete(
    disk: &dyn Disk,
    log: &LogPath,
    number: u64,
    active: &Header,
    log_key: &VerifierKey,
) -> bool {
    let next = match number + 1 {
        next if next == active.segment => Some(active.clone()),
        next => list::header(disk, log, next),
    };
    let (Some(header), Some(next)) = (list::header(disk, log, number), next) else { return false };
    let ours = header.origin == active.origin && next.origin == active.origin;
    let last = last_checkpoint(disk, log, number, &active.origin, log_key);
    ours && last.is_some_and(|last| last.size == next.first() && last.root == next.before.root())
}

/// The checkpoint at the end of a closed chain, if the log key has signed it. The file may be long
/// (a checkpoint for each second of a day), so only its end is read.
fn last_checkpoint(
    disk: &dyn Disk,
    log: &LogPath,
    number: u64,
    origin: &str,
    log_key: &VerifierKey,
) -> Option<Checkpoint> {
    let file =
        disk.open(&log.beside(SegmentName::Closed(number), "chain"), Opening::Existing).ok()?;
    let mut offset = file.length().ok()?.saturating_sub(TAIL as u64);
    let mut tail = Vec::new();
    let mut chunk = [0; 8 << 10];
    loop {
        match file.read_at(offset, &mut chunk).ok()? {
            0 => break,
            count => {
                tail.extend_from_slice(chunk.get(..count)?);
                offset += count as u64;
            }
        }
    }
    let begin = format!("\n\n{origin}\n");
    let start = memchr::memmem::rfind(&tail, begin.as_bytes())? + 2;
    let note = Note::parse(tail.get(start..)?.strip_suffix(b"\n")?).ok()?;
    note.require(log_key).ok()?;
    Checkpoint::from_text(note.untrusted_text()).ok().filter(|last| last.origin == origin)
}

/// Events that name these segments, which come in ascending order, and no others: what lacks its
/// lines for another reason must not be covered by a range.
pub(super) fn ranges(numbers: impl IntoIterator<Item = u64>) -> Vec<Event> {
    let mut events = Vec::new();
    for number in numbers {
        match events.last_mut() {
            Some(Event::Pruned(_, last)) if *last + 1 == number => *last = number,
            _ => events.push(Event::Pruned(number, number)),
        }
    }
    events
}

impl Work {
    /// Deletes the files of announced segments.
    pub(super) fn prune(&self) {
        let numbers = self.state().pruned.clone();
        if numbers.is_empty() {
            return;
        }
        let gone: Vec<u64> =
            numbers.into_iter().filter(|&number| self.delete(number).is_ok()).collect();
        // What is not durable yet comes back after a power cut and is found when the log is opened.
        if self.disk.sync_folder(self.path.folder()).is_ok() {
            let mut state = self.state();
            state.pruned.retain(|number| !gone.contains(number));
        }
    }

    fn delete(&self, number: u64) -> std::io::Result<()> {
        KINDS.iter().try_for_each(|kind| self.disk.remove(&kind.path(&self.path, number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_make_a_range_and_others_do_not() {
        assert_eq!(
            ranges([0, 1, 2, 5, 7, 8]),
            [Event::Pruned(0, 2), Event::Pruned(5, 5), Event::Pruned(7, 8)]
        );
        assert_eq!(ranges([]), []);
    }
}
