//! Makes text from outside safe to look at. A record can hold anything its application was fed:
//! escape sequences that repaint the screen, a carriage return that hides a line, marks that turn
//! text around, line ends that forge a line. Everything a human format prints goes through here, on
//! a terminal and in a pipe; it is applied to what is printed, never to what is searched.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// Where the text will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A line of text: TAB stays.
    Text,
    /// A cell of a table: TAB would break the columns.
    Cell,
}

/// Code points above ASCII that must not reach a terminal as they are, in order: C1 controls, line
/// and paragraph separators, bidirectional marks, and what Unicode calls default ignorable (zero
/// width and invisible), save for the variation selectors that emoji are written with.
const DANGEROUS: [(char, char); 18] = [
    ('\u{80}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Bytes that are printable ASCII. Everything else is looked at closely.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        table[byte] = true;
        byte += 1;
    }
    table
};

/// Escapes text for people. What is harmless comes back as it is, without a copy.
pub(crate) fn text(text: &str, place: Place) -> Cow<'_, str> {
    if !text.bytes().all(|byte| PLAIN[usize::from(byte)])
        && text.chars().any(|c| is_dangerous(c, place))
    {
        let mut out = String::with_capacity(text.len() + 16);
        push_escaped(&mut out, text, place);
        return Cow::Owned(out);
    }
    Cow::Borrowed(text)
}

/// Escapes bytes that ought to be UTF-8; those that are not become `\xff`.
pub(crate) fn bytes(bytes: &[u8], place: Place) -> Cow<'_, str> {
    if let Ok(valid) = std::str::from_utf8(bytes) {
        return text(valid, place);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    append(&mut out, bytes, place);
    Cow::Owned(out)
}

/// Escapes the name of a file. The folder that every name without one is in goes unsaid.
pub(crate) fn path(path: &Path) -> Cow<'_, str> {
    let name = path.strip_prefix(".").ok().filter(|name| !name.as_os_str().is_empty());
    bytes(name.unwrap_or(path).as_os_str().as_encoded_bytes(), Place::Text)
}

/// Whether no escape is due.
pub(crate) fn is_clean(bytes: &[u8], place: Place) -> bool {
    bytes.iter().all(|byte| PLAIN[usize::from(*byte)])
        || std::str::from_utf8(bytes)
            .is_ok_and(|text| !text.chars().any(|c| is_dangerous(c, place)))
}

/// Appends one piece of a text in which an escape is due somewhere: backslashes are doubled in all
/// pieces, so that escapes stay told apart from text.
pub(crate) fn append(out: &mut String, bytes: &[u8], place: Place) {
    for chunk in bytes.utf8_chunks() {
        push_escaped(out, chunk.valid(), place);
        for byte in chunk.invalid() {
            // Writing to a String cannot fail, here and below.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// Escapes JSON text, as a serializer or a record gives it: the same JSON, in one line, with
/// nothing dangerous left.
///
/// In valid JSON a control character can only be white space between tokens, so it becomes a space,
/// and any other dangerous character can only stand inside a string, where `\uXXXX` means the same.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    if json.bytes().all(|byte| PLAIN[usize::from(byte)])
        || !json.chars().any(|c| is_dangerous(c, Place::Cell))
    {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c {
            '\0'..='\x1f' => out.push(' '),
            c if is_dangerous(c, Place::Cell) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Text in which at least one escape is due. Backslashes are doubled here and only here, so that a
/// reader can tell an escape from text that looks like one.
fn push_escaped(out: &mut String, text: &str, place: Place) {
    for c in text.chars() {
        let _ = match c {
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' if place == Place::Cell => write!(out, "\\t"),
            c if !is_dangerous(c, place) => write!(out, "{c}"),
            c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
            c => write!(out, "\\u{{{:x}}}", u32::from(c)),
        };
    }
}

fn is_dangerous(c: char, place: Place) -> bool {
    match c {
        '\t' => place == Place::Cell,
        '\0'..='\x1f' | '\x7f' => true,
        ' '..='~' => false,
        // The first range that does not end before the character is the only one that can hold it.
        c => DANGEROUS
            .get(DANGEROUS.partition_point(|(_, last)| *last < c))
            .is_some_and(|r| r.0 <= c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(input: &str) -> String {
        text(input, Place::Text).into_owned()
    }

    /// A rule written apart from the code above: nothing that moves, hides or turns text.
    fn harmless(c: char) -> bool {
        match u32::from(c) {
            0x09 => true,
            0x00..0x20 | 0x7f..=0x9f => false,
            0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e => false,
            0x2060..=0x206f | 0xfeff | 0xe0000..=0xe007f => false,
            _ => true,
        }
    }

    #[test]
    fn plain_text_is_borrowed() {
        let plain = "user=alice path=C:\\new cost=3\u{20ac}";
        assert!(matches!(text(plain, Place::Text), Cow::Borrowed(_)));
        assert!(matches!(bytes(plain.as_bytes(), Place::Cell), Cow::Borrowed(_)));
        assert!(matches!(json("{\"a\":\"\u{20ac}\"}"), Cow::Borrowed(_)));
    }

    #[test]
    fn ranges_are_sorted_and_apart() {
        assert!(DANGEROUS.iter().all(|(first, last)| first <= last));
        assert!(DANGEROUS.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn no_dangerous_code_point_leaves() {
        for c in '\0'..=char::MAX {
            let input = format!("a{c}b");
            for place in [Place::Text, Place::Cell] {
                let out = text(&input, place);
                assert!(out.chars().all(harmless), "U+{:04X} left", u32::from(c));
                assert!(place == Place::Text || !out.contains('\t'));
                assert!(!out.contains('\n'));
            }
            let quoted = serde_json::to_string(&input).unwrap();
            let out = json(&quoted);
            assert!(out.chars().all(|c| harmless(c) && c != '\t'), "U+{:04X} left", u32::from(c));
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), input);
        }
    }

    #[test]
    fn no_byte_leaves_that_a_terminal_obeys() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let out = bytes(&[b'a', first, second, b'z'], Place::Text).into_owned();
                assert!(out.chars().all(harmless), "{first:02x} {second:02x} left");
            }
        }
    }

    #[test]
    fn escape_sequences_are_shown() {
        assert_eq!(shown("\x1b[2Jall fine\x07"), "\\x1b[2Jall fine\\x07");
        assert_eq!(shown("8-bit \u{9b}2J"), "8-bit \\u{9b}2J");
        assert_eq!(shown("a\rb\x08\x7f"), "a\\rb\\x08\\x7f");
    }

    #[test]
    fn line_ends_cannot_forge_a_line() {
        assert_eq!(shown("a\nb\u{2028}c\u{2029}"), "a\\nb\\u{2028}c\\u{2029}");
    }

    #[test]
    fn text_that_is_turned_around_is_shown_as_written() {
        assert_eq!(shown("\u{202e}gpj.exe\u{2066}\u{feff}"), "\\u{202e}gpj.exe\\u{2066}\\u{feff}");
    }

    #[test]
    fn tab_stays_in_text_and_goes_in_cells() {
        assert_eq!(shown("a\tb"), "a\tb");
        assert_eq!(text("a\tb", Place::Cell), "a\\tb");
    }

    #[test]
    fn backslashes_double_only_beside_an_escape() {
        assert_eq!(shown("C:\\x1b"), "C:\\x1b");
        assert_eq!(shown("C:\\x1b\x1b"), "C:\\\\x1b\\x1b");
    }

    #[test]
    fn invalid_utf8_is_shown_byte_by_byte() {
        assert_eq!(bytes(b"ok \xff\xfe \x9b2J \\", Place::Text), "ok \\xff\\xfe \\x9b2J \\\\");
        assert_eq!(bytes(b"cut \xe2\x82", Place::Text), "cut \\xe2\\x82");
    }

    #[test]
    fn pieces_of_one_text_double_their_backslashes_alike() {
        assert!(is_clean(b"C:\\new", Place::Text) && !is_clean(b"\x1b", Place::Text));
        assert!(!is_clean(b"\xff", Place::Text) && is_clean("\u{20ac}".as_bytes(), Place::Cell));
        let mut out = String::new();
        append(&mut out, b"C:\\x1b", Place::Text);
        append(&mut out, b"\x1b\xff", Place::Text);
        assert_eq!(out, "C:\\\\x1b\\x1b\\xff");
    }

    #[test]
    fn file_names_are_escaped() {
        assert_eq!(path(Path::new("a\nfernlog: INTACT")), "a\\nfernlog: INTACT");
        assert_eq!(path(Path::new("./audit.log")), "audit.log");
        assert_eq!(path(Path::new("../audit.log")), "../audit.log");
        assert_eq!(path(Path::new(".")), ".");
    }

    #[test]
    fn json_gives_tag_characters_as_surrogate_pairs() {
        assert_eq!(
            json("\"\u{e0041}\u{7f}\u{9b}\u{202e}\""),
            r#""\udb40\udc41\u007f\u009b\u202e""#
        );
    }

    #[test]
    fn json_with_white_space_becomes_one_line() {
        let out = json("{\n\t\"a\":\r\n1\n}");
        assert_eq!(out, "{  \"a\":  1 }");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["a"], 1);
    }
}
