//! From a line of input to a record: what stands in the line goes before what the flags say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fernlog::format::MAX_LINE;
use fernlog::{Exception, Level, Record, UnixTime};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::object::{self, MOST_MEMBERS, Refusal};
use crate::args::AppendArgs;

/// A longer line gives a record over the cap in any case: a token is longer than what it holds.
pub(super) const LONGEST: usize = MAX_LINE;

/// What a line is and what records that say nothing themselves get.
#[derive(Debug)]
pub(super) struct Shape {
    kind: Kind,
    level: Level,
    logger: String,
    fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Json,
}

impl Shape {
    pub(super) fn of(args: &AppendArgs) -> Self {
        Shape {
            kind: if args.json_lines { Kind::Json } else { Kind::Text },
            level: args.level.into(),
            logger: args.logger.clone().unwrap_or_default(),
            fields: args.fields.clone(),
        }
    }

    /// The record of a line.
    pub(super) fn record<'l>(&'l self, line: &'l [u8]) -> Result<Record<'l>, Refusal> {
        match self.kind {
            Kind::Text => Ok(self.text(line)),
            Kind::Json => self.json(line),
        }
    }

    fn blank(&self) -> Record<'_> {
        let record = Record::new(self.level, &*self.logger, "");
        // A value of the line replaces the one of the same name.
        self.fields.iter().fold(record, |record, (name, value)| record.field(&**name, &**value))
    }

    fn text<'l>(&'l self, line: &'l [u8]) -> Record<'l> {
        let record = self.blank();
        match std::str::from_utf8(line) {
            Ok(message) => record.message(message),
            Err(_) => {
                record.message(String::from_utf8_lossy(line)).field("bytes", STANDARD.encode(line))
            }
        }
    }

    fn json(&self, line: &[u8]) -> Result<Record<'static>, Refusal> {
        let mut record = self.own_blank();
        let mut fields: Vec<(String, Value)> = Vec::new();
        let mut inside = Map::new();
        for (name, value) in object::parse(line)? {
            match (name.as_str(), value) {
                ("fields", Value::Object(members)) => inside = members,
                (known, value) => {
                    let (shaped, left) = place(record, known, value);
                    record = shaped;
                    fields.extend(left.map(|value| (name, value)));
                }
            }
        }
        // A member that finds no place of its own must not push out a field of the same name.
        if fields.iter().any(|(name, _)| inside.contains_key(name)) {
            return Err(Refusal::Twice);
        }
        if fields.len() + inside.len() + self.fields.len() > MOST_MEMBERS {
            return Err(Refusal::TooMany);
        }
        Ok(inside.into_iter().chain(fields).fold(record, |r, (name, value)| r.field(name, value)))
    }

    fn own_blank(&self) -> Record<'static> {
        let record = Record::new(self.level, self.logger.clone(), "");
        self.fields.iter().cloned().fold(record, |record, (name, value)| record.field(name, value))
    }
}

/// A record, and what found no place in it.
type Placed = (Record<'static>, Option<Value>);

/// Puts a member of section 3 of docs/format.md in its place; gives back a value that has another
/// type, or a name that has no place. `seq` is ours to give and `kind` is for records about the log
/// itself, which nobody may write from outside.
fn place(record: Record<'static>, name: &str, value: Value) -> Placed {
    if let Value::String(text) = value {
        return place_text(record, name, text);
    }
    let integer = value.as_u64().and_then(|number| u32::try_from(number).ok());
    match (name, integer) {
        ("pid", Some(pid)) => (record.pid(pid), None),
        ("line", Some(line)) => (record.line(line), None),
        ("exception", None) => match exception(&value) {
            Some(exception) => (record.exception(exception), None),
            None => (record, Some(value)),
        },
        _ => (record, Some(value)),
    }
}

fn place_text(record: Record<'static>, name: &str, text: String) -> Placed {
    let placed = match name {
        "message" => record.message(text),
        "logger" => record.logger(text),
        "actor" => record.actor(text),
        "action" => record.action(text),
        "resource" => record.resource(text),
        "outcome" => record.outcome(text),
        "service" => record.service(text),
        "host" => record.host(text),
        "thread" => record.thread(text),
        "module" => record.module(text),
        "function" => record.function(text),
        "file" => record.file(text),
        _ => return place_parsed(record, name, text),
    };
    (placed, None)
}

fn place_parsed(record: Record<'static>, name: &str, text: String) -> Placed {
    let placed = match name {
        "timestamp" => time(&text).map(Parsed::Time),
        "level" => text.parse().ok().map(Parsed::Level),
        "trace_id" => hex(&text).map(Parsed::Trace),
        "span_id" => hex(&text).map(Parsed::Span),
        "parent_span_id" => hex(&text).map(Parsed::Parent),
        _ => None,
    };
    let record = match placed {
        Some(Parsed::Time(time)) => record.time(time),
        Some(Parsed::Level(level)) => record.level(level),
        Some(Parsed::Trace(id)) => record.trace_id(id),
        Some(Parsed::Span(id)) => record.span_id(id),
        Some(Parsed::Parent(id)) => record.parent_span_id(id),
        None => return (record, Some(Value::String(text))),
    };
    (record, None)
}

/// A member that is written as text and means something else.
enum Parsed {
    Time(UnixTime),
    Level(Level),
    Trace([u8; 16]),
    Span([u8; 8]),
    Parent([u8; 8]),
}

/// A time of RFC 3339, with any offset.
fn time(text: &str) -> Option<UnixTime> {
    text.parse().ok().or_else(|| {
        let moment: Timestamp = text.parse().ok()?;
        let nanos = moment.as_nanosecond();
        let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
        let time = UnixTime::new(seconds, u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?);
        // Years that a record cannot hold would become others.
        (time.seconds() == seconds).then_some(time)
    })
}

/// Lower-case hex digits of exactly so many bytes.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// An exception that a record holds without losing anything.
fn exception(value: &Value) -> Option<Exception> {
    let members = value.as_object()?;
    let text = |name| members.get(name).map(|value| value.as_str().map(str::to_owned));
    let causes = match members.get("causes") {
        Some(causes) => causes
            .as_array()?
            .iter()
            .map(|cause| cause.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()?,
        None => Vec::new(),
    };
    let known = ["type", "message", "causes", "stacktrace"];
    if members.keys().any(|name| !known.contains(&name.as_str())) {
        return None;
    }
    Some(Exception {
        kind: text("type")??,
        message: text("message")??,
        causes,
        stacktrace: match text("stacktrace") {
            Some(stacktrace) => Some(stacktrace?),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use fernlog::format::StoredRecord;
    use fernlog::{AuditLog, Durability, Key, Keyring, SigningKey};
    use serde_json::json;

    use super::*;

    fn shape(kind: Kind) -> Shape {
        let fields = vec![("host_group".to_owned(), "web".to_owned()), ("x".into(), "flag".into())];
        Shape { kind, level: Level::Notice, logger: "app".to_owned(), fields }
    }

    /// What a reader finds of a line, without `seq` and, unless given, the time.
    fn stored(kind: Kind, line: &[u8]) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let key = Key::generate().unwrap();
        let log = AuditLog::builder(&path)
            .keyring(Keyring::new(key.clone()))
            .log_key(SigningKey::generate("a").unwrap())
            .durability(Durability::Written)
            .open()
            .unwrap();
        let shape = shape(kind);
        log.append(&shape.record(line).unwrap()).unwrap();
        let token = std::fs::read_to_string(&path).unwrap();
        let plaintext =
            fernet::Fernet::new(&key.to_text()).unwrap().decrypt(token.trim_end()).unwrap();
        assert!(StoredRecord::decode(&plaintext).is_some(), "foreign");
        let mut value: Value = serde_json::from_slice(&plaintext).unwrap();
        let object = value.as_object_mut().unwrap();
        object.remove("seq");
        if object["timestamp"].as_str().unwrap().starts_with("202") && kind == Kind::Text {
            object.remove("timestamp");
        }
        value
    }

    fn json_line(line: &str) -> Value {
        let mut value = stored(Kind::Json, line.as_bytes());
        let object = value.as_object_mut().unwrap();
        for (name, flag) in [("level", json!("NOTICE")), ("logger", json!("app"))] {
            if object[name] == flag {
                object.remove(name);
            }
        }
        if object["timestamp"].as_str().unwrap().starts_with("202") {
            object.remove("timestamp");
        }
        let fields = object["fields"].as_object_mut().unwrap();
        assert_eq!(fields.remove("host_group"), Some(json!("web")));
        if fields.get("x") == Some(&json!("flag")) {
            fields.remove("x");
        }
        value
    }

    #[test]
    fn a_line_of_text_is_the_message_as_it_is() {
        for line in ["", "\r", " a\tb \\ \" \0", "\u{fffd}"] {
            assert_eq!(
                stored(Kind::Text, line.as_bytes()),
                json!({"level": "NOTICE", "logger": "app", "message": line,
                    "fields": {"host_group": "web", "x": "flag"}})
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_beside_the_message() {
        let value = stored(Kind::Text, b"caf\xe9\r");
        assert_eq!(value["message"], "caf\u{fffd}\r");
        assert_eq!(
            STANDARD.decode(value["fields"]["bytes"].as_str().unwrap()).unwrap(),
            b"caf\xe9\r"
        );
    }

    #[test]
    fn known_members_of_the_right_type_go_to_their_place() {
        let exception = json!({"type": "E", "message": "m", "causes": ["c"], "stacktrace": "s"});
        let line = json!({
            "timestamp": "2019-11-22T10:15:30+02:00", "level": "warn", "logger": "l",
            "message": "m", "actor": "a", "action": "b", "resource": "c", "outcome": "d",
            "service": "e", "host": "f", "pid": 7, "thread": "g",
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331",
            "parent_span_id": "00f067aa0ba902b7", "module": "h", "function": "i", "file": "j",
            "line": 9, "exception": exception, "fields": {"n": {"deep": [1, 2.5]}}
        });
        let mut expected = line.clone();
        expected["timestamp"] = json!("2019-11-22T08:15:30.000000000Z");
        expected["level"] = json!("WARNING");
        assert_eq!(json_line(&line.to_string()), expected);
    }

    #[test]
    fn members_of_another_type_go_to_the_fields() {
        let line = json!({
            "timestamp": 1_790_000_000, "level": 30, "logger": ["l"], "message": {"a": 1},
            "actor": null, "pid": -1, "line": 4_294_967_296_u64, "trace_id": "0AF7", "span_id": "é",
            "exception": "boom", "fields": 5
        });
        assert_eq!(json_line(&line.to_string()), json!({"message": "", "fields": line}));
        let line = json!({"timestamp": "yesterday", "level": "loud", "exception": {"type": "E"}});
        assert_eq!(json_line(&line.to_string()), json!({"message": "", "fields": line}));
    }

    #[test]
    fn an_exception_with_more_than_a_record_holds_goes_to_the_fields_whole() {
        for exception in [
            json!({"type": "E", "message": "m", "code": 5}),
            json!({"type": "E", "message": "m", "causes": [1]}),
            json!({"type": "E", "message": "m", "stacktrace": ["a"]}),
        ] {
            let line = json!({"exception": exception});
            assert_eq!(json_line(&line.to_string())["fields"], line);
        }
    }

    #[test]
    fn an_index_and_a_kind_from_outside_are_only_fields() {
        let line = json!({"seq": 5, "kind": "key-change", "message": "m", "mood": "good"});
        assert_eq!(
            json_line(&line.to_string()),
            json!({"message": "m", "fields": {"seq": 5, "kind": "key-change", "mood": "good"}})
        );
    }

    #[test]
    fn the_line_goes_before_the_flags() {
        let value = json_line(r#"{"level":"error","logger":"","fields":{"x":"line"}}"#);
        assert_eq!(
            value,
            json!({"level": "ERROR", "logger": "", "message": "", "fields": {"x": "line"}})
        );
        assert_eq!(json_line(r#"{"x":1}"#)["fields"], json!({"x": 1}));
    }

    #[test]
    fn a_member_and_a_field_of_one_name_are_refused() {
        let shape = shape(Kind::Json);
        for line in [r#"{"a":1,"fields":{"a":1}}"#, r#"{"seq":1,"fields":{"seq":2}}"#] {
            assert_eq!(shape.record(line.as_bytes()).unwrap_err(), Refusal::Twice, "{line}");
        }
        assert!(shape.record(br#"{"message":"m","fields":{"message":"n"}}"#).is_ok());
    }

    #[test]
    fn times_keep_their_moment_or_stay_text() {
        let text = |text| time(text).map(|time| time.to_string());
        for (given, stored) in [
            ("2026-11-22T10:15:30.123456789Z", "2026-11-22T10:15:30.123456789Z"),
            ("2026-11-22T10:15:30-05:00", "2026-11-22T15:15:30.000000000Z"),
            ("1969-12-31T23:59:59.5+00:00", "1969-12-31T23:59:59.500000000Z"),
        ] {
            assert_eq!(text(given).as_deref(), Some(stored), "{given}");
        }
        for given in ["", "now", "2026-11-22", "2026-11-22T10:15:30", "-000001-01-01T00:00:00Z"] {
            assert_eq!(text(given), None, "{given}");
        }
    }
}
