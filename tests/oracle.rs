//! Roots and proofs against the `ct-merkle` crate over random trees: each makes, the other checks.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof as TheirConsistency, InclusionProof as TheirInclusion, RootHash};
use fernlog::format::{ConsistencyProof, Frontier, Hash, InclusionProof, Prover, leaf};
use sha2_oracle::Sha256;

use crate::common::Random;

type Theirs = MemoryBackedTree<Sha256, Vec<u8>>;

/// Up to so many entries, with every entry of every size proven.
const LARGEST: u64 = 300;

/// The same random entries for us and for them.
fn entries(random: &mut Random, count: u64) -> Vec<Vec<u8>> {
    (0..count)
        .map(|_| {
            let length = random.below(300) as usize;
            random.bytes(length)
        })
        .collect()
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<32>().0.to_vec()
}

fn frontier(leaves: &[Hash]) -> Frontier {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier
}

fn finished(mut prover: Prover, before: &Frontier, leaves: &[Hash]) -> Vec<Hash> {
    leaves[before.size() as usize..].iter().for_each(|leaf| prover.push(*leaf));
    prover.finish().unwrap()
}

#[test]
fn inclusion_proofs_are_the_same_and_check_both_ways() {
    let mut random = Random(20);
    let entries = entries(&mut random, LARGEST);
    let leaves: Vec<_> = entries.iter().map(|entry| leaf(entry)).collect();
    let (mut theirs, mut ours) = (Theirs::new(), Frontier::new());
    for size in 1..=LARGEST {
        theirs.push(entries[size as usize - 1].clone());
        ours.push(leaves[size as usize - 1]);
        let their_root = theirs.root();
        assert_eq!(ours.root()[..], their_root.as_bytes()[..], "{size}");
        let index = random.below(size);
        let their_path = theirs.prove_inclusion(index as usize);
        let before = frontier(&leaves[..random.below(index + 1) as usize]);
        let prover = Prover::inclusion(&before, index, size).unwrap();
        let path = finished(prover, &before, &leaves[..size as usize]);
        assert_eq!(path, hashes(their_path.as_bytes()), "{index} of {size}");

        let proof = InclusionProof { index, size, path };
        assert_eq!(proof.verify(&leaves[index as usize], &ours.root()), Ok(()));
        let entry = &entries[index as usize];
        let made = TheirInclusion::try_from_bytes(proof.path.concat()).unwrap();
        assert!(their_root.verify_inclusion(entry, index, &made).is_ok());

        // A spoiled proof: both must say the same, whatever it is.
        let (spoiled, spoiled_index) = spoil(&mut random, proof.path.clone(), index);
        let theirs_too = TheirInclusion::try_from_bytes(spoiled.concat()).unwrap();
        let ours_say = InclusionProof { index: spoiled_index, size, path: spoiled }
            .verify(&leaves[index as usize], &ours.root());
        let they_say = their_root.verify_inclusion(entry, spoiled_index, &theirs_too);
        assert_eq!(ours_say.is_ok(), they_say.is_ok(), "{index} of {size}");
    }
}

#[test]
fn consistency_proofs_are_the_same_and_check_both_ways() {
    let mut random = Random(21);
    let entries = entries(&mut random, LARGEST);
    let leaves: Vec<_> = entries.iter().map(|entry| leaf(entry)).collect();
    let (mut theirs, mut ours) = (Theirs::new(), Frontier::new());
    for new in 1..=LARGEST {
        theirs.push(entries[new as usize - 1].clone());
        ours.push(leaves[new as usize - 1]);
        let old = 1 + random.below(new);
        let their_path = theirs.prove_consistency((new - old) as usize);
        let before = frontier(&leaves[..random.below(old + 1) as usize]);
        let prover = Prover::consistency(&before, old, new).unwrap();
        let path = finished(prover, &before, &leaves[..new as usize]);
        assert_eq!(path, hashes(their_path.as_bytes()), "{old} to {new}");

        let old_root = frontier(&leaves[..old as usize]).root();
        let proof = ConsistencyProof { old_size: old, new_size: new, path };
        assert_eq!(proof.verify(&old_root, &ours.root()), Ok(()));
        let their_old = RootHash::<Sha256>::new(old_root.into(), old);
        let made = TheirConsistency::try_from_bytes(proof.path.concat()).unwrap();
        assert!(theirs.root().verify_consistency(&their_old, &made).is_ok());

        let (spoiled, _) = spoil(&mut random, proof.path.clone(), 0);
        let theirs_too = TheirConsistency::try_from_bytes(spoiled.concat()).unwrap();
        let ours_say = ConsistencyProof { path: spoiled, ..proof }.verify(&old_root, &ours.root());
        let they_say = theirs.root().verify_consistency(&their_old, &theirs_too);
        assert_eq!(ours_say.is_ok(), they_say.is_ok(), "{old} to {new}");
    }
}

/// Changes a proof in one of the ways in which proofs go wrong, or not at all.
fn spoil(random: &mut Random, mut path: Vec<Hash>, index: u64) -> (Vec<Hash>, u64) {
    let place = random.below(path.len().max(1) as u64) as usize;
    match random.below(6) {
        0 => drop(path.pop()),
        1 => path.push(random.array()),
        2 => path.insert(0, random.array()),
        3 => path.reverse(),
        4 => return (path, index + 1),
        _ => {
            if let Some(hash) = path.get_mut(place) {
                hash[random.below(32) as usize] ^= 1 << random.below(8);
            }
        }
    }
    (path, index)
}
