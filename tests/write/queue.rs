//! A queue in front of a real log.

use std::time::Duration;

use fernlog::format::LogPath;
use fernlog::read::{Log, Verdict, VerifyOptions, verify};
use fernlog::{Durability, Error, OnFull, QueueSettings};

use crate::common::site::{Site, lines, record};

const LONG: Duration = Duration::from_secs(60);

fn verdict(site: &Site) -> Verdict {
    let path = LogPath::new(&site.log()).unwrap();
    let options = VerifyOptions { keyring: Some(site.keyring.clone()), ..VerifyOptions::default() };
    verify(&Log::open(&path).unwrap(), &options).unwrap().verdict
}

#[test]
fn queued_records_are_lines_like_all_others() {
    let site = Site::new();
    let log = site.open();
    let queue = log.queued(QueueSettings::new()).unwrap();
    log.append(&record("direct")).unwrap();
    queue
        .append(&record("queued").time("2025-11-22T08:26:41.000000005Z".parse().unwrap()))
        .unwrap();
    let ticket = queue.submit(&record("submitted")).unwrap();
    let receipt = ticket.wait().unwrap();
    assert_eq!((receipt.index, receipt.segment), (3, 0));
    assert_eq!(receipt.durability, Durability::Written);
    queue.close(LONG).unwrap();
    log.append(&record("direct again")).unwrap();
    log.close().unwrap();
    assert_eq!(site.messages("audit.log"), ["direct", "queued", "submitted", "direct again"]);
    let text = &site.plaintexts("audit.log")[1];
    assert!(text.starts_with(r#"{"seq":2,"timestamp":"2025-11-22T08:26:41.000000005Z""#), "{text}");
    let shape = fernlog::crypto::TokenShape::of(lines(&site.log())[1].as_bytes()).unwrap();
    assert_eq!(shape.time, 1_763_800_001);
    assert_eq!(verdict(&site), Verdict::Intact);
}

#[test]
fn a_flush_brings_records_to_the_file_and_a_drop_the_rest() {
    let site = Site::new();
    let log = site.builder().durability(Durability::Durable).open().unwrap();
    let queue = log.queued(QueueSettings::new()).unwrap();
    queue.append(&record("flushed")).unwrap();
    queue.flush(LONG).unwrap();
    assert_eq!(site.messages("audit.log"), ["flushed"]);
    // The queue keeps the log open.
    drop(log);
    queue.append(&record("dropped with the queue")).unwrap();
    drop(queue);
    assert_eq!(site.messages("audit.log"), ["flushed", "dropped with the queue"]);
    site.open().close().unwrap();
    assert_eq!(verdict(&site), Verdict::Intact);
}

#[test]
fn threads_fill_many_segments_and_lose_nothing() {
    let site = Site::new();
    let log = site.builder().roll_size(50_000).open().unwrap();
    let queue = log.queued(QueueSettings::new().bytes(100_000)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                for number in 0..500 {
                    queue.append(&record(&format!("{thread} {number}"))).unwrap();
                }
            });
        }
    });
    let last = queue.submit(&record("last")).unwrap().wait().unwrap();
    queue.close(LONG).unwrap();
    assert_eq!(queue.counts().durable, 2001);
    // Entries: records and the headers of all segments.
    assert_eq!(last.index, 2001 + last.segment);
    log.close().unwrap();
    let mut names = site.files();
    names.retain(|name| name.ends_with(".log"));
    // `audit.log` is the newest, and sorts last.
    assert!(names.len() > 5);
    let mut next = [0; 4];
    let messages: Vec<_> = names.iter().flat_map(|name| site.messages(name)).collect();
    for message in &messages[..2000] {
        let (thread, number) = message.split_once(' ').unwrap();
        let next = &mut next[thread.parse::<usize>().unwrap()];
        assert_eq!(number.parse::<usize>().unwrap(), *next);
        *next += 1;
    }
    assert_eq!(messages[2000..], ["last"]);
    assert_eq!(verdict(&site), Verdict::Intact);
}

#[test]
fn a_plain_log_can_be_queued_too() {
    let site = Site::new();
    let log = site.plain().durability(Durability::Buffered).open().unwrap();
    let queue = log.queued(QueueSettings::new()).unwrap();
    for number in 0..1000 {
        queue.append(&record(&number.to_string())).unwrap();
    }
    assert_eq!(queue.submit(&record("last")).unwrap().wait().unwrap().index, 1000);
    queue.close(LONG).unwrap();
    log.close().unwrap();
    assert_eq!(lines(&site.log()).len(), 1001);
}

#[test]
fn dropped_records_leave_a_gap_in_the_log() {
    let site = Site::new();
    let log = site.builder().durability(Durability::Durable).open().unwrap();
    let queue = log.queued(QueueSettings::new().records(1).on_full(OnFull::Drop)).unwrap();
    for _ in 0..2000 {
        queue.append(&record("x")).unwrap();
    }
    queue.close(LONG).unwrap();
    log.close().unwrap();
    let counts = queue.counts();
    assert_eq!((counts.accepted, counts.pending, counts.failed), (2000, 0, 0));
    let mut told = 0;
    for text in site.plaintexts("audit.log").iter().filter(|text| text.contains("\"kind\"")) {
        let record: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(record["kind"], "gap");
        assert_eq!(record["level"], "WARNING");
        assert_eq!(record["logger"], "fernlog");
        assert_eq!(record["fields"]["reason"], "queue full");
        assert!(record["fields"]["from"].as_str() <= record["fields"]["to"].as_str());
        told += record["fields"]["count"].as_u64().unwrap();
    }
    assert_eq!(told, counts.dropped);
    assert!(told > 0);
    assert_eq!(verdict(&site), Verdict::Intact);
}

#[test]
fn closing_the_log_first_fails_what_comes_later() {
    let site = Site::new();
    let log = site.open();
    let queue = log.queued(QueueSettings::new()).unwrap();
    queue.append(&record("in time")).unwrap();
    queue.flush(LONG).unwrap();
    log.close().unwrap();
    let late = queue.submit(&record("late")).unwrap();
    let error = late.wait().unwrap_err();
    let text = "the record was not written before the queue ended: the log is closed";
    assert_eq!(error.to_string(), text);
    assert!(matches!(queue.close(LONG), Err(Error::NotSafe { records: 1, .. })));
    assert_eq!(site.messages("audit.log"), ["in time"]);
}

#[test]
fn the_longest_record_fits_and_one_byte_more_does_not() {
    let site = Site::new();
    let log = site.open();
    let queue = log.queued(QueueSettings::new()).unwrap();
    let (mut fits, mut over) = (700_000, 900_000);
    while over - fits > 1 {
        let middle = usize::midpoint(fits, over);
        match queue.append(&record(&"x".repeat(middle))) {
            Ok(()) => fits = middle,
            Err(Error::TooLarge { length, most }) => {
                assert!(length > most);
                over = middle;
            }
            Err(error) => panic!("{error}"),
        }
    }
    queue.close(LONG).unwrap();
    log.close().unwrap();
    assert_eq!(verdict(&site), Verdict::Intact);
}
