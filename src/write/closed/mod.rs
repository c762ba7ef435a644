//! What happens to segments after they were closed: retention deletes the oldest, compression makes
//! the others smaller.
//!
//! Both are done by one worker at a time, so they never meet at one file. Without compression the
//! worker is the roll itself; with it, a thread that exists only while there is work, so that no
//! append waits for it. Nothing that fails here fails an append: it is tried again at the next
//! roll.
//!
//! | file | what |
//! |---|---|
//! | `list.rs` | which files of which closed segments are there, and what their headers say |
//! | `prune.rs` | which may be deleted, and deleting them |
//! | `compress.rs` | one segment becomes a `.zst` |
//! | `codec.rs` | Zstandard, or a build without it |

#[cfg_attr(not(feature = "zstd"), path = "no_codec.rs")]
mod codec;
mod compress;
mod list;
mod prune;
#[cfg(all(test, feature = "zstd"))]
mod tests;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::crypto::VerifierKey;
use crate::error::{Error, Result};
use crate::format::{Event, Header, LogPath};
use crate::write::closed::list::Headers;
use crate::write::file::Disk;
use crate::write::keep::{Closing, Keep};

/// What becomes of the lines of closed segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// They stay as they are.
    #[default]
    Off,
    /// A thread compresses them with Zstandard: `audit.000007.log` becomes `audit.000007.log.zst`,
    /// at the level 3 and with a checksum. Needs the feature `zstd`.
    Zstd,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Care {
    pub(super) keep: Option<Keep>,
    pub(super) compression: Compression,
}

impl Care {
    /// Refuses what cannot work for a log that is plain or not and rolls at `roll_size` bytes.
    pub(super) fn check(&self, plain: bool, roll_size: Option<u64>) -> Result<()> {
        let refuse = |what| Err(Error::Setting { what });
        if let Some(keep) = self.keep {
            if plain {
                return refuse("retention needs a chain: in a plain log nothing says what it took");
            }
            keep.check(roll_size)?;
        }
        match self.compression {
            Compression::Zstd if plain => {
                refuse("compression needs a chain: a plain log counts the lines of its segments")
            }
            Compression::Zstd if !codec::IS_THERE => {
                refuse("this program was built without the feature zstd of fernlog")
            }
            _ => Ok(()),
        }
    }
}

/// The closed segments of a log that is open for writing.
#[derive(Debug)]
pub(super) struct Closed {
    care: Care,
    work: Arc<Work>,
    headers: Headers,
    /// Whether what an earlier writer has announced is known.
    is_loaded: bool,
    thread: Option<JoinHandle<()>>,
    /// A forked child has no thread to wait for.
    process: u32,
}

/// What the worker needs.
#[derive(Debug)]
struct Work {
    disk: Arc<dyn Disk>,
    path: LogPath,
    compression: Compression,
    state: Mutex<State>,
    /// Whoever opened the log has dropped it and waits.
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// There is a worker.
    running: bool,
    /// It is to look again before it ends.
    again: bool,
    /// Segments that a header has announced as pruned and that have files left.
    pruned: BTreeSet<u64>,
}

impl Closed {
    pub(super) fn new(care: Care, disk: &Arc<dyn Disk>, path: &LogPath) -> Self {
        let work = Work {
            disk: Arc::clone(disk),
            path: path.clone(),
            compression: care.compression,
            state: Mutex::default(),
            stop: AtomicBool::new(false),
        };
        Self {
            care,
            work: Arc::new(work),
            headers: Headers::default(),
            is_loaded: false,
            thread: None,
            process: std::process::id(),
        }
    }

    /// Takes up what an earlier writer has left: announced segments that are still there, closed
    /// ones that are not compressed. `active` is the header of the active segment.
    pub(super) fn take_up(&mut self, active: &Header) {
        self.load(active);
        self.start();
    }

    fn load(&mut self, active: &Header) {
        if self.care.keep.is_some() && !std::mem::replace(&mut self.is_loaded, true) {
            self.headers.insert(active);
            let left = self.headers.announced(&*self.work.disk, &self.work.path, active.segment);
            self.work.state().pruned.extend(left);
        }
    }

    /// The segments that go when `active`, which holds `closing.bytes` bytes, closes, as events for
    /// the header of the next one.
    pub(super) fn choose(
        &mut self,
        active: &Header,
        closing: Closing,
        log_key: &VerifierKey,
    ) -> Vec<Event> {
        let Some(keep) = self.care.keep else { return Vec::new() };
        // Opening may roll before it takes up anything: what was announced is not announced again.
        self.load(active);
        self.headers.insert(active);
        let Work { disk, path, .. } = &*self.work;
        let announced = self.work.state().pruned.clone();
        let closed =
            self.headers.closed(&**disk, path, active.segment, &announced, keep.counts_bytes());
        let excess = keep.excess(&closed, closing);
        let over = closed.iter().take(excess).map(|segment| segment.number);
        let sure =
            over.filter(|&number| prune::is_complete(&**disk, path, number, active, log_key));
        prune::ranges(sure)
    }

    /// The segment of `header` has begun, durably.
    pub(super) fn rolled(&mut self, header: &Header) {
        let numbers = header.events.iter().filter_map(|event| match event {
            Event::Pruned(first, last) => Some(*first..=*last),
            _ => None,
        });
        self.work.state().pruned.extend(numbers.flatten());
        self.start();
    }

    /// Sees to it that a worker looks at the closed segments.
    fn start(&mut self) {
        {
            let mut state = self.work.state();
            if self.care.compression == Compression::Off && state.pruned.is_empty() {
                return;
            }
            // One that panicked could not say that it has ended.
            let dead = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
            if std::mem::replace(&mut state.running, true) && !dead {
                state.again = true;
                return;
            }
        }
        if self.care.compression == Compression::Off || !self.work.disk.has_threads() {
            return self.work.run();
        }
        self.finish();
        let work = Arc::clone(&self.work);
        let name = "fernlog-compress".to_owned();
        match std::thread::Builder::new().name(name).spawn(move || work.run()) {
            Ok(thread) => self.thread = Some(thread),
            Err(_) => self.work.state().running = false,
        }
    }

    /// Waits until the worker has ended.
    pub(super) fn finish(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has left files as a crash does: the next worker goes on.
            let _ = thread.join();
        }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            self.work.stop.store(true, Ordering::Relaxed);
            self.finish();
        }
    }
}

impl Work {
    fn run(&self) {
        loop {
            self.prune();
            if self.compression == Compression::Zstd {
                self.compress();
            }
            let mut state = self.state();
            if !std::mem::take(&mut state.again) || self.stopped() {
                state.running = false;
                return;
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
