//! A whole log, written to disk, then damaged in any of its files, read and verified: nothing
//! panics or runs on, and no log is called intact that holds anything but what was written.

#![no_main]

use std::num::NonZero;

use fernlog::crypto::Keyring;
use fernlog::read::{Content, Log, Opener, Order, Verdict, VerifyOptions, verify};
use fernlog_fuzz::{Edit, KEY, LOG_KEY, LogFiles, Op, apply, folder};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    ops: Vec<Op>,
    edits: Vec<(u8, Edit)>,
}

fuzz_target!(|input: Input| {
    let good = LogFiles::build(&input.ops);
    let mut bad = good.clone();
    for (file, edit) in input.edits.iter().take(8) {
        let mut files = bad.files();
        let file = usize::from(*file) % files.len();
        apply(std::slice::from_ref(edit), files[file]);
    }
    let folder = folder();
    let log = Log::open(&bad.write(folder.path())).unwrap();
    let in_place = read(&log);
    let report = verify(
        &log,
        &VerifyOptions {
            vkey: Some(LOG_KEY.verifier().clone()),
            keyring: Some(Keyring::new(KEY.clone())),
            threads: NonZero::new(1),
            ..VerifyOptions::default()
        },
    )
    .unwrap();
    if bad == good {
        assert_eq!(in_place, good.lines().count());
        assert_eq!(report.verdict, Verdict::Intact, "{:?}", report.findings);
    }
    if report.verdict == Verdict::Intact {
        // Cut back together with its checkpoints, at a line, is all that may pass without anchor.
        assert!(bad.is_beginning_of(&good));
    }
});

/// Reads all lines with the key and gives how many stand where they were written.
fn read(log: &Log) -> usize {
    let (mut reader, mut opener) = (log.reader(), Opener::new(&Keyring::new(KEY.clone())));
    let (mut segment, mut byte, mut in_place) = (usize::MAX, 0, 0);
    while let Some(line) = reader.next_line().unwrap() {
        if line.segment != segment {
            (segment, byte) = (line.segment, 0);
            let header = log.segments()[segment].header().unwrap().and_then(Result::ok);
            opener.begin_segment(header.as_ref());
        }
        assert!(line.place.byte >= byte);
        byte = line.place.byte + 1;
        if let Content::Token { line: token, .. } = line.content
            && let Ok(opened) = opener.open(token, line.index)
        {
            in_place += usize::from(opened.order == Order::InPlace);
        }
    }
    in_place
}
