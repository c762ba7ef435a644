//! The zstd frames of a file as one stream of bytes.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::get_frame_content_size;

use crate::error::{Error, Result};
use crate::read::files::Stretch;
use crate::read::zst::Broken;

/// Base 2 logarithm of the largest window that is read: 8 MiB.
const WINDOW: u32 = 23;
/// Bytes of the file that are read at once.
const CHUNK: usize = 128 << 10;
/// What every zstd frame begins with.
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// The longest header of a frame.
const LONGEST_HEADER: u64 = 18;
/// More than any segment holds. Claims add up, and must not overflow.
const MOST_CLAIMED: u64 = 1 << 40;

/// What a compressed file holds, from one offset on. A clone reads from there by itself, with a
/// decoder of its own.
pub(crate) struct Unpacked {
    file: Stretch,
    /// Offset of the next byte to give out.
    at: u64,
    claimed: u64,
    /// Made when the first byte is asked for: many sources are only opened to see that they are.
    decoding: Option<Decoding>,
}

/// A decoder on its way.
struct Decoding {
    decoder: Decoder<'static>,
    file: Stretch,
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes that came out.
    done: u64,
    frame: Frame,
}

/// Where between the frames the decoder stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// Before the first one.
    None,
    Within,
    Whole,
    /// It is broken, and stays so.
    Broken(&'static str),
}

impl Unpacked {
    pub(crate) fn new(file: Stretch, path: &Path) -> Result<Self> {
        let mut header = Vec::new();
        let mut start = file.clone().take(LONGEST_HEADER);
        start.read_to_end(&mut header).map_err(Error::io("read", path))?;
        let claimed = get_frame_content_size(&header).ok().flatten();
        let claimed = claimed.unwrap_or(file.len()).min(MOST_CLAIMED);
        Ok(Self { file, at: 0, claimed, decoding: None })
    }

    pub(crate) fn len(&self) -> u64 {
        self.claimed.saturating_sub(self.at)
    }

    pub(crate) fn from(&self, offset: u64) -> Self {
        Self { at: self.at.saturating_add(offset), ..self.clone() }
    }
}

impl Clone for Unpacked {
    fn clone(&self) -> Self {
        let Self { ref file, at, claimed, .. } = *self;
        Self { file: file.clone(), at, claimed, decoding: None }
    }
}

impl fmt::Debug for Unpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacked").field("file", &self.file).field("at", &self.at).finish()
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let decoding = match &mut self.decoding {
            Some(decoding) => decoding,
            none => none.insert(Decoding::new(self.file.clone())?),
        };
        // What lies before the place where reading begins.
        while decoding.done < self.at {
            let room = usize::try_from(self.at - decoding.done).unwrap_or(usize::MAX);
            let room = room.min(buffer.len());
            if decoding.read(buffer.get_mut(..room).unwrap_or_default())? == 0 {
                return Ok(0);
            }
        }
        let count = decoding.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Decoding {
    fn new(file: Stretch) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW))?;
        let (input, frame) = (vec![0; CHUNK], Frame::None);
        Ok(Self { decoder, file, input, start: 0, end: 0, done: 0, frame })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.frame {
                Frame::Broken(why) => return Err(Broken { why, byte: self.done }.into()),
                Frame::Within => self.fill(1)?,
                Frame::None | Frame::Whole => {
                    self.fill(MAGIC.len())?;
                    if self.input().is_empty() && self.frame == Frame::Whole {
                        return Ok(0);
                    }
                    if !self.input().starts_with(&MAGIC) {
                        self.frame = Frame::Broken(match self.frame {
                            Frame::None => "it does not begin with a zstd frame",
                            _ => "something else than a zstd frame of lines follows",
                        });
                        continue;
                    }
                }
            }
            // At the end of the file the decoder may still hold bytes that found no room before.
            let ended = self.input().is_empty();
            let mut output = OutBuffer::around(buffer);
            let mut input = InBuffer::around(self.input.get(self.start..self.end).unwrap_or(&[]));
            let result = self.decoder.run(&mut input, &mut output);
            self.start += input.pos();
            let count = output.pos();
            self.frame = match result {
                Ok(0) => Frame::Whole,
                Ok(_) if ended && count == 0 => Frame::Broken("it ends in the middle of a frame"),
                Ok(_) => Frame::Within,
                Err(error) => Frame::Broken(sentence(&error)),
            };
            self.done += count as u64;
            if count > 0 {
                return Ok(count);
            }
        }
    }

    /// The bytes of the file that were not decoded yet.
    fn input(&self) -> &[u8] {
        self.input.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads on until there are `wanted` bytes, or the file ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while self.end - self.start < wanted {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let count = self.file.read(self.input.get_mut(self.end..).unwrap_or_default())?;
            if count == 0 {
                break;
            }
            self.end += count;
        }
        Ok(())
    }
}

/// What zstd says, in our words where there is something to be done about it.
fn sentence(error: &io::Error) -> &'static str {
    let said = error.to_string();
    if said.contains("too much memory") {
        "its window is larger than 8 MiB"
    } else if said.contains("checksum") {
        "its checksum is that of another content"
    } else {
        "its data is damaged"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Source;
    use crate::read::zst::apart;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::bulk::Compressor::new(3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.compress(content).unwrap()
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|at| b'a' + (at * at % 23) as u8).collect()
    }

    /// What comes out of a file with these bytes, from `offset` on, and how it ends.
    fn unpack(file: &[u8], offset: u64) -> (Vec<u8>, Result<(), Broken>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.zst");
        std::fs::write(&path, file).unwrap();
        let mut source = Source::open_compressed(&path).unwrap().unwrap().from(offset);
        let mut out = Vec::new();
        let end = apart(source.read_to_end(&mut out)).unwrap();
        // What is broken stays broken.
        assert_eq!(apart(source.read(&mut [0; 10])).unwrap().map(drop), end.map(drop));
        (out, end.map(drop))
    }

    #[test]
    fn one_frame_or_several_are_one_stream_from_any_offset() {
        let all = content(700_000);
        let (one, two) = all.split_at(300_000);
        let frames = [packed(one), packed(&[]), packed(two)].concat();
        for file in [packed(&all), frames] {
            for offset in [0, 1, 299_999, 300_000, 699_999, 700_000, 800_000] {
                let (out, end) = unpack(&file, offset as u64);
                assert!(out == all[offset.min(all.len())..] && end == Ok(()), "{offset}");
            }
        }
    }

    #[test]
    fn a_clone_reads_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.zst");
        std::fs::write(&path, packed(b"0123456789")).unwrap();
        let mut source = Source::open_compressed(&path).unwrap().unwrap();
        assert_eq!(source.len(), 10);
        source.read_exact(&mut [0; 4]).unwrap();
        let mut rest = String::new();
        source.clone().read_to_string(&mut rest).unwrap();
        source.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "456789456789");
    }

    #[test]
    fn every_cut_is_named() {
        let file = packed(&content(2000));
        for cut in 0..file.len() {
            let (_, end) = unpack(&file[..cut], 0);
            assert!(end.is_err(), "{cut}");
        }
    }

    #[test]
    fn a_changed_byte_gives_no_other_content() {
        let all = content(2000);
        let file = packed(&all);
        for place in 0..file.len() {
            let mut bad = file.clone();
            bad[place] ^= 1 << (place % 8);
            let (out, end) = unpack(&bad, 0);
            assert!(end.is_err() || out == all, "{place}");
        }
    }

    #[test]
    fn nothing_may_stand_between_and_behind_the_frames() {
        let file = packed(b"lines");
        // A skippable frame of four bytes.
        let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0stow";
        let bad = [
            vec![],
            b"lines".to_vec(),
            [&file[..], b"x"].concat(),
            [&file[..], &[0; 4]].concat(),
            [&file[..], skippable].concat(),
            [skippable, &file[..]].concat(),
            [&file[..], skippable, &file[..]].concat(),
        ];
        for bad in bad {
            let (out, end) = unpack(&bad, 0);
            assert!(end.is_err() && b"lines".starts_with(&out[..]), "{bad:?}");
        }
    }

    #[test]
    fn a_window_that_takes_too_much_memory_is_refused() {
        use zstd::stream::raw::CParameter;
        for (window, fits) in [(23, true), (24, false), (27, false)] {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
            encoder.set_parameter(CParameter::WindowLog(window)).unwrap();
            io::copy(&mut io::repeat(b'x').take(1 << 24), &mut encoder).unwrap();
            let (out, end) = unpack(&encoder.finish().unwrap(), 0);
            assert_eq!((out.len() == 1 << 24, end.is_ok()), (fits, fits), "{window}");
        }
    }
}
