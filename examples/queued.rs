//! Put a queue in front of a log: an append costs the caller microseconds, and a thread of the
//! queue seals and writes.
//!
//!     cargo run --example queued [FOLDER]

use std::path::{Path, PathBuf};
use std::time::Duration;

use fernlog::{AuditLog, Keyring, Level, OnFull, QueueSettings, Record, SigningKey};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    // Public keys for trying things out. `fernlog keygen` makes real ones.
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");

    let log = AuditLog::builder(folder.join("audit.log"))
        .keyring(Keyring::load(keys.join("demo.key"))?)
        .log_key(SigningKey::load(keys.join("demo.sign"))?)
        .open()?;
    let settings =
        QueueSettings::new().bytes(1 << 20).on_full(OnFull::Block(Duration::from_secs(1)));
    let queue = log.queued(settings)?;
    // Whichever way this function is left, the queue has ten seconds to write what it has.
    let guard = queue.guard(Duration::from_secs(10));

    for number in 0..1000 {
        queue
            .append(&Record::new(Level::Info, "worker", "unit of work done").field("n", number))?;
    }

    // An action that must not happen before its record is safe waits for the ticket.
    let ticket = queue.submit(&Record::new(Level::Notice, "payment", "refund approved"))?;
    println!("record #{} is on the disk", ticket.wait()?.index);

    let counts = queue.counts();
    println!(
        "{} accepted, {} durable, {} pending",
        counts.accepted, counts.durable, counts.pending
    );
    drop(guard);
    log.close()?;
    println!("written to {}", folder.join("audit.log").display());
    Ok(())
}
