//! Who writes a log: whether a process holds its lock, and whether what that process writes still
//! ends up under the log's name. Looks at `/proc` and takes no lock itself, so that no writer that
//! is just starting is turned away by it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fernlog::format::{LogPath, SegmentName};

use super::Report;
use super::keys::shown;
use crate::words;

/// Longer than a roll has files between two names.
const SETTLE: Duration = Duration::from_millis(300);

/// The process that holds the lock of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Nobody,
    Process(u32),
}

/// Looks at the lock and says who holds it.
pub(super) fn look(path: &LogPath, report: &mut Report) -> Holder {
    let lock = path.beside(SegmentName::Active, "lock");
    let Ok(metadata) = fs::symlink_metadata(&lock) else { return Holder::Nobody };
    let text = words_of(&lock);
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let (major, minor) = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    let Some(process) = flock_holder(&locks, major, minor, metadata.ino()) else {
        let said = match text.is_empty() {
            true => "no writer".to_owned(),
            false => format!("no writer; the last one was {text}"),
        };
        report.ok("lock", shown(&lock), said);
        return Holder::Nobody;
    };
    if !Path::new("/proc").join(process.to_string()).exists() {
        let said = format!("was taken by process {process}, which is gone; a child of it holds it");
        let next =
            format!("fuser -v {} names it; no writer can start before it ends", words::word(&lock));
        report.warning("lock", shown(&lock), said, next);
    } else if dead_file(path, process, report) {
        // That is the finding.
    } else {
        report.ok("lock", shown(&lock), format!("held by process {process}{}", name_of(process)));
    }
    Holder::Process(process)
}

/// Whether the holder writes into a file that is not the log any more, which is then reported.
fn dead_file(path: &LogPath, process: u32, report: &mut Report) -> bool {
    // In the middle of a roll it looks like that for a moment.
    if strayed(path, process).is_none() {
        return false;
    }
    std::thread::sleep(SETTLE);
    let Some(stray) = strayed(path, process) else { return false };
    let said =
        format!("process {process} writes into {}, which is not this file", shown(&stray.target));
    let next = format!(
        "it should notice with its next record; if not, restart it. The lines are in \
         /proc/{process}/fd/{}",
        stray.descriptor
    );
    report.error("log", shown(&path.active()), said, next);
    true
}

/// A file that a process has open.
#[derive(Debug)]
struct Open {
    descriptor: String,
    target: PathBuf,
    identity: (u64, u64),
}

/// The file that a holder appends to instead of the active segment; none if all is well, or if its
/// files cannot be seen.
fn strayed(path: &LogPath, process: u32) -> Option<Open> {
    let identity = |path: PathBuf| {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    let log = identity(path.active());
    let side: Vec<_> = ["chain", "hashes"]
        .iter()
        .filter_map(|kind| identity(path.beside(SegmentName::Active, kind)))
        .collect();
    let mut strays = appended(process)?;
    if strays.iter().any(|open| Some(open.identity) == log) {
        return None;
    }
    strays.retain(|open| !side.contains(&open.identity));
    // Side files that were replaced are strays as well; the log's own name tells them apart.
    let name = path.active().file_name()?.to_string_lossy().into_owned();
    let is_log = |open: &Open| {
        let target = open.target.to_string_lossy();
        let target = target.strip_suffix(" (deleted)").unwrap_or(&target);
        Path::new(target).file_name().is_some_and(|file| *file == *name)
    };
    let at = strays.iter().position(is_log).unwrap_or(0);
    (at < strays.len()).then(|| strays.swap_remove(at))
}

/// The regular files that a process has open for appending.
fn appended(process: u32) -> Option<Vec<Open>> {
    /// O_APPEND, and either of O_WRONLY and O_RDWR.
    const APPEND: u32 = 0o2000;
    const WRITE: u32 = 0o3;
    let root = Path::new("/proc").join(process.to_string());
    let look = |entry: fs::DirEntry| {
        let descriptor = entry.file_name().into_string().ok()?;
        let info = fs::read_to_string(root.join("fdinfo").join(&descriptor)).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let flags = u32::from_str_radix(flags.trim(), 8).ok()?;
        let metadata = fs::metadata(entry.path()).ok()?;
        let appends = flags & APPEND != 0 && flags & WRITE != 0 && metadata.is_file();
        let target = fs::read_link(entry.path()).ok()?;
        let identity = (metadata.dev(), metadata.ino());
        appends.then_some(Open { descriptor, target, identity })
    };
    let entries = fs::read_dir(root.join("fd")).ok()?;
    Some(entries.filter_map(|entry| look(entry.ok()?)).collect())
}

/// What the holder wrote about itself.
fn words_of(lock: &Path) -> String {
    let text = fs::read(lock).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[..text.len().min(256)]).into_owned();
    text.trim().to_owned()
}

fn name_of(process: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    match name.trim() {
        "" => String::new(),
        name => format!(" ({name})"),
    }
}

/// The process that took the flock of a file, as `/proc/locks` has it.
fn flock_holder(locks: &str, major: u32, minor: u32, inode: u64) -> Option<u32> {
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        // Those who wait for it have an arrow in this place.
        let held = words.next() == Some("FLOCK");
        let process = words.nth(2)?.parse().ok()?;
        (held && words.next() == Some(&file)).then_some(process)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_flock_is_found_and_who_waits_is_not() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 08:01:7 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 22 08:01:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 33 08:01:7 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 44 fd:0a:9 0 EOF\n";
        assert_eq!(flock_holder(locks, 8, 1, 7), Some(33));
        assert_eq!(flock_holder(locks, 8, 1, 77), Some(22));
        assert_eq!(flock_holder(locks, 8, 2, 7), None);
        assert_eq!(flock_holder(locks, 0xfd, 10, 9), None);
        assert_eq!(flock_holder("", 8, 1, 7), None);
    }

    #[test]
    fn a_process_that_is_gone_has_no_open_files() {
        assert!(appended(u32::MAX).is_none());
    }
}
