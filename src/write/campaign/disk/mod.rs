//! A file system in memory for tests: it can fail at any call, lose power at any call and show
//! every image that this may leave.

mod faults;
mod images;
mod state;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::format::UnixTime;
use crate::write::file::{Disk, Identity, Lock, LogFile, Opening};

pub(super) use faults::{Call, ERRNOS, Errno, Fault, Trouble};
pub(super) use images::{Depth, Random, images};
pub(super) use state::Files;

use state::{Change, Content, Entry};

thread_local! {
    static CLOCK: Cell<Option<UnixTime>> = const { Cell::new(None) };
}

/// The time that this thread is told instead of the true one.
pub(in crate::write) fn clock() -> Option<UnixTime> {
    CLOCK.get()
}

/// Sets what [`clock`] says.
pub(super) fn set_clock(time: Option<UnixTime>) {
    CLOCK.set(time);
}

/// What was on the disk behind one call.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Number of the call.
    pub(super) at: usize,
    pub(super) call: Call,
    pub(super) name: String,
    pub(super) content: Content,
    /// What [`SimDisk::mark`] was told last before the next call.
    pub(super) mark: usize,
}

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    content: Content,
    calls: usize,
    errors: usize,
    faults: Vec<Fault>,
    trace: Option<Vec<Step>>,
    mark: usize,
    /// The process that lives.
    process: u32,
    /// Locked nodes and the handles that hold them.
    locks: BTreeMap<usize, u64>,
    handles: u64,
    during_sync: Option<Hook>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl State {
    fn settle_mark(&mut self) {
        let mark = self.mark;
        if let Some(last) = self.trace.as_mut().and_then(|trace| trace.last_mut()) {
            last.mark = mark;
        }
    }

    /// Keeps what is on the disk behind the call that was just made.
    fn step(&mut self, call: Call, name: &Path) {
        if let Some(trace) = &mut self.trace {
            let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (at, content) = (self.calls - 1, self.content.clone());
            trace.push(Step { at, call, name, content, mark: self.mark });
        }
    }

    fn take_lock(&mut self, node: usize) -> Option<u64> {
        if self.locks.contains_key(&node) {
            return None;
        }
        self.handles += 1;
        self.locks.insert(node, self.handles);
        Some(self.handles)
    }

    fn die(&mut self) {
        self.process += 1;
        self.locks.clear();
    }
}

/// A disk as one process sees it; clones are the same disk and the same process.
#[derive(Clone, Debug)]
pub(super) struct SimDisk {
    state: Arc<Mutex<State>>,
    process: u32,
}

impl SimDisk {
    pub(super) fn new() -> Self {
        Self::with(Content::default())
    }

    /// A disk after a power cut.
    pub(super) fn of(files: &Files) -> Self {
        Self::with(files.content())
    }

    fn with(content: Content) -> Self {
        let state = State { content, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), process: 0 }
    }

    /// From now on this goes wrong.
    pub(super) fn break_with(&self, fault: Fault) {
        self.locked().faults.push(fault);
    }

    /// From now on nothing goes wrong.
    pub(super) fn heal(&self) {
        self.locked().faults.clear();
    }

    /// Keeps every step from now on.
    pub(super) fn trace(&self) {
        self.locked().trace = Some(Vec::new());
    }

    /// The steps so far.
    pub(super) fn take_steps(&self) -> Vec<Step> {
        let mut state = self.locked();
        state.settle_mark();
        state.trace.take().unwrap_or_default()
    }

    /// What the application has been told so far.
    pub(super) fn mark(&self, mark: usize) {
        self.locked().mark = mark;
    }

    /// Runs `hook` in the middle of the next sync of a file.
    pub(super) fn during_sync(&self, hook: impl FnOnce() + Send + 'static) {
        self.locked().during_sync = Some(Box::new(hook));
    }

    /// Takes a hook back that no sync has run.
    pub(super) fn disarm(&self) {
        self.locked().during_sync = None;
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> usize {
        self.locked().calls
    }

    /// Errors that were injected so far.
    pub(super) fn errors(&self) -> usize {
        self.locked().errors
    }

    /// Whether this process was killed.
    pub(super) fn is_dead(&self) -> bool {
        self.locked().process != self.process
    }

    /// The same disk for the next process; this one is dead from now on.
    pub(super) fn next_process(&self) -> Self {
        let mut state = self.locked();
        if state.process == self.process {
            state.die();
        }
        Self { state: Arc::clone(&self.state), process: state.process }
    }

    /// All files as a reader finds them.
    pub(super) fn files(&self) -> Files {
        self.locked().content.files()
    }

    /// Another program renames a file, over one that may be there.
    pub(super) fn others_move(&self, from: &str, to: &str) {
        let content = &mut self.locked().content;
        let (from, to) = (PathBuf::from(from), PathBuf::from(to));
        if let Some(node) = content.names.get(&from).copied() {
            content.entry(Entry::Moved { from, to, node });
        }
    }

    /// Another program removes a file.
    pub(super) fn others_remove(&self, name: &str) {
        let content = &mut self.locked().content;
        let name = PathBuf::from(name);
        if let Some(node) = content.names.get(&name).copied() {
            content.entry(Entry::Gone { name, node });
        }
    }

    /// Another program cuts a file.
    pub(super) fn others_cut(&self, name: &str, length: usize) {
        let content = &mut self.locked().content;
        if let Some(node) = content.names.get(Path::new(name)).copied() {
            content.node(node).change(Change::Length(length));
        }
    }

    /// Another program appends to a file, which it makes if it is not there.
    pub(super) fn others_append(&self, name: &str, bytes: &[u8]) {
        let content = &mut self.locked().content;
        let found = content.names.get(Path::new(name)).copied();
        let node = found.unwrap_or_else(|| content.make(name.as_ref()));
        let at = content.nodes[node].data.len();
        content.node(node).change(Change::Write { at, bytes: bytes.into() });
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Counts a call and says what befalls it; what fails as a whole fails here.
    fn enter(&self, call: Call) -> io::Result<(MutexGuard<'_, State>, Option<Trouble>)> {
        let mut state = self.locked();
        if state.process != self.process {
            return Err(io::Error::other("this process was killed"));
        }
        state.settle_mark();
        let number = state.calls;
        state.calls += 1;
        let trouble = state.faults.iter().find_map(|fault| fault.at(number));
        match trouble {
            Some(Trouble::Error(errno) | Trouble::Dropped(errno)) => {
                state.errors += 1;
                // A sync and a write again have effects all the same.
                if !matches!(call, Call::Sync | Call::WriteAgain) {
                    return Err(errno.error());
                }
            }
            Some(Trouble::Short | Trouble::ShortThen(_)) if call == Call::Write => {
                state.errors += 1;
            }
            Some(Trouble::KilledInside) if !matches!(call, Call::Sync | Call::Write) => {
                state.die();
                return Err(killed());
            }
            _ => {}
        }
        Ok((state, trouble))
    }

    /// What stands behind a call that was made.
    fn leave(
        mut state: MutexGuard<'_, State>,
        trouble: Option<Trouble>,
        call: Call,
        name: &Path,
    ) -> io::Result<()> {
        if call.changes() {
            state.step(call, name);
        }
        if matches!(trouble, Some(Trouble::Killed | Trouble::KilledInside)) {
            state.die();
            return Err(killed());
        }
        Ok(())
    }

    fn sync(&self, node: usize, name: &Path, call: Call) -> io::Result<()> {
        let (mut state, trouble) = self.enter(call)?;
        let mark = state.content.nodes[node].mark();
        if let Some(hook) = state.during_sync.take() {
            drop(state);
            hook();
            state = self.locked();
        }
        let result = match trouble {
            Some(Trouble::Error(errno)) => {
                state.content.node(node).fail_sync(mark, false);
                Err(errno.error())
            }
            Some(Trouble::Dropped(errno)) => {
                state.content.node(node).fail_sync(mark, true);
                Err(errno.error())
            }
            Some(Trouble::KilledInside) => {
                state.content.node(node).fail_sync(mark, false);
                Ok(())
            }
            _ => {
                state.content.node(node).sync(mark);
                Ok(())
            }
        };
        Self::leave(state, trouble, call, name)?;
        result
    }
}

fn killed() -> io::Error {
    io::Error::other("killed")
}

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
