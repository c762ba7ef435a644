//! In a build without the feature `zstd`: compressed segments are refused by name.

use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};
use crate::read::files::Stretch;

/// What a compressed file holds. There is none in this build.
#[derive(Clone, Debug)]
pub(crate) enum Unpacked {}

impl Unpacked {
    pub(crate) fn new(_: Stretch, path: &Path) -> Result<Self> {
        Err(Error::refused(path, "this build reads no compressed segments (feature zstd)"))
    }

    pub(crate) fn len(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn from(&self, _: u64) -> Self {
        match *self {}
    }
}

impl Read for Unpacked {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}
