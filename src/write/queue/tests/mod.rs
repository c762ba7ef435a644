//! Stories of a queue in front of a log that does what the test wants.

mod endings;
mod filling;
mod together;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::chunks::CHUNK;
use super::*;
use crate::error::Conflict;
use crate::format::{Level, RecordKind, StoredRecord};
use crate::write::log::{Durability, Receipt};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(30);

/// How the log behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disk {
    Works,
    /// Every attempt fails after this many records.
    Fails(usize),
    /// Attempts do not return.
    Hangs,
    /// The files contradict each other.
    Broken,
    Panics,
}

/// A log in memory; clones are the same log.
#[derive(Clone)]
struct FakeLog {
    inside: Arc<(Mutex<Inside>, Condvar)>,
}

struct Inside {
    disk: Disk,
    /// The bodies of the records, in order.
    bodies: Vec<String>,
    attempts: usize,
    /// Attempts that have begun and not ended.
    hanging: bool,
    thread: Option<String>,
}

impl FakeLog {
    fn new(disk: Disk) -> Self {
        let inside = Inside { disk, bodies: Vec::new(), attempts: 0, hanging: false, thread: None };
        Self { inside: Arc::new((Mutex::new(inside), Condvar::new())) }
    }

    fn becomes(&self, disk: Disk) {
        lock(&self.inside.0).disk = disk;
        self.inside.1.notify_all();
    }

    fn queue(&self, settings: QueueSettings) -> Queue {
        Queue::new(Box::new(self.clone()), settings).unwrap()
    }

    /// Waits until an attempt hangs.
    fn hangs(&self) {
        let mut inside = lock(&self.inside.0);
        while !inside.hanging {
            inside = self.inside.1.wait(inside).unwrap();
        }
    }

    fn attempts(&self) -> usize {
        lock(&self.inside.0).attempts
    }

    /// Messages of the records, and of gaps what they tell.
    fn messages(&self) -> Vec<String> {
        let inside = lock(&self.inside.0);
        let message = |body: &String| {
            let text = format!("{{\"seq\":1,{body}");
            let record = StoredRecord::decode(text.as_bytes()).unwrap();
            if record.kind == RecordKind::Gap {
                assert_eq!(record.level, Some(Level::Warning));
                assert_eq!(record.logger.as_deref(), Some("fernlog"));
                let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                let fields = &json["fields"];
                assert!(fields["from"].as_str() <= fields["to"].as_str(), "{text}");
                return format!("{} {}", fields["reason"].as_str().unwrap(), fields["count"]);
            }
            record.message.into_owned()
        };
        inside.bodies.iter().map(message).collect()
    }
}

impl Intake for FakeLog {
    fn take(&self, batch: &mut Batch) -> Result<()> {
        let (inside, changed) = &*self.inside;
        let mut inside = lock(inside);
        inside.attempts += 1;
        inside.thread = std::thread::current().name().map(str::to_owned);
        while inside.disk == Disk::Hangs {
            inside.hanging = true;
            changed.notify_all();
            inside = changed.wait(inside).unwrap();
        }
        inside.hanging = false;
        let error = |action| {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            Err(Error::Io { action, path: "/log".into(), source })
        };
        let works = match inside.disk {
            Disk::Works | Disk::Hangs => usize::MAX,
            Disk::Fails(works) => works,
            Disk::Broken => {
                return Err(Error::Conflict { path: "/log".into(), what: Conflict::PartMissing });
            }
            Disk::Panics => {
                drop(inside);
                panic!("a log that panics");
            }
        };
        // The log takes all of them or so many, and not all of what it has taken becomes safe.
        let mut receipts = Vec::new();
        for piece in batch.pieces().skip(batch.entered()).take(works) {
            let index = inside.bodies.len() as u64;
            inside.bodies.push(String::from_utf8(piece.body.to_vec()).unwrap());
            receipts.push(Receipt { index, segment: 0, durability: Durability::Durable });
        }
        batch.set_safe();
        batch.enter(receipts);
        if batch.entered() < batch.pieces().count() {
            return error("write");
        }
        batch.set_safe();
        Ok(())
    }
}

fn record(message: &str) -> Record<'_> {
    Record::new(Level::Info, "test", message)
}

fn balanced(counts: Counts) -> bool {
    counts.accepted == counts.durable + counts.pending + counts.dropped + counts.failed
}

fn books(queue: &Queue) -> [u64; 5] {
    let counts = queue.counts();
    assert!(balanced(counts), "{counts:?}");
    [counts.accepted, counts.durable, counts.pending, counts.dropped, counts.failed]
}

fn not_safe(result: Result<()>) -> u64 {
    match result {
        Err(Error::NotSafe { records, .. }) => records,
        other => panic!("{other:?}"),
    }
}
