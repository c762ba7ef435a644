//! When the next segment begins. Pure: sizes in, an answer out.

/// When a log rolls by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RollPolicy {
    /// Bytes after which a segment ends; none: never by size.
    pub(super) size: Option<u64>,
}

impl RollPolicy {
    /// Whether a segment that holds `bytes` bytes ends before a line of `line` bytes.
    ///
    /// A segment without lines never ends: one line over the size has a segment of its own.
    pub(super) fn due(self, bytes: u64, line: u64) -> bool {
        self.size.is_some_and(|size| bytes > 0 && bytes.saturating_add(line) > size)
    }
}

/// Why a segment ended, as the next header says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Key,
    Request,
    Restart,
    Size,
}

impl Reason {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Request => "request",
            Self::Restart => "restart",
            Self::Size => "size",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_would_pass_the_size_begins_a_segment() {
        let policy = RollPolicy { size: Some(100) };
        assert!(!policy.due(60, 40));
        assert!(policy.due(60, 41));
    }

    #[test]
    fn an_empty_segment_takes_a_line_of_any_size() {
        assert!(!RollPolicy { size: Some(100) }.due(0, 5000));
    }

    #[test]
    fn without_a_size_nothing_rolls() {
        assert!(!RollPolicy::default().due(u64::MAX, u64::MAX));
    }
}
