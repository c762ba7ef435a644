//! All of it in one log, one thing after another, for a given time.

use std::time::{Duration, Instant};

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::Tally;
use crate::trial::{Trial, VARIANTS};
use crate::world::{Need, Place};
use crate::{clocks, errors, kill, syscalls, torn};

pub(crate) const STAGE: Stage = Stage {
    name: "soak",
    what: "kills, torn writes, exact kills, failing calls, wrong clocks and plain appends under \
           changing options, mixed in one log after another",
    needs: &[Need::Strace, Need::Compiler, Need::Faketime],
    amount: Amount::Seconds { full: 300, gate: 10 },
    run,
};

/// Faults in one log.
const FAULTS: u64 = 60;

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let begun = Instant::now();
    let mut all = Tally::default();
    let mut clean = true;
    while clean && begun.elapsed() < Duration::from_secs(job.amount) && !job.world.stopping() {
        let place = if random.once_in(2) { Place::Disk } else { Place::Fast };
        let mut trial = Trial::new(job.world, job.stage, job.case, place);
        for _ in 0..FAULTS {
            trial.variant = *random.pick(&VARIANTS);
            clean = match random.within(0..8) {
                0 => trial.append(random, 5),
                1 | 2 => kill::one(&mut trial, random),
                3 | 4 => torn::one(&mut trial, random),
                5 => syscalls::any(&mut trial, random),
                6 => errors::any(&mut trial, random),
                _ => clocks::one(&mut trial, random),
            };
            if !clean || begun.elapsed() >= Duration::from_secs(job.amount) {
                break;
            }
        }
        all += &trial.tally;
    }
    all.faults = begun.elapsed().as_secs();
    all
}
