//! Zstandard, for programs built with the feature `zstd`. `no_codec.rs` has the same functions.

use std::io::{self, BufWriter, Read, Write};

/// More makes Fernet lines hardly smaller: nearly all that can be saved is the base64.
const LEVEL: i32 = 3;
const CHUNK: usize = 128 << 10;

pub(super) const IS_THERE: bool = true;

/// Writes the `length` bytes of `from` to `to`, compressed, with their length and a checksum.
pub(super) fn compress(mut from: impl Read, length: u64, to: impl Write) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(BufWriter::with_capacity(CHUNK, to), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(length))?;
    io::copy(&mut from, &mut encoder)?;
    encoder.finish()?.flush()
}

/// Whether `compressed` gives back exactly the bytes of `plain`. What cannot be decompressed does
/// not.
pub(super) fn is_same(compressed: impl Read, mut plain: impl Read) -> io::Result<bool> {
    let mut decoder = zstd::Decoder::new(compressed)?;
    let (mut ours, mut theirs) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let Ok(count) = fill(&mut decoder, &mut ours) else { return Ok(false) };
        if count != fill(&mut plain, &mut theirs)? || ours.get(..count) != theirs.get(..count) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

/// Reads until `room` is full or there is no more.
fn fill(from: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = room.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
