//! The seven levels and their numbers.

use std::fmt;
use std::str::FromStr;

/// How much a record matters. Ordered: `Level::Error > Level::Info`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Finest detail.
    Trace,
    /// Detail for finding faults.
    Debug,
    /// Normal work.
    #[default]
    Info,
    /// Normal, but somebody will want to know.
    Notice,
    /// Not right, and work goes on.
    Warning,
    /// Something failed.
    Error,
    /// The service as a whole is in danger.
    Critical,
}

impl Level {
    /// All levels from the least to the most severe.
    pub const ALL: [Self; 7] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
    ];

    /// The name in a record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// The severity number of the OpenTelemetry logs data model.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Self::Trace => 1,
            Self::Debug => 5,
            Self::Info => 9,
            Self::Notice => 10,
            Self::Warning => 13,
            Self::Error => 17,
            Self::Critical => 21,
        }
    }

    /// The level of exactly this stored name; [`FromStr`] is for people and takes more.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Not the name of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a level is one of trace, debug, info, notice, warning, error, critical")
    }
}

impl std::error::Error for UnknownLevel {}

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Any case, and the short names that other loggers use.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text.to_ascii_uppercase().as_str() {
            "WARN" => Ok(Self::Warning),
            "ERR" => Ok(Self::Error),
            "CRIT" | "FATAL" => Ok(Self::Critical),
            name => Self::from_name(name).ok_or(UnknownLevel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_order_hold_for_all_levels() {
        for pair in Level::ALL.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].severity() < pair[1].severity());
        }
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(level.name().to_lowercase().parse(), Ok(level));
            assert_eq!(Level::from_name(level.name()), Some(level));
        }
        assert_eq!("warn".parse(), Ok(Level::Warning));
        assert_eq!("loud".parse::<Level>(), Err(UnknownLevel));
    }
}
