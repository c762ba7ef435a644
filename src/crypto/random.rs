//! Randomness from the operating system, the only place that asks for it.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

/// IVs drawn with one system call; a larger block saves calls, a smaller one wastes less.
const IVS_PER_BLOCK: usize = 64;
const IV: usize = 16;

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomError;

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system's random generator failed")
    }
}

impl std::error::Error for RandomError {}

/// Fills `bytes` from the operating system's generator.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), RandomError> {
    SystemRandom::new().fill(bytes).map_err(|_| RandomError)
}

/// Initialisation vectors for tokens, drawn from the operating system in blocks.
///
/// After `fork` both processes hold the same undrawn block. CBC with a repeated IV shows which
/// records begin alike, so a block is thrown away as soon as the process id differs.
pub struct IvSource {
    block: [u8; IVS_PER_BLOCK * IV],
    used: usize,
    process: u32,
}

impl IvSource {
    /// Starts without a drawn block; nothing is asked of the system yet.
    #[must_use]
    pub fn new() -> Self {
        Self { block: [0; IVS_PER_BLOCK * IV], used: IVS_PER_BLOCK * IV, process: 0 }
    }

    /// Gives the next IV to the process with id `process`.
    ///
    /// # Errors
    ///
    /// When the operating system's generator fails. No weaker source is tried.
    pub fn next(&mut self, process: u32) -> Result<[u8; IV], RandomError> {
        if process != self.process || self.used >= self.block.len() {
            // Emptied first: if the draw fails, the old bytes are not used again.
            self.used = self.block.len();
            fill(&mut self.block)?;
            self.used = 0;
            self.process = process;
        }
        let mut iv = [0; IV];
        let end = self.used + IV;
        iv.copy_from_slice(self.block.get(self.used..end).ok_or(RandomError)?);
        self.used = end;
        Ok(iv)
    }
}

impl Default for IvSource {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for IvSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IvSource").field("used", &self.used).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_iv_comes_twice_over_many_blocks() {
        let mut source = IvSource::new();
        let ivs: HashSet<[u8; 16]> = (0..1000).map(|_| source.next(7).unwrap()).collect();
        assert_eq!(ivs.len(), 1000);
    }

    #[test]
    fn a_forked_child_draws_a_block_of_its_own() {
        let mut parent = IvSource::new();
        parent.next(100).unwrap();
        let mut child = IvSource { block: parent.block, used: parent.used, process: 100 };
        assert_ne!(parent.next(100).unwrap(), child.next(101).unwrap());
    }
}
