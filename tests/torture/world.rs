//! What all stages share: the binary under test, keys, tools, places for files, and the wish to stop.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fernet::Fernet;
use rustix::process::geteuid;
use tempfile::TempDir;

/// The signals after which the campaign tidies up and ends.
const STOPPING: [i32; 3] =
    [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP];

/// What a stage cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Mounts, loop devices and file attributes.
    Root,
    Strace,
    /// A C compiler, for the preloaded shim and the power cut.
    Compiler,
    Xfs,
    Faketime,
}

/// Which file system a log is put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In memory where there is such a place: many faults a second.
    Fast,
    /// Where a sync takes its time.
    Disk,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) binary: PathBuf,
    /// Keys and helpers.
    pub(crate) tools: TempDir,
    places: [TempDir; 2],
    /// Folders of logs that broke a promise stay here.
    pub(crate) kept: PathBuf,
    pub(crate) opener: Fernet,
    python: Option<PathBuf>,
    faketime: Option<PathBuf>,
    compiled: bool,
    stop: Arc<AtomicBool>,
    verdicts: AtomicU64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in STOPPING {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop)).unwrap();
            signal_hook::flag::register(signal, Arc::clone(&stop)).unwrap();
        }
        let memory = Some(PathBuf::from("/dev/shm")).filter(|path| path.is_dir());
        let memory = memory.unwrap_or_else(std::env::temp_dir);
        let folder = |parent: &Path| {
            tempfile::Builder::new().prefix("fernlog-torture-").tempdir_in(parent).unwrap()
        };
        let tools = folder(&std::env::temp_dir());
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_fernlog"));
        let prefix = tools.path().join("audit");
        let made = quiet(&binary, ["keygen".as_ref(), prefix.as_os_str(), "--origin".as_ref()])
            .arg("example.com/torture")
            .status();
        assert!(made.is_ok_and(|status| status.success()), "keygen failed");
        let key = std::fs::read_to_string(tools.path().join("audit.key")).unwrap();
        let key = key.lines().find(|line| !line.starts_with('#')).unwrap().trim();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let compiled = ["shim", "cut"].iter().all(|name| {
            let source = repository.join(format!("tests/torture/{name}.c"));
            let shared: &[&str] = if *name == "shim" { &["-shared", "-fPIC"] } else { &[] };
            let mut command = quiet("cc", ["-O1", "-Wall", "-Werror", "-o"]);
            command.arg(tools.path().join(name)).args(shared).arg(source).arg("-ldl");
            command.status().is_ok_and(|status| status.success())
        });
        let python = Some(repository.join("target/venv/bin/python")).filter(|path| path.exists());
        let faketime = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
            .map(|host| PathBuf::from(format!("/usr/lib/{host}/faketime/libfaketime.so.1")))
            .into_iter()
            .find(|path| path.exists());
        let kept = format!("fernlog-torture-kept-{}", std::process::id());
        Self {
            seed,
            places: [folder(&memory), folder(Path::new("/var/tmp"))],
            kept: std::env::temp_dir().join(kept),
            opener: Fernet::new(key).unwrap(),
            binary,
            tools,
            python,
            faketime,
            compiled,
            stop,
            verdicts: AtomicU64::new(0),
        }
    }

    /// Whether somebody wants the campaign to end.
    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// A new empty folder that goes away with its handle.
    pub(crate) fn folder(&self, place: Place) -> TempDir {
        let parent = match place {
            Place::Fast => &self.places[0],
            Place::Disk => &self.places[1],
        };
        tempfile::tempdir_in(parent).unwrap()
    }

    /// A helper or a key.
    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.tools.path().join(name)
    }

    pub(crate) fn faketime(&self) -> &Path {
        self.faketime.as_deref().expect("a stage that needs it")
    }

    /// Python for every fiftieth verdict, where there is one.
    pub(crate) fn second_opinion(&self) -> Option<&Path> {
        let due = self.verdicts.fetch_add(1, Ordering::Relaxed) % 50 == 49;
        self.python.as_deref().filter(|_| due)
    }

    /// Whether second opinions can be had.
    pub(crate) fn has_python(&self) -> bool {
        self.python.is_some()
    }

    /// Why a stage with this need cannot run here, if so.
    pub(crate) fn lacks(&self, need: Need) -> Option<&'static str> {
        let runs = |program: &str, arguments: &[&str]| {
            quiet(program, arguments).status().is_ok_and(|status| status.success())
        };
        let (there, why) = match need {
            Need::Root => {
                let mounts = geteuid().is_root() && runs("losetup", &["--find"]);
                (mounts && runs("mkfs.ext4", &["-V"]), "mounts: root, loop devices and e2fsprogs")
            }
            Need::Strace => (runs("strace", &["-qqq", "true"]), "strace"),
            Need::Compiler => (self.compiled, "a C compiler"),
            Need::Xfs => (runs("mkfs.xfs", &["-V"]), "xfsprogs"),
            Need::Faketime => (self.faketime.is_some(), "libfaketime"),
        };
        (!there).then_some(why)
    }
}

/// A command that reads and prints nothing.
pub(crate) fn quiet<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Copies the regular files of a folder, with the modes of secrets.
pub(crate) fn copy_flat(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
