//! The lines that no sync has covered yet, kept in memory until one has.
//!
//! After a failed sync the system may have thrown the pages away: what it gives back when the file
//! is read proves nothing. So the writer keeps every line until it is durable, and can write it
//! again.

/// What stands behind the durable part of the active segment.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Whole lines; first those that were written, then those that were not.
    bytes: Vec<u8>,
    /// So many of the bytes were written.
    written: usize,
}

impl Pending {
    /// Room for the next line, behind all others.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes of all lines.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that were written and not synced.
    pub(super) fn written(&self) -> &[u8] {
        self.bytes.get(..self.written).unwrap_or_default()
    }

    /// Bytes that are in this process only.
    pub(super) fn unwritten(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// The lines from byte `start` on.
    pub(super) fn lines_from(&self, start: usize) -> &[u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Takes back what was put behind the first `length` bytes and was never written.
    pub(super) fn cut(&mut self, length: usize) {
        self.bytes.truncate(length.max(self.written));
    }

    /// Everything has been written.
    pub(super) fn set_written(&mut self) {
        self.written = self.bytes.len();
    }

    /// The first `length` bytes are durable now.
    pub(super) fn set_durable(&mut self, length: usize) {
        let length = length.min(self.written);
        self.bytes.drain(..length);
        self.written -= length;
    }

    /// The lines in the process only.
    pub(super) fn unwritten_lines(&self) -> u64 {
        memchr::memchr_iter(b'\n', self.unwritten()).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_until_they_are_durable() {
        let mut pending = Pending::default();
        pending.room().extend_from_slice(b"a\nb\n");
        pending.set_written();
        pending.room().extend_from_slice(b"c\n");
        assert_eq!((pending.written(), pending.unwritten()), (&b"a\nb\n"[..], &b"c\n"[..]));
        pending.set_durable(2);
        assert_eq!((pending.written(), pending.unwritten()), (&b"b\n"[..], &b"c\n"[..]));
        assert_eq!(pending.unwritten_lines(), 1);
    }

    #[test]
    fn what_was_written_cannot_be_taken_back() {
        let mut pending = Pending::default();
        pending.room().extend_from_slice(b"a\n");
        pending.set_written();
        pending.room().extend_from_slice(b"b\n");
        pending.cut(0);
        assert_eq!((pending.written(), pending.unwritten()), (&b"a\n"[..], &b""[..]));
    }
}
