//! `fernlog tail`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use fernlog::{Key, Keyring};

use super::{Answer, Desk};
use crate::common::site::{append_bytes, record};

/// A log that is followed.
pub(super) struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    pub(super) fn start(desk: &Desk, flags: &str) -> Self {
        let words = format!("tail -f audit.log -k audit.key --template {{message}} {flags}");
        let mut child =
            desk.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    #[track_caller]
    pub(super) fn expect(&self, lines: &[&str]) {
        for line in lines {
            let got = self.lines.recv_timeout(Duration::from_secs(20));
            assert_eq!(got.as_deref(), Ok(*line));
        }
    }

    fn expect_nothing(&self) {
        assert!(self.lines.recv_timeout(Duration::from_millis(600)).is_err());
    }

    /// Ctrl-C; gives the exit code and what was said on standard error.
    pub(super) fn stop(mut self) -> (i32, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let code = self.child.wait().unwrap().code().unwrap();
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (code, err)
    }
}

#[track_caller]
fn indexes(desk: &Desk, flags: &str) -> Vec<String> {
    let answer = desk.run(&format!("tail audit.log -k audit.key --template {{index}} {flags}"));
    answer.lines().into_iter().map(str::to_owned).collect()
}

#[test]
fn the_last_ten_records_are_printed() {
    let expected = ["10", "11", "12", "13", "14", "16", "17", "18", "19", "20"];
    assert_eq!(indexes(&Desk::sample(), ""), expected);
}

#[test]
fn n_says_how_many_of_those_selected() {
    let desk = Desk::sample();
    assert_eq!(indexes(&desk, "-n 2"), ["19", "20"]);
    assert_eq!(indexes(&desk, "-n 2 --field actor=mallory"), ["12", "18"]);
    assert_eq!(indexes(&desk, "-n 0"), Vec::<String>::new());
    assert_eq!(indexes(&desk, "--head 2"), ["1", "2"]);
}

#[test]
fn damage_before_the_end_is_not_looked_for() {
    let desk = Desk::sample();
    desk.damage_line("audit.000000.log", 1);
    assert_eq!(indexes(&desk, "-n 1"), ["20"]);
    desk.damage_line("audit.log", 5);
    let answer = desk.run("tail audit.log -k audit.key -n 2 --template {index}");
    assert_eq!((answer.code, answer.out.as_str()), (10, "18\n19\n"));
}

#[test]
fn records_are_followed_as_they_are_written() {
    let desk = Desk::new();
    let log = desk.site.open();
    log.append(&record("one")).unwrap();
    log.append(&record("two")).unwrap();
    let following = Following::start(&desk, "-n 1");
    following.expect(&["two"]);
    log.append(&record("three")).unwrap();
    following.expect(&["three"]);
    let (code, err) = following.stop();
    assert_eq!((code, err.as_str()), (130, ""));
}

#[test]
fn rolls_are_followed_also_when_the_key_changes() {
    let desk = Desk::new();
    let log = desk.site.open();
    log.append(&record("one")).unwrap();
    let next = Key::generate().unwrap();
    desk.key_file("next.key", &Keyring::new(next.clone()));
    let following = Following::start(&desk, "-k next.key");
    following.expect(&["one"]);
    log.append(&record("two")).unwrap();
    log.roll().unwrap();
    log.append(&record("three")).unwrap();
    following.expect(&["two", "three"]);
    log.close().unwrap();
    let ring = desk.site.keyring.clone().rotated(next);
    let log = desk.site.builder().keyring(ring).open().unwrap();
    log.append(&record("four")).unwrap();
    let change = following.lines.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(change.contains("key"), "{change}");
    following.expect(&["four"]);
    let (code, err) = following.stop();
    assert_eq!(code, 130);
    assert!(err.contains("fernlog: audit.log rolled; following segment 1\n"), "{err}");
}

#[test]
fn rolls_of_a_plain_log_are_followed() {
    let desk = Desk::new();
    let log = desk.site.plain().open().unwrap();
    log.append(&record("one")).unwrap();
    let following = Following::start(&desk, "");
    following.expect(&["one"]);
    log.append(&record("two")).unwrap();
    log.roll().unwrap();
    log.append(&record("three")).unwrap();
    following.expect(&["two", "three"]);
    assert_eq!(following.stop().0, 130);
}

#[test]
fn an_incomplete_line_waits_for_its_end() {
    let desk = Desk::new();
    let log = desk.site.plain().open().unwrap();
    log.append(&record("one")).unwrap();
    log.append(&record("two")).unwrap();
    log.close().unwrap();
    let bytes = desk.site.read("audit.log");
    let cut = bytes.len() - 30;
    std::fs::write(desk.path("audit.log"), &bytes[..cut]).unwrap();
    let following = Following::start(&desk, "");
    following.expect(&["one"]);
    following.expect_nothing();
    append_bytes(&desk.site.log(), &bytes[cut..]);
    following.expect(&["two"]);
    assert_eq!(following.stop(), (130, String::new()));
}

#[test]
fn selection_holds_for_what_is_followed() {
    let desk = Desk::new();
    let log = desk.site.open();
    let following = Following::start(&desk, "--field message~=t");
    std::thread::sleep(Duration::from_millis(300));
    for message in ["one", "two", "three"] {
        log.append(&record(message)).unwrap();
    }
    following.expect(&["two", "three"]);
    assert_eq!(following.stop().0, 130);
}

#[test]
fn a_log_that_becomes_shorter_is_told() {
    let desk = Desk::new();
    let log = desk.site.plain().open().unwrap();
    log.append(&record("one")).unwrap();
    log.append(&record("two")).unwrap();
    log.close().unwrap();
    let following = Following::start(&desk, "");
    following.expect(&["one", "two"]);
    desk.edit_lines("audit.log", |lines| lines.truncate(1));
    std::thread::sleep(Duration::from_millis(600));
    let (code, err) = following.stop();
    assert_eq!(code, 10);
    assert!(err.contains("fernlog: error: audit.log: segment 0 had "), "{err}");
}

#[test]
fn following_what_ends_is_refused() {
    let desk = Desk::sample();
    for flags in ["audit.log --head 3", "audit.log -o out.txt", "-"] {
        let answer = desk.run(&format!("tail -f -k audit.key {flags}"));
        assert_eq!(answer.code, 2, "{flags}");
        assert!(answer.err.contains("-f "), "{}", answer.err);
    }
}

#[test]
fn several_logs_are_named_on_standard_error() {
    let desk = Desk::sample();
    desk.file("empty.log", b"");
    let answer = desk.run("tail -n 1 empty.log audit.log -k audit.key --template {index}");
    assert_eq!((answer.out.as_str(), answer.code), ("20\n", 0));
    assert_eq!(answer.err, "fernlog: empty.log:\nfernlog: audit.log:\n");
    let quiet: Answer = desk.run("tail -q -n 1 empty.log audit.log -k audit.key");
    assert_eq!(quiet.err, "");
}
