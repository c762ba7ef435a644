//! Files taken away under a running writer: mv, rm, copytruncate, another file in their place. It
//! is noticed within a second, nothing goes into a dead inode, and what is lost is said.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::Place;
use crate::writer::{Ran, Writer};

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

/// Stands in the place of the log; is kept, and never written to.
const FOREIGN: &[u8] = b"somebody else's line\n";

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
            .and_then(|()| fs::write(&log, FOREIGN)),
        Way::CopyTruncated => fs::copy(&log, &aside)
            .and_then(|_| fs::OpenOptions::new().write(true).truncate(true).open(&log).map(drop)),
    }
    .unwrap();
    // Within this time it has to be noticed.
    thread::sleep(Duration::from_secs(1));
    trial.converse(&mut writer, random, 4);
    let dead = dead_files(&writer, &aside);
    let ran = writer.finish();
    if !dead.is_empty() {
        let text = format!("{way:?}, and a second later it still holds {}", dead.join(", "));
        trial.violated(Kind::Broken, &text);
    }
    if way == Way::Replaced {
        trial.expect_foreign(FOREIGN);
    }
    if way == Way::CopyTruncated {
        return truncated(trial, random, &ran);
    }
    let judged = trial.ended_well(&ran) && trial.judge(&ran, Acks::Hold);
    judged && trial.recover(random)
}

/// Files that a writer holds open although nobody will look for the log there.
fn dead_files(writer: &Writer, aside: &Path) -> Vec<String> {
    let descriptors = format!("/proc/{}/fd", writer.pid().as_raw_nonzero());
    let links = fs::read_dir(descriptors).into_iter().flatten().flatten();
    let links = links.filter_map(|entry| fs::read_link(entry.path()).ok());
    let names = links.map(|path| path.display().to_string());
    names.filter(|name| name.ends_with(" (deleted)") || Path::new(name) == aside).collect()
}

/// What was cut off by somebody else is gone from the log; the log says so and goes on.
fn truncated(trial: &mut Trial<'_>, random: &mut Random, ran: &Ran) -> bool {
    if !trial.ended_well(ran) {
        return false;
    }
    let there = trial.messages();
    let gone = ran.sent.iter().filter(|sent| !there.contains(*sent)).count();
    if gone == 0 {
        // What is not synced yet is in memory, and was written again.
        return trial.judge(ran, Acks::Hold) && trial.recover(random);
    }
    let (code, said) = trial.verify();
    if !(code == Some(10) && ["FL302", "FL202"].iter().any(|id| said.contains(id))) {
        let text = format!("{gone} records were cut off, and verify said {code:?}: {said}");
        trial.violated(Kind::FalseAlarm, &text);
    }
    trial.goes_on()
}
