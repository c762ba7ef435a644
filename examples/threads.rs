//! Write one log from many threads: a handle is cheap to clone, and records never mix.
//!
//!     cargo run --release --example threads [FOLDER]

use std::path::{Path, PathBuf};
use std::time::Instant;

use fernlog::{AuditLog, Durability, Keyring, Level, Record, SigningKey};

const THREADS: usize = 4;
const RECORDS: usize = 25_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    // Public keys for trying things out. `fernlog keygen` makes real ones.
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");
    let log = AuditLog::builder(folder.join("audit.log"))
        .keyring(Keyring::load(keys.join("demo.key"))?)
        .log_key(SigningKey::load(keys.join("demo.sign"))?)
        // A record survives the death of the process as soon as `append` returns.
        .durability(Durability::Written)
        .open()?;

    let begun = Instant::now();
    let work = |thread: usize| -> fernlog::Result<()> {
        let log = log.clone();
        for number in 0..RECORDS {
            let record = Record::new(Level::Info, "worker", "unit of work done");
            log.append(&record.field("thread", thread).field("number", number))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| -> Result<(), Box<dyn std::error::Error>> {
        let work = &work;
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || work(n))).collect();
        let mut results = threads.into_iter().map(|t| t.join().map_err(|_| "a thread panicked"));
        results.try_for_each(|result| Ok(result??))
    })?;
    let seconds = begun.elapsed().as_secs_f64();

    println!("{} records by {THREADS} threads in {seconds:.2} s", THREADS * RECORDS);
    println!("{} entries, the last checkpoint covers all of them", log.close()?.size);
    Ok(())
}
