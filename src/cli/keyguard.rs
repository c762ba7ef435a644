//! Keeps keys off the command line. A key typed where the name of its file belongs is refused with
//! advice and never repeated: what stands in a message ends up in logs and tickets.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clap::builder::{OsStringValueParser, TypedValueParser};

/// What to do about a key that was typed. The first half cannot be undone, hence the second.
pub(crate) const ADVICE: &str =
    "the key is now in your shell history and was visible in the process list; replace it";

/// Why a value is refused, without the value.
#[derive(Debug)]
pub(crate) struct IsAKey;

impl std::fmt::Display for IsAKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key where a file name belongs")
    }
}

impl std::error::Error for IsAKey {}

/// Whether any word of the text is a Fernet key or the private key of a signer. Words, because
/// `-k "$(cat audit.key)"` hands over the comments of the file too.
pub(crate) fn looks_like_key(text: &str) -> bool {
    text.split_whitespace().any(|word| word.starts_with("PRIVATE+KEY") || is_fernet_key(word))
}

/// A clap parser for the names of files that refuses keys.
pub(crate) fn file_name() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|value| check(value).map(PathBuf::from))
}

/// A clap parser for a command to run that refuses keys among its words.
pub(crate) fn command_line() -> impl TypedValueParser<Value = String> {
    clap::builder::StringValueParser::new().try_map(|value| {
        check(value.into()).map(|v| {
            // It was a String a moment ago.
            v.to_string_lossy().into_owned()
        })
    })
}

/// Whether an argument, as typed, has a key in it: alone, behind `=`, or behind short flags
/// (`-kKEY`). Messages that repeat the command line ask this first.
pub(crate) fn holds_key(argument: &OsStr) -> bool {
    let text = argument.to_string_lossy();
    let behind_flags = text.starts_with('-') && !text.starts_with("--");
    let places = text.char_indices().map(|(place, _)| place).filter(|_| behind_flags);
    looks_like_key(&text)
        || text.split_once('=').is_some_and(|(_, value)| looks_like_key(value))
        || places.into_iter().any(|place| looks_like_key(&text[place..]))
}

fn check(value: OsString) -> Result<OsString, IsAKey> {
    if looks_like_key(&value.to_string_lossy()) { Err(IsAKey) } else { Ok(value) }
}

/// 43 characters of base64 for 32 bytes, and `=` or not. Padded ones count in either alphabet;
/// without padding the standard one would catch paths. A sloppy last character counts as well:
/// what decodes such a key elsewhere leaks it all the same.
fn is_fernet_key(word: &str) -> bool {
    const ANY: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STRICT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let decodes = |alphabet, config| {
        GeneralPurpose::new(alphabet, config).decode(word).is_ok_and(|raw| raw.len() == 32)
    };
    match (word.len(), word.ends_with('=')) {
        (44, true) => decodes(&URL_SAFE, ANY) || decodes(&STANDARD, ANY),
        (43, false) => decodes(&URL_SAFE, STRICT),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    #[test]
    fn keys_are_known_in_every_dress() {
        for text in [
            KEY,
            KEY.trim_end_matches('='),
            &format!("  {KEY}\n"),
            &format!("# fernlog key, keep secret\n# id: 3f9a2c71\n{KEY}\n"),
            &KEY.replace('_', "/").replace('-', "+"),
            &KEY.replace("4e4=", "4e5="),
            "PRIVATE+KEY+example.com/a+72414d3d+AXRlc3Q=",
            &format!("echo {KEY}"),
        ] {
            assert!(looks_like_key(text), "{text}");
        }
    }

    #[test]
    fn file_names_are_no_keys() {
        for text in [
            "audit.key",
            "-",
            "/dev/fd/3",
            "/etc/fernlog/keys/production-eu-west-1/audit.key",
            "a-directory-name-that-is-long-without-a-dot",
            "origin+72414d3d+AVvJd711b1zWmi7L/24u2vxQ3jy/GnMgEiDl7PVZc1EM",
            "",
        ] {
            assert!(!looks_like_key(text), "{text}");
        }
    }

    #[test]
    fn arguments_hold_keys_behind_flags() {
        for argument in [
            KEY.to_owned(),
            format!("--key-file={KEY}"),
            format!("-k{KEY}"),
            format!("-k={KEY}"),
            format!("-vk{KEY}"),
            format!("--unknown={KEY}"),
        ] {
            assert!(holds_key(OsStr::new(&argument)), "{argument}");
        }
        assert!(!holds_key(OsStr::new("--key-file=audit.key")));
        assert!(!holds_key(OsStr::new("-C3")));
    }

    #[test]
    fn the_refusal_does_not_repeat_the_key() {
        let refusal = check(KEY.into()).unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains(&KEY[..8]));
    }
}
