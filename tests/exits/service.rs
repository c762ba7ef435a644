//! The example that handles SIGTERM, as it ships.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fernlog::{Keyring, SigningKey};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{assert_intact, report};
use crate::common::repository;

/// Builds the example, if that was not done yet, and gives its path.
fn example(name: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // What the outer cargo says about this package; some build scripts would run again for it.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    let output = cargo
        .args(["build", "--quiet", "--locked", "--message-format=json", "--example", name])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let built = messages.filter(|message| message["target"]["name"] == name);
    let path =
        built.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    path.unwrap()
}

/// Runs the service, ends it when it has answered `requests`, and gives how many it answered.
fn served(folder: &Path, signal: Signal, requests: usize) -> usize {
    let mut service =
        Command::new(example("sigterm")).arg(folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut answered = 0;
    for line in BufReader::new(service.stdout.take().unwrap()).lines() {
        if !line.unwrap().starts_with("request ") {
            continue;
        }
        answered += 1;
        if answered == requests {
            kill_process(Pid::from_child(&service), signal).unwrap();
        }
    }
    assert!(service.wait().unwrap().success());
    answered
}

#[test]
fn a_service_that_is_told_to_end_has_every_answered_request_in_a_covered_log() {
    let keys = repository().join("keys");
    let keyring = Keyring::load(keys.join("demo.key")).unwrap();
    let log_key = SigningKey::load(keys.join("demo.sign")).unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let answered = served(folder.path(), signal, 10);
        assert!((10..200).contains(&answered), "it did not stop early: {answered}");
        let report = report(&folder.path().join("audit.log"), &keyring, &log_key);
        assert_intact(&report, 0);
        assert_eq!(report.records(), answered as u64);
    }
}

#[test]
fn a_service_that_ends_by_itself_has_them_all() {
    let keys = repository().join("keys");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(served(folder.path(), Signal::TERM, usize::MAX), 200);
    let keyring = Keyring::load(keys.join("demo.key")).unwrap();
    let log_key = SigningKey::load(keys.join("demo.sign")).unwrap();
    let report = report(&folder.path().join("audit.log"), &keyring, &log_key);
    assert_intact(&report, 0);
    assert_eq!(report.records(), 200);
}
