//! What a reader finds in a token: a record, or a foreign plaintext.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::format::level::Level;
use crate::format::record::{RecordKind, TEXTS};
use crate::format::time::UnixTime;

/// A record as it stands in a log, borrowing from the plaintext where it can.
///
/// It is a record if it is a JSON object with unique names whose known members have their types
/// and which has a message; everything else is *foreign*: a stock Fernet program wrote it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StoredRecord<'a> {
    /// Index of the entry, as the writer saw it.
    pub seq: Option<u64>,
    /// When it happened.
    pub time: Option<UnixTime>,
    /// How much it matters.
    pub level: Option<Level>,
    /// The logger.
    pub logger: Option<Cow<'a, str>>,
    /// The message.
    pub message: Cow<'a, str>,
    texts: [Option<Cow<'a, str>>; TEXTS.len()],
    /// The process.
    pub pid: Option<u64>,
    /// The line in the source file.
    pub line: Option<u64>,
    /// W3C trace id, 32 hex digits.
    pub trace_id: Option<Cow<'a, str>>,
    /// W3C span id, 16 hex digits.
    pub span_id: Option<Cow<'a, str>>,
    /// The span above, 16 hex digits.
    pub parent_span_id: Option<Cow<'a, str>>,
    /// The error behind the record, as JSON.
    pub exception: Option<&'a RawValue>,
    /// What the caller attached, in its order, as JSON.
    pub fields: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Members that this version does not know, as JSON.
    pub unknown: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// About the application or about the log.
    pub kind: RecordKind,
}

impl<'a> StoredRecord<'a> {
    /// Reads a plaintext; none if it is foreign.
    #[must_use]
    pub fn decode(plaintext: &'a [u8]) -> Option<Self> {
        // As a whole first: the parser would look at each string by itself.
        serde_json::from_str(std::str::from_utf8(plaintext).ok()?).ok()
    }

    /// The optional text member `name`: `actor`, `action`, `resource`, `outcome`, `service`,
    /// `host`, `thread`, `module`, `function` or `file`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let place = TEXTS.iter().position(|known| *known == name)?;
        self.texts.get(place)?.as_deref()
    }

    /// The optional text members that are there, in the order of the format.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        TEXTS.iter().zip(&self.texts).filter_map(|(name, text)| Some((*name, text.as_deref()?)))
    }

    /// The field `name` of the caller's.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }
}

impl<'de> Deserialize<'de> for StoredRecord<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = StoredRecord<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut record = StoredRecord::default();
        let (mut message, mut kind, mut fields) = (None, None, None);
        let mut unknown = Members::default();
        while let Some(Name(name)) = map.next_key()? {
            match &*name {
                "seq" => once(&mut record.seq, map.next_value()?)?,
                "timestamp" => {
                    let Name(text) = map.next_value()?;
                    once(&mut record.time, text.parse().map_err(de::Error::custom)?)?;
                }
                "level" => {
                    let Name(text) = map.next_value()?;
                    once(&mut record.level, known(Level::from_name(&text))?)?;
                }
                "logger" => once(&mut record.logger, map.next_value::<Name<'de>>()?.0)?,
                "message" => once(&mut message, map.next_value::<Name<'de>>()?.0)?,
                "pid" => once(&mut record.pid, map.next_value()?)?,
                "line" => once(&mut record.line, map.next_value()?)?,
                "trace_id" => once(&mut record.trace_id, hex(map.next_value()?, 32)?)?,
                "span_id" => once(&mut record.span_id, hex(map.next_value()?, 16)?)?,
                "parent_span_id" => once(&mut record.parent_span_id, hex(map.next_value()?, 16)?)?,
                "exception" => once(&mut record.exception, object(map.next_value()?)?)?,
                "fields" => once(&mut fields, map.next_value::<UniqueMembers<'de>>()?.0)?,
                "kind" => {
                    let Name(text) = map.next_value()?;
                    once(&mut kind, known(RecordKind::from_name(&text))?)?;
                }
                other => match TEXTS.iter().position(|text| *text == other) {
                    Some(place) => {
                        once(&mut record.texts[place], map.next_value::<Name<'de>>()?.0)?;
                    }
                    None => push_unique(&mut unknown, name, map.next_value()?)?,
                },
            }
        }
        record.message = message.ok_or_else(|| de::Error::missing_field("message"))?;
        record.kind = kind.unwrap_or_default();
        record.fields = fields.unwrap_or_default();
        record.unknown = unknown.list;
        Ok(record)
    }
}

/// Text that is borrowed when it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object whose names are unique.
struct UniqueMembers<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for UniqueMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;
        impl<'de> Visitor<'de> for Unique {
            type Value = UniqueMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(Name(name)) = map.next_key()? {
                    push_unique(&mut members, name, map.next_value()?)?;
                }
                Ok(UniqueMembers(members.list))
            }
        }
        deserializer.deserialize_map(Unique)
    }
}

fn once<T, E: de::Error>(place: &mut Option<T>, value: T) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom("a name stands twice")),
    }
}

fn push_unique<'a, E: de::Error>(
    members: &mut Members<'a>,
    name: Cow<'a, str>,
    value: &'a RawValue,
) -> Result<(), E> {
    // A record has a handful of fields, for which looking at each is fastest. A hostile one has a
    // hundred thousand, for which that would take minutes.
    let is_known = if members.list.len() < FEW {
        members.list.iter().any(|(other, _)| *other == name)
    } else {
        if members.names.is_empty() {
            members.names = members.list.iter().map(|(name, _)| name.clone()).collect();
        }
        !members.names.insert(name.clone())
    };
    if is_known {
        return Err(E::custom("a name stands twice"));
    }
    members.list.push((name, value));
    Ok(())
}

const FEW: usize = 32;

/// Members with unique names, in their order.
#[derive(Default)]
struct Members<'a> {
    list: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// All names, once there are more than a few.
    names: HashSet<Cow<'a, str>>,
}

fn known<T, E: de::Error>(value: Option<T>) -> Result<T, E> {
    value.ok_or_else(|| E::custom("not a known value"))
}

fn hex<'a, E: de::Error>(Name(text): Name<'a>, digits: usize) -> Result<Cow<'a, str>, E> {
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let fits = text.len() == digits && text.bytes().all(lower);
    if fits { Ok(text) } else { Err(E::custom("not lower-case hex of this length")) }
}

fn object<E: de::Error>(value: &RawValue) -> Result<&RawValue, E> {
    if value.get().starts_with('{') { Ok(value) } else { Err(E::custom("not an object")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::Record;

    #[test]
    fn a_written_record_reads_back() {
        let mut plaintext = Vec::new();
        Record::new(Level::Warning, "a::b", "quote \" and \u{1b}")
            .actor("eve")
            .pid(4)
            .trace([0xcd; 16], [1; 8])
            .field("n", 1.5)
            .field("s", "x")
            .kind(RecordKind::Gap)
            .encode(12, UnixTime::new(5, 6), &mut plaintext);
        let stored = StoredRecord::decode(&plaintext).unwrap();
        assert_eq!((stored.seq, stored.time), (Some(12), Some(UnixTime::new(5, 6))));
        assert_eq!((stored.level, stored.kind), (Some(Level::Warning), RecordKind::Gap));
        assert_eq!(stored.message, "quote \" and \u{1b}");
        assert_eq!(stored.text("actor"), Some("eve"));
        assert_eq!(stored.texts().collect::<Vec<_>>(), [("actor", "eve")]);
        assert_eq!(stored.field("n").map(RawValue::get), Some("1.5"));
        assert_eq!(stored.fields[1].1.get(), "\"x\"");
        assert_eq!(stored.trace_id.as_deref(), Some("cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"));
    }

    #[test]
    fn whatever_is_no_such_object_is_foreign() {
        for text in [
            "",
            "hello",
            "null",
            "[]",
            "{}",
            "{\"seq\":1}",
            "{\"message\":1}",
            "{\"message\":\"a\",\"message\":\"b\"}",
            "{\"message\":\"a\",\"seq\":-1}",
            "{\"message\":\"a\",\"level\":\"LOUD\"}",
            "{\"message\":\"a\",\"timestamp\":\"now\"}",
            "{\"message\":\"a\",\"fields\":{\"x\":1,\"x\":2}}",
            "{\"message\":\"a\",\"fields\":[]}",
            "{\"message\":\"a\",\"trace_id\":\"ABC\"}",
            "{\"message\":\"a\"} x",
            "{\"message\":\"a\",\"kind\":\"party\"}",
            "{\"message\":\"a\",\"exception\":\"x\"}",
            "{\"message\":\"a\",\"new\":1,\"new\":2}",
        ] {
            assert!(StoredRecord::decode(text.as_bytes()).is_none(), "{text}");
        }
        assert!(StoredRecord::decode(b"{\"message\":\"\xff\"}").is_none());
    }

    #[test]
    fn a_hundred_thousand_fields_are_read_and_the_last_may_not_repeat_the_first() {
        let field = |number: u32| format!("\"{number}\":1");
        let many: Vec<_> = (0..100_000).map(field).collect();
        let text =
            |more: &str| format!("{{\"message\":\"a\",\"fields\":{{{}{more}}}}}", many.join(","));
        assert_eq!(StoredRecord::decode(text("").as_bytes()).unwrap().fields.len(), 100_000);
        assert!(StoredRecord::decode(text(",\"0\":1").as_bytes()).is_none());
    }

    #[test]
    fn members_of_a_later_version_are_kept() {
        let stored = StoredRecord::decode(b"{\"message\":\"a\",\"mood\":{\"x\":1}}").unwrap();
        assert_eq!(stored.unknown[0].0, "mood");
        assert_eq!(stored.unknown[0].1.get(), "{\"x\":1}");
    }
}
