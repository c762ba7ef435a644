//! A closed segment becomes a `.zst`: written beside it under a name that no reader looks at,
//! synced, read back and compared, and only then put in its place. Until the `.log` is gone it is
//! the one that counts, so a crash at any step leaves a log that can be read.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use crate::write::closed::Work;
use crate::write::closed::codec;
use crate::write::closed::list::{self, Kind};
use crate::write::file::{LogFile, Opening};

impl Work {
    /// Compresses the closed segments that are not compressed, the oldest first.
    pub(super) fn compress(&self) {
        // What cannot be listed now can be at the next roll.
        let Ok(files) = list::files(&*self.disk, &self.path) else { return };
        for (number, kinds) in files {
            if kinds.contains(&Kind::Unfinished) {
                // Its writer is dead: there is one worker, and that is this one.
                let _ = self.disk.remove(&Kind::Unfinished.path(&self.path, number));
            }
            if !kinds.contains(&Kind::Lines) || self.state().pruned.contains(&number) {
                continue;
            }
            match self.compress_one(number, kinds.contains(&Kind::Compressed)) {
                // The next one would find the disk as full.
                Err(error) if is_full(&error) => return,
                _ if self.stopped() => return,
                // A file that cannot be read stays as it is; the others are no worse for it.
                _ => {}
            }
        }
    }

    fn compress_one(&self, number: u64, has_compressed: bool) -> io::Result<()> {
        let path = |kind: Kind| kind.path(&self.path, number);
        let (lines, new, compressed) =
            (path(Kind::Lines), path(Kind::Unfinished), path(Kind::Compressed));
        if has_compressed {
            // A crash came before the `.log` was removed. If it is something else it is not ours.
            if !self.is_same(&compressed, &lines)? {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
        } else {
            let written = self.write(&lines, &new).and_then(|()| {
                let same = self.is_same(&new, &lines)?;
                if same { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
            });
            if let Err(error) = written.and_then(|()| self.disk.rename(&new, &compressed)) {
                let _ = self.disk.remove(&new);
                return Err(error);
            }
        }
        // IMPORTANT: the new name is durable before the old one goes.
        self.disk.sync_folder(self.path.folder())?;
        self.disk.remove(&lines)?;
        self.disk.sync_folder(self.path.folder())
    }

    fn write(&self, lines: &Path, new: &Path) -> io::Result<()> {
        let length = self.disk.length(lines)?.ok_or(io::ErrorKind::NotFound)?;
        let file = self.disk.open(new, Opening::New)?;
        codec::compress(self.open(lines)?, length, Append(Arc::clone(&file)))?;
        file.sync()
    }

    fn is_same(&self, compressed: &Path, lines: &Path) -> io::Result<bool> {
        codec::is_same(self.open(compressed)?, self.open(lines)?)
    }

    fn open(&self, path: &Path) -> io::Result<UntilStopped<'_>> {
        let file = self.disk.read(path)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(UntilStopped { file, work: self })
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A file that ends with an error when the log is dropped, so that nobody waits for long.
struct UntilStopped<'w> {
    file: Box<dyn Read>,
    work: &'w Work,
}

impl Read for UntilStopped<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.work.stopped() {
            return Err(io::Error::other("the log was dropped"));
        }
        self.file.read(room)
    }
}

/// A file of a log as something to write to.
struct Append(Arc<dyn LogFile>);

impl Write for Append {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
