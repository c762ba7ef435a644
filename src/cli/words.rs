//! Commands and file names as a shell reads them back, for the commands that tell what to type.

use std::borrow::Cow;
use std::path::Path;

use crate::escape;

/// A file name as one word of a command to type. A name that cannot be typed is escaped, so that
/// what is shown is at least harmless.
pub(crate) fn word(path: &Path) -> String {
    // `./` says nothing, unless without it the name would be a flag.
    let path = match path.strip_prefix(".") {
        Ok(rest) if !rest.as_os_str().is_empty() && !rest.to_string_lossy().starts_with('-') => {
            rest
        }
        _ => path,
    };
    let name = path.to_string_lossy();
    match shlex::try_quote(&name) {
        Ok(quoted) if escape::text(&quoted, escape::Place::Cell) == quoted => quoted.into_owned(),
        _ => escape::path(path).into_owned(),
    }
}

/// A command line of these words.
pub(crate) fn line(words: &[&str]) -> String {
    let quoted: Vec<Cow<'_, str>> =
        words.iter().map(|word| shlex::try_quote(word).unwrap_or(Cow::Borrowed(word))).collect();
    quoted.join(" ")
}

/// The folder that a file stands in.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_a_shell_needs_it() {
        assert_eq!(word(Path::new("/etc/fernlog/audit.key")), "/etc/fernlog/audit.key");
        assert_eq!(word(Path::new("my key")), "'my key'");
        assert_eq!(word(Path::new("./audit.log")), "audit.log");
        assert_eq!(word(Path::new("./-x")), "./-x");
        assert_eq!(word(Path::new("a\x1b[2J")), "a\\x1b[2J");
        assert_eq!(
            line(&["fernlog", "grep", "two words", "a.log"]),
            "fernlog grep 'two words' a.log"
        );
    }

    #[test]
    fn a_file_without_a_folder_is_in_this_one() {
        assert_eq!(folder(Path::new("a.key")), Path::new("."));
        assert_eq!(folder(Path::new("/x/a.key")), Path::new("/x"));
    }
}
