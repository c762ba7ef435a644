//! `fernlog keys`: what key files hold, which of them holds a key id. No secret is ever printed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use fernlog::keyfile;
use fernlog::{KeyId, Keyring, SigningKey, VerifierKey};
use serde_json::{Value, json};

use crate::args::{KeysAction, KeysArgs};
use crate::escape::{self, Place};
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::ui::Ui;

/// A folder with more names is no folder of keys.
const MOST_FILES: usize = 10_000;

/// Shows, lists or finds key files.
///
/// # Errors
///
/// A file or folder that cannot be read, an id that is none.
pub(crate) fn run(args: &KeysArgs, ui: &Ui) -> Result<Exit, Failure> {
    match &args.action {
        KeysAction::Show { file, json } => {
            let found = KeyFile::read(file)?;
            print(&[found], json.json, ui).map(|()| Exit::Ok)
        }
        KeysAction::List { dir, json } => {
            let found = in_folder(dir, ui)?;
            if found.is_empty() {
                ui.note(&format!("no key files in {}", escape::path(dir)));
            }
            print(&found, json.json, ui).map(|()| Exit::Ok)
        }
        KeysAction::Find { id, dirs, json } => {
            let id: KeyId = id.parse().map_err(|error| {
                Failure::usage(format!("{} is no key id: {error}", failure::quoted(id)))
            })?;
            let here = [PathBuf::from(".")];
            let mut found = Vec::new();
            for dir in if dirs.is_empty() { &here[..] } else { dirs } {
                found.extend(in_folder(dir, ui)?.into_iter().filter(|file| file.holds(id)));
            }
            print(&found, json.json, ui)?;
            Ok(if found.is_empty() { Exit::No } else { Exit::Ok })
        }
    }
}

/// What a key file is for.
#[derive(Debug)]
enum Kind {
    /// Fernet keys, the primary first.
    Keys(Vec<KeyId>),
    /// The key that signs checkpoints.
    Signer { name: String },
    /// The key that checks them.
    Verifier { name: String, text: String },
}

#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    kind: Kind,
    mode: Option<u32>,
    /// `name: value` comments, such as `created` and `label`.
    comments: Vec<(String, String)>,
}

impl KeyFile {
    fn read(path: &Path) -> Result<Self, Failure> {
        let keys = Keyring::load(path).map(|ring| Kind::Keys(ring.ids()));
        let kind = keys.or_else(|not_keys| {
            if let Ok(key) = SigningKey::load(path) {
                return Ok(Kind::Signer { name: key.name().to_owned() });
            }
            match VerifierKey::load(path) {
                Ok(key) => {
                    Ok(Kind::Verifier { name: key.name().to_owned(), text: key.to_string() })
                }
                // A key file is the usual case, so its reason is the one that helps.
                Err(_) => Err(Failure::from(not_keys)),
            }
        })?;
        let mode = fs::metadata(path).ok().map(|metadata| metadata.mode() & 0o777);
        Ok(Self { path: path.to_owned(), kind, mode, comments: comments(path) })
    }

    fn holds(&self, id: KeyId) -> bool {
        matches!(&self.kind, Kind::Keys(ids) if ids.contains(&id))
    }

    fn what(&self) -> String {
        match &self.kind {
            Kind::Keys(ids) => {
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                match ids.split_first() {
                    Some((only, [])) => format!("key {only}"),
                    Some((primary, others)) => format!("key {primary}, also {}", others.join(" ")),
                    None => String::new(),
                }
            }
            Kind::Signer { name } => format!("signer of {}", escape::text(name, Place::Cell)),
            Kind::Verifier { name, .. } => {
                format!("verifier key of {}", escape::text(name, Place::Cell))
            }
        }
    }

    fn to_json(&self) -> Value {
        let mut value = json!({ "type": "key-file", "file": self.path.to_string_lossy() });
        match &self.kind {
            Kind::Keys(ids) => {
                value["kind"] = json!("keys");
                value["key_ids"] = ids.iter().map(ToString::to_string).collect();
            }
            Kind::Signer { name } => {
                value["kind"] = json!("signer");
                value["origin"] = json!(name);
            }
            Kind::Verifier { name, text } => {
                value["kind"] = json!("verifier");
                value["origin"] = json!(name);
                value["vkey"] = json!(text);
            }
        }
        value["mode"] = self.mode.map(|mode| format!("{mode:04o}")).into();
        for (name, text) in &self.comments {
            value[name] = json!(text);
        }
        value
    }
}

/// The comments of a key file that say something by name.
fn comments(path: &Path) -> Vec<(String, String)> {
    let Ok((bytes, _)) = keyfile::read_secret(path) else { return Vec::new() };
    let Ok(text) = std::str::from_utf8(&bytes) else { return Vec::new() };
    let named = |line: &str| {
        let (name, value) = line.trim().strip_prefix('#')?.split_once(':')?;
        let known = ["created", "label"].into_iter().find(|known| *known == name.trim())?;
        Some((known.to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(named).collect()
}

/// The key files of a folder, by name. Other files are passed over.
fn in_folder(folder: &Path, ui: &Ui) -> Result<Vec<KeyFile>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).take(MOST_FILES).collect();
    paths.sort();
    let ending = |path: &Path| {
        path.extension().is_some_and(|ending| ["key", "sign", "vkey"].iter().any(|e| ending == *e))
    };
    let mut found = Vec::new();
    // Only regular files: a pipe would be emptied, a device could hang.
    for path in paths.iter().filter(|path| ending(path) && path.is_file()) {
        match KeyFile::read(path) {
            Ok(file) => found.push(file),
            Err(failure) => ui.warning(failure.message()),
        }
    }
    Ok(found)
}

fn print(files: &[KeyFile], as_json: bool, ui: &Ui) -> Result<(), Failure> {
    if as_json {
        return files.iter().try_for_each(|file| ui.out().json(&file.to_json()));
    }
    let rows: Vec<_> = files.iter().map(|file| (escape::path(&file.path), file.what())).collect();
    let wide = rows.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
    let broad = rows.iter().map(|(_, what)| what.chars().count()).max().unwrap_or(0);
    for ((path, what), file) in rows.iter().zip(files) {
        let mode = file.mode.map(|mode| format!("mode {mode:04o}")).unwrap_or_default();
        let words = |(name, text): &(String, String)| {
            format!("  {name} {}", escape::text(text, Place::Cell))
        };
        let comments: String = file.comments.iter().map(words).collect();
        ui.out().line(&format!("{path:<wide$}  {what:<broad$}  {mode}{comments}"))?;
    }
    Ok(())
}
