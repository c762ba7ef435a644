//! From a record to its line.

use crate::crypto::{Cipher, IvSource, Key, TOKEN_HEADER, line_length};
use crate::error::{Error, Result};
use crate::format::{MAX_LINE, Record, UnixTime, encode_seq};
use crate::write::queue::Piece;

/// What turns a record into a line.
#[derive(Debug)]
pub(super) struct Sealer {
    pub(super) key: Key,
    cipher: Cipher,
    ivs: IvSource,
    /// Working space; holds a plaintext only within one call.
    raw: Vec<u8>,
}

impl Sealer {
    pub(super) fn new(key: Key) -> Self {
        // Room for ordinary records, so that growing seldom leaves a piece of plaintext behind.
        let raw = Vec::with_capacity(16 << 10);
        Self { cipher: Cipher::new(&key), ivs: IvSource::new(), key, raw }
    }

    /// Appends the line of `record`, with its LF, to `out`.
    pub(super) fn seal(
        &mut self,
        record: &Record<'_>,
        index: u64,
        now: UnixTime,
        process: u32,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.raw.clear();
        self.raw.resize(TOKEN_HEADER, 0);
        let time = record.encode(index, now, &mut self.raw);
        self.seal_raw(time.token_seconds(), process, out)
    }

    /// Appends the line of a record that was encoded without its number.
    pub(super) fn seal_body(
        &mut self,
        piece: Piece<'_>,
        index: u64,
        process: u32,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.raw.clear();
        self.raw.resize(TOKEN_HEADER, 0);
        encode_seq(index, &mut self.raw);
        self.raw.extend_from_slice(piece.body);
        self.seal_raw(piece.time, process, out)
    }

    fn seal_raw(&mut self, time: u64, process: u32, out: &mut Vec<u8>) -> Result<()> {
        let length = line_length(self.raw.len() - TOKEN_HEADER);
        let iv = match self.ivs.next(process) {
            Ok(iv) if length <= MAX_LINE => iv,
            result => {
                zeroize::Zeroize::zeroize(&mut self.raw);
                result?;
                return Err(Error::TooLarge { length, most: MAX_LINE });
            }
        };
        self.cipher.seal_in_place(&mut self.raw, time, iv, out);
        out.push(b'\n');
        Ok(())
    }
}
