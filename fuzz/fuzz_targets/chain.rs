//! A chain file with checkpoints of any size, then damaged: reading ends, in order, and gives back
//! only checkpoints that stand there byte for byte.

#![no_main]

use fernlog::UnixTime;
use fernlog::crypto::{Note, sign_note};
use fernlog::format::{ChainItem, ChainReader, Checkpoint, Frontier, Header};
use fernlog_fuzz::{Edit, KEY, LOG_KEY, ORIGIN, apply};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    checkpoints: Vec<(u64, [u8; 32], u8)>,
    edits: Vec<Edit>,
}

fn header() -> String {
    let header = Header {
        origin: ORIGIN.into(),
        segment: 0,
        before: Frontier::new(),
        key_id: KEY.id(),
        key_commitment: KEY.commitment(ORIGIN),
        wrapped_key: None,
        signer: LOG_KEY.verifier().clone(),
        checkpoint_interval: 1000,
        time: UnixTime::new(1_763_800_000, 0),
        events: vec![],
    };
    header.to_text()
}

fuzz_target!(|input: Input| {
    let (mut chain, mut written) = (header() + "\n", Vec::new());
    for (size, root, signatures) in input.checkpoints.iter().take(8) {
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: *size, root: *root };
        let keys = vec![&*LOG_KEY; usize::from(signatures % 3) + 1];
        chain += &sign_note(&checkpoint.to_text(), &keys).unwrap();
        chain.push('\n');
        written.push(checkpoint);
    }
    let mut chain = chain.into_bytes();
    let whole = chain.clone();
    apply(&input.edits, &mut chain);

    let mut reader = ChainReader::new(chain.as_slice());
    let _ = reader.header().unwrap();
    let (mut read, mut damage, mut end) = (Vec::new(), 0, 0);
    while let Some((place, item)) = reader.next_item().unwrap() {
        let start = place.byte as usize;
        assert!(start >= end && start < chain.len());
        end = start + 1;
        match item {
            ChainItem::Checkpoint(signed) => {
                end = start + signed.bytes.len() + 1;
                assert_eq!(chain[start..end], [&signed.bytes, &b"\n"[..]].concat());
                assert_eq!(Note::parse(&signed.bytes).as_ref(), Ok(&signed.note));
                assert_eq!(signed.checkpoint.to_text(), signed.note.untrusted_text());
                // A signature that holds was made here, over one of these texts.
                let authentic = signed.note.require(LOG_KEY.verifier()).is_ok();
                assert!(!authentic || written.contains(&signed.checkpoint));
                read.push(signed.checkpoint);
            }
            ChainItem::Torn(length) => assert_eq!(start + length as usize, chain.len()),
            ChainItem::Damage => damage += 1,
        }
    }
    if chain == whole {
        assert_eq!((read, damage), (written, 0));
    }
});
