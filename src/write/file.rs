//! The file system as a log needs it: one small trait, so that every call can be made to fail in
//! tests, and the real one.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{CWD, OFlags, RenameFlags};

/// A file that grows. Shared, so that one thread can sync while another one appends.
pub(super) trait LogFile: Debug + Send + Sync {
    /// Appends some of `bytes` and says how many.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Makes everything that was appended survive a power cut.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the file to `length` bytes.
    fn cut(&self, length: u64) -> io::Result<()>;
    /// The length now.
    fn length(&self) -> io::Result<u64>;
    /// Which file this is, under whatever name it may stand now.
    fn identity(&self) -> io::Result<Identity>;
    /// Reads what stands at `offset`, also when the file has no name any more; 0 at the end.
    fn read_at(&self, offset: u64, room: &mut [u8]) -> io::Result<usize>;
    /// Takes the file for this writer alone until it is closed; false if another one has it.
    fn claim(&self) -> io::Result<bool>;
}

/// Device and inode of a file.
pub(super) type Identity = (u64, u64);

/// The right to be the one writer of a log, given back when dropped.
pub(super) trait Lock: Debug + Send {
    /// Which file holds the lock.
    fn identity(&self) -> io::Result<Identity>;
}

/// Whether a file that is opened may, must or must not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// It must be there.
    Existing,
    /// It is made if it is missing.
    Either,
    /// It must not be there.
    New,
}

/// The calls through which everything in `write` reaches files. Paths are never followed through
/// symlinks at their end and always name regular files.
pub(super) trait Disk: Debug + Send + Sync {
    /// Opens a file for appending; a new one has mode 0600.
    fn open(&self, path: &Path, opening: Opening) -> io::Result<Arc<dyn LogFile>>;
    /// Which file has this name now; none if there is no such file.
    fn identity(&self, path: &Path) -> io::Result<Option<Identity>>;
    /// How long the file with this name is now; none if there is no such file.
    fn length(&self, path: &Path) -> io::Result<Option<u64>>;
    /// Whether a thread of its own may work on closed segments. Where faults are injected by the
    /// number of the call, calls must come in one order.
    fn has_threads(&self) -> bool {
        true
    }
    /// Writes `bytes` over what should be the same bytes at `offset`, and syncs them.
    ///
    /// After a failed sync the system may take pages for written that are not: only what is
    /// written again is synced again.
    fn write_again(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Opens a file for reading, or says that there is none.
    fn read(&self, path: &Path) -> io::Result<Option<Box<dyn Read>>>;
    /// Renames a file; the new name must be free.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Renames a file over one that may be there.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file, if it is there.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;
    /// Makes creations and renames in a folder survive a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Takes the lock `path` and writes `holder` into it; gives what the present holder wrote when
    /// there is one.
    fn lock(&self, path: &Path, holder: &str) -> io::Result<Result<Box<dyn Lock>, String>>;
}

/// The real file system.
#[derive(Debug)]
pub(super) struct RealDisk;

impl LogFile for File {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self;
        file.write(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn identity(&self) -> io::Result<Identity> {
        self.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
    }

    fn read_at(&self, offset: u64, room: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, room, offset)
    }

    fn claim(&self) -> io::Result<bool> {
        match self.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[derive(Debug)]
struct FileLock {
    held: File,
}

impl Lock for FileLock {
    fn identity(&self) -> io::Result<Identity> {
        LogFile::identity(&self.held)
    }
}

/// Never through a symlink, never waiting for the other end of a pipe.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    options.mode(0o600);
    options
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, opening: Opening) -> io::Result<Arc<dyn LogFile>> {
        let mut options = options();
        options.read(true).append(true);
        match opening {
            Opening::Existing => &mut options,
            Opening::Either => options.create(true),
            Opening::New => options.create_new(true),
        };
        Ok(Arc::new(regular(options.open(path)?)?))
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_again(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = regular(options().write(true).open(path)?)?;
        file.write_all_at(bytes, offset)?;
        file.sync_data()
    }

    fn read(&self, path: &Path) -> io::Result<Option<Box<dyn Read>>> {
        match options().read(true).open(path) {
            Ok(file) => Ok(Some(Box::new(regular(file)?))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // File systems without that flag: the lock is held, so nobody else of ours is here.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !to.exists() => {
                std::fs::rename(from, to)
            }
            result => Ok(result?),
        }
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Result<Box<dyn Lock>, String>> {
        // Not through `append`: the holder's words replace those of the one before.
        let mut options = options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = regular(options.open(path)?)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                file.write_all(holder.as_bytes())?;
                Ok(Ok(Box::new(FileLock { held: file })))
            }
            Err(TryLockError::WouldBlock) => {
                let mut bytes = Vec::new();
                file.take(256).read_to_end(&mut bytes)?;
                Ok(Err(String::from_utf8_lossy(&bytes).trim().to_owned()))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Appends all of `bytes`. After an error the file may hold some of them.
pub(super) fn append_all(file: &dyn LogFile, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match file.append(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
