//! Verifying a log as docs/format.md, section 10, says.
//!
//! The route: look at all headers (`heads`); check every segment by itself, in parallel, from the
//! frontier in its own header (`segment`, with `stops` and `signatures` for its checkpoints,
//! `sight` and `content` for its lines, `locate` once something does not fit); join the segments
//! in their order (`seams`); compare with what was kept elsewhere (`anchors`, `state`); judge.
//! Nothing is taken from `.hashes` unless it folds to a signed root.

mod anchors;
mod content;
mod damage;
mod ending;
mod heads;
mod judge;
mod locate;
mod moved;
mod outcome;
mod plain;
mod pruned;
mod rewalk;
mod seams;
mod segment;
mod sight;
mod signatures;
mod state;
mod stops;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crate::crypto::{Keyring, VerifierKey};
use crate::error::Result;
use crate::format::UnixTime;
use crate::read::log::Log;
use crate::read::report::{Report, Verdict};

pub use anchors::Anchor;
pub use state::{State, StateError};

use anchors::Pins;
use heads::Heads;
use outcome::Outcome;
use segment::Start;

/// Times that a log is verified while its files go away.
const TRIES: u32 = 5;

/// What to verify with.
#[derive(Clone)]
pub struct VerifyOptions<'a> {
    /// The log key, from a trusted place.
    pub vkey: Option<VerifierKey>,
    /// Fernet keys.
    pub keyring: Option<Keyring>,
    /// Checkpoints that were kept elsewhere.
    pub anchors: Vec<Anchor>,
    /// What the last check saw.
    pub state: Option<State>,
    /// Levels that must be reached.
    pub require: Vec<Require>,
    /// What a torn tail means.
    pub torn_tail: TornTail,
    /// Findings to keep; all are counted.
    pub max_findings: usize,
    /// Segments to verify at once; by default as many as the machine has cores.
    pub threads: Option<NonZero<usize>>,
    /// The time now. Records from later are worth a warning.
    pub now: Option<UnixTime>,
    /// Called now and then, from several threads; says whether to go on.
    pub progress: Option<&'a (dyn Fn(Progress) -> ControlFlow<()> + Sync)>,
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        Self {
            vkey: None,
            keyring: None,
            anchors: Vec::new(),
            state: None,
            require: Vec::new(),
            torn_tail: TornTail::default(),
            max_findings: 20,
            threads: None,
            now: None,
            progress: None,
        }
    }
}

impl std::fmt::Debug for VerifyOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("vkey", &self.vkey)
            .field("keyring", &self.keyring)
            .field("require", &self.require)
            .finish_non_exhaustive()
    }
}

/// A level that must be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Require {
    /// Every checkpoint is signed by the given log key, and no hand-over is unclean.
    Signatures,
    /// Every record is authentic.
    Content,
    /// The log reaches a checkpoint that was kept elsewhere.
    Anchored,
}

/// What a torn tail means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TornTail {
    /// A verdict of its own.
    #[default]
    Report,
    /// Nothing.
    Accept,
    /// Tampering.
    Reject,
}

/// How far verifying has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub done: u64,
    /// Bytes to read.
    pub total: u64,
}

/// What all workers share.
struct Context<'a> {
    log: &'a Log,
    options: &'a VerifyOptions<'a>,
    heads: Heads,
    pins: Pins,
    /// The log key, if it is this log's.
    vkey: Option<&'a VerifierKey>,
    done: AtomicU64,
    total: u64,
    stopped: AtomicBool,
    /// A file of lines that was there when the log was opened is there no more.
    vanished: AtomicBool,
    /// Held while damage is located, which takes the most memory.
    locating: Mutex<()>,
}

impl Context<'_> {
    /// Counts bytes that were read; true when the caller wants to stop.
    fn read(&self, bytes: u64) -> bool {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(progress) = self.options.progress
            && progress(Progress { done, total: self.total }).is_break()
        {
            self.stopped.store(true, Ordering::Relaxed);
        }
        self.stopped.load(Ordering::Relaxed)
    }
}

/// Verifies `log`.
///
/// What is wrong with the log is in the report. An error means that nothing could be said.
///
/// # Errors
///
/// [`Error::Io`](crate::Error::Io) and [`Error::Refused`](crate::Error::Refused) for files of the
/// log, [`Error::Note`](crate::Error::Note) and [`Error::Refused`](crate::Error::Refused) for an
/// anchor or state file that is not signed by the log key or is of another log.
pub fn verify(log: &Log, options: &VerifyOptions<'_>) -> Result<Report> {
    let begin = Instant::now();
    let mut again: Option<Log> = None;
    let mut tries = TRIES;
    let mut report = loop {
        tries -= 1;
        let log = again.as_ref().unwrap_or(log);
        let (report, vanished) = verify_once(log, options)?;
        let is_alarm = matches!(report.verdict, Verdict::Tampered | Verdict::NoKey);
        if tries == 0 || report.interrupted || !(vanished || is_alarm && !log.is_settled()) {
            break report;
        }
        // Whoever rolls, compresses and prunes does so while others read. What is so is said after
        // another look at everything: only a header that it finds and that is signed explains what
        // it does not find.
        let later = Log::open_holding(log.path())?;
        if !vanished && !log.has_moved_on(&later) {
            break report;
        }
        again = Some(later);
    };
    report.seconds = begin.elapsed().as_secs_f64();
    Ok(report)
}

fn verify_once(log: &Log, options: &VerifyOptions<'_>) -> Result<(Report, bool)> {
    let heads = Heads::read(log, options.vkey.as_ref())?;
    let pins = Pins::new(options, heads.origin.as_deref())?;
    let context = Context {
        log,
        options,
        vkey: options.vkey.as_ref().filter(|_| heads.vkey_fits),
        pins,
        done: AtomicU64::new(0),
        total: heads.bytes,
        stopped: AtomicBool::new(false),
        vanished: AtomicBool::new(false),
        locating: Mutex::new(()),
        heads,
    };
    let outcomes = if context.log.is_plain() {
        plain::check(&context)?
    } else {
        let mut outcomes = in_parallel(&context)?;
        restart(&context, &mut outcomes)?;
        outcomes
    };
    let joined = seams::join(&context, outcomes);
    let report = judge::report(&context, joined);
    Ok((report, context.vanished.load(Ordering::Relaxed)))
}

/// Checks every segment by itself.
fn in_parallel(context: &Context<'_>) -> Result<Vec<Outcome>> {
    let count = context.log.segments().len();
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let workers = context.options.threads.map_or_else(cores, NonZero::get).min(count).max(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return Ok(done);
            }
            done.push((at, segment::check(context, at, Start::Header)?));
        }
    };
    let results: Vec<Result<_>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut results = vec![work()];
        for other in others {
            match other.join() {
                Ok(result) => results.push(result),
                // A panic in a worker is a panic of ours; it must not become a verdict.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    let mut outcomes = Vec::with_capacity(count);
    for result in results {
        outcomes.extend(result?);
    }
    outcomes.sort_by_key(|(at, _)| *at);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Checks again the segments whose own header could not be their start, from the end of the one
/// before.
fn restart(context: &Context<'_>, outcomes: &mut [Outcome]) -> Result<()> {
    for at in 0..outcomes.len() {
        let Some(true) = outcomes.get(at).map(|outcome| outcome.needs_start) else { continue };
        let end = match at.checked_sub(1) {
            Some(before) if context.heads.follows(at) => {
                outcomes.get(before).and_then(|outcome| outcome.end.clone())
            }
            Some(_) => None,
            None => context.heads.is_first(at).then(crate::format::Frontier::new),
        };
        let start = end.as_ref().map_or(Start::Unknown, Start::Given);
        let again = segment::check(context, at, start)?;
        if let Some(outcome) = outcomes.get_mut(at) {
            *outcome = again;
        }
    }
    Ok(())
}
