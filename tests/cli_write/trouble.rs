//! Disks that are full and folders that cannot be written: a clear error, nothing half-written.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Shell;
use crate::common::notice;

/// A small file system in a folder of its own.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// Needs root; without, the test says that it did not run.
    pub(crate) fn new(at: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        if mount(&at, options) {
            return Some(Mount(at));
        }
        notice("not run: mounting a small tmpfs needs root");
        None
    }

    pub(crate) fn change(&self, options: &str) {
        assert!(mount(&self.0, &format!("remount,{options}")));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mount(at: &Path, options: &str) -> bool {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "none"]).arg(at);
    command.output().is_ok_and(|output| output.status.success())
}

const APPEND: [&str; 6] = ["append", "disk/audit.log", "-k", "audit.key", "--sign", "audit.sign"];

#[test]
fn a_full_disk_says_how_far_it_came_and_the_rest_goes_in_later() {
    let shell = Shell::with_keys();
    let Some(disk) = Mount::new(shell.path("disk"), "size=128k") else { return };
    let lines: Vec<String> = (0..1000).map(|n| format!("{n:0150}")).collect();
    let ended = shell.run(&APPEND, lines.join("\n").as_bytes());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("no space left on device; "), "{}", ended.err);
    let kept = shell.records_of(&shell.path("disk"));
    assert!(kept.len() > 50 && kept.len() < 1000);
    let said = format!("{} records are in, #1..#{}, up to line {0}\n", kept.len(), kept.len());
    assert!(ended.err.contains(&said), "{said} is not in {}", ended.err);
    shell.verifies_at("disk/audit.log");

    disk.change("size=4m");
    let rest = lines[kept.len()..].join("\n");
    assert_eq!(shell.run(&APPEND, rest.as_bytes()).code, Some(0));
    let messages: Vec<_> = shell
        .records_of(&shell.path("disk"))
        .iter()
        .map(|record| record["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(messages, lines);
    shell.verifies_at("disk/audit.log");
}

#[test]
fn a_read_only_folder_is_named() {
    let shell = Shell::with_keys();
    let Some(disk) = Mount::new(shell.path("disk"), "size=1m") else { return };
    assert_eq!(shell.run(&APPEND, b"a\n").code, Some(0));
    disk.change("ro");
    let ended = shell.run(&APPEND, b"b\n");
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("read-only file system"), "{}", ended.err);
    assert_eq!(shell.records_of(&shell.path("disk")).len(), 1);
    shell.verifies_at("disk/audit.log");
}

#[test]
fn a_key_file_is_whole_or_not_there() {
    let shell = Shell::empty();
    let Some(_disk) = Mount::new(shell.path("disk"), "size=4k") else { return };
    std::fs::write(shell.path("disk/filler"), [0; 4096]).unwrap();
    let ended = shell.run(&["keygen", "disk/audit", "--origin", "a"], b"");
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("no space left on device"), "{}", ended.err);
    assert_eq!(std::fs::read_dir(shell.path("disk")).unwrap().count(), 1);
}
