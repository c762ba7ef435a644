//! Power cuts: the file system is shut down under the writer without its journal, mounted again,
//! and holds what was synced and perhaps some of the rest.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::disk::{Format, Mount};
use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::{Need, World};

pub(crate) const STAGE: Stage = Stage {
    name: "power",
    what: "power cut (FS_IOC_SHUTDOWN without log flush), half on ext4 and half on xfs",
    needs: &[Need::Root, Need::Compiler, Need::Xfs],
    amount: Amount::Faults { full: 200, gate: 4, in_case: 2 },
    run,
};

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let format = [Format::Ext4, Format::Xfs][job.case as usize % 2];
    let mount = match format {
        Format::Ext4 => Mount::image(job.world, format, 64),
        // Less is refused.
        Format::Xfs => Mount::image(job.world, format, 300),
    };
    let mut trial = Trial::at(job.world, job.stage, job.case, mount.folder("log"));
    trial.variant = *random.pick(&VARIANTS);
    sync_folder(mount.path());
    let mut going = random.once_in(4) || trial.append(random, 2);
    while going && trial.tally.faults < job.amount {
        going = one(&mut trial, random, &mount, job.world);
    }
    trial.tally
}

/// The folder of a log is there before the log.
fn sync_folder(path: &std::path::Path) {
    std::fs::File::open(path).and_then(|folder| folder.sync_all()).unwrap();
}

/// One cut, now and then another one while it is being mended, and what must follow.
fn one(trial: &mut Trial<'_>, random: &mut Random, mount: &Mount, world: &World) -> bool {
    let again = random.once_in(4);
    if !cut(trial, random, mount, world, 1000..60_000) {
        return false;
    }
    (!again || cut(trial, random, mount, world, 1000..9000)) && trial.recover(random)
}

fn cut(
    trial: &mut Trial<'_>,
    random: &mut Random,
    mount: &Mount,
    world: &World,
    micros: std::ops::Range<u64>,
) -> bool {
    let mut writer = trial.start(&[]);
    let delay = Duration::from_micros(random.within(micros));
    let killed = random.once_in(2);
    let mut before = 0;
    thread::scope(|scope| {
        let (pid, arrived, before) = (writer.pid(), writer.arrived(), &mut before);
        scope.spawn(move || {
            thread::sleep(delay);
            // What is acknowledged on a dead machine does not count: xfs lets a sync succeed that
            // waits while the power is cut.
            *before = arrived.load(Ordering::SeqCst);
            mount.cut_power(world);
            if killed {
                crate::writer::kill(pid);
            }
        });
        // A writer whose disk is gone has to notice by itself.
        for _ in 0..300 {
            let count = random.within(1..20);
            if !writer.send(trial.lines(random, count)) {
                break;
            }
            thread::sleep(Duration::from_micros(random.within(0..1000)));
        }
    });
    let mut ran = writer.finish();
    ran.acks.truncate(before);
    let said_so = ran.code == Some(2) && ran.said.contains("fernlog: error: ");
    if !(killed || said_so) {
        let (code, signal, said) = (ran.code, ran.signal, ran.said.trim());
        let text = format!("on a dead disk the writer ended with {code:?}, {signal:?}: {said}");
        trial.violated(Kind::Broken, &text);
    }
    mount.start_again();
    trial.tally.faults += 1;
    let durable = trial.variant.contains(&"durable");
    trial.judge(&ran, if durable { Acks::Hold } else { Acks::MayBeLost })
}
