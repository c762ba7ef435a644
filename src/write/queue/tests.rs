//! Stories of a queue in front of a log that does what the test wants.

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
    fn take(&self, batch: &Batch, taken: &mut Vec<Receipt>) -> Result<()> {
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
        for (number, piece) in batch.pieces().enumerate() {
            if number == works {
                return error("write");
            }
            let index = inside.bodies.len() as u64;
            inside.bodies.push(String::from_utf8(piece.body.to_vec()).unwrap());
            taken.push(Receipt { index, segment: 0, durability: Durability::Durable });
        }
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

#[test]
fn records_arrive_in_order_and_are_told_of() {
    let log = FakeLog::new(Disk::Works);
    let queue = log.queue(QueueSettings::new());
    queue.append(&record("a")).unwrap();
    let ticket = queue.submit(&record("b")).unwrap();
    queue.append(&record("c")).unwrap();
    assert_eq!(ticket.wait().unwrap().index, 1);
    assert_eq!(ticket.wait().unwrap().index, 1);
    queue.flush(LONG).unwrap();
    assert_eq!(log.messages(), ["a", "b", "c"]);
    assert_eq!(books(&queue), [3, 3, 0, 0, 0]);
    assert_eq!(lock(&log.inside.0).thread.as_deref(), Some("fernlog-queue"));
    queue.close(LONG).unwrap();
    assert!(matches!(queue.append(&record("late")), Err(Error::Closed)));
    queue.flush(LONG).unwrap();
    queue.close(LONG).unwrap();
}

#[test]
fn a_full_queue_fails_its_caller_at_once_when_told_so() {
    let log = FakeLog::new(Disk::Hangs);
    let queue = log.queue(QueueSettings::new().records(3).on_full(OnFull::Fail));
    queue.append(&record("a")).unwrap();
    log.hangs();
    // The one that is being written counts.
    queue.append(&record("b")).unwrap();
    queue.append(&record("c")).unwrap();
    assert!(matches!(queue.append(&record("d")), Err(Error::QueueFull)));
    assert!(matches!(queue.submit(&record("d")), Err(Error::QueueFull)));
    assert_eq!(books(&queue), [3, 0, 3, 0, 0]);
    log.becomes(Disk::Works);
    queue.flush(LONG).unwrap();
    queue.append(&record("e")).unwrap();
    queue.close(LONG).unwrap();
    assert_eq!(log.messages(), ["a", "b", "c", "e"]);
}

#[test]
fn a_full_queue_lets_its_caller_wait_and_then_go_on_or_fail() {
    let log = FakeLog::new(Disk::Hangs);
    let queue = log.queue(QueueSettings::new().records(1).on_full(OnFull::Block(SHORT)));
    queue.append(&record("a")).unwrap();
    let begun = Instant::now();
    assert!(matches!(queue.append(&record("b")), Err(Error::QueueFull)));
    assert!(begun.elapsed() >= SHORT);
    log.becomes(Disk::Works);
    queue.flush(LONG).unwrap();

    let patient = log.queue(QueueSettings::new().records(1).on_full(OnFull::Block(LONG)));
    log.becomes(Disk::Hangs);
    patient.append(&record("c")).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| patient.append(&record("d")));
        std::thread::sleep(SHORT);
        assert!(!waits.is_finished());
        log.becomes(Disk::Works);
        waits.join().unwrap().unwrap();
    });
    patient.close(LONG).unwrap();
    assert_eq!(log.messages(), ["a", "c", "d"]);
}

#[test]
fn dropped_records_are_counted_and_told_of_before_what_follows() {
    let log = FakeLog::new(Disk::Hangs);
    let queue = log.queue(QueueSettings::new().records(2).on_full(OnFull::Drop));
    queue.append(&record("a")).unwrap();
    log.hangs();
    queue.append(&record("b")).unwrap();
    queue.append(&record("lost")).unwrap();
    let ticket = queue.submit(&record("lost too")).unwrap();
    assert!(matches!(ticket.wait(), Err(Error::Dropped)));
    assert_eq!(books(&queue), [4, 0, 2, 2, 0]);
    assert_eq!(not_safe(queue.flush(SHORT)), 4);
    log.becomes(Disk::Works);
    queue.flush(LONG).unwrap();
    queue.append(&record("c")).unwrap();
    queue.close(LONG).unwrap();
    assert_eq!(log.messages(), ["a", "queue full 2", "b", "c"]);
    assert_eq!(books(&queue), [5, 3, 0, 2, 0]);
}

#[test]
fn a_loss_is_told_even_if_nothing_follows() {
    let log = FakeLog::new(Disk::Hangs);
    let queue = log.queue(QueueSettings::new().records(1).on_full(OnFull::Drop));
    queue.append(&record("a")).unwrap();
    log.hangs();
    queue.append(&record("lost")).unwrap();
    log.becomes(Disk::Works);
    queue.flush(LONG).unwrap();
    assert_eq!(log.messages(), ["a", "queue full 1"]);
}

#[test]
fn what_can_never_fit_is_refused_at_once() {
    let log = FakeLog::new(Disk::Works);
    let forever = OnFull::Block(Duration::MAX);
    let queue = log.queue(QueueSettings::new().bytes(1000).on_full(forever));
    let long = "x".repeat(1000);
    match queue.append(&record(&long)) {
        Err(Error::QueueTooSmall { length, most: 1000 }) => assert!(length > 1000),
        other => panic!("{other:?}"),
    }
    queue.append(&record("fits")).unwrap();
    queue.close(LONG).unwrap();

    let queue = log.queue(QueueSettings::new().on_full(forever));
    let long = "x".repeat(900_000);
    assert!(matches!(queue.append(&record(&long)), Err(Error::TooLarge { most: 1_048_576, .. })));
    queue.append(&record(&long[..700_000])).unwrap();
    queue.close(LONG).unwrap();
    assert_eq!(books(&queue), [1, 1, 0, 0, 0]);
}

#[test]
fn a_disk_that_works_again_gets_every_record_once() {
    let log = FakeLog::new(Disk::Fails(0));
    let queue = log.queue(QueueSettings::new());
    let tickets: Vec<_> = (0..5).map(|n| queue.submit(&record(&n.to_string())).unwrap()).collect();
    let error = queue.flush(Duration::from_millis(100)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "5 queued records are not safe in the log: cannot write /log: no storage space"
    );
    // Attempts that get one record further each.
    log.becomes(Disk::Fails(1));
    tickets[1].wait().unwrap();
    log.becomes(Disk::Works);
    queue.flush(LONG).unwrap();
    assert_eq!(log.messages(), ["0", "1", "2", "3", "4"]);
    for (index, ticket) in tickets.iter().enumerate() {
        assert_eq!(ticket.wait_timeout(Duration::ZERO).unwrap().unwrap().index, index as u64);
    }
    assert_eq!(books(&queue), [5, 5, 0, 0, 0]);
}

#[test]
fn a_failing_disk_is_not_asked_all_the_time() {
    let log = FakeLog::new(Disk::Fails(0));
    let queue = log.queue(QueueSettings::new().on_full(OnFull::Fail));
    for _ in 0..100 {
        queue.append(&record("x")).unwrap();
        std::thread::sleep(Duration::from_millis(3));
    }
    // 10, 20, 40, 80, 160 milliseconds.
    assert!(log.attempts() <= 8, "{}", log.attempts());
    log.becomes(Disk::Works);
    queue.close(LONG).unwrap();
    assert_eq!(log.messages().len(), 100);
}

#[test]
fn a_log_that_ended_fails_everything_that_is_left() {
    let log = FakeLog::new(Disk::Hangs);
    let queue = log.queue(QueueSettings::new());
    let tickets: Vec<_> = (0..3)
        .map(|_| {
            let ticket = queue.submit(&record("secret")).unwrap();
            log.hangs();
            ticket
        })
        .collect();
    log.becomes(Disk::Broken);
    for ticket in &tickets {
        let error = ticket.wait().unwrap_err();
        let text = "the record was not written before the queue ended: \
                    /log: the log or its chain is missing";
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}{ticket:?}{queue:?}").contains("secret"));
    }
    assert!(matches!(queue.append(&record("late")), Err(Error::NotWritten { cause: Some(_) })));
    assert_eq!(not_safe(queue.flush(LONG)), 3);
    assert_eq!(not_safe(queue.close(LONG)), 3);
    assert_eq!(books(&queue), [3, 0, 0, 0, 3]);
}

#[test]
fn a_close_that_runs_out_of_time_says_so_and_leaves_a_gap() {
    let log = FakeLog::new(Disk::Hangs);
    let queue = log.queue(QueueSettings::new());
    let first = queue.submit(&record("in hand")).unwrap();
    log.hangs();
    queue.append(&record("left")).unwrap();
    let last = queue.submit(&record("left too")).unwrap();
    let begun = Instant::now();
    assert_eq!(not_safe(queue.close(SHORT)), 3);
    assert!(begun.elapsed() < SHORT + GRACE * 5);
    assert!(matches!(last.wait(), Err(Error::NotWritten { cause: None })));
    // What became of the first is not known until its write returns.
    assert!(first.wait_timeout(Duration::ZERO).is_none());
    assert_eq!(books(&queue), [3, 0, 1, 0, 2]);
    log.becomes(Disk::Works);
    assert_eq!(first.wait().unwrap().index, 0);
    assert_eq!(not_safe(queue.close(LONG)), 2);
    assert_eq!(log.messages(), ["in hand", "queue closed 2"]);
    assert_eq!(books(&queue), [3, 1, 0, 0, 2]);
}

#[test]
fn a_close_while_the_disk_fails_ends_in_time() {
    let log = FakeLog::new(Disk::Fails(0));
    let queue = log.queue(QueueSettings::new());
    queue.append(&record("x")).unwrap();
    let begun = Instant::now();
    assert_eq!(not_safe(queue.close(SHORT)), 1);
    assert!(begun.elapsed() < SHORT + GRACE * 5);
    assert_eq!(books(&queue), [1, 0, 0, 0, 1]);
    // The worker has ended and let go of the log.
    assert_eq!(Arc::strong_count(&log.inside), 1);
}

#[test]
fn a_close_wakes_those_who_wait_for_room() {
    let log = FakeLog::new(Disk::Hangs);
    let forever = OnFull::Block(Duration::MAX);
    let queue = log.queue(QueueSettings::new().records(1).on_full(forever));
    queue.append(&record("x")).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| queue.append(&record("y")));
        std::thread::sleep(SHORT);
        assert_eq!(not_safe(queue.close(Duration::ZERO)), 1);
        assert!(matches!(waits.join().unwrap(), Err(Error::Closed)));
    });
    log.becomes(Disk::Works);
}

#[test]
fn a_log_that_panics_leaves_nobody_waiting() {
    let log = FakeLog::new(Disk::Hangs);
    let queue = log.queue(QueueSettings::new());
    let ticket = queue.submit(&record("x")).unwrap();
    log.hangs();
    queue.append(&record("y")).unwrap();
    log.becomes(Disk::Panics);
    assert!(matches!(ticket.wait(), Err(Error::NotWritten { cause: None })));
    assert_eq!(not_safe(queue.flush(LONG)), 2);
    assert!(queue.append(&record("z")).is_err());
    assert_eq!(not_safe(queue.close(LONG)), 2);
    assert_eq!(books(&queue), [2, 0, 0, 0, 2]);
}

#[test]
fn dropping_the_last_handle_writes_what_was_accepted() {
    let log = FakeLog::new(Disk::Works);
    let queue = log.queue(QueueSettings::new());
    let clone = queue.clone();
    queue.append(&record("a")).unwrap();
    drop(queue);
    clone.append(&record("b")).unwrap();
    drop(clone);
    assert_eq!(log.messages(), ["a", "b"]);
    assert_eq!(Arc::strong_count(&log.inside), 1);
}

#[test]
fn dropping_the_last_handle_does_not_hang_on_a_log_that_does() {
    let log = FakeLog::new(Disk::Hangs);
    let queue = log.queue(QueueSettings::new().linger(SHORT));
    queue.append(&record("a")).unwrap();
    drop(queue);
    log.becomes(Disk::Works);
}

#[test]
fn a_guard_writes_everything_also_during_a_panic() {
    let log = FakeLog::new(Disk::Works);
    let queue = log.queue(QueueSettings::new());
    let panics = || {
        let _guard = queue.guard(LONG);
        queue.append(&record("last words")).unwrap();
        panic!("as planned");
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    assert_eq!(log.messages(), ["last words"]);
    assert!(matches!(queue.append(&record("late")), Err(Error::Closed)));
}

#[test]
fn a_child_of_a_fork_touches_nothing() {
    let log = FakeLog::new(Disk::Works);
    let mut queue = log.queue(QueueSettings::new());
    queue.append(&record("a")).unwrap();
    queue.flush(LONG).unwrap();
    let parent = queue.handle.shared.clone();
    // The lock is held by a thread that a fork does not copy.
    let _held = lock(&parent.state);
    let shared = Arc::new(Shared {
        state: Mutex::new(State::new(&QueueSettings::new())),
        work: Condvar::new(),
        room: Condvar::new(),
        progress: Condvar::new(),
        process: std::process::id() + 1,
    });
    let _held_too = lock(&shared.state);
    let settings = QueueSettings::new();
    let child = Handle { shared: shared.clone(), settings, thread: Mutex::new(None) };
    let parent_handle = std::mem::replace(&mut queue.handle, Arc::new(child));
    assert!(matches!(queue.append(&record("b")), Err(Error::Forked)));
    assert!(matches!(queue.submit(&record("b")), Err(Error::Forked)));
    assert!(matches!(queue.flush(LONG), Err(Error::Forked)));
    assert!(matches!(queue.close(LONG), Err(Error::Forked)));
    assert_eq!(queue.counts(), Counts::default());
    let ticket = Ticket::new(Arc::default(), std::process::id() + 1);
    assert!(matches!(ticket.wait(), Err(Error::Forked)));
    drop(queue.guard(LONG));
    drop(queue);
    drop(_held);
    drop(parent_handle);
    assert_eq!(log.messages(), ["a"]);
}

#[test]
fn the_books_balance_at_every_moment_and_memory_stays_within_its_limit() {
    const BYTES: usize = 200_000;
    for on_full in [OnFull::Fail, OnFull::Drop, OnFull::Block(Duration::from_millis(1))] {
        let log = FakeLog::new(Disk::Works);
        let queue = log.queue(QueueSettings::new().bytes(BYTES).records(900).on_full(on_full));
        let stop = AtomicBool::new(false);
        let (accepted, looks) = (AtomicU64::new(0), AtomicU64::new(0));
        let start = Barrier::new(4);
        let appends = |thread: usize| {
            start.wait();
            for number in 0..1500 {
                // Of all sizes, some larger than a chunk.
                let size = if number % 97 == 0 { 70_000 } else { (number * 31 + thread) % 3000 };
                let message = format!("{thread} {number} {}", "x".repeat(size));
                accepted.fetch_add(
                    u64::from(queue.append(&record(&message)).is_ok()),
                    Ordering::Relaxed,
                );
            }
        };
        let appends = &appends;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|n| scope.spawn(move || appends(n))).collect();
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let counts = queue.counts();
                    assert!(balanced(counts), "{counts:?}");
                    assert!(counts.pending <= 900, "{counts:?}");
                    let allocated = lock(&queue.handle.shared.state).store.allocated();
                    assert!(allocated <= BYTES + 2 * CHUNK, "{allocated}");
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            });
            scope.spawn(|| {
                start.wait();
                // The disk fails now and then.
                while !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(3));
                    log.becomes(Disk::Fails(7));
                    std::thread::sleep(Duration::from_millis(3));
                    log.becomes(Disk::Works);
                }
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            stop.store(true, Ordering::Relaxed);
        });
        log.becomes(Disk::Works);
        queue.close(LONG).unwrap();
        let counts = queue.counts();
        assert_eq!(counts.accepted, accepted.load(Ordering::Relaxed));
        assert_eq!((counts.pending, counts.failed), (0, 0));
        assert!(looks.load(Ordering::Relaxed) > 10);
        // Everything is there once, in the order of each thread, and what is not is told of.
        let mut last = [None; 3];
        let (mut records, mut told) = (0, 0);
        for message in log.messages() {
            if let Some(count) = message.strip_prefix("queue full ") {
                told += count.parse::<u64>().unwrap();
                continue;
            }
            let mut words = message.split(' ').map(|word| word.parse::<usize>());
            let thread = words.next().unwrap().unwrap();
            let number = words.next().unwrap().unwrap();
            assert!(last[thread] < Some(number));
            last[thread] = Some(number);
            records += 1;
        }
        assert_eq!((records, told), (counts.durable, counts.dropped));
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for settings in [QueueSettings::new().bytes(0), QueueSettings::new().records(0)] {
        let queue = Queue::new(Box::new(FakeLog::new(Disk::Works)), settings);
        assert!(matches!(queue, Err(Error::Setting { .. })));
    }
}

#[cfg(feature = "future")]
mod future {
    use std::pin::Pin;
    use std::task::{Context, Poll, Wake, Waker};

    use super::*;

    /// Wakes a thread, and keeps a handle of the queue for as long as it lives.
    struct Unpark {
        thread: std::thread::Thread,
        _queue: Option<Queue>,
    }

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.thread.unpark();
        }
    }

    fn block_on(mut ticket: Ticket, queue: Option<Queue>) -> Result<Receipt> {
        let thread = std::thread::current();
        let waker = Waker::from(Arc::new(Unpark { thread, _queue: queue }));
        loop {
            match Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => std::thread::park(),
            }
        }
    }

    #[test]
    fn a_ticket_can_be_awaited() {
        let log = FakeLog::new(Disk::Works);
        let queue = log.queue(QueueSettings::new());
        for index in 0..100 {
            let ticket = queue.submit(&record("x")).unwrap();
            assert_eq!(block_on(ticket, None).unwrap().index, index);
        }
        queue.close(LONG).unwrap();
    }

    #[test]
    fn a_task_may_be_the_last_to_hold_the_queue() {
        let log = FakeLog::new(Disk::Hangs);
        let queue = log.queue(QueueSettings::new());
        let mut ticket = queue.submit(&record("x")).unwrap();
        log.hangs();
        let waker =
            Waker::from(Arc::new(Unpark { thread: std::thread::current(), _queue: Some(queue) }));
        assert!(Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        // The worker drops the waker, and with it the queue.
        log.becomes(Disk::Works);
        assert_eq!(ticket.wait().unwrap().index, 0);
        let begun = Instant::now();
        while Arc::strong_count(&log.inside) > 1 {
            assert!(begun.elapsed() < LONG, "the worker waits for itself");
            std::thread::sleep(SHORT);
        }
    }
}
