//! Regular expressions, with a limit on what a pattern may cost.

use std::sync::Arc;

use fernlog::read::Pattern;
use regex::bytes::{Regex, RegexBuilder};

use crate::failure::{Failure, quoted};

/// How much memory a compiled pattern and its cache may take.
const SIZE: usize = 10 << 20;

/// How letters are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// As they are.
    Exact,
    /// Capitals or not.
    Ignore,
}

/// Compiles a pattern for one record: `.` takes line ends too, for a record is one line to whoever
/// reads it, and `^` and `$` are its beginning and end.
///
/// # Errors
///
/// The text is no regular expression, or one that would take too much memory.
pub(crate) fn compile(pattern: &str, case: Case) -> Result<Regex, Failure> {
    RegexBuilder::new(pattern)
        .case_insensitive(case == Case::Ignore)
        .dot_matches_new_line(true)
        .size_limit(SIZE)
        .dfa_size_limit(SIZE)
        .build()
        .map_err(|error| {
            let reason = match error {
                regex::Error::CompiledTooBig(_) => "it would take too much memory".to_owned(),
                other => other
                    .to_string()
                    .lines()
                    .find_map(|line| line.strip_prefix("error: "))
                    .unwrap_or("it cannot be read")
                    .to_owned(),
            };
            Failure::usage(format!("{} is no regular expression: {reason}", quoted(pattern)))
                .hint("fernlog help filters; -F searches for plain text")
        })
}

/// A regular expression for the library's filters.
#[derive(Debug)]
struct OfRegex(Regex);

impl Pattern for OfRegex {
    fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }
}

/// Compiles a pattern for a filter.
///
/// # Errors
///
/// Those of [`compile`].
pub(crate) fn for_filter(pattern: &str) -> Result<Arc<dyn Pattern>, Failure> {
    Ok(Arc::new(OfRegex(compile(pattern, Case::Exact)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_to_a_pattern() {
        assert!(compile("a.b$", Case::Exact).unwrap().is_match(b"a\nb"));
        assert!(!compile("^b", Case::Exact).unwrap().is_match(b"a\nb"));
    }

    #[test]
    fn a_mistake_is_one_sentence_without_control_characters() {
        let failure = compile("(a\x1b", Case::Exact).unwrap_err();
        assert_eq!(failure.message(), "'(a\\x1b' is no regular expression: unclosed group");
    }

    #[test]
    fn a_pattern_that_would_fill_the_memory_is_refused() {
        let failure = compile("(?:a{1000}){1000}", Case::Exact).unwrap_err();
        assert!(failure.message().contains("too much memory"));
    }

    #[test]
    fn a_pattern_without_end_is_matched_in_bounded_time() {
        let evil = compile("(a+)+$", Case::Exact).unwrap();
        assert!(!evil.is_match(&[&[b'a'; 100_000][..], b"b"].concat()));
    }

    #[test]
    fn letters_are_compared_as_asked() {
        assert!(compile("\u{e4}", Case::Ignore).unwrap().is_match("\u{c4}".as_bytes()));
        assert!(!compile("a", Case::Exact).unwrap().is_match(b"A"));
    }
}
