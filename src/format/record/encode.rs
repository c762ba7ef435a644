//! From a [`Record`] to the plaintext of its token: JSON without white space, members in the order
//! of docs/format.md, section 3.

use serde_json::Value;

use crate::format::record::{Exception, Record, TEXTS};
use crate::format::time::UnixTime;

impl Record<'_> {
    /// Appends the plaintext that a log seals to `out`: the record as entry `seq`, at `now` unless
    /// it has a time of its own. Gives the time that was written.
    pub fn encode(&self, seq: u64, now: UnixTime, out: &mut Vec<u8>) -> UnixTime {
        let time = self.time.unwrap_or(now);
        out.extend_from_slice(b"{\"seq\":");
        integer(seq, out);
        out.extend_from_slice(b",\"timestamp\":\"");
        time.write_to(out);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(self.level.name().as_bytes());
        out.extend_from_slice(b"\",\"logger\":");
        string(&self.logger, out);
        out.extend_from_slice(b",\"message\":");
        string(&self.message, out);
        // actor, action, resource, outcome, service, host
        self.texts(0..6, out);
        if let Some(pid) = self.pid {
            out.extend_from_slice(b",\"pid\":");
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
            out.extend_from_slice(b",\"line\":");
            integer(line.into(), out);
        }
        if let Some(exception) = &self.exception {
            out.extend_from_slice(b",\"exception\":");
            encode_exception(exception, out);
        }
        if !self.fields.is_empty() {
            out.extend_from_slice(b",\"fields\":");
            let mut separator = b'{';
            for (name, value) in &self.fields {
                out.push(separator);
                string(name, out);
                out.push(b':');
                encode_value(value, out);
                separator = b',';
            }
            out.push(b'}');
        }
        if let Some(kind) = self.kind.name() {
            member("kind", kind, out);
        }
        out.push(b'}');
        time
    }

    fn texts(&self, range: std::ops::Range<usize>, out: &mut Vec<u8>) {
        for (name, text) in TEXTS[range.clone()].iter().zip(&self.texts[range]) {
            if let Some(text) = text {
                member(name, text, out);
            }
        }
    }
}

/// Writes `,"name":"text"`.
fn member(name: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    string(text, out);
}

fn hex(name: &str, bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(bytes) = bytes else { return };
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    for byte in bytes {
        let digit = |value: u8| char::from_digit(value.into(), 16).map_or(b'0', |c| c as u8);
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out.push(b'"');
}

fn encode_exception(exception: &Exception, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":");
    string(&exception.kind, out);
    member("message", &exception.message, out);
    if !exception.causes.is_empty() {
        out.extend_from_slice(b",\"causes\":");
        let mut separator = b'[';
        for cause in &exception.causes {
            out.push(separator);
            string(cause, out);
            separator = b',';
        }
        out.push(b']');
    }
    if let Some(stacktrace) = &exception.stacktrace {
        member("stacktrace", stacktrace, out);
    }
    out.push(b'}');
}

fn encode_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => string(text, out),
        // Writing a value with string keys into memory cannot fail.
        other => drop(serde_json::to_writer(out, other)),
    }
}

fn integer(value: u64, out: &mut Vec<u8>) {
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
    out.extend_from_slice(&digits[start..]);
}

/// Writes `text` as a JSON string; only what RFC 8259 section 7 demands is escaped.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(place) = first_escaped(rest) {
        let (plain, escaped) = rest.split_at(place);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = escaped.split_first() else { break };
        escape(*byte, out);
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
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

fn escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
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
