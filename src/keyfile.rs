//! Key files on disk: read with the caution that secrets need, created so that nobody else can
//! read them and nothing is overwritten.
//!
//! Both the write and the read side load keys, so this stands beside them and below both.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FileType, Mode};
use zeroize::Zeroizing;

use crate::crypto::{KeyError, Keyring, SigningKey, VerifierKey};
use crate::error::{Error, Result};

/// A key file is never longer; what is longer is something else.
const MAX_KEY_FILE: u64 = 64 << 10;

/// Who else on this machine can read a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Only its owner.
    Private,
    /// Its group or everybody: worth a warning. Secrets mounted into containers look like this.
    Readable,
}

impl Keyring {
    /// Reads a key file: a regular file, a symlink to one, or a pipe.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a directory, a device, a file over 64 KiB, or one that others can
    /// write; [`Error::Key`] when it holds no keys; [`Error::Io`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with_exposure(path).map(|(ring, _)| ring)
    }

    /// Like [`Keyring::load`], and says who else can read the file.
    ///
    /// # Errors
    ///
    /// Those of [`Keyring::load`].
    pub fn load_with_exposure(path: impl AsRef<Path>) -> Result<(Self, Exposure)> {
        let path = path.as_ref();
        let (bytes, exposure) = read_secret(path)?;
        let failed = |source| Error::Key { path: Some(path.to_owned()), source };
        let text = std::str::from_utf8(&bytes).map_err(|_| failed(KeyError::Utf8))?;
        Self::from_text(text).map(|ring| (ring, exposure)).map_err(failed)
    }
}

impl SigningKey {
    /// Reads a `.sign` file: one line, the private key text of a signed note.
    ///
    /// # Errors
    ///
    /// Those of [`Keyring::load`], with [`Error::Note`] for text that is no such key.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (bytes, _) = read_secret(path)?;
        single_line(&bytes).and_then(SigningKey::from_text).map_err(note_error(path))
    }
}

impl VerifierKey {
    /// Reads a `.vkey` file: one line, the verifier key text of a signed note.
    ///
    /// # Errors
    ///
    /// Those of [`SigningKey::load`]; it is no secret, but a stranger must not be able to change
    /// it either.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (bytes, _) = read_secret(path)?;
        single_line(&bytes).and_then(VerifierKey::from_text).map_err(note_error(path))
    }
}

fn note_error(path: &Path) -> impl FnOnce(crate::crypto::NoteError) -> Error {
    move |source| Error::Note { path: Some(path.to_owned()), source }
}

/// The one line of `bytes` that is neither empty nor a comment.
fn single_line(bytes: &[u8]) -> Result<&str, crate::crypto::NoteError> {
    let wrong = crate::crypto::NoteError::Key;
    let text = std::str::from_utf8(bytes).map_err(|_| wrong.clone())?;
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(|line| line.trim_matches([' ', '\t', '\r', '\u{feff}']))
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(line),
        _ => Err(wrong),
    }
}

/// Reads a file that holds a secret.
///
/// # Errors
///
/// Those of [`Keyring::load`].
pub fn read_secret(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Exposure)> {
    let mut file = OpenOptions::new()
        .read(true)
        // A terminal device must not become ours.
        .custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed())
        .open(path)
        .map_err(Error::io("open", path))?;
    let exposure = check_secret(&file, path)?;
    // Room from the start: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE as usize + 1));
    Read::by_ref(&mut file)
        .take(MAX_KEY_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    if bytes.len() as u64 > MAX_KEY_FILE {
        return Err(Error::refused(path, "a key file has at most 64 KiB"));
    }
    Ok((bytes, exposure))
}

fn check_secret(file: &File, path: &Path) -> Result<Exposure> {
    let metadata = file.metadata().map_err(Error::io("look at", path))?;
    match FileType::from_raw_mode(metadata.mode()) {
        // Nobody else has a name for a pipe that a shell or a service manager made.
        FileType::Fifo | FileType::Socket => return Ok(Exposure::Private),
        FileType::RegularFile => {}
        FileType::Directory => return Err(Error::refused(path, "a directory is no key file")),
        _ => return Err(Error::refused(path, "a device is no key file")),
    }
    let mode = Mode::from_raw_mode(metadata.mode());
    if mode.intersects(Mode::WGRP | Mode::WOTH) {
        return Err(Error::refused(path, "others can write this key file; chmod go-w it"));
    }
    let readable = mode.intersects(Mode::RGRP | Mode::ROTH);
    Ok(if readable { Exposure::Readable } else { Exposure::Private })
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The owner alone: mode 0600.
    Private,
    /// Everybody: mode 0644.
    Public,
}

/// Creates a file that must not exist, writes `bytes`, and makes both durable.
///
/// # Errors
///
/// [`Error::Exists`], [`Error::Io`]. What was half-written is removed again.
pub fn create_new(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    let mode = if access == Access::Private { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(
        |source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
            _ => Error::Io { action: "create", path: path.to_owned(), source },
        },
    )?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(source) = written {
        // Ours alone: it was created a moment ago.
        let _ = std::fs::remove_file(path);
        return Err(Error::Io { action: "write", path: path.to_owned(), source });
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| {
        // The caller is told that there is no file, so there must be none.
        let _ = std::fs::remove_file(path);
        Error::Io { action: "sync", path: folder.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=\n";

    fn file(mode: u32, text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_private_key_file_reads_and_a_readable_one_is_noted() {
        let (_folder, path) = file(0o600, KEY.as_bytes());
        assert_eq!(Keyring::load_with_exposure(&path).unwrap().1, Exposure::Private);
        let (_folder, path) = file(0o644, KEY.as_bytes());
        assert_eq!(Keyring::load_with_exposure(&path).unwrap().1, Exposure::Readable);
    }

    #[test]
    fn a_key_file_that_others_can_write_is_refused() {
        let (_folder, path) = file(0o666, KEY.as_bytes());
        assert!(matches!(Keyring::load(&path), Err(Error::Refused { .. })));
    }

    #[test]
    fn a_symlink_to_a_key_file_is_fine() {
        let (folder, path) = file(0o600, KEY.as_bytes());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(path, &link).unwrap();
        assert!(Keyring::load(link).is_ok());
    }

    #[test]
    fn directories_devices_and_endless_files_are_refused() {
        assert!(matches!(Keyring::load("/"), Err(Error::Refused { .. })));
        assert!(matches!(Keyring::load("/dev/zero"), Err(Error::Refused { .. })));
        let (_folder, path) = file(0o600, &vec![b'#'; 70_000]);
        assert!(matches!(Keyring::load(path), Err(Error::Refused { .. })));
    }

    #[test]
    fn an_empty_or_cut_key_file_is_named() {
        let (_folder, path) = file(0o600, b"");
        let error = Keyring::load(&path).unwrap_err();
        assert!(matches!(error, Error::Key { source: KeyError::Empty, .. }));
        assert!(error.to_string().contains("a.key"));
        let (_folder, path) = file(0o600, &KEY.as_bytes()[..30]);
        let error = Keyring::load(&path).unwrap_err();
        assert!(matches!(error, Error::Key { source: KeyError::Line(1), .. }));
        assert!(!error.to_string().contains("cw_0"));
    }

    #[test]
    fn a_new_file_is_private_and_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.key");
        create_new(&path, b"x", Access::Private).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(create_new(&path, b"y", Access::Private), Err(Error::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
    }
}
