//! A whole log in memory, from a list of what its writer did, on the public functions of the
//! format alone: the write side shares no mistake with it.

use std::path::{Path, PathBuf};

use fernlog::crypto::sign_note;
use fernlog::format::{Checkpoint, Event, Frontier, Header, LogPath, SegmentName, leaf};
use fernlog::{SigningKey, UnixTime};
use libfuzzer_sys::arbitrary::{self, Arbitrary};

use crate::{CIPHER, KEY, LOG_KEY, ORIGIN, note_key};

const START: u64 = 1_763_800_000;

/// One thing that a writer does.
#[derive(Arbitrary, Clone, Debug)]
pub enum Op {
    /// A record with so long a message.
    Append(u8),
    /// A checkpoint over all entries so far.
    Checkpoint,
    /// The end of a segment and the beginning of the next.
    Roll,
}

/// The files of a log: lines and chain of each segment, the active one last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    /// `.log` and `.chain`.
    pub segments: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A new folder, in memory where the system has such a place: a disk is a hundred times slower.
pub fn folder() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    let root = if memory.is_dir() { memory } else { std::env::temp_dir() };
    tempfile::tempdir_in(root).expect("a place for temporary files")
}

struct Writer {
    files: LogFiles,
    tree: Frontier,
    signer: SigningKey,
    time: u64,
}

impl LogFiles {
    /// The log of a writer that did this.
    pub fn build(ops: &[Op]) -> Self {
        let mut writer = Writer {
            files: Self { segments: vec![] },
            tree: Frontier::new(),
            signer: note_key(1),
            time: START,
        };
        writer.begin(None);
        for op in ops.iter().take(40) {
            match op {
                Op::Append(length) => writer.append(usize::from(*length)),
                Op::Checkpoint => writer.checkpoint(&[]),
                Op::Roll if writer.files.segments.len() < 5 => {
                    writer.checkpoint(&[]);
                    let next = note_key(writer.files.segments.len() as u8 + 1);
                    let old = std::mem::replace(&mut writer.signer, next);
                    writer.begin(Some(&old));
                }
                Op::Roll => {}
            }
        }
        writer.files
    }

    /// All files, to choose one and change it.
    pub fn files(&mut self) -> Vec<&mut Vec<u8>> {
        self.segments.iter_mut().flat_map(|(log, chain)| [log, chain]).collect()
    }

    /// All lines with their LF, in the order of the log.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.segments.iter().flat_map(|(log, _)| log.split_inclusive(|&b| b == b'\n'))
    }

    /// Whether this is `whole` or the same log cut back at a line of its active segment.
    pub fn is_beginning_of(&self, whole: &Self) -> bool {
        let closed = |files: &Self| -> Vec<_> {
            files.segments.split_last().map(|(_, closed)| closed.to_vec()).unwrap_or_default()
        };
        let active = self.segments.last().map(|(log, _)| log.as_slice()).unwrap_or_default();
        let whole_active = whole.segments.last().map(|(log, _)| log.as_slice());
        closed(self) == closed(whole)
            && whole_active.is_some_and(|whole| whole.starts_with(active))
            && (active.is_empty() || active.ends_with(b"\n"))
    }

    /// Writes the log into an empty `folder`.
    pub fn write(&self, folder: &Path) -> LogPath {
        let path = LogPath::new(&folder.join("audit.log")).expect("a name in UTF-8");
        for (number, (log, chain)) in self.segments.iter().enumerate() {
            let is_active = number + 1 == self.segments.len();
            let closed = SegmentName::Closed(number as u64);
            let name = if is_active { SegmentName::Active } else { closed };
            std::fs::write(path.segment(name), log).expect("room on the disk");
            std::fs::write(path.beside(name, "chain"), chain).expect("room on the disk");
        }
        path
    }
}

impl Writer {
    fn active(&mut self) -> &mut (Vec<u8>, Vec<u8>) {
        self.files.segments.last_mut().expect("begun before anything else")
    }

    fn begin(&mut self, handing_over: Option<&SigningKey>) {
        let header = Header {
            origin: ORIGIN.into(),
            segment: self.files.segments.len() as u64,
            before: self.tree.clone(),
            key_id: KEY.id(),
            key_commitment: KEY.commitment(ORIGIN),
            wrapped_key: None,
            signer: self.signer.verifier().clone(),
            checkpoint_interval: 1000,
            time: UnixTime::from_token(self.time),
            events: handing_over.map(|_| Event::Rolled("size".into())).into_iter().collect(),
        };
        let text = header.to_text();
        self.tree.push(leaf(text.as_bytes()));
        self.files.segments.push((vec![], format!("{text}\n").into_bytes()));
        self.checkpoint(handing_over.as_slice());
    }

    fn append(&mut self, length: usize) {
        let (seq, time) = (self.tree.size(), self.time);
        self.time += 1;
        let stamp = UnixTime::from_token(time);
        let message = "m".repeat(length);
        let record = format!(
            "{{\"seq\":{seq},\"timestamp\":\"{stamp}\",\"level\":\"INFO\",\"logger\":\"fuzz\",\"message\":\"{message}\"}}"
        );
        let mut iv = [0; 16];
        iv[..8].copy_from_slice(&seq.to_be_bytes());
        let line = CIPHER.seal(record.as_bytes(), time, iv);
        self.tree.push(leaf(line.as_bytes()));
        let (log, _) = self.active();
        log.extend_from_slice(line.as_bytes());
        log.push(b'\n');
    }

    fn checkpoint(&mut self, also: &[&SigningKey]) {
        let (size, root) = (self.tree.size(), self.tree.root());
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size, root };
        let keys = [&[&*LOG_KEY], also, &[&self.signer]].concat();
        let note = sign_note(&checkpoint.to_text(), &keys).expect("a text of three lines");
        let (_, chain) = self.active();
        chain.extend_from_slice(note.as_bytes());
        chain.push(b'\n');
    }
}
