//! The members of a record that stand behind its message, by name and in the order of the format.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fernlog::format::StoredRecord;
use fernlog::read::{MemberPath, json_text};
use serde_json::value::RawValue;

/// The name of a member behind the message.
#[derive(Debug)]
pub(crate) struct Name<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Whether it is one of `fields`.
    is_field: bool,
}

impl Name<'_> {
    /// Whether a field has the name of a member that the format knows.
    pub(crate) fn needs_prefix(&self) -> bool {
        self.is_field && MemberPath::names_known(&self.text)
    }

    /// Whether this is what a path names.
    pub(crate) fn is(&self, path: &str) -> bool {
        match path.strip_prefix("fields.") {
            Some(rest) => self.is_field && self.text == rest,
            None => self.text == path && !self.needs_prefix(),
        }
    }
}

/// The value of a member: text, or JSON of any other kind.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Json(&'a str),
}

impl<'a> Value<'a> {
    fn of(value: &'a RawValue) -> Self {
        if value.get().starts_with('"') {
            Value::Text(json_text(value))
        } else {
            Value::Json(value.get())
        }
    }
}

/// Hands over every member but those that stand before the others, in the order of the format.
pub(crate) fn for_each(record: &StoredRecord<'_>, each: &mut dyn FnMut(&Name<'_>, &Value<'_>)) {
    let own = |name| Name { text: Cow::Borrowed(name), is_field: false };
    let number = |value: u64| Value::Text(value.to_string().into());
    for (name, text) in record.texts() {
        each(&own(name), &Value::Text(text.into()));
        if let ("host", Some(pid)) = (name, record.pid) {
            each(&own("pid"), &number(pid));
        }
    }
    if let (None, Some(pid)) = (record.text("host"), record.pid) {
        each(&own("pid"), &number(pid));
    }
    for (name, id) in [
        ("trace_id", &record.trace_id),
        ("span_id", &record.span_id),
        ("parent_span_id", &record.parent_span_id),
    ] {
        if let Some(id) = id {
            each(&own(name), &Value::Text(id.as_ref().into()));
        }
    }
    if let Some(line) = record.line {
        each(&own("line"), &number(line));
    }
    if let Some(exception) = record.exception {
        for_each_part(exception, each);
    }
    for (name, value) in &record.fields {
        each(&Name { text: name.as_ref().into(), is_field: true }, &Value::of(value));
    }
    for (name, value) in &record.unknown {
        each(&Name { text: name.as_ref().into(), is_field: false }, &Value::of(value));
    }
    if let Some(kind) = record.kind.name() {
        each(&own("kind"), &Value::Text(kind.into()));
    }
}

/// The members of an exception, the type first.
fn for_each_part(exception: &RawValue, each: &mut dyn FnMut(&Name<'_>, &Value<'_>)) {
    type Parts<'a> = BTreeMap<String, &'a RawValue>;
    let Ok(mut parts) = serde_json::from_str::<Parts<'_>>(exception.get()) else { return };
    let mut part = |name: &str, value: &RawValue| {
        let text = format!("exception.{name}").into();
        each(&Name { text, is_field: false }, &Value::of(value));
    };
    for name in ["type", "message", "causes", "stacktrace"] {
        if let Some(value) = parts.remove(name) {
            part(name, value);
        }
    }
    parts.iter().for_each(|(name, value)| part(name, value));
}
