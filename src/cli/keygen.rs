//! `fernlog keygen`: the keys of a new log. Nothing is overwritten, and no half of a set stays
//! behind.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use fernlog::crypto::NoteError;
use fernlog::keyfile::{self, Access};
use fernlog::{Key, KeyId, Keyring, SigningKey};
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use crate::args::KeygenArgs;
use crate::escape::{self, Place};
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::time::{self, Digits};
use crate::ui::Ui;
use crate::words;

/// A label or an origin is never longer: both are repeated in many places.
const LONGEST: usize = 255;

/// Makes the key files and says where each should live.
///
/// # Errors
///
/// An origin or a label that cannot be used, a file that exists or cannot be made.
pub(crate) fn run(args: &KeygenArgs, ui: &Ui) -> Result<Exit, Failure> {
    let label = args.label.as_deref();
    if let Some(label) = label {
        one_line("label", label)?;
    }
    one_line("origin", &args.origin)?;
    let names = Names::of(&args.prefix, args.fields)?;
    names.check_free()?;

    let log_key = SigningKey::generate(&args.origin).map_err(|error| match error {
        NoteError::Name => Failure::usage(format!(
            "the origin {} is no name: {error}",
            failure::quoted(&args.origin)
        ))
        .hint("an origin is chosen once, like a path without a scheme: example.com/payments/host7"),
        other => Failure::usage(other.to_string()),
    })?;
    let created = time::print(ui.now(), &TimeZone::UTC, Digits::Fixed(0));
    let (key, key_text) = key_file("fernlog key, keep secret", &created, label)?;
    let fields = match &names.fields {
        Some(path) => {
            Some((path, key_file("fernlog key of sealed fields, keep secret", &created, label)?))
        }
        None => None,
    };
    let sign_text = Zeroizing::new([&**log_key.to_text(), "\n"].concat());
    let vkey_text = format!("{}\n", log_key.verifier());

    let mut made = Made::default();
    made.create(&names.key, key_text.as_bytes(), Access::Private)?;
    made.create(&names.sign, sign_text.as_bytes(), Access::Private)?;
    made.create(&names.vkey, vkey_text.as_bytes(), Access::Public)?;
    if let Some((path, (_, text))) = &fields {
        made.create(path, text.as_bytes(), Access::Private)?;
    }
    made.keep();

    let fields = fields.as_ref().map(|(_, (id, _))| *id);
    ui.out().text(&report(&names, key, fields))?;
    // Before the hint, also where both go to one place.
    ui.out().flush()?;
    ui.hint(&format!(
        "without {} the log cannot be read, by anyone; keep a second copy elsewhere",
        escape::path(&names.key)
    ));
    Ok(Exit::Ok)
}

/// Refuses text that could forge a line or hide in one.
fn one_line(what: &str, text: &str) -> Result<(), Failure> {
    // Backslashes are only doubled beside something dangerous, so equality means harmless.
    if escape::text(text, Place::Cell) != text {
        return Err(Failure::usage(format!(
            "the {what} holds control or invisible characters: {}",
            failure::quoted(text)
        )));
    }
    if text.len() > LONGEST {
        return Err(Failure::usage(format!("the {what} is longer than {LONGEST} bytes")));
    }
    Ok(())
}

/// A new key and the text of its file.
fn key_file(
    title: &str,
    created: &str,
    label: Option<&str>,
) -> Result<(KeyId, Zeroizing<String>), Failure> {
    let key = Key::generate().map_err(|error| Failure::usage(error.to_string()))?;
    let id = key.id();
    let mut comments = vec![title.to_owned(), format!("id: {id}"), format!("created: {created}")];
    comments.extend(label.map(|label| format!("label: {label}")));
    let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
    Ok((id, Keyring::new(key).to_text(&comments)))
}

/// The files of one set.
#[derive(Debug)]
struct Names {
    key: PathBuf,
    sign: PathBuf,
    vkey: PathBuf,
    fields: Option<PathBuf>,
    /// A name for the log in the examples.
    log: PathBuf,
}

impl Names {
    fn of(prefix: &Path, fields: bool) -> Result<Self, Failure> {
        let ends_in_a_name = !prefix.as_os_str().as_encoded_bytes().ends_with(b"/");
        let (Some(name), true) = (prefix.file_name(), ends_in_a_name) else {
            return Err(Failure::usage(format!(
                "{} names a folder; PREFIX is what the file names begin with",
                failure::quoted(prefix.display())
            ))
            .hint(format!("such as {}", escape::path(&prefix.join("audit")))));
        };
        let with = |name: &std::ffi::OsStr, ending: &str| {
            let mut name = OsString::from(name);
            name.push(ending);
            PathBuf::from(name)
        };
        let file = |ending| with(prefix.as_os_str(), ending);
        Ok(Names {
            key: file(".key"),
            sign: file(".sign"),
            vkey: file(".vkey"),
            fields: fields.then(|| file(".fields.key")),
            log: with(name, ".log"),
        })
    }

    fn all(&self) -> impl Iterator<Item = &Path> {
        [&self.key, &self.sign, &self.vkey].into_iter().chain(&self.fields).map(PathBuf::as_path)
    }

    /// Refuses before anything is made: a set that was begun twice is a set that nobody can tell
    /// apart.
    fn check_free(&self) -> Result<(), Failure> {
        let folder = words::folder(&self.key);
        if !folder.is_dir() {
            return Err(Failure::usage(format!("folder {} does not exist", escape::path(folder))));
        }
        match self.all().find(|path| fs::symlink_metadata(path).is_ok()) {
            Some(path) => Err(Failure::usage(format!(
                "{} exists and is not overwritten; its logs could no longer be read or continued",
                escape::path(path)
            ))
            .hint("choose another PREFIX")),
            None => Ok(()),
        }
    }
}

/// Files that were made so far; they go again unless all could be made.
#[derive(Debug, Default)]
struct Made(Vec<PathBuf>);

impl Made {
    fn create(&mut self, path: &Path, bytes: &[u8], access: Access) -> Result<(), Failure> {
        keyfile::create_new(path, bytes, access)?;
        self.0.push(path.to_owned());
        Ok(())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.0 {
            // Ours: created with O_EXCL a moment ago. What cannot be removed is told by the next
            // run, which refuses.
            let _ = fs::remove_file(path);
        }
    }
}

fn report(names: &Names, key: KeyId, fields: Option<KeyId>) -> String {
    let mut rows = vec![
        (
            &names.key,
            format!("key id {key}, secret"),
            "opens the log: whoever reads it, and the writer",
        ),
        (&names.sign, "secret".to_owned(), "signs checkpoints: the writing host, nobody else"),
        (&names.vkey, "public".to_owned(), "checks the log: auditors, on a way they trust"),
    ];
    if let (Some(path), Some(id)) = (&names.fields, fields) {
        rows.push((path, format!("key id {id}, secret"), "opens sealed fields: who may see those"));
    }
    let rows: Vec<_> =
        rows.iter().map(|(path, what, who)| (escape::path(path), what, who)).collect();
    let wide = |cell: fn(&(std::borrow::Cow<'_, str>, &String, &&str)) -> usize| {
        rows.iter().map(cell).max().unwrap_or(0)
    };
    let (first, second) = (wide(|row| row.0.chars().count()), wide(|row| row.1.len()));
    let mut text = String::new();
    for (path, what, who) in &rows {
        text.push_str(&format!("{path:<first$}  {what:<second$}  {who}\n"));
    }
    let [key, sign, vkey, log] =
        [&names.key, &names.sign, &names.vkey, &names.log].map(|path| words::word(path));
    text.push_str(&format!(
        "\nNext, write a log, read it, check it:\n  \
         fernlog append {log} -k {key} --sign {sign} < FILE\n  \
         fernlog decrypt {log} -k {key}\n  \
         fernlog verify {log} --vkey {vkey}\n"
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_could_forge_a_line_is_refused() {
        for label in ["a\nb", "a\rb", "a\tb", "a\x1b[2J", "a\u{202e}b", "a\u{200b}b", "\u{85}"] {
            assert!(one_line("label", label).is_err(), "{label:?}");
        }
        assert!(one_line("label", &"x".repeat(256)).is_err());
        assert!(one_line("label", "prod-eu 'audit' \\ 100 %").is_ok());
    }

    #[test]
    fn a_prefix_that_names_a_folder_is_refused() {
        for prefix in ["keys/", "/", "..", ""] {
            assert!(Names::of(Path::new(prefix), false).is_err(), "{prefix:?}");
        }
        let names = Names::of(Path::new("a.b/c.d"), true).unwrap();
        let all: Vec<_> = names.all().collect();
        assert_eq!(
            all,
            ["a.b/c.d.key", "a.b/c.d.sign", "a.b/c.d.vkey", "a.b/c.d.fields.key"].map(Path::new)
        );
        assert_eq!(names.log, Path::new("c.d.log"));
    }

    #[test]
    fn what_was_made_goes_when_a_later_file_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.key"), folder.path().join("a.sign"));
        fs::write(&second, "not ours").unwrap();
        let mut made = Made::default();
        made.create(&first, b"x", Access::Private).unwrap();
        assert!(made.create(&second, b"x", Access::Private).is_err());
        drop(made);
        assert!(!first.exists());
        assert_eq!(fs::read(&second).unwrap(), b"not ours");
    }

    #[test]
    fn the_report_says_the_next_commands_with_names_that_a_shell_reads() {
        let names = Names::of(Path::new("/tmp/my keys/audit"), false).unwrap();
        let key = Key::generate().unwrap().id();
        let text = report(&names, key, None);
        assert!(text.contains(&format!("key id {key}")));
        assert!(text.contains("fernlog append audit.log -k '/tmp/my keys/audit.key' --sign"));
        assert!(
            text.lines().filter(|line| !line.starts_with("  ")).all(|l| l.len() <= 110),
            "{text}"
        );
    }
}
