//! What opening a log found and mended, told to whoever starts a writer. It is in the log as well.

use fernlog::write::{Recovery, SetAside};
use indicatif::HumanCount;

use crate::escape;
use crate::ui::Ui;

/// Says what was mended; nothing after a clean stop.
pub(crate) fn tell(found: &Recovery, ui: &Ui) {
    if found.completed_roll {
        ui.note("a roll had stopped half way; it is completed");
    }
    if let Some(torn) = &found.torn_checkpoint {
        ui.note(&set_aside(torn, "checkpoint"));
    }
    if let Some(torn) = &found.torn_tail {
        ui.note(&set_aside(torn, "line"));
        if found.torn_tail_kept {
            ui.note("it could not be cut, so the log rolled; the next header says so");
        }
    }
    if found.uncovered > 0 {
        let (were, count) = (if found.uncovered == 1 { "was" } else { "were" }, found.uncovered);
        let entries = if count == 1 { "entry" } else { "entries" };
        let count = HumanCount(count);
        ui.note(&format!("{count} {entries} that no checkpoint covered {were} kept and covered"));
    }
    if found.signer_lost {
        ui.warning(
            "the signing key of the segment was lost; the log rolled, and the header says so",
        );
        ui.hint("if nobody removed audit.log.signer on purpose, find out who did");
    }
}

/// What was copied and cut, in a sentence.
pub(crate) fn set_aside(torn: &SetAside, what: &str) -> String {
    format!(
        "{} byte{} of an incomplete {what}, from byte {} of {} on, {} saved in {}",
        HumanCount(torn.bytes),
        if torn.bytes == 1 { "" } else { "s" },
        HumanCount(torn.offset),
        escape::path(&torn.file),
        if torn.bytes == 1 { "is" } else { "are" },
        escape::path(&torn.saved),
    )
}
