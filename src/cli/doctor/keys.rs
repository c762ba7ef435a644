//! Key files: whether they can be used, who else can, and whether they belong together.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use fernlog::{Keyring, SigningKey, VerifierKey};

use super::Report;
use crate::args::DoctorArgs;
use crate::escape;
use crate::failure::Failure;
use crate::input;
use crate::keycommand;
use crate::words;

/// The keys that could be read.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) ring: Option<Keyring>,
    pub(super) sign: Option<SigningKey>,
    pub(super) vkey: Option<VerifierKey>,
    given: usize,
}

impl Keys {
    /// Whether none was named.
    pub(super) fn is_empty(&self) -> bool {
        self.given == 0
    }
}

/// What a key file should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Keys,
    Signer,
    Verifier,
}

/// Reads all keys that were named.
pub(super) fn look(args: &DoctorArgs, report: &mut Report) -> Keys {
    let mut keys = Keys::default();
    let add = |ring: Keyring, keys: &mut Keys| match &mut keys.ring {
        Some(all) => all.merge(ring),
        None => keys.ring = Some(ring),
    };
    if let Some(command) = &args.keys.key_command {
        keys.given += 1;
        match keycommand::run(command) {
            Ok(ring) => {
                report.ok("key", "--key-command", ids(&ring));
                add(ring, &mut keys);
            }
            Err(failure) => unusable(report, "key", Path::new("--key-command"), &failure),
        }
    }
    for path in args.keys.key_files.iter().filter(|path| !path.as_os_str().is_empty()) {
        keys.given += 1;
        match Keyring::load(input::stdin_or(path)) {
            Ok(ring) => {
                guarded(report, "key", path, ids(&ring), Kind::Keys);
                add(ring, &mut keys);
            }
            Err(error) => wrong(report, "key", path, &error.into(), Kind::Keys),
        }
    }
    if let Some(path) = &args.sign {
        keys.given += 1;
        match SigningKey::load(input::stdin_or(path)) {
            Ok(key) => {
                guarded(report, "sign", path, format!("signs {}", key.name()), Kind::Signer);
                keys.sign = Some(key);
            }
            Err(error) => wrong(report, "sign", path, &error.into(), Kind::Signer),
        }
    }
    if let Some(path) = &args.vkey.vkey {
        keys.given += 1;
        match VerifierKey::load(input::stdin_or(path)) {
            Ok(key) => {
                guarded(report, "vkey", path, format!("checks {}", key.name()), Kind::Verifier);
                keys.vkey = Some(key);
            }
            Err(error) => wrong(report, "vkey", path, &error.into(), Kind::Verifier),
        }
    }
    if let (Some(sign), Some(vkey)) = (&keys.sign, &keys.vkey) {
        pair(sign, vkey, report);
    }
    keys
}

fn pair(sign: &SigningKey, vkey: &VerifierKey, report: &mut Report) {
    if sign.verifier() == vkey {
        report.ok("vkey", "", "belongs to the signer's key");
    } else {
        let next = "auditors would refuse every checkpoint; give them the one that keygen made";
        report.error("vkey", "", "does not belong to the signer's key", next);
    }
}

fn ids(ring: &Keyring) -> String {
    let ids: Vec<String> = ring.ids().iter().map(ToString::to_string).collect();
    format!("key id {}", ids.join(", "))
}

fn unusable(report: &mut Report, area: &'static str, path: &Path, failure: &Failure) {
    let next = failure.hints().first().cloned();
    let next = next.unwrap_or_else(|| "fernlog keys show says what a file holds".to_owned());
    report.error(area, shown(path), failure.message(), next);
}

/// A file that does not hold what it should. A private key where the public one belongs is worse
/// than a mistake.
fn wrong(report: &mut Report, area: &'static str, path: &Path, failure: &Failure, kind: Kind) {
    if input::is_stdin(path) {
        return unusable(report, area, path, failure);
    }
    let found = if kind != Kind::Keys && Keyring::load(path).is_ok() {
        "a key file that opens logs"
    } else if kind != Kind::Signer && SigningKey::load(path).is_ok() {
        "a signer's private key"
    } else if kind != Kind::Verifier && VerifierKey::load(path).is_ok() {
        "a verifier key"
    } else {
        return unusable(report, area, path, failure);
    };
    let next = match kind {
        Kind::Keys => "-k takes PREFIX.key",
        Kind::Signer => "--sign takes PREFIX.sign",
        Kind::Verifier => "--vkey takes PREFIX.vkey; auditors must have no other",
    };
    report.error(area, shown(path), format!("is {found}"), next);
}

/// Who else can read, change or replace a file that could be used.
fn guarded(report: &mut Report, area: &'static str, path: &Path, what: String, kind: Kind) {
    // The file behind a symlink is what others would read; no regular file has no mode to judge.
    let Some(metadata) = fs::metadata(path).ok().filter(Metadata::is_file) else {
        return report.ok(area, shown(path), what);
    };
    let mode = metadata.mode() & 0o7777;
    let before = report.0.len();
    let file = words::word(path);
    if kind != Kind::Verifier && mode & 0o044 != 0 {
        let said = format!("{what}, mode {mode:04o}: others can read it");
        report.warning(area, shown(path), said, format!("chmod 600 {file}"));
    }
    if let Some(owner) = stranger(&metadata) {
        let said = format!("{what}, belongs to user {owner}, who can change it");
        report.warning(area, shown(path), said, format!("chown {} {file}", me()));
    }
    let folder = words::folder(path);
    if let Some(mode) = open_folder(folder) {
        let said = format!("{what}, in a folder of mode {mode:04o}: others can replace it");
        let next = format!("chmod go-w {}", words::word(folder));
        report.warning(area, shown(path), said, next);
    }
    if report.0.len() == before {
        report.ok(area, shown(path), format!("{what}, mode {mode:04o}"));
    }
}

/// The owner, if it is neither us nor root.
fn stranger(metadata: &Metadata) -> Option<u32> {
    Some(metadata.uid()).filter(|owner| *owner != 0 && *owner != me())
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The mode of a folder in which others can remove and replace the files of their betters.
pub(super) fn open_folder(folder: &Path) -> Option<u32> {
    let mode = fs::metadata(folder).ok()?.mode() & 0o7777;
    // With the sticky bit only the owner of a file can.
    (mode & 0o022 != 0 && mode & 0o1000 == 0).then_some(mode)
}

pub(super) fn shown(path: &Path) -> String {
    escape::path(path).into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use fernlog::Key;

    use super::super::Weight;
    use super::*;

    fn file(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn said(report: &Report) -> String {
        report.0.iter().map(|line| format!("{:?} {}\n", line.weight, line.message)).collect()
    }

    #[test]
    fn a_private_key_file_is_fine_and_a_readable_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "a.key", "", 0o600);
        let mut report = Report::default();
        guarded(&mut report, "key", &path, "x".into(), Kind::Keys);
        assert_eq!(said(&report), "Ok x, mode 0600\n");
        let path = file(folder.path(), "a.key", "", 0o640);
        let mut report = Report::default();
        guarded(&mut report, "key", &path, "x".into(), Kind::Keys);
        assert_eq!(said(&report), "Warning x, mode 0640: others can read it\n");
    }

    #[test]
    fn a_verifier_key_may_be_read_by_all_but_not_lie_in_an_open_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "a.vkey", "", 0o644);
        let mut report = Report::default();
        guarded(&mut report, "vkey", &path, "x".into(), Kind::Verifier);
        assert_eq!(report.count(Weight::Ok), 1);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        guarded(&mut report, "vkey", &path, "x".into(), Kind::Verifier);
        assert_eq!(report.count(Weight::Warning), 1);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(open_folder(folder.path()), None);
    }

    #[test]
    fn a_private_key_in_place_of_the_public_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate("a").unwrap();
        let path = file(folder.path(), "a.vkey", &key.to_text(), 0o600);
        let error = VerifierKey::load(&path).unwrap_err();
        let mut report = Report::default();
        wrong(&mut report, "vkey", &path, &error.into(), Kind::Verifier);
        assert_eq!(said(&report), "Error is a signer's private key\n");
    }

    #[test]
    fn keys_that_do_not_belong_together_are_an_error() {
        let (a, b) = (SigningKey::generate("a").unwrap(), SigningKey::generate("a").unwrap());
        let mut report = Report::default();
        pair(&a, a.verifier(), &mut report);
        pair(&a, b.verifier(), &mut report);
        assert_eq!((report.count(Weight::Ok), report.count(Weight::Error)), (1, 1));
    }

    #[test]
    fn a_report_names_ids_and_no_key() {
        let ring = Keyring::new(Key::generate().unwrap());
        assert_eq!(ids(&ring), format!("key id {}", ring.ids()[0]));
    }
}
