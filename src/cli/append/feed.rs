//! Lines of a stream that may fall silent: whole lines as they come, and word when the stream would
//! have to be waited for, so that nothing is held back in the meantime.

use std::io;

/// Bytes asked for at once.
const CHUNK: usize = 64 << 10;

/// Where bytes come from.
pub(super) trait Source {
    /// Puts bytes into `room`, which is never empty. Without patience it does not wait for them.
    fn more(&mut self, room: &mut [u8], patience: Patience) -> io::Result<More>;
}

/// Whether to wait for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Wait,
    Look,
}

/// What a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing yet; only without patience.
    Nothing,
    /// Nothing any more. What stands behind the last LF is a line too.
    End,
    /// Nothing any more, because somebody said stop. The beginning of a line that was read can be
    /// read again from the same place, so it is not taken for a line.
    Stop,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A line without its LF.
    Line(&'a [u8]),
    /// A line of so many bytes, which is over the cap and was not kept.
    Long(u64),
    /// The next call waits. Given once in a row.
    Silence,
    /// There is no more.
    End,
}

/// Splits a source into lines. Holds one chunk and one line of at most `cap` bytes.
#[derive(Debug)]
pub(super) struct Feed<S> {
    source: S,
    cap: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes behind `start` that hold no LF.
    searched: usize,
    /// Bytes of a line over the cap that were thrown away.
    skipped: u64,
    line: u64,
    patience: Patience,
    ended: bool,
}

impl<S: Source> Feed<S> {
    pub(super) fn new(source: S, cap: usize) -> Self {
        let buffer = vec![0; CHUNK];
        Feed {
            source,
            cap,
            buffer,
            start: 0,
            end: 0,
            searched: 0,
            skipped: 0,
            line: 0,
            patience: Patience::Look,
            ended: false,
        }
    }

    /// Number of the line that was given last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn source(&self) -> &S {
        &self.source
    }

    /// Gives what comes next.
    pub(super) fn next(&mut self) -> io::Result<Item<'_>> {
        loop {
            let unsearched = self.start + self.searched;
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[unsearched..self.end]) {
                return Ok(self.take(unsearched + found, unsearched + found + 1));
            }
            self.searched = self.end - self.start;
            if self.searched > self.cap || self.skipped > 0 {
                self.skipped += self.searched as u64;
                (self.start, self.end, self.searched) = (0, 0, 0);
            }
            if self.ended {
                let rest = self.searched > 0 || self.skipped > 0;
                return Ok(if rest { self.take(self.end, self.end) } else { Item::End });
            }
            self.make_room();
            match self.source.more(&mut self.buffer[self.end..], self.patience)? {
                More::Bytes(count) => {
                    self.end += count;
                    self.patience = Patience::Look;
                }
                More::Nothing => {
                    self.patience = Patience::Wait;
                    return Ok(Item::Silence);
                }
                More::End => self.ended = true,
                More::Stop => {
                    self.ended = true;
                    (self.start, self.end, self.searched, self.skipped) = (0, 0, 0, 0);
                }
            }
        }
    }

    /// Gives the line that ends at `end`; the next one begins at `next`.
    fn take(&mut self, end: usize, next: usize) -> Item<'_> {
        let line = self.start..end;
        let length = self.skipped + line.len() as u64;
        (self.start, self.searched, self.skipped) = (next, 0, 0);
        self.line += 1;
        if length > self.cap as u64 { Item::Long(length) } else { Item::Line(&self.buffer[line]) }
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // One byte over the cap is enough to know that it is passed; a chunk keeps reads large.
            let room = (self.buffer.len() * 2).min(self.cap + CHUNK);
            self.buffer.resize(room.max(self.end + 1), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Gives what the script says; `None` is silence.
    struct Script(VecDeque<Option<&'static [u8]>>, More);

    impl Source for Script {
        fn more(&mut self, room: &mut [u8], patience: Patience) -> io::Result<More> {
            match self.0.front_mut() {
                None => Ok(self.1),
                Some(None) => {
                    self.0.pop_front();
                    if patience == Patience::Look {
                        Ok(More::Nothing)
                    } else {
                        self.more(room, patience)
                    }
                }
                Some(Some(bytes)) => {
                    let count = bytes.len().min(room.len());
                    room[..count].copy_from_slice(&bytes[..count]);
                    *bytes = &bytes[count..];
                    if bytes.is_empty() {
                        self.0.pop_front();
                    }
                    Ok(More::Bytes(count))
                }
            }
        }
    }

    fn all(script: &[Option<&'static [u8]>], end: More, cap: usize) -> Vec<String> {
        let mut feed = Feed::new(Script(script.iter().copied().collect(), end), cap);
        let mut items = Vec::new();
        loop {
            items.push(match feed.next().unwrap() {
                Item::Line(line) => format!("{:?}", String::from_utf8_lossy(line)),
                Item::Long(length) => format!("long {length}"),
                Item::Silence => "silence".to_owned(),
                Item::End => return items,
            });
        }
    }

    #[test]
    fn empty_lines_cr_and_a_last_line_without_lf_are_lines() {
        let items = all(&[Some(b"a\r\n\n\nb")], More::End, 100);
        assert_eq!(items, ["\"a\\r\"", "\"\"", "\"\"", "\"b\""]);
        assert!(all(&[], More::End, 100).is_empty());
        assert_eq!(all(&[Some(b"\n")], More::End, 100), ["\"\""]);
    }

    #[test]
    fn silence_is_said_once_and_breaks_no_line() {
        let items = all(&[Some(b"a\nb"), None, Some(b"c"), None, Some(b"\n")], More::End, 100);
        assert_eq!(items, ["\"a\"", "silence", "silence", "\"bc\""]);
    }

    #[test]
    fn a_line_over_the_cap_is_counted_and_not_kept() {
        let items = all(&[Some(b"1234\n12345\n"), Some(b"123456\n1\n")], More::End, 4);
        assert_eq!(items, ["\"1234\"", "long 5", "long 6", "\"1\""]);
        assert_eq!(all(&[Some(b"123"), None, Some(b"45")], More::End, 4), ["silence", "long 5"]);
    }

    #[test]
    fn an_endless_line_does_not_grow_the_buffer() {
        static ZEROS: [u8; 1 << 20] = [0; 1 << 20];
        let chunks: Vec<_> =
            (0..16).map(|_| Some(&ZEROS[..])).chain([Some(&b"\nx\n"[..])]).collect();
        let mut feed = Feed::new(Script(chunks.into_iter().collect(), More::End), 1000);
        assert_eq!(feed.next().unwrap(), Item::Long(16 << 20));
        assert_eq!(feed.next().unwrap(), Item::Line(b"x"));
        assert_eq!(feed.line(), 2);
        assert!(feed.buffer.len() <= 2 * CHUNK, "{}", feed.buffer.len());
    }

    #[test]
    fn a_line_grows_the_buffer_up_to_the_cap() {
        static TEXT: [u8; 300_000] = [b'x'; 300_000];
        let items = all(&[Some(&TEXT), Some(b"\n")], More::End, 300_000);
        assert_eq!(items[0].len(), 300_002);
        assert_eq!(all(&[Some(&TEXT), Some(b"\n")], More::End, 299_999), ["long 300000"]);
    }

    #[test]
    fn after_a_stop_whole_lines_count_and_the_rest_does_not() {
        assert_eq!(all(&[Some(b"a\nb\nhal")], More::Stop, 100), ["\"a\"", "\"b\""]);
        assert!(all(&[Some(b"123456")], More::Stop, 4).is_empty());
    }
}
