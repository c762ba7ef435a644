//! Indexes of records as people type them: `118400`, `#118400`, `#118,400`, and ranges of them.

/// The records from `start` up to, and without, `end`; no `end` means to the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexRange {
    /// The first index that belongs to the range.
    pub(crate) start: u64,
    /// The first index behind the range.
    pub(crate) end: Option<u64>,
}

impl IndexRange {
    /// Every record.
    pub(crate) const ALL: Self = IndexRange { start: 0, end: None };
}

/// Reads one index, with or without `#`, with or without commas between the thousands, as reports
/// print it.
///
/// # Errors
///
/// A sentence that says what an index is.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let mut groups = digits.split(',');
    let first = groups.next().unwrap_or("");
    let grouped = digits.contains(',');
    let well_formed = !first.is_empty()
        && (!grouped || first.len() <= 3)
        && groups.all(|group| group.len() == 3)
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
    well_formed
        .then(|| digits.replace(',', "").parse().ok())
        .flatten()
        .ok_or_else(|| "an index is a number such as '#118400'".to_owned())
}

/// Prints an index as reports do, `#118,400`; [`parse`] reads it back.
pub(crate) fn show(index: u64) -> String {
    format!("#{}", indicatif::HumanCount(index))
}

/// Reads a range: `A..B` (with A, without B), `A..`, `..B`, or one index alone.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub(crate) fn parse_range(text: &str) -> Result<IndexRange, String> {
    let Some((start, end)) = text.split_once("..") else {
        let start = parse(text)?;
        return Ok(IndexRange { start, end: start.checked_add(1) });
    };
    let start_at = if start.is_empty() { 0 } else { parse(start)? };
    let end = if end.is_empty() { None } else { Some(parse(end)?) };
    if start.is_empty() && end.is_none() {
        return Err("a range is A..B, A.. or ..B".to_owned());
    }
    if end.is_some_and(|end| end <= start_at) {
        return Err("the range is empty: its end does not belong to it".to_owned());
    }
    Ok(IndexRange { start: start_at, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_as_reports_print_it() {
        for (text, index) in [
            ("0", 0),
            ("#70412", 70_412),
            ("#70,412", 70_412),
            ("1,234,567", 1_234_567),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(index), "{text}");
        }
    }

    #[test]
    fn an_index_is_read_as_it_is_printed() {
        assert_eq!(show(118_400), "#118,400");
        for index in [0, 999, 1000, 1_234_567, u64::MAX] {
            assert_eq!(parse(&show(index)), Ok(index));
        }
    }

    #[test]
    fn what_is_no_index_is_refused() {
        for text in
            ["", "#", "##1", "-1", "+1", "1.5", "0x10", "70,41", "1234,567", ",123", "1,,234", "a"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("18446744073709551616").is_err());
    }

    #[test]
    fn a_range_ends_before_its_end() {
        let range = parse_range("5..7").unwrap();
        assert_eq!(range, IndexRange { start: 5, end: Some(7) });
    }

    #[test]
    fn a_range_may_be_open_or_one_index() {
        assert_eq!(parse_range("#5.."), Ok(IndexRange { start: 5, end: None }));
        assert_eq!(parse_range("..#7"), Ok(IndexRange { start: 0, end: Some(7) }));
        assert_eq!(parse_range("#1,000"), Ok(IndexRange { start: 1000, end: Some(1001) }));
        let last = parse_range("18446744073709551615").unwrap();
        assert_eq!(last, IndexRange { start: u64::MAX, end: None });
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "..", "5..5", "7..5", "5...7", "5..7..9", "a..b", "5-7", "..0"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
    }
}
