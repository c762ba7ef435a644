//! `fernlog grep`.

use fernlog::{Level, Record};
use serde_json::Value;

use super::{Answer, Desk};

/// The messages of the lines that were printed.
fn messages(answer: &Answer) -> Vec<String> {
    let message = |line: &str| {
        let (_, rest) = line.split_once("message ").unwrap_or(("", line));
        rest.split(' ').next().unwrap_or_default().to_owned()
    };
    answer.out.lines().map(message).collect()
}

fn grep(desk: &Desk, words: &str) -> Answer {
    desk.run(&format!("grep -k audit.key {words}"))
}

/// The messages that match.
#[track_caller]
fn found(words: &str) -> Vec<String> {
    let answer = grep(&Desk::sample(), words);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{answer:?}");
    messages(&answer)
}

fn events(answer: &Answer) -> Vec<Value> {
    answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_match_is_exit_0_and_none_exit_1() {
    assert_eq!(found("'message 1[0-2]' audit.log"), ["10", "11", "12"]);
    let answer = grep(&Desk::sample(), "nothing audit.log");
    assert_eq!((answer.code, answer.out.as_str(), answer.err.as_str()), (1, "", ""));
}

#[test]
fn an_empty_pattern_matches_everything() {
    assert_eq!(found("'' audit.log").len(), 18);
}

#[test]
fn any_pattern_of_e_may_match() {
    assert_eq!(found("-e 'message 3' -e 'message 9' audit.log"), ["3", "9"]);
}

#[test]
fn f_takes_patterns_as_text() {
    assert_eq!(found("-F -e 'app: message 3' audit.log"), ["3"]);
    assert_eq!(grep(&Desk::sample(), "-F 'message .' audit.log").code, 1);
}

#[test]
fn i_and_s_ignore_case() {
    assert_eq!(found("-i 'MESSAGE 3' audit.log"), ["3"]);
    assert_eq!(found("-S 'warning.*message 5' audit.log"), ["5"]);
    assert_eq!(grep(&Desk::sample(), "-S 'Message 3' audit.log").code, 1);
}

#[test]
fn w_takes_whole_words_and_x_whole_records() {
    assert_eq!(found("-w 'message 1' audit.log"), ["1"]);
    assert_eq!(found("-x '.*n=2' audit.log"), ["2"]);
    assert_eq!(grep(&Desk::sample(), "-x 'message 2' audit.log").code, 1);
}

#[test]
fn v_takes_the_others() {
    assert_eq!(found("-v 'message 1' audit.log"), ["2", "3", "4", "5", "6", "8", "9", "20"]);
}

#[test]
fn o_prints_only_what_matched() {
    let answer = grep(&Desk::sample(), "-o 'e 1[12]|mallory' --index 11..13 audit.log");
    assert_eq!(answer.lines(), ["e 11", "e 12", "mallory"]);
}

#[test]
fn c_counts_a_log_over_its_segments() {
    let answer = grep(&Desk::sample(), "-c mallory audit.log");
    assert_eq!(answer.lines(), ["5"]);
    let answer = grep(&Desk::sample(), "-c nothing audit.log");
    assert_eq!((answer.code, answer.out.as_str()), (1, "0\n"));
}

#[test]
fn c_counts_each_of_several_logs() {
    let desk = Desk::sample();
    let token = desk.site.read("audit.log");
    desk.file("plain.log", &token);
    let answer = grep(&desk, "-c mallory audit.log plain.log");
    // The plain log has the records of the last segment, at other indexes.
    assert_eq!(answer.out, "audit.log:5\nplain.log:1\n");
    assert_eq!(answer.code, 10);
}

#[test]
fn l_names_logs_with_a_match_and_capital_l_those_without() {
    let desk = Desk::sample();
    desk.file("empty.log", b"");
    assert_eq!(grep(&desk, "-l mallory audit.log empty.log").lines(), ["audit.log"]);
    assert_eq!(grep(&desk, "-L mallory audit.log empty.log").lines(), ["empty.log"]);
    assert_eq!(grep(&desk, "-L mallory audit.log").code, 1);
}

#[test]
fn m_stops_and_context_follows_the_last_match() {
    assert_eq!(found("-m 2 mallory audit.log"), ["3", "6"]);
    assert_eq!(found("-m 1 -A 3 mallory audit.log"), ["3", "4", "5", "6"]);
    assert_eq!(grep(&Desk::sample(), "-m 0 mallory audit.log").code, 1);
}

#[test]
fn q_prints_nothing() {
    let answer = grep(&Desk::sample(), "-q mallory audit.log");
    assert_eq!((answer.code, answer.out.as_str(), answer.err.as_str()), (0, "", ""));
    assert_eq!(grep(&Desk::sample(), "-q nothing audit.log").code, 1);
}

#[test]
fn n_prints_the_index_and_context_has_another_sign() {
    let answer = grep(&Desk::sample(), "-n -C 1 'message 9' audit.log");
    let prefixes: Vec<_> = answer.lines().iter().map(|line| &line[..3]).collect();
    assert_eq!(prefixes, ["8-2", "9:2", "10-"]);
}

#[test]
fn neighbours_are_printed_once_and_a_rule_stands_between_stretches() {
    assert_eq!(
        found("-B 1 -A 1 -e 'message 3' -e 'message 4' -e 'message 14' audit.log"),
        ["2", "3", "4", "5", "--", "13", "14", "16"]
    );
    assert_eq!(found("-C 2 -e 'message 3' -e 'message 9' audit.log").len(), 10);
    assert_eq!(found("-A 1 -e 'message 3' -e 'message 5' audit.log"), ["3", "4", "5", "6"]);
}

#[test]
fn several_logs_have_their_name_before_each_line() {
    let desk = Desk::sample();
    desk.file("empty.log", b"");
    let answer = grep(&desk, "-n 'message 9' empty.log audit.log");
    assert!(answer.lines()[0].starts_with("audit.log:9:2026-"), "{}", answer.out);
}

#[test]
fn one_field_can_be_searched_and_the_stored_json() {
    assert_eq!(found("--in n '^1$' audit.log"), ["1"]);
    assert_eq!(found("--in fields.n 20 audit.log"), ["20"]);
    assert_eq!(grep(&Desk::sample(), "--in message mallory audit.log").code, 1);
    let answer = grep(&Desk::sample(), "--raw '\"n\":3}' audit.log");
    assert!(answer.lines()[0].starts_with("{\"seq\":3,"), "{}", answer.out);
}

#[test]
fn selection_narrows_what_is_searched() {
    assert_eq!(found("mallory --index 5..13 audit.log"), ["6", "9", "12"]);
    assert_eq!(found("message --level WARNING audit.log"), ["5", "10", "20"]);
    assert_eq!(found("mallory --head 4 audit.log"), ["3"]);
}

#[test]
fn json_has_the_events_of_ripgrep_with_index_and_time() {
    let answer = grep(&Desk::sample(), "--json -A 1 'message 9' audit.log");
    let events = events(&answer);
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["begin", "match", "context", "end", "summary"]);
    assert!(
        answer.out.starts_with("{\"type\":\"begin\",\"data\":{\"path\":{\"text\":\"audit.log\"}}}")
    );
    let found = &events[1];
    assert_eq!((&found["index"], &found["data"]["index"]), (&9.into(), &9.into()));
    assert_eq!(found["time"], "2026-11-22T10:07:00.000000000Z");
    assert_eq!(found["data"]["path"]["text"], "audit.000001.log");
    assert_eq!(found["data"]["line_number"], 2);
    let text = found["data"]["lines"]["text"].as_str().unwrap();
    let part = &found["data"]["submatches"][0];
    let range = |name: &str| usize::try_from(part[name].as_u64().unwrap()).unwrap();
    assert_eq!(&text[range("start")..range("end")], "message 9");
    assert_eq!(part["match"]["text"], "message 9");
    assert_eq!(events[3]["data"]["stats"]["matched_lines"], 1);
    assert_eq!(events[4]["data"]["stats"]["searches_with_match"], 1);
}

#[test]
fn json_without_a_match_is_a_summary() {
    let answer = grep(&Desk::sample(), "--json nothing audit.log");
    assert_eq!(answer.code, 1);
    assert_eq!(events(&answer)[0]["type"], "summary");
}

#[test]
fn stats_are_told_on_standard_error() {
    let answer = grep(&Desk::sample(), "--stats mallory audit.log");
    assert_eq!(answer.out.lines().count(), 5);
    assert!(answer.err.starts_with("fernlog: 5 matching records in 18 records, "));
}

#[test]
fn damaged_records_never_match() {
    let desk = Desk::sample();
    desk.damage_line("audit.log", 2);
    let answer = grep(&desk, "'' audit.log");
    assert_eq!((answer.code, answer.out.lines().count()), (10, 17));
    assert!(answer.err.contains("audit.log:2: #17, "));
    assert_eq!(grep(&desk, "nothing audit.log").code, 10);
}

#[test]
fn a_missing_log_is_silent_with_s() {
    let desk = Desk::sample();
    let answer = grep(&desk, "-s mallory no.log audit.log");
    assert_eq!((answer.code, answer.err.as_str()), (2, ""));
    assert_eq!(answer.out.lines().count(), 5);
    assert!(grep(&desk, "mallory no.log audit.log").err.contains("cannot open no.log"));
}

#[test]
fn a_pattern_that_cannot_be_read_is_exit_2() {
    let answer = grep(&Desk::sample(), "'(' audit.log");
    assert_eq!(answer.errors(2)[0], "fernlog: error: '(' is no regular expression: unclosed group");
}

#[test]
fn hostile_text_is_searched_as_it_is_and_shown_escaped() {
    let desk = Desk::with([Record::new(Level::Info, "", "\u{1b}[2Jall\nfine")]);
    for flags in ["", "--color always", "-o", "--raw", "--json"] {
        let pattern = if flags == "--raw" { r"u001b\[2Jall" } else { r"\x1b\[2Jall.fine" };
        let answer = grep(&desk, &format!("{flags} '{pattern}' audit.log"));
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{flags}");
        assert!(!answer.out.contains("\u{1b}[2J"), "{flags}: {:?}", answer.out);
    }
}

#[test]
fn colour_sets_off_matches_and_changes_nothing_else() {
    let desk = Desk::sample();
    let plain = grep(&desk, "-n 'message 9' audit.log").out;
    let coloured = grep(&desk, "-n --color always 'message 9' audit.log").out;
    assert!(coloured.contains("\u{1b}[31mmessage 9\u{1b}[0m"), "{coloured:?}");
    let mut bare = String::new();
    for (place, part) in coloured.split('\u{1b}').enumerate() {
        let text = part.split_once('m').filter(|_| place > 0);
        bare.push_str(text.map_or(part, |(_, text)| text));
    }
    assert_eq!(bare, plain);
}

#[test]
fn standard_input_can_be_searched() {
    let desk = Desk::sample();
    let answer = desk.run_with("grep -c mallory - -k audit.key", &desk.site.read("audit.log"));
    assert_eq!(answer.out, "1\n");
}
