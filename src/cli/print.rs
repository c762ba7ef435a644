//! The forms in which records are printed.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fernlog::read::OpenedRecord;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::args::{Format, Output};
use crate::colour::IsTerminal;
use crate::escape::{self, Place};
use crate::failure::Failure;
use crate::input;
use crate::members::{self, Name, Value};
use crate::records::Entry;
use crate::template::Template;
use crate::textline::{self, TextLine};
use crate::time::Digits;
use crate::ui::Ui;

/// Turns records into bytes of one form.
#[derive(Debug)]
pub(crate) struct Printer {
    form: Form,
    zone: TimeZone,
    colour: bool,
    line: TextLine,
    shown: String,
}

#[derive(Debug)]
enum Form {
    Text,
    Json,
    Logfmt,
    Raw,
    Template(Template),
}

impl Printer {
    /// Chooses the form.
    ///
    /// # Errors
    ///
    /// A template that cannot be read; raw bytes for a terminal.
    pub(crate) fn new(output: &Output, ui: &Ui) -> Result<Self, Failure> {
        let form = match (&output.template, output.format) {
            (Some(template), _) => Form::Template(Template::new(template)?),
            (None, Format::Text) => Form::Text,
            (None, Format::Json) => Form::Json,
            (None, Format::Logfmt) => Form::Logfmt,
            (None, Format::Raw) => Form::Raw,
        };
        if matches!(form, Form::Raw)
            && output.output.is_none()
            && ui.out_terminal() == IsTerminal::Yes
        {
            // Records can hold what a terminal obeys.
            return Err(Failure::usage("raw bytes can take over a terminal")
                .hint("-o FILE keeps them, -o - prints them all the same"));
        }
        let to_file = output.output.as_deref().is_some_and(|path| !input::is_stdin(path));
        Ok(Printer {
            form,
            zone: ui.zone().clone(),
            colour: ui.colour_out() && !to_file,
            line: TextLine::default(),
            shown: String::new(),
        })
    }

    /// The record in its form, with a line end.
    pub(crate) fn print(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        let record = &entry.record;
        self.shown.clear();
        match &self.form {
            Form::Raw => out.extend_from_slice(record.plaintext),
            Form::Json => json(record, &mut self.shown),
            Form::Logfmt => logfmt(record, &self.zone, &mut self.shown),
            Form::Template(template) => template.fill(entry, &self.zone, &mut self.shown),
            Form::Text => {
                self.line.fill(record, &self.zone, None);
                self.line.show(&[], self.colour, &mut self.shown);
            }
        }
        out.extend_from_slice(self.shown.as_bytes());
        out.push(b'\n');
    }
}

/// The stored object; a foreign plaintext in an object of its own, with its bytes when it is no
/// text.
pub(crate) fn json(record: &OpenedRecord<'_>, out: &mut String) {
    let object = match (&record.record, std::str::from_utf8(record.plaintext)) {
        (Some(_), Ok(stored)) => {
            out.push_str(&escape::json(stored));
            return;
        }
        (_, Ok(text)) => json!({ "foreign": text }),
        (_, Err(_)) => json!({
            "foreign": record.message(),
            "bytes": STANDARD.encode(record.plaintext),
        }),
    };
    out.push_str(&escape::json(&object.to_string()));
}

fn logfmt(record: &OpenedRecord<'_>, zone: &TimeZone, out: &mut String) {
    let time = textline::moment_with(record.when(), zone, Digits::Needed);
    let _ = write!(out, "timestamp={time}");
    let Some(stored) = &record.record else {
        push_pair(out, "foreign", &record.message());
        return;
    };
    if let Some(level) = stored.level {
        push_pair(out, "level", level.name());
    }
    if let Some(logger) = stored.logger.as_deref().filter(|logger| !logger.is_empty()) {
        push_pair(out, "logger", logger);
    }
    push_pair(out, "message", &stored.message);
    members::for_each(stored, &mut |name: &Name<'_>, value: &Value<'_>| {
        let prefix = if name.needs_prefix() { "fields." } else { "" };
        let value = match value {
            Value::Text(text) => text.as_ref(),
            Value::Json(json) => json,
        };
        push_pair(out, &format!("{prefix}{}", key(&name.text)), value);
    });
}

fn push_pair(out: &mut String, key: &str, value: &str) {
    let _ = write!(out, " {key}=");
    if textline::is_plain(value) && escape::is_clean(value.as_bytes(), Place::Cell) {
        out.push_str(value);
    } else {
        out.push_str(&escape::json(&json!(value).to_string()));
    }
}

/// A key of logfmt has no quotes, so what it cannot hold becomes `_`.
fn key(name: &str) -> String {
    let fits = |c: char| textline::is_plain(c.encode_utf8(&mut [0; 4])) && c != '\\';
    let clean = escape::text(name, Place::Cell);
    if clean.is_empty() {
        return "_".to_owned();
    }
    clean.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fernlog::format::StoredRecord;
    use fernlog::read::Order;
    use proptest::prelude::*;

    use super::*;

    fn printed(form: Form, plaintext: &[u8]) -> String {
        let mut printer = Printer {
            form,
            zone: TimeZone::UTC,
            colour: false,
            line: TextLine::default(),
            shown: String::new(),
        };
        let record = OpenedRecord {
            time: 1_763_800_000,
            plaintext,
            record: StoredRecord::decode(plaintext),
            key: None,
            order: Order::Unknown,
        };
        let place = fernlog::format::Place { line: 1, byte: 0 };
        let mut out = Vec::new();
        let file = Path::new("a.log");
        printer.print(&Entry { file, place, index: Some(1), record }, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn json_is_the_stored_object_with_escapes() {
        let record = "{\"message\":\"a\u{202e}\\n\",  \"fields\":{\"x\":1.0}}";
        assert_eq!(
            printed(Form::Json, record.as_bytes()),
            "{\"message\":\"a\\u202e\\n\",  \"fields\":{\"x\":1.0}}\n"
        );
    }

    #[test]
    fn a_foreign_plaintext_is_json_of_its_own() {
        assert_eq!(printed(Form::Json, b"[1]\x1b"), "{\"foreign\":\"[1]\\u001b\"}\n");
        let bytes = printed(Form::Json, b"a\xff");
        assert_eq!(bytes, "{\"bytes\":\"Yf8=\",\"foreign\":\"a\u{fffd}\"}\n");
    }

    #[test]
    fn raw_is_the_plaintext_and_a_line_end() {
        assert_eq!(printed(Form::Raw, b"\x1b\n {"), "\x1b\n {\n");
    }

    #[test]
    fn logfmt_quotes_what_is_not_one_word() {
        let record = r#"{"timestamp":"2026-11-22T10:15:30.5Z","level":"INFO","logger":"app","message":"two words","fields":{"actor":"x","a b":"q\"\u001b","n":{"x":1},"":"","\u202e":1}}"#;
        assert_eq!(
            printed(Form::Logfmt, record.as_bytes()),
            "timestamp=2026-11-22T10:15:30.5Z level=INFO logger=app message=\"two words\" \
             fields.actor=x a_b=\"q\\\"\\u001b\" n=\"{\\\"x\\\":1}\" _=\"\" _u{202e}=1\n"
        );
        assert!(printed(Form::Logfmt, b"a b").ends_with("Z foreign=\"a b\"\n"));
    }

    /// Nothing that a terminal obeys, that hides or that turns text around, in one line.
    fn is_harmless(line: &str) -> bool {
        let dangerous = |c: char| {
            (c.is_control() && c != '\t')
                || "\u{ad}\u{61c}\u{feff}".contains(c)
                || ('\u{200b}'..='\u{200f}').contains(&c)
                || ('\u{2028}'..='\u{202e}').contains(&c)
                || ('\u{2060}'..='\u{206f}').contains(&c)
                || ('\u{e0000}'..='\u{e0fff}').contains(&c)
        };
        line.strip_suffix('\n').is_some_and(|line| !line.contains(dangerous))
    }

    fn forms() -> [Form; 4] {
        let names = "{message} {logger} {actor} {fields.a} {exception.type} {index}";
        [Form::Text, Form::Json, Form::Logfmt, Form::Template(Template::new(names).unwrap())]
    }

    proptest! {
        #[test]
        fn no_form_but_raw_lets_anything_dangerous_out(
            texts in proptest::array::uniform6("(\\PC|[\u{0}-\u{a0}\u{200b}-\u{2070}\u{feff}\\\\\"=]){0,12}"),
        ) {
            let [message, logger, actor, name, value, inner] = &texts;
            let record = json!({
                "message": message,
                "logger": logger,
                "actor": actor,
                "exception": { "type": value, name: inner },
                "fields": { "a": value, format!("x{name}"): { inner: [value, 1, null] } },
                format!("y{name}"): inner,
            });
            let record = record.to_string();
            prop_assert!(StoredRecord::decode(record.as_bytes()).is_some());
            for form in forms() {
                let line = printed(form, record.as_bytes());
                prop_assert!(is_harmless(&line), "{:?}", line);
            }
        }

        #[test]
        fn bytes_that_are_no_record_are_harmless_too(bytes: Vec<u8>) {
            for form in forms() {
                let line = printed(form, &bytes);
                prop_assert!(is_harmless(&line), "{:?}", line);
            }
        }
    }
}
