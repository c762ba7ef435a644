//! What somebody does who can write the files of a log and has none of its keys. Each deed can be
//! undone, so that the next one meets a sound log.

use std::fs;
use std::path::{Path, PathBuf};

use fernlog::format::LogPath;
use fernlog::read::{Content, Log};

use crate::failure::Failure;

/// Files as they were.
#[derive(Debug)]
pub(super) struct Kept(Vec<(PathBuf, Vec<u8>)>);

impl Kept {
    /// Reads files into memory.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub(super) fn of(paths: &[PathBuf]) -> Result<Self, Failure> {
        let read = |path: &PathBuf| match fs::read(path) {
            Ok(bytes) => Ok((path.clone(), bytes)),
            Err(error) => Err(Failure::file(path, &error)),
        };
        paths.iter().map(read).collect::<Result<_, _>>().map(Kept)
    }

    /// Puts the files back.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub(super) fn put_back(&self) -> Result<(), Failure> {
        self.0.iter().try_for_each(|(path, bytes)| {
            fs::write(path, bytes).map_err(|error| Failure::file(path, &error))
        })
    }
}

/// Where a line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) file: PathBuf,
    /// Its number, from 1.
    pub(super) line: u64,
    start: usize,
    length: usize,
}

/// Finds the line with this index.
///
/// # Errors
///
/// The log cannot be read or has no such line.
pub(super) fn find(log: &Path, index: u64) -> Result<Found, Failure> {
    let missing = || Failure::usage(format!("there is no line #{index}"));
    let log = Log::open(&LogPath::new(log).ok_or_else(missing)?)?;
    let mut reader = log.reader();
    while let Some(line) = reader.next_line()? {
        if let (true, Content::Token { line: token, .. }) =
            (line.index == Some(index), line.content)
        {
            return Ok(Found {
                file: line.file.to_owned(),
                line: line.place.line,
                start: usize::try_from(line.place.byte).map_err(|_| missing())?,
                length: token.len(),
            });
        }
    }
    Err(missing())
}

impl Found {
    /// Changes one character in the middle, to another that may stand there.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub(super) fn alter(&self) -> Result<(), Failure> {
        self.edit(|bytes| {
            if let Some(byte) = bytes.get_mut(self.start + self.length / 2) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
        })
    }

    /// Removes the line.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub(super) fn delete(&self) -> Result<(), Failure> {
        self.edit(|bytes| drop(bytes.drain(self.start..=self.start + self.length)))
    }

    fn edit(&self, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), Failure> {
        let failed = |error| Failure::file(&self.file, &error);
        let mut bytes = fs::read(&self.file).map_err(failed)?;
        if bytes.len() > self.start + self.length {
            change(&mut bytes);
        }
        fs::write(&self.file, bytes).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_lines() -> (tempfile::TempDir, Found) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.log");
        fs::write(&file, "first\nsecAnd\nthird\n").unwrap();
        (folder, Found { file, line: 2, start: 6, length: 6 })
    }

    #[test]
    fn one_character_is_altered() {
        let (_folder, found) = three_lines();
        found.alter().unwrap();
        assert_eq!(fs::read_to_string(&found.file).unwrap(), "first\nsecBnd\nthird\n");
    }

    #[test]
    fn a_line_is_deleted_with_its_end_and_put_back() {
        let (_folder, found) = three_lines();
        let kept = Kept::of(std::slice::from_ref(&found.file)).unwrap();
        found.delete().unwrap();
        assert_eq!(fs::read_to_string(&found.file).unwrap(), "first\nthird\n");
        kept.put_back().unwrap();
        assert_eq!(fs::read_to_string(&found.file).unwrap(), "first\nsecAnd\nthird\n");
    }
}
