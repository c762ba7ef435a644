//! File systems that are ours alone: small ones, ones whose power can be cut. They live in a mount
//! namespace of the campaign, so that none outlives it, however it ends.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;
use tempfile::TempDir;

use crate::world::{Place, World, quiet};

/// Set for the process inside the namespace.
const INSIDE: &str = "FERNLOG_TORTURE_MOUNTS";

/// Starts this program again in a mount namespace of its own, if root; there it returns.
pub(crate) fn in_own_mount_namespace() {
    if std::env::var_os(INSIDE).is_some() || !geteuid().is_root() {
        return;
    }
    let enter = ["--mount", "--propagation", "private"];
    let can = quiet("unshare", enter.iter().chain(&["true"])).status();
    if can.is_ok_and(|status| status.success()) {
        let program = std::env::current_exe().expect("the path of this program");
        let mut command = Command::new("unshare");
        command.args(enter).arg(program).args(std::env::args_os().skip(1)).env(INSIDE, "own");
        // Comes back only if it failed; then mounts are taken away one by one, which is enough.
        let error = command.exec();
        eprintln!("NOTICE: torture: no mount namespace: {error}");
    }
}

/// What a file system is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Ext4,
    Xfs,
}

/// A mounted file system, unmounted when dropped.
#[derive(Debug)]
pub(crate) struct Mount {
    at: PathBuf,
    /// None for one in memory.
    image: Option<PathBuf>,
    _folder: TempDir,
}

impl Mount {
    /// One in memory of so many KiB.
    pub(crate) fn tmpfs(world: &World, kib: u64) -> Self {
        let folder = world.folder(Place::Fast);
        let at = folder.path().join("mounted");
        std::fs::create_dir(&at).unwrap();
        let size = format!("size={kib}k");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at));
        Self { at, image: None, _folder: folder }
    }

    /// One in a file of so many MiB.
    pub(crate) fn image(world: &World, format: Format, mib: u64) -> Self {
        let folder = world.folder(Place::Fast);
        let (at, image) = (folder.path().join("mounted"), folder.path().join("image"));
        std::fs::create_dir(&at).unwrap();
        std::fs::File::create(&image).unwrap().set_len(mib << 20).unwrap();
        let mut make = match format {
            Format::Ext4 => Command::new("mkfs.ext4"),
            Format::Xfs => Command::new("mkfs.xfs"),
        };
        run(make.arg("-q").arg(&image));
        let mount = Self { at, image: Some(image), _folder: folder };
        mount.mount();
        mount
    }

    pub(crate) fn path(&self) -> &Path {
        &self.at
    }

    /// A new folder for a log.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.at.join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    }

    /// From now on nothing reaches the disk.
    pub(crate) fn cut_power(&self, world: &World) {
        run(Command::new(world.tool("cut")).arg(&self.at));
    }

    /// What a start of the machine does.
    pub(crate) fn start_again(&self) {
        run(Command::new("umount").arg(&self.at));
        self.mount();
    }

    fn mount(&self) {
        let image = self.image.as_ref().expect("an image");
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(&self.at));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let plain = quiet("umount", [&self.at]).status();
        if !plain.is_ok_and(|status| status.success()) {
            drop(quiet("umount", ["-l".as_ref(), self.at.as_os_str()]).status());
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
}
