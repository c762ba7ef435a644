//! Members of a record by name, as filters and templates ask for them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use crate::format::{Level, StoredRecord, UnixTime};
use crate::read::OpenedRecord;

/// The name of a member: `actor`, `fields.user`, or `user` for a field of that name. Further
/// levels follow after a dot; a name that has dots itself is found as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPath(String);

impl MemberPath {
    /// Takes the name as it is typed; none if there is no name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let complete = !name.is_empty() && !name.starts_with('.') && !name.ends_with('.');
        complete.then(|| Self(name.to_owned()))
    }

    /// The name as it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the format knows a member of this name, so that it is not looked for in the fields
    /// unless `fields.` stands before it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        Self::names_known(&self.0)
    }

    /// Like [`MemberPath::is_known`], for a name as it stands in a record.
    #[must_use]
    pub fn names_known(name: &str) -> bool {
        let top = memchr::memchr(b'.', name.as_bytes()).and_then(|dot| name.get(..dot));
        KNOWN.contains(&top.unwrap_or(name))
    }
}

impl fmt::Display for MemberPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The members that the format knows, in its order.
const KNOWN: [&str; 23] = [
    "seq",
    "timestamp",
    "level",
    "logger",
    "message",
    "actor",
    "action",
    "resource",
    "outcome",
    "service",
    "host",
    "pid",
    "thread",
    "trace_id",
    "span_id",
    "parent_span_id",
    "module",
    "function",
    "file",
    "line",
    "exception",
    "fields",
    "kind",
];

impl OpenedRecord<'_> {
    /// When it happened: the record's own time, or that of the token if it has none.
    #[must_use]
    pub fn when(&self) -> UnixTime {
        let own = self.record.as_ref().and_then(|record| record.time);
        own.unwrap_or_else(|| UnixTime::from_token(self.time))
    }

    /// The message; that of a foreign plaintext is the plaintext.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        match &self.record {
            Some(record) => Cow::Borrowed(&*record.message),
            None => String::from_utf8_lossy(self.plaintext),
        }
    }

    /// The member of this name as text: strings by what they say, everything else as JSON.
    #[must_use]
    pub fn member(&self, path: &MemberPath) -> Option<Cow<'_, str>> {
        match (&self.record, path.as_str()) {
            (_, "message") => Some(self.message()),
            (_, "timestamp") => Some(self.when().to_string().into()),
            (Some(record), path) => member(record, path),
            (None, _) => None,
        }
    }
}

fn member<'r>(record: &'r StoredRecord<'_>, path: &str) -> Option<Cow<'r, str>> {
    let number = |number: Option<u64>| number.map(|n| n.to_string().into());
    let text = |text: &'r Option<Cow<'_, str>>| text.as_deref().map(Cow::Borrowed);
    match path {
        "seq" => number(record.seq),
        "level" => record.level.map(Level::name).map(Cow::Borrowed),
        "logger" => text(&record.logger),
        "pid" => number(record.pid),
        "line" => number(record.line),
        "trace_id" => text(&record.trace_id),
        "span_id" => text(&record.span_id),
        "parent_span_id" => text(&record.parent_span_id),
        "kind" => record.kind.name().map(Cow::Borrowed),
        "exception" => record.exception.map(json_text),
        _ if KNOWN.contains(&path) => record.text(path).map(Cow::Borrowed),
        _ => match path.split_once('.') {
            Some(("exception", rest)) => record.exception.and_then(|value| within(value, rest)),
            Some(("fields", rest)) => find(record.fields.iter().map(pair), rest),
            _ => find(record.fields.iter().chain(&record.unknown).map(pair), path),
        },
    }
}

fn pair<'r, 'a>((name, value): &'r (Cow<'a, str>, &'a RawValue)) -> (&'r str, &'a RawValue) {
    (name, *value)
}

/// Finds `path` among members: the whole of it as a name first, then what comes before each dot.
fn find<'a, 'n>(
    members: impl Iterator<Item = (&'n str, &'a RawValue)> + Clone,
    path: &str,
) -> Option<Cow<'a, str>> {
    let named = |name: &str| members.clone().find(|(n, _)| *n == name).map(|(_, value)| value);
    named(path).map(json_text).or_else(|| {
        let dots = path.match_indices('.');
        dots.filter_map(|(dot, _)| Some((named(path.get(..dot)?)?, path.get(dot + 1..)?)))
            .find_map(|(value, rest)| within(value, rest))
    })
}

/// Finds `path` in a JSON object.
fn within<'a>(object: &'a RawValue, path: &str) -> Option<Cow<'a, str>> {
    if !object.get().starts_with('{') {
        return None;
    }
    let members: BTreeMap<String, &'a RawValue> = serde_json::from_str(object.get()).ok()?;
    find(members.iter().map(|(name, value)| (name.as_str(), *value)), path)
}

/// What a JSON string says; the text of any other value.
#[must_use]
pub fn json_text(value: &RawValue) -> Cow<'_, str> {
    let json = value.get();
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        None => Cow::Borrowed(json),
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        // It was parsed as JSON before, so only a lone surrogate can be wrong with it.
        Some(_) => serde_json::from_str(json).map_or(Cow::Borrowed(json), Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Order;

    fn opened(plaintext: &str) -> OpenedRecord<'_> {
        OpenedRecord {
            time: 5,
            plaintext: plaintext.as_bytes(),
            record: StoredRecord::decode(plaintext.as_bytes()),
            key: None,
            order: Order::Unknown,
        }
    }

    fn found(plaintext: &str, path: &str) -> Option<String> {
        let path = MemberPath::new(path).unwrap();
        opened(plaintext).member(&path).map(Cow::into_owned)
    }

    const RECORD: &str = r#"{"seq":7,"timestamp":"2026-11-22T10:15:30.5Z","level":"ERROR","message":"m","actor":"eve","pid":4,"exception":{"type":"E"},"fields":{"user":"\u0061b","n":1.50,"deep":{"a":{"b":true}},"http.status":404,"actor":"other","null":null},"mood":"odd","kind":"gap"}"#;

    #[test]
    fn every_kind_of_member_is_found_by_name() {
        for (path, value) in [
            ("seq", "7"),
            ("timestamp", "2026-11-22T10:15:30.500000000Z"),
            ("level", "ERROR"),
            ("message", "m"),
            ("actor", "eve"),
            ("pid", "4"),
            ("exception.type", "E"),
            ("exception", "{\"type\":\"E\"}"),
            ("kind", "gap"),
            ("mood", "odd"),
            ("user", "ab"),
            ("fields.user", "ab"),
            ("n", "1.50"),
            ("fields.actor", "other"),
            ("null", "null"),
        ] {
            assert_eq!(found(RECORD, path).as_deref(), Some(value), "{path}");
        }
    }

    #[test]
    fn levels_follow_after_dots_and_names_may_have_dots() {
        assert_eq!(found(RECORD, "deep.a.b").as_deref(), Some("true"));
        assert_eq!(found(RECORD, "fields.deep.a").as_deref(), Some("{\"b\":true}"));
        assert_eq!(found(RECORD, "http.status").as_deref(), Some("404"));
        let mixed = r#"{"message":"","fields":{"a":{"b.c":{"d":1}}}}"#;
        assert_eq!(found(mixed, "a.b.c.d").as_deref(), Some("1"));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for path in ["host", "fields", "fields.host", "deep.b", "user.x", "message.x", "logger"] {
            assert_eq!(found(RECORD, path), None, "{path}");
        }
        assert!(MemberPath::new("").is_none() && MemberPath::new("a.").is_none());
    }

    #[test]
    fn a_foreign_plaintext_has_a_message_and_the_time_of_its_token() {
        assert_eq!(found("hello", "message").as_deref(), Some("hello"));
        assert_eq!(found("hello", "timestamp").as_deref(), Some("1970-01-01T00:00:05.000000000Z"));
        assert_eq!(found("hello", "level"), None);
    }

    #[test]
    fn a_lone_surrogate_is_shown_as_written() {
        let record = r#"{"message":"","fields":{"a":"\ud800"}}"#;
        assert_eq!(found(record, "a").as_deref(), Some("\"\\ud800\""));
    }
}
