//! What is left of 5,000 records when the disk takes five milliseconds for every call: a queue of
//! ours beside `tracing-appender` in front of the same disk, both with room for 1,024 records.
//!
//! `cargo bench --bench slow_disk`; needs Linux and `strace`, which delays the writes and syncs of
//! the one file and nothing else.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fernlog::crypto::Cipher;
use fernlog::{AuditLog, Error, Key, Keyring, Level, OnFull, QueueSettings, Record, SigningKey};
use serde_json::Value;
use tracing_appender::non_blocking::NonBlockingBuilder;

const RECORDS: usize = 5000;
const ROOM: usize = 1024;
const DELAY: &str = "5000";
/// Marks a run of this program under strace.
const CHILD: &str = "--child";

const CONTENDERS: [&str; 5] = [
    "tracing-appender, as it comes",
    "tracing-appender, lossy(false)",
    "fernlog queue, Drop",
    "fernlog queue, Fail",
    "fernlog queue, Block",
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == CHILD) {
        let number = arguments[at + 1].parse().expect("a number");
        return contend(number, Path::new(&arguments[at + 2]));
    }
    println!("{RECORDS} records at full speed; {DELAY} microseconds for each write and each sync");
    println!(
        "{:<32}{:>9}{:>9}{:>9}{:>9}{:>10}",
        "", "in file", "refused", "counted", "silent", "seconds"
    );
    for (number, name) in CONTENDERS.iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let inject = format!("inject=write,fdatasync:delay_exit={DELAY}");
        let output = Command::new("strace")
            .args([
                "-f",
                "-qqq",
                "-o",
                "/dev/null",
                "-e",
                "trace=write,fdatasync",
                "-e",
                &inject,
                "-P",
            ])
            .arg(&path)
            .arg(std::env::current_exe().expect("this program"))
            .args([CHILD, &number.to_string()])
            .arg(&path)
            .output()
            .expect("strace is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8(output.stdout).expect("text");
        let mut told = told.split_whitespace();
        let mut next = || told.next().expect("four figures");
        let (kept, refused, counted): (usize, usize, usize) =
            (next().parse().unwrap(), next().parse().unwrap(), next().parse().unwrap());
        let silent = RECORDS - kept - refused - counted;
        println!("{name:<32}{kept:>9}{refused:>9}{counted:>9}{silent:>9}{:>10}", next());
    }
    println!("refused: the caller was told; counted: dropped, and the log itself says how many");
}

/// Sends the records and prints how many are in the file, were refused, are counted as lost; and
/// the seconds that the caller spent.
fn contend(number: usize, path: &Path) {
    let start = Instant::now();
    let (kept, refused, counted) = match number {
        0 | 1 => tracing(path, number == 0),
        _ => {
            let on_full = [OnFull::Drop, OnFull::Fail, OnFull::Block(Duration::from_secs(60))];
            fernlog(path, on_full[number - 2])
        }
    };
    println!("{kept} {refused} {counted} {:.2}", start.elapsed().as_secs_f64());
}

fn tracing(path: &Path, lossy: bool) -> (usize, usize, usize) {
    let file = File::create(path).expect("a file");
    let builder = NonBlockingBuilder::default().buffered_lines_limit(ROOM).lossy(lossy);
    let (mut writer, guard) = builder.finish(file);
    let mut refused = 0;
    for number in 0..RECORDS {
        let line =
            format!("{{\"level\":\"INFO\",\"message\":\"refund approved\",\"n\":{number}}}\n");
        refused += usize::from(writer.write_all(line.as_bytes()).is_err());
    }
    drop(guard);
    // Nothing in the file says that records were dropped.
    let kept = std::fs::read_to_string(path).expect("the file").lines().count();
    (kept, refused, 0)
}

fn fernlog(path: &Path, on_full: OnFull) -> (usize, usize, usize) {
    let key = Key::generate().expect("randomness");
    let log = AuditLog::builder(path)
        .keyring(Keyring::new(key.clone()))
        .log_key(SigningKey::generate("bench").expect("randomness"))
        .open()
        .expect("a log");
    let settings = QueueSettings::new().records(ROOM).on_full(on_full);
    let queue = log.queued(settings).expect("a queue");
    let mut refused = 0;
    for number in 0..RECORDS {
        let record = Record::new(Level::Info, "bench", "refund approved").field("n", number);
        match queue.append(&record) {
            Ok(()) => {}
            Err(Error::QueueFull) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    queue.close(Duration::from_secs(60)).expect("an end");
    log.close().expect("an end");
    let (kept, counted) = read(path, &key);
    (kept, refused, counted)
}

/// Records in the log, and those that its gap records tell of.
fn read(path: &Path, key: &Key) -> (usize, usize) {
    let cipher = Cipher::new(key);
    let (mut kept, mut counted, mut raw) = (0, 0, Vec::new());
    for line in std::fs::read_to_string(path).expect("the log").lines() {
        let opened = cipher.open(line.as_bytes(), &mut raw).expect("a token");
        let record: Value = serde_json::from_slice(opened.plaintext).expect("a record");
        match record["fields"]["count"].as_u64() {
            Some(count) => counted += count as usize,
            None => kept += 1,
        }
    }
    (kept, counted)
}
