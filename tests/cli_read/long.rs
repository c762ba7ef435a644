//! Logs that are long enough for several threads: nothing may depend on which one was faster.

use fernlog::{Durability, Level, Record};

use super::{Answer, Desk};

const RECORDS: u64 = 24_000;

/// Two segments of some five megabytes each; record `i` has `n=i`.
fn long() -> Desk {
    let desk = Desk::new();
    let log = desk.site.builder().durability(Durability::Buffered).open().unwrap();
    for n in 1..=RECORDS {
        if n == RECORDS / 2 {
            log.roll().unwrap();
        }
        let level = if n % 1000 == 0 { Level::Error } else { Level::Info };
        log.append(&Record::new(level, "long", "x".repeat(150)).field("n", n)).unwrap();
    }
    log.close().unwrap();
    desk
}

fn numbers(answer: &Answer) -> Vec<u64> {
    answer.out.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn records_come_in_order() {
    let desk = long();
    let answer = desk.run("decrypt audit.log -k audit.key --template {n}");
    // A name that is no member stands for a field only behind its folder.
    assert_eq!(answer.code, 2);
    let answer = desk.run("decrypt audit.log -k audit.key --template {fields.n}");
    assert_eq!(answer.code, 0);
    assert_eq!(numbers(&answer), (1..=RECORDS).collect::<Vec<_>>());
}

#[test]
fn damage_is_told_between_its_neighbours() {
    let desk = long();
    desk.damage_line("audit.000000.log", 7_000);
    desk.edit_lines("audit.log", |lines| {
        lines[6_000] = b"no token\n".to_vec();
        drop(lines.remove(9_000));
    });
    let answer = desk.run("decrypt audit.log -k audit.key --template {fields.n}");
    let errors = answer.errors(10);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].contains("audit.000000.log:7000: #7,000, "), "{errors:?}");
    assert!(errors[1].contains("audit.log:6001: #18,001: the line is no token"), "{errors:?}");
    assert!(errors[2].contains("audit.log:9001: #21,001, "), "{errors:?}");
    assert!(errors[2].contains("was written as #21,002"), "{errors:?}");
    assert_eq!(numbers(&answer).len() as u64, RECORDS - 3);
    assert!(numbers(&answer).is_sorted());
}

#[test]
fn a_selection_is_the_same_as_in_a_short_log() {
    let desk = long();
    let run = |flags: &str| {
        numbers(
            &desk.run(&format!("decrypt audit.log -k audit.key --template {{fields.n}} {flags}")),
        )
    };
    let errors: Vec<u64> = (1..=24).map(|n| n * 1000).collect();
    assert_eq!(run("--level ERROR"), errors);
    assert_eq!(run("--level ERROR --head 3"), errors[..3]);
    assert_eq!(run("--level ERROR --tail 20"), errors[4..]);
    assert_eq!(run("--head 2"), [1, 2]);
    assert_eq!(run("--tail 20000")[0], 4001);
    // Two headers take an index each; the second one is #12,000.
    assert_eq!(run("--index 11999..12003"), [11_999, 12_000, 12_001]);
}

#[test]
fn grep_finds_and_counts_all() {
    let desk = long();
    let grep = |words: &str| desk.run(&format!("grep -k audit.key {words} audit.log")).out;
    assert_eq!(grep("-c ERROR"), "24\n");
    assert_eq!(grep("-c -v ERROR"), format!("{}\n", RECORDS - 24));
    assert_eq!(grep("-o 'n=.*[0-9]000$' --head 2500"), "n=1000\nn=2000\n");
    assert_eq!(grep("-m 2 -o --in n '.*000$'"), "1000\n2000\n");
    let context = grep("-C 1 -w n=12345");
    let ends: Vec<_> = context.lines().map(|line| line.rsplit_once(' ').unwrap().1).collect();
    assert_eq!(ends, ["n=12344", "n=12345", "n=12346"]);
    let stats = desk.run("grep -k audit.key --stats ERROR audit.log").err;
    assert!(stats.starts_with("fernlog: 24 matching records in 24,000 records, "), "{stats}");
}

#[test]
fn a_wrong_key_is_said_once() {
    let desk = long();
    desk.other_key("other.key");
    let answer = desk.run("decrypt audit.log -k other.key");
    assert_eq!(answer.errors(12).len(), 2, "{}", answer.err);
    assert_eq!(answer.out, "");
}
