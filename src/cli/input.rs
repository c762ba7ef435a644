//! What a command is given to work with: keys and logs. Keys come from files, standard input or a
//! command that prints them, never from the command line itself.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use fernlog::format::{HeaderError, LogPath};
use fernlog::keyfile::Exposure;
use fernlog::{Error, Keyring, SigningKey, VerifierKey};

use crate::args::KeySource;
use crate::escape;
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::keycommand;
use crate::ui::Ui;
use crate::words;

/// All keys that were given, those of `--key-command` first. To write, the first one counts.
///
/// # Errors
///
/// No key was given, or one of the places cannot be used.
pub(crate) fn keyring(source: &KeySource, ui: &Ui) -> Result<Keyring, Failure> {
    optional_keyring(source, ui)?.ok_or_else(|| {
        Failure::usage("no key was given")
            .hint("-k FILE, --key-command CMD or FERNLOG_KEY_FILE; see fernlog help keys")
    })
}

/// Like [`keyring`], for commands that can do without.
///
/// # Errors
///
/// One of the places cannot be used.
pub(crate) fn optional_keyring(source: &KeySource, ui: &Ui) -> Result<Option<Keyring>, Failure> {
    let mut all: Option<Keyring> = None;
    let mut add = |ring| match &mut all {
        Some(all) => all.merge(ring),
        None => all = Some(ring),
    };
    if let Some(command) = &source.key_command {
        add(keycommand::run(command)?);
    }
    // An empty FERNLOG_KEY_FILE is how a service file says that there is none.
    let files = source.key_files.iter().filter(|file| !file.as_os_str().is_empty());
    for file in files {
        let (ring, exposure) = Keyring::load_with_exposure(stdin_or(file))?;
        if exposure == Exposure::Readable {
            warn_of_readers(file, ui);
        }
        add(ring);
    }
    Ok(all)
}

/// The key that signs checkpoints.
///
/// # Errors
///
/// The file cannot be used.
pub(crate) fn signing_key(file: &Path, ui: &Ui) -> Result<SigningKey, Failure> {
    let key = SigningKey::load(stdin_or(file))?;
    if fs::metadata(file).is_ok_and(|m| m.is_file() && m.mode() & 0o044 != 0) {
        warn_of_readers(file, ui);
    }
    Ok(key)
}

/// The key that checks signatures.
///
/// # Errors
///
/// The file cannot be used.
pub(crate) fn verifier_key(file: &Path) -> Result<VerifierKey, Failure> {
    Ok(VerifierKey::load(stdin_or(file))?)
}

fn warn_of_readers(file: &Path, ui: &Ui) {
    ui.warning(&format!("others on this machine can read {}", escape::path(file)));
    ui.hint(&format!("chmod 600 {}", escape::path(file)));
}

/// A file that holds no secret and is small, such as a checkpoint or a proof.
///
/// # Errors
///
/// It cannot be read, or is longer than any such file.
pub(crate) fn small_file(path: &Path) -> Result<Vec<u8>, Failure> {
    /// A proof holds one line of a log in base64.
    const MOST: u64 = 4 << 20;
    let failed = |error: io::Error| Failure::file(path, &error);
    let file = File::open(stdin_or(path)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::usage(format!("{} is too long", escape::path(path))));
    }
    Ok(bytes)
}

/// Whether a path means standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Standard input serves one purpose in a run.
///
/// # Errors
///
/// Two of the paths mean standard input.
pub(crate) fn one_stdin<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Result<(), Failure> {
    let stdin = Path::new("/dev/stdin");
    let uses = paths.into_iter().filter(|path| is_stdin(path) || path.as_path() == stdin).count();
    if uses < 2 {
        return Ok(());
    }
    Err(Failure::usage("standard input can serve one purpose only, and - stands for two"))
}

/// The name under which the library can open what the user means.
pub(crate) fn stdin_or(path: &Path) -> &Path {
    if is_stdin(path) { Path::new("/dev/stdin") } else { path }
}

/// A log to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A log in files.
    Log(LogPath),
    /// Lines from standard input, a plain log.
    Stdin,
}

impl Input {
    /// Its name as reports print it, not escaped.
    pub(crate) fn name(&self) -> PathBuf {
        match self {
            Input::Log(path) => path.active(),
            Input::Stdin => PathBuf::from("-"),
        }
    }
}

/// The logs that the arguments stand for, each once. What cannot be found is handed to `missing`,
/// and the rest goes on.
pub(crate) fn locate(paths: &[PathBuf], mut missing: impl FnMut(Failure)) -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if is_stdin(path) {
            inputs.push(Input::Stdin);
            continue;
        }
        match fernlog::read::locate(path) {
            Ok(logs) => {
                let new = logs.into_iter().filter(|log| seen.insert(log.active()));
                inputs.extend(new.map(Input::Log));
            }
            Err(error) => missing(error.into()),
        }
    }
    inputs
}

/// The one log of a command that needs files, not a stream.
///
/// # Errors
///
/// There is no log, or the path is a folder that holds several.
pub(crate) fn only_log(path: &Path) -> Result<LogPath, Failure> {
    if is_stdin(path) {
        return Err(Failure::usage("this needs the files of a log, not standard input"));
    }
    let mut logs = fernlog::read::locate(path)?;
    match logs.pop() {
        Some(log) if logs.is_empty() => Ok(log),
        _ => Err(Failure::usage(format!("{} holds several logs; name one", escape::path(path)))),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::from(&error)
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let exit = match error {
            Error::WrongKey { .. } => Exit::NoKey,
            Error::Locked { .. } => Exit::Held,
            Error::NotALog { .. } => Exit::NotALog,
            Error::Header { source: HeaderError::Version | HeaderError::NotAHeader, .. } => {
                Exit::NotALog
            }
            Error::Header { .. } | Error::Conflict { .. } => Exit::Tampered,
            _ => Exit::Error,
        };
        let message = match error {
            // What is behind it says where and what.
            Error::NotSafe { cause: Some(cause), .. }
            | Error::NotWritten { cause: Some(cause) } => {
                return Failure::from(&**cause);
            }
            Error::Io { action, path, source } => {
                format!("cannot {action} {}: {}", escape::path(path), failure::reason(source))
            }
            Error::Locked { path, holder } => {
                format!("{} is held by another writer ({holder})", escape::path(path))
            }
            other => other.to_string(),
        };
        let failure = Failure::new(exit, message);
        match error {
            Error::WrongKey { wanted, .. } => {
                failure.hint(format!("fernlog keys find {wanted} DIR looks for its file"))
            }
            Error::Conflict { path, .. } | Error::Header { path, .. } if exit == Exit::Tampered => {
                evidence(failure, path)
            }
            Error::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                failure.hint("only the owner of a log and its keys can read them")
            }
            _ => failure,
        }
    }
}

/// Files that contradict what was signed prove something, as long as nobody mends them.
fn evidence(failure: Failure, path: &Path) -> Failure {
    let log = LogPath::of_file(path).map_or_else(|| path.to_owned(), |log| log.active());
    let log = log.strip_prefix(".").unwrap_or(&log);
    let folder = words::word(words::folder(log));
    failure
        .hint("no line and no checkpoint was changed; leave it so")
        .hint(format!("keep evidence first, times and owners included: cp -a {folder} EVIDENCE"))
        .hint(format!("then see what is wrong: fernlog verify {} --vkey VKEY", words::word(log)))
        .hint("checkpoints kept elsewhere and backups show which history is the true one")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use jiff::Timestamp;

    use super::*;
    use crate::args::When;

    const A: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const B: &str = "V0tmoRUJj7rIX3qUfBE4u0a0GYgHMiQvFk2TUH17G6M=";

    fn ui() -> Ui {
        Ui::plain(When::Never, Timestamp::UNIX_EPOCH)
    }

    fn key_file(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    #[test]
    fn keys_of_the_command_come_before_those_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let a = key_file(folder.path(), "a.key", A);
        let b = key_file(folder.path(), "b.key", B);
        let source = KeySource {
            key_files: vec![PathBuf::new(), a],
            key_command: Some(format!("cat '{}'", b.display())),
        };
        let ring = keyring(&source, &ui()).unwrap();
        assert_eq!(*ring.primary().to_text(), B);
        assert_eq!(ring.ids().len(), 2);
    }

    #[test]
    fn no_key_at_all_is_a_mistake_that_says_what_to_do() {
        let source = KeySource { key_files: vec![], key_command: None };
        assert!(optional_keyring(&source, &ui()).unwrap().is_none());
        let failure = keyring(&source, &ui()).unwrap_err();
        assert_eq!(failure.exit(), Exit::Error);
        assert!(failure.hints()[0].contains("FERNLOG_KEY_FILE"));
    }

    #[test]
    fn standard_input_serves_one_purpose() {
        let paths = ["-", "audit.log", "/dev/stdin"].map(PathBuf::from);
        assert!(one_stdin(&paths[..2]).is_ok());
        assert!(one_stdin(&paths).is_err());
    }

    #[test]
    fn a_log_named_twice_is_read_once_and_a_missing_one_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.log");
        fs::write(&log, "").unwrap();
        fs::write(folder.path().join("audit.log.chain"), "").unwrap();
        let paths =
            [folder.path().to_owned(), log.clone(), folder.path().join("no.log"), "-".into()];
        let mut missing = Vec::new();
        let inputs = locate(&paths, |failure| missing.push(failure));
        assert_eq!(inputs, [Input::Log(LogPath::new(&log).unwrap()), Input::Stdin]);
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].exit(), Exit::Error);
        assert!(missing[0].message().ends_with("no.log: no such file or directory"));
    }

    #[test]
    fn errors_of_the_library_have_the_exit_codes_of_the_contract() {
        let path = PathBuf::from("audit.log");
        let wanted = A.parse::<fernlog::Key>().unwrap().id();
        let cases = [
            (Error::WrongKey { wanted, given: vec![] }, 12),
            (Error::Locked { path: path.clone(), holder: String::new() }, 20),
            (Error::NotALog { path: path.clone(), why: "" }, 14),
            (Error::Header { path: path.clone(), source: HeaderError::Version }, 14),
            (Error::Header { path: path.clone(), source: HeaderError::Fold }, 10),
            (Error::Conflict { path: path.clone(), what: fernlog::Conflict::PartMissing }, 10),
            (Error::Exists { path }, 2),
            (Error::Closed, 2),
        ];
        for (error, code) in cases {
            let said = error.to_string();
            assert_eq!(Failure::from(error).exit().code(), code, "{said}");
        }
    }
}
