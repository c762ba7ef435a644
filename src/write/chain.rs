//! The chain beside the lines: the tree, the leaf hashes, the checkpoints, the hand-over.

use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::crypto::{Key, SigningKey, sign_note};
use crate::error::{Error, Result};
use crate::format::{
    Checkpoint, Event, Frontier, Hash, Header, LogPath, SegmentName, UnixTime, leaf,
};
use crate::write::file::{Disk, LogFile, Opening, append_all};

/// A checkpoint is made after at most so many entries (docs/format.md, section 6).
const MAX_UNCOVERED: u64 = 65_536;

/// The chain of the active segment.
#[derive(Debug)]
pub(super) struct Chain {
    /// The long-lived key of the log.
    pub(super) log_key: SigningKey,
    /// The key of this segment alone.
    pub(super) segment_key: SigningKey,
    pub(super) header: Header,
    /// All entries so far, buffered ones too.
    pub(super) tree: Frontier,
    pub(super) file: Arc<dyn LogFile>,
    /// Length of `file` up to its last complete checkpoint.
    pub(super) length: u64,
    /// A cache; none after it could not be written. The next open rebuilds it.
    pub(super) hashes: Option<Arc<dyn LogFile>>,
    /// Leaf hashes that are not in `hashes` yet.
    pub(super) unwritten_hashes: Vec<u8>,
    /// Size of the newest checkpoint.
    pub(super) signed: u64,
    /// Whether a failure left the state of `file` unknown.
    pub(super) broken: bool,
    /// When the oldest line came that no checkpoint covers.
    pub(super) uncovered_since: Option<UnixTime>,
}

impl Chain {
    /// Takes the next entry.
    pub(super) fn push(&mut self, leaf: Hash, now: UnixTime) {
        self.tree.push(leaf);
        self.unwritten_hashes.extend_from_slice(&leaf);
        self.uncovered_since.get_or_insert(now);
    }

    /// Whether a checkpoint must be made before anything else is written.
    pub(super) fn due(&self, now: UnixTime) -> bool {
        let Some(since) = self.uncovered_since else { return false };
        // A clock that was set back must not put the checkpoint off.
        let waited = (now.seconds() - since.seconds()) * 1000
            + (i64::from(now.nanos()) - i64::from(since.nanos())) / 1_000_000;
        let late = u64::try_from(waited).map_or(true, |ms| ms >= self.header.checkpoint_interval);
        late || self.tree.size() - self.signed >= MAX_UNCOVERED
    }

    /// The statement over all entries so far.
    pub(super) fn head(&self) -> Checkpoint {
        let origin = self.header.origin.clone();
        Checkpoint { origin, size: self.tree.size(), root: self.tree.root() }
    }

    /// Signs all entries and makes that durable. The caller has synced the lines: a signature over
    /// lines that a crash can take back would be proof against us.
    pub(super) fn checkpoint(&mut self, path: &LogPath) -> Result<()> {
        self.write_hashes();
        let note = sign_note(&self.head().to_text(), &[&self.log_key, &self.segment_key])?;
        let bytes = note + "\n";
        let chain = path.beside(SegmentName::Active, "chain");
        if let Err(source) = append_all(&*self.file, bytes.as_bytes()) {
            // The next checkpoint must not be glued to half of this one.
            self.broken = self.file.cut(self.length).is_err();
            return Err(Error::Io { action: "write", path: chain, source });
        }
        if let Err(source) = self.file.sync() {
            self.broken = true;
            return Err(Error::Io { action: "sync", path: chain, source });
        }
        self.length += bytes.len() as u64;
        self.signed = self.tree.size();
        self.uncovered_since = None;
        Ok(())
    }

    /// Writes the leaf hashes out. They are a cache, so a failure costs the cache and nothing else.
    pub(super) fn write_hashes(&mut self) {
        if let Some(file) = &mut self.hashes
            && append_all(&**file, &self.unwritten_hashes).is_err()
        {
            self.hashes = None;
        }
        self.unwritten_hashes.clear();
    }
}

/// A segment that is about to begin: its header and key, not yet on disk.
#[derive(Debug)]
pub(super) struct NextSegment {
    pub(super) header: Header,
    pub(super) key: SigningKey,
}

impl NextSegment {
    /// Prepares segment number `segment` behind the entries of `before`.
    pub(super) fn new(
        origin: &str,
        segment: u64,
        before: Frontier,
        fernet: &Key,
        interval: u64,
        events: Vec<Event>,
        now: UnixTime,
    ) -> Result<Self> {
        let key = SigningKey::generate(origin)?;
        let header = Header {
            origin: origin.to_owned(),
            segment,
            before,
            key_id: fernet.id(),
            key_commitment: fernet.commitment(origin),
            wrapped_key: None,
            signer: key.verifier().clone(),
            checkpoint_interval: interval,
            time: UnixTime::new(now.seconds(), 0),
            events,
        };
        Ok(Self { header, key })
    }

    /// Refuses when something stands at a name that the old segment is about to get.
    pub(super) fn check_names(&self, disk: &dyn Disk, path: &LogPath) -> Result<()> {
        let Some(old) = self.header.segment.checked_sub(1).map(SegmentName::Closed) else {
            return Ok(());
        };
        for name in [path.segment(old), path.beside(old, "chain"), path.beside(old, "hashes")] {
            if exists(disk, &name)? {
                return Err(Error::Exists { path: name });
            }
        }
        Ok(())
    }

    /// Puts the new key and the chain file with its hand-over on disk under their `.new` names.
    ///
    /// The key goes first: a chain that names a key which nobody has would have to be given up.
    pub(super) fn prepare(
        &self,
        disk: &dyn Disk,
        path: &LogPath,
        log_key: &SigningKey,
        old_key: Option<&SigningKey>,
    ) -> Result<()> {
        let text = self.header.to_text();
        let mut tree = self.header.before.clone();
        tree.push(leaf(text.as_bytes()));
        let origin = self.header.origin.clone();
        let handover = Checkpoint { origin, size: tree.size(), root: tree.root() };
        let keys: Vec<_> =
            [Some(log_key), old_key, Some(&self.key)].into_iter().flatten().collect();
        let note = sign_note(&handover.to_text(), &keys)?;

        let names = NewNames::of(path);
        let key_line = Zeroizing::new([&**self.key.to_text(), "\n"].concat());
        write_new(disk, &names.signer_new, key_line.as_bytes())?;
        write_new(disk, &names.chain_new, [&text, "\n", &note, "\n"].concat().as_bytes())?;
        disk.sync_folder(path.folder()).map_err(Error::io("sync", path.folder()))
    }
}

/// Takes back what [`NextSegment::prepare`] may have put on disk.
pub(super) fn withdraw(disk: &dyn Disk, path: &LogPath) -> Result<()> {
    let names = NewNames::of(path);
    // The chain first: with it gone, nobody completes the roll.
    for new in [&names.chain_new, &names.signer_new] {
        disk.remove(new).map_err(Error::io("remove", new))?;
    }
    disk.sync_folder(path.folder()).map_err(Error::io("sync", path.folder()))
}

/// The files that a roll moves about.
pub(super) struct NewNames {
    pub(super) chain: PathBuf,
    pub(super) chain_new: PathBuf,
    pub(super) signer: PathBuf,
    pub(super) signer_new: PathBuf,
    pub(super) hashes: PathBuf,
}

impl NewNames {
    pub(super) fn of(path: &LogPath) -> Self {
        let active = |kind| path.beside(SegmentName::Active, kind);
        Self {
            chain: active("chain"),
            chain_new: active("chain.new"),
            signer: active("signer"),
            signer_new: active("signer.new"),
            hashes: active("hashes"),
        }
    }
}

/// Writes a file that must be new and makes it durable; what an earlier try left is removed first.
pub(super) fn write_new(disk: &dyn Disk, path: &std::path::Path, bytes: &[u8]) -> Result<()> {
    disk.remove(path).map_err(Error::io("remove", path))?;
    let file = disk.open(path, Opening::New).map_err(Error::io("create", path))?;
    append_all(&*file, bytes).map_err(Error::io("write", path))?;
    file.sync().map_err(Error::io("sync", path))
}

/// Moves the files of the old segment to their closed names and those of the next to the active
/// ones. Each step may have been done before a crash; what is done is passed over.
pub(super) fn finish_roll(disk: &dyn Disk, path: &LogPath, next: &Header) -> Result<()> {
    let names = NewNames::of(path);
    if let Some(old) = next.segment.checked_sub(1) {
        let old = SegmentName::Closed(old);
        let moves = [
            (names.hashes.clone(), path.beside(old, "hashes")),
            (names.chain.clone(), path.beside(old, "chain")),
            (path.active(), path.segment(old)),
        ];
        for (from, to) in moves {
            // A file at the closed name was moved before; what is at the active name is the next.
            if !exists(disk, &to)? && exists(disk, &from)? {
                disk.rename(&from, &to).map_err(Error::io("rename", &from))?;
            }
        }
        disk.sync_folder(path.folder()).map_err(Error::io("sync", path.folder()))?;
    }
    let log = path.active();
    disk.open(&log, Opening::Either).map_err(Error::io("create", &log))?;
    if exists(disk, &names.chain_new)? {
        disk.rename(&names.chain_new, &names.chain)
            .map_err(Error::io("rename", &names.chain_new))?;
    }
    if exists(disk, &names.signer_new)? {
        disk.replace(&names.signer_new, &names.signer)
            .map_err(Error::io("rename", &names.signer_new))?;
    }
    disk.sync_folder(path.folder()).map_err(Error::io("sync", path.folder()))
}

pub(super) fn exists(disk: &dyn Disk, path: &std::path::Path) -> Result<bool> {
    disk.read(path).map(|file| file.is_some()).map_err(Error::io("open", path))
}
