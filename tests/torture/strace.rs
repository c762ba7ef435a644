//! System calls of a writer: which there are, and how one of them is made to go wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::random::Random;
use crate::trial::{Acks, Trial};
use crate::world::Place;

/// The calls that change files. Those that a machine does not have are passed over.
const CALLS: &str =
    "trace=write,fdatasync,fsync,?rename,?renameat,renameat2,openat,ftruncate,?unlink,?unlinkat";

/// The nth call of a name, counted in the thread that appends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) call: String,
    pub(crate) nth: u64,
}

impl Point {
    /// The words in front of a command that is to meet `fault` here.
    pub(crate) fn under(&self, fault: &str) -> Vec<OsString> {
        let Point { call, nth } = self;
        let trace = format!("trace={call}");
        let inject = format!("inject={call}:{fault}:when={nth}");
        words(&["strace", "-f", "-qqq", "-o", "/dev/null", "-e", &trace, "-e", &inject])
    }

    /// As [`Point::under`], at this call and at all that follow.
    pub(crate) fn under_for_ever(&self, fault: &str) -> Vec<OsString> {
        let mut words = self.under(fault);
        if let Some(last) = words.last_mut() {
            last.push("+");
        }
        words
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// Lets a writer append undisturbed and gives the calls with which it touched the log's folder.
/// None if even that went wrong, which is written down.
pub(crate) fn points(
    trial: &mut Trial<'_>,
    random: &mut Random,
    batches: u64,
) -> Option<Vec<Point>> {
    let folder = trial.world.folder(Place::Fast);
    let trace = folder.path().join("trace");
    let mut under = words(&["strace", "-f", "-y", "-qqq", "-s", "0", "-e", CALLS, "-o"]);
    under.push(trace.clone().into());
    let mut writer = trial.start(&under);
    trial.converse(&mut writer, random, batches);
    let ran = writer.finish();
    if !(trial.ended_well(&ran) && trial.judge(&ran, Acks::Hold)) {
        return None;
    }
    let text = std::fs::read_to_string(&trace).unwrap_or_default();
    let within = trial.folder().to_str()?.to_owned();
    let mut first_thread = None;
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut points = Vec::new();
    for line in text.lines() {
        let (thread, call) = line.split_once(' ')?;
        let Some((name, rest)) = call.trim_start().split_once('(') else { continue };
        // Other threads have counts of their own, and `<... resumed>` is no new call.
        if thread != *first_thread.get_or_insert(thread) || name.contains(' ') {
            continue;
        }
        let nth = counts.entry(name).or_default();
        *nth += 1;
        if rest.contains(&within) {
            points.push(Point { call: name.to_owned(), nth: *nth });
        }
    }
    Some(points)
}
