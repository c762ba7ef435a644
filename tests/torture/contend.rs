//! Several processes that want to write one log: one wins, the others are told; then one after the
//! other.

use std::ffi::OsString;

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::{Need, Place};
use crate::writer::Writer;

pub(crate) const STAGE: Stage = Stage {
    name: "contend",
    what: "8 processes start on one log at once and one more from another process id namespace: \
           one writes, 8 are refused; then 8 writers one after the other",
    needs: &[Need::Root],
    amount: Amount::Faults { full: 200, gate: 6, in_case: 2 },
    run,
};

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let mut trial = Trial::new(job.world, job.stage, job.case, Place::Fast);
    trial.variant = *random.pick(&VARIANTS);
    while trial.tally.faults < job.amount && one(&mut trial, random) {}
    trial.tally
}

/// One contest and the hand-overs after it.
fn one(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    trial.tally.faults += 1;
    let mut writers: Vec<Writer> = (0..8).map(|_| trial.start(&[])).collect();
    // Those that lose end by themselves; the one that stays has the log.
    let mut winner = None;
    for _ in 0..2000 {
        let over = writers.iter_mut().filter_map(|writer| writer.is_over().then_some(())).count();
        if over == 7 {
            winner = writers.iter_mut().position(|writer| !writer.is_over());
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let Some(winner) = winner else {
        trial.violated(Kind::Broken, "of 8 writers not exactly one went on");
        return false;
    };
    let mut winner = writers.swap_remove(winner);
    for loser in writers {
        refused(trial, loser);
    }
    let elsewhere: Vec<OsString> = ["unshare", "--pid", "--fork"].map(OsString::from).to_vec();
    let mut stranger = trial.start(&elsewhere);
    trial.converse(&mut winner, random, 3);
    // The lock is what counts, not who is alive in whose eyes.
    let line = trial.lines(random, 0);
    stranger.send(line);
    refused(trial, stranger);
    trial.converse(&mut winner, random, 3);
    let ran = winner.finish();
    trial.ended_well(&ran)
        && trial.judge(&ran, Acks::Hold)
        && (0..8).all(|_| trial.append(random, 2))
}

fn refused(trial: &mut Trial<'_>, writer: Writer) {
    let ran = writer.finish();
    if ran.code != Some(20) || !ran.acks.is_empty() {
        let text = format!("a second writer ended with {:?}: {}", ran.code, ran.said.trim());
        trial.violated(Kind::Broken, &text);
    }
}
