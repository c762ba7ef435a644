//! `fernlog append --json-lines`. What goes where is tested beside the code; here, what a whole run
//! does with it.

use serde_json::json;

use super::Shell;

#[test]
fn members_find_their_places() {
    let shell = Shell::with_keys();
    let line = r#"{"timestamp":"2026-01-02T03:04:05+01:00","level":"warn","message":"m","actor":"a","seq":7,"mood":"good","fields":{"n":1}}"#;
    let ended = shell.append(&["--json-lines"], line.as_bytes());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        shell.records(),
        [json!({
            "seq": 1, "timestamp": "2026-01-02T02:04:05.000000000Z", "level": "WARNING",
            "logger": "", "message": "m", "actor": "a",
            "fields": {"seq": 7, "mood": "good", "n": 1}
        })]
    );
}

#[test]
fn the_token_bears_the_time_of_the_line() {
    let shell = Shell::with_keys();
    shell.append(&["--json-lines"], br#"{"timestamp":"2001-09-09T01:46:40Z","message":"m"}"#);
    let token = std::fs::read(shell.path("audit.log")).unwrap();
    // Version 0x80 and the seconds 1,000,000,000 in base64url.
    assert!(token.starts_with(b"gAAAAAA7msoA"), "{}", String::from_utf8_lossy(&token[..20]));
}

#[test]
fn lines_that_are_no_object_are_refused_by_number_and_the_rest_goes_on() {
    let shell = Shell::with_keys();
    let input =
        "{\"message\":\"a\"}\nhunter2\n\n[1]\n{\"a\":1,\"a\":2}\n{\"message\":\"b\"}\r\n{\"x\":";
    let ended = shell.append(&["--json-lines", "--ack"], input.as_bytes());
    assert_eq!(ended.code, Some(3));
    assert_eq!(shell.messages(), ["a", "b"]);
    assert_eq!(ended.out, "1\n2\n");
    let refused: Vec<&str> =
        ended.err.lines().filter_map(|line| line.strip_prefix("fernlog: error: ")).collect();
    assert_eq!(
        refused,
        [
            "line 2 is refused: not JSON",
            "line 3 is refused: not JSON",
            "line 4 is refused: no JSON object",
            "line 5 is refused: a member name stands twice",
            "line 7 is refused: not JSON",
        ]
    );
}

#[test]
fn a_flood_of_refusals_is_counted_and_not_printed() {
    let shell = Shell::with_keys();
    let ended = shell.append(&["--json-lines"], "x\n".repeat(5000).as_bytes());
    assert_eq!(ended.code, Some(3));
    assert!(ended.err.lines().count() < 30);
    assert!(ended.err.contains("5,000 lines were refused"), "{}", ended.err);
}

#[test]
fn what_decrypt_stores_goes_in_again_without_loss() {
    let shell = Shell::with_keys();
    shell.append(&["--field", "a=b"], b"x\ny\n");
    let stored = shell.records();
    let lines: Vec<String> = stored.iter().map(ToString::to_string).collect();
    assert_eq!(shell.append(&["--json-lines"], lines.join("\n").as_bytes()).code, Some(0));
    for (old, new) in stored.iter().zip(&shell.records()[2..]) {
        assert_eq!((&old["timestamp"], &old["message"]), (&new["timestamp"], &new["message"]));
        assert_eq!((&new["fields"]["a"], &new["fields"]["seq"]), (&json!("b"), &old["seq"]));
    }
}
