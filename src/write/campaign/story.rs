//! What applications do with a log, told step by step, and what they were told in return.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::crypto::{Key, Keyring, SigningKey};
use crate::error::Result;
use crate::format::{Level, Record, UnixTime};
use crate::write::builder::Builder;
use crate::write::campaign::disk::{SimDisk, set_clock};
use crate::write::log::{AuditLog, Durability};

/// In the message of every record; nowhere else unless something was written in clear text.
pub(super) const NEEDLE: &str = "needle-";
pub(super) const FOLDER: &str = "/logs";
const START: i64 = 1_790_000_000;

/// Keys of all stories: made once.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) fernet: [Key; 2],
    pub(super) log: SigningKey,
}

impl Keys {
    pub(super) fn new() -> Self {
        let fernet = [Key::generate().unwrap(), Key::generate().unwrap()];
        Self { fernet, log: SigningKey::generate("example.com/campaign").unwrap() }
    }
}

/// How a log is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) plain: bool,
    /// Whether the second key is the primary.
    pub(super) second_key: bool,
    pub(super) roll_size: Option<u64>,
}

impl Settings {
    pub(super) fn open(self, keys: &Keys, disk: &SimDisk) -> Result<AuditLog> {
        let [first, second] = &keys.fernet;
        let ring = Keyring::new(first.clone());
        let ring = if self.second_key { ring.rotated(second.clone()) } else { ring };
        let builder = Builder::new("/logs/audit.log".as_ref())
            .keyring(ring)
            .checkpoint_interval(Duration::from_secs(3600));
        let builder = if self.plain { builder.plain() } else { builder.log_key(keys.log.clone()) };
        let builder = match self.roll_size {
            Some(bytes) => builder.roll_size(bytes),
            None => builder,
        };
        builder.open_on(Arc::new(disk.clone()))
    }
}

/// Something that happened between the application and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Opened(Settings),
    Try(usize, Durability),
    Taken {
        id: usize,
        index: u64,
        durability: Durability,
    },
    Refused(usize),
    /// Everything that was taken since the log was opened is durable.
    AllDurable,
    /// Another program moved or removed files.
    Meddled,
    Ended,
}

/// An application and its disk.
pub(super) struct Player {
    pub(super) disk: SimDisk,
    pub(super) keys: Arc<Keys>,
    pub(super) told: Arc<Mutex<Vec<Told>>>,
    pub(super) log: Option<AuditLog>,
    pub(super) settings: Settings,
    /// Size of the log when it was opened last.
    pub(super) first: u64,
    error: String,
    clock: UnixTime,
}

impl Player {
    pub(super) fn new(keys: &Arc<Keys>, disk: SimDisk) -> Self {
        let clock = UnixTime::new(START, 0);
        set_clock(Some(clock));
        let (keys, told) = (Arc::clone(keys), Arc::default());
        let (settings, error) = (Settings::default(), String::new());
        Self { disk, keys, told, log: None, settings, first: 0, error, clock }
    }

    /// Takes up what an application was told before the power failed.
    pub(super) fn go_back_to(&mut self, told: &[Told]) {
        for told in told {
            if let Told::Opened(settings) = told {
                self.settings = *settings;
            }
            self.tell(*told);
        }
        self.tell(Told::Ended);
    }

    /// What the last append that was refused was told.
    pub(super) fn last_error(&self) -> &str {
        &self.error
    }

    fn tell(&self, told: Told) {
        tell(&self.told, &self.disk, told);
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, time: Duration) {
        self.clock = self.clock.after(time);
        set_clock(Some(self.clock));
    }

    fn tick(&mut self) {
        self.wait(Duration::from_millis(10));
    }

    pub(super) fn open(&mut self, settings: Settings) {
        self.tick();
        self.settings = settings;
        self.tell(Told::Opened(settings));
        self.log = settings.open(&self.keys, &self.disk).ok();
        let head = self.log.as_ref().and_then(|log| log.head().ok());
        self.first = head.map_or(0, |head| head.size);
    }

    pub(super) fn append(&mut self, durability: Durability) -> bool {
        self.append_long(durability, 0)
    }

    /// Appends a record with so many bytes more than others have.
    pub(super) fn append_long(&mut self, durability: Durability, more: usize) -> bool {
        self.tick();
        let Some(log) = self.log.clone() else { return false };
        match append(&log, &self.told, &self.disk, durability, more) {
            Ok(()) => true,
            Err(error) => {
                self.error = error.to_string();
                false
            }
        }
    }

    /// Appends durably; in the middle of the sync another thread begins to append too.
    fn append_while_another_does(&mut self, durability: Durability) {
        let Some(log) = self.log.clone() else { return };
        let (told, disk, clock) = (Arc::clone(&self.told), self.disk.clone(), self.clock);
        let running = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&running);
        self.disk.during_sync(move || {
            let (done, end) = mpsc::channel();
            let work = move || {
                set_clock(Some(clock));
                let _ = append(&log, &told, &disk, durability, 0);
                let _ = done.send(());
            };
            *slot.lock().unwrap() = Some(std::thread::spawn(work));
            // It may have to wait for the sync, which must not wait for it.
            let _ = end.recv_timeout(Duration::from_millis(2));
        });
        self.append(Durable);
        self.disk.disarm();
        if let Some(thread) = running.lock().unwrap().take() {
            thread.join().unwrap();
        }
    }

    pub(super) fn flush(&mut self) {
        self.all(|log| log.flush().map(drop));
    }

    pub(super) fn reach(&mut self) {
        self.all(|log| log.reach(Durability::Durable));
    }

    pub(super) fn roll(&mut self) {
        self.all(|log| log.roll().map(drop));
    }

    fn all(&mut self, work: impl FnOnce(&AuditLog) -> Result<()>) {
        self.tick();
        if self.log.as_ref().is_some_and(|log| work(log).is_ok()) {
            self.tell(Told::AllDurable);
        }
    }

    pub(super) fn close(&mut self) {
        self.tick();
        if self.log.take().is_some_and(|log| log.close().is_ok()) {
            self.tell(Told::AllDurable);
        }
        self.tell(Told::Ended);
    }

    /// The process is killed and another one comes.
    pub(super) fn kill(&mut self) {
        let next = self.disk.next_process();
        self.log = None;
        self.disk = next;
        self.tell(Told::Ended);
    }

    pub(super) fn meddle(&mut self, with: impl FnOnce(&SimDisk)) {
        // A story of the dead would go on among the living.
        if !self.disk.is_dead() {
            self.tell(Told::Meddled);
            with(&self.disk);
        }
    }
}

fn tell(log: &Mutex<Vec<Told>>, disk: &SimDisk, told: Told) {
    let mut log = log.lock().unwrap();
    log.push(told);
    disk.mark(log.len());
}

fn append(
    log: &AuditLog,
    told: &Mutex<Vec<Told>>,
    disk: &SimDisk,
    durability: Durability,
    more: usize,
) -> Result<()> {
    let id = told.lock().unwrap().len();
    tell(told, disk, Told::Try(id, durability));
    let message = format!("{NEEDLE}{id:04}{}", "x".repeat(more));
    match log.append_with(&Record::new(Level::Info, "story", message), durability) {
        Ok(receipt) => {
            tell(told, disk, Told::Taken { id, index: receipt.index, durability });
            Ok(())
        }
        Err(error) => {
            // A process that was killed in the middle was told nothing.
            if !disk.is_dead() {
                tell(told, disk, Told::Refused(id));
            }
            Err(error)
        }
    }
}

/// A name and what happens.
pub(super) type Story = (&'static str, fn(&mut Player));

pub(super) const STORIES: [Story; 8] = [
    ("append", appending),
    ("roll", rolling),
    ("key", changing_the_key),
    ("plain", plain),
    ("kill", killed_again_and_again),
    ("outage", long_outage),
    ("handles", several_handles),
    ("moved", moved_by_others),
];

use Durability::{Buffered, Durable, Written};

fn appending(player: &mut Player) {
    player.open(Settings::default());
    player.append(Durable);
    player.append(Written);
    player.append(Buffered);
    player.append(Durable);
    player.flush();
    player.append(Written);
    player.append(Written);
    player.reach();
    player.append_long(Written, 3000);
    player.append(Buffered);
    player.append(Buffered);
    player.close();
    player.open(Settings::default());
    player.append(Durable);
    player.append(Written);
    player.close();
}

fn rolling(player: &mut Player) {
    let settings = Settings { roll_size: Some(700), ..Settings::default() };
    player.open(settings);
    player.append(Durable);
    player.append(Written);
    player.append(Buffered);
    player.append(Durable);
    player.roll();
    player.wait(Duration::from_secs(2));
    player.append(Buffered);
    player.roll();
    player.append_long(Durable, 1000);
    player.append(Written);
    player.close();
    player.open(settings);
    player.append(Durable);
    player.close();
}

fn changing_the_key(player: &mut Player) {
    player.open(Settings::default());
    player.append(Durable);
    player.append(Written);
    player.close();
    let settings = Settings { second_key: true, ..Settings::default() };
    player.open(settings);
    player.append(Written);
    player.append(Durable);
    player.close();
    player.open(settings);
    player.append(Durable);
    player.close();
}

fn plain(player: &mut Player) {
    let settings = Settings { plain: true, roll_size: Some(700), ..Settings::default() };
    player.open(settings);
    player.append(Durable);
    player.append(Written);
    player.append(Buffered);
    player.append(Durable);
    player.roll();
    player.append(Written);
    player.append(Written);
    player.close();
    player.open(settings);
    player.append(Written);
    player.append(Durable);
    player.close();
}

fn killed_again_and_again(player: &mut Player) {
    player.open(Settings::default());
    player.append(Durable);
    player.append(Written);
    player.append(Buffered);
    player.kill();
    player.open(Settings::default());
    player.append(Written);
    player.append(Written);
    player.kill();
    player.open(Settings::default());
    player.append(Written);
    player.append(Durable);
    player.close();
}

fn long_outage(player: &mut Player) {
    let settings = Settings { roll_size: Some(1500), ..Settings::default() };
    player.open(settings);
    for round in 0..4 {
        player.append(Durable);
        player.append(Written);
        player.append(Buffered);
        player.append(Durable);
        player.wait(Duration::from_millis(700 * (round + 1)));
    }
    player.flush();
    player.append(Durable);
}

fn several_handles(player: &mut Player) {
    player.open(Settings { roll_size: Some(1500), ..Settings::default() });
    for durability in [Written, Buffered, Durable, Written, Durable, Buffered] {
        player.append_while_another_does(durability);
    }
    player.flush();
    player.append(Durable);
    player.close();
}

fn moved_by_others(player: &mut Player) {
    let settings = Settings { roll_size: Some(2500), ..Settings::default() };
    player.open(settings);
    player.append(Durable);
    player.append(Written);
    player.meddle(|disk| disk.others_move("/logs/audit.log", "/logs/audit.log.1"));
    player.append(Written);
    player.append(Durable);
    player.meddle(|disk| disk.others_remove("/logs/audit.log.chain"));
    player.append(Durable);
    player.meddle(|disk| {
        disk.others_remove("/logs/audit.log");
        disk.others_append("/logs/audit.log", b"another program\n");
    });
    player.wait(Duration::from_secs(1));
    player.append(Written);
    player.append(Durable);
    player.meddle(|disk| disk.others_remove("/logs/audit.log.lock"));
    // Not into a roll that stopped half way: there nobody looks at the old segment any more.
    if player.append(Durable) {
        player.meddle(|disk| disk.others_append("/logs/audit.log", b"another program\nand"));
    }
    player.append(Durable);
    player.flush();
    player.append(Durable);
    player.close();
}
