//! Round trips of generated values that no single example covers.

use std::io::Read;

use fernlog::crypto::{Note, sign_note};
use fernlog::format::{
    Checkpoint, ConsistencyProof, Event, Frontier, Hash, Header, InclusionProof, Lines, Place,
    Prover, Scan, leaf, node,
};
use fernlog::{Key, SigningKey, UnixTime};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

/// Records through a whole log.
mod record;

/// Names that a note key, and so a log, may have.
fn name() -> impl Strategy<Value = String> {
    "[!-*,-~\u{a1}-\u{24f}]{1,40}"
}

fn frontier(leaves: &[Hash]) -> Frontier {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|i| leaf(&i.to_le_bytes())).collect()
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        "[a-z]{1,8}".prop_map(Event::Rolled),
        any::<u64>().prop_map(Event::TornTail),
        any::<u64>().prop_map(Event::TornTailKept),
        any::<u64>().prop_map(Event::Uncommitted),
        Just(Event::SignerLost),
        "gap [ -~]{0,30}".prop_map(Event::Other),
    ]
}

proptest! {
    #[test]
    fn a_header_reads_from_its_own_text(
        origin in name(), segment: u64, first in 0_u64..=1 << 62, hash: Hash,
        wrapped in option::of("[A-Za-z0-9+/]{1,200}"), interval: u64, time: i64,
        events in vec(event(), 0..5),
    ) {
        let key = Key::generate().unwrap();
        let header = Header {
            segment,
            before: Frontier::from_parts(first, vec![hash; first.count_ones() as usize]).unwrap(),
            key_id: key.id(),
            key_commitment: key.commitment(&origin),
            wrapped_key: wrapped,
            signer: SigningKey::generate(&origin).unwrap().verifier().clone(),
            checkpoint_interval: interval,
            time: UnixTime::new(time, 0),
            events,
            origin,
        };
        prop_assert_eq!(Header::from_text(&header.to_text()), Ok(header));
    }

    #[test]
    fn a_checkpoint_reads_from_its_note_and_no_changed_byte_verifies(
        origin in name(), size: u64, root: Hash, at: Index, value: u8,
    ) {
        let key = SigningKey::generate(&origin).unwrap();
        let checkpoint = Checkpoint { size, root, origin };
        let note = sign_note(&checkpoint.to_text(), &[&key]).unwrap();
        let parsed = Note::parse(note.as_bytes()).unwrap();
        prop_assert_eq!(parsed.require(key.verifier()), Ok(()));
        prop_assert_eq!(Checkpoint::from_text(parsed.untrusted_text()), Ok(checkpoint));

        let mut changed = note.into_bytes();
        let place = at.index(changed.len());
        let old = std::mem::replace(&mut changed[place], value);
        let verified = Note::parse(&changed).and_then(|note| note.require(key.verifier()));
        prop_assert_eq!(verified.is_ok(), old == value);
    }

    #[test]
    fn a_frontier_taken_up_anywhere_leads_to_the_same_root(size in 0_u64..600, at: Index) {
        let leaves = leaves(size);
        let (first, rest) = leaves.split_at(at.index(leaves.len() + 1));
        let kept = frontier(first);
        let mut resumed = Frontier::from_parts(kept.size(), kept.hashes().to_vec()).unwrap();
        rest.iter().for_each(|leaf| resumed.push(*leaf));
        prop_assert_eq!(&resumed, &frontier(&leaves));
        // Folding from the right, as docs/format.md writes it down.
        let from_right = resumed.hashes().iter().rev().copied();
        let folded = from_right.reduce(|right, left| node(&left, &right));
        prop_assert_eq!(folded.unwrap_or(Frontier::new().root()), resumed.root());
    }

    #[test]
    fn an_entry_proves_from_any_frontier_before_it(
        size in 1_u64..3000, index: Index, first: Index, flip: Index,
    ) {
        let leaves = leaves(size);
        let (index, root) = (index.index(leaves.len()), frontier(&leaves).root());
        let (before, rest) = leaves.split_at(first.index(index + 1));
        let mut prover = Prover::inclusion(&frontier(before), index as u64, size).unwrap();
        rest.iter().for_each(|leaf| prover.push(*leaf));
        let path = prover.finish().unwrap();
        let mut proof = InclusionProof { index: index as u64, size, path };
        prop_assert!(proof.verify(&leaves[index], &root).is_ok());
        if !proof.path.is_empty() {
            let place = flip.index(proof.path.len());
            proof.path[place][0] ^= 1;
            prop_assert!(proof.verify(&leaves[index], &root).is_err());
        }
    }

    #[test]
    fn any_two_sizes_prove_from_any_frontier_before_them(
        new in 1_u64..3000, old: Index, first: Index,
    ) {
        let leaves = leaves(new);
        let old = 1 + old.index(leaves.len());
        let (before, rest) = leaves.split_at(first.index(old + 1));
        let mut prover = Prover::consistency(&frontier(before), old as u64, new).unwrap();
        rest.iter().for_each(|leaf| prover.push(*leaf));
        let path = prover.finish().unwrap();
        let proof = ConsistencyProof { old_size: old as u64, new_size: new, path };
        let (old_root, new_root) = (frontier(&leaves[..old]).root(), frontier(&leaves).root());
        prop_assert!(proof.verify(&old_root, &new_root).is_ok());
        prop_assert!(proof.verify(&[0; 32], &new_root).is_err());
        prop_assert!(proof.verify(&old_root, &[0; 32]).is_err());
    }

    #[test]
    fn lines_read_in_pieces_and_from_any_line_on_are_the_same(
        lines in vec(vec(any::<u8>().prop_filter("no LF", |b| *b != b'\n'), 0..300), 0..20),
        tail in vec(b'a'..=b'z', 0..40), pieces in vec(1_usize..200, 1..10),
        from: Index,
    ) {
        let mut data = Vec::new();
        lines.iter().for_each(|line| data.extend([&line[..], b"\n"].concat()));
        data.extend_from_slice(&tail);
        let all = read_lines(Lines::new(Pieces { data: &data, pieces: &pieces, next: 0 }, 1 << 20));
        let expected: Vec<_> = lines.iter().chain((!tail.is_empty()).then_some(&tail)).collect();
        prop_assert!(all.iter().map(|(_, line)| line).eq(expected));
        if !all.is_empty() {
            let from = from.index(all.len());
            let place = all[from].0;
            let rest = Lines::at(&data[place.byte as usize..], 1 << 20, place);
            prop_assert_eq!(&read_lines(rest)[..], &all[from..]);
        }
    }
}

/// A source that gives its bytes in pieces of changing size, as pipes do.
struct Pieces<'a> {
    data: &'a [u8],
    pieces: &'a [usize],
    next: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let piece = self.pieces[self.next % self.pieces.len()];
        self.next += 1;
        let piece = piece.min(buffer.len());
        self.data.read(&mut buffer[..piece])
    }
}

fn read_lines(mut lines: Lines<impl Read>) -> Vec<(Place, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((place, scan)) = lines.next_line().unwrap() {
        match scan {
            Scan::Line(line) | Scan::Tail(line, _) => found.push((place, line.to_vec())),
            Scan::Long(length) => panic!("a line of {length} bytes"),
        }
    }
    found
}
