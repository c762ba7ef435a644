//! `fernlog verify` in a loop beside a writer that writes and rolls: no false alarm.

use std::time::{Duration, Instant};

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial, Variant};
use crate::world::Place;

pub(crate) const STAGE: Stage = Stage {
    name: "watch",
    what: "verify in a loop beside a writer that appends, rolls and compresses closed segments",
    needs: &[],
    amount: Amount::Seconds { full: 600, gate: 10 },
    run: run_all_stays,
};

pub(crate) const RETENTION: Stage = Stage {
    name: "watch-keep",
    what: "verify in a loop beside a writer that appends, rolls and deletes old segments",
    needs: &[],
    amount: Amount::Seconds { full: 120, gate: 5 },
    run: run_some_goes,
};

/// Lines of one log; then the next begins, so that a verification stays short.
const LINES: u64 = 4000;

/// Files that get other names and become others while they are read.
const ALL_STAYS: [Variant; 2] = [
    &["--durability", "written", "--roll-size", "50k"],
    &["--durability", "written", "--roll-size", "20k", "--compress"],
];

/// Files that go away while they are read.
const SOME_GOES: [Variant; 2] = [
    &["--durability", "written", "--roll-size", "20k", "--keep", "3"],
    &["--durability", "durable", "--roll-size", "20k", "--keep", "3", "--compress"],
];

fn run_all_stays(job: &Job<'_>, random: &mut Random) -> Tally {
    run(job, random, &ALL_STAYS)
}

fn run_some_goes(job: &Job<'_>, random: &mut Random) -> Tally {
    run(job, random, &SOME_GOES)
}

/// Writes one log after the other and verifies them.
fn run(job: &Job<'_>, random: &mut Random, variants: &[Variant]) -> Tally {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(job.amount);
    let mut all = Tally::default();
    let mut clean = true;
    while clean && Instant::now() < until && !job.world.stopping() {
        let mut trial = Trial::new(job.world, job.stage, job.case, Place::Disk);
        trial.choose(random.pick(variants));
        clean = one_log(&mut trial, random, until);
        all += &trial.tally;
    }
    all.faults = begun.elapsed().as_secs();
    all
}

/// Writes one log and verifies it all the time.
fn one_log(trial: &mut Trial<'_>, random: &mut Random, until: Instant) -> bool {
    let mut writer = trial.start(&[]);
    if !(writer.send(trial.lines(random, 1)) && writer.settled()) {
        return false;
    }
    let mut lines = 1;
    let mut texts = random.clone();
    let log = trial.log();
    let ran = std::thread::scope(|scope| {
        let watched = &log;
        let (world, pid) = (trial.world, writer.pid());
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let verifier = scope.spawn(move || {
            let mut verdicts = Vec::new();
            while is_done.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                let verdict = Trial::verdict_of(world, watched);
                let alarm = verdict.0 != Some(0);
                verdicts.push(verdict);
                if alarm {
                    // The files are to stay as they are for whoever looks into it.
                    crate::writer::kill(pid);
                    break;
                }
            }
            verdicts
        });
        while lines < LINES && Instant::now() < until && !trial.world.stopping() {
            let count = texts.within(1..40);
            lines += count;
            if !(writer.send(trial.lines(&mut texts, count)) && writer.settled()) {
                break;
            }
            std::thread::sleep(Duration::from_micros(texts.within(0..3000)));
        }
        let ran = writer.finish();
        drop(done);
        for (code, said) in verifier.join().unwrap() {
            trial.tally.verdicts += 1;
            if code != Some(0) {
                let text = format!("beside a writer, verify said {code:?}: {said}");
                trial.violated(Kind::FalseAlarm, &text);
            }
        }
        ran
    });
    *random = texts;
    trial.goes_on() && trial.ended_well(&ran) && trial.judge(&ran, Acks::Hold)
}
