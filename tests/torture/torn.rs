//! Writes that stop in the middle and syncs that fail, by a preloaded shim.

use std::path::Path;
use std::process::Command;

use crate::lanes::{Amount, Job, Stage};
use crate::random::Random;
use crate::tally::{Kind, Tally};
use crate::trial::{Acks, Trial, VARIANTS};
use crate::world::{Need, Place};
use crate::writer::Ran;

pub(crate) const STAGE: Stage = Stage {
    name: "torn",
    what: "a write stops after some bytes (death, short count, error after it) or a sync fails",
    needs: &[Need::Compiler],
    amount: Amount::Faults { full: 10_000, gate: 200, in_case: 20 },
    run,
};

/// Call, what follows, and how often of thirteen.
const FAULTS: [(&str, &str); 13] = [
    ("write", "kill"),
    ("write", "kill"),
    ("write", "kill"),
    ("write", "kill"),
    ("write", "kill"),
    ("write", "kill"),
    ("write", "short"),
    ("write", "short"),
    ("write", "fail"),
    ("write", "fail"),
    ("sync", "eio"),
    ("sync", "ever"),
    ("sync", "lose"),
];

fn run(job: &Job<'_>, random: &mut Random) -> Tally {
    let mut trial = Trial::new(job.world, job.stage, job.case, Place::Fast);
    trial.variant = *random.pick(&VARIANTS);
    let mut tries = 0;
    while trial.tally.faults < job.amount && tries < 10 * job.amount && one(&mut trial, random) {
        tries += 1;
    }
    trial.tally
}

/// One fault, often another one while it is being mended, and what must follow.
pub(crate) fn one(trial: &mut Trial<'_>, random: &mut Random) -> bool {
    let again = random.once_in(3);
    fault(trial, random, 16) && (!again || fault(trial, random, 4)) && trial.recover(random)
}

/// Lets one of the first `calls` calls of a writer go wrong.
fn fault(trial: &mut Trial<'_>, random: &mut Random, calls: u64) -> bool {
    let (call, then) = *random.pick(&FAULTS);
    let hit = trial.world.folder(Place::Fast);
    let mark = hit.path().join("hit");
    // Half of the lines fit into 300 bytes.
    let bytes = if random.once_in(2) { random.within(0..300) } else { random.within(0..6000) };
    let nth = random.within(1..calls + 1);
    let mut command = shimmed(trial, trial.folder(), call, then, nth, bytes);
    command.env("SHIM_HIT", &mark);
    let mut writer = trial.start_command(command);
    let batches = random.within(1..8);
    trial.converse(&mut writer, random, batches);
    let ran = writer.finish();
    let happened = mark.exists();
    trial.tally.faults += u64::from(happened);
    if let Some(text) = wrong_end(&ran, happened.then_some((call, then))) {
        trial.violated(Kind::Broken, &text);
    }
    // Bytes that the kernel threw away were promised to survive the process, not the disk.
    let kept = then != "lose" || trial.variant.contains(&"durable");
    trial.judge(&ran, if kept { Acks::Hold } else { Acks::MayBeLost })
}

/// A writer with the shim in it.
fn shimmed(
    trial: &Trial<'_>,
    files: &Path,
    call: &str,
    then: &str,
    nth: u64,
    bytes: u64,
) -> Command {
    let mut command = trial.append_command(&[], trial.variant);
    command.env("LD_PRELOAD", trial.world.tool("shim")).env("SHIM_FOLDER", files);
    command.env("SHIM_CALL", call).env("SHIM_THEN", then);
    command.env("SHIM_NTH", nth.to_string()).env("SHIM_BYTES", bytes.to_string());
    command
}

/// A writer that dies in the middle of a line; the tail is there.
pub(crate) fn tear_a_line(trial: &mut Trial<'_>, random: &mut Random) -> Ran {
    let mut command = shimmed(trial, &trial.log(), "write", "kill", 1, random.within(1..80));
    command.env("SHIM_EXACT", "1");
    let mut writer = trial.start_command(command);
    trial.converse(&mut writer, random, 1);
    writer.finish()
}

/// How a writer may not end.
fn wrong_end(ran: &Ran, fault: Option<(&str, &str)>) -> Option<String> {
    let all = ran.acks.len() == ran.sent.len();
    let right = match fault {
        Some((_, "kill")) => ran.signal == Some(9),
        None | Some((_, "short")) => ran.code == Some(0) && all,
        // Said, or mended with nothing left out.
        Some(_) => ran.said_or_mended(),
    };
    (!right).then(|| {
        let (code, signal, said) = (ran.code, ran.signal, ran.said.trim());
        format!("after {fault:?} the writer ended with {code:?}, signal {signal:?}: {said}")
    })
}
