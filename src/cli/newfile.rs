//! Files that a command makes: under another name until they are whole, and never over a file that
//! is there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use fernlog::Error;
use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::input;
use crate::ui::Ui;
use crate::words;

/// A file in the making. It is gone unless [`NewFile::keep`] is called.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl NewFile {
    /// Begins a file that only its owner can read.
    ///
    /// # Errors
    ///
    /// There is a file of this name, or none can be made in its folder.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(Error::Exists { path: path.to_owned() }.into());
        }
        let file = tempfile::Builder::new()
            .prefix(".fernlog-")
            .tempfile_in(words::folder(path))
            .map_err(|error| Failure::file(path, &error))?;
        Ok(NewFile { path: path.to_owned(), file: BufWriter::with_capacity(1 << 16, file) })
    }

    /// Adds bytes.
    ///
    /// # Errors
    ///
    /// The disk takes no more.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| Failure::file(&self.path, &error))
    }

    /// Gives the file its name, once it is safely on the disk.
    ///
    /// # Errors
    ///
    /// The disk takes no more, or somebody made a file of this name meanwhile.
    pub(crate) fn keep(self) -> Result<(), Failure> {
        let failed = |error: &io::Error| Failure::file(&self.path, error);
        let file = self.file.into_inner().map_err(|error| failed(error.error()))?;
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        file.persist_noclobber(&self.path).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: self.path.clone() }.into(),
            _ => failed(&error.error),
        })?;
        let synced = File::open(words::folder(&self.path)).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed(&error))
    }
}

/// Where the data of a command goes: standard output, or the file of `-o`.
#[derive(Debug)]
pub(crate) enum Sink<'u> {
    /// Standard output.
    Out(&'u Ui),
    /// A new file.
    File(Box<NewFile>),
}

impl<'u> Sink<'u> {
    /// Standard output unless `-o` names a file.
    ///
    /// # Errors
    ///
    /// Those of [`NewFile::create`].
    pub(crate) fn new(output: Option<&Path>, ui: &'u Ui) -> Result<Self, Failure> {
        match output {
            Some(path) if !input::is_stdin(path) => {
                NewFile::create(path).map(|file| Sink::File(Box::new(file)))
            }
            _ => Ok(Sink::Out(ui)),
        }
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    ///
    /// There is no more room.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Sink::Out(ui) => ui.out().bytes(bytes),
            Sink::File(file) => file.write(bytes),
        }
    }

    /// Ends well: a file gets its name.
    ///
    /// # Errors
    ///
    /// Those of [`NewFile::keep`].
    pub(crate) fn keep(self) -> Result<(), Failure> {
        match self {
            Sink::Out(ui) => ui.out().flush(),
            Sink::File(file) => file.keep(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_kept_file_is_private_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut file = NewFile::create(&path).unwrap();
        file.write(b"text").unwrap();
        assert!(!path.exists());
        file.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"text");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn a_file_that_is_not_kept_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = NewFile::create(&folder.path().join("out")).unwrap();
        file.write(b"text").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn nothing_is_overwritten_at_the_start_or_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let file = NewFile::create(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(NewFile::create(&path).unwrap_err().message().contains("not overwritten"));
        assert!(file.keep().unwrap_err().message().contains("not overwritten"));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
        assert!(NewFile::create(&folder.path().join("link")).is_err());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let failure = NewFile::create(Path::new("/no/such/folder/out")).unwrap_err();
        assert_eq!(failure.message(), "/no/such/folder/out: no such file or directory");
    }
}
