//! The state file: read with the caution of a key file, replaced as a whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use fernlog::Error;
use fernlog::keyfile;
use fernlog::read::State;

use crate::escape;
use crate::failure::Failure;
use crate::input;
use crate::ui::Ui;
use crate::words;

/// A state file and what it said at the beginning of the run.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Nothing when there is no file yet.
    pub(super) state: Option<State>,
}

impl StateFile {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    ///
    /// It cannot be read, others can write it, or it is damaged: an auditor whose memory is
    /// damaged must not start afresh without noticing.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if input::is_stdin(path) {
            return Err(Failure::usage("--state is a file that is written, not standard input"));
        }
        let path = path.to_owned();
        let bytes = match keyfile::read_secret(&path) {
            Ok((bytes, _)) => bytes,
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(StateFile { path, state: None });
            }
            Err(Error::Refused { path, .. }) => {
                let name = escape::path(&path);
                return Err(Failure::usage(format!("{name} cannot be a state file"))
                    .hint("it is a file of at most 64 KiB that nobody else can write"));
            }
            Err(error) => return Err(error.into()),
        };
        let state = std::str::from_utf8(&bytes).ok().and_then(|t| State::from_text(&path, t).ok());
        let Some(state) = state else {
            let message = format!("{}: not a state file, or a damaged one", escape::path(&path));
            return Err(Failure::usage(message).hint(
                "restore it from a copy; without it, what was cut off since the last check would \
                 not be noticed",
            ));
        };
        Ok(StateFile { path, state: Some(state) })
    }

    /// Keeps what this check saw.
    ///
    /// # Errors
    ///
    /// The file cannot be written. The old one is still there then.
    pub(super) fn keep(&self, state: Option<&State>, ui: &Ui) -> Result<(), Failure> {
        let Some(state) = state else {
            ui.warning("there is no checkpoint to keep in the state file");
            return Ok(());
        };
        self.replace(state.to_text().as_bytes()).map_err(|error| Failure::file(&self.path, &error))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let folder = words::folder(&self.path);
        let mut file = tempfile::Builder::new().prefix(".fernlog-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_is_not_there_yet_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(StateFile::open(&folder.path().join("state")).unwrap().state.is_none());
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        std::fs::write(&path, "{}").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(StateFile::open(&path).unwrap_err().message().contains("damaged"));
    }

    #[test]
    fn a_file_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        std::fs::write(&path, "{}").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(StateFile::open(&path).unwrap_err().hints()[0].contains("nobody else can write"));
    }

    #[test]
    fn the_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let file = StateFile { path: path.clone(), state: None };
        file.replace(b"one").unwrap();
        file.replace(b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
