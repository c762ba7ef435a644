//! The black-box half of the torture campaign: the real `fernlog` under kills, torn writes, power
//! cuts, full disks, failing calls and wrong clocks, judged after every fault by one oracle.
//!
//! Without arguments it is the reduced gate of the tests; `tests/torture/run` runs all of it.
//! Everything random follows from one seed, which is printed.

mod clocks;
mod contend;
mod disk;
mod errors;
mod files;
mod full;
mod kill;
mod lanes;
mod moved;
mod odd;
mod options;
mod oracle;
mod power;
mod random;
mod report;
mod roll;
mod soak;
mod strace;
mod syscalls;
mod tally;
mod torn;
mod trial;
mod watch;
mod world;
mod writer;

use std::process::ExitCode;
use std::time::Instant;

use crate::lanes::{Amount, Stage};
use crate::options::Options;
use crate::world::{Need, World};

/// All stages, those first that take long and cannot be divided.
const STAGES: [Stage; 14] = [
    watch::STAGE,
    watch::RETENTION,
    soak::STAGE,
    power::STAGE,
    syscalls::STAGE,
    errors::STAGE,
    full::STAGE,
    roll::STAGE,
    kill::STAGE,
    torn::STAGE,
    contend::STAGE,
    clocks::STAGE,
    odd::STAGE,
    moved::STAGE,
];

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(mistake) => {
            report::warn(&format!("torture: {mistake}\n{}", options::USAGE));
            return ExitCode::from(2);
        }
    };
    disk::in_own_mount_namespace();
    let named = |stage: &&Stage| match &*options.stages {
        [] => true,
        names => names.iter().any(|name| name == stage.name),
    };
    let stages: Vec<&Stage> = STAGES.iter().filter(named).collect();
    let world = World::new(options.seed);
    report::say(&format!("torture: seed {}, binary {}", options.seed, world.binary.display()));
    let begun = Instant::now();
    let (runnable, skipped) = sort_out(&world, &stages);
    let results = lanes::run(&world, &runnable, &options);
    let report = report::text(&world, &options, &results, &skipped, begun.elapsed());
    report::say(&report);
    if let Some(path) = &options.publish
        && let Err(error) = report::publish(path, options.with.as_deref(), &report)
    {
        report::warn(&format!("torture: {}: {error}", path.display()));
        return ExitCode::from(2);
    }
    let clean = results.iter().all(|result| result.tally.is_clean());
    // What tests/run has installed must be usable where it counts.
    let forbidden = !skipped.is_empty() && (options.is_strict() || options.share == Some(1));
    if world.stopping() {
        report::say("torture: INTERRUPTED");
        return ExitCode::from(130);
    }
    if clean && !forbidden { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Parts the stages that can run here from those that cannot, and says so.
fn sort_out<'s>(world: &World, stages: &[&'s Stage]) -> (Vec<&'s Stage>, Vec<(&'s Stage, String)>) {
    let mut runnable = Vec::new();
    let mut skipped = Vec::new();
    for stage in stages {
        let lacks: Vec<&str> = stage.needs.iter().filter_map(|need| world.lacks(*need)).collect();
        if lacks.is_empty() {
            runnable.push(*stage);
        } else {
            let lacks = lacks.join(", ");
            report::warn(&format!("NOTICE: torture: {} NOT RUN, it needs {lacks}", stage.name));
            skipped.push((*stage, lacks));
        }
    }
    if !world.has_python() {
        report::warn("NOTICE: torture: no second opinions, target/venv or zstd is missing");
    }
    (runnable, skipped)
}
