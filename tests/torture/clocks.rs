//! Wrong clocks: long ago, far ahead, set back between two writers.

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::Tally;
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::{Need, Place};

pub(crate) const STAGE: Stage = Stage {
    name: "clocks",
    what: "appends under clocks of 1969, 1970, 2030, 2038, 2106 and two days back, mixed in one log",
    needs: &[Need::Faketime],
    amount: Amount::Faults { full: 300, gate: 12, in_case: 12 },
    run,
};

const CLOCKS: [&str; 8] = [
    "@1969-12-31 12:00:00",
    "@1970-01-01 00:00:00",
    "@2030-06-01 00:00:00",
    "@2038-01-19 03:14:05",
    "@2106-02-07 06:28:12",
    "-2d",
    "+61s",
    "-1h",
];

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let mut trial = Trial::new(job.world, job.stage, job.case, Place::Fast);
    trial.variant = *random.pick(&VARIANTS);
    while trial.tally.faults < job.amount && one(&mut trial, random) {}
    trial.tally
}

/// A writer under another clock, then one under the right one.
pub(crate) fn one(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    trial.tally.faults += 1;
    let mut command = trial.append_command(&[], trial.variant);
    command.env("LD_PRELOAD", trial.world.faketime()).env("FAKETIME", *random.pick(&CLOCKS));
    // Waiting is not what is tested here.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("TZ", "UTC");
    let mut writer = trial.start_command(command);
    trial.converse(&mut writer, random, 4);
    let ran = writer.finish();
    trial.ended_well(&ran) && trial.judge(&ran, Acks::Hold) && trial.append(random, 1)
}
