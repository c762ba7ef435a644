//! Headers from arbitrary parts, then damaged: what reads, reads back from its own text.

#![no_main]

use fernlog::UnixTime;
use fernlog::format::{ChainReader, Event, Frontier, Header};
use fernlog_fuzz::{Edit, KEY, LOG_KEY, ORIGIN, apply};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    segment: u64,
    first: u64,
    hash: [u8; 32],
    wrapped: Option<u16>,
    interval: u64,
    time: i64,
    events: Vec<Happened>,
    edits: Vec<Edit>,
}

#[derive(Arbitrary, Debug)]
enum Happened {
    Rolled(u8),
    TornTail(u64),
    TornTailKept(u64),
    Uncommitted(u64),
    SignerLost,
    Other(u64),
}

fn event(happened: &Happened) -> Event {
    match happened {
        Happened::Rolled(why) => {
            Event::Rolled(["size", "time", "key", "request"][usize::from(why % 4)].into())
        }
        Happened::TornTail(bytes) => Event::TornTail(*bytes),
        Happened::TornTailKept(bytes) => Event::TornTailKept(*bytes),
        Happened::Uncommitted(lines) => Event::Uncommitted(*lines),
        Happened::SignerLost => Event::SignerLost,
        Happened::Other(number) => Event::Other(format!("pruned {number}")),
    }
}

fuzz_target!(|input: Input| {
    let mut hash = input.hash;
    let hashes = std::iter::repeat_with(|| {
        hash[0] = hash[0].wrapping_add(1);
        hash
    });
    let hashes = hashes.take(input.first.count_ones() as usize).collect();
    // No frontier of that size exists when the number is beyond any log.
    let Some(before) = Frontier::from_parts(input.first, hashes) else { return };
    let header = Header {
        origin: ORIGIN.into(),
        segment: input.segment,
        before,
        key_id: KEY.id(),
        key_commitment: KEY.commitment(ORIGIN),
        wrapped_key: input.wrapped.map(|length| "A".repeat(usize::from(length) + 1)),
        signer: LOG_KEY.verifier().clone(),
        checkpoint_interval: input.interval,
        time: UnixTime::new(input.time, 0),
        events: input.events.iter().map(event).collect(),
    };
    let text = header.to_text();
    assert_eq!(Header::from_text(&text).as_ref(), Ok(&header));

    let mut edited = text.into_bytes();
    apply(&input.edits, &mut edited);
    let (read, result) =
        ChainReader::new([&edited, &b"\n"[..]].concat().as_slice()).header().unwrap();
    if let Ok(edited) = std::str::from_utf8(&edited)
        && let Ok(mut other) = Header::from_text(edited)
    {
        assert_eq!(Header::from_text(&other.to_text()).as_ref(), Ok(&other));
        if !edited.contains("\n\n") {
            assert_eq!((read.as_str(), result.as_ref()), (edited, Ok(&other)));
        }
        // Whatever a header claims, counting on from it does not overflow.
        other.before.push([0; 32]);
        let _ = other.before.root();
    }
});
