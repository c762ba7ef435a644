//! One story of a log, told with a fault at every call that changes the disk, and then opened
//! again from every image that a crash can leave.

use std::sync::Arc;

use crate::crypto::{Cipher, Key, Keyring, SigningKey};
use crate::error::Result;
use crate::format::{Level, Record, StoredRecord};
use crate::write::builder::Builder;
use crate::write::log::{AuditLog, Durability};
use crate::write::sim::{Fault, IMAGES, Image, SimDisk};

struct Keys {
    fernet: Key,
    log: SigningKey,
}

impl Keys {
    fn new() -> Self {
        Self {
            fernet: Key::generate().unwrap(),
            log: SigningKey::generate("example.com/test").unwrap(),
        }
    }

    fn open(&self, disk: &SimDisk) -> Result<AuditLog> {
        Builder::new("/logs/audit.log".as_ref())
            .keyring(Keyring::new(self.fernet.clone()))
            .log_key(self.log.clone())
            .open_on(Arc::new(disk.clone()))
    }

    /// The messages of all segments in order, without records about the log itself.
    fn messages(&self, disk: &SimDisk) -> Vec<String> {
        let cipher = Cipher::new(&self.fernet);
        let mut logs: Vec<_> = disk.files();
        logs.retain(|(path, _)| path.extension().is_some_and(|ending| ending == "log"));
        // `audit.log` sorts behind `audit.000000.log`.
        logs.sort();
        let mut messages = Vec::new();
        for (path, data) in logs {
            assert!(data.is_empty() || data.ends_with(b"\n"), "{}", path.display());
            for line in data.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
                let mut raw = Vec::new();
                let opened = cipher.open(line, &mut raw).expect("a token");
                let record = StoredRecord::decode(opened.plaintext).expect("a record");
                if record.logger.as_deref() == Some("story") {
                    messages.push(record.message.into_owned());
                }
            }
        }
        messages
    }
}

/// What the caller was told about each record.
#[derive(Debug, Default)]
struct Told {
    appended: Vec<String>,
    durable: usize,
    refused: Vec<String>,
}

impl Told {
    fn append(&mut self, log: &AuditLog, name: &str, durability: Durability) {
        match log.append_with(&Record::new(Level::Info, "story", name), durability) {
            Ok(_) => {
                self.appended.push(name.to_owned());
                if durability == Durability::Durable {
                    self.durable = self.appended.len();
                }
            }
            Err(_) => self.refused.push(name.to_owned()),
        }
    }
}

/// Begins a log, writes, rolls, closes it and opens it again.
fn story(keys: &Keys, disk: &SimDisk, told: &mut Told) -> Result<()> {
    let log = keys.open(disk)?;
    told.append(&log, "a", Durability::Durable);
    told.append(&log, "b", Durability::Written);
    told.append(&log, "c", Durability::Buffered);
    told.append(&log, "d", Durability::Durable);
    if log.flush().is_ok() {
        told.durable = told.appended.len();
    }
    told.append(&log, "e", Durability::Written);
    if log.roll().is_ok() {
        told.durable = told.appended.len();
    }
    told.append(&log, "f", Durability::Durable);
    told.append(&log, "g", Durability::Written);
    let closed = log.close();
    if closed.is_ok() {
        told.durable = told.appended.len();
    }
    closed?;
    let log = keys.open(disk)?;
    told.append(&log, "h", Durability::Durable);
    log.close().map(drop)
}

/// Opens the log after a reboot and holds it against what the caller was told.
fn check(keys: &Keys, disk: &SimDisk, told: &Told, context: &str) {
    let log = keys.open(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    log.append(&Record::new(Level::Info, "story", "after")).unwrap();
    log.roll().unwrap();
    log.close().unwrap();
    let messages = keys.messages(disk);
    let (last, kept) = messages.split_last().unwrap();
    assert_eq!(last, "after", "{context}");
    // What was appended, in its order, at least as far as it was durable. A record whose append
    // failed may be there when only its sync had failed.
    let told_kept: Vec<_> = kept.iter().filter(|m| !told.refused.contains(m)).collect();
    let appended: Vec<_> = told.appended.iter().collect();
    assert!(appended.starts_with(&told_kept), "{context}: {kept:?} of {told:?}");
    assert!(told_kept.len() >= told.durable, "{context}: {kept:?} of {told:?}");
}

fn run(fault: Fault, images: &[Image]) -> usize {
    let keys = Keys::new();
    let mut checked = 0;
    for at in 0.. {
        let disk = SimDisk::failing(at, fault);
        let mut told = Told::default();
        let _ = story(&keys, &disk, &mut told);
        if !disk.has_failed() {
            assert_eq!(told.appended.concat(), "abcdefgh");
            return checked;
        }
        for image in images {
            let context = format!("{fault:?} at call {at}, {image:?}");
            check(&keys, &disk.reboot(*image), &told, &context);
            checked += 1;
        }
    }
    checked
}

#[test]
fn a_crash_at_any_call_loses_nothing_that_was_durable() {
    assert!(run(Fault::Crash, &IMAGES) > 200);
}

#[test]
fn a_call_that_fails_once_loses_nothing_that_was_durable() {
    assert!(run(Fault::Once, &IMAGES) > 200);
}

#[test]
fn a_short_write_leaves_no_stump() {
    assert!(run(Fault::Short, &IMAGES) > 200);
}

#[test]
fn a_crash_during_recovery_is_recovered_from() {
    let keys = Keys::new();
    let mut checked = 0;
    for at in 0.. {
        let disk = SimDisk::failing(at, Fault::Crash);
        let mut told = Told::default();
        let _ = story(&keys, &disk, &mut told);
        if !disk.has_failed() {
            break;
        }
        for again in 0.. {
            let rebooted = disk.reboot(Image::Torn).then_failing(again, Fault::Crash);
            let opened = keys.open(&rebooted);
            drop(opened);
            if !rebooted.has_failed() {
                break;
            }
            for image in [Image::Lost, Image::Zeros] {
                let context = format!("crash at {at}, then at {again}, {image:?}");
                check(&keys, &rebooted.reboot(image), &told, &context);
                checked += 1;
            }
        }
    }
    assert!(checked > 500, "{checked}");
}
