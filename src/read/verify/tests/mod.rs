//! Whole logs, damaged in one way each, and what verifying says about them.

mod anchors;
mod chains;
mod hostile;
mod keys;
mod lines;
mod live;
mod matrix;
mod pruned;
#[cfg(feature = "zstd")]
mod zst;

use crate::read::report::{FindingId, Report, Severity, Verdict};
use crate::read::testlog::TestLog;
use crate::read::verify::{VerifyOptions, verify};

/// With the verifier key alone.
fn keyless(test: &TestLog) -> VerifyOptions<'static> {
    VerifyOptions { vkey: Some(test.vkey()), ..VerifyOptions::default() }
}

/// With the verifier key and the Fernet key.
fn keyed(test: &TestLog) -> VerifyOptions<'static> {
    VerifyOptions { keyring: Some(test.ring()), ..keyless(test) }
}

/// Verifies what lies in the folder of `test`.
fn check(test: &TestLog, options: &VerifyOptions<'_>) -> Report {
    verify(&test.open(), options).unwrap()
}

/// Ids and stretches of what is not a note.
fn found(report: &Report) -> Vec<(&'static str, Option<u64>, Option<u64>)> {
    let loud = report.findings.iter().filter(|f| f.severity != Severity::Note);
    loud.map(|f| (f.id.id(), f.first, f.last)).collect()
}

/// The one thing that is wrong, and that nothing else is.
#[track_caller]
fn only(report: &Report, id: FindingId) -> crate::read::Finding {
    assert_eq!(report.verdict, Verdict::Tampered, "{:#?}", report.findings);
    let mut errors = report.findings.iter().filter(|f| f.severity == Severity::Error);
    let (first, second) = (errors.next(), errors.next());
    assert_eq!(first.map(|f| f.id), Some(id), "{:#?}", report.findings);
    assert!(second.is_none(), "{:#?}", report.findings);
    first.unwrap().clone()
}

/// The lines of a file with their LF.
fn lines(log: &[u8]) -> Vec<Vec<u8>> {
    log.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect()
}

/// Another token in place of each changed one: the first character of its IV is another.
fn changed(line: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    line[20] = if line[20] == b'A' { b'B' } else { b'A' };
    line
}
