//! The selection flags: what was typed becomes a filter of the library.

use fernlog::read::{Filter, MemberPath, Test};
use fernlog::{Level, UnixTime};
use jiff::Timestamp;

use crate::args::{LevelArg, Selection};
use crate::failure::{Failure, quoted};
use crate::index::IndexRange;
use crate::pattern;
use crate::time::{self, TimeSpec};
use crate::ui::Ui;

/// What was selected, before the times of records that stand for moments are known.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// All conditions but the times.
    base: Filter,
    since: Option<TimeSpec>,
    until: Option<TimeSpec>,
    range: IndexRange,
    limit: Limit,
}

/// How many of the selected records are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// All of them.
    None,
    /// The first ones.
    First(u64),
    /// The last ones.
    Last(u64),
}

impl Chosen {
    /// Reads the flags.
    ///
    /// # Errors
    ///
    /// A time, a condition or a pattern that cannot be read.
    pub(crate) fn new(args: &Selection, ui: &Ui) -> Result<Self, Failure> {
        let moment = |text: &Option<String>| {
            let spec = |text: &String| time::parse(text, ui.zone(), ui.now());
            text.as_ref().map(spec).transpose()
        };
        let (since, until) = (moment(&args.since)?, moment(&args.until)?);
        if let (Some(TimeSpec::At(since)), Some(TimeSpec::At(until))) = (since, until)
            && until <= since
        {
            return Err(Failure::usage(
                "--until is not after --since, so no record can be in between",
            )
            .hint(format!("times without an offset are in {}", zone_name(ui))));
        }
        let mut base = Filter::new();
        if let Some(level) = args.level {
            base = base.level(level.into());
        }
        if let Some(logger) = &args.logger {
            base = base.logger(logger);
        }
        for text in &args.fields {
            let (path, test) = condition(text)?;
            base = base.member(path, test);
        }
        if let Some(range) = args.index {
            base = match range.end {
                Some(end) => base.indexes(range.start..end),
                None => base.indexes(range.start..),
            };
        }
        let limit = match (args.head, args.tail) {
            (Some(count), _) => Limit::First(count),
            (None, Some(count)) => Limit::Last(count),
            (None, None) => Limit::None,
        };
        Ok(Chosen { base, since, until, range: args.index.unwrap_or(IndexRange::ALL), limit })
    }

    /// The indexes outside of which no line need be opened.
    pub(crate) fn range(&self) -> IndexRange {
        self.range
    }

    /// How many records are wanted.
    pub(crate) fn limit(&self) -> Limit {
        self.limit
    }

    /// Another number of records than the selection flags say.
    pub(crate) fn set_limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// The filter for one log; `moment_of` gives the time of the record with an index.
    ///
    /// # Errors
    ///
    /// Those of `moment_of`.
    pub(crate) fn filter(
        &self,
        mut moment_of: impl FnMut(u64) -> Result<UnixTime, Failure>,
    ) -> Result<Filter, Failure> {
        let mut resolve = |spec: TimeSpec| match spec {
            TimeSpec::At(moment) => Ok(unix_time(moment)),
            TimeSpec::Index(index) => moment_of(index),
        };
        let mut filter = self.base.clone();
        if let Some(since) = self.since {
            filter = filter.since(resolve(since)?);
        }
        if let Some(until) = self.until {
            filter = filter.until(resolve(until)?);
        }
        Ok(filter)
    }
}

fn zone_name(ui: &Ui) -> String {
    ui.zone().iana_name().unwrap_or("local time").to_owned()
}

/// A moment as the library has it.
pub(crate) fn unix_time(moment: Timestamp) -> UnixTime {
    let nanos = moment.as_nanosecond();
    let (second, nano) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    // Both fit: the years of a Timestamp have few seconds, and the rest is below a billion.
    UnixTime::new(i64::try_from(second).unwrap_or(i64::MAX), u32::try_from(nano).unwrap_or(0))
}

/// Reads `k=v`, `k!=v`, `k~=text` or `k~~=regex`.
fn condition(text: &str) -> Result<(MemberPath, Test), Failure> {
    let mistake = || {
        Failure::usage(format!("--field {} is no condition", quoted(text)))
            .hint("k=v, k!=v, k~=text or k~~=regex; see fernlog help filters")
    };
    let (left, value) = text.split_once('=').ok_or_else(mistake)?;
    let (name, test) = if let Some(name) = left.strip_suffix("~~") {
        (name, Test::Matches(pattern::for_filter(value)?))
    } else if let Some(name) = left.strip_suffix('~') {
        (name, Test::Contains(value.to_owned()))
    } else if let Some(name) = left.strip_suffix('!') {
        (name, Test::Not(value.to_owned()))
    } else {
        (left, Test::Is(value.to_owned()))
    };
    Ok((MemberPath::new(name).ok_or_else(mistake)?, test))
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Trace => Level::Trace,
            LevelArg::Debug => Level::Debug,
            LevelArg::Info => Level::Info,
            LevelArg::Notice => Level::Notice,
            LevelArg::Warning => Level::Warning,
            LevelArg::Error => Level::Error,
            LevelArg::Critical => Level::Critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command, When};

    fn chosen(flags: &str) -> Result<Chosen, Failure> {
        let line = format!("fernlog decrypt a.log {flags}");
        let cli = Cli::try_parse_from(shlex::split(&line).unwrap()).unwrap();
        let Command::Decrypt(args) = cli.command else { panic!("{line}") };
        Chosen::new(&args.selection, &Ui::plain(When::Never, Timestamp::UNIX_EPOCH))
    }

    fn refused(flags: &str) -> String {
        chosen(flags).unwrap_err().message().to_owned()
    }

    #[test]
    fn conditions_have_four_operators() {
        let test = |text| format!("{:?}", condition(text).unwrap());
        assert!(test("a=b=c").contains("Is(\"b=c\")"));
        assert!(test("a!=b").contains("Not(\"b\")"));
        assert!(test("fields.a~=b").contains("MemberPath(\"fields.a\"), Contains(\"b\")"));
        assert!(test("a~~=^b").contains("Matches"));
        assert!(test("a=").contains("Is(\"\")"));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in ["a", "", "=b", "!=b", "~~=b", "a.=b"] {
            assert!(condition(text).is_err(), "{text}");
        }
        assert!(refused("--field 'a~~=('").contains("regular expression"));
    }

    #[test]
    fn a_time_that_ends_before_it_begins_is_refused() {
        assert!(refused("--since @10 --until @10").contains("not after"));
        assert!(chosen("--since @10 --until @11").is_ok());
        assert!(refused("--since 3h").contains("direction"));
    }

    #[test]
    fn the_time_of_a_record_is_asked_of_the_log() {
        let chosen = chosen("--since '#7' --until @5.5").unwrap_err();
        assert!(chosen.message().contains("@5.5"));
        let chosen = self::chosen("--since '#7'").unwrap();
        let mut asked = Vec::new();
        chosen
            .filter(|index| {
                asked.push(index);
                Ok(UnixTime::new(1, 0))
            })
            .unwrap();
        assert_eq!(asked, [7]);
    }

    #[test]
    fn first_or_last_or_all() {
        assert_eq!(chosen("").unwrap().limit(), Limit::None);
        assert_eq!(chosen("--head 3").unwrap().limit(), Limit::First(3));
        assert_eq!(chosen("--tail 3").unwrap().limit(), Limit::Last(3));
    }

    #[test]
    fn moments_before_1970_keep_their_fraction() {
        let moment: Timestamp = "1969-12-31T23:59:59.25Z".parse().unwrap();
        assert_eq!(unix_time(moment), UnixTime::new(-1, 250_000_000));
    }
}
