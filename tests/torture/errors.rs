//! System calls that fail, once and for ever: the writer says so and stops, or mends it.

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::strace::{self, Point};
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::{Need, Place};

pub(crate) const STAGE: Stage = Stage {
    name: "errors",
    what: "EIO, ENOSPC, EDQUOT, EROFS, EMFILE, EPERM or EINTR from the nth system call, once or for \
           ever",
    needs: &[Need::Strace],
    amount: Amount::Faults { full: 300, gate: 12, in_case: 6 },
    run,
};

const ERRORS: [&str; 6] = ["EIO", "ENOSPC", "EDQUOT", "EROFS", "EMFILE", "EPERM"];

const BATCHES: u64 = 3;

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let mut trial = Trial::new(job.world, job.stage, job.case, Place::Fast);
    trial.variant = *random.pick(&VARIANTS);
    if !trial.append(random, 1) {
        return trial.tally;
    }
    let Some(points) = strace::points(&mut trial, random, BATCHES) else { return trial.tally };
    while trial.tally.faults < job.amount {
        trial.tally.faults += 1;
        if !one(&mut trial, random, &points) {
            break;
        }
    }
    trial.tally
}

fn one(trial: &mut Trial<'_>, random: &mut Random, points: &[Point]) -> bool {
    let point = random.pick(points);
    // Not EINTR for ever: whoever tries again after it is right.
    let interrupted = random.once_in(8);
    let for_ever = !interrupted && random.once_in(2);
    let error = if interrupted { "EINTR" } else { *random.pick(&ERRORS) };
    let fault = format!("error={error}");
    let under = if for_ever { point.under_for_ever(&fault) } else { point.under(&fault) };
    let mut writer = trial.start(&under);
    trial.converse(&mut writer, random, BATCHES);
    let ran = writer.finish();
    // Where no write works any more, nothing can be said either.
    let speechless = for_ever && point.call == "write" && ran.code == Some(2);
    if !(speechless || ran.said_or_mended()) {
        let (code, signal, said) = (ran.code, ran.signal, ran.said.trim());
        let text = format!("after {error} at {point:?}: {code:?}, signal {signal:?}: {said}");
        trial.violated(Kind::Broken, &text);
    }
    trial.judge(&ran, Acks::Hold) && trial.recover(random)
}

/// An error at some system call.
pub(crate) fn any(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    let call = *random.pick(&["write", "fdatasync", "renameat2", "fsync"]);
    let point = Point { call: call.to_owned(), nth: random.within(1..8) };
    one(trial, random, &[point])
}
