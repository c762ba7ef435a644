//! SIGKILL inside a roll: only those count that left one half done.

use std::time::Duration;

use crate::files::Found;
use crate::kill::feed_until_killed;
use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::Tally;
use crate::trial::{Acks, Trial, Variant};
use crate::world::{Need, Place};

pub(crate) const STAGE: Stage = Stage {
    name: "roll",
    what: "SIGKILL that left a roll half done (segments of a few records on a slow disk)",
    needs: &[Need::Compiler],
    amount: Amount::Faults { full: 1000, gate: 20, in_case: 5 },
    run,
};

const TINY: [Variant; 2] = [
    &["--durability", "durable", "--roll-size", "600"],
    &["--durability", "written", "--roll-size", "1k"],
];

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let place = if job.case % 40 == 39 { Place::Disk } else { Place::Fast };
    let mut trial = Trial::new(job.world, job.stage, job.case, place);
    trial.variant = *random.pick(&TINY);
    let mut tries = 0;
    while trial.tally.faults < job.amount && tries < 30 * job.amount && trial.goes_on() {
        tries += 1;
        let mut command = trial.append_command(&[], trial.variant);
        // On a disk this slow a roll takes most of the time.
        command.env("LD_PRELOAD", job.world.tool("shim")).env("SHIM_FOLDER", trial.folder());
        command.env("SHIM_SLOW", "300");
        let mut writer = trial.start_command(command);
        trial.converse(&mut writer, random, 1);
        let delay = Duration::from_micros(random.within(0..6000));
        feed_until_killed(&mut trial, &mut writer, random, delay);
        let ran = writer.finish();
        let half = Found::look(trial.folder()).is_ok_and(|found| found.rolling);
        trial.tally.faults += u64::from(half);
        if !(trial.judge(&ran, Acks::Hold) && trial.recover(random)) {
            break;
        }
    }
    trial.tally
}
