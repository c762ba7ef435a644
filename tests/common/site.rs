//! A folder with the keys of a log and what stands in its files.

use std::path::{Path, PathBuf};

use fernlog::crypto::Cipher;
use fernlog::format::{LogPath, StoredRecord};
use fernlog::read::{Log, Report, Verdict, VerifyOptions, verify};
use fernlog::write::Builder;
use fernlog::{AuditLog, Durability, Key, Keyring, Level, Record, SigningKey};

pub(crate) const ORIGIN: &str = "example.com/test";

/// A place where a log lives.
pub(crate) struct Site {
    folder: PathBuf,
    /// Removes the folder, if it is ours.
    _own: Option<tempfile::TempDir>,
    pub(crate) keyring: Keyring,
    pub(crate) log_key: SigningKey,
}

impl Site {
    pub(crate) fn new() -> Self {
        let own = tempfile::tempdir().unwrap();
        let keyring = Keyring::new(Key::generate().unwrap());
        let log_key = SigningKey::generate(ORIGIN).unwrap();
        let site = Self::at(own.path(), keyring, log_key);
        Self { _own: Some(own), ..site }
    }

    /// A place that somebody else made.
    pub(crate) fn at(folder: &Path, keyring: Keyring, log_key: SigningKey) -> Self {
        Self { folder: folder.to_owned(), _own: None, keyring, log_key }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("audit.log")
    }

    /// Settings for a chained log.
    pub(crate) fn builder(&self) -> Builder {
        AuditLog::builder(self.log())
            .keyring(self.keyring.clone())
            .log_key(self.log_key.clone())
            .durability(Durability::Written)
    }

    pub(crate) fn open(&self) -> AuditLog {
        self.builder().open().unwrap()
    }

    /// Settings for a plain log.
    pub(crate) fn plain(&self) -> Builder {
        AuditLog::builder(self.log()).keyring(self.keyring.clone()).plain()
    }

    /// What `verify` says of the log with all keys.
    pub(crate) fn verify(&self) -> Report {
        let path = LogPath::new(&self.log()).unwrap();
        let options = VerifyOptions {
            vkey: Some(self.log_key.verifier().clone()),
            keyring: Some(self.keyring.clone()),
            ..VerifyOptions::default()
        };
        verify(&Log::open(&path).unwrap(), &options).unwrap()
    }

    pub(crate) fn assert_intact(&self) {
        let report = self.verify();
        assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.folder).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The plaintexts of a segment, opened with the first key of the ring that fits.
    pub(crate) fn plaintexts(&self, name: &str) -> Vec<String> {
        lines(&self.path(name)).iter().map(|line| self.plaintext(line)).collect()
    }

    fn plaintext(&self, line: &str) -> String {
        let mut raw = Vec::new();
        for key in self.keyring.keys() {
            if let Ok(opened) = Cipher::new(key).open(line.as_bytes(), &mut raw) {
                return String::from_utf8(opened.plaintext.to_vec()).unwrap();
            }
        }
        panic!("no key opens a line");
    }

    /// The messages of a segment.
    pub(crate) fn messages(&self, name: &str) -> Vec<String> {
        let message =
            |text: &String| StoredRecord::decode(text.as_bytes()).unwrap().message.into_owned();
        self.plaintexts(name).iter().map(message).collect()
    }
}

/// Compresses a closed segment, as its name is now, in place.
pub(crate) fn compress(path: &Path) {
    let lines = std::fs::read(path).unwrap();
    let to = format!("{}.zst", path.display());
    std::fs::write(to, zstd::bulk::compress(&lines, 3).unwrap()).unwrap();
    std::fs::remove_file(path).unwrap();
}

/// The lines of a file.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{}", path.display());
    text.lines().map(str::to_owned).collect()
}

/// A record with this message.
pub(crate) fn record(message: &str) -> Record<'_> {
    Record::new(Level::Info, "test", message)
}

/// Appends bytes to a file as a crash or an attacker would.
pub(crate) fn append_bytes(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}
