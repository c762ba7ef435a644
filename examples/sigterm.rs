//! End a service in good order: the first SIGTERM or Ctrl-C lets it finish what it is doing and
//! close the log with a signed checkpoint. The library installs no signal handlers; this is how an
//! application does it with the `signal-hook` crate.
//!
//!     cargo run --example sigterm [FOLDER]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fernlog::{AuditLog, Keyring, Level, Record, SigningKey};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The service ends by itself after so many requests.
const REQUESTS: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal only sets the flag, the second one ends the process.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }

    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    // Public keys for trying things out. `fernlog keygen` makes real ones.
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");
    let log = AuditLog::builder(folder.join("audit.log"))
        .keyring(Keyring::load(keys.join("demo.key"))?)
        .log_key(SigningKey::load(keys.join("demo.sign"))?)
        .open()?;

    for request in 1..=REQUESTS {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // The record is on the disk before anything is done; if it cannot be, nothing is done.
        let record = Record::new(Level::Info, "service", "request").field("request", request);
        println!("request {request} is record #{}", log.append(&record)?.index);
        std::thread::sleep(Duration::from_millis(5));
    }

    // Dropping the handle would do the same, and could not say whether it worked.
    let head = log.close()?;
    println!("a signed checkpoint covers all {} entries", head.size);
    Ok(())
}
