//! One story of a queue in front of a real log, told with a fault at every call that changes the
//! disk.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::crypto::{Cipher, Key, Keyring, SigningKey};
use crate::format::{Level, StoredRecord};
use crate::write::builder::Builder;
use crate::write::log::Durability;
use crate::write::sim::{Fault, Image, SimDisk};

const LONG: Duration = Duration::from_secs(20);
const RECORDS: usize = 8;

struct Keys {
    fernet: Key,
    log: SigningKey,
}

impl Keys {
    fn new() -> Self {
        Self { fernet: Key::generate().unwrap(), log: SigningKey::generate("example.com").unwrap() }
    }

    fn open(&self, disk: &SimDisk, durability: Durability) -> Result<AuditLog> {
        Builder::new("/logs/audit.log".as_ref())
            .keyring(Keyring::new(self.fernet.clone()))
            .log_key(self.log.clone())
            .durability(durability)
            .roll_size(1300)
            .open_on(Arc::new(disk.clone()))
    }

    /// The numbers of the records in all segments, in order.
    fn numbers(&self, disk: &SimDisk) -> Vec<usize> {
        let cipher = Cipher::new(&self.fernet);
        let mut logs = disk.files();
        logs.retain(|(path, _)| path.extension().is_some_and(|ending| ending == "log"));
        logs.sort();
        let mut numbers = Vec::new();
        for (_, data) in logs {
            for line in data.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
                let mut raw = Vec::new();
                let opened = cipher.open(line, &mut raw).expect("a token");
                let record = StoredRecord::decode(opened.plaintext).expect("a record");
                if record.logger.as_deref() == Some("story") {
                    numbers.push(record.message.parse().unwrap());
                }
            }
        }
        numbers
    }
}

/// Queues records into a log with small segments; gives those that are said to be safe, or none
/// when the log could not even be opened.
fn story(keys: &Keys, disk: &SimDisk, durability: Durability, close: Duration) -> Vec<usize> {
    let Ok(log) = keys.open(disk, durability) else { return Vec::new() };
    let queue = log.queued(QueueSettings::new()).unwrap();
    let submit = |number: usize| {
        queue.submit(&Record::new(Level::Info, "story", number.to_string())).unwrap()
    };
    let mut tickets = Vec::new();
    for number in 0..RECORDS {
        tickets.push(submit(number));
        if number == RECORDS / 2 {
            // What comes later is another batch.
            let _ = queue.flush(close);
        }
    }
    let _ = queue.close(close);
    let counts = queue.counts();
    assert_eq!(counts.accepted, counts.durable + counts.pending + counts.failed);
    let safe = |(number, ticket): (usize, &Ticket)| {
        matches!(ticket.wait_timeout(Duration::ZERO), Some(Ok(_))).then_some(number)
    };
    tickets.iter().enumerate().filter_map(safe).collect()
}

#[test]
fn a_fault_at_any_call_neither_loses_nor_repeats_a_record() {
    let keys = Keys::new();
    for durability in [Durability::Buffered, Durability::Written, Durability::Durable] {
        for fault in [Fault::Once, Fault::Short] {
            for at in 0.. {
                let disk = SimDisk::failing(at, fault);
                let safe = story(&keys, &disk, durability, LONG);
                let context = format!("{durability:?} {fault:?} at call {at}");
                if disk.has_failed() && safe.is_empty() {
                    // The log could not be opened.
                    continue;
                }
                let all: Vec<_> = (0..RECORDS).collect();
                assert_eq!(safe, all, "{context}");
                let numbers = keys.numbers(&disk);
                if durability > Durability::Buffered {
                    assert_eq!(numbers, all, "{context}");
                } else {
                    // The last write, when the log is dropped, may be the one that fails.
                    assert!(all.starts_with(&numbers), "{context}: {numbers:?}");
                }
                let log = keys.open(&disk.reboot(Image::Kept), durability);
                log.unwrap_or_else(|error| panic!("{context}: {error}")).close().unwrap();
                if !disk.has_failed() {
                    assert!(at > 30, "{at}");
                    break;
                }
            }
        }
    }
}

#[test]
fn what_a_ticket_called_durable_survives_a_power_cut() {
    let keys = Keys::new();
    for at in 0.. {
        let disk = SimDisk::failing(at, Fault::Crash);
        let safe = story(&keys, &disk, Durability::Durable, Duration::ZERO);
        for image in [Image::Lost, Image::Torn] {
            let disk = disk.reboot(image);
            let log = keys.open(&disk, Durability::Durable);
            let context = format!("at call {at}, {image:?}");
            log.unwrap_or_else(|error| panic!("{context}: {error}")).close().unwrap();
            let numbers = keys.numbers(&disk);
            assert!(numbers.starts_with(&safe), "{context}: {safe:?} of {numbers:?}");
            assert!(numbers.is_sorted_by(|a, b| a < b), "{context}: {numbers:?}");
        }
        if !disk.has_failed() {
            break;
        }
    }
}
