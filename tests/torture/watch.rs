//! `fernlog verify` in a loop beside a writer that writes and rolls: no false alarm.

use std::time::{Duration, Instant};

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial};
use crate::world::Place;

pub(crate) const STAGE: Stage = Stage {
    name: "watch",
    what: "verify in a loop beside a writer that appends and rolls",
    needs: &[],
    amount: Amount::Seconds { full: 600, gate: 10 },
    run,
};

/// Lines of one log; then the next begins, so that a verification stays short.
const LINES: u64 = 20_000;

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(job.amount);
    let mut all = Tally::default();
    let mut clean = true;
    while clean && Instant::now() < until && !job.world.stopping() {
        let mut trial = Trial::new(job.world, job.stage, job.case, Place::Disk);
        trial.variant = &["--durability", "written", "--roll-size", "50k"];
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
            let mut met_halfway = 0;
            while is_done.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                let mut verdict = Trial::verdict_of(world, watched);
                if verdict.0 == Some(11) {
                    // A write that is under way looks like a torn tail: said once, and counted.
                    met_halfway += 1;
                    verdict = Trial::verdict_of(world, watched);
                }
                let alarm = verdict.0 != Some(0);
                verdicts.push(verdict);
                if alarm {
                    // The files are to stay as they are for whoever looks into it.
                    crate::writer::kill(pid);
                    break;
                }
            }
            (verdicts, met_halfway)
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
        let (verdicts, met_halfway) = verifier.join().unwrap();
        trial.tally.met_halfway += met_halfway;
        for (code, said) in verdicts {
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
