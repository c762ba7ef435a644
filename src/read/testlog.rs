//! A small builder of whole logs for the tests of this side, made from crypto and format alone.

use std::path::PathBuf;

use crate::crypto::{Cipher, Key, Keyring, SigningKey, VerifierKey, sign_note};
use crate::format::{
    Checkpoint, Event, Frontier, Hash, Header, Level, LogPath, Record, SegmentName, UnixTime, leaf,
};
use crate::read::Log;

pub(crate) const ORIGIN: &str = "example.com/test";
/// Clear time of the first record.
pub(crate) const START: u64 = 1_763_800_000;

/// A log under construction. Everything is in memory until [`TestLog::write`].
pub(crate) struct TestLog {
    pub key: Key,
    pub log_key: SigningKey,
    pub closed: Vec<Files>,
    pub active: Files,
    signer: SigningKey,
    tree: Frontier,
    number: u64,
    time: u64,
    seal: u64,
    folder: tempfile::TempDir,
}

/// The three files of a segment.
#[derive(Clone, Default)]
pub(crate) struct Files {
    pub log: Vec<u8>,
    pub chain: Vec<u8>,
    pub hashes: Vec<u8>,
}

impl TestLog {
    pub(crate) fn new() -> Self {
        Self::with_key(Key::generate().unwrap())
    }

    pub(crate) fn with_key(key: Key) -> Self {
        let mut log = Self {
            key,
            log_key: SigningKey::generate(ORIGIN).unwrap(),
            closed: vec![],
            active: Files::default(),
            signer: SigningKey::generate(ORIGIN).unwrap(),
            tree: Frontier::new(),
            number: 0,
            time: START,
            seal: 0,
            folder: tempfile::tempdir().unwrap(),
        };
        log.begin(None, vec![]);
        log
    }

    /// Three segments of 6, 7 and 5 records; the last one is not covered.
    pub(crate) fn sample() -> Self {
        let mut log = Self::new();
        log.append(3);
        log.checkpoint();
        log.append(3);
        log.roll();
        log.append(4);
        log.checkpoint();
        log.append(3);
        log.roll();
        log.append(4);
        log.checkpoint();
        log.append(1);
        log
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.tree.root()
    }

    pub(crate) fn vkey(&self) -> VerifierKey {
        self.log_key.verifier().clone()
    }

    pub(crate) fn ring(&self) -> Keyring {
        Keyring::new(self.key.clone())
    }

    pub(crate) fn append(&mut self, count: u64) {
        for _ in 0..count {
            let index = self.size();
            self.append_record(&Record::new(Level::Info, "test", format!("message {index}")));
        }
    }

    pub(crate) fn append_gap(&mut self) {
        // No caller of the library can make a record of this kind.
        let (seq, time) = (self.size(), UnixTime::from_token(self.time));
        let rest = r#""level":"NOTICE","logger":"fernlog","message":"records lost""#;
        let rest = format!(r#"{rest},"fields":{{"count":3}},"kind":"gap""#);
        self.append_plaintext(format!(r#"{{"seq":{seq},"timestamp":"{time}",{rest}}}"#).as_bytes());
    }

    fn append_record(&mut self, record: &Record<'_>) {
        let mut plaintext = Vec::new();
        let time = UnixTime::from_token(self.time);
        record.encode(self.size(), time, &mut plaintext);
        self.append_plaintext(&plaintext);
    }

    pub(crate) fn append_plaintext(&mut self, plaintext: &[u8]) {
        let line = self.seal(plaintext, self.time);
        self.time += 1;
        self.append_line(&line);
    }

    pub(crate) fn append_at(&mut self, time: u64) {
        self.time = time;
        self.append(1);
    }

    pub(crate) fn seal(&mut self, plaintext: &[u8], time: u64) -> String {
        self.seal += 1;
        let mut iv = [7; 16];
        iv[..8].copy_from_slice(&self.seal.to_be_bytes());
        Cipher::new(&self.key).seal(plaintext, time, iv)
    }

    pub(crate) fn append_line(&mut self, line: &str) {
        self.push(line.as_bytes());
        self.active.log.extend_from_slice(line.as_bytes());
        self.active.log.push(b'\n');
    }

    fn push(&mut self, entry: &[u8]) {
        let hash = leaf(entry);
        self.tree.push(hash);
        self.active.hashes.extend_from_slice(&hash);
    }

    /// A checkpoint by the log key and this segment's key.
    pub(crate) fn checkpoint(&mut self) {
        let note = self.note(&[&self.log_key, &self.signer]);
        self.active.chain.extend_from_slice(note.as_bytes());
        self.active.chain.push(b'\n');
    }

    /// A note over the current size, signed by `keys`.
    pub(crate) fn note(&self, keys: &[&SigningKey]) -> String {
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: self.size(), root: self.root() };
        sign_note(&checkpoint.to_text(), keys).unwrap()
    }

    /// What somebody else keeps of the log as it is now.
    pub(crate) fn anchor(&self) -> String {
        self.note(&[&self.log_key])
    }

    pub(crate) fn roll(&mut self) {
        self.roll_with(self.key.clone(), vec![Event::Rolled("size".into())]);
    }

    pub(crate) fn roll_with(&mut self, key: Key, events: Vec<Event>) {
        self.checkpoint();
        self.key = key;
        self.closed.push(std::mem::take(&mut self.active));
        self.number += 1;
        let old = std::mem::replace(&mut self.signer, SigningKey::generate(ORIGIN).unwrap());
        let lost = events.contains(&Event::SignerLost);
        self.begin(Some(old).filter(|_| !lost), events);
    }

    /// A roll whose header says that the lines of these segments were deleted by retention.
    pub(crate) fn roll_pruning(&mut self, first: u64, last: u64) {
        let events = vec![Event::Rolled("size".into()), Event::Pruned(first, last)];
        self.roll_with(self.key.clone(), events);
    }

    fn begin(&mut self, handing_over: Option<SigningKey>, events: Vec<Event>) {
        let header = Header {
            origin: ORIGIN.into(),
            segment: self.number,
            before: self.tree.clone(),
            key_id: self.key.id(),
            key_commitment: self.key.commitment(ORIGIN),
            wrapped_key: None,
            signer: self.signer.verifier().clone(),
            checkpoint_interval: 1000,
            time: UnixTime::from_token(self.time),
            events,
        };
        let text = header.to_text();
        self.push(text.as_bytes());
        let mut keys = vec![&self.log_key];
        keys.extend(handing_over.as_ref());
        keys.push(&self.signer);
        let note = self.note(&keys);
        self.active.chain = [text.as_bytes(), b"\n", note.as_bytes(), b"\n"].concat();
    }

    pub(crate) fn path(&self) -> LogPath {
        LogPath::new(&self.folder.path().join("audit.log")).unwrap()
    }

    /// The path of a file, by its name in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes all files and opens the log.
    pub(crate) fn write(&self) -> Log {
        for (number, files) in self.closed.iter().enumerate() {
            self.write_segment(SegmentName::Closed(number as u64), files);
        }
        self.write_segment(SegmentName::Active, &self.active);
        self.open()
    }

    pub(crate) fn open(&self) -> Log {
        Log::open(&self.path()).unwrap()
    }

    /// Deletes what retention deletes of a closed segment.
    pub(crate) fn prune(&self, number: u64) {
        let name = SegmentName::Closed(number);
        std::fs::remove_file(self.path().segment(name)).unwrap();
        std::fs::remove_file(self.path().beside(name, "hashes")).unwrap();
    }

    /// Compresses a closed segment in place.
    #[cfg(feature = "zstd")]
    pub(crate) fn compress(&self, number: u64) {
        let name = SegmentName::Closed(number);
        let (from, to) = (self.path().segment(name), self.path().beside(name, "zst"));
        let lines = std::fs::read(&from).unwrap();
        std::fs::write(to, zstd::bulk::compress(&lines, 3).unwrap()).unwrap();
        std::fs::remove_file(from).unwrap();
    }

    fn write_segment(&self, name: SegmentName, files: &Files) {
        let path = self.path();
        for (path, bytes) in [
            (path.segment(name), &files.log),
            (path.beside(name, "chain"), &files.chain),
            (path.beside(name, "hashes"), &files.hashes),
        ] {
            // A new file each time: whoever has the old one open goes on reading it.
            let _ = std::fs::remove_file(&path);
            std::fs::write(path, bytes).unwrap();
        }
    }
}
