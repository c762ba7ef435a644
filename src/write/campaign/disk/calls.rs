//! The calls of the disk, as the writer makes them.

use std::ffi::OsString;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::state::{Change, Entry};
use super::{Call, SimDisk, Trouble};
use crate::write::file::{Disk, Identity, Lock, LogFile, Opening};

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    node: usize,
    /// For the trace: the name it was opened under.
    name: PathBuf,
    claim: Mutex<Option<u64>>,
}

impl LogFile for SimFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let (mut state, trouble) = self.disk.enter(Call::Write)?;
        let short = [Some(Trouble::Short), Some(Trouble::KilledInside)].contains(&trouble);
        let count = if short && bytes.len() > 1 { bytes.len() / 2 } else { bytes.len() };
        let at = state.content.nodes[self.node].data.len();
        state.content.node(self.node).change(Change::Write { at, bytes: bytes[..count].into() });
        SimDisk::leave(state, trouble, Call::Write, &self.name)?;
        Ok(count)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync(self.node, &self.name, Call::Sync)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        let (mut state, trouble) = self.disk.enter(Call::Cut)?;
        let length = usize::try_from(length).unwrap();
        if state.content.nodes[self.node].data.len() != length {
            state.content.node(self.node).change(Change::Length(length));
        }
        SimDisk::leave(state, trouble, Call::Cut, &self.name)
    }

    fn length(&self) -> io::Result<u64> {
        let (state, trouble) = self.disk.enter(Call::Look)?;
        let length = state.content.nodes[self.node].data.len() as u64;
        SimDisk::leave(state, trouble, Call::Look, &self.name)?;
        Ok(length)
    }

    fn identity(&self) -> io::Result<Identity> {
        let (state, trouble) = self.disk.enter(Call::Look)?;
        SimDisk::leave(state, trouble, Call::Look, &self.name)?;
        Ok((0, self.node as u64))
    }

    fn read_at(&self, offset: u64, room: &mut [u8]) -> io::Result<usize> {
        let (state, trouble) = self.disk.enter(Call::Read)?;
        let data = &state.content.nodes[self.node].data;
        let rest = data.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let count = rest.len().min(room.len());
        room[..count].copy_from_slice(&rest[..count]);
        SimDisk::leave(state, trouble, Call::Read, &self.name)?;
        Ok(count)
    }

    fn claim(&self) -> io::Result<bool> {
        let (mut state, trouble) = self.disk.enter(Call::Claim)?;
        let mut claim = self.claim.lock().unwrap();
        if claim.is_none() {
            *claim = state.take_lock(self.node);
        }
        SimDisk::leave(state, trouble, Call::Claim, &self.name)?;
        Ok(claim.is_some())
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if let Some(handle) = *self.claim.lock().unwrap() {
            self.disk.locked().locks.retain(|_, holder| *holder != handle);
        }
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    node: usize,
    handle: u64,
}

impl Lock for SimLock {
    fn identity(&self) -> io::Result<Identity> {
        drop(self.disk.enter(Call::Look)?);
        Ok((0, self.node as u64))
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.locked().locks.retain(|_, holder| *holder != self.handle);
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, opening: Opening) -> io::Result<Arc<dyn LogFile>> {
        let found = self.locked().content.names.get(path).copied();
        let node = match (found, opening) {
            (Some(node), Opening::Existing | Opening::Either) => {
                let (state, trouble) = self.enter(Call::Open)?;
                Self::leave(state, trouble, Call::Open, path)?;
                node
            }
            (found, _) => {
                let (mut state, trouble) = self.enter(Call::Create)?;
                match (found, opening) {
                    (Some(_), _) => return Err(io::ErrorKind::AlreadyExists.into()),
                    (None, Opening::Existing) => return Err(io::ErrorKind::NotFound.into()),
                    (None, _) => {}
                }
                let node = state.content.make(path);
                Self::leave(state, trouble, Call::Create, path)?;
                node
            }
        };
        let (disk, name) = (self.clone(), path.to_owned());
        Ok(Arc::new(SimFile { disk, node, name, claim: Mutex::default() }))
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        let (state, trouble) = self.enter(Call::Look)?;
        let node = state.content.names.get(path).map(|node| (0, *node as u64));
        Self::leave(state, trouble, Call::Look, path)?;
        Ok(node)
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        let (state, trouble) = self.enter(Call::Look)?;
        let names = &state.content.names;
        let length = names.get(path).map(|node| state.content.nodes[*node].data.len() as u64);
        Self::leave(state, trouble, Call::Look, path)?;
        Ok(length)
    }

    fn has_threads(&self) -> bool {
        false
    }

    fn write_again(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut state, trouble) = self.enter(Call::WriteAgain)?;
        let node = *state.content.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        if let Some(Trouble::Error(errno) | Trouble::Dropped(errno)) = trouble {
            return Err(errno.error());
        }
        let at = usize::try_from(offset).unwrap();
        state.content.node(node).change(Change::Write { at, bytes: bytes.into() });
        Self::leave(state, trouble, Call::WriteAgain, path)?;
        self.sync(node, path, Call::Sync)
    }

    fn read(&self, path: &Path) -> io::Result<Option<Box<dyn Read>>> {
        let (state, trouble) = self.enter(Call::Read)?;
        let names = &state.content.names;
        let data = names.get(path).map(|node| state.content.nodes[*node].data.clone());
        Self::leave(state, trouble, Call::Read, path)?;
        Ok(data.map(|data| Box::new(Cursor::new(data)) as Box<dyn Read>))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.locked().content.names.contains_key(to) {
            drop(self.enter(Call::Rename)?);
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.replace(from, to)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, trouble) = self.enter(Call::Rename)?;
        let node = *state.content.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        let entry = Entry::Moved { from: from.to_owned(), to: to.to_owned(), node };
        state.content.entry(entry);
        Self::leave(state, trouble, Call::Rename, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, trouble) = self.enter(Call::Remove)?;
        if let Some(node) = state.content.names.get(path).copied() {
            state.content.entry(Entry::Gone { name: path.to_owned(), node });
        }
        Self::leave(state, trouble, Call::Remove, path)
    }

    fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
        let (state, trouble) = self.enter(Call::List)?;
        let names = state.content.names.keys();
        let names = names.filter_map(|path| Some(path.file_name()?.to_owned())).collect();
        Self::leave(state, trouble, Call::List, Path::new(""))?;
        Ok(names)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let (mut state, trouble) = self.enter(Call::SyncFolder)?;
        state.content.sync_names();
        Self::leave(state, trouble, Call::SyncFolder, folder)
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Result<Box<dyn Lock>, String>> {
        let (mut state, trouble) = self.enter(Call::Lock)?;
        let found = state.content.names.get(path).copied();
        let node = found.unwrap_or_else(|| state.content.make(path));
        let Some(handle) = state.take_lock(node) else {
            let data = &state.content.nodes[node].data;
            return Ok(Err(String::from_utf8_lossy(data).trim().to_owned()));
        };
        // Nobody needs these words after a crash, so they are not among what may be torn.
        state.content.node(node).data = holder.as_bytes().to_vec();
        Self::leave(state, trouble, Call::Lock, path)?;
        Ok(Ok(Box::new(SimLock { disk: self.clone(), node, handle })))
    }
}
