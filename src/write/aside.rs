//! Files that are put in order before anything is appended to them: opened for one writer alone,
//! their torn tails saved and cut, their lines made durable.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::write::chain::exists;
use crate::write::file::{Disk, LogFile, Opening, append_all};
use crate::write::scan::Tail;

/// A tail that was copied to a file of its own, to be cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetAside {
    /// The file that ended with it.
    pub file: PathBuf,
    /// The file that holds it now.
    pub saved: PathBuf,
    /// Where it began, in bytes; the length of the file now.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Opens the active segment for this writer alone. The lock says so already; it is a file of its
/// own, which somebody may have removed.
pub(super) fn open_log(disk: &dyn Disk, path: &Path) -> Result<Arc<dyn LogFile>> {
    let log = open_file(disk, path, Opening::Either)?;
    if log.claim().map_err(Error::io("lock", path))? {
        Ok(log)
    } else {
        Err(Error::Locked { path: path.to_owned(), holder: "its lock file was removed".to_owned() })
    }
}

/// Makes lines durable that an earlier writer may have failed to sync: after such a failure the
/// system can take pages for written that are not, so they are written over with themselves.
pub(super) fn sync_again(
    disk: &dyn Disk,
    log: &dyn LogFile,
    path: &Path,
    lines: Range<u64>,
) -> Result<()> {
    let mut chunk = vec![0; 1 << 20];
    let mut at = lines.start;
    while at < lines.end {
        let most = chunk.len().min(usize::try_from(lines.end - at).unwrap_or(usize::MAX));
        let room = chunk.get_mut(..most).unwrap_or_default();
        let count = log.read_at(at, room).map_err(Error::io("read", path))?;
        let Some(bytes) = room.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        match disk.write_again(path, at, bytes) {
            // A file that can only be appended to.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => break,
            result => result.map_err(Error::io("write", path))?,
        }
        at += count as u64;
    }
    log.sync().map_err(Error::io("sync", path))
}

/// As [`sync_again`], for a whole small file, if it is there.
pub(super) fn sync_whole(disk: &dyn Disk, path: &Path) -> Result<()> {
    if !exists(disk, path)? {
        return Ok(());
    }
    let file = open_file(disk, path, Opening::Existing)?;
    let length = file.length().map_err(Error::io("look at", path))?;
    sync_again(disk, &*file, path, 0..length)
}

pub(super) fn open_file(
    disk: &dyn Disk,
    path: &Path,
    opening: Opening,
) -> Result<Arc<dyn LogFile>> {
    disk.open(path, opening).map_err(Error::io("open", path))
}

/// Copies the tail of a file to one of its own and makes that durable.
pub(super) fn save_aside(disk: &dyn Disk, path: &Path, tail: Tail) -> Result<SetAside> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let base = format!("{name}.torn-{}", tail.offset);
    // A crash in the middle of an earlier recovery leaves a copy: it is kept as well.
    let names = std::iter::once(base.clone()).chain((2..1000).map(|n| format!("{base}-{n}")));
    let mut saved: Option<(PathBuf, Arc<dyn LogFile>)> = None;
    for name in names {
        let to = folder.join(&name);
        match disk.open(&to, Opening::New) {
            Ok(file) => {
                saved = Some((to, file));
                break;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(Error::Io { action: "create", path: to, source }),
        }
    }
    let Some((to, file)) = saved else {
        return Err(Error::Exists { path: folder.join(base) });
    };
    let read_error = || Error::io("read", path);
    let mut source = disk
        .read(path)
        .map_err(read_error())?
        .ok_or_else(|| Error::refused(path, "it was removed while it was being opened"))?;
    let skipped =
        std::io::copy(&mut std::io::Read::take(&mut source, tail.offset), &mut std::io::sink());
    skipped.map_err(read_error())?;
    let mut chunk = vec![0; 64 << 10];
    loop {
        match source.read(&mut chunk).map_err(read_error())? {
            0 => break,
            count => append_all(&*file, &chunk[..count]).map_err(Error::io("write", &to))?,
        }
    }
    file.sync().map_err(Error::io("sync", &to))?;
    disk.sync_folder(folder).map_err(Error::io("sync", folder))?;
    Ok(SetAside { file: path.to_owned(), saved: to, offset: tail.offset, bytes: tail.length })
}

pub(super) fn cut(file: &dyn LogFile, path: &Path, tail: Tail) -> Result<()> {
    file.cut(tail.offset).and_then(|()| file.sync()).map_err(Error::io("cut", path))
}
