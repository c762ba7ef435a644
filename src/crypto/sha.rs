//! SHA-256 over blocks in place (FIPS 180-4), for the two places where a copy per record shows:
//! the MAC of a token and the hashes of the tree.

use sha2::digest::generic_array::GenericArray;

/// The initial state.
pub(crate) const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Absorbs one block.
pub(crate) fn compress(state: &mut [u32; 8], block: &[u8; 64]) {
    sha2::compress256(state, std::slice::from_ref(GenericArray::from_slice(block)));
}

/// Absorbs the rest of a message and its padding; `total` is the length of the whole message in
/// bytes, with all blocks that were absorbed before.
pub(crate) fn finish(mut state: [u32; 8], data: &[u8], total: usize) -> [u8; 32] {
    let (blocks, tail) = data.as_chunks::<64>();
    for block in blocks {
        compress(&mut state, block);
    }
    let mut block = [0; 64];
    // `tail` is shorter than a block, so there is room for it and for the marker byte.
    block[..tail.len()].copy_from_slice(tail);
    block[tail.len()] = 0x80;
    if tail.len() + 9 > block.len() {
        compress(&mut state, &block);
        block = [0; 64];
    }
    block[56..].copy_from_slice(&(total as u64 * 8).to_be_bytes());
    compress(&mut state, &block);
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn every_length_agrees_with_the_library() {
        let data: Vec<u8> = (0..300).map(|i| i as u8).collect();
        for length in 0..data.len() {
            let expected: [u8; 32] = Sha256::digest(&data[..length]).into();
            assert_eq!(finish(START, &data[..length], length), expected);
        }
    }
}
