//! Disks filled to the last byte by somebody else, and freed again.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use crate::disk::{Format, Mount};
use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::Need;
use crate::writer::Ran;

pub(crate) const STAGE: Stage = Stage {
    name: "full",
    what: "a tmpfs of 64 KiB to 1 MiB or an ext4 of 8 MiB is filled to the byte under the writer, \
           which must say so and stop; freed, appending goes on",
    needs: &[Need::Root],
    amount: Amount::Faults { full: 500, gate: 10, in_case: 10 },
    run,
};

/// Lines within which a full disk must be noticed: more than one page and one block hold.
const PATIENCE: u64 = 200;

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let sizes = [64, 128, 256, 1024];
    let size = *random.pick(&sizes);
    let mount = match job.case % 5 {
        4 => Mount::image(job.world, Format::Ext4, 8),
        _ => Mount::tmpfs(job.world, size),
    };
    let mut tally = Tally::default();
    let mut round = 0;
    while tally.faults < job.amount && !job.world.stopping() {
        // A log of its own each time, so that the disk is not full of records.
        round += 1;
        let folder = mount.folder(&format!("log{round}"));
        let mut trial = Trial::at(job.world, job.stage, job.case, folder.clone());
        trial.variant = *random.pick(&VARIANTS);
        let filler = mount.path().join("filler");
        let good = one(&mut trial, random, &filler);
        tally += &trial.tally;
        std::fs::remove_dir_all(folder).unwrap();
        if !good {
            break;
        }
    }
    tally
}

/// Fills the disk before or in the middle of an append, then frees it.
fn one(trial: &mut Trial<'_>, random: &mut Random, filler: &Path) -> bool {
    if !small(trial, random, 2) {
        return false;
    }
    let early = random.once_in(4);
    if early {
        fill(filler);
    }
    let mut writer = trial.start(&[]);
    let mut taken = true;
    if !early {
        taken = writer.send(short(trial, random, 3)) && writer.settled();
        fill(filler);
    }
    let mut lines = 0;
    while taken && lines < PATIENCE {
        taken = writer.send(short(trial, random, 1)) && writer.settled();
        lines += 1;
    }
    let ran = writer.finish();
    trial.tally.faults += 1;
    if !failed_closed(&ran) {
        let text =
            format!("on a full disk the writer ended with {:?}: {}", ran.code, ran.said.trim());
        trial.violated(Kind::Broken, &text);
    }
    // While it is full everything can be read, and a second try fails as the first.
    let judged = trial.judge(&ran, Acks::Hold);
    if judged && random.once_in(2) {
        let mut writer = trial.start(&[]);
        while writer.send(short(trial, random, 5)) && writer.settled() {}
        let ran = writer.finish();
        if !failed_closed(&ran) || !trial.judge(&ran, Acks::Hold) {
            trial.violated(Kind::Broken, &format!("second try: {:?}: {}", ran.code, ran.said));
            return false;
        }
    }
    std::fs::remove_file(filler).unwrap();
    judged && trial.goes_on() && small(trial, random, 1) && no_tails(trial, random)
}

fn failed_closed(ran: &Ran) -> bool {
    ran.code == Some(2)
        && ran.said.contains("fernlog: error: ")
        && ran.said.contains("no space left")
}

/// An undisturbed writer of a few short lines.
fn small(trial: &mut Trial<'_>, random: &mut Random, lines: u64) -> bool {
    let mut writer = trial.start(&[]);
    writer.send(short(trial, random, lines));
    let ran = writer.finish();
    trial.ended_well(&ran) && trial.judge(&ran, Acks::Hold)
}

/// As `small`, and everything that was torn is saved.
fn no_tails(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    let lines = short(trial, random, 1);
    trial.recover_with(lines)
}

/// Lines of which many fit on a small disk.
fn short(trial: &mut Trial<'_>, random: &mut Random, count: u64) -> Vec<String> {
    let mut lines = trial.lines(random, count);
    for line in &mut lines {
        line.truncate(60);
    }
    lines
}

/// Writes until not one byte more finds room.
fn fill(filler: &Path) {
    let mut file = OpenOptions::new().create(true).append(true).open(filler).unwrap();
    let zeros = vec![0; 64 << 10];
    let mut chunk = zeros.len();
    while chunk > 0 {
        if file.write(&zeros[..chunk]).is_ok_and(|count| count > 0) {
            // ext4 may promise room that it finds missing only now.
            drop(file.sync_data());
        } else {
            chunk /= 2;
        }
    }
}
