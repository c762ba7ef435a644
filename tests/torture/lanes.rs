//! Stages cut into cases, and lanes that work through them at the same time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::Need;
use crate::options::Options;
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::world::World;

/// How much of a stage there is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    /// So many faults, so many in a case.
    Faults { full: u64, gate: u64, in_case: u64 },
    /// One case that goes on for so many seconds.
    Seconds { full: u64, gate: u64 },
}

/// One kind of torture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// What is done, for the table.
    pub(crate) what: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) amount: Amount,
    pub(crate) run: fn(&Job<'_>, &mut Random) -> Tally,
}

/// One case of a stage.
#[derive(Clone, Copy)]
pub(crate) struct Job<'w> {
    pub(crate) world: &'w World,
    pub(crate) stage: &'static str,
    pub(crate) case: u64,
    /// Faults to make, or seconds to go on.
    pub(crate) amount: u64,
}

/// What became of a stage.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) stage: Stage,
    pub(crate) wanted: u64,
    pub(crate) tally: Tally,
    /// Time of its cases, one after the other.
    pub(crate) time: Duration,
    cases_left: usize,
}

/// Runs all cases of all stages.
pub(crate) fn run(world: &World, stages: &[&Stage], options: &Options) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut jobs = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        let wanted = |full: u64, gate| options.share.map_or(gate, |share| full.div_ceil(share));
        let (wanted, in_case) = match stage.amount {
            Amount::Faults { full, gate, in_case } => (wanted(full, gate), in_case),
            Amount::Seconds { full, gate } => (wanted(full, gate), u64::MAX),
        };
        let cases = wanted.div_ceil(in_case);
        let chosen = (0..cases).filter(|case| options.case.is_none_or(|only| only == *case));
        let before = jobs.len();
        jobs.extend(chosen.map(|case| {
            let amount = in_case.min(wanted - case * in_case);
            (number, Job { world, stage: stage.name, case, amount })
        }));
        let (tally, time) = (Tally::default(), Duration::ZERO);
        let cases_left = jobs.len() - before;
        outcomes.push(Outcome { stage: **stage, wanted, tally, time, cases_left });
    }
    let jobs = Mutex::new(jobs.into_iter());
    let outcomes = Mutex::new(outcomes);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..options.lanes {
            scope.spawn(|| {
                while !world.stopping() {
                    let Some((number, job)) = jobs.lock().unwrap().next() else { return };
                    let (tally, time) = one(&job, stages[number].run);
                    let outcome = &mut outcomes.lock().unwrap()[number];
                    outcome.tally += &tally;
                    outcome.time += time;
                    outcome.cases_left -= 1;
                    if outcome.cases_left == 0 {
                        let (name, faults) = (job.stage, outcome.tally.faults);
                        let clean = if outcome.tally.is_clean() { "ok" } else { "FAILED" };
                        let (took, at) = (outcome.time.as_secs_f64(), begun.elapsed().as_secs());
                        println!("torture: {name}: {faults} in {took:.1} s, {clean} (at {at} s)");
                    }
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

fn one(job: &Job<'_>, run: fn(&Job<'_>, &mut Random) -> Tally) -> (Tally, Duration) {
    let begun = Instant::now();
    let mut random = Random::of_case(job.world.seed, job.stage, job.case);
    // A panic has unwound, so what the case had mounted or started is gone.
    let tally = catch_unwind(AssertUnwindSafe(|| run(job, &mut random))).unwrap_or_else(|_| {
        let mut tally = Tally::default();
        if !job.world.stopping() {
            eprintln!("\nVIOLATION in {}, case {}: the case itself panicked", job.stage, job.case);
            tally.count(Kind::Broken);
        }
        tally
    });
    (tally, begun.elapsed())
}
