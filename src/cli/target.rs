//! The log that a writing command is pointed at. A mistake here would begin a second log beside the
//! one that was meant, so what can be mistaken is refused.

use std::path::Path;

use fernlog::format::LogPath;
use fernlog::write::{Builder, Compression, Keep};

use crate::args::Closed;
use crate::escape;
use crate::failure::Failure;
use crate::input;
use crate::words;

/// The log whose active segment is `path`.
///
/// # Errors
///
/// The path is a folder, standard input, or a file that belongs to a log under another name; its
/// folder does not exist.
pub(crate) fn log(path: &Path) -> Result<LogPath, Failure> {
    let shown = escape::path(path);
    if input::is_stdin(path) {
        return Err(Failure::usage("a log is a file; - cannot be appended to"));
    }
    let slash = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if path.is_dir() || slash {
        let log = path.join("audit.log");
        return Err(Failure::usage(format!("{shown} is a folder; name the log in it"))
            .hint(format!("such as {}", escape::path(&log))));
    }
    let folder = words::folder(path);
    if !folder.is_dir() {
        return Err(Failure::usage(format!("folder {} does not exist", escape::path(folder))));
    }
    let Some(log) = LogPath::new(path) else {
        return Err(Failure::usage(format!("{shown} is no file name in UTF-8")));
    };
    match LogPath::of_file(path) {
        Some(meant) if meant != log => Err(Failure::usage(format!("{shown} is a part of a log"))
            .hint(format!("the log is {}", escape::path(&meant.active())))),
        _ => Ok(log),
    }
}

/// Like [`log`], and the log is there.
///
/// # Errors
///
/// Those of [`log`], and that there is none.
pub(crate) fn existing_log(path: &Path) -> Result<LogPath, Failure> {
    let log = log(path)?;
    let files = std::fs::read_dir(log.folder())
        .and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>, _>>()
        })
        .map_err(|error| Failure::file(log.folder(), &error))?;
    if log.segments(files).is_empty() {
        return Err(Failure::usage(format!("there is no log {}", escape::path(path)))
            .hint("append begins one"));
    }
    Ok(log)
}

/// A writer that does with closed segments what the flags say.
pub(crate) fn closed(builder: Builder, flags: &Closed) -> Builder {
    let limits = flags.keep.iter().copied().reduce(Keep::and);
    let builder = limits.into_iter().fold(builder, Builder::keep);
    if flags.compress { builder.compression(Compression::Zstd) } else { builder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_log_of_its_own_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["audit.000003.log", "audit.log.chain", "audit.log.signer", "no/audit.log", ""]
        {
            assert!(log(&at(name)).is_err(), "{name}");
        }
        assert!(log(Path::new("-")).is_err());
        assert!(log(&at("audit.log")).is_ok());
        assert!(log(&at("audit")).is_ok());
    }

    #[test]
    fn the_refusal_of_a_part_names_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let failure = log(&folder.path().join("audit.000003.log")).unwrap_err();
        assert!(failure.hints()[0].ends_with("/audit.log"), "{:?}", failure.hints());
    }

    #[test]
    fn a_log_that_must_be_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        assert!(existing_log(&path).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(&path, "").unwrap();
        assert!(existing_log(&path).is_ok());
    }
}
