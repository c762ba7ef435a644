//! Every story under every fault, and every image of each.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::write::campaign::disk::{
    Depth, ERRNOS, Errno, Fault, Files, Random, SimDisk, Step, Trouble, images, set_clock,
};
use crate::write::campaign::oracle::{Knowledge, Oracle, Verdict, Wrong};
use crate::write::campaign::story::{Keys, Player, STORIES, Story, Told};
use crate::write::campaign::table::Table;
use crate::write::log::Durability;

const EIO: Errno = ERRNOS[0];
const ENOSPC: Errno = ERRNOS[1];

/// Images that are kept to be recovered from with faults.
const SAMPLES: usize = 24;

/// All runs.
pub(super) struct Campaign {
    keys: Arc<Keys>,
    seed: u64,
    /// Only one of so many faults and images.
    thin: u64,
    only: Option<String>,
    pub(super) table: Table,
}

/// Where a run stands in the table and how to have it again.
struct Place<'p> {
    at: usize,
    story: &'p str,
    /// Kind of the fault, for the table.
    kind: &'p str,
    /// The fault and its call.
    fault: String,
}

impl Place<'_> {
    fn row(&self) -> (usize, &str, &str) {
        (self.at, self.story, self.kind)
    }

    fn name(&self) -> String {
        format!("{}/{}/{}", self.story, self.kind, self.fault)
    }
}

/// A story that was told.
struct Ran {
    player: Player,
    steps: Vec<Step>,
    told: Vec<Told>,
    calls: usize,
}

impl Campaign {
    pub(super) fn new(seed: u64, thin: u64) -> Self {
        let only = std::env::var("FERNLOG_CAMPAIGN").ok();
        Self { keys: Arc::new(Keys::new()), seed, thin, only, table: Table::default() }
    }

    pub(super) fn run(&mut self) {
        for (at, story) in STORIES.iter().enumerate() {
            let keys = Arc::clone(&self.keys);
            let mut oracle = Oracle::new(&keys);
            let (calls, samples) = self.crashes(at, story, &mut oracle);
            self.kills(at, story, calls, &mut oracle);
            self.errors(at, story, calls, &mut oracle);
            self.recoveries(at, story, &samples, &mut oracle);
            self.table.verified += oracle.verified;
        }
        set_clock(None);
    }

    /// Whether this run is asked for.
    fn wants(&self, place: &Place<'_>, random: &mut Random) -> bool {
        match &self.only {
            Some(only) => place.name().starts_with(only.as_str()),
            None => self.thin <= 1 || random.below(self.thin) == 0,
        }
    }

    /// Tells a story; the fault waits for its call.
    fn tell(&self, story: &Story, fault: Option<Fault>) -> Ran {
        let disk = SimDisk::new();
        disk.trace();
        if let Some(fault) = fault {
            disk.break_with(fault);
        }
        let mut player = Player::new(&self.keys, disk);
        story.1(&mut player);
        if player.disk.is_dead() {
            player.kill();
        }
        let calls = player.disk.calls();
        Ran { steps: Vec::new(), told: Vec::new(), player, calls }
    }

    /// No fault: a power cut behind every call.
    fn crashes(
        &mut self,
        at: usize,
        story: &Story,
        oracle: &mut Oracle<'_>,
    ) -> (usize, Vec<(Files, usize, Vec<Told>)>) {
        let begin = Instant::now();
        let place = Place { at, story: story.0, kind: "power cut", fault: "none".to_owned() };
        let mut ran = self.tell(story, None);
        let calls = ran.calls;
        self.live_on(&place, &mut ran, oracle);
        let mut samples = Vec::new();
        let depth = Depth { one_of: self.thin.div_ceil(100) };
        if self.wants(&place, &mut Random::new(0)) || self.only.is_none() {
            self.images(&place, &ran, 0, depth, oracle, &mut samples);
        }
        let row = self.table.row(at, story.0, "power cut");
        row.runs += 1;
        row.calls += ran.calls;
        row.time += begin.elapsed();
        (calls, samples)
    }

    /// The process is killed at every call; the next one goes on, on the same running system, and
    /// then the power fails.
    fn kills(&mut self, at: usize, story: &Story, calls: usize, oracle: &mut Oracle<'_>) {
        for call in 0..calls {
            for trouble in [Trouble::Killed, Trouble::KilledInside] {
                let fault = Fault::once(call, trouble);
                let name = format!("{trouble:?} at {call}.");
                let place = Place { at, story: story.0, kind: "killed", fault: name };
                self.one(&place, story, fault, 40, oracle);
            }
        }
    }

    fn errors(&mut self, at: usize, story: &Story, calls: usize, oracle: &mut Oracle<'_>) {
        for call in 0..calls {
            for (number, errno) in ERRNOS.into_iter().enumerate() {
                let trouble = Trouble::Error(errno);
                let until = |calls| Fault { from: call, until: call + calls, trouble };
                let faults = [
                    ("error once", Fault::once(call, trouble)),
                    ("error for 4 calls", until(4)),
                    ("error for 25 calls", until(25)),
                    ("error for ever", Fault::for_ever(call, trouble)),
                ];
                // The numbers differ in what is said of them and in EINTR, which is tried again:
                // all ways with the first one, and each of the others with one way in turn.
                let turn = (call + number) % faults.len();
                for (way, (kind, fault)) in faults.into_iter().enumerate() {
                    if errno != EIO && way != turn {
                        continue;
                    }
                    let one_of = if errno == EIO { 80 } else { 400 };
                    let name = format!("{} at {call}.", errno.0);
                    let place = Place { at, story: story.0, kind, fault: name };
                    self.one(&place, story, fault, one_of, oracle);
                }
            }
            for trouble in [Trouble::Dropped(EIO), Trouble::Short, Trouble::ShortThen(ENOSPC)] {
                let kind = match trouble {
                    Trouble::Dropped(_) => "pages dropped",
                    _ => "short write",
                };
                let fault = Fault::once(call, trouble);
                let name = format!("{trouble:?} at {call}.");
                let place = Place { at, story: story.0, kind, fault: name };
                self.one(&place, story, fault, 40, oracle);
            }
        }
    }

    /// One story with one fault: does it go on by itself, and what does a power cut leave?
    fn one(
        &mut self,
        place: &Place<'_>,
        story: &Story,
        fault: Fault,
        one_of: u64,
        oracle: &mut Oracle<'_>,
    ) {
        let mut random = Random::new((self.seed, place.name()));
        if !self.wants(place, &mut random) {
            return;
        }
        let begin = Instant::now();
        let mut ran = self.tell(story, Some(fault));
        ran.player.disk.heal();
        self.live_on(place, &mut ran, oracle);
        self.images(place, &ran, fault.from, Depth { one_of }, oracle, &mut Vec::new());
        let errors = ran.player.disk.errors();
        let row = self.table.row(place.at, place.story, place.kind);
        row.runs += 1;
        row.calls += ran.calls;
        row.errors += errors;
        row.time += begin.elapsed();
    }

    /// The disk works again: so must the log, without being opened again if it is open.
    fn live_on(&mut self, place: &Place<'_>, ran: &mut Ran, oracle: &mut Oracle<'_>) {
        let verdict = live_on(ran, oracle);
        ran.steps = ran.player.disk.take_steps();
        ran.told = ran.player.told.lock().unwrap().clone();
        if let Err((wrong, what)) = verdict {
            self.table.found(place.row(), wrong, &what, &place.name());
        }
    }

    /// Judges the images behind each step from call `from` on.
    fn images(
        &mut self,
        place: &Place<'_>,
        ran: &Ran,
        from: usize,
        depth: Depth,
        oracle: &mut Oracle<'_>,
        samples: &mut Vec<(Files, usize, Vec<Told>)>,
    ) {
        let mut seen = HashSet::new();
        for step in ran.steps.iter().filter(|step| step.at >= from) {
            let known = Knowledge::of(&ran.told[..step.mark]);
            let mut random = Random::new((self.seed, place.name(), step.at));
            let one = self.only.as_ref().is_some_and(|only| only.ends_with('.'));
            let depth = if one { Depth { one_of: 1 } } else { depth };
            images(&step.content, depth, &mut random, |number, kind, files| {
                *self.table.kinds.entry(kind).or_default() += 1;
                let row = self.table.row(place.at, place.story, place.kind);
                row.images += 1;
                let mut hasher = DefaultHasher::new();
                (&files, step.mark).hash(&mut hasher);
                if !seen.insert(hasher.finish()) {
                    return;
                }
                row.distinct += 1;
                if let Err((wrong, what)) = oracle.judge(&files, &known) {
                    let (at, call, name) = (step.at, step.call, &step.name);
                    let place_name = place.name();
                    let where_ = format!(
                        "{place_name} then a cut behind call {at} ({call:?} {name}), image {number} ({kind})"
                    );
                    self.table.found(place.row(), wrong, &what, &where_);
                }
                keep(samples, (files, step.mark, ran.told[..step.mark].to_vec()), seen.len());
            });
        }
    }

    /// Faults while a log is opened that a power cut has left.
    fn recoveries(
        &mut self,
        at: usize,
        story: &Story,
        samples: &[(Files, usize, Vec<Told>)],
        oracle: &mut Oracle<'_>,
    ) {
        for (number, (files, _, told)) in samples.iter().enumerate() {
            let healthy = self.recover(files, told, None);
            for call in 0..healthy.calls {
                let troubles = [
                    ("recovery killed", Trouble::Killed),
                    ("recovery killed", Trouble::KilledInside),
                    ("recovery error", Trouble::Error(EIO)),
                    ("recovery error", Trouble::Error(ENOSPC)),
                    ("recovery dropped", Trouble::Dropped(EIO)),
                    ("recovery short", Trouble::ShortThen(ENOSPC)),
                ];
                for (kind, trouble) in troubles {
                    let name = format!("sample {number}, {trouble:?} at {call}.");
                    let place = Place { at, story: story.0, kind, fault: name };
                    let mut random = Random::new((self.seed, place.name()));
                    let some = self.only.is_some() || random.below(3) == 0;
                    if !some || !self.wants(&place, &mut random) {
                        continue;
                    }
                    let begin = Instant::now();
                    let fault = Fault::once(call, trouble);
                    let mut ran = self.recover(files, told, Some(fault));
                    ran.player.disk.heal();
                    self.live_on(&place, &mut ran, oracle);
                    let depth = Depth { one_of: 20 };
                    self.images(&place, &ran, call, depth, oracle, &mut Vec::new());
                    let errors = ran.player.disk.errors();
                    let row = self.table.row(at, story.0, kind);
                    row.runs += 1;
                    row.calls += ran.calls;
                    row.errors += errors;
                    row.time += begin.elapsed();
                }
            }
        }
    }

    fn recover(&self, files: &Files, told: &[Told], fault: Option<Fault>) -> Ran {
        let disk = SimDisk::of(files);
        disk.trace();
        if let Some(fault) = fault {
            disk.break_with(fault);
        }
        let mut player = Player::new(&self.keys, disk);
        player.go_back_to(told);
        player.open(player.settings);
        player.append(Durability::Written);
        if player.disk.is_dead() {
            player.kill();
        }
        let calls = player.disk.calls();
        Ran { steps: Vec::new(), told: Vec::new(), player, calls }
    }
}

fn live_on(ran: &mut Ran, oracle: &mut Oracle<'_>) -> Verdict {
    let player = &mut ran.player;
    player.wait(Duration::from_secs(2));
    if player.log.is_none() {
        player.open(player.settings);
        let told = player.told.lock().unwrap().clone();
        if player.log.is_none() {
            if Knowledge::of(&told).meddled {
                return Ok(());
            }
            let error = player.settings.open(&player.keys, &player.disk).err();
            return Err((Wrong::FalseAlarm, format!("not opened again: {error:?}")));
        }
    }
    if !player.append(Durability::Durable) {
        let error = player.last_error();
        return Err((Wrong::Stuck, format!("a healed disk: {error}")));
    }
    let known = Knowledge::of(&player.told.lock().unwrap());
    player.flush();
    let files = player.disk.files();
    let contents = oracle.look(&files, &known)?;
    known.check_alive(&contents, player.first)?;
    player.append(Durability::Written);
    player.close();
    let known = Knowledge::of(&player.told.lock().unwrap());
    let files = player.disk.files();
    let contents = oracle.look(&files, &known)?;
    known.check_alive(&contents, player.first)?;
    oracle.verify_some(&files, &known)
}

/// Keeps some of many, evenly (the places of a sample that is doubled when it is full).
fn keep<T>(samples: &mut Vec<T>, sample: T, count: usize) {
    let stride = (count / SAMPLES).next_power_of_two();
    if count.is_multiple_of(stride) {
        if samples.len() >= SAMPLES {
            let mut number = 0;
            samples.retain(|_| {
                number += 1;
                u64::is_multiple_of(number, 2)
            });
        }
        samples.push(sample);
    }
}
