//! Change the key of a log: the new key seals from now on, the old one still opens what is there.
//!
//!     cargo run --example rotate_key [FOLDER]

use std::path::{Path, PathBuf};

use fernlog::keyfile::{Access, create_new};
use fernlog::{AuditLog, Key, Keyring, Level, Record, SigningKey};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    // Public keys for trying things out. `fernlog keygen` makes real ones.
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");
    let old = Keyring::load(keys.join("demo.key"))?;

    let write = |ring: &Keyring, message: &str| -> fernlog::Result<()> {
        let log = AuditLog::builder(folder.join("audit.log"))
            .keyring(ring.clone())
            .log_key(SigningKey::load(keys.join("demo.sign"))?)
            .open()?;
        let receipt = log.append(&Record::new(Level::Info, "example", message))?;
        log.close()?;
        println!("#{} in segment {}: {message}", receipt.index, receipt.segment);
        Ok(())
    };

    write(&old, "sealed with the old key")?;

    // The first key of a ring seals, all of them open. One segment has one key, so the log announces
    // the new one in a record under the old one, and rolls.
    let both = old.clone().rotated(Key::generate()?);
    create_new(&folder.join("both.key"), both.to_text(&[]).as_bytes(), Access::Private)?;
    write(&both, "sealed with the new key")?;
    write(&both, "and so are all that follow")?;

    // Whoever has only the old key is told so, and writes nothing.
    if let Err(error) = write(&old, "never written") {
        println!("refused: {error}");
    }
    Ok(())
}
