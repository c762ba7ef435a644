//! A record as one line of text: what `--format text` shows and what `grep` searches. The line is
//! built as it is searched, without colour and escapes; these come when it is shown.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;

use anstyle::{AnsiColor, Style};
use fernlog::read::{MemberPath, OpenedRecord};
use fernlog::{Level, UnixTime};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::escape::{self, Place};
use crate::members::{self, Name, Value};
use crate::time::{self, Digits};

/// One line, which is filled again for each record.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextLine {
    text: Vec<u8>,
    spans: Vec<Span>,
    /// Where the member stands that is searched alone.
    wanted: Option<Range<usize>>,
    /// A quoted value holds a quote of its own.
    inner_quotes: bool,
}

#[derive(Clone, Debug)]
struct Span {
    end: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dim,
    Level(Level),
    Plain,
    /// The inside of a quoted value that has quotes in it.
    Quoted,
}

/// The colours of a match.
const MATCH: Style = AnsiColor::Red.on_default().bold();

impl TextLine {
    /// Writes the line of a record; `wanted` is the member whose place is to be noted.
    pub(crate) fn fill(
        &mut self,
        record: &OpenedRecord<'_>,
        zone: &TimeZone,
        wanted: Option<&MemberPath>,
    ) {
        self.text.clear();
        self.spans.clear();
        (self.wanted, self.inner_quotes) = (None, false);
        let wanted = wanted.map_or("", MemberPath::as_str);
        self.moment(record.when(), zone, wanted);
        self.push(b" ", Kind::Plain);
        let Some(stored) = &record.record else {
            self.push(b"FOREIGN  ", Kind::Dim);
            let start = self.text.len();
            self.push(record.plaintext, Kind::Plain);
            self.wanted = (wanted == "message").then_some(start..self.text.len());
            return;
        };
        let level = stored.level.map_or("-", Level::name);
        let kind = stored.level.map_or(Kind::Plain, Kind::Level);
        self.placed("level", level, kind, wanted);
        for _ in level.len()..9 {
            self.text.push(b' ');
        }
        self.end_span(Kind::Plain);
        if let Some(logger) = stored.logger.as_deref().filter(|logger| !logger.is_empty()) {
            self.placed("logger", logger, Kind::Plain, wanted);
            self.push(b": ", Kind::Plain);
        }
        self.placed("message", &stored.message, Kind::Plain, wanted);
        members::for_each(stored, &mut |name, value| self.member(name, value, wanted));
    }

    /// The line as it is searched.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where the wanted member stands, if its text is in the line.
    pub(crate) fn wanted(&self) -> Option<Range<usize>> {
        self.wanted.clone()
    }

    /// Appends the line as it is shown; `matches` are set off when there is colour.
    pub(crate) fn show(&self, matches: &[Range<usize>], colour: bool, out: &mut String) {
        if !colour && !self.inner_quotes {
            out.push_str(&escape::bytes(&self.text, Place::Text));
            return;
        }
        let clean = escape::is_clean(&self.text, Place::Text);
        let mut at = 0;
        for span in &self.spans {
            let style = if colour { style(span.kind) } else { Style::new() };
            for (range, matched) in pieces(at..span.end, matches) {
                let style = if colour && matched { MATCH } else { style };
                let piece = self.text.get(range).unwrap_or_default();
                let _ = write!(out, "{style}");
                match (span.kind, clean) {
                    (Kind::Quoted, _) => push_quoted(out, piece),
                    // Clean text is UTF-8; a piece may end within a character, its bytes do not.
                    (_, true) => out.push_str(&String::from_utf8_lossy(piece)),
                    (_, false) => escape::append(out, piece, Place::Text),
                }
                let _ = write!(out, "{style:#}");
            }
            at = span.end;
        }
    }

    /// The time with milliseconds. In UTC, which most lines are in, without a text of its own.
    fn moment(&mut self, time: UnixTime, zone: &TimeZone, wanted: &str) {
        const MILLISECONDS: usize = "2026-11-22T10:15:30.123".len();
        if *zone == TimeZone::UTC {
            // Writing into memory cannot fail.
            let _ = write!(self.text, "{time}");
            self.text.truncate(MILLISECONDS);
            self.text.push(b'Z');
        } else {
            let text = moment_with(time, zone, Digits::Fixed(3));
            self.text.extend_from_slice(text.as_bytes());
        }
        self.end_span(Kind::Dim);
        if wanted == "timestamp" {
            self.wanted = Some(0..self.text.len());
        }
    }

    /// A member that stands without its name.
    fn placed(&mut self, name: &str, value: &str, kind: Kind, wanted: &str) {
        let start = self.text.len();
        self.push(value.as_bytes(), kind);
        if name == wanted {
            self.wanted = Some(start..self.text.len());
        }
    }

    fn member(&mut self, name: &Name<'_>, value: &Value<'_>, wanted: &str) {
        self.text.push(b' ');
        if name.needs_prefix() {
            self.text.extend_from_slice(b"fields.");
        }
        let quoted_name = !is_plain(&name.text);
        if quoted_name {
            self.text.push(b'"');
        }
        self.text.extend_from_slice(name.text.as_bytes());
        self.text.extend_from_slice(if quoted_name { b"\"=" } else { b"=" });
        self.end_span(Kind::Dim);
        let (text, quote) = match value {
            Value::Text(text) => (text.as_ref(), !is_plain(text)),
            Value::Json(json) => (*json, false),
        };
        if quote {
            self.push(b"\"", Kind::Plain);
        }
        let start = self.text.len();
        let inner = quote && text.contains('"');
        self.inner_quotes |= inner;
        self.push(text.as_bytes(), if inner { Kind::Quoted } else { Kind::Plain });
        if name.is(wanted) {
            self.wanted = Some(start..self.text.len());
        }
        if quote {
            self.push(b"\"", Kind::Plain);
        }
    }

    fn push(&mut self, bytes: &[u8], kind: Kind) {
        self.text.extend_from_slice(bytes);
        self.end_span(kind);
    }

    fn end_span(&mut self, kind: Kind) {
        let end = self.text.len();
        match self.spans.last_mut() {
            Some(last) if last.kind == kind => last.end = end,
            _ => self.spans.push(Span { end, kind }),
        }
    }
}

/// A moment in the zone. What a calendar of the zone cannot write is given in UTC.
pub(crate) fn moment_with(time: UnixTime, zone: &TimeZone, digits: Digits) -> String {
    let nanos = i32::try_from(time.nanos()).unwrap_or(0);
    match (Timestamp::new(time.seconds(), nanos), digits) {
        (Ok(moment), digits) => time::print(moment, zone, digits),
        (Err(_), Digits::Fixed(0)) => time.to_seconds_text(),
        (Err(_), Digits::Fixed(digits)) => {
            let text = time.to_string();
            format!("{}Z", text.get(..20 + usize::from(digits)).unwrap_or(&text))
        }
        (Err(_), Digits::Needed) => time.to_string(),
    }
}

/// Whether a name or value can stand without quotes.
pub(crate) fn is_plain(text: &str) -> bool {
    let special = |c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '=';
    !text.is_empty() && !text.contains(special)
}

/// The inside of a quoted value: quotes and backslashes have a backslash before them.
fn push_quoted(out: &mut String, piece: &[u8]) {
    for part in piece.split_inclusive(|byte| *byte == b'"') {
        let (text, quote) = match part.strip_suffix(b"\"") {
            Some(text) => (text, "\\\""),
            None => (part, ""),
        };
        escape::append(out, text, Place::Text);
        out.push_str(quote);
    }
}

/// Cuts a range at the edges of matches.
fn pieces(range: Range<usize>, matches: &[Range<usize>]) -> Vec<(Range<usize>, bool)> {
    let mut out = Vec::new();
    let mut at = range.start;
    for found in matches {
        let (start, end) = (found.start.max(at), found.end.min(range.end));
        if start < end {
            out.push((at..start, false));
            out.push((start..end, true));
            at = end;
        }
    }
    out.push((at..range.end, false));
    out.retain(|(range, _)| !range.is_empty());
    out
}

fn style(kind: Kind) -> Style {
    match kind {
        Kind::Dim => Style::new().dimmed(),
        Kind::Level(Level::Critical | Level::Error) => AnsiColor::Red.on_default(),
        Kind::Level(Level::Warning) => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use fernlog::format::StoredRecord;
    use fernlog::read::Order;

    use super::*;

    fn opened(plaintext: &[u8]) -> OpenedRecord<'_> {
        OpenedRecord {
            time: 1_763_800_000,
            plaintext,
            record: StoredRecord::decode(plaintext),
            key: None,
            order: Order::Unknown,
        }
    }

    fn line(plaintext: &str) -> TextLine {
        let mut line = TextLine::default();
        line.fill(&opened(plaintext.as_bytes()), &TimeZone::UTC, None);
        line
    }

    fn shown(plaintext: &str) -> String {
        let mut out = String::new();
        line(plaintext).show(&[], false, &mut out);
        out
    }

    fn with_fields(fields: &str) -> String {
        let plaintext = format!(r#"{{"message":"m","fields":{fields}}}"#);
        shown(&plaintext).rsplit_once("m ").unwrap().1.to_owned()
    }

    #[test]
    fn a_record_is_time_level_logger_message_and_the_rest_by_name() {
        let record = r#"{"seq":3,"timestamp":"2026-11-22T10:15:30.123456789Z","level":"WARNING","logger":"app.db","message":"slow query","actor":"alice","host":"web7","pid":42,"thread":"main","line":7,"fields":{"ms":1200,"sql":"select 1"},"kind":"gap"}"#;
        assert_eq!(
            shown(record),
            "2026-11-22T10:15:30.123Z WARNING  app.db: slow query actor=alice host=web7 pid=42 \
             thread=main line=7 ms=1200 sql=\"select 1\" kind=gap"
        );
    }

    #[test]
    fn what_is_absent_leaves_no_trace() {
        assert_eq!(shown(r#"{"message":"m"}"#), "2025-11-22T08:26:40.000Z -        m");
        assert_eq!(shown(r#"{"message":"m","logger":""}"#), "2025-11-22T08:26:40.000Z -        m");
    }

    #[test]
    fn a_foreign_plaintext_is_marked() {
        assert_eq!(shown("{\"a\":1}"), "2025-11-22T08:26:40.000Z FOREIGN  {\"a\":1}");
        let mut line = TextLine::default();
        line.fill(&opened(b"\xff\x1b"), &TimeZone::UTC, None);
        let mut out = String::new();
        line.show(&[], false, &mut out);
        assert!(out.ends_with("FOREIGN  \\xff\\x1b"));
    }

    #[test]
    fn a_line_end_cannot_forge_a_record() {
        let text =
            shown(r#"{"message":"a\n2026-11-22T10:15:30.123Z INFO b","fields":{"x\ny":"c\nd"}}"#);
        assert!(!text.contains('\n'));
        assert!(text.ends_with("\"x\\ny\"=\"c\\nd\""));
    }

    #[test]
    fn values_are_quoted_when_they_could_be_misread() {
        assert_eq!(
            with_fields(r#"{"a":"","b":"x=y","c":"x y","d":"xy"}"#),
            r#"a="" b="x=y" c="x y" d=xy"#
        );
        assert_eq!(
            with_fields(r#"{"a":"x\" actor=\"root","b":"C:\\x"}"#),
            r#"a="x\" actor=\"root" b=C:\x"#
        );
        assert_eq!(
            with_fields(r#"{"a b":1,"c":{"d":[1, 2]},"e":null}"#),
            r#""a b"=1 c={"d":[1, 2]} e=null"#
        );
    }

    #[test]
    fn a_field_with_the_name_of_a_member_says_so() {
        assert_eq!(with_fields(r#"{"actor":"x","user":"y"}"#), "fields.actor=x user=y");
    }

    #[test]
    fn an_exception_is_told_whole() {
        let record = r#"{"message":"m","exception":{"stacktrace":"a\nb","causes":["x"],"type":"E","message":"bad thing"}}"#;
        assert!(shown(record).ends_with(
            "m exception.type=E exception.message=\"bad thing\" exception.causes=[\"x\"] \
             exception.stacktrace=\"a\\nb\""
        ));
    }

    #[test]
    fn escapes_are_due_for_the_line_as_a_whole() {
        let text = shown(r#"{"message":"C:\\new \u001b[2J","fields":{"a":"\"\\"}}"#);
        assert!(text.ends_with(r#"C:\\new \x1b[2J a="\"\\""#), "{text}");
    }

    #[test]
    fn matches_are_set_off_and_leave_the_text_alone() {
        let line = line(r#"{"message":"one two \u001b"}"#);
        let at = line.text().len() - 9;
        let mut out = String::new();
        let found = at + 4..at + 7;
        line.show(std::slice::from_ref(&found), true, &mut out);
        assert!(out.contains("one \u{1b}[1m\u{1b}[31mtwo\u{1b}[0m \\x1b"), "{out:?}");
    }

    #[test]
    fn the_wanted_member_is_found_in_the_line() {
        let record =
            opened(br#"{"message":"m","actor":"bob","fields":{"actor":"eve","user":"kim"}}"#);
        let mut line = TextLine::default();
        for (name, value) in
            [("actor", "bob"), ("fields.actor", "eve"), ("user", "kim"), ("message", "m")]
        {
            line.fill(&record, &TimeZone::UTC, MemberPath::new(name).as_ref());
            assert_eq!(&line.text()[line.wanted().unwrap()], value.as_bytes(), "{name}");
        }
        line.fill(&record, &TimeZone::UTC, MemberPath::new("host").as_ref());
        assert_eq!(line.wanted(), None);
    }

    #[test]
    fn times_are_in_the_zone_and_the_last_day_is_no_panic() {
        let berlin = time::zone("Europe/Berlin").unwrap();
        let moment = |time, zone: &TimeZone| moment_with(time, zone, Digits::Fixed(3));
        assert_eq!(moment(UnixTime::new(0, 0), &berlin), "1970-01-01T01:00:00.000+01:00");
        let last = UnixTime::from_token(u64::MAX);
        for zone in [TimeZone::UTC, berlin] {
            assert_eq!(moment(last, &zone), "9999-12-31T23:59:59.000Z");
            assert_eq!(moment_with(last, &zone, Digits::Fixed(0)), "9999-12-31T23:59:59Z");
            let mut line = TextLine::default();
            let record = OpenedRecord { time: u64::MAX, ..opened(b"x") };
            line.fill(&record, &zone, None);
            assert!(line.text().starts_with(b"9999-12-31T23:59:59.000Z FOREIGN"));
        }
    }
}
