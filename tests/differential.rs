//! Our tokens against two other implementations: the `fernet` crate in this process, Python's
//! `cryptography` in another.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use fernet::Fernet;
use fernlog::Key;
use fernlog::crypto::Cipher;
use serde_json::{Value, json};

use crate::common::{Random, from_hex, python, repository, text, to_hex};

/// Messages are up to so many bytes long.
const LONGEST: u64 = 4096;

#[test]
fn a_hundred_thousand_messages_cross_between_us_and_the_fernet_crate() {
    let (mut random, mut raw) = (Random(30), Vec::new());
    for key in 0..100 {
        let text = Key::generate().unwrap().to_text();
        let ours = Cipher::new(&Key::from_text(&text).unwrap());
        let theirs = Fernet::new(&text).unwrap();
        for message in 0..1000 {
            let length = random.below(LONGEST + 1) as usize;
            let (plaintext, iv) = (random.bytes(length), random.array());
            // Their clock rule refuses times near the end of u64, with or without a TTL.
            let time = random.next() >> 8;
            let token = ours.seal(&plaintext, time, iv);
            let opened = theirs.decrypt_at_time(&token, None, time);
            assert_eq!(opened.as_ref(), Ok(&plaintext), "key {key} message {message}");

            let token = theirs.encrypt_at_time(&plaintext, time);
            let opened = ours.open(token.as_bytes(), &mut raw).unwrap();
            assert_eq!((opened.time, opened.plaintext), (time, plaintext.as_slice()));
        }
    }
}

#[test]
fn five_thousand_messages_cross_between_us_and_pyca() {
    let Some(python) = python() else { return };
    let key = Key::generate().unwrap().to_text();
    let ours = Cipher::new(&Key::from_text(&key).unwrap());
    let mut theirs = Pyca::start(&python, &key);
    let (mut random, mut raw) = (Random(31), Vec::new());
    for message in 0..5000 {
        let length = random.below(LONGEST + 1) as usize;
        let (plaintext, iv) = (random.bytes(length), random.array());
        let time = random.next() >> 8;
        let (data, token) = (to_hex(&plaintext), ours.seal(&plaintext, time, iv));

        let sealed =
            theirs.ask(&json!({"op": "seal", "time": time, "iv": to_hex(&iv), "data": data}));
        assert_eq!(text(&sealed, "token"), token, "{message}");
        let opened = theirs.ask(&json!({"op": "open", "token": token}));
        assert_eq!(from_hex(text(&opened, "data")), plaintext, "{message}");
        let opened = ours.open(text(&sealed, "token").as_bytes(), &mut raw).unwrap();
        assert_eq!((opened.time, opened.plaintext), (time, plaintext.as_slice()), "{message}");
    }

    // What is damaged is refused on both sides.
    let mut token = ours.seal(b"x", 1, [0; 16]).into_bytes();
    token[40] ^= 1;
    assert!(ours.open(&token, &mut raw).is_err());
    let answer = theirs.ask(&json!({"op": "open", "token": String::from_utf8(token).unwrap()}));
    assert_eq!(answer["error"], true);
    theirs.end();
}

/// `tests/pyca.py`, which answers one line of JSON with another.
struct Pyca {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Pyca {
    fn start(python: &std::path::Path, key: &str) -> Self {
        let mut process = Command::new(python)
            .arg(repository().join("tests/pyca.py"))
            .args(["differential", key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, requests, answers }
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.requests, "{request}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    fn end(mut self) {
        drop(self.requests);
        assert!(self.process.wait().unwrap().success());
    }
}
