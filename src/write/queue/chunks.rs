//! Encoded records in memory: pieces of fixed capacity that never move while they hold plaintext,
//! are wiped, and are used again.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use zeroize::Zeroize;

use crate::format::{Out, Record, UnixTime};
use crate::write::log::Receipt;

/// Capacity of a chunk, unless one record needs more.
pub(super) const CHUNK: usize = 64 << 10;
/// Empty chunks that are kept for the next records.
const SPARE: usize = 16;
/// What stands before each record: its length and the time of its token.
pub(super) const FRAME: usize = 4 + 8;

/// A record as it waits: everything behind its number, and the time of its token.
#[derive(Clone, Copy)]
pub(in crate::write) struct Piece<'a> {
    /// What `Record::encode_body` wrote.
    pub(in crate::write) body: &'a [u8],
    /// Seconds since 1970.
    pub(in crate::write) time: u64,
}

impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece").field("length", &self.body.len()).finish_non_exhaustive()
    }
}

/// Frames, one behind the other. What is behind the end of `bytes` is wiped at all times.
pub(super) struct Chunk {
    bytes: Vec<u8>,
    /// Where the first record begins that is not settled.
    start: usize,
    /// Records that are not settled.
    records: usize,
}

impl Chunk {
    pub(super) fn new(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), start: 0, records: 0 }
    }

    /// Appends the record if it takes at most `room` bytes and fits. Gives the bytes that it takes,
    /// as an error if it was not appended.
    pub(super) fn push(
        &mut self,
        record: &Record<'_>,
        now: UnixTime,
        room: usize,
    ) -> Result<usize, usize> {
        let start = self.bytes.len();
        let room = room.min(self.bytes.capacity() - start);
        let mut tail = Tail { bytes: &mut self.bytes, room, taken: 0 };
        tail.put(&[0; FRAME]);
        let time = record.encode_body(now, &mut tail).token_seconds();
        let taken = tail.taken;
        if taken > room {
            self.cut(start);
            return Err(taken);
        }
        // The cap of a line is far below 4 GiB.
        let length = (taken - FRAME) as u32;
        if let Some(frame) = self.bytes[start..].first_chunk_mut::<FRAME>() {
            frame[..4].copy_from_slice(&length.to_le_bytes());
            frame[4..].copy_from_slice(&time.to_le_bytes());
        }
        self.records += 1;
        Ok(taken)
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = &self.bytes[self.start..];
        std::iter::from_fn(move || {
            let (frame, behind) = rest.split_first_chunk::<FRAME>()?;
            let [a, b, c, d, time @ ..] = *frame;
            let length = u32::from_le_bytes([a, b, c, d]) as usize;
            let (body, behind) = behind.split_at_checked(length)?;
            rest = behind;
            Some(Piece { body, time: u64::from_le_bytes(time) })
        })
    }

    /// Wipes and forgets the first `records` records; gives the bytes that they took.
    fn settle(&mut self, records: usize) -> usize {
        let length = self.pieces().take(records).map(|piece| FRAME + piece.body.len()).sum();
        let end = self.start + length;
        self.bytes[self.start..end].zeroize();
        self.start = end;
        self.records -= records;
        length
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Bytes of the records that are not settled.
    pub(super) fn load(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn cut(&mut self, length: usize) {
        self.bytes[length..].zeroize();
        self.bytes.truncate(length);
    }

    /// Wipes what is in it.
    pub(super) fn clear(&mut self) {
        self.cut(0);
        self.start = 0;
        self.records = 0;
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("load", &self.load()).finish_non_exhaustive()
    }
}

/// The free end of a chunk. It takes what fits and counts what would be needed.
struct Tail<'a> {
    bytes: &'a mut Vec<u8>,
    room: usize,
    taken: usize,
}

impl Out for Tail<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.taken += bytes.len();
        // Within the capacity, so that the vector never moves and leaves plaintext behind.
        if self.taken <= self.room {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl io::Write for Tail<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the worker writes at once: gap records, then records in their order.
#[derive(Debug)]
pub(in crate::write) struct Batch {
    /// Gap records; none of a caller.
    news: Chunk,
    chunks: VecDeque<Chunk>,
    /// The entries of the first records, which the log has.
    entries: Vec<Receipt>,
    /// How many of these have the log's durability.
    safe: usize,
    /// Whether the records are written one by one, because all at once they could not be.
    careful: bool,
    /// What the log had given up when the entries were made.
    given_up: u64,
}

impl Batch {
    pub(super) fn new(news: Chunk) -> Self {
        Self {
            news,
            chunks: VecDeque::new(),
            entries: Vec::new(),
            safe: 0,
            careful: false,
            given_up: 0,
        }
    }

    /// All records that are not settled, in the order in which they are to stand in the log.
    pub(in crate::write) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.news.pieces().chain(self.chunks.iter().flat_map(Chunk::pieces))
    }

    /// Notes entries of the next records: from now on the log has them.
    pub(in crate::write) fn enter(&mut self, entries: Vec<Receipt>) {
        self.entries.extend(entries);
    }

    /// How many of the records the log has.
    pub(in crate::write) fn entered(&self) -> usize {
        self.entries.len()
    }

    /// Notes that what the log has is as durable as it promises.
    pub(in crate::write) fn set_safe(&mut self) {
        self.safe = self.entries.len();
    }

    pub(in crate::write) fn is_careful(&self) -> bool {
        self.careful
    }

    pub(in crate::write) fn set_careful(&mut self, careful: bool) {
        self.careful = careful;
    }

    pub(in crate::write) fn given_up(&self) -> u64 {
        self.given_up
    }

    pub(in crate::write) fn set_given_up(&mut self, given_up: u64) {
        self.given_up = given_up;
    }

    /// Notes that the log has lost what is not safe.
    pub(in crate::write) fn take_back(&mut self) {
        self.entries.truncate(self.safe);
    }

    /// Records of callers.
    pub(super) fn records(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.records).sum()
    }

    /// Records of callers that the log does not have.
    pub(super) fn missing(&self) -> impl Iterator<Item = Piece<'_>> {
        self.pieces().skip(self.entries.len().max(self.news.records))
    }

    /// Wipes and forgets the records that are safe.
    pub(super) fn settle(&mut self) -> Settled {
        let news = self.safe.min(self.news.records);
        self.news.settle(news);
        let receipts: Vec<_> = self.entries.drain(..self.safe).skip(news).collect();
        self.safe = 0;
        let mut settled = Settled { news, bytes: 0, empty: Vec::new(), receipts };
        let mut records = settled.receipts.len();
        while let Some(mut chunk) = self.chunks.pop_front() {
            if records < chunk.records {
                settled.bytes += chunk.settle(records);
                self.chunks.push_front(chunk);
                break;
            }
            records -= chunk.records;
            settled.bytes += chunk.load();
            chunk.clear();
            settled.empty.push(chunk);
        }
        settled
    }

    /// Whether everything is settled.
    pub(super) fn is_done(&self) -> bool {
        self.pieces().next().is_none()
    }
}

/// What came out of a batch.
#[derive(Debug)]
pub(super) struct Settled {
    /// How many gap records are in the log.
    pub(super) news: usize,
    /// The entries of the records of callers.
    pub(super) receipts: Vec<Receipt>,
    /// The bytes that they took.
    bytes: usize,
    /// Chunks that are empty now.
    empty: Vec<Chunk>,
}

/// The memory of a queue: chunks that fill up, and empty ones. Everything counts that is not
/// settled, what the worker holds too.
#[derive(Debug)]
pub(super) struct Store {
    /// Oldest first; the last one is being filled.
    full: VecDeque<Chunk>,
    spare: Vec<Chunk>,
    /// Capacity of all chunks there are.
    allocated: usize,
    /// Bytes of all records that are not settled.
    bytes: usize,
    /// Records in `full`.
    waiting: usize,
    /// All records that are not settled.
    records: usize,
    most_bytes: usize,
    most_records: usize,
}

/// Why a record did not get into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// It has to wait until this many bytes are free.
    Full(usize),
    /// It takes so many bytes and will never fit.
    Never(usize),
}

impl Store {
    pub(super) fn new(most_bytes: usize, most_records: usize) -> Self {
        Self {
            full: VecDeque::new(),
            spare: Vec::new(),
            allocated: 0,
            bytes: 0,
            waiting: 0,
            records: 0,
            most_bytes,
            most_records,
        }
    }

    /// Whether a record of `length` bytes, as far as that is known, may find room.
    pub(super) fn may_take(&self, length: usize) -> bool {
        self.records < self.most_records && self.bytes + length <= self.most_bytes
    }

    /// Appends a record of at most `longest` bytes.
    pub(super) fn push(
        &mut self,
        record: &Record<'_>,
        now: UnixTime,
        longest: usize,
    ) -> Result<(), NoRoom> {
        if self.records >= self.most_records {
            return Err(NoRoom::Full(0));
        }
        let room = longest.min(self.most_bytes - self.bytes);
        if self.full.is_empty() {
            let chunk = self.chunk(CHUNK).ok_or(NoRoom::Full(0))?;
            self.full.push_back(chunk);
        }
        let tail = self.full.back_mut().map(|chunk| chunk.push(record, now, room));
        let taken = match tail.unwrap_or(Err(0)) {
            Ok(taken) => taken,
            Err(length) if length > longest.min(self.most_bytes) => {
                return Err(NoRoom::Never(length));
            }
            Err(length) if length > room => return Err(NoRoom::Full(length)),
            Err(length) => {
                let mut chunk = self.chunk(CHUNK.max(length)).ok_or(NoRoom::Full(length))?;
                let result = chunk.push(record, now, length);
                self.full.push_back(chunk);
                result.map_err(NoRoom::Full)?
            }
        };
        self.bytes += taken;
        self.waiting += 1;
        self.records += 1;
        Ok(())
    }

    /// An empty chunk of `capacity` bytes. Two more than the records fill are allowed: the one that
    /// the worker took before it was full, and the one that is being filled.
    fn chunk(&mut self, capacity: usize) -> Option<Chunk> {
        if capacity == CHUNK
            && let Some(chunk) = self.spare.pop()
        {
            return Some(chunk);
        }
        while self.allocated + capacity > self.most_bytes + 2 * CHUNK {
            self.allocated -= self.spare.pop()?.capacity();
        }
        let chunk = Chunk::new(capacity);
        self.allocated += chunk.capacity();
        Some(chunk)
    }

    /// Takes the oldest records, about `bytes` bytes, together with `news`.
    pub(super) fn take(&mut self, bytes: usize, news: Chunk) -> Batch {
        let mut batch = Batch::new(news);
        let mut load = 0;
        while load < bytes
            && let Some(chunk) = self.full.pop_front()
        {
            load += chunk.load();
            self.waiting -= chunk.records;
            batch.chunks.push_back(chunk);
        }
        batch
    }

    /// Notes that records are settled, and takes back their chunks.
    pub(super) fn settled(&mut self, settled: &mut Settled) {
        self.records -= settled.receipts.len();
        self.bytes -= settled.bytes;
        for chunk in settled.empty.drain(..) {
            if chunk.capacity() == CHUNK && self.spare.len() < SPARE {
                self.spare.push(chunk);
            } else {
                self.allocated -= chunk.capacity();
            }
        }
    }

    /// Takes a batch off the books that is about to be dropped.
    pub(super) fn forget(&mut self, batch: &Batch) {
        self.records -= batch.records();
        for chunk in &batch.chunks {
            self.bytes -= chunk.load();
            self.allocated -= chunk.capacity();
        }
    }

    /// Records that the worker has taken.
    pub(super) fn in_work(&self) -> usize {
        self.records - self.waiting
    }

    pub(super) fn most_bytes(&self) -> usize {
        self.most_bytes
    }

    /// Records that no worker has taken.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether more than half of the room is taken.
    pub(super) fn is_half_full(&self) -> bool {
        self.bytes > self.most_bytes / 2 || self.records > self.most_records / 2
    }

    #[cfg(all(test, not(shuttle)))]
    pub(super) fn allocated(&self) -> usize {
        self.allocated
    }
}
