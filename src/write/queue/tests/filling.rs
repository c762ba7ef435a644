//! A queue that takes, fills up, and waits for a disk.

use super::*;

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
