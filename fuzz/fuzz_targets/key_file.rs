//! Key files and note keys, well formed and damaged: what reads, reads back the same; what does not
//! is refused without a word of it.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use fernlog::crypto::{KeyError, Keyring};
use fernlog::{Key, SigningKey, VerifierKey};
use fernlog_fuzz::{Edit, LOG_KEY, apply};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    lines: Vec<Line>,
    edits: Vec<Edit>,
    note_key: Vec<Edit>,
}

#[derive(Arbitrary, Debug)]
enum Line {
    Comment(String),
    Key([u8; 32]),
    Framed([u8; 32], Frame),
    Empty,
}

/// What editors leave around a key.
#[derive(Arbitrary, Debug)]
enum Frame {
    Spaces,
    Tabs,
    CarriageReturn,
    ByteOrderMark,
}

fn text(line: &Line) -> String {
    match line {
        Line::Comment(comment) => format!("# {}", comment.replace('\n', " ")),
        Line::Key(key) => URL_SAFE.encode(key),
        Line::Framed(key, frame) => {
            let key = URL_SAFE.encode(key);
            match frame {
                Frame::Spaces => format!("  {key} "),
                Frame::Tabs => format!("\t{key}\t"),
                Frame::CarriageReturn => format!("{key}\r"),
                Frame::ByteOrderMark => format!("\u{feff}{key}"),
            }
        }
        Line::Empty => String::new(),
    }
}

fuzz_target!(|input: Input| {
    let mut file: Vec<u8> = input.lines.iter().map(text).collect::<Vec<_>>().join("\n").into();
    let whole = file.clone();
    apply(&input.edits, &mut file);
    let keys = input.lines.iter().filter(|line| matches!(line, Line::Key(_) | Line::Framed(..)));
    let keys = keys.count();
    if let Ok(file) = std::str::from_utf8(&file) {
        match Keyring::from_text(file) {
            Ok(ring) => {
                let again = Keyring::from_text(&ring.to_text(&["comment"])).unwrap();
                assert!(again.keys().eq(ring.keys()));
                for key in ring.keys() {
                    assert!(file.contains(&**key.to_text()));
                    assert_eq!(Key::from_text(&key.to_text()).as_ref(), Ok(key));
                }
            }
            Err(KeyError::Empty) => assert!(file.as_bytes() != whole || keys == 0),
            Err(KeyError::Line(_)) => assert_ne!(file.as_bytes(), whole),
            Err(other) => panic!("{other}"),
        }
    }

    let (private, public) = (LOG_KEY.to_text(), LOG_KEY.verifier().to_string());
    for good in [private.as_bytes(), public.as_bytes()] {
        let mut edited = good.to_vec();
        apply(&input.note_key, &mut edited);
        let Ok(edited) = std::str::from_utf8(&edited) else { continue };
        if let Ok(key) = SigningKey::from_text(edited) {
            assert_eq!(*key.to_text(), edited);
        }
        if let Ok(key) = VerifierKey::from_text(edited) {
            assert_eq!(key.to_string(), edited);
        }
    }
});
