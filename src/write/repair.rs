//! Sets aside what a crash left behind the last whole line, for an operator who has no key. The
//! same rules and the same steps as on opening (docs/format.md, section 9), but for what needs keys:
//! nothing is signed, no record is written.

use std::path::{Path, PathBuf};

use crate::crypto::TokenShape;
use crate::error::{Conflict, Error, Result};
use crate::format::{Lines, LogPath, MAX_LINE, Scan, SegmentName};
use crate::write::aside::{SetAside, cut, open_file, open_log, save_aside};
use crate::write::chain::{NewNames, exists};
use crate::write::file::{Disk, Opening, RealDisk};
use crate::write::scan::{self, HashCache, Tail};

/// The beginning of every token, as far as it is the same for all of them.
const TOKEN_START: &[u8] = b"gAAAAA";

/// What [`repair_torn_tail`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// The tails that were set aside, that of the chain first; empty if there was nothing to do.
    pub tails: Vec<SetAside>,
}

/// Sets aside the torn tail of the log whose active segment is `path`, and that of its chain. A
/// tail is copied to `audit.log.torn-<offset>` and made durable there before it is cut.
///
/// It needs no key, so it signs nothing, writes no record about itself and rebuilds no cache: that
/// is left to the next writer. Opening the log for appending does all of it, this included.
///
/// # Errors
///
/// [`Error::Locked`] when a writer holds the log; [`Error::NotALog`]; [`Error::Conflict`] and
/// [`Error::Header`] when anything is wrong besides torn tails: then nothing is changed;
/// [`Error::Refused`] when a roll stopped half way, which only a writer can complete;
/// [`Error::Io`], and what is cut then has been saved before.
pub fn repair_torn_tail(path: impl AsRef<Path>) -> Result<Repaired> {
    let path = path.as_ref();
    let Some(log) = LogPath::new(path) else {
        return Err(Error::not_a_log(path, "it has no file name in UTF-8"));
    };
    repair(&RealDisk, &log, std::process::id())
}

pub(super) fn repair(disk: &dyn Disk, path: &LogPath, process: u32) -> Result<Repaired> {
    let (log, chain) = (path.active(), path.beside(SegmentName::Active, "chain"));
    // Before the lock, which would leave its file in a folder that has nothing to do with a log.
    if !exists(disk, &log)? && !exists(disk, &chain)? {
        return Err(Error::not_a_log(&log, "there is no such file"));
    }
    let lock_path = path.beside(SegmentName::Active, "lock");
    let _lock = disk
        .lock(&lock_path, &format!("process {process}, repairing\n"))
        .map_err(Error::io("lock", &lock_path))?
        .map_err(|holder| Error::Locked { path: log.clone(), holder })?;
    // The lock file could have been removed under a writer; the log says who has it as well.
    let _claimed = exists(disk, &log)?.then(|| open_log(disk, &log)).transpose()?;
    let tails = find(disk, path)?;

    // From here on files are changed. All are opened before the first is, so that one that refuses
    // leaves the others as they are.
    let files: Vec<_> = tails
        .into_iter()
        .map(|(file, tail)| Ok((open_file(disk, &file, Opening::Existing)?, file, tail)))
        .collect::<Result<_>>()?;
    let mut repaired = Repaired::default();
    for (handle, file, tail) in files {
        let saved = save_aside(disk, &file, tail)?;
        cut(&*handle, &file, tail)?;
        repaired.tails.push(saved);
    }
    Ok(repaired)
}

/// The torn tails of a log that has nothing else wrong.
fn find(disk: &dyn Disk, path: &LogPath) -> Result<Vec<(PathBuf, Tail)>> {
    let NewNames { chain_new, signer_new, .. } = NewNames::of(path);
    for half_done in [chain_new, signer_new] {
        if exists(disk, &half_done)? {
            let why = "a roll stopped half way; the next append completes it";
            return Err(Error::Refused { path: half_done, why });
        }
    }
    let (log, chain) = (path.active(), path.beside(SegmentName::Active, "chain"));
    let Some(found) = scan::chain(disk, &chain)? else {
        return Ok(plain_tail(disk, path)?.map(|tail| (log, tail)).into_iter().collect());
    };
    // Without the log key nobody can say that this is the log it claims to be; that it is whole can
    // be said with the key that the header names.
    if found.last.note.require(&found.header.signer).is_err() {
        return Err(Error::Conflict { path: chain, what: Conflict::Signature });
    }
    let no_cache = HashCache::none();
    let signed = &found.last.checkpoint;
    let lines = scan::lines_into(disk, path, &found.header, &found.header_text, signed, no_cache)?;
    let chain_tail = found.torn.map(|tail| (chain, tail));
    Ok(chain_tail.into_iter().chain(lines.torn.map(|tail| (log, tail))).collect())
}

/// The torn tail of a plain log. Nothing was signed, so that it is one must show in its lines.
fn plain_tail(disk: &dyn Disk, path: &LogPath) -> Result<Option<Tail>> {
    let log = path.active();
    let conflict = |what| Err(Error::Conflict { path: log.clone(), what });
    let beside = |name, kind| exists(disk, &path.beside(name, kind));
    let files = disk.list(path.folder()).map_err(Error::io("list", path.folder()))?;
    let mut chained = beside(SegmentName::Active, "signer")?;
    for name in path.segments(files) {
        chained |= beside(name, "chain")?;
    }
    if chained {
        return conflict(Conflict::PartMissing);
    }
    let Some(file) = disk.read(&log).map_err(Error::io("open", &log))? else { return Ok(None) };
    let mut lines = Lines::new(file, MAX_LINE);
    while let Some((place, scan)) = lines.next_line().map_err(Error::io("read", &log))? {
        match scan {
            Scan::Line(line) if TokenShape::of(line).is_ok() => {}
            Scan::Tail(bytes, length) => {
                let tail = Tail { offset: place.byte, length };
                return if place.byte > 0 || begins_token(bytes) {
                    Ok(Some(tail))
                } else {
                    Err(Error::not_a_log(&log, "it holds no line, and no beginning of one"))
                };
            }
            _ if place.line == 1 => {
                return Err(Error::not_a_log(&log, "its first line is no token"));
            }
            _ => return conflict(Conflict::DamagedLine { line: place.line }),
        }
    }
    Ok(None)
}

/// Whether the only bytes of a file can be what is left of its first line: a beginning of a token,
/// and zeros where a power cut left a hole.
fn begins_token(bytes: &[u8]) -> bool {
    let zeros = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
    let written = bytes.len() - zeros;
    let start = TOKEN_START.len().min(written);
    bytes.get(..start) == TOKEN_START.get(..start)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::{Key, Keyring, SigningKey};
    use crate::format::{Level, Record};
    use crate::write::AuditLog;
    use crate::write::sim::{Fault, IMAGES, Image, SimDisk};

    const TAIL: &[u8] = b"gAAAAABtorn";

    #[test]
    fn zeros_and_beginnings_of_tokens_may_be_the_only_bytes() {
        for bytes in [&b"g"[..], b"gAAAAABp", b"gAAA\0\0\0", b"\0\0"] {
            assert!(begins_token(bytes), "{bytes:?}");
        }
        for bytes in [&b"G"[..], b"root:x:0:0", b"\0g", b"gAAAB\0"] {
            assert!(!begins_token(bytes), "{bytes:?}");
        }
    }

    fn bytes(disk: &SimDisk, end: &str) -> Vec<Vec<u8>> {
        let files = disk.files().into_iter();
        files
            .filter(|(path, _)| path.to_string_lossy().contains(end))
            .map(|(_, data)| data)
            .collect()
    }

    /// Wherever it stops and whatever the crash leaves: the bytes are in the log or in a copy, and
    /// doing it again ends well.
    #[test]
    fn a_repair_that_stops_anywhere_can_be_done_again() {
        let path = LogPath::new("/logs/audit.log".as_ref()).unwrap();
        let torn = SimDisk::default();
        let log = AuditLog::builder(path.active())
            .keyring(Keyring::new(Key::generate().unwrap()))
            .log_key(SigningKey::generate("example.com/test").unwrap())
            .open_on(Arc::new(torn.clone()))
            .unwrap();
        log.append(&Record::new(Level::Info, "test", "a record")).unwrap();
        log.close().unwrap();
        let whole = bytes(&torn, "audit.log").remove(0);
        let file = torn.open(&path.active(), Opening::Existing).unwrap();
        file.append(TAIL).unwrap();
        file.sync().unwrap();

        for fault in [Fault::Once, Fault::Crash, Fault::Short] {
            for at in 0.. {
                let disk = torn.reboot(Image::Kept).then_failing(at, fault);
                let outcome = repair(&disk, &path, 1);
                if !disk.has_failed() {
                    assert_eq!(outcome.unwrap().tails.len(), 1);
                    break;
                }
                for image in IMAGES {
                    let after = disk.reboot(image);
                    repair(&after, &path, 2).unwrap();
                    assert_eq!(bytes(&after, "audit.log")[0], whole, "{fault:?} {at} {image:?}");
                    let copies = bytes(&after, ".torn-");
                    assert!(copies.iter().any(|copy| copy == TAIL), "{fault:?} {at} {image:?}");
                }
            }
        }
    }
}
