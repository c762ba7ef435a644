//! Reading `.chain`: the header, then checkpoints, each followed by an empty line.
//!
//! A crash leaves a checkpoint that stops in the middle; an attacker leaves anything at all. The
//! two are told apart here: a *torn* checkpoint is the beginning of a well-formed one and nothing
//! more, everything else is *damage* with its place.

use std::io::{self, Read};

use crate::crypto::{MAX_SIGNATURES, Note, is_signature_line};
use crate::format::checkpoint::{Checkpoint, decode_hash};
use crate::format::header::{Header, HeaderError};
use crate::format::lines::{Lines, Place, Scan};

/// A header with a wrapped key for some hundred recipients stays far below this.
const MAX_HEADER: usize = 1 << 20;
/// A hundred signatures of long names.
const MAX_NOTE: usize = 128 << 10;
const MAX_CHAIN_LINE: usize = 256 << 10;

/// A checkpoint as it stands in a chain file, signatures unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Its text, read.
    pub checkpoint: Checkpoint,
    /// The note around it.
    pub note: Note,
    /// The bytes of the note, without the empty line behind it.
    pub bytes: Vec<u8>,
}

/// One thing in a chain file behind the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainItem {
    /// A complete checkpoint.
    Checkpoint(Box<SignedCheckpoint>),
    /// So many bytes at the end that begin a checkpoint and stop.
    Torn(u64),
    /// Something that is no checkpoint.
    Damage,
}

/// Reads a chain file from its beginning. Holds one block at a time.
#[derive(Debug)]
pub struct ChainReader<R> {
    lines: Lines<R>,
    /// Line 1 of every checkpoint of this log.
    origin: Vec<u8>,
    /// After damage: a first line that was read while looking for the next checkpoint.
    resumed: Option<Place>,
}

impl<R: Read> ChainReader<R> {
    /// Reads from `source`, which stands at the beginning of the file.
    pub fn new(source: R) -> Self {
        Self { lines: Lines::new(source, MAX_CHAIN_LINE), origin: Vec::new(), resumed: None }
    }

    /// Reads the header: its exact text and what it says, if it can be read.
    ///
    /// # Errors
    ///
    /// Those of the source. Text that is no header, or none at all, is a [`HeaderError`] inside.
    pub fn header(&mut self) -> io::Result<(String, Result<Header, HeaderError>)> {
        let mut text = Vec::new();
        let mut whole = false;
        while let Some((_, Scan::Line(line))) = self.lines.next_line()? {
            if line.is_empty() {
                whole = true;
                break;
            }
            if text.len() + line.len() > MAX_HEADER {
                break;
            }
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        let text = String::from_utf8(text).unwrap_or_default();
        let header = if whole { Header::from_text(&text) } else { Err(HeaderError::Cut) };
        // The origin is needed to find the checkpoints even when the rest is damaged.
        let origin = text.lines().find_map(|line| line.strip_prefix("origin "));
        self.origin = origin.unwrap_or_default().as_bytes().to_vec();
        Ok((text, header))
    }

    /// Looks for the checkpoints of `origin`, whatever a damaged header says.
    pub fn expect_origin(&mut self, origin: &str) {
        self.origin = origin.as_bytes().to_vec();
    }

    /// Gives the next thing and its place, or nothing at the end.
    ///
    /// # Errors
    ///
    /// Those of the source.
    pub fn next_item(&mut self) -> io::Result<Option<(Place, ChainItem)>> {
        let (mut note, mut lines) = (Vec::new(), 0);
        let mut start = self.resumed.take();
        if start.is_some() {
            note.extend_from_slice(&self.origin);
            note.push(b'\n');
            lines = 1;
        }
        loop {
            let Some((place, scan)) = self.lines.next_line()? else {
                // Every line of it fitted, or the loop would have been left.
                return Ok(start.map(|start| (start, ChainItem::Torn(note.len() as u64))));
            };
            let start = *start.get_or_insert(place);
            match scan {
                // The note has one empty line inside; the second one ends it.
                Scan::Line([]) if lines > SIGNATURES => {
                    let item = checkpoint(note, &self.origin);
                    return Ok(Some((start, item)));
                }
                Scan::Line(line)
                    if note.len() + line.len() < MAX_NOTE && is_line(lines, line, &self.origin) =>
                {
                    note.extend_from_slice(line);
                    note.push(b'\n');
                    lines += 1;
                }
                // The line that does not fit may begin the next checkpoint.
                Scan::Line(line) if lines > 0 && !line.is_empty() && line == self.origin => {
                    self.resumed = Some(place);
                    return Ok(Some((start, ChainItem::Damage)));
                }
                Scan::Tail(tail, length) => {
                    // A power cut may leave zeros where a file had grown and nothing was written.
                    let zeros = tail.iter().rev().take_while(|&&byte| byte == 0).count();
                    let written = &tail[..tail.len() - zeros];
                    let fits = note.len() + tail.len() < MAX_NOTE
                        && tail.len() as u64 == length
                        && may_begin_line(lines, written, &self.origin);
                    let torn = ChainItem::Torn(note.len() as u64 + length);
                    return Ok(Some((start, if fits { torn } else { ChainItem::Damage })));
                }
                _ => return self.skip_damage(start).map(Some),
            }
        }
    }

    /// Passes over lines up to the next one that begins a checkpoint.
    fn skip_damage(&mut self, start: Place) -> io::Result<(Place, ChainItem)> {
        while let Some((place, scan)) = self.lines.next_line()? {
            if matches!(scan, Scan::Line(line) if !line.is_empty() && line == self.origin) {
                self.resumed = Some(place);
                break;
            }
        }
        Ok((start, ChainItem::Damage))
    }
}

fn checkpoint(bytes: Vec<u8>, origin: &[u8]) -> ChainItem {
    let Ok(note) = Note::parse(&bytes) else { return ChainItem::Damage };
    match Checkpoint::from_text(note.untrusted_text()) {
        Ok(checkpoint) if checkpoint.origin.as_bytes() == origin => {
            ChainItem::Checkpoint(Box::new(SignedCheckpoint { checkpoint, note, bytes }))
        }
        _ => ChainItem::Damage,
    }
}

/// Number of lines before the first signature: origin, size, root and the empty line.
const SIGNATURES: usize = 4;

/// Whether `line`, without its LF, is line `number` of some well-formed checkpoint of `origin`.
fn is_line(number: usize, line: &[u8], origin: &[u8]) -> bool {
    let text = || std::str::from_utf8(line).ok();
    match number {
        0 => line == origin,
        1 => text().is_some_and(|n| n.parse().is_ok_and(|size: u64| size.to_string() == n)),
        2 => text().and_then(decode_hash).is_some(),
        3 => line.is_empty(),
        _ => number < SIGNATURES + MAX_SIGNATURES && text().is_some_and(is_signature_line),
    }
}

/// Whether `line` may become, when more is written, line `number` of such a checkpoint.
fn may_begin_line(number: usize, line: &[u8], origin: &[u8]) -> bool {
    match number {
        0 => origin.starts_with(line),
        1 => {
            let canonical = line.len() == 1 || !line.starts_with(b"0");
            canonical && line.len() <= 20 && line.iter().all(u8::is_ascii_digit)
        }
        2 => line.len() <= 44 && base64_may_begin(line),
        3 => line.is_empty(),
        _ => number < SIGNATURES + MAX_SIGNATURES && signature_may_begin(line),
    }
}

fn signature_may_begin(line: &[u8]) -> bool {
    const DASH: &[u8] = "\u{2014} ".as_bytes();
    let Some(rest) = line.strip_prefix(DASH) else { return DASH.starts_with(line) };
    match rest.iter().position(|&b| b == b' ') {
        // The em dash, a name, a space, the base64 of a signature.
        Some(space) => base64_may_begin(&rest[space + 1..]),
        None => !rest.iter().any(|&b| b < 0x20 || b == b'+'),
    }
}

fn base64_may_begin(text: &[u8]) -> bool {
    let body = text.iter().take_while(|&&b| b != b'=').count();
    let alphabet = |b: &u8| b.is_ascii_alphanumeric() || *b == b'+' || *b == b'/';
    let padding = &text[body..];
    text[..body].iter().all(alphabet) && padding.len() <= 2 && padding.iter().all(|&b| b == b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Key, SigningKey, sign_note};
    use crate::format::time::UnixTime;
    use crate::format::tree::Frontier;

    const ORIGIN: &str = "example.com/log";

    fn chain(checkpoints: u64) -> (String, Vec<String>) {
        let signer = SigningKey::generate(ORIGIN).unwrap();
        let key = Key::generate().unwrap();
        let header = Header {
            origin: ORIGIN.into(),
            segment: 0,
            before: Frontier::new(),
            key_id: key.id(),
            key_commitment: key.commitment(ORIGIN),
            wrapped_key: None,
            signer: signer.verifier().clone(),
            checkpoint_interval: 1000,
            time: UnixTime::new(0, 0),
            events: vec![],
        };
        let note = |size| {
            let checkpoint = Checkpoint { origin: ORIGIN.into(), size, root: [size as u8; 32] };
            sign_note(&checkpoint.to_text(), &[&signer, &signer]).unwrap() + "\n"
        };
        (header.to_text() + "\n", (1..=checkpoints).map(note).collect())
    }

    fn read(text: &[u8]) -> Vec<(u64, ChainItem)> {
        let mut reader = ChainReader::new(text);
        assert!(reader.header().unwrap().1.is_ok());
        let mut items = Vec::new();
        while let Some((place, item)) = reader.next_item().unwrap() {
            items.push((place.byte, item));
        }
        items
    }

    fn sizes(items: &[(u64, ChainItem)]) -> Vec<u64> {
        let size = |(_, item): &(u64, ChainItem)| match item {
            ChainItem::Checkpoint(signed) => signed.checkpoint.size,
            ChainItem::Torn(_) => 1000,
            ChainItem::Damage => 2000,
        };
        items.iter().map(size).collect()
    }

    #[test]
    fn header_and_checkpoints_read_in_order() {
        let (header, notes) = chain(3);
        let text = header.clone() + &notes.concat();
        let items = read(text.as_bytes());
        assert_eq!(sizes(&items), [1, 2, 3]);
        assert_eq!(items[1].0 as usize, header.len() + notes[0].len());
    }

    #[test]
    fn every_cut_is_torn_and_never_damage() {
        let (header, notes) = chain(2);
        let text = header.clone() + &notes.concat();
        let whole = header.len() + notes[0].len();
        for cut in whole + 1..text.len() {
            let items = read(&text.as_bytes()[..cut]);
            assert_eq!(sizes(&items), [1, 1000], "{cut}");
            assert_eq!(items[1], (whole as u64, ChainItem::Torn((cut - whole) as u64)));
        }
    }

    #[test]
    fn zeros_after_a_power_cut_are_torn() {
        let (header, notes) = chain(2);
        let text = header.clone() + &notes.concat();
        let whole = header.len() + notes[0].len();
        for cut in whole..text.len() {
            let mut left = text.as_bytes()[..cut].to_vec();
            left.resize(text.len(), 0);
            let items = read(&left);
            assert_eq!(sizes(&items), [1, 1000], "{cut}");
        }
    }

    #[test]
    fn every_flipped_bit_changes_what_is_read() {
        let (header, notes) = chain(2);
        let text = (header.clone() + &notes.concat()).into_bytes();
        let good = read(&text);
        for place in header.len()..text.len() {
            for bit in 0..8 {
                let mut bad = text.clone();
                bad[place] ^= 1 << bit;
                assert_ne!(read(&bad), good, "{place} {bit}");
            }
        }
    }

    #[test]
    fn reading_goes_on_behind_damage() {
        let (header, mut notes) = chain(4);
        notes[1] = notes[1].replace("\n2\n", "\nx\n");
        let items = read((header + &notes.concat()).as_bytes());
        assert_eq!(sizes(&items), [1, 2000, 3, 4]);
    }

    #[test]
    fn a_checkpoint_right_behind_a_cut_one_is_read() {
        let (header, notes) = chain(3);
        let cut = notes[1].len() - 40;
        for end in [cut, notes[1].len() - 1] {
            let torn = format!("{}\n", notes[1][..end].trim_end());
            let items = read([&*header, &notes[0], &torn, &notes[2]].concat().as_bytes());
            assert_eq!(sizes(&items), [1, 2000, 3]);
        }
    }

    #[test]
    fn a_whole_line_that_no_checkpoint_has_is_damage_even_at_the_end() {
        let (header, notes) = chain(1);
        let text = |end: usize| notes[0].lines().take(end).map(|l| format!("{l}\n"));
        for (lines, from, to) in [(2, "\n1\n", "\n18446744073709551616\n"), (3, "=\n", "\n")] {
            let text = text(lines).collect::<String>().replace(from, to);
            assert_eq!(sizes(&read((header.clone() + &text).as_bytes())), [2000], "{text}");
        }
        let signature = format!("{}\u{2014} {ORIGIN} ABCDEFGH\n", text(4).collect::<String>());
        assert_eq!(sizes(&read((header.clone() + &signature).as_bytes())), [1000]);
        let short = signature.replace("ABCDEFGH", "ABCD");
        assert_eq!(sizes(&read((header + &short).as_bytes())), [2000]);
    }

    #[test]
    fn more_signatures_than_a_note_may_have_are_damage_in_linear_time() {
        let (header, notes) = chain(1);
        let text: String = notes[0].lines().take(4).map(|l| format!("{l}\n")).collect();
        let many = format!("\u{2014} {ORIGIN} ABCDEFGH\n").repeat(4000);
        let text = format!("{header}{text}{many}\n{}", notes[0]);
        assert_eq!(sizes(&read(text.as_bytes())), [2000, 1]);
    }

    #[test]
    fn an_endless_chain_line_is_damage_in_bounded_memory() {
        let (header, _) = chain(0);
        let mut reader =
            ChainReader::new(io::Cursor::new(header).chain(io::repeat(b'a').take(100 << 20)));
        reader.header().unwrap().1.unwrap();
        assert_eq!(reader.next_item().unwrap().unwrap().1, ChainItem::Damage);
    }
}
