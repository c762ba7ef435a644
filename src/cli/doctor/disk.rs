//! The file system under a log: room, attributes, and whether it is one of this machine.

use std::fs;
use std::path::Path;

use fernlog::format::{LogPath, SegmentName};
use indicatif::{DecimalBytes, HumanCount};

use super::Report;
use super::keys::shown;
use crate::attributes::{self, Attributes};
use crate::words;

/// With less room than this the next roll may not find any.
const ROOM: u64 = 64 << 20;
/// A roll makes four files, and so does whoever sets a torn tail aside at the same time.
const FILES: u64 = 64;

/// Looks at the file system of a log.
pub(super) fn look(path: &LogPath, report: &mut Report) {
    let folder = path.folder();
    if let Some(kind) = attributes::remote(folder) {
        let said = format!("lies on {kind}: {}", attributes::REMOTE);
        let next = "keep the log on a disk of this machine, and ship closed segments from there";
        report.warning("disk", shown(&path.active()), said, next);
    }
    for kind in ["", ".chain", ".hashes", ".signer", ".lock"] {
        let name = path.active().file_name().unwrap_or_default().to_owned();
        let file = folder.join(format!("{}{kind}", name.to_string_lossy()));
        attributes_of(&file, report);
    }
    folder_attributes(folder, report);
    room(folder, largest(path), report);
}

fn attributes_of(file: &Path, report: &mut Report) {
    let word = words::word(file);
    let Attributes { append_only, immutable } = Attributes::of(file);
    if immutable {
        let next = format!("as root: chattr -i {word}");
        report.error("disk", shown(file), "is immutable: append is refused", next);
    } else if append_only {
        let said = "is append-only: it cannot be rolled, and a torn tail cannot be cut";
        let next = format!("as root, while a log rolls or is repaired: chattr -a {word}");
        report.warning("disk", shown(file), said, next);
    }
}

fn folder_attributes(folder: &Path, report: &mut Report) {
    let word = words::word(folder);
    let Attributes { append_only, immutable } = Attributes::of(folder);
    if immutable {
        let next = format!("as root: chattr -i {word}");
        report.error("disk", shown(folder), "is immutable: no segment can begin in it", next);
    } else if append_only {
        let said = "is append-only: files cannot be renamed in it, so no segment can end";
        report.warning("disk", shown(folder), said, format!("as root: chattr -a {word}"));
    }
}

/// The largest segment, as a measure of what the next one will take.
fn largest(path: &LogPath) -> u64 {
    let Ok(entries) = fs::read_dir(path.folder()) else { return 0 };
    let length = |entry: fs::DirEntry| {
        path.parse(&entry.file_name()).and_then(|_| entry.metadata().ok()).map(|file| file.len())
    };
    entries.filter_map(|entry| length(entry.ok()?)).max().unwrap_or(0)
}

fn room(folder: &Path, largest: u64, report: &mut Report) {
    let Ok(disk) = rustix::fs::statvfs(folder) else { return };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let wanted = ROOM.max(largest.saturating_mul(2));
    let said = format!("{} free", DecimalBytes(free));
    if free < wanted {
        let said = format!("{said}, less than {}", DecimalBytes(wanted));
        let next = "make room or move closed segments away; append stops when there is none";
        report.warning("disk", shown(folder), said, next);
    } else {
        report.ok("disk", shown(folder), said);
    }
    // File systems that have as many as they have room say 0 of 0.
    if disk.f_files > 0 && disk.f_favail < FILES {
        let said = format!("{} more files can be made", HumanCount(disk.f_favail));
        let next = "remove files that nobody needs; a roll makes four";
        report.warning("disk", shown(folder), said, next);
    }
}

/// Whether the cache of leaf hashes has as many as the active segment has entries.
pub(super) fn hashes(path: &LogPath, lines: u64, report: &mut Report) {
    const HASH: u64 = 32;
    let file = path.beside(SegmentName::Active, "hashes");
    let length = fs::metadata(&file).map_or(0, |file| file.len());
    let entries = lines + 1;
    if length != entries * HASH {
        let said =
            format!("holds {} of {} leaf hashes", HumanCount(length / HASH), HumanCount(entries));
        report.warning(
            "log",
            shown(&file),
            said,
            "the next append rebuilds it; proofs wait for it",
        );
    }
}
