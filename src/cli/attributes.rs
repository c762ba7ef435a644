//! What the file system says about a file beyond its mode: the attributes that forbid to change it,
//! and whether it lies on another machine.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// What is to be feared on such a file system.
pub(crate) const REMOTE: &str = "a writer on another machine may not be kept out, appends of two may \
                                 overwrite each other, and a sync may promise too much";

/// What `lsattr` shows of a file, as far as it stops a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// `a`: it can only grow; it cannot be cut, renamed or removed.
    pub(crate) append_only: bool,
    /// `i`: it cannot be changed at all.
    pub(crate) immutable: bool,
}

impl Attributes {
    /// Those of the file or folder at `path`; none set where the file system has no attributes, or
    /// where the file cannot be opened.
    pub(crate) fn of(path: &Path) -> Self {
        open(path).and_then(|file| flags(&file)).unwrap_or_default()
    }
}

fn open(path: &Path) -> Option<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).ok()
}

#[cfg(target_os = "linux")]
fn flags(file: &File) -> Option<Attributes> {
    use rustix::fs::IFlags;
    let flags = rustix::fs::ioctl_getflags(file).ok()?;
    Some(Attributes {
        append_only: flags.contains(IFlags::APPEND),
        immutable: flags.contains(IFlags::IMMUTABLE),
    })
}

#[cfg(not(target_os = "linux"))]
fn flags(_file: &File) -> Option<Attributes> {
    None
}

/// The file system at `path`, if it is one on which a lock or an append can fail to be what it is
/// on a local one.
#[cfg(target_os = "linux")]
pub(crate) fn remote(path: &Path) -> Option<&'static str> {
    // `f_type` has another width on other architectures; all magic numbers have 32 bits.
    network(rustix::fs::statfs(path).ok()?.f_type as u32)
}

/// The file system at `path`, if it is a remote one: not known on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn remote(_path: &Path) -> Option<&'static str> {
    None
}

/// Numbers of `linux/magic.h` and of statfs(2).
#[cfg(target_os = "linux")]
fn network(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => "SMB",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE",
        0x0bd0_0bd0 => "Lustre",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        0x4750_4653 => "GPFS",
        0x0131_11a8 => "BeeGFS",
        0x786f_4256 => "a folder of the virtual machine's host",
        _ => return None,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_other_machines_are_known_by_name() {
        assert_eq!(network(0x6969), Some("NFS"));
        assert_eq!(network(0xff53_4d42), Some("SMB"));
        assert_eq!(network(0x6573_5546), Some("FUSE"));
        // ext4, xfs, btrfs, tmpfs.
        for magic in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994] {
            assert_eq!(network(magic), None, "{magic:x}");
        }
    }

    #[test]
    fn an_ordinary_file_has_no_attributes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(Attributes::of(file.path()), Attributes::default());
        assert_eq!(Attributes::of(Path::new("/no/such/file")), Attributes::default());
    }
}
