//! Every way in which callers, worker, flush and close can interleave, as far as a scheduler finds
//! them: docs/design.md, "The queue", has the command.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

use super::*;
use crate::format::Level;
use crate::write::log::{Durability, Receipt};

/// A deadline that passes at some moment.
const SOON: Duration = Duration::from_millis(1);
/// One that never does: a wake-up that is missing is a deadlock then.
const NEVER: Duration = Duration::MAX;

/// A log in memory whose attempts fail as a coin decides.
#[derive(Clone)]
struct CoinLog {
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    /// Failures that are left; after them everything works.
    failures: usize,
    /// Whether the last failure is one for good.
    ends: bool,
    records: Vec<String>,
}

impl CoinLog {
    fn new(failures: usize, ends: bool) -> Self {
        Self { inside: Arc::new(Mutex::new(Inside { failures, ends, ..Inside::default() })) }
    }
}

impl Intake for CoinLog {
    fn take(&self, batch: &Batch, taken: &mut Vec<Receipt>) -> Result<()> {
        let mut inside = lock(&self.inside);
        let mut pieces: VecDeque<_> = batch.pieces().collect();
        let mut result = Ok(());
        if inside.failures > 0 && thread_rng().gen_bool(0.5) {
            inside.failures -= 1;
            result = if inside.failures == 0 && inside.ends {
                Err(Error::Closed)
            } else {
                Err(Error::Random)
            };
            // Some of the first are in the log.
            pieces.truncate(thread_rng().gen_range(0..=pieces.len()));
        }
        for piece in pieces {
            let index = inside.records.len() as u64;
            inside.records.push(String::from_utf8(piece.body.to_vec()).unwrap());
            taken.push(Receipt { index, segment: 0, durability: Durability::Durable });
        }
        result
    }
}

/// How a story goes.
#[derive(Clone, Copy, Debug)]
struct Story {
    settings: QueueSettings,
    failures: usize,
    ends: bool,
    producers: usize,
    records: usize,
    flush: Option<Duration>,
    /// Closes while others still append.
    close: Option<Duration>,
}

/// What a producer was told about its records, in order.
type Told = Vec<(u64, Result<Option<Receipt>>)>;

fn produce(queue: &Queue, producer: usize, records: usize) -> Told {
    let mut told = Vec::new();
    for number in 0..records {
        let name = (producer * 10 + number) as u64;
        let message = name.to_string();
        let record = Record::new(Level::Info, "model", &message);
        // Every other one asks for a ticket and waits for what it says.
        let answer = if (producer + number) % 2 == 0 {
            queue.submit(&record).and_then(|ticket| ticket.wait()).map(Some)
        } else {
            queue.append(&record).map(|()| None)
        };
        told.push((name, answer));
    }
    told
}

fn balanced(counts: Counts) -> bool {
    counts.accepted == counts.durable + counts.pending + counts.dropped + counts.failed
}

fn tell(story: Story) {
    let log = CoinLog::new(story.failures, story.ends);
    let queue = Queue::new(Box::new(log.clone()), story.settings).unwrap();
    let producers: Vec<_> = (0..story.producers)
        .map(|producer| {
            let queue = queue.clone();
            thread::spawn(move || produce(&queue, producer, story.records))
        })
        .collect();
    let flushes = story.flush.map(|timeout| {
        let queue = queue.clone();
        thread::spawn(move || {
            let before = queue.counts();
            assert!(balanced(before));
            let flushed = queue.flush(timeout);
            let after = queue.counts();
            assert!(balanced(after));
            if flushed.is_ok() {
                assert!(after.durable + after.dropped >= before.accepted, "{before:?} {after:?}");
            }
        })
    });
    if let Some(timeout) = story.close {
        let closed = queue.close(timeout);
        assert!(closed.is_ok() || timeout == SOON || story.ends, "{closed:?}");
    }
    let told: Vec<Told> = producers.into_iter().map(|thread| thread.join().unwrap()).collect();
    if let Some(thread) = flushes {
        thread.join().unwrap();
    }
    let closed = queue.close(NEVER);
    check(story, &queue, &log, &told, closed);
    drop(queue);
    // The worker is gone and has let go of the log.
    assert_eq!(Arc::strong_count(&log.inside), 1);
}

fn check(story: Story, queue: &Queue, log: &CoinLog, told: &[Told], closed: Result<()>) {
    let counts = queue.counts();
    assert!(balanced(counts), "{counts:?}");
    assert_eq!(counts.pending, 0);
    // What is in the log: names in order, and how many losses it tells of.
    let (mut names, mut gaps) = (Vec::new(), 0);
    for body in &lock(&log.inside).records {
        let json: serde_json::Value = serde_json::from_str(&format!("{{\"seq\":0,{body}")).unwrap();
        match json["fields"]["count"].as_u64() {
            Some(count) => gaps += count,
            None => names.push(json["message"].as_str().unwrap().parse::<u64>().unwrap()),
        }
    }
    assert_eq!(names.len() as u64, counts.durable);
    // Each producer's records in its order, and none twice.
    for producer in 0..story.producers as u64 {
        let mine: Vec<_> = names.iter().filter(|name| *name / 10 == producer).collect();
        assert!(mine.is_sorted_by(|a, b| a < b), "{names:?}");
    }
    let mut accepted = 0;
    for (name, answer) in told.iter().flatten() {
        let place = names.iter().position(|other| other == name);
        match answer {
            Ok(Some(_)) => assert!(place.is_some(), "{name} {names:?}"),
            Ok(None) => {}
            Err(Error::Dropped | Error::NotWritten { .. } | Error::QueueFull | Error::Closed) => {
                assert_eq!(place, None, "{answer:?}");
            }
            Err(error) => panic!("{error}"),
        }
        // An append after the end says NotWritten too, and is not accepted.
        accepted += u64::from(matches!(answer, Ok(_) | Err(Error::Dropped)));
    }
    assert!(accepted <= counts.accepted);
    if counts.failed == 0 {
        assert_eq!(accepted, counts.accepted);
        if !story.ends {
            assert_eq!(gaps, counts.dropped);
            assert!(closed.is_ok(), "{closed:?}");
        }
    } else {
        assert!(closed.is_err());
    }
    assert!(gaps <= counts.dropped + counts.failed);
}

/// Runs the story under random schedules and under those that change threads seldom.
fn explore(schedules: usize, story: Story) {
    let config = || {
        let mut config = Config::new();
        config.stack_size = 0x4_0000;
        config.max_steps = shuttle::MaxSteps::FailAfter(200_000);
        config
    };
    let random = RandomScheduler::new(schedules / 2);
    let mut explored = Runner::new(random, config()).run(move || tell(story));
    let pct = PctScheduler::new(3, schedules - schedules / 2);
    explored += Runner::new(pct, config()).run(move || tell(story));
    assert_eq!(explored, schedules);
}

const SCHEDULES: usize = 15_000;

fn story(on_full: OnFull) -> Story {
    Story {
        settings: QueueSettings::new().records(2).on_full(on_full).linger(NEVER),
        failures: 0,
        ends: false,
        producers: 2,
        records: 3,
        flush: Some(NEVER),
        close: None,
    }
}

#[test]
fn blocked_producers_lose_nothing_and_never_wait_in_vain() {
    explore(SCHEDULES, story(OnFull::Block(NEVER)));
    explore(SCHEDULES, Story { producers: 3, records: 2, ..story(OnFull::Block(NEVER)) });
}

#[test]
fn producers_that_wait_for_a_while() {
    explore(SCHEDULES, Story { flush: Some(SOON), ..story(OnFull::Block(SOON)) });
}

#[test]
fn producers_that_are_told() {
    explore(SCHEDULES, Story { producers: 3, records: 2, ..story(OnFull::Fail) });
}

#[test]
fn drops_are_all_told_of() {
    explore(SCHEDULES, story(OnFull::Drop));
    explore(SCHEDULES, Story { failures: 2, ..story(OnFull::Drop) });
}

#[test]
fn a_disk_that_fails_and_works_again() {
    explore(SCHEDULES, Story { failures: 3, ..story(OnFull::Block(NEVER)) });
}

#[test]
fn a_log_that_ends() {
    explore(SCHEDULES, Story { failures: 2, ends: true, ..story(OnFull::Block(NEVER)) });
    explore(SCHEDULES, Story { failures: 1, ends: true, ..story(OnFull::Drop) });
}

#[test]
fn a_close_in_the_middle() {
    explore(SCHEDULES, Story { close: Some(NEVER), ..story(OnFull::Block(NEVER)) });
    let hurried = Story { close: Some(SOON), failures: 2, ..story(OnFull::Block(NEVER)) };
    explore(SCHEDULES, Story { flush: Some(SOON), ..hurried });
    explore(SCHEDULES, Story { producers: 3, records: 1, ..hurried });
}
