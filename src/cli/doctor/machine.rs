//! The program itself and the clock that its records are dated with.

use fernlog::Key;
use fernlog::crypto::{Cipher, IvSource};
use jiff::Timestamp;

use super::Report;

/// 2020-01-01T00:00:00Z: no machine that runs this program has an earlier date.
const EARLIEST: i64 = 1_577_836_800;
/// 2100-01-01T00:00:00Z.
const LATEST: i64 = 4_102_444_800;

/// Around every border of a block, and some larger ones.
const LENGTHS: [usize; 12] = [0, 1, 15, 16, 17, 31, 32, 33, 200, 1000, 4096, 65_536];

/// Seals here and opens there, and the other way round.
pub(super) fn build(report: &mut Report) {
    let version = concat!("fernlog ", env!("CARGO_PKG_VERSION"));
    match compare() {
        Ok(messages) => {
            let said = format!("tokens agree with the fernet crate, {messages} messages each way");
            report.ok("build", version, said);
        }
        Err(why) => {
            let next = "do not write logs with this build; build it again and report it";
            report.error("build", version, why, next);
        }
    }
}

/// The number of messages that passed. A key is thrown away after each.
fn compare() -> Result<usize, String> {
    let mut ivs = IvSource::new();
    let process = std::process::id();
    for (turn, length) in LENGTHS.into_iter().enumerate() {
        let failed = |what: &str| format!("{what} a token of {length} bytes");
        let no_random = |error: &dyn std::fmt::Display| error.to_string();
        let key = Key::generate().map_err(|error| no_random(&error))?;
        let other = fernet::Fernet::new(&key.to_text()).ok_or("the fernet crate refuses a key")?;
        let message: Vec<u8> = (0..length).map(|byte| (byte * 31 + turn) as u8).collect();
        let cipher = Cipher::new(&key);

        let iv = ivs.next(process).map_err(|error| no_random(&error))?;
        let ours = cipher.seal(&message, turn as u64, iv);
        if other.decrypt(&ours) != Ok(message.clone()) {
            return Err(failed("the fernet crate does not open"));
        }
        let mut raw = Vec::new();
        let theirs = other.encrypt(&message);
        let opened = cipher.open(theirs.as_bytes(), &mut raw);
        if !opened.is_ok_and(|opened| opened.plaintext == message) {
            return Err(failed("this build does not open"));
        }
        let mut changed = ours.into_bytes();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        if cipher.open(&changed, &mut raw).is_ok() {
            return Err(failed("this build opens, although it was changed,"));
        }
    }
    Ok(LENGTHS.len())
}

/// The clock of this machine. A wrong one dates records wrongly for good.
pub(super) fn clock(now: Timestamp, report: &mut Report) {
    let shown = format!("{now:.0}");
    if (EARLIEST..LATEST).contains(&now.as_second()) {
        report.ok("clock", shown, "plausible");
    } else {
        report.error("clock", shown, "cannot be right", "set the clock before writing logs");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_build_agrees_with_the_fernet_crate() {
        assert_eq!(compare(), Ok(LENGTHS.len()));
    }

    #[test]
    fn a_clock_that_was_never_set_is_a_finding() {
        for (seconds, findings) in [(0, 1), (EARLIEST - 1, 1), (EARLIEST, 0), (LATEST, 1)] {
            let mut report = Report::default();
            clock(Timestamp::from_second(seconds).unwrap(), &mut report);
            assert_eq!(report.count(super::super::Weight::Error), findings, "{seconds}");
        }
    }
}
