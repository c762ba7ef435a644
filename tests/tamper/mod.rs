//! Whatever is done to the files of a log, verifying notices, or says that it cannot.

mod bytes;
mod lines;
mod truncation;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;

use fernlog::format::LogPath;
use fernlog::read::{Anchor, FindingId, Log, Report, Verdict, VerifyOptions, verify};

use crate::common::site::{Site, record};

/// A small log with three segments, every entry covered, and its files in memory.
struct Specimen {
    site: Site,
    files: BTreeMap<String, Vec<u8>>,
    /// Files that are not as they were written.
    touched: RefCell<Vec<String>>,
}

/// The files that evidence rests on; the others are a cache, a lock and a secret of the writer.
const EVIDENCE: [&str; 6] = [
    "audit.000000.log",
    "audit.000000.log.chain",
    "audit.000001.log",
    "audit.000001.log.chain",
    "audit.log",
    "audit.log.chain",
];

impl Specimen {
    fn new() -> Self {
        let site = Site::new();
        let log = site.open();
        for segment in 0..3 {
            for number in 0..4 {
                log.append(&record(&format!("segment {segment}, record {number}"))).unwrap();
                if number == 1 {
                    log.flush().unwrap();
                }
            }
            if segment < 2 {
                log.roll().unwrap();
            }
        }
        log.close().unwrap();
        let files = site.files().into_iter().map(|name| (name.clone(), site.read(&name))).collect();
        Self { site, files, touched: RefCell::default() }
    }

    /// Puts the files back as they were written, but for `changed`.
    fn restore_with(&self, changed: &[(&str, Option<&[u8]>)]) {
        // Only what the last call changed is written again: there are tens of thousands of calls.
        for name in self.touched.take() {
            std::fs::write(self.site.path(&name), &self.files[&name]).unwrap();
        }
        for (name, bytes) in changed {
            match bytes {
                Some(bytes) => std::fs::write(self.site.path(name), bytes).unwrap(),
                None => std::fs::remove_file(self.site.path(name)).unwrap(),
            }
        }
        self.touched.replace(changed.iter().map(|(name, _)| (*name).to_owned()).collect());
    }

    fn report(&self, keys: Keys) -> Report {
        verify_log(&self.site, keys, vec![])
    }

    /// The newest checkpoint of the undamaged log.
    fn anchor(&self) -> Anchor {
        self.restore_with(&[]);
        let chain = self.site.read("audit.log.chain");
        let text = String::from_utf8(chain).unwrap();
        let start = text.rfind("example.com/test\n").unwrap();
        Anchor::parse(Path::new("kept.txt"), &text.as_bytes()[start..]).unwrap()
    }

    fn lines(&self, name: &str) -> Vec<Vec<u8>> {
        self.files[name].split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect()
    }
}

/// What a verifier has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    /// The verifier key.
    Auditor,
    /// The verifier key and the Fernet key.
    Operator,
}

fn verify_log(site: &Site, keys: Keys, anchors: Vec<Anchor>) -> Report {
    let path = LogPath::new(Path::new(&site.log())).unwrap();
    let log = Log::open(&path).unwrap();
    let options = VerifyOptions {
        vkey: Some(site.log_key.verifier().clone()),
        keyring: (keys == Keys::Operator).then(|| site.keyring.clone()),
        anchors,
        // Threads for three small segments would cost more than they save.
        threads: NonZero::new(1),
        ..VerifyOptions::default()
    };
    verify(&log, &options).unwrap()
}

fn ids(report: &Report) -> Vec<FindingId> {
    report.findings.iter().map(|finding| finding.id).collect()
}

#[test]
fn the_specimen_is_intact_for_everybody() {
    let specimen = Specimen::new();
    for keys in [Keys::Auditor, Keys::Operator] {
        let report = specimen.report(keys);
        assert_eq!(report.verdict, Verdict::Intact, "{report:?}");
        assert_eq!((report.size, report.uncovered), (15, 0));
    }
}

#[test]
fn records_taken_over_with_their_old_times_make_no_checkpoint_late() {
    let site = Site::new();
    let log = site.open();
    for hour in 10..20 {
        let time = format!("2024-05-01T{hour}:00:00Z").parse().unwrap();
        log.append(&record("taken over").time(time)).unwrap();
    }
    log.close().unwrap();
    let report = verify_log(&site, Keys::Operator, vec![]);
    assert_eq!(report.verdict, Verdict::Intact);
    // That their times lie before the segment is worth a word; that nobody signed in time is not.
    assert_eq!(ids(&report), [FindingId::TimeBackwards]);
}

#[test]
fn a_lost_signing_key_with_lines_that_nobody_had_signed_is_a_seam_and_no_tampering() {
    let site = Site::new();
    let log = site.open();
    log.append(&record("signed")).unwrap();
    log.flush().unwrap();
    let chain = site.read("audit.log.chain");
    log.append(&record("not signed")).unwrap();
    log.close().unwrap();
    // As after a crash before the checkpoint that also took the key.
    std::fs::write(site.path("audit.log.chain"), chain).unwrap();
    std::fs::remove_file(site.path("audit.log.signer")).unwrap();
    let log = site.open();
    log.append(&record("after")).unwrap();
    log.close().unwrap();
    for keys in [Keys::Auditor, Keys::Operator] {
        let report = verify_log(&site, keys, vec![]);
        assert_eq!(ids(&report), [FindingId::UncleanHandOver]);
        assert_eq!(report.verdict, Verdict::Intact);
    }
}
