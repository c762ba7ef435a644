//! Many threads, settings, and tickets that are awaited.

use super::*;

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
