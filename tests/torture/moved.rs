//! Files taken away under a running writer: mv, rm, copytruncate, another file in their place. It
//! is noticed within a second, nothing goes into a dead inode, and what is lost is said.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::Place;

pub(crate) const STAGE: Stage = Stage {
    name: "moved",
    what: "mv, rm, copytruncate and another file in the place of the log, under a running writer",
    needs: &[],
    amount: Amount::Faults { full: 120, gate: 8, in_case: 4 },
    run,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Moved,
    Removed,
    Replaced,
    CopyTruncated,
}

const WAYS: [Way; 4] = [Way::Moved, Way::Removed, Way::Replaced, Way::CopyTruncated];

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let mut tally = Tally::default();
    for way in WAYS {
        let mut trial = Trial::new(job.world, job.stage, job.case, Place::Fast);
        trial.variant = *random.pick(&VARIANTS);
        let good = one(&mut trial, random, way);
        trial.tally.faults += 1;
        tally += &trial.tally;
        if !good {
            break;
        }
    }
    tally
}

fn one(trial: &mut Trial<'_>, random: &mut Random, way: Way) -> bool {
    let log = trial.log();
    let aside = trial.world.folder(Place::Fast);
    let aside = aside.path().join("aside");
    let mut writer = trial.start(&[]);
    trial.converse(&mut writer, random, 4);
    match way {
        Way::Moved => fs::rename(&log, &aside),
        Way::Removed => fs::remove_file(&log),
        Way::Replaced => fs::copy(&log, &aside)
            .and_then(|_| fs::remove_file(&log))
            .and_then(|()| fs::write(&log, "")),
        Way::CopyTruncated => fs::copy(&log, &aside)
            .and_then(|_| fs::OpenOptions::new().write(true).truncate(true).open(&log).map(drop)),
    }
    .unwrap();
    // Within this time it has to be noticed.
    thread::sleep(Duration::from_secs(1));
    trial.converse(&mut writer, random, 4);
    let ran = writer.finish();
    if way == Way::CopyTruncated {
        return truncated(trial, &ran);
    }
    let judged = trial.ended_well(&ran) && trial.judge(&ran, Acks::Hold);
    judged && trial.recover(random)
}

/// What was cut off by somebody else is gone from the log; the log says so and goes on.
fn truncated(trial: &mut Trial<'_>, ran: &crate::writer::Ran) -> bool {
    if !trial.ended_well(ran) {
        return false;
    }
    let (code, said) = trial.verify();
    let says = |finding: &str| said.contains(finding);
    if !(matches!(code, Some(0 | 10)) && (says("FL309") || says("FL302") || says("FL202"))) {
        let text = format!("records were cut off, and verify said {code:?}: {said}");
        trial.violated(Kind::FalseAlarm, &text);
    }
    trial.goes_on()
}
