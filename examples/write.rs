//! Write a log: open it, append a record, close it with a signed checkpoint.
//!
//!     cargo run --example write [FOLDER]

use std::path::{Path, PathBuf};

use fernlog::{AuditLog, Keyring, Level, Record, SigningKey};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    // Public keys for trying things out. `fernlog keygen` makes real ones.
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");

    let log = AuditLog::builder(folder.join("audit.log"))
        .keyring(Keyring::load(keys.join("demo.key"))?)
        .log_key(SigningKey::load(keys.join("demo.sign"))?)
        .open()?;

    let record = Record::new(Level::Notice, "payment", "refund approved")
        .actor("alice")
        .action("refund")
        .resource("order/4711")
        .field("amount", 42);
    let receipt = log.append(&record)?;
    println!("record #{} is on the disk", receipt.index);

    let head = log.close()?;
    println!("a signed checkpoint covers all {} entries", head.size);
    println!("written to {}", folder.join("audit.log").display());
    Ok(())
}
