//! What the log will say about the time in which it could not be written.

use std::io;

use crate::error::Error;
use crate::format::{Level, Record, RecordKind, UnixTime};

/// Records that were refused because the log could not be written, since the last one that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    refused: u64,
    from: UnixTime,
    to: UnixTime,
    reason: &'static str,
}

impl Outage {
    /// Counts one more refused record.
    pub(super) fn note(outage: &mut Option<Self>, error: &Error, now: UnixTime) {
        let reason = reason(error);
        let outage = outage.get_or_insert(Self { refused: 0, from: now, to: now, reason });
        outage.refused += 1;
        outage.to = now;
    }

    /// The `gap` record (docs/format.md, section 8).
    pub(super) fn record(&self) -> Record<'static> {
        let message = "records were refused while the log could not be written";
        gap(message, self.refused, (self.from, self.to), self.reason)
    }
}

/// A record about records that are not there.
pub(super) fn gap(
    message: &'static str,
    count: u64,
    (from, to): (UnixTime, UnixTime),
    reason: &'static str,
) -> Record<'static> {
    Record::new(Level::Warning, "fernlog", message)
        .field("count", count)
        .field("from", from.to_seconds_text())
        .field("to", to.to_seconds_text())
        .field("reason", reason)
        .kind(RecordKind::Gap)
}

/// A few words for a class of failures, free of paths.
fn reason(error: &Error) -> &'static str {
    let Error::Io { source, .. } = error else { return "the log could not be written" };
    match source.kind() {
        io::ErrorKind::StorageFull => "disk full",
        io::ErrorKind::QuotaExceeded => "quota exceeded",
        io::ErrorKind::ReadOnlyFilesystem => "read-only file system",
        io::ErrorKind::FileTooLarge => "file too large",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::NotFound => "the log was removed",
        _ => "i/o error",
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn an_outage_counts_from_the_first_refusal_to_the_last() {
        let full = Error::Io {
            action: "write",
            path: PathBuf::from("secret/place"),
            source: io::ErrorKind::StorageFull.into(),
        };
        let mut outage = None;
        Outage::note(&mut outage, &full, UnixTime::new(100, 0));
        Outage::note(&mut outage, &Error::Random, UnixTime::new(160, 0));
        let mut json = Vec::new();
        outage.unwrap().record().encode(7, UnixTime::new(200, 0), &mut json);
        let text = String::from_utf8(json).unwrap();
        let fields = "\"fields\":{\"count\":2,\"from\":\"1970-01-01T00:01:40Z\",\
            \"to\":\"1970-01-01T00:02:40Z\",\"reason\":\"disk full\"},\"kind\":\"gap\"}";
        assert!(text.ends_with(fields), "{text}");
    }
}
