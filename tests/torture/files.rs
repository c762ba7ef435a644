//! What stands in the folder of a log, every byte of it, read without the code under test.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The files of a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Whether the log was begun: without a header there is nothing to verify.
    pub(crate) begun: bool,
    /// Whether a roll (or the beginning) stopped half way.
    pub(crate) rolling: bool,
    /// The whole lines of all segments in order.
    pub(crate) lines: Vec<u8>,
    /// Bytes after the last LF of the active segment, and after the last whole checkpoint.
    pub(crate) tail: Vec<u8>,
    pub(crate) chain_tail: Vec<u8>,
    /// What was saved aside, by name.
    pub(crate) saved: BTreeMap<String, Vec<u8>>,
    /// Files of others that stood in the place of the log, by name.
    pub(crate) foreign: BTreeMap<String, Vec<u8>>,
    /// Bytes of files and parts of files that have no business there, and where they are.
    pub(crate) unexplained: Vec<(String, u64)>,
}

impl Found {
    /// Looks at the log `audit.log` of `folder`.
    pub(crate) fn look(folder: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        let mut closed = BTreeMap::new();
        let mut active = None;
        // Lengths of tails that headers say were left where they are.
        let mut kept: Vec<usize> = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let read = || std::fs::read(entry.path());
            if name.ends_with(".chain") || name.ends_with(".chain.new") {
                kept.extend(kept_tails(&read()?));
            }
            match name.strip_prefix("audit.") {
                Some("log") => active = Some(read()?),
                Some("log.chain") => {
                    found.begun = true;
                    found.chain_tail = chain_tail(&read()?);
                }
                Some("log.chain.new") => found.rolling = true,
                Some("log.hashes" | "log.lock" | "log.signer" | "log.signer.new") => {}
                Some(rest) if rest.starts_with("log.torn-") => {
                    found.saved.insert(name, read()?);
                }
                Some(rest) if rest.starts_with("log.chain.torn-") => {
                    found.saved.insert(name, read()?);
                }
                Some(rest) if rest.starts_with("log.foreign-") => {
                    found.foreign.insert(name, read()?);
                }
                Some(rest) => match numbered(rest) {
                    Some((number, "")) => {
                        found.begun = true;
                        closed.insert(number, read()?);
                    }
                    Some((_, ".chain" | ".hashes")) => found.begun = true,
                    _ => found.unexplained.push((name, entry.metadata()?.len())),
                },
                None => found.unexplained.push((name, entry.metadata()?.len())),
            }
        }
        for (number, bytes) in closed {
            let (lines, tail) = split(&bytes);
            found.lines.extend_from_slice(lines);
            if !(tail.is_empty() || kept.contains(&tail.len())) {
                // Between the renames of a roll nothing is torn: a checkpoint went before them.
                found.unexplained.push((format!("audit.{number:06}.log"), tail.len() as u64));
            }
        }
        let active = active.unwrap_or_default();
        let (lines, tail) = split(&active);
        found.lines.extend_from_slice(lines);
        // A roll that stopped before the renames has said already what it leaves behind.
        if !(found.rolling && kept.contains(&tail.len())) {
            found.tail = tail.to_vec();
        }
        Ok(found)
    }
}

/// `000007.log` and what follows.
fn numbered(rest: &str) -> Option<(u64, &str)> {
    let (digits, kind) = rest.split_once(".log")?;
    Some((digits.parse().ok()?, kind))
}

/// Whole lines, and what stands behind the last LF.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.split_at(end)
}

/// Lengths of the tails that could not be cut off, from the header of a chain file.
fn kept_tails(chain: &[u8]) -> Vec<usize> {
    let text = String::from_utf8_lossy(chain);
    let said = text.lines().filter_map(|line| line.strip_prefix("event recovered torn-tail-kept "));
    said.filter_map(|bytes| bytes.parse().ok()).collect()
}

/// What stands behind the last whole checkpoint: a header up to an empty line, then notes that have
/// one empty line inside and one behind them.
fn chain_tail(bytes: &[u8]) -> Vec<u8> {
    let gap = |from: usize| {
        let rest = bytes.get(from..)?;
        rest.windows(2).position(|pair| pair == b"\n\n").map(|at| from + at + 2)
    };
    let Some(mut end) = gap(0) else { return bytes.to_vec() };
    while let Some(next) = gap(end).and_then(gap) {
        end = next;
    }
    bytes[end..].to_vec()
}
