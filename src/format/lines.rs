//! Lines of any stream with their place, in bounded memory.

use std::io::{self, Read};

/// Bytes read at once.
const CHUNK: usize = 256 << 10;

/// Where something stands in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line number, from 1.
    pub line: u64,
    /// Offset of the line's first byte, from 0.
    pub byte: u64,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan<'a> {
    /// A line without its LF.
    Line(&'a [u8]),
    /// A line of so many bytes, LF not counted, that is longer than the cap; it was not kept.
    Long(u64),
    /// Bytes after the last LF: the first of them, up to the cap, and how many there are.
    Tail(&'a [u8], u64),
}

/// Reads a stream line by line. Holds one chunk and one line of at most `cap` bytes.
#[derive(Debug)]
pub struct Lines<R> {
    source: R,
    cap: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    place: Place,
}

impl<R: Read> Lines<R> {
    /// Reads `source` from its first line; lines over `cap` bytes are skipped as [`Scan::Long`].
    pub fn new(source: R, cap: usize) -> Self {
        Self::at(source, cap, Place { line: 1, byte: 0 })
    }

    /// Reads `source`, whose next byte stands at `place`.
    pub fn at(source: R, cap: usize, place: Place) -> Self {
        let buffer = vec![0; CHUNK.min(cap.max(4096))];
        Self { source, cap, buffer, start: 0, end: 0, place }
    }

    /// The place of the next line.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Gives the next line and its place, or nothing at the end.
    ///
    /// # Errors
    ///
    /// Those of the source.
    pub fn next_line(&mut self) -> io::Result<Option<(Place, Scan<'_>)>> {
        let place = self.place;
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(found) = memchr::memchr(b'\n', &unread[searched..]) {
                let line = self.start..self.start + searched + found;
                self.start = line.end + 1;
                self.place = next(place, line.len() as u64);
                let length = line.len();
                let scan = match &self.buffer[line] {
                    line if length <= self.cap => Scan::Line(line),
                    _ => Scan::Long(length as u64),
                };
                return Ok(Some((place, scan)));
            }
            searched = unread.len();
            if searched > self.cap {
                return self.skip_long(place).map(Some);
            }
            if !self.fill()? {
                let tail = self.start..self.end;
                self.start = self.end;
                self.place.byte += tail.len() as u64;
                let length = tail.len() as u64;
                return Ok((length > 0).then(|| (place, Scan::Tail(&self.buffer[tail], length))));
            }
        }
    }

    /// Reads on to the LF of a line that is too long to keep.
    fn skip_long(&mut self, place: Place) -> io::Result<(Place, Scan<'_>)> {
        // The beginning of an endless tail is still shown; it is what the buffer holds now.
        let kept = self.buffer[self.start..self.end][..self.cap].to_vec();
        let mut length = (self.end - self.start) as u64;
        loop {
            self.start = 0;
            self.end = read(&mut self.source, &mut self.buffer)?;
            if self.end == 0 {
                self.place.byte += length;
                self.buffer[..kept.len()].copy_from_slice(&kept);
                return Ok((place, Scan::Tail(&self.buffer[..kept.len()], length)));
            }
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[..self.end]) {
                self.start = found + 1;
                length += found as u64;
                self.place = next(place, length);
                return Ok((place, Scan::Long(length)));
            }
            length += self.end as u64;
        }
    }

    /// Reads more behind what is unread; false at the end of the source.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // Not further than one byte over the cap, which is enough to know that it is passed.
            let room =
                (self.buffer.len() * 2).min(self.cap.saturating_add(1)).max(self.buffer.len() + 1);
            self.buffer.resize(room, 0);
        }
        let count = read(&mut self.source, &mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count > 0)
    }
}

fn next(place: Place, length: u64) -> Place {
    Place { line: place.line + 1, byte: place.byte + length + 1 }
}

fn read(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Found = Vec<(u64, u64, char, Vec<u8>, u64)>;

    fn scan(data: &[u8], cap: usize) -> Found {
        let mut lines = Lines::new(data, cap);
        let mut found = Vec::new();
        while let Some((place, scan)) = lines.next_line().unwrap() {
            found.push(match scan {
                Scan::Line(l) => (place.line, place.byte, 'l', l.to_vec(), l.len() as u64),
                Scan::Long(n) => (place.line, place.byte, 'x', vec![], n),
                Scan::Tail(t, n) => (place.line, place.byte, 't', t.to_vec(), n),
            });
        }
        found
    }

    fn naive(data: &[u8], cap: usize) -> Found {
        let (mut found, mut line, mut byte) = (Vec::new(), 1, 0);
        for piece in data.split_inclusive(|&b| b == b'\n') {
            let length = piece.len() as u64;
            match piece.strip_suffix(b"\n") {
                Some(l) if l.len() <= cap => found.push((line, byte, 'l', l.to_vec(), length - 1)),
                Some(_) => found.push((line, byte, 'x', vec![], length - 1)),
                None => {
                    found.push((line, byte, 't', piece[..piece.len().min(cap)].to_vec(), length));
                }
            }
            line += 1;
            byte += length;
        }
        found
    }

    proptest! {
        #[test]
        fn agrees_with_splitting_the_whole(
            pieces in proptest::collection::vec((0_usize..12_000, any::<bool>()), 0..12),
            cap in 1_usize..9000,
        ) {
            let mut data = Vec::new();
            for (length, ended) in pieces {
                data.extend(std::iter::repeat_n(b'x', length));
                if ended { data.push(b'\n'); }
            }
            prop_assert_eq!(scan(&data, cap), naive(&data, cap));
        }
    }

    #[test]
    fn a_line_without_end_is_counted_and_not_kept() {
        let mut lines = Lines::new(io::repeat(b'x').take(50 << 20), 1000);
        let (place, scan) = lines.next_line().unwrap().unwrap();
        assert_eq!((place.line, place.byte), (1, 0));
        assert!(
            matches!(scan, Scan::Tail(start, length) if start.len() == 1000 && length == 50 << 20)
        );
        assert!(lines.buffer.len() < 1 << 20);
    }
}
