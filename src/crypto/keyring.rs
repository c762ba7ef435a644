//! Several keys, the first of them primary: the contents of a key file.

use std::fmt;

use zeroize::Zeroizing;

use crate::crypto::key::{Key, KeyError, KeyId};

/// The keys of one key file in order. The first is the *primary*, which seals; all of them open.
#[derive(Clone)]
pub struct Keyring {
    // Never empty: both constructors see to it.
    keys: Vec<Key>,
}

impl Keyring {
    /// A ring of one key.
    #[must_use]
    pub fn new(primary: Key) -> Self {
        Self { keys: vec![primary] }
    }

    /// Reads the text of a key file: comment lines that begin with `#`, empty lines, keys.
    ///
    /// Spaces, CR and a byte order mark around a line are fine, for editors leave them behind.
    ///
    /// # Errors
    ///
    /// [`KeyError::Line`] names the first line that is neither; [`KeyError::Empty`] when there is
    /// no key at all.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim_matches([' ', '\t', '\r', '\u{feff}']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = Key::from_text(line).map_err(|_| KeyError::Line(number + 1))?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self { keys }) }
    }

    /// Makes `key` the primary and keeps the others for reading.
    #[must_use]
    pub fn rotated(mut self, key: Key) -> Self {
        self.keys.retain(|old| *old != key);
        self.keys.insert(0, key);
        self
    }

    /// Adds the keys of `other` behind these.
    pub fn merge(&mut self, other: Self) {
        for key in other.keys {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
    }

    /// The key that seals.
    ///
    /// # Panics
    ///
    /// Never: a ring holds at least one key.
    #[must_use]
    pub fn primary(&self) -> &Key {
        &self.keys[0]
    }

    /// All keys, the primary first.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// The ids of all keys, the primary first.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys.iter().map(Key::id).collect()
    }

    /// The key that a log of `origin` committed to, if it is here.
    #[must_use]
    pub fn committed(&self, origin: &str, commitment: &[u8; 32]) -> Option<&Key> {
        self.keys.iter().find(|key| key.commitment(origin) == *commitment)
    }

    /// The text of a key file: `comments` as `# ` lines, then the keys.
    #[must_use]
    pub fn to_text(&self, comments: &[&str]) -> Zeroizing<String> {
        let size = comments.iter().map(|c| c.len() + 3).sum::<usize>() + self.keys.len() * 45;
        let mut text = Zeroizing::new(String::with_capacity(size));
        for comment in comments {
            text.push_str("# ");
            text.push_str(comment);
            text.push('\n');
        }
        for key in &self.keys {
            text.push_str(&key.to_text());
            text.push('\n');
        }
        text
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.ids()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const B: &str = "V0tmoRUJj7rIX3qUfBE4u0a0GYgHMiQvFk2TUH17G6M=";

    #[test]
    fn a_file_saved_by_an_editor_still_reads() {
        let ring = Keyring::from_text(&format!("\u{feff}# note\r\n\r\n  {A} \r\n{B}\r\n")).unwrap();
        assert_eq!(*ring.primary().to_text(), A);
        assert_eq!(ring.ids().len(), 2);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_and_not_shown() {
        let error = Keyring::from_text(&format!("# x\n{A}\nhunter2\n")).unwrap_err();
        assert_eq!(error, KeyError::Line(3));
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_file_of_comments_holds_no_key() {
        assert_eq!(Keyring::from_text("# nothing\n\n").unwrap_err(), KeyError::Empty);
    }

    #[test]
    fn rotating_keeps_the_old_key_for_reading() {
        let ring = Keyring::from_text(A).unwrap().rotated(Key::from_text(B).unwrap());
        assert_eq!(*ring.primary().to_text(), B);
        assert_eq!(ring.ids().len(), 2);
        let again = Keyring::from_text(&ring.to_text(&["two keys"])).unwrap();
        assert_eq!(again.ids(), ring.ids());
    }
}
