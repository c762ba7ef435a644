//! How a queue ends.

use super::*;

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
