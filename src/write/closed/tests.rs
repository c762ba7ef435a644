//! A log with retention and compression on a disk in memory that fails at every call.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::crypto::{Cipher, Key, Keyring, SigningKey};
use crate::error::Result;
use crate::format::{ChainReader, Event, Header, Level, Record, StoredRecord};
use crate::write::builder::Builder;
use crate::write::closed::Compression;
use crate::write::file::{Disk, Opening};
use crate::write::keep::Keep;
use crate::write::log::AuditLog;
use crate::write::sim::{Fault, IMAGES, Image, SimDisk};

struct Keys {
    fernet: Key,
    log: SigningKey,
}

#[derive(Clone, Copy)]
struct Settings {
    keep: Option<u64>,
    compression: Compression,
}

const NONE: Settings = Settings { keep: None, compression: Compression::Off };
const KEEP: Settings = Settings { keep: Some(2), ..NONE };
const ZSTD: Settings = Settings { compression: Compression::Zstd, ..NONE };
const BOTH: Settings = Settings { keep: Some(2), ..ZSTD };

impl Keys {
    fn new() -> Self {
        Self {
            fernet: Key::generate().unwrap(),
            log: SigningKey::generate("example.com/test").unwrap(),
        }
    }

    fn open(&self, disk: &SimDisk, settings: Settings) -> Result<AuditLog> {
        let mut builder = Builder::new("/logs/audit.log".as_ref())
            .keyring(Keyring::new(self.fernet.clone()))
            .log_key(self.log.clone())
            .compression(settings.compression);
        if let Some(count) = settings.keep {
            builder = builder.keep(Keep::segments(count));
        }
        builder.open_on(Arc::new(disk.clone()))
    }

    /// Each segment of a whole log, which a reader finds after it was opened.
    fn segments(&self, disk: &SimDisk) -> Vec<Segment> {
        let files = disk.files();
        let read = |path: PathBuf| {
            files.iter().find(|(name, _)| *name == path).map(|(_, bytes)| bytes.clone())
        };
        let mut segments = Vec::new();
        for number in 0.. {
            let closed = PathBuf::from(format!("/logs/audit.{number:06}.log"));
            let is_closed = read(with(&closed, ".chain")).is_some();
            let log = if is_closed { closed } else { PathBuf::from("/logs/audit.log") };
            let chain = read(with(&log, ".chain")).unwrap();
            let header = ChainReader::new(&chain[..]).header().unwrap().1.unwrap();
            assert_eq!(header.segment, number);
            let lines = read(log.clone());
            let compressed = read(with(&log, ".zst")).map(|bytes| decompress(&bytes));
            // The lines count; where both are there they are the same.
            assert!(
                lines.is_none() || compressed.as_ref().is_none_or(|c| lines.as_ref() == Some(c))
            );
            let messages = lines.as_ref().or(compressed.as_ref()).map(|bytes| self.messages(bytes));
            let is_compressed = lines.is_none() && compressed.is_some();
            segments.push(Segment { header, messages, is_compressed });
            if !is_closed {
                return segments;
            }
        }
        segments
    }

    fn messages(&self, lines: &[u8]) -> Vec<String> {
        let cipher = Cipher::new(&self.fernet);
        let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let records = lines.map(|line| {
            let mut raw = Vec::new();
            let opened = cipher.open(line, &mut raw).expect("a token");
            let record = StoredRecord::decode(opened.plaintext).expect("a record");
            (record.logger.as_deref() == Some("story")).then(|| record.message.into_owned())
        });
        records.flatten().collect()
    }
}

fn with(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", path.display()))
}

fn decompress(bytes: &[u8]) -> Vec<u8> {
    zstd::decode_all(bytes).expect("a whole compressed segment")
}

struct Segment {
    header: Header,
    /// None if the lines are gone.
    messages: Option<Vec<String>>,
    is_compressed: bool,
}

/// The numbers that headers announce as pruned; none twice.
fn announced(segments: &[Segment]) -> BTreeSet<u64> {
    let mut announced = BTreeSet::new();
    for segment in segments {
        for event in &segment.header.events {
            if let Event::Pruned(first, last) = event {
                assert!(*last < segment.header.segment);
                assert!((*first..=*last).all(|number| announced.insert(number)), "twice");
            }
        }
    }
    announced
}

/// Names that a finished log has for each closed segment: the chain, or all of it.
fn leftovers(disk: &SimDisk, segments: &[Segment], settings: Settings) -> Vec<PathBuf> {
    let announced = announced(segments);
    let mut left: Vec<PathBuf> = disk.files().into_iter().map(|(path, _)| path).collect();
    left.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let number = name.strip_prefix("audit.").and_then(|rest| rest.get(..6)?.parse().ok());
        let Some(number) = number else { return false };
        let plain = name.ends_with(".log") && settings.compression == Compression::Zstd;
        let pruned = announced.contains(&number) && !name.ends_with(".chain");
        plain || pruned || name.ends_with(".new")
    });
    left
}

#[derive(Debug, Default)]
struct Told {
    appended: Vec<String>,
    failed: Vec<String>,
    /// Number of operations that were refused.
    refused: usize,
}

impl Told {
    fn append(&mut self, log: &AuditLog, name: String) {
        match log.append(&Record::new(Level::Info, "story", &name)) {
            Ok(_) => self.appended.push(name),
            Err(_) => {
                self.failed.push(name);
                self.refused += 1;
            }
        }
    }
}

/// Six segments in two runs.
fn story(keys: &Keys, disk: &SimDisk, settings: Settings, told: &mut Told) -> Result<()> {
    for run in 0..2 {
        let log = keys.open(disk, settings)?;
        for segment in 0..3 {
            told.append(&log, format!("{run}.{segment}.a"));
            told.append(&log, format!("{run}.{segment}.b"));
            told.refused += usize::from(log.roll().is_err());
        }
        log.close()?;
    }
    Ok(())
}

/// What is left are the records that were appended, in their order, except for those of segments
/// that were announced.
fn assert_complete(keys: &Keys, disk: &SimDisk, told: &Told, context: &str) {
    let segments = keys.segments(disk);
    let announced = announced(&segments);
    let mut kept = Vec::new();
    for segment in &segments {
        match &segment.messages {
            Some(messages) => kept.extend(messages.iter().cloned()),
            None => assert!(
                announced.contains(&segment.header.segment),
                "{context}: segment {} is gone and no header says so",
                segment.header.segment
            ),
        }
    }
    let kept: Vec<_> = kept.iter().filter(|message| told.appended.contains(message)).collect();
    // The oldest may have been pruned, nothing else may be missing.
    let missing = told.appended.len() - kept.len();
    assert_eq!(kept, told.appended[missing..].iter().collect::<Vec<_>>(), "{context}");
    let neighbours = segments.iter().zip(segments.iter().skip(1));
    let entries = |(one, next): (&Segment, &Segment)| next.header.first() - one.header.first() - 1;
    let gone = neighbours.filter(|(one, _)| one.messages.is_none()).map(entries).sum::<u64>();
    assert!(missing as u64 <= gone, "{context}: {missing} of {gone} records");
}

fn run(settings: Settings, fault: Fault) -> usize {
    let keys = Keys::new();
    let mut checked = 0;
    for at in 0.. {
        let disk = SimDisk::failing(at, fault);
        let mut told = Told::default();
        let _ = story(&keys, &disk, settings, &mut told);
        if !disk.has_failed() {
            return checked;
        }
        for image in IMAGES {
            let context = format!("{fault:?} at call {at}, {image:?}");
            let disk = disk.reboot(image);
            // First somebody who has no part in retention and compression, then the log's own.
            for settings in [NONE, settings] {
                let log = keys.open(&disk, settings).unwrap_or_else(|e| panic!("{context}: {e}"));
                log.close().unwrap();
                assert_complete(&keys, &disk, &told, &context);
            }
            let segments = keys.segments(&disk);
            assert_eq!(leftovers(&disk, &segments, settings), [] as [PathBuf; 0], "{context}");
            checked += 1;
        }
    }
    checked
}

#[test]
fn a_crash_at_any_call_of_retention_deletes_nothing_that_was_not_announced() {
    assert!(run(KEEP, Fault::Crash) > 200);
}

#[test]
fn a_crash_at_any_call_of_compression_leaves_every_record() {
    assert!(run(ZSTD, Fault::Crash) > 200);
}

#[test]
fn a_crash_at_any_call_of_both_together_leaves_what_was_not_announced() {
    assert!(run(BOTH, Fault::Crash) > 200);
}

#[test]
fn a_call_that_fails_once_loses_nothing() {
    assert!(run(BOTH, Fault::Once) > 200);
    assert!(run(BOTH, Fault::Short) > 200);
}

#[test]
fn a_crash_while_leftovers_are_taken_up_is_recovered_from() {
    let keys = Keys::new();
    let mut checked = 0;
    for at in (0..).step_by(3) {
        let disk = SimDisk::failing(at, Fault::Crash);
        let mut told = Told::default();
        let _ = story(&keys, &disk, BOTH, &mut told);
        if !disk.has_failed() {
            break;
        }
        for again in 0.. {
            let disk = disk.reboot(Image::Kept).then_failing(again, Fault::Crash);
            drop(keys.open(&disk, BOTH));
            if !disk.has_failed() {
                break;
            }
            for image in [Image::Lost, Image::OldNames] {
                let disk = disk.reboot(image);
                keys.open(&disk, BOTH).unwrap().close().unwrap();
                assert_complete(&keys, &disk, &told, &format!("{at}, then {again}, {image:?}"));
                checked += 1;
            }
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn what_fails_in_retention_or_compression_fails_no_append_and_is_done_later() {
    let keys = Keys::new();
    let quiet = SimDisk::default();
    let mut told = Told::default();
    story(&keys, &quiet, NONE, &mut told).unwrap();
    let mut unheard = 0;
    for at in 0.. {
        let disk = SimDisk::failing(at, Fault::Once);
        let mut told = Told::default();
        let ended = story(&keys, &disk, BOTH, &mut told);
        if !disk.has_failed() {
            break;
        }
        if ended.is_err() || told.refused > 0 {
            continue;
        }
        unheard += 1;
        let log = keys.open(&disk, BOTH).unwrap();
        told.append(&log, "more".to_owned());
        log.roll().unwrap();
        log.close().unwrap();
        let segments = keys.segments(&disk);
        assert_eq!(leftovers(&disk, &segments, BOTH), [] as [PathBuf; 0], "at {at}");
        let kept: Vec<_> = segments.iter().filter(|segment| segment.messages.is_some()).collect();
        // Two closed ones and the active one.
        assert_eq!(kept.len(), 3, "at {at}");
        assert!(kept[..2].iter().all(|segment| segment.is_compressed));
    }
    assert!(unheard > 50, "{unheard}");
}

#[test]
fn the_header_of_the_next_segment_says_what_was_pruned() {
    let (keys, disk) = (Keys::new(), SimDisk::default());
    story(&keys, &disk, KEEP, &mut Told::default()).unwrap();
    let segments = keys.segments(&disk);
    let pruned: Vec<_> = segments
        .iter()
        .map(|segment| segment.header.events.iter().find(|e| matches!(e, Event::Pruned(..))))
        .collect();
    let said = [(3, 0), (4, 1), (5, 2), (6, 3)].map(|(at, gone)| (at, Event::Pruned(gone, gone)));
    for (at, event) in &said {
        assert_eq!(pruned[*at], Some(event));
    }
    assert_eq!(pruned.iter().flatten().count(), said.len());
    let lines: Vec<_> = segments.iter().map(|segment| segment.messages.is_some()).collect();
    assert_eq!(lines, [false, false, false, false, true, true, true]);
}

#[test]
fn retention_that_is_asked_for_late_catches_up_with_one_range() {
    let (keys, disk) = (Keys::new(), SimDisk::default());
    story(&keys, &disk, NONE, &mut Told::default()).unwrap();
    let log = keys.open(&disk, KEEP).unwrap();
    // Nothing is deleted before a header has said so.
    assert!(announced(&keys.segments(&disk)).is_empty());
    assert!(keys.segments(&disk).iter().all(|segment| segment.messages.is_some()));
    log.roll().unwrap();
    let segments = keys.segments(&disk);
    assert!(segments[7].header.events.contains(&Event::Pruned(0, 4)));
    assert_eq!(segments.iter().filter(|segment| segment.messages.is_some()).count(), 3);
}

#[test]
fn a_roll_while_opening_announces_nothing_twice() {
    let (mut keys, disk) = (Keys::new(), SimDisk::default());
    story(&keys, &disk, KEEP, &mut Told::default()).unwrap();
    // As a crash leaves it: announced and still there. And the next writer has another key.
    let left = disk.open("/logs/audit.000003.log".as_ref(), Opening::New).unwrap();
    left.append(b"left").unwrap();
    let old = std::mem::replace(&mut keys.fernet, Key::generate().unwrap());
    let builder = Builder::new("/logs/audit.log".as_ref())
        .keyring(Keyring::new(old).rotated(keys.fernet.clone()))
        .log_key(keys.log.clone())
        .keep(Keep::segments(2));
    builder.open_on(Arc::new(disk.clone())).unwrap();
    let events = keys.open_header(&disk).events;
    assert_eq!(events, [Event::Rolled("key".into()), Event::Pruned(4, 4)]);
    assert!(disk.read("/logs/audit.000003.log".as_ref()).unwrap().is_none());
}

#[test]
fn a_segment_that_was_not_closed_as_it_should_be_is_kept() {
    let (keys, disk) = (Keys::new(), SimDisk::default());
    story(&keys, &disk, NONE, &mut Told::default()).unwrap();
    let chain = disk.open("/logs/audit.000002.log.chain".as_ref(), Opening::Existing).unwrap();
    chain.cut(chain.length().unwrap() - 40).unwrap();
    let log = keys.open(&disk, KEEP).unwrap();
    log.roll().unwrap();
    let events = &keys.open_header(&disk).events;
    assert!(events.contains(&Event::Pruned(0, 1)) && events.contains(&Event::Pruned(3, 4)));
    let has = |name: &str| disk.read(name.as_ref()).unwrap().is_some();
    assert!(has("/logs/audit.000002.log") && !has("/logs/audit.000003.log"));
}

#[test]
fn lines_that_somebody_removed_are_not_called_pruned() {
    let (keys, disk) = (Keys::new(), SimDisk::default());
    story(&keys, &disk, NONE, &mut Told::default()).unwrap();
    for file in ["/logs/audit.000001.log", "/logs/audit.000001.log.hashes"] {
        disk.remove(file.as_ref()).unwrap();
    }
    let log = keys.open(&disk, KEEP).unwrap();
    log.roll().unwrap();
    let events = &keys.open_header(&disk).events;
    assert!(events.contains(&Event::Pruned(0, 0)) && events.contains(&Event::Pruned(2, 4)));
}

#[test]
fn a_checkpoint_of_another_key_does_not_make_a_segment_complete() {
    let (keys, disk) = (Keys::new(), SimDisk::default());
    story(&keys, &disk, NONE, &mut Told::default()).unwrap();
    let active = keys.open_header(&disk);
    let path = crate::format::LogPath::new("/logs/audit.log".as_ref()).unwrap();
    let check = |number, key: &SigningKey| {
        super::prune::is_complete(&disk, &path, number, &active, key.verifier())
    };
    assert!((0..6).all(|number| check(number, &keys.log)));
    let other = SigningKey::generate("example.com/test").unwrap();
    assert!((0..6).all(|number| !check(number, &other)));
}

#[test]
fn a_compressed_file_that_is_something_else_is_left_alone() {
    let (keys, disk) = (Keys::new(), SimDisk::default());
    story(&keys, &disk, NONE, &mut Told::default()).unwrap();
    let foreign = disk.open("/logs/audit.000002.log.zst".as_ref(), Opening::New).unwrap();
    foreign.append(b"precious").unwrap();
    keys.open(&disk, ZSTD).unwrap().close().unwrap();
    let files = disk.files();
    let read = |name: &str| files.iter().find(|(path, _)| path == Path::new(name)).map(|f| &*f.1);
    assert_eq!(read("/logs/audit.000002.log.zst"), Some(&b"precious"[..]));
    assert!(read("/logs/audit.000002.log").is_some());
    assert!(read("/logs/audit.000001.log").is_none() && read("/logs/audit.000003.log").is_none());
}

impl Keys {
    fn open_header(&self, disk: &SimDisk) -> Header {
        let chain = disk.read("/logs/audit.log.chain".as_ref()).unwrap().unwrap();
        ChainReader::new(chain).header().unwrap().1.unwrap()
    }
}
