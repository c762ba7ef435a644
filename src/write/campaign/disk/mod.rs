//! A file system in memory for tests: it can fail at any call, lose power at any call and show
//! every image that this may leave.

mod calls;
mod faults;
mod images;
mod state;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::format::UnixTime;

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
