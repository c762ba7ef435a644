//! From a [`Record`] to the plaintext of its token: JSON without white space, members in the order
//! of docs/format.md, section 3.

use std::io;

use serde_json::Value;

use crate::format::record::{Exception, Record, TEXTS};
use crate::format::time::UnixTime;

/// Where encoded bytes go: a vector that grows, or a place with a fixed end.
pub(crate) trait Out: io::Write {
    /// Takes `bytes`. It cannot fail; a place that is full counts what it would have taken.
    fn put(&mut self, bytes: &[u8]);
}

impl Out for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Appends the beginning of the plaintext of entry `seq`; [`Record::encode_body`] is the rest.
pub(crate) fn encode_seq(seq: u64, out: &mut Vec<u8>) {
    out.put(b"{\"seq\":");
    integer(seq, out);
    out.put(b",");
}

/// The most bytes that [`encode_seq`] appends.
pub(crate) const LONGEST_SEQ: usize = b"{\"seq\":18446744073709551615,".len();

impl Record<'_> {
    /// Appends the plaintext that a log seals to `out`: the record as entry `seq`, at `now` unless
    /// it has a time of its own. Gives the time that was written.
    pub fn encode(&self, seq: u64, now: UnixTime, out: &mut Vec<u8>) -> UnixTime {
        encode_seq(seq, out);
        self.encode_body(now, out)
    }

    /// Appends everything behind the number of the entry, for records that get their number later.
    pub(crate) fn encode_body(&self, now: UnixTime, out: &mut impl Out) -> UnixTime {
        let time = self.time.unwrap_or(now);
        out.put(b"\"timestamp\":\"");
        out.put(&time.to_bytes());
        out.put(b"\",\"level\":\"");
        out.put(self.level.name().as_bytes());
        out.put(b"\",\"logger\":");
        string(&self.logger, out);
        out.put(b",\"message\":");
        string(&self.message, out);
        // actor, action, resource, outcome, service, host
        self.texts(0..6, out);
        if let Some(pid) = self.pid {
            out.put(b",\"pid\":");
            integer(pid.into(), out);
        }
        // thread
        self.texts(6..7, out);
        hex("trace_id", self.trace_id.as_ref().map(<[u8; 16]>::as_slice), out);
        hex("span_id", self.span_id.as_ref().map(<[u8; 8]>::as_slice), out);
        hex("parent_span_id", self.parent_span_id.as_ref().map(<[u8; 8]>::as_slice), out);
        // module, function, file
        self.texts(7..10, out);
        if let Some(line) = self.line {
            out.put(b",\"line\":");
            integer(line.into(), out);
        }
        if let Some(exception) = &self.exception {
            out.put(b",\"exception\":");
            encode_exception(exception, out);
        }
        if !self.fields.is_empty() {
            out.put(b",\"fields\":");
            let mut separator = b'{';
            for (name, value) in &self.fields {
                out.put(&[separator]);
                string(name, out);
                out.put(b":");
                encode_value(value, out);
                separator = b',';
            }
            out.put(b"}");
        }
        if let Some(kind) = self.kind.name() {
            member("kind", kind, out);
        }
        out.put(b"}");
        time
    }

    fn texts(&self, range: std::ops::Range<usize>, out: &mut impl Out) {
        for (name, text) in TEXTS[range.clone()].iter().zip(&self.texts[range]) {
            if let Some(text) = text {
                member(name, text, out);
            }
        }
    }
}

/// Writes `,"name":"text"`.
fn member(name: &str, text: &str, out: &mut impl Out) {
    out.put(b",\"");
    out.put(name.as_bytes());
    out.put(b"\":");
    string(text, out);
}

fn hex(name: &str, bytes: Option<&[u8]>, out: &mut impl Out) {
    let Some(bytes) = bytes else { return };
    out.put(b",\"");
    out.put(name.as_bytes());
    out.put(b"\":\"");
    for byte in bytes {
        let digit = |value: u8| char::from_digit(value.into(), 16).map_or(b'0', |c| c as u8);
        out.put(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out.put(b"\"");
}

fn encode_exception(exception: &Exception, out: &mut impl Out) {
    out.put(b"{\"type\":");
    string(&exception.kind, out);
    member("message", &exception.message, out);
    if !exception.causes.is_empty() {
        out.put(b",\"causes\":");
        let mut separator = b'[';
        for cause in &exception.causes {
            out.put(&[separator]);
            string(cause, out);
            separator = b',';
        }
        out.put(b"]");
    }
    if let Some(stacktrace) = &exception.stacktrace {
        member("stacktrace", stacktrace, out);
    }
    out.put(b"}");
}

fn encode_value(value: &Value, out: &mut impl Out) {
    match value {
        Value::String(text) => string(text, out),
        // Writing a value with string keys into memory cannot fail.
        other => drop(serde_json::to_writer(out, other)),
    }
}

fn integer(value: u64, out: &mut impl Out) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = value;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put(&digits[start..]);
}

/// Writes `text` as a JSON string; only what RFC 8259 section 7 demands is escaped.
fn string(text: &str, out: &mut impl Out) {
    out.put(b"\"");
    let mut rest = text.as_bytes();
    while let Some(place) = first_escaped(rest) {
        let (plain, escaped) = rest.split_at(place);
        out.put(plain);
        let Some((byte, behind)) = escaped.split_first() else { break };
        escape(*byte, out);
        rest = behind;
    }
    out.put(rest);
    out.put(b"\"");
}

/// The first byte that a JSON string cannot hold as it is, eight bytes at a time.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // The high bit of each byte that is zero, and perhaps of some above one that is.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, tail) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let quote = zeros(word ^ (ONES * u64::from(b'"')));
        let backslash = zeros(word ^ (ONES * u64::from(b'\\')));
        let found = control | quote | backslash;
        if found != 0 {
            // The lowest mark is exact: borrows run only upwards.
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let in_tail = tail.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\');
    in_tail.map(|place| words.len() * 8 + place)
}

fn escape(byte: u8, out: &mut impl Out) {
    match byte {
        b'"' => out.put(b"\\\""),
        b'\\' => out.put(b"\\\\"),
        b'\n' => out.put(b"\\n"),
        b'\r' => out.put(b"\\r"),
        b'\t' => out.put(b"\\t"),
        0x08 => out.put(b"\\b"),
        0x0c => out.put(b"\\f"),
        other => out.put(format!("\\u{other:04x}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::format::level::Level;
    use crate::format::record::RecordKind;

    fn encoded(record: &Record<'_>, seq: u64) -> String {
        let mut out = Vec::new();
        record.encode(seq, UnixTime::new(1_763_800_001, 0), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn members_come_in_the_order_of_the_format() {
        let record = Record::new(Level::Error, "db", "lost")
            .actor("a")
            .action("b")
            .resource("c")
            .outcome("d")
            .service("e")
            .host("f")
            .pid(7)
            .thread("g")
            .trace([0xab; 16], [1; 8])
            .parent_span_id([2; 8])
            .module("h")
            .function("i")
            .file("j")
            .line(9)
            .field("z", 1)
            .field("y", json!([null]))
            .exception(Exception {
                kind: "E".into(),
                message: "m".into(),
                causes: vec!["c".into()],
                stacktrace: Some("s".into()),
            })
            .kind(RecordKind::Gap);
        assert_eq!(
            encoded(&record, 18_446_744_073_709_551_615),
            r#"{"seq":18446744073709551615,"timestamp":"2025-11-22T08:26:41.000000000Z","level":"ERROR","logger":"db","message":"lost","actor":"a","action":"b","resource":"c","outcome":"d","service":"e","host":"f","pid":7,"thread":"g","trace_id":"abababababababababababababababab","span_id":"0101010101010101","parent_span_id":"0202020202020202","module":"h","function":"i","file":"j","line":9,"exception":{"type":"E","message":"m","causes":["c"],"stacktrace":"s"},"fields":{"z":1,"y":[null]},"kind":"gap"}"#
        );
    }

    #[test]
    fn a_repeated_field_keeps_its_last_value() {
        let record = Record::new(Level::Info, "", "").field("a", 1).field("a", 2);
        assert!(encoded(&record, 0).ends_with(r#""fields":{"a":2}}"#));
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_a_stock_parser(message: String, name: String, value: String) {
            let text = encoded(&Record::new(Level::Info, "l", &message).field(&name, value.clone()), 3);
            let parsed: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&parsed["message"], &json!(message));
            prop_assert_eq!(&parsed["fields"][&name], &json!(value));
            prop_assert!(!text.contains('\n'));
        }

        #[test]
        fn the_first_byte_to_escape_is_found(bytes: Vec<u8>) {
            let slow = bytes.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\');
            prop_assert_eq!(first_escaped(&bytes), slow);
        }
    }
}
