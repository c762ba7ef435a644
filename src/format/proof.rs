//! Proofs of RFC 6962 sections 2.1.1 and 2.1.2: made from a frontier and the leaves behind it,
//! checked as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say.

use std::fmt;

use crate::format::tree::{Frontier, Hash, node};

/// That one leaf is in the tree of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// Index of the leaf.
    pub index: u64,
    /// Number of entries in the tree.
    pub size: u64,
    /// Siblings on the way from the leaf to the root.
    pub path: Vec<Hash>,
}

impl InclusionProof {
    /// Checks that `leaf` stands at the index under `root`.
    ///
    /// # Errors
    ///
    /// [`ProofError`] when it does not, or when the proof has another number of hashes.
    pub fn verify(&self, leaf: &Hash, root: &Hash) -> Result<(), ProofError> {
        if self.index >= self.size {
            return Err(ProofError);
        }
        let (mut index, mut last) = (self.index, self.size - 1);
        let mut hash = *leaf;
        for sibling in &self.path {
            if last == 0 {
                return Err(ProofError);
            }
            if index & 1 == 1 || index == last {
                hash = node(sibling, &hash);
                while index & 1 == 0 && index != 0 {
                    (index, last) = (index >> 1, last >> 1);
                }
            } else {
                hash = node(&hash, sibling);
            }
            (index, last) = (index >> 1, last >> 1);
        }
        if last == 0 && hash == *root { Ok(()) } else { Err(ProofError) }
    }
}

/// That the tree of one size begins with the tree of a smaller size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Number of entries in the smaller tree.
    pub old_size: u64,
    /// Number of entries in the larger tree.
    pub new_size: u64,
    /// The hashes between them.
    pub path: Vec<Hash>,
}

impl ConsistencyProof {
    /// Checks that the tree under `new_root` extends the one under `old_root`.
    ///
    /// # Errors
    ///
    /// [`ProofError`] when it does not. A smaller tree without entries proves nothing and needs an
    /// empty path and its only possible root.
    pub fn verify(&self, old_root: &Hash, new_root: &Hash) -> Result<(), ProofError> {
        let ok = |fine: bool| if fine { Ok(()) } else { Err(ProofError) };
        let (old, new) = (self.old_size, self.new_size);
        if old > new {
            return Err(ProofError);
        }
        if old == new || old == 0 {
            let known = old > 0 || *old_root == Frontier::new().root();
            return ok(self.path.is_empty() && known && (old != new || old_root == new_root));
        }
        // A smaller tree that is one perfect subtree is its own first hash.
        let (seed, rest) = if old.is_power_of_two() {
            (*old_root, self.path.as_slice())
        } else {
            self.path.split_first().map(|(first, rest)| (*first, rest)).ok_or(ProofError)?
        };
        let shift = (old - 1).trailing_ones();
        let (mut index, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
        let (mut from_old, mut from_new) = (seed, seed);
        for hash in rest {
            if last == 0 {
                return Err(ProofError);
            }
            if index & 1 == 1 || index == last {
                from_old = node(hash, &from_old);
                from_new = node(hash, &from_new);
                while index & 1 == 0 && index != 0 {
                    (index, last) = (index >> 1, last >> 1);
                }
            } else {
                from_new = node(&from_new, hash);
            }
            (index, last) = (index >> 1, last >> 1);
        }
        ok(last == 0 && from_old == *old_root && from_new == *new_root)
    }
}

/// A proof that proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofError;

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proof does not lead to the root")
    }
}

impl std::error::Error for ProofError {}

/// Collects the hashes of a proof while the leaves of one stretch of the log pass by.
///
/// The needed subtrees are disjoint ranges of entries. What lies before the stretch is in its
/// frontier; the rest is folded up leaf by leaf, so a proof from a segment of any length needs the
/// memory of a few hundred hashes.
#[derive(Clone, Debug)]
pub struct Prover {
    /// The ranges in the order of the proof, each with the tree over its entries so far.
    subtrees: Vec<(u64, u64, Frontier)>,
    next: u64,
    size: u64,
}

impl Prover {
    /// Prepares the proof that entry `index` is in the tree of `size` entries.
    ///
    /// `before` is the frontier at or before `index`; the leaves from `before.size()` to `size`
    /// follow through [`Prover::push`].
    ///
    /// # Errors
    ///
    /// [`ProofError`] when `index` is not between the two.
    pub fn inclusion(before: &Frontier, index: u64, size: u64) -> Result<Self, ProofError> {
        if index < before.size() || index >= size {
            return Err(ProofError);
        }
        let (mut from, mut to, mut ranges) = (0, size, Vec::new());
        while to - from > 1 {
            let middle = from + split(to - from);
            if index < middle {
                ranges.push((middle, to));
                to = middle;
            } else {
                ranges.push((from, middle));
                from = middle;
            }
        }
        ranges.reverse();
        Self::over(before, ranges, size)
    }

    /// Prepares the proof that the tree of `new` entries begins with the tree of `old` entries.
    ///
    /// # Errors
    ///
    /// [`ProofError`] when `old` is before the frontier or not between 1 and `new`.
    pub fn consistency(before: &Frontier, old: u64, new: u64) -> Result<Self, ProofError> {
        if old < before.size() || old == 0 || old > new {
            return Err(ProofError);
        }
        // RFC 6962 section 2.1.2: SUBPROOF, from the root downwards.
        let (mut from, mut to, mut whole, mut ranges) = (0, new, true, Vec::new());
        while old != to {
            let middle = from + split(to - from);
            if old <= middle {
                ranges.push((middle, to));
                to = middle;
            } else {
                ranges.push((from, middle));
                from = middle;
                whole = false;
            }
        }
        if !whole {
            ranges.push((from, to));
        }
        ranges.reverse();
        Self::over(before, ranges, new)
    }

    fn over(before: &Frontier, ranges: Vec<(u64, u64)>, size: u64) -> Result<Self, ProofError> {
        let part = |(from, to)| part(before, from, to).map(|tree| (from, to, tree));
        let subtrees = ranges.into_iter().map(part).collect::<Option<_>>().ok_or(ProofError)?;
        Ok(Self { subtrees, next: before.size(), size })
    }

    /// Takes the leaf hash of the next entry.
    pub fn push(&mut self, leaf: Hash) {
        let at = self.next;
        if let Some((_, _, tree)) =
            self.subtrees.iter_mut().find(|(a, b, _)| (*a..*b).contains(&at))
        {
            tree.push(leaf);
        }
        self.next += 1;
    }

    /// The hashes of the proof.
    ///
    /// # Errors
    ///
    /// [`ProofError`] when leaves are missing.
    pub fn finish(self) -> Result<Vec<Hash>, ProofError> {
        if self.next < self.size {
            return Err(ProofError);
        }
        Ok(self.subtrees.iter().map(|(_, _, tree)| tree.root()).collect())
    }
}

/// The largest power of two that is smaller than `size`, for sizes over 1.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The tree over the entries from `from` to `to` as far as `before` reaches.
///
/// A range of a proof begins at a multiple of its own (rounded up) length, so what `before` has of
/// it are whole members of the frontier.
fn part(before: &Frontier, from: u64, to: u64) -> Option<Frontier> {
    let end = to.min(before.size());
    if end <= from {
        return Some(Frontier::new());
    }
    let (mut start, mut hashes) = (0, Vec::new());
    for hash in before.hashes() {
        let rest = before.size() - start;
        let length = 1 << (63 - rest.leading_zeros());
        if start >= from && start + length <= end {
            hashes.push(*hash);
        }
        start += length;
    }
    Frontier::from_parts(end - from, hashes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tree::leaf;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|i| leaf(&i.to_be_bytes())).collect()
    }

    fn frontier(leaves: &[Hash]) -> Frontier {
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|l| frontier.push(*l));
        frontier
    }

    #[test]
    fn every_entry_proves_from_every_frontier_before_it() {
        for size in 1..=33 {
            let leaves = leaves(size);
            let root = frontier(&leaves).root();
            for index in 0..size {
                for first in 0..=index {
                    let before = frontier(&leaves[..first as usize]);
                    let mut prover = Prover::inclusion(&before, index, size).unwrap();
                    leaves[first as usize..].iter().for_each(|l| prover.push(*l));
                    let proof = InclusionProof { index, size, path: prover.finish().unwrap() };
                    assert_eq!(proof.verify(&leaves[index as usize], &root), Ok(()));
                    assert!(proof.verify(&[0; 32], &root).is_err());
                }
            }
        }
    }

    #[test]
    fn every_two_sizes_prove_from_every_frontier_before_them() {
        for new in 1..=33 {
            let leaves = leaves(new);
            let new_root = frontier(&leaves).root();
            for old in 1..=new {
                let old_root = frontier(&leaves[..old as usize]).root();
                for first in 0..=old {
                    let before = frontier(&leaves[..first as usize]);
                    let mut prover = Prover::consistency(&before, old, new).unwrap();
                    leaves[first as usize..].iter().for_each(|l| prover.push(*l));
                    let path = prover.finish().unwrap();
                    let proof = ConsistencyProof { old_size: old, new_size: new, path };
                    assert_eq!(proof.verify(&old_root, &new_root), Ok(()), "{first} {old} {new}");
                    assert!(old == new || proof.verify(&new_root, &new_root).is_err());
                }
            }
        }
    }

    #[test]
    fn a_proof_with_one_hash_more_or_less_is_refused() {
        let leaves = leaves(13);
        let root = frontier(&leaves).root();
        let mut prover = Prover::inclusion(&Frontier::new(), 5, 13).unwrap();
        leaves.iter().for_each(|l| prover.push(*l));
        let good = InclusionProof { index: 5, size: 13, path: prover.finish().unwrap() };
        let mut longer = good.clone();
        longer.path.push([0; 32]);
        let mut shorter = good.clone();
        shorter.path.pop();
        assert!(good.verify(&leaves[5], &root).is_ok());
        assert!(longer.verify(&leaves[5], &root).is_err());
        assert!(shorter.verify(&leaves[5], &root).is_err());
        assert!(InclusionProof { index: 13, ..good }.verify(&leaves[5], &root).is_err());
    }

    #[test]
    fn missing_leaves_give_no_proof() {
        let prover = Prover::inclusion(&Frontier::new(), 0, 2).unwrap();
        assert_eq!(prover.finish(), Err(ProofError));
        assert!(Prover::consistency(&Frontier::new(), 0, 2).is_err());
        assert!(Prover::inclusion(&frontier(&leaves(3)), 1, 5).is_err());
    }
}
