//! `examples/verify.py`, which shares no line with us, comes to the same verdicts.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{EVIDENCE, Keys, Specimen};
use crate::common::site::{Site, record};
use crate::common::{Random, python, repository};

/// Runs the verifier on each line `LOG VKEY KEY` of standard input, in one process.
const DRIVER: &str = "
import contextlib, io, runpy, sys
for line in sys.stdin:
    log, vkey, key = line.split()
    sys.argv = ['verify.py', log, '--vkey', vkey] + (['-k', key] if key != '-' else [])
    code = 0
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            runpy.run_path(VERIFY, run_name='__main__')
        except SystemExit as end:
            code = end.code or 0
    print(code, flush=True)
";

/// Asks the Python verifier about logs in the folders, with the key or without.
fn second_opinion(asked: &[(std::path::PathBuf, &Site, Keys)]) -> Option<Vec<u8>> {
    let python = python()?;
    let script = repository().join("examples/verify.py");
    let driver = DRIVER.replace("VERIFY", &format!("{script:?}"));
    let mut child = Command::new(python)
        .args(["-c", &driver])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = String::new();
    for (folder, site, keys) in asked {
        let vkey = folder.join("k.vkey");
        std::fs::write(&vkey, format!("{}\n", site.log_key.verifier())).unwrap();
        let key = folder.join("k.key");
        std::fs::write(&key, site.keyring.to_text(&[]).as_bytes()).unwrap();
        let key = if *keys == Keys::Operator { key.display().to_string() } else { "-".into() };
        lines += &format!("{} {} {key}\n", folder.join("audit.log").display(), vkey.display());
    }
    let feeder = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let codes = String::from_utf8(output.stdout).unwrap();
    let codes: Vec<u8> = codes.lines().map(|code| code.parse().unwrap()).collect();
    assert_eq!(codes.len(), asked.len());
    Some(codes)
}

#[test]
fn on_five_hundred_damaged_logs() {
    let specimen = Specimen::new();
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(7);
    let (mut asked, mut ours, mut what) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..500 {
        let name = EVIDENCE[random.below(6) as usize];
        let good = &specimen.files[name];
        let mut bad = good.clone();
        let place = random.below(good.len() as u64) as usize;
        let kind = random.below(6);
        match kind {
            0 => bad[place] ^= 1 << random.below(8),
            1 => bad.truncate(place),
            2 => bad.insert(place, random.next() as u8),
            3 => drop(bad.remove(place)),
            4 => {
                let mut lines: Vec<_> = good.split_inclusive(|&b| b == b'\n').collect();
                let line = lines.remove(random.below(lines.len() as u64) as usize);
                if random.below(2) == 0 {
                    lines.insert(random.below(lines.len() as u64 + 1) as usize, line);
                }
                bad = lines.concat();
            }
            _ => {
                let mut lines: Vec<_> = good.split_inclusive(|&b| b == b'\n').collect();
                let (a, b) = (random.below(lines.len() as u64), random.below(lines.len() as u64));
                lines.swap(a as usize, b as usize);
                bad = lines.concat();
            }
        }
        let keys = if random.below(2) == 0 { Keys::Auditor } else { Keys::Operator };
        specimen.restore_with(&[(name, Some(&bad))]);
        ours.push(specimen.report(keys).verdict.exit_code());
        let copy = folder.path().join(number.to_string());
        std::fs::create_dir(&copy).unwrap();
        for file in EVIDENCE {
            std::fs::copy(specimen.site.path(file), copy.join(file)).unwrap();
        }
        asked.push((copy, &specimen.site, keys));
        what.push(format!("{number}: {name}, kind {kind} at {place}, {keys:?}"));
    }
    let Some(theirs) = second_opinion(&asked) else { return };
    for ((ours, theirs), what) in ours.iter().zip(&theirs).zip(&what) {
        assert_eq!(ours, theirs, "{what}");
    }
}

#[test]
fn on_every_kind_of_intact_log() {
    let rolled = Specimen::new();
    let one_segment = Site::new();
    let log = one_segment.open();
    log.append(&record("only")).unwrap();
    log.close().unwrap();
    let empty = Site::new();
    empty.open().close().unwrap();
    let lost_signer = Site::new();
    let log = lost_signer.open();
    log.append(&record("before")).unwrap();
    log.close().unwrap();
    std::fs::remove_file(lost_signer.path("audit.log.signer")).unwrap();
    let log = lost_signer.open();
    log.append(&record("after")).unwrap();
    log.close().unwrap();
    let sites = [&rolled.site, &one_segment, &empty, &lost_signer];
    let asked: Vec<_> = sites
        .into_iter()
        .flat_map(|site| [Keys::Auditor, Keys::Operator].map(|keys| (site.path(""), site, keys)))
        .collect();
    for (_, site, keys) in &asked {
        let report = super::verify_log(site, *keys, vec![]);
        assert_eq!(report.verdict.exit_code(), 0, "{:?}", super::ids(&report));
    }
    let Some(theirs) = second_opinion(&asked) else { return };
    assert_eq!(theirs, vec![0; asked.len()]);
}
