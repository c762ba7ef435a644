//! Verify a log without a key to read it: only the verifier key is needed.
//!
//!     cargo run --example verify [FOLDER]        (a folder that `write` has written to)

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fernlog::format::LogPath;
use fernlog::read::{Log, VerifyOptions, verify};
use fernlog::{AuditLog, Keyring, Level, Record, SigningKey, VerifierKey};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    let path = folder.join("audit.log");
    // Public keys for trying things out. `fernlog keygen` makes real ones.
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");
    if !path.exists() {
        let log = AuditLog::builder(&path)
            .keyring(Keyring::load(keys.join("demo.key"))?)
            .log_key(SigningKey::load(keys.join("demo.sign"))?)
            .open()?;
        log.append(&Record::new(Level::Info, "example", "something to verify"))?;
        log.close()?;
    }

    let log = Log::open(&LogPath::new(&path).ok_or("the path of a log has a file name")?)?;
    let vkey = Some(VerifierKey::load(keys.join("demo.vkey"))?);
    let report = verify(&log, &VerifyOptions { vkey, ..VerifyOptions::default() })?;

    println!("{}: {} entries in {}", report.verdict.word(), report.size, path.display());
    for finding in &report.findings {
        println!("{}: {}\n  next: {}", finding.id, finding.message, finding.next);
    }
    for caveat in report.caveats() {
        println!("note: {caveat}");
    }
    Ok(report.verdict.exit_code().into())
}
