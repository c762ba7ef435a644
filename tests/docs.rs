//! The documents say what is true: `docs/format.md` quotes values of the log in `docs/example`,
//! which is made again here by the library and by the commands that the page shows.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use fernlog::crypto::{Cipher, Note, TokenShape};
use fernlog::format::{
    ChainItem, ChainReader, Event, Frontier, Header, SignedCheckpoint, StoredRecord, leaf,
};
use fernlog::{Keyring, VerifierKey};

use crate::common::{cannot_run, repository, to_hex};

fn page(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap()
}

fn example(name: &str) -> PathBuf {
    repository().join("docs/example").join(name)
}

fn lines(name: &str) -> Vec<String> {
    std::fs::read_to_string(example(name)).unwrap().lines().map(str::to_owned).collect()
}

fn chain(name: &str) -> (String, Header, Vec<SignedCheckpoint>) {
    let mut reader = ChainReader::new(std::fs::File::open(example(name)).unwrap());
    let (text, header) = reader.header().unwrap();
    let mut notes = Vec::new();
    while let Some((_, item)) = reader.next_item().unwrap() {
        match item {
            ChainItem::Checkpoint(signed) => notes.push(*signed),
            other => panic!("{other:?}"),
        }
    }
    (text, header.unwrap(), notes)
}

/// The pairs of a `sh` block and the `text` block behind it, which is what it prints.
fn sessions(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    for part in page.split("```sh\n").skip(1) {
        let (script, rest) = part.split_once("```\n").unwrap();
        let output = rest.strip_prefix("```text\n").map_or("", |o| o.split_once("```").unwrap().0);
        blocks.push((script.to_owned(), output.to_owned()));
    }
    blocks
}

#[test]
fn the_commands_of_the_worked_example_print_what_the_page_says() {
    const END: &str = "== end of block ==";
    if Command::new("openssl").arg("version").output().is_err() {
        return cannot_run("openssl is missing");
    }
    let sessions = sessions(&page("docs/format.md"));
    assert!(sessions.len() > 8);
    let mut script = "set -eu\n".to_owned();
    for (commands, _) in &sessions {
        script.push_str(&format!("{commands}printf '\\n{END}\\n'\n"));
    }
    let run = Command::new("sh").args(["-c", &script]).current_dir(repository()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let printed = String::from_utf8(run.stdout).unwrap();
    for ((commands, expected), printed) in sessions.iter().zip(printed.split(END)) {
        assert_eq!(printed.trim(), expected.trim(), "{commands}");
    }
}

#[test]
fn the_tokens_of_the_example_open_and_say_their_index() {
    let page = page("docs/format.md");
    let ring = Keyring::load(example("example.key")).unwrap();
    let cipher = Cipher::new(ring.primary());
    let mut seqs = Vec::new();
    for line in [lines("audit.000000.log"), lines("audit.log")].concat() {
        let shape = TokenShape::of(line.as_bytes()).unwrap();
        let mut raw = Vec::new();
        let opened = cipher.open(line.as_bytes(), &mut raw).unwrap();
        let record = StoredRecord::decode(opened.plaintext).unwrap();
        assert_eq!(opened.time, shape.time);
        assert_eq!(record.time.unwrap().token_seconds(), shape.time);
        seqs.push(record.seq.unwrap());
        if record.seq == Some(1) {
            assert!(page.contains(&line));
            assert!(page.contains(std::str::from_utf8(opened.plaintext).unwrap()));
        }
    }
    assert_eq!(seqs, [1, 2, 4]);
}

#[test]
fn the_headers_of_the_example_join_and_commit_to_its_key() {
    let page = page("docs/format.md");
    let ring = Keyring::load(example("example.key")).unwrap();
    let (_, closed, _) = chain("audit.000000.log.chain");
    let (text, active, _) = chain("audit.log.chain");
    assert!(page.contains(&text));
    for header in [&closed, &active] {
        assert_eq!(header.key_id, ring.primary().id());
        assert_eq!(ring.committed(&header.origin, &header.key_commitment), Some(ring.primary()));
        assert!(page.contains(&header.key_id.to_string()));
    }
    assert_eq!((closed.segment, closed.first(), active.segment, active.first()), (0, 0, 1, 3));
    assert_eq!(active.origin, closed.origin);
    assert_eq!(active.events, [Event::Rolled("request".into())]);
}

#[test]
fn the_checkpoints_of_the_example_have_its_roots_and_the_right_signatures() {
    let page = page("docs/format.md");
    let log_key = VerifierKey::load(example("example.vkey")).unwrap();
    assert!(page.contains(&log_key.to_string()));
    let mut tree = Frontier::new();
    let mut signers = Vec::new();
    let mut sizes = Vec::new();
    for name in ["audit.000000.log", "audit.log"] {
        let (text, header, notes) = chain(&format!("{name}.chain"));
        assert_eq!(header.before, tree);
        let first = header.first() + 1;
        signers.push(header.signer);
        let mut notes = notes.into_iter().peekable();
        for entry in std::iter::once(text).chain(lines(name)) {
            let hash = leaf(entry.as_bytes());
            assert!(page.contains(&to_hex(&hash)));
            tree.push(hash);
            while let Some(signed) = notes.next_if(|n| n.checkpoint.size == tree.size()) {
                assert_eq!(signed.checkpoint.root, tree.root());
                sizes.push(tree.size());
                // The hand-over has the key of the segment before as well.
                let segment_keys = if tree.size() == first { 2 } else { 1 };
                let mut keys = vec![log_key.clone()];
                keys.extend(signers.iter().rev().take(segment_keys).cloned());
                let note: &Note = &signed.note;
                assert_eq!(note.open(&keys).unwrap().1.len(), keys.len());
                assert_eq!(note.signatures().len(), keys.len());
                let text = std::str::from_utf8(&signed.bytes).unwrap();
                assert!(tree.size() < 4 || page.contains(text));
            }
        }
        assert!(notes.next().is_none());
    }
    assert_eq!(sizes, [1, 3, 4, 5]);
}

#[test]
fn files_and_tests_that_the_documents_name_exist() {
    let mut named = BTreeSet::new();
    for document in ["docs/format.md", "docs/design.md", "SECURITY.md", "CHANGELOG.md"] {
        let text = page(document);
        let folder = repository().join(document).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let is_local = !file.is_empty() && !file.contains("://") && !file.contains('@');
            assert!(!is_local || folder.join(file).exists(), "{document}: {link}");
        }
        // Tests are named `path/of/file.rs`: `name_of_the_test`.
        for pair in text.split("`: `").collect::<Vec<_>>().windows(2) {
            let file = pair[0].rsplit('`').next().unwrap();
            let test = pair[1].split('`').next().unwrap();
            if file.ends_with(".rs") {
                let source = page(file);
                assert!(source.contains(&format!("fn {test}(")), "{document}: {file}: {test}");
                named.insert(test.to_owned());
            }
        }
    }
    assert!(named.len() > 20, "{named:?}");
}
