//! Files that refuse: append-only, immutable, limited in size, devices in the place of files.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::disk::{Format, Mount};
use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::Need;
use crate::writer::Ran;

pub(crate) const STAGE: Stage = Stage {
    name: "odd",
    what: "append-only (chattr +a) and immutable (+i) files, ulimit -f with and without its signal, \
           acknowledgements into /dev/full, /dev/full as a log",
    needs: &[Need::Root, Need::Compiler],
    amount: Amount::Faults { full: 120, gate: 12, in_case: 6 },
    run,
};

type Oddity = fn(&mut Trial<'_>, &mut Random) -> bool;

const ODDITIES: [Oddity; 6] =
    [append_only, immutable, size_limit, size_limit_with_signal, deaf, device];

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let mount = Mount::image(job.world, Format::Ext4, 16);
    let mut tally = Tally::default();
    for (number, oddity) in ODDITIES.iter().enumerate() {
        let folder = mount.folder(&format!("log{number}"));
        let mut trial = Trial::at(job.world, job.stage, job.case, folder.clone());
        trial.variant = VARIANTS[random.within(0..2) as usize];
        let good = trial.append(random, 3) && oddity(&mut trial, random);
        trial.tally.faults += 1;
        tally += &trial.tally;
        // Also after a panic in between the image goes away as a whole.
        attribute("-ai", &folder.join("audit.log"));
        if !good {
            break;
        }
    }
    tally
}

/// The log can only grow: nothing that goes well needs more. A torn tail cannot be cut off, so the
/// next writer goes on behind it or says that it cannot; without the attribute all is well.
fn append_only(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    attribute("+a", &trial.log());
    let mut good = trial.append(random, 3);
    if good {
        let mut writer = trial.start(&[]);
        let delay = Duration::from_micros(random.within(1000..10_000));
        crate::kill::feed_until_killed(trial, &mut writer, random, delay);
        let ran = writer.finish();
        good = trial.judge(&ran, Acks::Hold) && trial.append(random, 1);
    }
    if good && random.once_in(2) {
        good = torn_append_only(trial, random);
    }
    attribute("-a", &trial.log());
    good && trial.recover(random)
}

fn torn_append_only(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    let ran = crate::torn::tear_a_line(trial, random);
    if !trial.judge(&ran, Acks::Hold) {
        return false;
    }
    let mut writer = trial.start(&[]);
    trial.converse(&mut writer, random, 1);
    let ran = writer.finish();
    if !ran.said_or_mended() {
        let text = format!("a torn tail that cannot be cut: {:?}: {}", ran.code, ran.said.trim());
        trial.violated(Kind::Broken, &text);
    }
    trial.judge(&ran, Acks::Hold)
}

/// Nothing can be written: said, and over once it can.
fn immutable(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    attribute("+i", &trial.log());
    let mut writer = trial.start(&[]);
    trial.converse(&mut writer, random, 2);
    let before = writer.finish();
    attribute("-i", &trial.log());
    let good = refused(trial, &before) && trial.judge(&before, Acks::Hold) && trial.recover(random);
    // A descriptor that is open already loses the right to write, too.
    let mut writer = trial.start(&[]);
    trial.converse(&mut writer, random, 2);
    attribute("+i", &trial.log());
    trial.converse(&mut writer, random, 2);
    let during = writer.finish();
    let good = good && refused(trial, &during) && trial.judge(&during, Acks::Hold);
    attribute("-i", &trial.log());
    good && trial.recover(random)
}

/// A process that ignores SIGXFSZ is told by the write.
fn size_limit(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    let under = shell("trap '' XFSZ; ulimit -f 20; exec \"$@\"");
    let ran = until_it_ends(trial, random, &under);
    refused(trial, &ran) && trial.judge(&ran, Acks::Hold) && trial.recover(random)
}

/// One that does not dies of it, as by any other kill.
fn size_limit_with_signal(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    let under = shell("ulimit -f 30; exec \"$@\"");
    let ran = until_it_ends(trial, random, &under);
    if ran.signal.is_none() {
        return refused(trial, &ran) && trial.judge(&ran, Acks::Hold) && trial.recover(random);
    }
    trial.judge(&ran, Acks::Hold) && trial.recover(random)
}

/// Nobody can be told, and everything is in all the same.
fn deaf(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    let under = shell("exec \"$@\" > /dev/full");
    let mut writer = trial.start(&under);
    writer.send(trial.lines(random, 20));
    let ran = writer.finish();
    if ran.code != Some(2) {
        let text = format!("with nobody to tell: {:?}: {}", ran.code, ran.said.trim());
        trial.violated(Kind::Broken, &text);
    }
    let there = trial.tally.found;
    let judged = trial.judge(&ran, Acks::Hold);
    if trial.tally.found != there + 20 {
        trial.violated(Kind::Lost(20), "records without acknowledgement were left out");
    }
    judged && trial.recover(random)
}

/// A device is no log.
fn device(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    for place in ["/dev/full", "/dev/null", "/dev/zero"] {
        let mut command = Command::new(&trial.world.binary);
        command.args(["append", place, "-k"]).arg(trial.world.tool("audit.key")).arg("--plain");
        let mut writer = trial.start_command(command);
        writer.send(trial.lines(random, 1));
        let ran = writer.finish();
        if !refused(trial, &ran) {
            return false;
        }
        drop(std::fs::remove_file(format!("{place}.lock")));
    }
    true
}

/// Sends lines until the writer has had enough.
fn until_it_ends(trial: &mut Trial<'_>, random: &mut Random, under: &[OsString]) -> Ran {
    let mut writer = trial.start(under);
    for _ in 0..200 {
        if !(writer.send(trial.lines(random, 2)) && writer.settled()) {
            break;
        }
    }
    writer.finish()
}

fn refused(trial: &mut Trial<'_>, ran: &Ran) -> bool {
    let right = ran.code == Some(2) && ran.said.contains("fernlog: error: ");
    if !right {
        let text = format!("not refused: {:?}, {:?}: {}", ran.code, ran.signal, ran.said.trim());
        trial.violated(Kind::Broken, &text);
    }
    right
}

fn shell(script: &str) -> Vec<OsString> {
    ["sh", "-c", script, "sh"].map(OsString::from).to_vec()
}

fn attribute(change: &str, path: &Path) {
    drop(crate::world::quiet("chattr", [change.as_ref(), path.as_os_str()]).status());
}
