//! Opening lines on several threads. Batches of lines go to the workers in turn and come back in
//! the same order, so what is made of them does not depend on who was faster.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use fernlog::format::{Header, Place, StoredRecord};
use fernlog::read::{self, Content, Damage, Line, Log, OpenedRecord, Opener, Order};
use fernlog::{KeyId, Keyring};

use crate::pass::Seen;
use crate::records::Entry;

/// Bytes of lines in a batch.
const BATCH: usize = 256 << 10;
/// More workers than this wait for the one that prints.
const MOST: usize = 4;
/// Batches that a worker has or has done. Bounds the memory, also with lines at the cap.
const AHEAD: usize = 2;

/// Makes the sieve of a worker: it keeps the records that are worth handing over.
pub(crate) type MakeSieve<'s> =
    dyn Fn() -> Box<dyn FnMut(&Entry<'_>) -> bool + Send + 's> + Sync + 's;

/// How many workers this machine has use for; with one core there is nothing to gain.
pub(crate) fn workers() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores == 1 { 0 } else { cores.min(MOST) }
}

/// Lines of one segment, and what became of them.
#[derive(Debug)]
pub(crate) struct Batch {
    segment: usize,
    header: Arc<Header>,
    text: Vec<u8>,
    items: Vec<Item>,
    plaintexts: Vec<u8>,
}

#[derive(Debug)]
struct Item {
    place: Place,
    index: Option<u64>,
    what: What,
}

#[derive(Debug)]
enum What {
    Damage(Damage),
    Token { line: Range<usize>, time: u64, opened: Option<Result<Opened, read::Failure>> },
}

#[derive(Debug)]
struct Opened {
    plaintext: Range<usize>,
    key: Option<KeyId>,
    order: Order,
    seen: Seen,
    passed: bool,
}

/// What became of a line.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// No token.
    Damage(Damage),
    /// It did not open.
    Failed(u64, read::Failure),
    /// An authentic record, with its length.
    Opened(u64, Seen, usize),
}

impl Batch {
    fn new(segment: usize, header: Arc<Header>) -> Self {
        let (text, plaintexts) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        Batch { segment, header, text, items: Vec::new(), plaintexts }
    }

    fn again(mut self, segment: usize, header: Arc<Header>) -> Self {
        (self.segment, self.header) = (segment, header);
        self.text.clear();
        self.items.clear();
        self.plaintexts.clear();
        self
    }

    fn push(&mut self, line: &Line<'_>) {
        let what = match line.content {
            Content::Damage(damage) => What::Damage(damage),
            Content::Token { line, time } => {
                let start = self.text.len();
                self.text.extend_from_slice(line);
                What::Token { line: start..self.text.len(), time, opened: None }
            }
        };
        self.items.push(Item { place: line.place, index: line.index, what });
    }

    /// Opens the lines. Runs on a worker.
    fn open(&mut self, opener: &mut Opener, keep: &mut dyn FnMut(&Entry<'_>) -> bool) {
        for item in &mut self.items {
            let (place, index) = (item.place, item.index);
            let What::Token { line, opened, .. } = &mut item.what else { continue };
            let line = self.text.get(line.clone()).unwrap_or_default();
            *opened = Some(opener.open(line, index).map(|record| {
                let seen = Seen::of(&record);
                let (key, order) = (record.key, record.order);
                let start = self.plaintexts.len();
                let plaintext = record.plaintext;
                // The file is not known here, and no sieve asks for it.
                let passed = keep(&Entry { file: Path::new(""), place, index, record });
                if passed {
                    self.plaintexts.extend_from_slice(plaintext);
                }
                let plaintext = start..start + plaintext.len();
                Opened { plaintext, key, order, seen, passed }
            }));
        }
    }

    /// Hands over what became of each line, with the record if the sieve kept it, until `take` says
    /// that it has enough.
    pub(crate) fn each<E>(
        &mut self,
        log: &Log,
        mut take: impl FnMut(&Line<'_>, Outcome, Option<Entry<'_>>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let segment = self.segment;
        let file = log.segments().get(segment).map_or(Path::new(""), |segment| segment.path());
        for Item { place, index, what } in self.items.drain(..) {
            let mut entry = None;
            let (content, outcome) = match what {
                What::Damage(damage) => (Content::Damage(damage), Outcome::Damage(damage)),
                What::Token { line, time, opened } => {
                    let line = self.text.get(line).unwrap_or_default();
                    let outcome = match opened {
                        Some(Ok(opened)) => {
                            let length = opened.plaintext.len();
                            let plaintext = self.plaintexts.get(opened.plaintext);
                            entry = plaintext.filter(|_| opened.passed).map(|plaintext| {
                                let record = StoredRecord::decode(plaintext);
                                let (key, order) = (opened.key, opened.order);
                                let record = OpenedRecord { time, plaintext, record, key, order };
                                Entry { file, place, index, record }
                            });
                            Outcome::Opened(time, opened.seen, length)
                        }
                        Some(Err(failure)) => Outcome::Failed(time, failure),
                        None => Outcome::Failed(time, read::Failure::NotAToken),
                    };
                    (Content::Token { line, time }, outcome)
                }
            };
            if !take(&Line { segment, file, place, index, content }, outcome, entry)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The workers and the batches on their way.
#[derive(Debug)]
pub(crate) struct Pipeline {
    workers: Vec<(SyncSender<Batch>, Receiver<Batch>)>,
    /// The batch that is being filled.
    filling: Option<Batch>,
    /// Batches whose memory can be used again.
    spare: Vec<Batch>,
    header: Option<(usize, Arc<Header>)>,
    sent: usize,
    received: usize,
}

impl Pipeline {
    /// Starts the workers, which end with the pipeline.
    pub(crate) fn start<'scope, 'env, 's: 'env>(
        scope: &'scope Scope<'scope, 'env>,
        count: usize,
        ring: &'env Keyring,
        sieve: &'env MakeSieve<'s>,
    ) -> Self {
        let start = |_| {
            let (to_worker, jobs) = sync_channel::<Batch>(AHEAD);
            let (done, from_worker) = sync_channel::<Batch>(AHEAD);
            scope.spawn(move || {
                let (mut opener, mut keep) = (Opener::new(ring), sieve());
                let mut segment = None;
                for mut batch in jobs {
                    if segment.replace(batch.segment) != Some(batch.segment) {
                        opener.begin_segment(Some(&batch.header));
                    }
                    batch.open(&mut opener, &mut *keep);
                    if done.send(batch).is_err() {
                        break;
                    }
                }
            });
            (to_worker, from_worker)
        };
        let workers = (0..count).map(start).collect();
        Pipeline { workers, filling: None, spare: Vec::new(), header: None, sent: 0, received: 0 }
    }

    /// Goes on with a segment whose key is here; without a header nothing may be pushed.
    pub(crate) fn begin_segment(&mut self, segment: usize, header: Option<Header>) {
        self.header = header.map(|header| (segment, Arc::new(header)));
    }

    /// Whether lines of the segment can be pushed.
    pub(crate) fn is_open(&self) -> bool {
        self.header.is_some()
    }

    /// Adds a line. Gives a batch that is done when there are enough on their way.
    pub(crate) fn push(&mut self, line: &Line<'_>) -> Option<Batch> {
        let (segment, header) = self.header.as_ref()?;
        let batch = self.filling.get_or_insert_with(|| match self.spare.pop() {
            Some(spare) => spare.again(*segment, Arc::clone(header)),
            None => Batch::new(*segment, Arc::clone(header)),
        });
        batch.push(line);
        // Lines without a token weigh little; they must not add up to a batch without end.
        if batch.text.len() + batch.items.len() * 64 < BATCH {
            return None;
        }
        let done = if self.sent - self.received >= self.workers.len() * AHEAD {
            self.receive()
        } else {
            None
        };
        self.send();
        done
    }

    /// Gives the next batch of those that are still on their way, then nothing.
    pub(crate) fn drain(&mut self) -> Option<Batch> {
        self.send();
        self.receive()
    }

    /// Takes a batch back that was taken.
    pub(crate) fn recycle(&mut self, batch: Batch) {
        self.spare.push(batch);
    }

    fn send(&mut self) {
        let Some(batch) = self.filling.take() else { return };
        let turn = self.sent.checked_rem(self.workers.len());
        if let Some((worker, _)) = turn.and_then(|turn| self.workers.get(turn)) {
            // A worker is gone only if it panicked, and then the scope panics too.
            let _ = worker.send(batch);
            self.sent += 1;
        }
    }

    fn receive(&mut self) -> Option<Batch> {
        if self.received == self.sent {
            return None;
        }
        let turn = self.received.checked_rem(self.workers.len())?;
        self.received += 1;
        self.workers.get(turn)?.1.recv().ok()
    }
}
