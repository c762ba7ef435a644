//! Time of each step of an append, of a whole append and of an open, as ratios of medians in one
//! run: `cargo bench --bench steps`.

mod support;

use std::time::Duration;

use fernlog::crypto::{Cipher, TokenShape};
use fernlog::format::{Frontier, LogPath, leaf, node};
use fernlog::read::{Log, Verdict, VerifyOptions, verify};
use fernlog::{
    AuditLog, Durability, Key, Keyring, Level, QueueSettings, Record, SigningKey, UnixTime,
};
use support::{Round, black_box, floor};

const RECORDS: usize = 2000;

fn main() {
    let key = Key::generate().expect("randomness");
    let stock = fernet::Fernet::new(&key.to_text()).expect("a key");
    let cipher = Cipher::new(&key);
    let floor = floor::Floor::new();
    let plaintext = support::plaintext();
    let line = cipher.seal(&plaintext, 1_763_800_001, [7; 16]);
    let hash = leaf(line.as_bytes());
    let mut raw = Vec::new();

    let folder = tempfile::tempdir().expect("a folder");
    let open = |name: &str| {
        AuditLog::builder(folder.path().join(name))
            .keyring(Keyring::new(key.clone()))
            .log_key(SigningKey::generate("bench").expect("randomness"))
            .durability(Durability::Written)
            .open()
            .expect("a log")
    };
    let log = open("written.log");
    let buffered = open("buffered.log");
    let plain = AuditLog::builder(folder.path().join("plain.log"))
        .keyring(Keyring::new(key.clone()))
        .plain()
        .open()
        .expect("a log");
    // Wide enough for a whole round, so that an append never waits.
    let queue = open("queued.log").queued(QueueSettings::new()).expect("a queue");
    let whole = open("whole.log");
    for i in 0..RECORDS {
        whole.append_with(&record(i), Durability::Buffered).expect("an append");
    }
    whole.close().expect("a whole log");
    let whole = LogPath::new(&folder.path().join("whole.log")).expect("a name");
    let options = VerifyOptions::default();
    let now = UnixTime::new(1_763_800_001, 123_456_789);
    let mut file = std::fs::File::create(folder.path().join("bare")).expect("a file");

    let mut tree = Frontier::new();
    let mut encoded = Vec::new();
    let mut round = Round::new(RECORDS);
    round.step("fernet crate: encrypt", |_| drop(black_box(stock.encrypt(&plaintext))));
    round.step("floor: AES, HMAC, base64, SHA-256", |_| floor.run(&plaintext));
    round.step("encode", |i| {
        encoded.clear();
        black_box(record(i).encode(i as u64, now, &mut encoded));
    });
    round.step("seal", |i| drop(black_box(cipher.seal(&plaintext, i as u64, [i as u8; 16]))));
    round.step("leaf", |_| _ = black_box(leaf(black_box(line.as_bytes()))));
    round.step("node", |_| _ = black_box(node(black_box(&hash), &hash)));
    round.step("push into the tree", |_| tree.push(hash));
    round.step("write(2) of one line", |_| {
        std::io::Write::write_all(&mut file, line.as_bytes()).expect("a write");
    });
    round.step("append to a plain log, Buffered", |i| {
        plain.append_with(&record(i), Durability::Buffered).expect("an append");
    });
    round.step("append, Buffered", |i| {
        buffered.append_with(&record(i), Durability::Buffered).expect("an append");
    });
    round.step("append, Written", |i| {
        log.append(&record(i)).expect("an append");
    });
    // What the caller pays, while the worker seals and writes on another core.
    round.step("queue append", |i| queue.append(&record(i)).expect("an append"));
    // Once in a round: what the worker had not done by then.
    round.step("queue flush", |i| {
        if i == 0 {
            queue.flush(Duration::from_secs(60)).expect("a flush");
        }
    });
    round.compare("queue append", "append, Buffered");
    round.compare("queue append", "append, Written");
    round.step("fernet crate: decrypt", |_| drop(black_box(stock.decrypt(&line).expect("opens"))));
    round.step("open", |_| {
        black_box(cipher.open(line.as_bytes(), &mut raw).expect("opens"));
    });
    round.step("shape (keyless)", |_| _ = black_box(TokenShape::of(line.as_bytes())));
    // Once in a round, over as many records as the other steps have.
    round.step("verify a log (keyless)", |i| {
        if i == 0 {
            let report = verify(&Log::open(&whole).expect("a log"), &options).expect("a report");
            assert_eq!(report.verdict, Verdict::Intact);
        }
    });
    round.print("fernet crate: encrypt");
}

/// A record whose plaintext has 200 bytes.
fn record(number: usize) -> Record<'static> {
    Record::new(Level::Info, "payment", support::MESSAGES[number % support::MESSAGES.len()])
        .actor("user-10422")
        .action("refund")
        .resource("order/7731")
        .outcome("ok")
}
