//! SIGKILL at a random moment: at the start, while opening, writing, syncing, rolling, closing.

use std::thread;
use std::time::Duration;

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::Tally;
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::Place;
use crate::writer::{Writer, kill};

pub(crate) const STAGE: Stage = Stage {
    name: "kill",
    what: "SIGKILL of the writer at random moments, most of them while it appends",
    needs: &[],
    amount: Amount::Faults { full: 10_000, gate: 200, in_case: 20 },
    run,
};

/// Lines that a writer is given at most.
const MOST: usize = 1500;

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let place = if job.case % 10 == 9 { Place::Disk } else { Place::Fast };
    let mut trial = Trial::new(job.world, job.stage, job.case, place);
    trial.variant = *random.pick(&VARIANTS);
    while trial.tally.faults < job.amount && one(&mut trial, random) {}
    trial.tally
}

/// One kill and what must follow.
pub(crate) fn one(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    let mut writer = trial.start(&[]);
    let delay =
        if random.once_in(4) { random.within(0..4000) } else { random.within(3000..20_000) };
    feed_until_killed(trial, &mut writer, random, Duration::from_micros(delay));
    let ran = writer.finish();
    trial.tally.faults += u64::from(ran.signal == Some(9));
    trial.judge(&ran, Acks::Hold) && trial.recover(random)
}

/// Sends lines without waiting for anything until the writer is killed after `delay`.
pub(crate) fn feed_until_killed(
    trial: &mut Trial<'_>,
    writer: &mut Writer,
    random: &mut Random,
    delay: Duration,
) {
    let pid = writer.pid();
    let killer = thread::spawn(move || {
        thread::sleep(delay);
        kill(pid);
    });
    let mut left = MOST as u64;
    while left > 0 {
        let count = random.within(1..20).min(left);
        left -= count;
        if !writer.send(trial.lines(random, count)) {
            break;
        }
        if random.once_in(2) {
            thread::sleep(Duration::from_micros(random.within(0..1500)));
        }
    }
    killer.join().unwrap();
}
