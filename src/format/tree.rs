//! The history tree of RFC 6962 section 2.1, kept as a compact range.
//!
//! The tree over n entries splits into perfect subtrees, one for each set bit of n. Their roots,
//! largest first, are the *frontier*: at most 64 hashes are all that a writer has to remember and
//! all that a verifier needs to go on from.

use crate::crypto::sha;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// More entries than any log can have. A header may claim any number, and what stands behind it is
/// counted on from there.
const MAX_SIZE: u64 = 1 << 62;

/// The hash of an entry: `H(0x00 || data)`.
#[must_use]
pub fn leaf(data: &[u8]) -> Hash {
    let mut first = [0; 64];
    match data.split_first_chunk::<63>() {
        Some((start, rest)) => {
            first[1..].copy_from_slice(start);
            let mut state = sha::START;
            sha::compress(&mut state, &first);
            sha::finish(state, rest, data.len() + 1)
        }
        None => {
            first[1..=data.len()].copy_from_slice(data);
            sha::finish(sha::START, &first[..=data.len()], data.len() + 1)
        }
    }
}

/// The hash of an inner node: `H(0x01 || left || right)`.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut data = [1; 65];
    data[1..33].copy_from_slice(left);
    data[33..].copy_from_slice(right);
    sha::finish(sha::START, &data, data.len())
}

/// The maximal perfect subtrees of the first `size` entries, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// The frontier of no entries.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 0, hashes: Vec::with_capacity(64) }
    }

    /// Takes a frontier that was written down; none if `size` calls for another number of hashes
    /// or is so large that counting on from it could overflow.
    #[must_use]
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        let fits = size <= MAX_SIZE && hashes.len() == size.count_ones() as usize;
        fits.then_some(Self { size, hashes })
    }

    /// The number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, largest first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Adds the leaf hash of the next entry.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one of the size is a subtree that the new leaf completes to twice itself.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                hash = node(&left, &hash);
            }
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The root of all entries so far; of none, the hash of the empty string.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut from_right = self.hashes.iter().rev();
        match from_right.next() {
            Some(last) => from_right.fold(*last, |right, left| node(left, &right)),
            None => sha::finish(sha::START, b"", 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// RFC 6962 section 2.1, word for word.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [one] => *one,
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                node(&mth(&leaves[..k]), &mth(&leaves[k..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_rfc_at_every_size() {
        let mut frontier = Frontier::new();
        let mut leaves = Vec::new();
        for i in 0..200_u8 {
            assert_eq!(frontier.root(), mth(&leaves));
            leaves.push(leaf(&[i]));
            frontier.push(leaf(&[i]));
        }
    }

    #[test]
    fn leaves_and_nodes_are_plain_sha256_with_their_prefix() {
        for length in [0, 1, 62, 63, 64, 126, 127, 128, 356] {
            let data = vec![7; length];
            let expected: Hash = Sha256::digest([&[0][..], &data].concat()).into();
            assert_eq!(leaf(&data), expected, "{length}");
        }
        let expected: Hash = Sha256::digest([&[1][..], &[2; 32], &[3; 32]].concat()).into();
        assert_eq!(node(&[2; 32], &[3; 32]), expected);
    }

    #[test]
    fn a_written_frontier_goes_on_where_it_stopped() {
        let mut whole = Frontier::new();
        (0..100_u8).for_each(|i| whole.push(leaf(&[i])));
        let mut resumed = Frontier::from_parts(100, whole.hashes().to_vec()).unwrap();
        resumed.push(leaf(b"next"));
        whole.push(leaf(b"next"));
        assert_eq!(resumed, whole);
        assert_eq!(Frontier::from_parts(5, vec![[0; 32]]), None);
    }

    #[test]
    fn a_frontier_of_impossible_size_is_none() {
        assert_eq!(Frontier::from_parts(u64::MAX, vec![[0; 32]; 64]), None);
        let mut largest = Frontier::from_parts(MAX_SIZE, vec![[0; 32]]).unwrap();
        largest.push([0; 32]);
        assert_eq!(largest.size(), MAX_SIZE + 1);
    }
}
