//! Which records of a log somebody wants to see.
//!
//! A filter looks at authentic records alone. The clear time of a token is never a reason to pass
//! over a line that was not opened: whoever can write the file could move a record out of sight.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::format::{Level, UnixTime};
use crate::read::{MemberPath, OpenedRecord};

/// Conditions on a record, all of which must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    since: Option<UnixTime>,
    until: Option<UnixTime>,
    indexes: Option<(Bound<u64>, Bound<u64>)>,
    level: Option<Level>,
    logger: Option<String>,
    members: Vec<Condition>,
}

impl Filter {
    /// Keeps every record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only records of this time and later.
    #[must_use]
    pub fn since(mut self, time: UnixTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Only records before this time.
    #[must_use]
    pub fn until(mut self, time: UnixTime) -> Self {
        self.until = Some(time);
        self
    }

    /// Only records at these indexes; a record whose index is not known is not kept.
    #[must_use]
    pub fn indexes(mut self, range: impl RangeBounds<u64>) -> Self {
        self.indexes = Some((range.start_bound().cloned(), range.end_bound().cloned()));
        self
    }

    /// Only records of this level and above; a record without a level is not kept.
    #[must_use]
    pub fn level(mut self, least: Level) -> Self {
        self.level = Some(least);
        self
    }

    /// Only records of this logger and of those below it: `app` keeps `app.db` and `app::db`, and
    /// not `apple`.
    #[must_use]
    pub fn logger(mut self, name: impl Into<String>) -> Self {
        self.logger = Some(name.into());
        self
    }

    /// Only records with a member like this.
    #[must_use]
    pub fn member(mut self, path: MemberPath, test: Test) -> Self {
        self.members.push(Condition { path, test });
        self
    }

    /// Whether the record, which stands at `index` if that is known, meets all conditions.
    #[must_use]
    pub fn keeps(&self, record: &OpenedRecord<'_>, index: Option<u64>) -> bool {
        let stored = record.record.as_ref();
        let in_time = || {
            let when = record.when();
            self.since.is_none_or(|since| when >= since)
                && self.until.is_none_or(|until| when < until)
        };
        self.indexes.is_none_or(|range| index.is_some_and(|index| range.contains(&index)))
            && in_time()
            && self.level.is_none_or(|least| stored.and_then(|s| s.level) >= Some(least))
            && self.logger.as_deref().is_none_or(|name| {
                stored.and_then(|s| s.logger.as_deref()).is_some_and(|logger| below(logger, name))
            })
            && self.members.iter().all(|condition| condition.holds(record))
    }
}

fn below(logger: &str, name: &str) -> bool {
    logger
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("::"))
}

#[derive(Clone, Debug)]
struct Condition {
    path: MemberPath,
    test: Test,
}

impl Condition {
    fn holds(&self, record: &OpenedRecord<'_>) -> bool {
        let value = record.member(&self.path);
        match (&self.test, value) {
            (Test::Not(wanted), value) => value.as_deref() != Some(wanted),
            (_, None) => false,
            (Test::Is(wanted), Some(value)) => value == *wanted,
            (Test::Contains(part), Some(value)) => {
                memchr::memmem::find(value.as_bytes(), part.as_bytes()).is_some()
            }
            (Test::Matches(pattern), Some(value)) => pattern.is_match(&value),
        }
    }
}

/// What is asked of a member. Strings count by what they say, everything else by its JSON text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Test {
    /// It is this.
    Is(String),
    /// It is not this, or there is none.
    Not(String),
    /// It has this in it.
    Contains(String),
    /// The pattern matches it.
    Matches(Arc<dyn Pattern>),
}

/// Something that text matches or not, such as a regular expression. The library brings none.
pub trait Pattern: fmt::Debug + Send + Sync {
    /// Whether `text` matches.
    fn is_match(&self, text: &str) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::StoredRecord;
    use crate::read::Order;

    const RECORD: &str = r#"{"timestamp":"2026-11-22T10:15:30.5Z","level":"NOTICE","logger":"app.db","message":"m","actor":"eve","fields":{"n":1,"ok":true}}"#;

    fn keeps(filter: &Filter, plaintext: &str) -> bool {
        let record = OpenedRecord {
            time: 1_000,
            plaintext: plaintext.as_bytes(),
            record: StoredRecord::decode(plaintext.as_bytes()),
            key: None,
            order: Order::Unknown,
        };
        filter.keeps(&record, Some(7))
    }

    fn with(member: &str, test: Test) -> bool {
        keeps(&Filter::new().member(MemberPath::new(member).unwrap(), test), RECORD)
    }

    #[test]
    fn since_is_inclusive_and_until_is_not() {
        let at: UnixTime = "2026-11-22T10:15:30.5Z".parse().unwrap();
        let later = UnixTime::new(at.seconds(), at.nanos() + 1);
        assert!(keeps(&Filter::new().since(at), RECORD));
        assert!(!keeps(&Filter::new().since(later), RECORD));
        assert!(!keeps(&Filter::new().until(at), RECORD));
        assert!(keeps(&Filter::new().until(later), RECORD));
    }

    #[test]
    fn a_foreign_plaintext_counts_by_the_time_of_its_token() {
        assert!(keeps(&Filter::new().since(UnixTime::new(1_000, 0)), "foreign"));
        assert!(!keeps(&Filter::new().since(UnixTime::new(1_001, 0)), "foreign"));
    }

    #[test]
    fn an_index_range_needs_a_known_index() {
        assert!(keeps(&Filter::new().indexes(7..8), RECORD));
        assert!(!keeps(&Filter::new().indexes(..7), RECORD));
        assert!(keeps(&Filter::new().indexes(3..), RECORD));
        let record = OpenedRecord {
            time: 0,
            plaintext: b"",
            record: None,
            key: None,
            order: Order::Unknown,
        };
        assert!(!Filter::new().indexes(..).keeps(&record, None));
        assert!(Filter::new().keeps(&record, None));
    }

    #[test]
    fn a_level_takes_those_above_it_and_nothing_without_one() {
        assert!(keeps(&Filter::new().level(Level::Info), RECORD));
        assert!(keeps(&Filter::new().level(Level::Notice), RECORD));
        assert!(!keeps(&Filter::new().level(Level::Warning), RECORD));
        assert!(!keeps(&Filter::new().level(Level::Trace), "foreign"));
    }

    #[test]
    fn a_logger_takes_those_below_it() {
        for (name, kept) in
            [("app", true), ("app.db", true), ("app.d", false), ("ap", false), ("app.db.x", false)]
        {
            assert_eq!(keeps(&Filter::new().logger(name), RECORD), kept, "{name}");
        }
        assert!(below("a::b", "a") && !below("a:b", "a"));
    }

    #[test]
    fn members_are_compared_by_what_they_say() {
        assert!(with("actor", Test::Is("eve".into())));
        assert!(!with("actor", Test::Is("ev".into())));
        assert!(with("n", Test::Is("1".into())));
        assert!(with("fields.ok", Test::Is("true".into())));
        assert!(with("actor", Test::Contains("v".into())));
        assert!(!with("host", Test::Contains(String::new())));
    }

    #[test]
    fn not_this_is_also_true_of_nothing() {
        assert!(with("actor", Test::Not("bob".into())));
        assert!(!with("actor", Test::Not("eve".into())));
        assert!(with("host", Test::Not("web7".into())));
    }

    #[test]
    fn a_pattern_is_asked() {
        #[derive(Debug)]
        struct Short;
        impl Pattern for Short {
            fn is_match(&self, text: &str) -> bool {
                text.len() < 4
            }
        }
        assert!(with("actor", Test::Matches(Arc::new(Short))));
        assert!(!with("logger", Test::Matches(Arc::new(Short))));
    }

    #[test]
    fn all_conditions_must_hold() {
        let both = || Filter::new().level(Level::Info).logger("app");
        assert!(keeps(&both(), RECORD));
        let actor = MemberPath::new("actor").unwrap();
        assert!(!keeps(&both().member(actor, Test::Is("bob".into())), RECORD));
    }
}
