//! Small values that have a syntax of their own.

use fernlog::Error;
use fernlog::write::{Keep, Schedule};

/// Reads a size: bytes, or with the suffix K, M, G or T (powers of 1024).
///
/// # Errors
///
/// A sentence that says what a size is.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((place, 'K' | 'k')) => (&text[..place], 1 << 10),
        Some((place, 'M' | 'm')) => (&text[..place], 1 << 20),
        Some((place, 'G' | 'g')) => (&text[..place], 1 << 30),
        Some((place, 'T' | 't')) => (&text[..place], 1 << 40),
        _ => (text, 1_u64),
    };
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>());
    match number {
        Some(Ok(0)) => Err("a size of nothing".to_owned()),
        Some(Ok(number)) => number.checked_mul(unit).ok_or_else(|| "too large".to_owned()),
        _ => Err("a size is a number of bytes, such as 65536 or 64M".to_owned()),
    }
}

/// Reads when a log rolls.
///
/// # Errors
///
/// What is understood, or why it cannot be.
pub(crate) fn schedule(text: &str) -> Result<Schedule, String> {
    text.parse().map_err(why)
}

/// Reads what a log keeps.
///
/// # Errors
///
/// What is understood.
pub(crate) fn keep(text: &str) -> Result<Keep, String> {
    text.parse().map_err(why)
}

/// The reason alone: the value is named around it.
fn why(error: Error) -> String {
    match error {
        Error::Value { why, .. } => why.to_owned(),
        other => other.to_string(),
    }
}

/// Reads `name=value`. The value may hold further `=`.
///
/// # Errors
///
/// A sentence that says what is missing.
pub(crate) fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a field is name=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_suffixes() {
        for (text, bytes) in
            [("1", 1), ("65536", 65_536), ("64M", 64 << 20), ("2g", 2 << 30), ("1T", 1 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "0", "0M", "M", "-1", "+1", "1.5G", "64MB", "64 M", "1e6", "20000000T"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(size("99999999999999999999").is_err());
    }

    #[test]
    fn a_schedule_and_a_limit_say_what_is_understood() {
        for text in ["15m", "1h", "1d", "midnight", "03:30", "monday", "monday@03:30"] {
            assert!(schedule(text).is_ok(), "{text}");
        }
        assert!(schedule("noon").unwrap_err().starts_with("understood are 30s, 15m"));
        assert!(schedule("25:00").is_err() && schedule("0s").is_err());
        for text in ["30", "90d", "10G"] {
            assert!(keep(text).is_ok(), "{text}");
        }
        assert!(keep("10m").unwrap_err().starts_with("understood are 30 (segments)"));
    }

    #[test]
    fn a_field_is_split_at_the_first_sign() {
        assert_eq!(name_and_value("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(name_and_value("a="), Ok(("a".into(), String::new())));
        assert!(name_and_value("=b").is_err() && name_and_value("ab").is_err());
    }
}
