//! A whole log, damaged, then opened by a writer: it refuses or goes on, and in no case does what
//! it signs make the damage look like what was written.

#![no_main]

use std::num::NonZero;

use fernlog::crypto::Keyring;
use fernlog::read::{Log, Verdict, VerifyOptions, verify};
use fernlog::{AuditLog, Durability, Level, Record};
use fernlog_fuzz::{Edit, KEY, LOG_KEY, LogFiles, Op, apply, folder, note_key};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    ops: Vec<Op>,
    edits: Vec<(u8, Edit)>,
    signer: Signer,
}

/// What is in the file of the segment key.
#[derive(Arbitrary, Debug)]
enum Signer {
    Right,
    Missing,
    Damaged(Vec<Edit>),
    Other,
}

fuzz_target!(|input: Input| {
    let good = LogFiles::build(&input.ops);
    let mut bad = good.clone();
    for (file, edit) in input.edits.iter().take(4) {
        let mut files = bad.files();
        let file = usize::from(*file) % files.len();
        apply(std::slice::from_ref(edit), files[file]);
    }
    let folder = folder();
    let path = bad.write(folder.path());
    let mut signer = note_key(good.segments.len() as u8).to_text().as_bytes().to_vec();
    signer.push(b'\n');
    match &input.signer {
        Signer::Right | Signer::Missing => {}
        Signer::Damaged(edits) => apply(edits, &mut signer),
        Signer::Other => signer = note_key(99).to_text().as_bytes().to_vec(),
    }
    if !matches!(input.signer, Signer::Missing) {
        std::fs::write(folder.path().join("audit.log.signer"), signer).unwrap();
    }

    let ring = Keyring::new(KEY.clone());
    let opened = AuditLog::builder(path.active())
        .keyring(ring.clone())
        .log_key(LOG_KEY.clone())
        .durability(Durability::Written)
        .open();
    let whole = bad == good && matches!(input.signer, Signer::Right);
    let Ok(log) = opened else {
        assert!(!whole);
        return;
    };
    let receipt = log.append(&Record::new(Level::Info, "fuzz", "behind the recovery")).unwrap();
    log.close().unwrap();

    let log = Log::open(&path).unwrap();
    let report = verify(
        &log,
        &VerifyOptions {
            vkey: Some(LOG_KEY.verifier().clone()),
            keyring: Some(ring),
            threads: NonZero::new(1),
            ..VerifyOptions::default()
        },
    )
    .unwrap();
    assert!(report.verdict == Verdict::Intact || !whole, "{:?}", report.findings);
    if report.verdict == Verdict::Intact {
        assert_eq!(report.size, receipt.index + 1);
        // The writer's own records follow behind; before them stands nothing that it did not find.
        let kept: Vec<Vec<u8>> = log
            .segments()
            .iter()
            .flat_map(|segment| {
                let bytes = std::fs::read(segment.path()).unwrap();
                bytes.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
            })
            .collect();
        let written: Vec<_> = good.lines().collect();
        let same = kept.iter().zip(&written).take_while(|(kept, written)| kept == written).count();
        // At most two more than its own: that of the recovery and that of this test.
        assert!(kept.len() - same <= 2, "{} kept, {same} the same", kept.len());
    }
});
