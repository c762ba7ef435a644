//! Finding the files of a log and opening them with the caution that foreign files need.
//!
//! Nothing here writes. Every file is opened without following symlinks and without blocking, and
//! is refused unless it is a regular file: a reader that waits on a planted FIFO or eats a device
//! is out of service.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::crypto::TokenShape;
use crate::error::{Error, Result};
use crate::format::{Lines, LogPath, MAX_LINE, Scan};
use crate::read::zst::Unpacked;

/// The bytes of a file from one offset on. Reading stops where the file ended when it was opened,
/// even when it grows. What a compressed file holds is read as if it stood there uncompressed.
#[derive(Clone, Debug)]
pub struct Source(Form);

#[derive(Clone, Debug)]
enum Form {
    Plain(Stretch),
    Compressed(Box<Unpacked>),
}

impl Source {
    /// Opens a regular file; none if there is no file of this name.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a symlink, FIFO, device or directory, [`Error::Io`].
    pub fn open(path: &Path) -> Result<Option<Self>> {
        Ok(Stretch::open(path)?.map(|stretch| Self(Form::Plain(stretch))))
    }

    /// Opens a regular file that is compressed with zstd; none if there is no file of this name.
    ///
    /// Reading it gives an error that says where and why when it is not one or more whole frames
    /// and nothing else.
    ///
    /// # Errors
    ///
    /// Those of [`Source::open`]; [`Error::Refused`] in a build without the feature `zstd`.
    pub fn open_compressed(path: &Path) -> Result<Option<Self>> {
        let Some(stretch) = Stretch::open(path)? else { return Ok(None) };
        let unpacked = Unpacked::new(stretch, path)?;
        Ok(Some(Self(Form::Compressed(Box::new(unpacked)))))
    }

    /// Number of bytes that are left. What a compressed file says about that is only a claim, good
    /// enough to show how far reading has come.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Form::Plain(stretch) => stretch.len(),
            Form::Compressed(unpacked) => unpacked.len(),
        }
    }

    /// Whether there is nothing to read, as far as [`Source::len`] knows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same bytes from `offset` on. To come there in a compressed file, everything before it is
    /// decompressed.
    #[must_use]
    pub fn from(&self, offset: u64) -> Self {
        Self(match &self.0 {
            Form::Plain(stretch) => Form::Plain(stretch.from(offset)),
            Form::Compressed(unpacked) => Form::Compressed(Box::new(unpacked.from(offset))),
        })
    }

    /// The same bytes and what was written behind them since the file was opened.
    pub(crate) fn grown(&self) -> io::Result<Self> {
        Ok(Self(match &self.0 {
            Form::Plain(stretch) => {
                let end = stretch.file.metadata()?.len();
                Form::Plain(Stretch { end, ..stretch.clone() })
            }
            Form::Compressed(_) => return Ok(self.clone()),
        }))
    }

    /// Device and inode, by which a file is known under any name; none if it is compressed.
    pub(crate) fn identity(&self) -> Option<(u64, u64)> {
        match &self.0 {
            Form::Plain(stretch) => {
                stretch.file.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
            }
            Form::Compressed(_) => None,
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Form::Plain(stretch) => stretch.read(buffer),
            Form::Compressed(unpacked) => unpacked.read(buffer),
        }
    }
}

/// The bytes of a file, as they stand there, from one offset to another.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Stretch {
    fn open(path: &Path) -> Result<Option<Self>> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened =
            OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused_or_io(path, error)),
        };
        let metadata = file.metadata().map_err(Error::io("look at", path))?;
        if !metadata.is_file() {
            return Err(Error::refused(path, "only a regular file can be a file of a log"));
        }
        Ok(Some(Self { file: Arc::new(file), at: 0, end: metadata.len() }))
    }

    pub(crate) fn len(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    fn from(&self, offset: u64) -> Self {
        Self { at: self.at.saturating_add(offset).min(self.end), ..self.clone() }
    }
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.len()).unwrap_or(usize::MAX).min(buffer.len());
        // Positioned, so that several threads can read through one descriptor.
        let count = self.file.read_at(buffer.get_mut(..room).unwrap_or_default(), self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

fn refused_or_io(path: &Path, source: io::Error) -> Error {
    match source.raw_os_error() {
        // O_NOFOLLOW met a symlink.
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
            Error::refused(path, "a symlink is no file of a log")
        }
        // A socket cannot be opened at all.
        Some(code) if code == rustix::io::Errno::NXIO.raw_os_error() => {
            Error::refused(path, "only a regular file can be a file of a log")
        }
        _ => Error::Io { action: "open", path: path.to_owned(), source },
    }
}

/// The logs that `path` stands for: a log, any file of one, or a folder that holds some.
///
/// In a folder, whatever has a `.chain` is a log, and so is a `.log` or `.zst` file that begins
/// with a token; other files are passed over.
///
/// # Errors
///
/// [`Error::NotALog`] when a folder holds none, [`Error::Io`] when nothing is there.
pub fn locate(path: &Path) -> Result<Vec<LogPath>> {
    if path.is_dir() {
        return logs_in(path);
    }
    let log = LogPath::of_file(path)
        .ok_or_else(|| Error::not_a_log(path, "its name is not valid UTF-8"))?;
    if log.segments(file_names(log.folder())?).is_empty() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        return Err(Error::Io { action: "open", path: path.to_owned(), source: missing });
    }
    Ok(vec![log])
}

fn logs_in(folder: &Path) -> Result<Vec<LogPath>> {
    let mut found = BTreeSet::new();
    for name in file_names(folder)? {
        let path = folder.join(&name);
        let extension = path.extension().and_then(|e| e.to_str());
        let is_log = match extension {
            Some("chain") => true,
            Some("log") => begins_with_token(Source::open(&path)),
            // Of a plain log perhaps nothing else is there.
            Some("zst") => {
                LogPath::of_file(&path).is_some_and(|log| log.active() != path)
                    && begins_with_token(Source::open_compressed(&path))
            }
            _ => false,
        };
        if let Some(log) = is_log.then(|| LogPath::of_file(&path)).flatten() {
            found.insert(log.active());
        }
    }
    let logs: Vec<_> = found.iter().filter_map(|active| LogPath::new(active)).collect();
    if logs.is_empty() {
        return Err(Error::not_a_log(folder, "this folder holds no log"));
    }
    Ok(logs)
}

fn begins_with_token(source: Result<Option<Source>>) -> bool {
    let Ok(Some(source)) = source else { return false };
    let mut lines = Lines::new(source.take(MAX_LINE as u64 + 1), MAX_LINE);
    matches!(lines.next_line(), Ok(Some((_, Scan::Line(line)))) if TokenShape::of(line).is_ok())
}

/// The names of the files in `folder`, in no order.
pub(crate) fn file_names(folder: &Path) -> Result<Vec<OsString>> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("list", folder))?;
    entries
        .map(|entry| entry.map(|entry| entry.file_name()).map_err(Error::io("list", folder)))
        .collect()
}

/// Whether the file at `path` is still the one that `source` reads.
pub(crate) fn is_still(path: &Path, source: Option<&Source>) -> bool {
    let now = std::fs::symlink_metadata(path).ok().map(|m| (m.dev(), m.ino()));
    now == source.and_then(Source::identity)
}

/// `path` with `suffix` behind its file name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_a_symlink_and_a_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("real"), "x").unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RUSR).unwrap();
        for name in ["link", "folder", "fifo"] {
            let error = Source::open(&at(name)).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{name}: {error}");
        }
        assert!(Source::open(Path::new("/dev/zero")).is_err());
        assert!(Source::open(&at("none")).unwrap().is_none());
    }

    #[test]
    fn reading_stops_where_the_file_ended_when_it_was_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "12345").unwrap();
        let source = Source::open(&path).unwrap().unwrap();
        std::fs::write(&path, "1234567890").unwrap();
        let mut text = String::new();
        source.from(1).read_to_string(&mut text).unwrap();
        assert_eq!(text, "2345");
    }

    #[test]
    fn a_folder_stands_for_the_logs_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b.log", "a.000000.log.chain", "a.log.chain", "a.log", "a.key"] {
            std::fs::write(at(name), "no token\n").unwrap();
        }
        assert_eq!(locate(folder.path()).unwrap(), [LogPath::new(&at("a.log")).unwrap()]);
        let one = locate(&at("a.000000.log.chain")).unwrap();
        assert_eq!(one, [LogPath::new(&at("a.log")).unwrap()]);
        assert!(locate(&at("missing.log")).is_err());
    }

    #[test]
    fn a_folder_without_logs_says_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(locate(folder.path()), Err(Error::NotALog { .. })));
    }
}
