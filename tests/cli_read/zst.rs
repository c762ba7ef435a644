//! Compressed segments, read by every command.

use fernlog::{Durability, Level, Record};

use super::tail::Following;
use super::{Answer, Desk};
use crate::common::site::{compress, record};

/// The sample with its closed segments compressed.
fn sample() -> Desk {
    let desk = Desk::sample();
    compress(&desk.path("audit.000000.log"));
    compress(&desk.path("audit.000001.log"));
    desk
}

fn json(answer: &Answer) -> Vec<serde_json::Value> {
    answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_reading_command_gives_what_it_gave_before() {
    let desk = Desk::sample();
    let commands = [
        "decrypt audit.log -k audit.key --template '{index} {message}'",
        "decrypt audit.log -k audit.key --index 4..10 --template {index}",
        "decrypt audit.log -k audit.key --index 12 --template {index}",
        "decrypt audit.log -k audit.key --head 9 --template {index}",
        "decrypt audit.log -k audit.key --tail 9 --template {index}",
        "decrypt audit.log -k audit.key --since '#9' --template {index}",
        "decrypt . -k audit.key --format json",
        "grep 'message 1' audit.log -k audit.key -n",
        "grep mallory audit.log -k audit.key -c",
        "grep 'message 9' audit.log -k audit.key -A 1 -B 2",
        "tail -n 13 audit.log -k audit.key --template {index}",
        "tail -n 3 audit.log -k audit.key --field actor=mallory --template {index}",
        "prove audit.log '#9'",
    ];
    let before = commands.map(|words| desk.run(words));
    compress(&desk.path("audit.000000.log"));
    compress(&desk.path("audit.000001.log"));
    for (words, before) in commands.iter().zip(before) {
        let after = desk.run(words);
        assert_eq!((before.code, &*before.err), (0, ""), "{words}");
        assert_eq!((after.code, after.out, after.err), (0, before.out, before.err), "{words}");
    }
}

#[test]
fn a_compressed_file_stands_for_its_log() {
    let desk = sample();
    let answer = desk.run("decrypt audit.000001.log.zst -k audit.key --template {index}");
    assert_eq!(answer.lines().len(), 18);
    assert_eq!(desk.run("verify audit.000000.log.zst --vkey audit.vkey").code, 0);
}

#[test]
fn verify_and_inspect_name_the_compressed_files() {
    let desk = sample();
    let verified = desk.run("verify audit.log --vkey audit.vkey -k audit.key --json");
    assert_eq!(verified.code, 0, "{verified:?}");
    let segments: Vec<_> =
        json(&verified).into_iter().filter(|object| object["type"] == "segment").collect();
    assert_eq!(segments[0]["file"], "audit.000000.log.zst");
    assert_eq!(
        (&segments[0]["compressed"], &segments[2]["compressed"]),
        (&true.into(), &false.into())
    );
    let human = desk.run("verify audit.log --vkey audit.vkey");
    assert!(human.out.contains("3, 2 compressed"), "{}", human.out);
    let inspected = desk.run("inspect audit.log");
    assert!(
        inspected.out.contains("audit.000001.log.zst   from #7, 7 records"),
        "{}",
        inspected.out
    );
    let facts = json(&desk.run("inspect audit.log --json"));
    assert_eq!((&facts[1]["compressed"], &facts[1]["records"]), (&true.into(), &6.into()));
    assert_eq!(facts[1]["broken"], serde_json::Value::Null);
}

#[test]
fn a_damaged_file_is_named_and_what_stands_before_and_behind_it_is_printed() {
    let desk = sample();
    let length = desk.site.read("audit.000001.log.zst").len();
    for cut in [10, length / 2, length - 2] {
        let desk = sample();
        desk.edit("audit.000001.log.zst", |bytes| bytes.truncate(cut));
        let answer = desk.run("decrypt audit.log -k audit.key --template {index}");
        assert_eq!(answer.code, 10, "{cut} {answer:?}");
        assert_eq!(answer.err.matches("fernlog: error: audit.000001.log.zst:").count(), 1, "{cut}");
        assert!(answer.err.contains("the compressed file is damaged"), "{}", answer.err);
        assert!(answer.out.starts_with("1\n2\n3\n4\n5\n6\n") && answer.out.ends_with("19\n20\n"));
        for words in ["grep message audit.log -k audit.key", "tail -n 18 audit.log -k audit.key"] {
            assert_eq!(desk.run(words).code, 10, "{words} {cut}");
        }
        let verified = desk.run("verify audit.log --vkey audit.vkey --json");
        assert_eq!(verified.code, 10);
        let finding = &json(&verified)[1];
        assert_eq!(
            (&finding["id"], &finding["file"]),
            (&"FL310".into(), &"audit.000001.log.zst".into())
        );
        let inspected = desk.run("inspect audit.log");
        assert!(inspected.out.contains("audit.000001.log.zst cannot be read behind byte"));
        assert_eq!(desk.run("prove audit.log '#9'").code, 10);
    }
}

#[test]
fn a_long_compressed_log_goes_through_several_threads_in_order() {
    let desk = Desk::new();
    let log = desk.site.builder().durability(Durability::Buffered).open().unwrap();
    for n in 1..=24_000_u64 {
        log.append(&Record::new(Level::Info, "long", "x".repeat(150)).field("n", n)).unwrap();
    }
    log.roll().unwrap();
    log.close().unwrap();
    compress(&desk.path("audit.000000.log"));
    let answer = desk.run("decrypt audit.log -k audit.key --template {fields.n}");
    let numbers: Vec<u64> = answer.lines().iter().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers, (1..=24_000).collect::<Vec<_>>());
    let words = "grep -c '\"n\":23..7' audit.log -k audit.key --raw";
    assert_eq!(desk.run(words).lines(), ["100"]);
    let words = "tail -n 2 audit.log -k audit.key --template {fields.n} --field n=20000";
    assert_eq!(desk.run(words).lines(), ["20000"]);
}

#[test]
fn following_goes_on_over_a_roll_whose_old_segment_is_compressed_at_once() {
    let desk = Desk::with([record("one")]);
    let log = desk.site.open();
    let following = Following::start(&desk, "");
    following.expect(&["one"]);
    for (number, [last, first]) in [["two", "three"], ["four", "five"]].iter().enumerate() {
        log.append(&record(last)).unwrap();
        log.roll().unwrap();
        compress(&desk.path(&format!("audit.{number:06}.log")));
        log.append(&record(first)).unwrap();
        following.expect(&[last, first]);
    }
    let (code, err) = following.stop();
    assert_eq!(code, 130, "{err}");
    assert!(!err.contains("error"), "{err}");
}
