//! SIGKILL exactly at the nth system call, one after the other, for append, roll, opening and
//! recovery, and again during the recovery.

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::strace::{self, Point};
use crate::tally::Tally;
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::{Need, Place};

pub(crate) const STAGE: Stage = Stage {
    name: "syscalls",
    what: "SIGKILL at the nth system call on the log's files, every n; every second time again \
           during the recovery",
    needs: &[Need::Strace],
    amount: Amount::Faults { full: 2000, gate: 40, in_case: 20 },
    run,
};

/// Batches that every writer here is given, so that it makes the calls that were listed.
const BATCHES: u64 = 3;

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let ways = VARIANTS.len() as u64 + 1;
    let (way, turn) = (job.case % ways, job.case / ways);
    let mut trial = Trial::new(job.world, job.stage, job.case, Place::Fast);
    let birth = way + 1 == ways;
    trial.variant = if birth { VARIANTS[2] } else { VARIANTS[way as usize] };
    if !birth && !trial.append(random, 1) {
        return trial.tally;
    }
    let Some(points) = strace::points(&mut trial, random, BATCHES) else { return trial.tally };
    // The cases of one way go on where the one before stopped, and start again at the end.
    let mut at = (turn * job.amount) as usize % points.len();
    let mut tries = 0;
    while trial.tally.faults < job.amount && tries < 3 * job.amount && trial.goes_on() {
        tries += 1;
        if birth {
            let tally = std::mem::take(&mut trial.tally);
            trial = Trial::new(job.world, job.stage, job.case, Place::Fast);
            trial.variant = VARIANTS[2];
            trial.tally = tally;
        }
        let again = random.once_in(2).then(|| random.pick(&points).clone());
        if !one(&mut trial, random, &points[at], again.as_ref()) {
            break;
        }
        at = (at + 1) % points.len();
    }
    trial.tally
}

/// A kill at `point`, perhaps another one at `again` while that is mended, and what must follow.
fn one(trial: &mut Trial<'_>, random: &mut Random, point: &Point, again: Option<&Point>) -> bool {
    for point in [Some(point), again].into_iter().flatten() {
        let mut writer = trial.start(&point.under("signal=KILL"));
        trial.converse(&mut writer, random, BATCHES);
        let ran = writer.finish();
        trial.tally.faults += u64::from(ran.signal == Some(9));
        if !trial.judge(&ran, Acks::Hold) {
            return false;
        }
    }
    trial.recover(random)
}

/// A kill at some system call.
pub(crate) fn any(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    let calls = [("write", 12), ("fdatasync", 8), ("renameat2", 5), ("ftruncate", 4), ("fsync", 4)];
    let (call, most) = *random.pick(&calls);
    let point = Point { call: call.to_owned(), nth: random.within(1..most) };
    one(trial, random, &point, None)
}
