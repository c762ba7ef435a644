//! The ways in which a process can end while it holds a log, each played by a real process: this
//! test binary once more, told by its environment what to do.

mod endings;
mod forks;
mod quiet;
mod service;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fernlog::format::LogPath;
use fernlog::read::{FindingId, Log, Report, Verdict, VerifyOptions, verify};
use fernlog::write::Builder;
use fernlog::{AuditLog, Keyring, SigningKey};

use crate::common::site::Site;

/// What the process is to play; not set in an ordinary run.
const SCENE: &str = "FERNLOG_TEST_SCENE";
/// The folder with the keys and the log.
const FOLDER: &str = "FERNLOG_TEST_FOLDER";

/// A log, and the processes that write it one after the other.
struct Stage(Site);

impl Stage {
    fn new() -> Self {
        let site = Site::new();
        let keys =
            [("audit.key", site.keyring.to_text(&[])), ("audit.sign", site.log_key.to_text())];
        for (name, text) in keys {
            std::fs::write(site.path(name), text.as_bytes()).unwrap();
            private(&site.path(name));
        }
        Self(site)
    }

    /// Lets a process play `scene`, which is the function of the test `actor`.
    fn play(&self, actor: &str, scene: &str) -> Output {
        Command::new(std::env::current_exe().unwrap())
            .args([actor, "--exact", "--nocapture", "--test-threads=1"])
            .env(SCENE, scene)
            .env(FOLDER, self.0.path(""))
            // A core would hold keys, and takes long.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn messages(&self) -> Vec<String> {
        self.0.messages("audit.log")
    }

    fn report(&self) -> Report {
        report(&self.0.log(), &self.0.keyring, &self.0.log_key)
    }
}

/// What verifying with all keys says.
fn report(log: &Path, keyring: &Keyring, log_key: &SigningKey) -> Report {
    let log = Log::open(&LogPath::new(log).unwrap()).unwrap();
    let options = VerifyOptions {
        vkey: Some(log_key.verifier().clone()),
        keyring: Some(keyring.clone()),
        ..VerifyOptions::default()
    };
    verify(&log, &options).unwrap()
}

/// Nothing is wrong; the newest `uncovered` entries have no checkpoint yet.
fn assert_intact(report: &Report, uncovered: u64) {
    assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
    assert_eq!(report.uncovered, uncovered);
    let others = report.findings.iter().find(|finding| finding.id != FindingId::Uncovered);
    assert!(others.is_none(), "{others:?}");
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// In a process that plays: the scene, and the settings for the log.
fn scene() -> Option<(String, Builder)> {
    let scene = std::env::var(SCENE).ok()?;
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let builder = AuditLog::builder(folder.join("audit.log"))
        .keyring(Keyring::load(folder.join("audit.key")).unwrap())
        .log_key(SigningKey::load(folder.join("audit.sign")).unwrap())
        // Checkpoints are made at the end only, or not at all.
        .checkpoint_interval(std::time::Duration::from_secs(3600));
    Some((scene, builder))
}
