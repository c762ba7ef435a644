//! In a build without the feature `zstd`: compressed segments are refused by name.

use std::convert::Infallible;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};
use crate::read::files::Stretch;

/// What a compressed file holds. There is none in this build.
#[derive(Clone, Debug)]
pub(crate) struct Unpacked(Infallible);

impl Unpacked {
    pub(crate) fn new(_: Stretch, path: &Path) -> Result<Self> {
        Err(Error::refused(path, "this build reads no compressed segments (feature zstd)"))
    }

    pub(crate) fn len(&self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn from(&self, _: u64) -> Self {
        match self.0 {}
    }
}

impl Read for Unpacked {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use crate::read::Source;

    #[test]
    fn a_compressed_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.000007.log.zst");
        assert!(Source::open_compressed(&path).unwrap().is_none());
        std::fs::write(&path, "x").unwrap();
        let said = Source::open_compressed(&path).unwrap_err().to_string();
        assert!(said.contains("audit.000007.log.zst") && said.contains("feature zstd"), "{said}");
    }
}
