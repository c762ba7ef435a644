//! What a durable append costs, alone and in company: `cargo bench --bench durable`.
//!
//! A bare write with its own fdatasync, one thread that appends durably, 16 threads that share
//! their syncs, and one thread in front of a queue; all on the same disk, in turn, five rounds in
//! one run. Then the memory that a queue at full speed takes beside its configured bound.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use fernlog::{
    AuditLog, Durability, Key, Keyring, Level, OnFull, Queue, QueueSettings, Record, SigningKey,
};

const ROUNDS: usize = 5;
const THREADS: usize = 16;
/// Appends of one thread in one round.
const ALONE: usize = 200;
/// Appends of each of the threads in one round.
const EACH: usize = 200;
/// Appends through the queue in one round.
const QUEUED: usize = 50_000;
/// Bytes that the queue may hold.
const BOUND: usize = 4 << 20;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::builder(folder.path().join("audit.log"))
        .keyring(Keyring::new(Key::generate().expect("randomness")))
        .log_key(SigningKey::generate("bench").expect("randomness"))
        .open()
        .expect("a log");
    let mut bare = File::create(folder.path().join("bare")).expect("a file");
    let line = [b'x'; 400];

    let before = peak_kib();
    let patience = Duration::from_secs(60);
    let settings = QueueSettings::new().bytes(BOUND).on_full(OnFull::Block(patience));
    let queue = log.queued(settings).expect("a queue");

    let mut figures: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        figures[0].push(rate(ALONE, || {
            for _ in 0..ALONE {
                bare.write_all(&line).and_then(|()| bare.sync_data()).expect("a disk");
            }
        }));
        figures[1].push(rate(ALONE, || append(&log, ALONE)));
        figures[2].push(rate(THREADS * EACH, || {
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| append(&log, EACH));
                }
            });
        }));
        figures[3].push(rate(QUEUED, || {
            queue_up(&queue);
            queue.flush(patience).expect("a disk");
        }));
    }
    let [bare, alone, together, queued] = figures.map(median);
    println!("records a second, median of {ROUNDS} rounds in one run");
    println!("{bare:>10.0}  a bare write and fdatasync for each record");
    println!("{alone:>10.0}  one thread, durable: {:.2} of bare", alone / bare);
    println!("{together:>10.0}  {THREADS} threads, durable: {:.1} of one thread", together / alone);
    println!(
        "{queued:>10.0}  a queue, all durable at its end: {:.0} of one thread",
        queued / alone
    );
    let counts = queue.counts();
    assert_eq!(counts.accepted, counts.durable, "everything is durable after a flush");
    let (bound, took) = (BOUND >> 10, peak_kib() - before);
    println!(
        "peak memory: {took} KiB more than before the first append; bound {bound} KiB for what"
    );
    println!("is queued, 8192 KiB for lines that no sync has covered");
}

fn queue_up(queue: &Queue) {
    for number in 0..QUEUED {
        let record = Record::new(Level::Info, "payment", "refund approved")
            .actor("alice")
            .field("amount", number as u64);
        queue.append(&record).expect("room within a minute");
    }
}

/// Peak resident memory of this process, as Linux tells it.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a figure");
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number")
}

fn append(log: &AuditLog, count: usize) {
    for number in 0..count {
        let record = Record::new(Level::Info, "payment", "refund approved")
            .actor("alice")
            .field("amount", number as u64);
        let receipt = log.append_with(&record, Durability::Durable).expect("an append");
        assert_eq!(receipt.durability, Durability::Durable);
    }
}

fn rate(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    count as f64 / start.elapsed().max(Duration::from_nanos(1)).as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
