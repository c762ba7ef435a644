//! A whole log, written to disk, then damaged in any of its files and read: nothing panics or runs
//! on, and what was not damaged opens in its place.

#![no_main]

use fernlog::crypto::Keyring;
use fernlog::read::{Content, Log, Opener, Order};
use fernlog_fuzz::{Edit, KEY, LogFiles, Op, apply};
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
    // In memory where the system has such a place: a disk is a hundred times slower.
    let memory = std::path::Path::new("/dev/shm");
    let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::tempdir_in(root).unwrap();
    let log = Log::open(&bad.write(folder.path())).unwrap();

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
    if bad == good {
        let lines = |(log, _): &(Vec<u8>, Vec<u8>)| log.iter().filter(|&&b| b == b'\n').count();
        assert_eq!(in_place, good.segments.iter().map(lines).sum::<usize>());
    }
});
