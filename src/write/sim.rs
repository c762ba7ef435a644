//! A file system in memory that can fail at any call and lose power at any call, for tests.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::write::file::{Disk, Identity, Lock, LogFile, Opening};

/// How the disk goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call fails and the next one works again.
    Once,
    /// The call and all after it fail: the process is dead.
    Crash,
    /// As [`Fault::Once`], but an append has written half of its bytes.
    Short,
}

/// What a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// Everything: only the process died.
    Kept,
    /// Nothing that was not synced.
    Lost,
    /// The names as they are now, of every file what was synced and half of the rest.
    Torn,
    /// As [`Image::Torn`], with zeros for the half that is not there.
    Zeros,
    /// The names as they were synced last, the files as they are now.
    OldNames,
}

pub(super) const IMAGES: [Image; 5] =
    [Image::Kept, Image::Lost, Image::Torn, Image::Zeros, Image::OldNames];

#[derive(Clone, Debug, Default)]
struct Node {
    data: Vec<u8>,
    durable: Vec<u8>,
}

type Names = BTreeMap<PathBuf, usize>;

#[derive(Debug, Default)]
struct State {
    nodes: Vec<Node>,
    names: Names,
    durable_names: Names,
    calls: usize,
    fault: Option<(usize, Fault)>,
    dead: bool,
}

impl State {
    /// Counts a call that changes something and says whether it must fail.
    fn call(&mut self) -> io::Result<()> {
        let number = self.calls;
        self.calls += 1;
        match self.fault {
            Some((at, fault)) if at == number => {
                self.dead = fault == Fault::Crash;
                Err(io::Error::other("injected"))
            }
            _ if self.dead => Err(io::Error::other("dead")),
            _ => Ok(()),
        }
    }
}

/// A disk; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// A disk on which call number `at` goes wrong.
    pub(super) fn failing(at: usize, fault: Fault) -> Self {
        Self::default().then_failing(at, fault)
    }

    /// The same disk, on which call number `at` from now on goes wrong.
    pub(super) fn then_failing(self, at: usize, fault: Fault) -> Self {
        self.state.lock().unwrap().fault = Some((at, fault));
        self
    }

    /// Whether the fault has happened.
    pub(super) fn has_failed(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.fault.is_some_and(|(at, _)| state.calls > at)
    }

    /// The disk after a reboot.
    pub(super) fn reboot(&self, image: Image) -> Self {
        let state = self.state.lock().unwrap();
        let (now, synced) = (&state.names, &state.durable_names);
        let names = match image {
            Image::Kept | Image::Torn | Image::Zeros => now,
            Image::Lost | Image::OldNames => synced,
        };
        let content = |node: &Node| match image {
            Image::Kept | Image::OldNames => node.data.clone(),
            Image::Lost => node.durable.clone(),
            Image::Torn | Image::Zeros => {
                // A file that was cut and not synced comes back long or short; take it short.
                let synced = node.durable.len().min(node.data.len());
                let middle = synced + (node.data.len() - synced) / 2;
                let mut bytes = node.data[..middle].to_vec();
                if image == Image::Zeros {
                    bytes.resize(node.data.len(), 0);
                }
                bytes
            }
        };
        let nodes = state
            .nodes
            .iter()
            .map(|node| Node { data: content(node), durable: content(node) })
            .collect();
        let state =
            State { nodes, names: names.clone(), durable_names: names.clone(), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// All files and what is in them.
    pub(super) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state.lock().unwrap();
        state
            .names
            .iter()
            .map(|(path, node)| (path.clone(), state.nodes[*node].data.clone()))
            .collect()
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    node: usize,
}

impl LogFile for SimFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state.lock().unwrap();
        let fault = state.fault.map(|(_, fault)| fault);
        let result = state.call();
        let written = match (&result, fault) {
            (Ok(()), _) => bytes,
            (Err(_), Some(Fault::Short)) => &bytes[..bytes.len() / 2],
            // A crash in the middle of a write leaves a part of it.
            (Err(_), Some(Fault::Crash))
                if !state.dead || state.calls == 1 + state.fault.map_or(0, |f| f.0) =>
            {
                &bytes[..bytes.len() / 3]
            }
            (Err(_), _) => &bytes[..0],
        };
        state.nodes[self.node].data.extend_from_slice(written);
        result.map(|()| bytes.len())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state.lock().unwrap();
        state.call()?;
        let node = &mut state.nodes[self.node];
        node.durable = node.data.clone();
        Ok(())
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state.lock().unwrap();
        state.call()?;
        state.nodes[self.node].data.truncate(length as usize);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().unwrap().nodes[self.node].data.len() as u64)
    }

    fn identity(&self) -> io::Result<Identity> {
        Ok((0, self.node as u64))
    }

    fn read_at(&self, offset: u64, room: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state.lock().unwrap();
        let data = &state.nodes[self.node].data;
        let rest = data.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(room.len());
        room[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn claim(&self) -> io::Result<bool> {
        Ok(true)
    }
}

#[derive(Debug)]
struct SimLock;

impl Lock for SimLock {
    fn identity(&self) -> io::Result<Identity> {
        Ok((1, 0))
    }
}

impl Disk for SimDisk {
    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        if path.extension().is_some_and(|kind| kind == "lock") {
            return Ok(Some((1, 0)));
        }
        Ok(self.state.lock().unwrap().names.get(path).map(|node| (0, *node as u64)))
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        let state = self.state.lock().unwrap();
        Ok(state.names.get(path).map(|node| state.nodes[*node].data.len() as u64))
    }

    fn has_threads(&self) -> bool {
        false
    }

    fn write_again(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        let node = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        state.call()?;
        let data = &mut state.nodes[node].data;
        let end = offset as usize + bytes.len();
        data.resize(data.len().max(end), 0);
        data[offset as usize..end].copy_from_slice(bytes);
        state.call()?;
        state.nodes[node].durable = state.nodes[node].data.clone();
        Ok(())
    }

    fn open(&self, path: &Path, opening: Opening) -> io::Result<Arc<dyn LogFile>> {
        let mut state = self.state.lock().unwrap();
        let node = match (state.names.get(path).copied(), opening) {
            (Some(_), Opening::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, Opening::Existing) => return Err(io::ErrorKind::NotFound.into()),
            (Some(node), _) => node,
            (None, _) => {
                state.call()?;
                state.nodes.push(Node::default());
                let node = state.nodes.len() - 1;
                state.names.insert(path.to_owned(), node);
                node
            }
        };
        Ok(Arc::new(SimFile { disk: self.clone(), node }))
    }

    fn read(&self, path: &Path) -> io::Result<Option<Box<dyn Read>>> {
        let state = self.state.lock().unwrap();
        let data = state.names.get(path).map(|node| state.nodes[*node].data.clone());
        Ok(data.map(|data| Box::new(Cursor::new(data)) as Box<dyn Read>))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.state.lock().unwrap().names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.replace(from, to)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.call()?;
        let node = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        if state.names.contains_key(path) {
            state.call()?;
            state.names.remove(path);
        }
        Ok(())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
        let state = self.state.lock().unwrap();
        Ok(state.names.keys().filter_map(|path| Some(path.file_name()?.to_owned())).collect())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.call()?;
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn lock(&self, _: &Path, _: &str) -> io::Result<Result<Box<dyn Lock>, String>> {
        Ok(Ok(Box::new(SimLock)))
    }
}
