//! The log that another implementation made.

use std::path::{Path, PathBuf};

use super::*;
use crate::crypto::{Keyring, VerifierKey};
use crate::read::{Check, Content, Log, Opener, locate};

/// The folder of the sample. Without the variable these tests say loudly that they did nothing.
#[expect(clippy::print_stderr, reason = "a test that did nothing must be heard")]
fn sample() -> Option<PathBuf> {
    let folder = std::env::var_os("FERNLOG_VECTORS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED: FERNLOG_VECTORS is not set, the sample log was NOT verified");
    }
    folder.map(|folder| folder.join("fernlog-sample"))
}

fn open(folder: &Path) -> Log {
    Log::open(&locate(folder).unwrap()[0]).unwrap()
}

fn options(folder: &Path) -> VerifyOptions<'static> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    VerifyOptions {
        vkey: Some(VerifierKey::from_text(read("sample.vkey").trim()).unwrap()),
        keyring: Some(Keyring::from_text(&read("sample.key")).unwrap()),
        ..VerifyOptions::default()
    }
}

#[test]
fn the_sample_is_intact_with_one_entry_uncovered() {
    let Some(folder) = sample() else { return };
    let report = verify(&open(&folder), &options(&folder)).unwrap();
    assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
    assert_eq!((report.size, report.checkpoint_size, report.uncovered), (17, 16, 1));
    assert_eq!(report.records(), 14);
    assert_eq!(report.checks.content, Check::Pass);
    assert_eq!(report.checks.signatures, Check::Pass);
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let root = crate::crypto::encode_standard(&report.root.unwrap());
    assert_eq!(expected["root"], root.as_str());
}

#[test]
fn the_sample_decrypts_to_what_is_expected() {
    let Some(folder) = sample() else { return };
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let log = open(&folder);
    let mut opener = Opener::new(options(&folder).keyring.as_ref().unwrap());
    let mut reader = log.reader();
    let mut texts = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        let header = log.segments()[line.segment].header().unwrap().unwrap().unwrap();
        opener.begin_segment(Some(&header));
        let Content::Token { line: token, .. } = line.content else { panic!("damage") };
        let opened = opener.open(token, line.index).unwrap();
        texts.push(String::from_utf8(opened.plaintext.to_vec()).unwrap());
    }
    assert_eq!(serde_json::to_value(texts).unwrap(), expected["plaintexts"]);
}
