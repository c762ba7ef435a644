//! What goes wrong on a disk, and at which call.

use std::io;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::write) enum Call {
    Claim,
    Create,
    Cut,
    List,
    Lock,
    Look,
    Open,
    Read,
    Remove,
    Rename,
    Sync,
    SyncFolder,
    Write,
    WriteAgain,
}

impl Call {
    /// Whether it changes what a crash leaves.
    pub(super) fn changes(self) -> bool {
        !matches!(self, Self::Claim | Self::List | Self::Look | Self::Open | Self::Read)
    }
}

/// The ways in which a call fails, by the names of the errno values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::write) struct Errno(pub(in crate::write) &'static str, i32);

/// Those that are injected; the numbers are Linux'.
pub(in crate::write) const ERRNOS: [Errno; 9] = [
    Errno("EIO", 5),
    Errno("ENOSPC", 28),
    Errno("EDQUOT", 122),
    Errno("EINTR", 4),
    Errno("EAGAIN", 11),
    Errno("EROFS", 30),
    Errno("EPERM", 1),
    Errno("ENOENT", 2),
    Errno("EMFILE", 24),
];

impl Errno {
    pub(super) fn error(self) -> io::Error {
        io::Error::from_raw_os_error(self.1)
    }
}

/// How it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::write) enum Trouble {
    /// The call fails.
    Error(Errno),
    /// As [`Trouble::Error`]; a sync moreover throws the pages away at once.
    Dropped(Errno),
    /// A write takes half of its bytes; nothing else fails.
    Short,
    /// A write takes half of its bytes and the next call fails.
    ShortThen(Errno),
    /// The process is killed behind the call; the machine goes on.
    Killed,
    /// The process is killed in the call: a write is done by half, a sync has failed unseen.
    KilledInside,
}

/// A fault: what happens from call `from` until before call `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::write) struct Fault {
    pub(in crate::write) from: usize,
    pub(in crate::write) until: usize,
    pub(in crate::write) trouble: Trouble,
}

impl Fault {
    pub(in crate::write) fn once(at: usize, trouble: Trouble) -> Self {
        let until = at + 1 + usize::from(matches!(trouble, Trouble::ShortThen(_)));
        Self { from: at, until, trouble }
    }

    pub(in crate::write) fn for_ever(from: usize, trouble: Trouble) -> Self {
        Self { from, until: usize::MAX, trouble }
    }

    /// What befalls call number `call`.
    pub(super) fn at(&self, call: usize) -> Option<Trouble> {
        match self.trouble {
            _ if !(self.from..self.until).contains(&call) => None,
            Trouble::ShortThen(errno) if call > self.from => Some(Trouble::Error(errno)),
            Trouble::ShortThen(_) => Some(Trouble::Short),
            trouble => Some(trouble),
        }
    }
}
