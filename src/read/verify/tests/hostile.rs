//! Files that somebody made up to make a verifier stumble.

use proptest::prelude::*;

use super::*;
use crate::crypto::sign_note;
use crate::format::Checkpoint;
use crate::read::testlog::ORIGIN;

const FILES: [&str; 6] = [
    "audit.000000.log",
    "audit.000000.log.chain",
    "audit.000000.log.hashes",
    "audit.log",
    "audit.log.chain",
    "audit.log.hashes",
];

#[derive(Clone, Debug)]
enum Edit {
    /// Some bytes of one file are replaced by others.
    Splice {
        file: usize,
        at: usize,
        cut: usize,
        with: Vec<u8>,
    },
    /// Bytes of one file are put into another.
    Copy {
        from: usize,
        at: usize,
        length: usize,
        to: usize,
        place: usize,
    },
    Remove(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let file = || 0..FILES.len();
    let bytes = proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'9')], 0..6);
    prop_oneof![
        4 => (file(), any::<usize>(), 0_usize..40, bytes)
            .prop_map(|(file, at, cut, with)| Edit::Splice { file, at, cut, with }),
        3 => (file(), any::<usize>(), 0_usize..900, file(), any::<usize>()).prop_map(
            |(from, at, length, to, place)| Edit::Copy { from, at, length, to, place },
        ),
        1 => file().prop_map(Edit::Remove),
    ]
}

fn apply(edit: &Edit, files: &mut [Option<Vec<u8>>]) {
    match edit {
        Edit::Splice { file, at, cut, with } => {
            let Some(Some(bytes)) = files.get_mut(*file) else { return };
            let at = at % (bytes.len() + 1);
            let end = (at + cut).min(bytes.len());
            drop(bytes.splice(at..end, with.iter().copied()));
        }
        Edit::Copy { from, at, length, to, place } => {
            let Some(Some(source)) = files.get(*from) else { return };
            let at = at % (source.len() + 1);
            let part = source[at..(at + length).min(source.len())].to_vec();
            let Some(Some(bytes)) = files.get_mut(*to) else { return };
            let place = place % (bytes.len() + 1);
            drop(bytes.splice(place..place, part));
        }
        Edit::Remove(file) => files[*file] = None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_files_hold_there_is_a_verdict(
        edits in proptest::collection::vec(edit(), 1..5),
    ) {
        let mut test = TestLog::new();
        test.append(5);
        test.checkpoint();
        test.append(3);
        test.roll();
        test.append(4);
        test.checkpoint();
        test.append(1);
        test.write();
        let read = |name: &&str| std::fs::read(test.file(name)).ok();
        let good: Vec<_> = FILES.iter().map(read).collect();
        let mut files = good.clone();
        edits.iter().for_each(|edit| apply(edit, &mut files));
        for (name, bytes) in FILES.iter().zip(&files) {
            match bytes {
                Some(bytes) => std::fs::write(test.file(name), bytes).unwrap(),
                None => std::fs::remove_file(test.file(name)).unwrap(),
            }
        }
        for options in [keyless(&test), keyed(&test), VerifyOptions::default()] {
            let Ok(log) = crate::read::Log::open(&test.path()) else { continue };
            let report = verify(&log, &options).unwrap();
            let mut json = Vec::new();
            report.to_json_lines(&mut json).unwrap();
            // The covered part of a log that verifies is the one that was written.
            let begins = |now: &Option<Vec<u8>>, was: &Option<Vec<u8>>| {
                now.as_ref().is_some_and(|now| now.starts_with(was.as_ref().unwrap()))
            };
            if report.verdict == Verdict::Intact && options.vkey.is_some() {
                prop_assert!(begins(&files[0], &good[0]));
                prop_assert!(report.size >= 11);
            }
        }
    }
}

#[test]
fn sizes_at_the_edge_of_arithmetic_are_only_wrong() {
    for size in [0, 1 << 62, u64::MAX] {
        let mut test = TestLog::sample();
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size, root: [7; 32] };
        let note = sign_note(&checkpoint.to_text(), &[&test.log_key]).unwrap();
        let anchor = super::super::Anchor::parse("kept".as_ref(), note.as_bytes()).unwrap();
        test.active.chain.extend_from_slice(note.as_bytes());
        test.active.chain.push(b'\n');
        test.write();
        let options = VerifyOptions { anchors: vec![anchor], ..keyed(&test) };
        assert_eq!(check(&test, &options).verdict, Verdict::Tampered);
    }
    for first in [1_u64 << 62, u64::MAX] {
        let mut test = TestLog::sample();
        let text = String::from_utf8(test.active.chain.clone()).unwrap();
        let hash = crate::crypto::encode_standard(&[1; 32]);
        let many = vec![hash.as_str(); first.count_ones() as usize].join(" ");
        let frontier = text.lines().find(|line| line.starts_with("frontier")).unwrap();
        let text = text.replace(frontier, &format!("frontier {many}"));
        test.active.chain = text.replace("first 15", &format!("first {first}")).into_bytes();
        test.write();
        assert_eq!(check(&test, &keyed(&test)).verdict, Verdict::Tampered);
    }
}
