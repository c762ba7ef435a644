//! What a run of the command answers: the exit codes, their words and their meaning in one table.
//! `fernlog help exit-codes`, the man page and the process status all come from here, so they
//! cannot disagree.

use std::fmt::Write as _;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All that was asked was done and passed.
    Ok,
    /// The answer is no: nothing found, a difference, findings.
    No,
    /// Usage or input and output.
    Error,
    /// Some inputs were skipped.
    Partial,
    /// The log was altered.
    Tampered,
    /// An incomplete last line and nothing else.
    Torn,
    /// No given key belongs to the log.
    NoKey,
    /// A required level was not reached.
    Unproven,
    /// Another format, or a newer version.
    NotALog,
    /// Another writer holds the log.
    Held,
    /// Ctrl-C.
    Interrupted,
}

/// One line of the contract.
#[derive(Debug)]
pub(crate) struct Row {
    /// Which exit this is.
    pub(crate) exit: Exit,
    /// The status of the process.
    pub(crate) code: u8,
    /// The word that begins a report, empty where there is none.
    pub(crate) word: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
}

const fn row(exit: Exit, code: u8, word: &'static str, meaning: &'static str) -> Row {
    Row { exit, code, word, meaning }
}

/// Every exit there is, by code.
pub(crate) const TABLE: [Row; 11] = [
    row(Exit::Ok, 0, "INTACT", "all that was asked was done and passed; grep: a match"),
    row(Exit::No, 1, "", "no: grep found nothing, compare found a difference, doctor has findings"),
    row(Exit::Error, 2, "", "usage or I/O error"),
    row(Exit::Partial, 3, "PARTIAL", "some inputs were skipped"),
    row(
        Exit::Tampered,
        10,
        "TAMPERED",
        "records were changed, removed, added, moved, rolled back or forked",
    ),
    row(Exit::Torn, 11, "TORN", "an incomplete last line only, and no anchor asks for more"),
    row(
        Exit::NoKey,
        12,
        "NO KEY",
        "no given key belongs to this log: nothing is decided, never \"fine\"",
    ),
    row(Exit::Unproven, 13, "UNPROVEN", "a level named by --require was not reached"),
    row(Exit::NotALog, 14, "NOT A LOG", "another format, or a newer version"),
    row(Exit::Held, 20, "", "the log is held by another writer"),
    row(Exit::Interrupted, 130, "", "interrupted"),
];

/// Which exit wins when several inputs end differently, the strongest first. Proof of tampering
/// stands whatever comes later, and an interrupted run must not pass for one of the weaker answers.
const ORDER: [Exit; 11] = [
    Exit::Tampered,
    Exit::Interrupted,
    Exit::Error,
    Exit::Held,
    Exit::NotALog,
    Exit::NoKey,
    Exit::Unproven,
    Exit::Torn,
    Exit::Partial,
    Exit::No,
    Exit::Ok,
];

impl Exit {
    /// The exit of two inputs together. (`grep` adds up matches instead of taking 1 over 0.)
    pub(crate) fn worst(self, other: Exit) -> Exit {
        ORDER.into_iter().find(|exit| *exit == self || *exit == other).unwrap_or(self)
    }

    /// The status of the process.
    pub(crate) fn code(self) -> u8 {
        self.row().code
    }

    /// The word that begins a report, empty where there is none.
    pub(crate) fn word(self) -> &'static str {
        self.row().word
    }

    fn row(self) -> &'static Row {
        // Every variant has a row, which a test checks; an error is the safe answer if one ever had
        // none.
        TABLE.iter().find(|row| row.exit == self).unwrap_or(&TABLE[2])
    }
}

/// The table as text, one line a code, each after `indent`.
pub(crate) fn table(indent: &str) -> String {
    let mut text = String::new();
    for Row { code, word, meaning, .. } in &TABLE {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{indent}{code:>3}  {word:<9}  {meaning}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Exit; 11] = ORDER;

    #[test]
    fn every_exit_has_a_row_with_its_own_code() {
        for exit in ALL {
            assert_eq!(TABLE.iter().filter(|row| row.exit == exit).count(), 1);
            assert_eq!(TABLE.iter().filter(|row| row.code == exit.code()).count(), 1);
        }
    }

    #[test]
    fn codes_are_those_of_the_contract() {
        let codes: Vec<u8> = TABLE.iter().map(|row| row.code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 10, 11, 12, 13, 14, 20, 130]);
        assert_eq!(Exit::Tampered.code(), 10);
        assert_eq!(Exit::NoKey.word(), "NO KEY");
    }

    #[test]
    fn several_inputs_give_the_first_of_the_order() {
        let order = [10, 2, 14, 12, 13, 11, 3, 1, 0];
        let of = |code| TABLE.iter().find(|row| row.code == code).map(|row| row.exit).unwrap();
        for (place, strong) in order.iter().enumerate() {
            for weak in &order[place..] {
                assert_eq!(of(*strong).worst(of(*weak)).code(), *strong);
                assert_eq!(of(*weak).worst(of(*strong)).code(), *strong);
            }
        }
    }

    #[test]
    fn an_interrupted_run_is_never_fine_and_never_hides_tampering() {
        assert_eq!(Exit::Interrupted.worst(Exit::Ok), Exit::Interrupted);
        assert_eq!(Exit::Interrupted.worst(Exit::Torn), Exit::Interrupted);
        assert_eq!(Exit::Tampered.worst(Exit::Interrupted), Exit::Tampered);
    }

    #[test]
    fn table_names_every_code_and_word() {
        let text = table("  ");
        assert_eq!(text.lines().count(), TABLE.len());
        for row in &TABLE {
            assert!(text.contains(row.meaning) && text.contains(&row.code.to_string()));
        }
    }
}
