//! `fernlog-sample`: a log of three segments that an independent program wrote from the format page
//! alone.

use fernlog::format::{Frontier, LogPath, leaf};
use fernlog::read::{Check, Content, Log, Opener, Order, Verdict, VerifyOptions, verify};
use fernlog::{Keyring, SigningKey, VerifierKey};

use crate::common::{array, from_base64, json, text, vectors};

#[test]
fn the_sample_log_opens_to_the_expected_plaintexts() {
    let Some(expected) = json("fernlog-sample/expected.json") else { return };
    let folder = vectors().unwrap().join("fernlog-sample");
    let log = Log::open(&LogPath::new(&folder.join("audit.log")).unwrap()).unwrap();
    assert_eq!(log.segments().len() as u64, expected["segments"].as_u64().unwrap());
    let ring = Keyring::load(folder.join("sample.key")).unwrap();
    let (mut reader, mut opener) = (log.reader(), Opener::new(&ring));
    let (mut segment, mut tree) = (usize::MAX, Frontier::new());
    for plaintext in array(&expected, "plaintexts") {
        let line = reader.next_line().unwrap().unwrap();
        if line.segment != segment {
            segment = line.segment;
            let header = log.segments()[segment].header().unwrap().unwrap().unwrap();
            // The frontier that stands in the header is that of all entries before it.
            assert_eq!(header.before, tree);
            tree.push(leaf(header.to_text().as_bytes()));
            opener.begin_segment(Some(&header));
        }
        let Content::Token { line: token, .. } = line.content else { panic!("{line:?}") };
        assert_eq!(line.index, Some(tree.size()));
        tree.push(leaf(token));
        let opened = opener.open(token, line.index).unwrap();
        assert_eq!(opened.plaintext, plaintext.as_str().unwrap().as_bytes());
        let in_place = opened.record.is_none() || opened.order == Order::InPlace;
        assert!(in_place, "{:?}", opened.order);
    }
    assert!(reader.next_line().unwrap().is_none());
    assert_eq!(Some(tree.size()), expected["size"].as_u64());
    assert_eq!(tree.root()[..], from_base64(text(&expected, "root")));
}

#[test]
fn the_sample_log_verifies_as_expected() {
    let Some(expected) = json("fernlog-sample/expected.json") else { return };
    let folder = vectors().unwrap().join("fernlog-sample");
    let log = Log::open(&LogPath::new(&folder.join("audit.log")).unwrap()).unwrap();
    let vkey = Some(VerifierKey::load(folder.join("sample.vkey")).unwrap());
    for keyring in [None, Some(Keyring::load(folder.join("sample.key")).unwrap())] {
        let content = if keyring.is_some() { Check::Pass } else { Check::NotRun };
        let options = VerifyOptions { vkey: vkey.clone(), keyring, ..VerifyOptions::default() };
        let report = verify(&log, &options).unwrap();
        assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
        assert_eq!(report.checks.content, content);
        assert_eq!((report.checkpoint_size, report.uncovered), (16, 1));
        assert_eq!(Some(report.size), expected["size"].as_u64());
        assert_eq!(report.origin.as_deref(), expected["origin"].as_str());
        assert_eq!(report.root.unwrap()[..], from_base64(text(&expected, "root")));
    }
}

#[test]
fn the_keys_of_the_sample_belong_together() {
    let Some(folder) = vectors().map(|folder| folder.join("fernlog-sample")) else { return };
    let private = SigningKey::load(folder.join("sample.sign")).unwrap();
    let public = VerifierKey::load(folder.join("sample.vkey")).unwrap();
    assert_eq!(*private.verifier(), public);
}
