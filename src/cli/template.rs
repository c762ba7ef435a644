//! `--template`: text with the names of members in braces.

use fernlog::read::MemberPath;
use jiff::tz::TimeZone;

use crate::escape::{self, Place};
use crate::failure::{Failure, quoted};
use crate::records::Entry;
use crate::textline;
use crate::time::Digits;

/// A template that was read.
#[derive(Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Timestamp,
    Index,
    Member(MemberPath),
}

impl Template {
    /// Reads a template. `{{` and `}}` are braces.
    ///
    /// # Errors
    ///
    /// A brace without its partner, or a name that no record can have.
    pub(crate) fn new(text: &str) -> Result<Self, Failure> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            let (open, behind) = (brace.starts_with('{'), brace.get(1..).unwrap_or_default());
            if let Some(twice) = behind.strip_prefix(if open { '{' } else { '}' }) {
                plain.push(if open { '{' } else { '}' });
                rest = twice;
                continue;
            }
            let Some((name, behind)) = behind.split_once('}').filter(|_| open) else {
                return Err(Failure::usage(format!("{} has a lone brace", quoted(text)))
                    .hint("{{ and }} stand for braces"));
            };
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Self::piece(name)?);
            rest = behind;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(Template(pieces))
    }

    fn piece(name: &str) -> Result<Piece, Failure> {
        let field = name.strip_prefix("field.").map(|rest| format!("fields.{rest}"));
        let path = MemberPath::new(field.as_deref().unwrap_or(name));
        match (name, path) {
            ("timestamp", _) => Ok(Piece::Timestamp),
            ("index", _) => Ok(Piece::Index),
            (_, Some(path)) if path.is_known() && name != "fields" => Ok(Piece::Member(path)),
            _ => Err(Failure::usage(format!("no record has a member {}", quoted(name))).hint(
                "{index} {timestamp} {level} {logger} {message} {actor} and the others of \
                       the format; {fields.NAME} for a field",
            )),
        }
    }

    /// Appends the text of a record; what it does not have is left out.
    pub(crate) fn fill(&self, entry: &Entry<'_>, zone: &TimeZone, out: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Timestamp => {
                    let when = entry.record.when();
                    out.push_str(&textline::moment_with(when, zone, Digits::Needed));
                }
                Piece::Index => {
                    out.push_str(&entry.index.map(|index| index.to_string()).unwrap_or_default());
                }
                Piece::Member(path) => {
                    let value = entry.record.member(path).unwrap_or_default();
                    out.push_str(&escape::text(&value, Place::Text));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fernlog::format::{Place as LinePlace, StoredRecord};
    use fernlog::read::{OpenedRecord, Order};

    use super::*;

    fn filled(template: &str, plaintext: &str) -> String {
        let record = OpenedRecord {
            time: 0,
            plaintext: plaintext.as_bytes(),
            record: StoredRecord::decode(plaintext.as_bytes()),
            key: None,
            order: Order::Unknown,
        };
        let place = LinePlace { line: 1, byte: 0 };
        let entry = Entry { file: Path::new("a"), place, index: Some(12), record };
        let mut out = String::new();
        Template::new(template).unwrap().fill(&entry, &TimeZone::UTC, &mut out);
        out
    }

    #[test]
    fn names_are_filled_in_and_absent_ones_left_out() {
        let record = r#"{"timestamp":"2026-11-22T10:15:30.5Z","level":"INFO","message":"m","fields":{"a":{"b":1}}}"#;
        assert_eq!(
            filled("{index} {timestamp} {level}|{host}|{message} {field.a.b}{fields.a.b}", record),
            "12 2026-11-22T10:15:30.5Z INFO||m 11"
        );
    }

    #[test]
    fn values_are_escaped_and_the_text_around_them_is_not() {
        let out = filled("\t{message}\t", r#"{"message":"a\u001b\nb"}"#);
        assert_eq!(out, "\ta\\x1b\\nb\t");
        assert_eq!(filled("{message}", "foreign\u{7f}"), "foreign\\x7f");
    }

    #[test]
    fn double_braces_are_braces() {
        assert_eq!(filled("{{{level}}}", r#"{"level":"INFO","message":""}"#), "{INFO}");
    }

    #[test]
    fn an_unknown_name_or_a_lone_brace_is_refused() {
        for text in ["{levle}", "{}", "{ level }", "{fields}", "{fields.}", "{level", "level}"] {
            assert!(Template::new(text).is_err(), "{text}");
        }
    }
}
