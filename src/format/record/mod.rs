//! A record: what the application says happened (docs/format.md, section 3).
//!
//! [`Record`] is what a writer builds, [`StoredRecord`] is what a reader finds.

mod encode;
mod stored;

use std::borrow::Cow;

use serde_json::Value;

use crate::format::level::Level;
use crate::format::time::UnixTime;

pub(crate) use encode::{LONGEST_SEQ, Out, encode_seq};
pub use stored::StoredRecord;

/// Text of a record: borrowed where the caller can, owned where it must.
type Text<'a> = Cow<'a, str>;

/// One record on its way into a log.
///
/// ```
/// use fernlog::{Level, Record};
///
/// let record = Record::new(Level::Notice, "payment", "refund approved")
///     .actor("alice")
///     .action("refund")
///     .field("amount", 42);
/// # let _ = record;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    pub(crate) time: Option<UnixTime>,
    pub(crate) level: Level,
    pub(crate) logger: Text<'a>,
    pub(crate) message: Text<'a>,
    /// In the order of [`TEXTS`].
    pub(crate) texts: [Option<Text<'a>>; TEXTS.len()],
    pub(crate) pid: Option<u32>,
    pub(crate) trace_id: Option<[u8; 16]>,
    pub(crate) span_id: Option<[u8; 8]>,
    pub(crate) parent_span_id: Option<[u8; 8]>,
    pub(crate) line: Option<u32>,
    pub(crate) exception: Option<Box<Exception>>,
    pub(crate) fields: Vec<(Text<'a>, Value)>,
    pub(crate) kind: RecordKind,
}

/// Optional members that hold text.
pub(crate) const TEXTS: [&str; 10] = [
    "actor", "action", "resource", "outcome", "service", "host", "thread", "module", "function",
    "file",
];

macro_rules! text_members {
    ($($(#[$doc:meta])* $name:ident = $place:literal;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, text: impl Into<Cow<'a, str>>) -> Self {
            self.texts[$place] = Some(text.into());
            self
        }
    )*};
}

impl<'a> Record<'a> {
    /// A record of `level` from the logger `logger` (dotted or `::`-separated) with a message.
    #[must_use]
    pub fn new(
        level: Level,
        logger: impl Into<Cow<'a, str>>,
        message: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self { level, logger: logger.into(), message: message.into(), ..Self::default() }
    }

    text_members! {
        /// Who did it.
        actor = 0;
        /// What was done.
        action = 1;
        /// To what it was done.
        resource = 2;
        /// With what result.
        outcome = 3;
        /// The service that logs.
        service = 4;
        /// The host it runs on.
        host = 5;
        /// The thread that logs.
        thread = 6;
        /// The module in the source.
        module = 7;
        /// The function in the source.
        function = 8;
        /// The source file.
        file = 9;
    }

    /// Another time than that of the append: for records that come from elsewhere.
    #[must_use]
    pub fn time(mut self, time: UnixTime) -> Self {
        self.time = Some(time);
        self
    }

    /// Another level.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Another logger.
    #[must_use]
    pub fn logger(mut self, logger: impl Into<Cow<'a, str>>) -> Self {
        self.logger = logger.into();
        self
    }

    /// Another message.
    #[must_use]
    pub fn message(mut self, message: impl Into<Cow<'a, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// The process that logs.
    #[must_use]
    pub fn pid(mut self, pid: u32) -> Self {
        self.pid = Some(pid);
        self
    }

    /// The W3C trace context: trace id, span id.
    #[must_use]
    pub fn trace(mut self, trace_id: [u8; 16], span_id: [u8; 8]) -> Self {
        self.trace_id = Some(trace_id);
        self.span_id = Some(span_id);
        self
    }

    /// The W3C trace id alone.
    #[must_use]
    pub fn trace_id(mut self, trace_id: [u8; 16]) -> Self {
        self.trace_id = Some(trace_id);
        self
    }

    /// The W3C span id alone.
    #[must_use]
    pub fn span_id(mut self, span_id: [u8; 8]) -> Self {
        self.span_id = Some(span_id);
        self
    }

    /// The span above this one.
    #[must_use]
    pub fn parent_span_id(mut self, span_id: [u8; 8]) -> Self {
        self.parent_span_id = Some(span_id);
        self
    }

    /// The line in the source file.
    #[must_use]
    pub fn line(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    /// The error behind the record.
    #[must_use]
    pub fn exception(mut self, exception: Exception) -> Self {
        self.exception = Some(Box::new(exception));
        self
    }

    /// Attaches a field; a second one of the same name replaces the first.
    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.fields.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => self.fields.push((name, value)),
        }
        self
    }

    /// Marks a record about the log itself.
    #[must_use]
    pub(crate) fn kind(mut self, kind: RecordKind) -> Self {
        self.kind = kind;
        self
    }
}

/// Whether a record comes from the application or tells about the log itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordKind {
    /// From the application.
    #[default]
    Application,
    /// Records were lost; the fields say how many, from when to when and why.
    Gap,
    /// The next segment has another key; `fields.key_id` names it.
    KeyChange,
    /// The writer recovered the log after a crash.
    Recovered,
    /// The key of a subject was destroyed.
    Shred,
}

impl RecordKind {
    /// The value of `kind`, absent for application records.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Application => None,
            Self::Gap => Some("gap"),
            Self::KeyChange => Some("key-change"),
            Self::Recovered => Some("recovered"),
            Self::Shred => Some("shred"),
        }
    }

    /// Inverse of [`RecordKind::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Gap, Self::KeyChange, Self::Recovered, Self::Shred]
            .into_iter()
            .find(|kind| kind.name() == Some(name))
    }
}

/// An error as a record holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// Its type.
    pub kind: String,
    /// Its message.
    pub message: String,
    /// The messages of what caused it, nearest first.
    pub causes: Vec<String>,
    /// Where it happened.
    pub stacktrace: Option<String>,
}

impl Exception {
    /// Takes an error with its chain of causes; `kind` is the name of its type.
    #[must_use]
    pub fn from_error(kind: &str, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        Self {
            kind: kind.to_owned(),
            message: error.to_string(),
            // A chain that loops would be endless.
            causes: causes.take(64).map(ToString::to_string).collect(),
            stacktrace: None,
        }
    }
}
