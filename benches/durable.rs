//! What a durable append costs, alone and in company: `cargo bench --bench durable`.
//!
//! A bare write with its own fdatasync, one thread that appends durably, 16 threads that share
//! their syncs, and the queue; all on the same disk, in turn, five rounds in one run.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use fernlog::{AuditLog, Durability, Key, Keyring, Level, Record, SigningKey};

const ROUNDS: usize = 5;
const THREADS: usize = 16;
/// Appends of one thread in one round.
const ALONE: usize = 200;
/// Appends of each of the threads in one round.
const EACH: usize = 200;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::builder(folder.path().join("audit.log"))
        .keyring(Keyring::new(Key::generate().expect("randomness")))
        .log_key(SigningKey::generate("bench").expect("randomness"))
        .open()
        .expect("a log");
    let mut bare = File::create(folder.path().join("bare")).expect("a file");
    let line = [b'x'; 400];

    let mut figures: [Vec<f64>; 3] = Default::default();
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
    }
    let [bare, alone, together] = figures.map(median);
    println!("records a second, median of {ROUNDS} rounds in one run");
    println!("{bare:>10.0}  a bare write and fdatasync for each record");
    println!("{alone:>10.0}  one thread, durable: {:.2} of bare", alone / bare);
    println!("{together:>10.0}  {THREADS} threads, durable: {:.1} of one thread", together / alone);
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
