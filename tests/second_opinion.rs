//! `examples/verify.py`, which was written from docs/format.md alone, against our verifier: both
//! must give the same verdict on intact logs and on every damaged one.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use fernlog::crypto::sign_note;
use fernlog::format::LogPath;
use fernlog::read::{Anchor, Log, VerifyOptions, newest_of, verify};
use fernlog::{Level, Record, SigningKey};

use crate::common::site::{Site, record};
use crate::common::{Random, cannot_run, python, repository};
use crate::testlog::TestLog;

const DAMAGED: usize = 500;

/// Runs the script's `main` once for each line of arguments: starting Python takes longer than
/// verifying.
const DRIVER: &str = "
import contextlib, importlib.util, io, json, sys
spec = importlib.util.spec_from_file_location('verify', sys.argv[1])
verify = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify)
for line in sys.stdin:
    sys.argv = ['verify.py', *json.loads(line)]
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            code = verify.main()
    except (OSError, ValueError, verify.InvalidSignature) as error:
        code = 2
        print(error, file=out)
    print(json.dumps([code, out.getvalue()]), flush=True)
";

struct Script {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Script {
    fn start(python: &Path) -> Self {
        let script = repository().join("examples/verify.py");
        let mut process = Command::new(python)
            .args(["-B", "-c", DRIVER])
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, requests, answers }
    }

    /// The exit code for these arguments, and what the script printed.
    fn verdict(&mut self, arguments: &[String]) -> (u8, String) {
        writeln!(self.requests, "{}", serde_json::to_string(arguments).unwrap()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    fn end(mut self) {
        drop(self.requests);
        assert!(self.process.wait().unwrap().success());
    }
}

/// The files of a log by their names.
type Files = BTreeMap<String, Vec<u8>>;

fn read(site: &Site) -> Files {
    let names = site.files().into_iter();
    let names = names.filter(|name| name.starts_with("audit") && !name.ends_with(".lock"));
    names.filter(|name| !name.ends_with(".signer")).map(|n| (n.clone(), site.read(&n))).collect()
}

/// Three segments, with records at the end that no checkpoint covers; and an older checkpoint.
fn sample(site: &Site) -> (Files, Vec<u8>) {
    let log = site.builder().checkpoint_interval(Duration::from_secs(3600)).open().unwrap();
    let fill = |numbers: Range<u64>| {
        for number in numbers {
            let record = Record::new(Level::Info, "test", format!("message {number}"));
            log.append(&record.field("number", number)).unwrap();
        }
    };
    fill(0..8);
    log.flush().unwrap();
    fill(8..12);
    log.roll().unwrap();
    fill(12..20);
    log.roll().unwrap();
    fill(20..26);
    log.flush().unwrap();
    let path = LogPath::new(&site.log()).unwrap();
    let anchor = newest_of(&Log::open(&path).unwrap()).unwrap().unwrap().bytes;
    fill(26..29);
    // As it stands while the writer is at work: closing would cover the rest.
    let files = read(site);
    log.close().unwrap();
    (files, anchor)
}

/// Opens the log of `site`, appends, closes it.
fn write(site: &Site, messages: &[&str]) {
    let log = site.open();
    for message in messages {
        log.append(&record(message)).unwrap();
    }
    log.close().unwrap();
}

/// What to verify with.
#[derive(Clone, Copy, Debug)]
enum With {
    Vkey,
    Key,
    KeyAndAnchor,
}

struct Judges {
    site: Site,
    anchor: Anchor,
    script: Script,
}

impl Judges {
    fn new(site: Site, anchor: &[u8], python: &Path) -> Self {
        std::fs::write(site.path("a.vkey"), site.log_key.verifier().to_string()).unwrap();
        std::fs::write(site.path("a.key"), site.keyring.to_text(&[]).as_bytes()).unwrap();
        std::fs::write(site.path("a.checkpoint"), anchor).unwrap();
        let anchor = Anchor::parse(Path::new("a.checkpoint"), anchor).unwrap();
        Self { site, anchor, script: Script::start(python) }
    }

    /// Our exit code and that of the script, with what the script said.
    fn judge(&mut self, files: &Files, with: With) -> (u8, u8, String) {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let path = folder.path().join("audit.log");
        let keyring = (!matches!(with, With::Vkey)).then(|| self.site.keyring.clone());
        let anchored = matches!(with, With::KeyAndAnchor);
        let options = VerifyOptions {
            vkey: Some(self.site.log_key.verifier().clone()),
            keyring,
            anchors: anchored.then(|| self.anchor.clone()).into_iter().collect(),
            ..VerifyOptions::default()
        };
        let log = Log::open(&LogPath::new(&path).unwrap());
        let ours = log.and_then(|log| verify(&log, &options));
        let (ours, findings) = match &ours {
            Ok(report) => (report.verdict.exit_code(), format!("{:?}", report.findings)),
            Err(error) => (2, error.to_string()),
        };

        let key_file = |name: &str| self.site.path(name).to_str().unwrap().to_owned();
        let mut arguments =
            vec![path.to_str().unwrap().to_owned(), "--vkey".to_owned(), key_file("a.vkey")];
        if options.keyring.is_some() {
            arguments.extend(["-k".to_owned(), key_file("a.key")]);
        }
        if anchored {
            arguments.extend(["--checkpoint".to_owned(), key_file("a.checkpoint")]);
        }
        let (theirs, said) = self.script.verdict(&arguments);
        (ours, theirs, format!("ours: {findings}\ntheirs: {said}"))
    }
}

const ALL: [With; 3] = [With::Vkey, With::Key, With::KeyAndAnchor];

#[test]
fn on_every_kind_of_intact_log() {
    let Some(python) = python() else { return };
    let sites = [Site::new(), Site::new(), Site::new(), Site::new()];
    let [rolled, one_segment, empty, lost_signer] = &sites;
    let (uncovered, anchor) = sample(rolled);
    write(one_segment, &["only"]);
    write(empty, &[]);
    write(lost_signer, &["before"]);
    std::fs::remove_file(lost_signer.path("audit.log.signer")).unwrap();
    write(lost_signer, &["after"]);
    for site in sites {
        let files = read(&site);
        let is_rolled = files.contains_key("audit.000001.log");
        let mut judges = Judges::new(site, &anchor, &python);
        // The anchor is of one log alone.
        for with in &ALL[..if is_rolled { 3 } else { 2 }] {
            let (ours, theirs, said) = judges.judge(&files, *with);
            assert_eq!((ours, theirs), (0, 0), "{with:?}\n{said}");
            if is_rolled {
                let (ours, theirs, said) = judges.judge(&uncovered, *with);
                assert_eq!((ours, theirs), (0, 0), "{with:?}\n{said}");
            }
        }
        judges.script.end();
    }
}

#[test]
fn on_logs_without_a_chain() {
    let Some(python) = python() else { return };
    let (chained, plain) = (Site::new(), Site::new());
    let (files, anchor) = sample(&chained);
    let log = plain.plain().open().unwrap();
    log.append(&record("one")).unwrap();
    log.append(&record("two")).unwrap();
    log.close().unwrap();
    let bare = files.into_iter().filter(|(name, _)| name.ends_with(".log")).collect();
    let plain_files = read(&plain);
    // In a log that had a chain the records say by their numbers that headers are missing.
    for (site, files, with_key) in [(chained, bare, 10), (plain, plain_files, 13)] {
        let mut judges = Judges::new(site, &anchor, &python);
        for (with, code) in [(With::Vkey, 13), (With::Key, with_key)] {
            let (ours, theirs, said) = judges.judge(&files, with);
            assert_eq!((ours, theirs), (code, code), "{with:?}\n{said}");
        }
        judges.script.end();
    }
}

/// No writer signs twice, so a repeated signature is a change; witnesses may add theirs at any time.
#[test]
fn on_signatures_that_are_repeated_or_added() {
    let Some(python) = python() else { return };
    let site = Site::new();
    let (good, anchor) = sample(&site);
    let mut judges = Judges::new(site, &anchor, &python);
    let witness = SigningKey::generate("example.com/witness").unwrap();
    for name in ["audit.000000.log.chain", "audit.000001.log.chain", "audit.log.chain"] {
        let chain = String::from_utf8(good[name].clone()).unwrap();
        let note = chain[..chain.len() - 1].rsplit_once("\n\n").unwrap().0;
        let text = format!("{}\n", note.rsplit_once("\n\n").unwrap().1);
        let added = sign_note(&text, &[&witness]).unwrap();
        let repeated = chain.lines().rfind(|line| line.starts_with('\u{2014}')).unwrap();
        for (line, code) in [(repeated, 10), (added.lines().last().unwrap(), 0)] {
            let mut files = good.clone();
            let chain = format!("{}{line}\n\n", &chain[..chain.len() - 1]);
            files.insert(name.to_owned(), chain.into_bytes());
            for with in ALL {
                let (ours, theirs, said) = judges.judge(&files, with);
                assert_eq!((ours, theirs), (code, code), "{name} {with:?}\n{said}");
            }
        }
    }
    judges.script.end();
}

#[test]
fn on_five_hundred_damaged_logs() {
    let Some(python) = python() else { return };
    let site = Site::new();
    let (good, anchor) = sample(&site);
    let other = sample(&Site::new()).0;
    let mut judges = Judges::new(site, &anchor, &python);
    let (mut random, mut counts) = (Random(40), BTreeMap::new());
    for number in 0..DAMAGED {
        let mut files = good.clone();
        let what = damage(&mut random, &mut files, &other);
        let with = ALL[number % ALL.len()];
        let (ours, theirs, said) = judges.judge(&files, with);
        assert_eq!(ours, theirs, "{number}: {what} {with:?}\n{said}");
        *counts.entry(ours).or_insert(0) += 1;
    }
    judges.script.end();
    // Most damage is tampering; some cuts at the end are torn, or pass without an anchor.
    assert!(counts[&10] > DAMAGED * 7 / 10, "{counts:?}");
}

/// The script reads them with the command `zstd`, which knows nothing of what we read them with.
#[test]
fn on_compressed_segments_whole_and_damaged() {
    let (Some(python), true) = (python(), has_zstd()) else { return };
    let site = Site::new();
    let (mut good, anchor) = sample(&site);
    let name = "audit.000001.log.zst";
    for name in ["audit.000000.log", "audit.000001.log"] {
        let lines = good.remove(name).unwrap();
        let packed = zstd::bulk::compress(&lines, 3).unwrap();
        good.insert(format!("{name}.zst"), packed);
    }
    let mut judges = Judges::new(site, &anchor, &python);
    for with in ALL {
        let (ours, theirs, said) = judges.judge(&good, with);
        assert_eq!((ours, theirs), (0, 0), "{with:?}\n{said}");
    }
    let mut random = Random(41);
    for number in 0..60 {
        let mut files = good.clone();
        let bytes = files.get_mut(name).unwrap();
        let at = random.below(bytes.len() as u64) as usize;
        match number % 4 {
            0 => bytes.truncate(at),
            1 => bytes.extend(random.bytes(1 + at % 50)),
            2 => drop(bytes.drain(at..(at + 4).min(bytes.len()))),
            _ => bytes[at] ^= 1 << random.below(8),
        }
        let (ours, theirs, said) = judges.judge(&files, ALL[number % ALL.len()]);
        assert_eq!(ours, theirs, "{number} at {at}\n{said}");
    }
    judges.script.end();
}

#[test]
fn on_segments_that_retention_deleted() {
    let Some(python) = python() else { return };
    let mut log = TestLog::new();
    for number in 0..4 {
        log.append(3);
        match number {
            2 => log.roll_pruning(0, 1),
            _ => log.roll(),
        }
    }
    log.append(2);
    log.checkpoint();
    log.write();
    let site = Site::at(log.path().folder(), log.ring(), log.log_key.clone());
    let whole = read(&site);
    let gone = |numbers: &[u64]| -> Files {
        let mut files = whole.clone();
        files.retain(|name, _| {
            let is = |n| name.starts_with(&format!("audit.{n:06}")) && !name.ends_with(".chain");
            !numbers.iter().any(is)
        });
        files
    };
    let mut judges = Judges::new(site, log.anchor().as_bytes(), &python);
    let announced = gone(&[0, 1]);
    let mut chainless = announced.clone();
    chainless.remove("audit.000001.log.chain");
    for (files, code) in [
        (&whole, 0),
        (&announced, 0),
        (&gone(&[1]), 0),
        (&gone(&[0, 1, 2]), 10),
        (&gone(&[3]), 10),
        (&chainless, 10),
    ] {
        for with in ALL {
            let (ours, theirs, said) = judges.judge(files, with);
            assert_eq!((ours, theirs), (code, code), "{with:?}\n{said}");
        }
    }
    let mut random = Random(42);
    for number in 0..60 {
        let mut files = announced.clone();
        let what = damage(&mut random, &mut files, &announced);
        let (ours, theirs, said) = judges.judge(&files, ALL[number % ALL.len()]);
        assert_eq!(ours, theirs, "{number}: {what}\n{said}");
    }
    judges.script.end();
}

fn has_zstd() -> bool {
    let found = Command::new("zstd").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        cannot_run("there is no command zstd");
    }
    found
}

/// Damages `files` in one way and says how. `other` are files of another log.
fn damage(random: &mut Random, files: &mut Files, other: &Files) -> String {
    let names: Vec<_> = files.keys().filter(|name| !name.ends_with(".hashes")).cloned().collect();
    let name = names[random.below(names.len() as u64) as usize].clone();
    let donor = names[random.below(names.len() as u64) as usize].clone();
    let bytes = files.get_mut(&name).unwrap();
    let at = random.below(bytes.len() as u64) as usize;
    let kind = random.below(13);
    let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect()
    };
    let mut split = lines(bytes);
    let (from, to) =
        (random.below(split.len() as u64) as usize, random.below(split.len() as u64) as usize);
    match kind {
        0..=2 => bytes[at] ^= 1 << random.below(8),
        3 => bytes.truncate(at),
        4 => drop(bytes.splice(at..at, random.array::<3>())),
        5 => drop(bytes.drain(at..(at + 40).min(bytes.len()))),
        6 => {
            split.remove(from);
            *bytes = split.concat();
        }
        7 => {
            split.insert(to, split[from].clone());
            *bytes = split.concat();
        }
        8 => {
            split.swap(from, to);
            *bytes = split.concat();
        }
        9 => {
            let theirs = lines(&other[&name]);
            split[from] = theirs[random.below(theirs.len() as u64) as usize].clone();
            *bytes = split.concat();
        }
        10 => drop(files.remove(&name)),
        11 => drop(files.insert(name.clone(), files[&donor].clone())),
        _ => bytes.extend(random.bytes(1 + at % 50)),
    }
    format!("kind {kind} in {name} at byte {at}, lines {from} and {to}")
}
