//! Opening a log: the same code begins a new one, goes on after a clean stop, and recovers from a
//! crash at any step (docs/format.md, section 9).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::crypto::{Key, Keyring, SigningKey};
use crate::error::{Conflict, Error, Result};
use crate::format::{
    ChainItem, ChainReader, Event, Header, Level, LogPath, MAX_LINE, Record, RecordKind,
    SegmentName, UnixTime,
};
use crate::write::aside::{SetAside, cut, open_file, open_log, save_aside, sync_again, sync_whole};
use crate::write::chain::{Chain, NewNames, NextSegment, exists, finish_roll, withdraw};
use crate::write::closed::{Care, Closed};
use crate::write::file::{Disk, Lock, Opening};
use crate::write::mend::{Trouble, rescue_name};
use crate::write::pending::Pending;
use crate::write::roll::{Deadline, Reason, RollPolicy};
use crate::write::scan::{self, FoundChain};
use crate::write::seal::Sealer;
use crate::write::watch::Watch;
use crate::write::writer::{MOST_PENDING, Writer};

/// A `.signer` is one line with a name in it.
const MAX_SIGNER: usize = 64 << 10;

/// What is asked of [`open`].
#[derive(Debug)]
pub(super) struct Request {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: LogPath,
    pub(super) keyring: Keyring,
    /// None for a plain log.
    pub(super) log_key: Option<SigningKey>,
    /// Milliseconds for the headers of new segments.
    pub(super) interval: u64,
    pub(super) roll: RollPolicy,
    pub(super) care: Care,
}

/// Takes the lock and gives a writer that stands behind the last whole line.
pub(super) fn open(request: &Request, now: UnixTime, process: u32) -> Result<(Writer, Recovery)> {
    let Request { disk, path, .. } = request;
    let lock_path = path.beside(SegmentName::Active, "lock");
    let holder = format!("process {process}\n");
    let lock = disk
        .lock(&lock_path, &holder)
        .map_err(Error::io("lock", &lock_path))?
        .map_err(|holder| Error::Locked { path: path.active(), holder })?;
    let (mut writer, recovery) = match &request.log_key {
        Some(log_key) => open_chained(request, log_key, lock, now)?,
        None => open_plain(request, lock, now)?,
    };
    recovery.tell(&mut writer, now, process)?;
    if writer.sealer.key != *request.keyring.primary() {
        let new = request.keyring.primary();
        writer.lifecycle(RecordKind::KeyChange, key_change(new), now, process)?;
        writer.sealer = Sealer::new(new.clone());
        writer.roll(Reason::Key, now)?;
    }
    // Covers whole lines that a crash left uncovered.
    writer.checkpoint(now)?;
    if let Some(chain) = &writer.chain {
        writer.closed.take_up(&chain.header);
    }
    Ok((writer, recovery))
}

/// What opening a log found and mended; [`AuditLog::recovery`](crate::AuditLog::recovery).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// An incomplete last line.
    pub torn_tail: Option<SetAside>,
    /// The incomplete line is still in its file as well: that can only be appended to. The log has
    /// rolled, and the next header says so.
    pub torn_tail_kept: bool,
    /// An incomplete last checkpoint.
    pub torn_checkpoint: Option<SetAside>,
    /// A roll that stopped half way was completed.
    pub completed_roll: bool,
    /// The signing key of the segment was lost: the log rolled, and its hand-over rests on the log
    /// key alone.
    pub signer_lost: bool,
    /// Whole lines that no checkpoint had covered. They are covered now.
    pub uncovered: u64,
}

impl Recovery {
    /// Whether there was nothing to mend.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Writes down what was mended, in the log itself.
    fn tell(&self, writer: &mut Writer, now: UnixTime, process: u32) -> Result<()> {
        let Some(torn) = &self.torn_tail else { return Ok(()) };
        if self.torn_tail_kept {
            if !self.signer_lost {
                writer.events.push(Event::TornTailKept(torn.bytes));
                writer.roll(Reason::Restart, now)?;
            }
        } else {
            writer.events.push(Event::TornTail(torn.bytes));
        }
        let saved = torn.saved.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let record = Record::new(Level::Notice, "fernlog", "an incomplete last line was set aside")
            .field("bytes", torn.bytes)
            .field("saved", saved);
        writer.lifecycle(RecordKind::Recovered, record, now, process)
    }
}

fn key_change(new: &Key) -> Record<'static> {
    Record::new(Level::Notice, "fernlog", "the next segment has another key")
        .field("key_id", new.id().to_string())
}

fn open_chained(
    request: &Request,
    log_key: &SigningKey,
    lock: Box<dyn Lock>,
    now: UnixTime,
) -> Result<(Writer, Recovery)> {
    let Request { disk, path, keyring, .. } = request;
    let disk = &**disk;
    let chain_path = path.beside(SegmentName::Active, "chain");
    let mut recovery =
        Recovery { completed_roll: complete_roll(disk, path, log_key)?, ..Recovery::default() };
    let found = match scan::chain(disk, &chain_path)? {
        Some(found) => found,
        None => {
            begin(request, log_key, now)?;
            let missing = Conflict::PartMissing;
            scan::chain(disk, &chain_path)?
                .ok_or(Error::Conflict { path: chain_path.clone(), what: missing })?
        }
    };
    found.check(log_key, &chain_path)?;
    let header = &found.header;
    let key = keyring
        .committed(&header.origin, &header.key_commitment)
        .ok_or_else(|| Error::WrongKey { wanted: header.key_id, given: keyring.ids() })?
        .clone();
    let lines = scan::lines(disk, path, header, &found.header_text, &found.last.checkpoint)?;

    // From here on files are changed; nothing above may have failed.
    let log_path = path.active();
    let log = open_log(disk, &log_path)?;
    let chain_file = open_file(disk, &chain_path, Opening::Existing)?;
    if let Some(torn) = found.torn {
        recovery.torn_checkpoint = Some(save_aside(disk, &chain_path, torn)?);
        cut(&*chain_file, &chain_path, torn)?;
    }
    sync_again(disk, &*chain_file, &chain_path, found.last_at.clone())?;
    // The one before us may have made names and not lived to sync them.
    disk.sync_folder(path.folder()).map_err(Error::io("sync", path.folder()))?;
    for name in [rescue_name(&log_path), rescue_name(&chain_path)] {
        // A copy that was not finished; what it was made of is here, or we would not be.
        disk.remove(&name).map_err(Error::io("remove", &name))?;
    }
    if let Some(torn) = lines.torn {
        recovery.torn_tail = Some(save_aside(disk, &log_path, torn)?);
        recovery.torn_tail_kept = cut(&*log, &log_path, torn).is_err();
    }
    recovery.uncovered = lines.tree.size() - found.last.checkpoint.size;
    if lines.bytes > lines.signed_bytes {
        sync_again(disk, &*log, &log_path, lines.signed_bytes..lines.bytes)?;
    }
    let Some(segment_key) = segment_key(disk, path, header)? else {
        drop(log);
        return after_lost_signer(request, log_key, lock, &found, lines.tree, recovery, key, now);
    };
    let FoundChain { header, last, last_at, .. } = found;
    let watch = Watch::of(&log, Some(&chain_file)).map_err(Error::io("look at", &log_path))?;
    let writer = Writer {
        disk: Arc::clone(&request.disk),
        path: path.clone(),
        sealer: Sealer::new(key),
        roll: request.roll.clone(),
        deadline: request.roll.deadline(header.time, now),
        closed: Closed::new(request.care, &request.disk, path),
        claimed: Arc::clone(&log),
        log,
        segment: header.segment,
        durable: lines.bytes,
        pending: Pending::default(),
        next: lines.tree.size(),
        chain: Some(Chain {
            log_key: log_key.clone(),
            segment_key,
            header,
            broken: false,
            uncovered_since: (lines.tree.size() > last.checkpoint.size).then_some(now),
            tree: lines.tree,
            file: chain_file,
            length: last_at.end,
            hashes: lines.hashes.file,
            unwritten_hashes: Vec::new(),
            signed: last.checkpoint.size,
        }),
        syncing: false,
        trouble: Trouble::default(),
        watch,
        outage: None,
        given_up: 0,
        notes: Vec::new(),
        no_roll_before: None,
        interval: request.interval,
        events: Vec::new(),
        lock,
    };
    Ok((writer, recovery))
}

/// Begins a log where there is none.
fn begin(request: &Request, log_key: &SigningKey, now: UnixTime) -> Result<()> {
    let Request { disk, path, keyring, interval, .. } = request;
    let files = disk.list(path.folder()).map_err(Error::io("list", path.folder()))?;
    if !path.segments(files).is_empty() {
        // Lines without their chain, or closed segments without an active one: whoever took the
        // rest away must not get a fresh chain over what is left.
        return Err(Error::Conflict { path: path.active(), what: Conflict::PartMissing });
    }
    let before = crate::format::Frontier::new();
    let key = keyring.primary();
    let next = NextSegment::new(log_key.name(), 0, before, key, *interval, Vec::new(), now)?;
    next.prepare(&**disk, path, log_key, None)?;
    finish_roll(&**disk, path, &next.header)
}

/// Completes a roll that stopped half way, with the header that it had prepared and no other; says
/// whether there was one.
fn complete_roll(disk: &dyn Disk, path: &LogPath, log_key: &SigningKey) -> Result<bool> {
    let chain_new = NewNames::of(path).chain_new;
    let Some(file) = disk.read(&chain_new).map_err(Error::io("open", &chain_new))? else {
        return Ok(false);
    };
    let mut reader = ChainReader::new(file);
    let (_, header) = reader.header().map_err(Error::io("read", &chain_new))?;
    let handover = reader.next_item().map_err(Error::io("read", &chain_new))?;
    match (header, handover) {
        (Ok(header), Some((_, ChainItem::Checkpoint(signed))))
            if signed.checkpoint.size == header.first() + 1 =>
        {
            if signed.note.require(log_key.verifier()).is_err() {
                return Err(Error::Conflict { path: chain_new, what: Conflict::Signature });
            }
            if !is_begun(disk, path, &header)? && find_key(disk, path, &header)?.is_none() {
                // The chain reached the disk and the key did not. Nobody has seen either.
                return withdraw(disk, path).map(|()| false);
            }
            sync_whole(disk, &chain_new)?;
            sync_whole(disk, &NewNames::of(path).signer_new)?;
            disk.sync_folder(path.folder()).map_err(Error::io("sync", path.folder()))?;
            finish_roll(disk, path, &header).map(|()| true)
        }
        // It stopped before both files were whole, so nothing was renamed and nobody has seen it.
        _ => withdraw(disk, path).map(|()| false),
    }
}

/// Whether the roll to the segment of `header` has renamed anything.
fn is_begun(disk: &dyn Disk, path: &LogPath, header: &Header) -> Result<bool> {
    let Some(old) = header.segment.checked_sub(1).map(SegmentName::Closed) else {
        return exists(disk, &path.active());
    };
    for name in [path.beside(old, "hashes"), path.beside(old, "chain"), path.segment(old)] {
        if exists(disk, &name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The private key of the segment of `header` and the name of its file; none if it is lost.
fn find_key(
    disk: &dyn Disk,
    path: &LogPath,
    header: &Header,
) -> Result<Option<(SigningKey, PathBuf)>> {
    let NewNames { signer, signer_new, .. } = NewNames::of(path);
    let load = |path: &Path| -> Result<Option<SigningKey>> {
        let Some(file) = disk.read(path).map_err(Error::io("open", path))? else {
            return Ok(None);
        };
        // A disk that does not answer is no lost key; text that is no key is one.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SIGNER + 1));
        Read::take(file, MAX_SIGNER as u64)
            .read_to_end(&mut bytes)
            .map_err(Error::io("read", path))?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default().trim_end();
        let key = SigningKey::from_text(text).ok();
        Ok(key.filter(|key| *key.verifier() == header.signer))
    };
    for name in [signer, signer_new] {
        if let Some(key) = load(&name)? {
            return Ok(Some((key, name)));
        }
    }
    Ok(None)
}

/// As [`find_key`], and puts the key under its name.
fn segment_key(disk: &dyn Disk, path: &LogPath, header: &Header) -> Result<Option<SigningKey>> {
    let NewNames { signer, signer_new, .. } = NewNames::of(path);
    let Some((key, name)) = find_key(disk, path, header)? else { return Ok(None) };
    if name == signer {
        disk.remove(&signer_new).map_err(Error::io("remove", &signer_new))?;
    } else {
        // The roll stopped between its last two renames.
        sync_whole(disk, &signer_new)?;
        disk.replace(&signer_new, &signer).map_err(Error::io("rename", &signer_new))?;
        disk.sync_folder(path.folder()).map_err(Error::io("sync", path.folder()))?;
    }
    Ok(Some(key))
}

/// Goes on without the old segment's key: the hand-over rests on the log key alone and says so.
#[expect(clippy::too_many_arguments, reason = "all that opening has found out so far")]
fn after_lost_signer(
    request: &Request,
    log_key: &SigningKey,
    lock: Box<dyn Lock>,
    found: &FoundChain,
    tree: crate::format::Frontier,
    recovery: Recovery,
    key: Key,
    now: UnixTime,
) -> Result<(Writer, Recovery)> {
    let Request { disk, path, interval, .. } = request;
    let header = &found.header;
    let mut events = vec![Event::Rolled(Reason::Restart.name().to_owned()), Event::SignerLost];
    if let (Some(torn), true) = (&recovery.torn_tail, recovery.torn_tail_kept) {
        events.push(Event::TornTailKept(torn.bytes));
    }
    let uncovered = tree.size() - found.last.checkpoint.size;
    if uncovered > 0 {
        events.push(Event::Uncommitted(uncovered));
    }
    let next =
        NextSegment::new(&header.origin, header.segment + 1, tree, &key, *interval, events, now)?;
    next.check_names(&**disk, path)?;
    next.prepare(&**disk, path, log_key, None)?;
    finish_roll(&**disk, path, &next.header)?;
    let (writer, _) = open_chained(request, log_key, lock, now)?;
    Ok((writer, Recovery { signer_lost: true, ..recovery }))
}

fn open_plain(request: &Request, lock: Box<dyn Lock>, now: UnixTime) -> Result<(Writer, Recovery)> {
    let Request { disk, path, keyring, .. } = request;
    let chain = path.beside(SegmentName::Active, "chain");
    if exists(&**disk, &chain)? {
        return Err(Error::Refused {
            path: path.active(),
            why: "it has a chain: it is no plain log",
        });
    }
    let files = disk.list(path.folder()).map_err(Error::io("list", path.folder()))?;
    let (mut next, mut segment) = (0, 0);
    for name in path.segments(files) {
        if let SegmentName::Closed(number) = name {
            next += scan::plain_lines(&**disk, &path.segment(name))?.0;
            segment = number + 1;
        }
    }
    let log_path = path.active();
    let (lines, written, torn) = scan::plain_lines(&**disk, &log_path)?;
    let log = open_log(&**disk, &log_path)?;
    disk.sync_folder(path.folder()).map_err(Error::io("sync", path.folder()))?;
    let mut recovery = Recovery::default();
    if let Some(torn) = torn {
        recovery.torn_tail = Some(save_aside(&**disk, &log_path, torn)?);
        cut(&*log, &log_path, torn)?;
    }
    let began = scan::first_time(&**disk, &log_path)?;
    let deadline = began.map_or_else(Deadline::default, |began| request.roll.deadline(began, now));
    // Nothing says how much of it was synced before, but never is more than this left for later.
    let unsure = written.saturating_sub((MOST_PENDING + MAX_LINE) as u64);
    sync_again(&**disk, &*log, &log_path, unsure..written)?;
    let rescue = rescue_name(&log_path);
    disk.remove(&rescue).map_err(Error::io("remove", &rescue))?;
    let watch = Watch::of(&log, None).map_err(Error::io("look at", &log_path))?;
    let writer = Writer {
        disk: Arc::clone(disk),
        path: path.clone(),
        sealer: Sealer::new(keyring.primary().clone()),
        roll: request.roll.clone(),
        deadline,
        closed: Closed::new(request.care, disk, path),
        claimed: Arc::clone(&log),
        log,
        segment,
        durable: written,
        pending: Pending::default(),
        next: next + lines,
        chain: None,
        syncing: false,
        trouble: Trouble::default(),
        watch,
        outage: None,
        given_up: 0,
        notes: Vec::new(),
        no_roll_before: None,
        interval: request.interval,
        events: Vec::new(),
        lock,
    };
    Ok((writer, recovery))
}
