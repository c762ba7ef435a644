//! Small text files that a command is given or makes: checkpoints, proofs.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::failure::Failure;
use crate::input::is_stdin;
use crate::ui::Ui;

/// A proof of a line at the cap is the longest of them.
const LONGEST: u64 = 4 << 20;

/// Reads a file, or standard input for `-`.
///
/// # Errors
///
/// It cannot be read, is longer than any checkpoint or proof, or is no text.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::file(path, &error);
    let mut bytes = Vec::new();
    if is_stdin(path) {
        io::stdin().lock().take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    let too_long = bytes.len() as u64 > LONGEST;
    match String::from_utf8(bytes) {
        Ok(text) if !too_long => Ok(text),
        _ => Err(Failure::file(path, &io::ErrorKind::InvalidData.into())),
    }
}

/// Makes a new file, or prints to standard output for `-` or none.
///
/// # Errors
///
/// The file exists or cannot be made; nothing half-written stays.
pub(crate) fn write(path: Option<&Path>, text: &str, ui: &Ui) -> Result<(), Failure> {
    let Some(path) = path.filter(|path| !is_stdin(path)) else { return ui.out().text(text) };
    let failed = |error: io::Error| Failure::file(path, &error);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o644).open(path).map_err(failed)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Ours: created a moment ago.
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}
