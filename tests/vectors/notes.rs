//! Signed notes and checkpoints: golang.org/x/mod, the examples of the C2SP pages, witnesses.

use ed25519_dalek::{Signature, VerifyingKey};
use fernlog::crypto::{Note, NoteError, sign_note};
use fernlog::format::{Checkpoint, ConsistencyProof, Frontier, Hash};
use fernlog::{SigningKey, VerifierKey};
use serde_json::Value;

use crate::common::{array, bytes, from_base64, from_hex, json, text};

fn keys(vector: &Value) -> Vec<VerifierKey> {
    let texts = array(vector, "keys").iter();
    texts.map(|key| VerifierKey::from_text(key.as_str().unwrap()).unwrap()).collect()
}

fn parse(note: &str) -> Result<Note, NoteError> {
    Note::parse(note.as_bytes())
}

#[test]
fn notes_of_golang_open_with_their_keys() {
    let Some(vectors) = json("tlog/signed-note.json") else { return };
    let notes = array(&vectors, "valid_notes");
    assert_eq!(notes.len(), 4);
    for vector in notes {
        let (note, keys) = (parse(text(vector, "note")).unwrap(), keys(vector));
        let (opened, signers) = note.open(&keys).unwrap();
        assert_eq!(opened, text(&vectors, "text"));
        // A signature that stands twice is one signer.
        assert_eq!(signers.len() as u64, vector["verified"].as_u64().unwrap());
    }
}

#[test]
fn signing_makes_the_same_note_as_golang() {
    let Some(vectors) = json("tlog/signed-note.json") else { return };
    let key = SigningKey::from_text(text(&vectors, "skey")).unwrap();
    assert_eq!(key.verifier().to_string(), vectors["vkeys"][0].as_str().unwrap());
    let note = sign_note(text(&vectors, "text"), &[&key]).unwrap();
    assert_eq!(note, text(&vectors["valid_notes"][0], "note"));
}

#[test]
fn notes_that_golang_refuses_are_refused_by_the_same_name() {
    let Some(vectors) = json("tlog/signed-note.json") else { return };
    let bad = &vectors["must_reject"];

    let unknown = &bad["no_known_key"];
    let note = parse(text(unknown, "note")).unwrap();
    assert_eq!(note.open(&keys(unknown)), Err(NoteError::Untrusted));

    let forged = &bad["bad_signature_from_known_key"];
    let note = parse(text(forged, "note")).unwrap();
    let name = "PeterNeumann".to_owned();
    assert_eq!(note.open(&keys(forged)), Err(NoteError::BadSignature { name }));

    let malformed = array(bad, "malformed");
    assert_eq!(malformed.len(), 6);
    for note in malformed {
        assert_eq!(parse(note.as_str().unwrap()), Err(NoteError::Malformed), "{note}");
    }
    let no_text = Note::parse(&from_hex(text(bad, "malformed_hex")));
    assert_eq!(no_text, Err(NoteError::Malformed));

    let signature = vectors["signatures"][0].as_str().unwrap();
    let note = |count| format!("{}\n{}", text(&vectors, "text"), signature.repeat(count));
    assert!(parse(&note(100)).is_ok());
    assert_eq!(parse(&note(101)), Err(NoteError::Malformed));
}

#[test]
fn no_other_text_is_the_verifier_key() {
    let Some(vectors) = json("tlog/signed-note.json") else { return };
    for key in array(&vectors, "bad_vkeys") {
        assert_eq!(VerifierKey::from_text(key.as_str().unwrap()), Err(NoteError::Key), "{key}");
    }
    let good = vectors["vkeys"][0].as_str().unwrap();
    assert!(VerifierKey::from_text(good).is_ok());
    for start in 0..good.len() {
        for end in start..good.len() {
            let part = if start == 0 { &good[..end] } else { &good[start..=end] };
            assert!(VerifierKey::from_text(part).is_err(), "{part}");
        }
    }
    for place in 0..good.len() {
        let mut changed = good.as_bytes().to_vec();
        changed[place] += 1;
        let changed = String::from_utf8(changed).unwrap();
        assert!(VerifierKey::from_text(&changed).is_err(), "{changed}");
    }
}

#[test]
fn the_tree_note_of_golang_is_a_checkpoint() {
    let Some(vectors) = json("tlog/signed-note.json") else { return };
    let tree = &vectors["tree_note"];
    let checkpoint = Checkpoint::from_text(text(tree, "text")).unwrap();
    assert_eq!(checkpoint.size, 123_456_789_012);
    assert_eq!(checkpoint.to_text(), text(tree, "text"));
    let refused: Vec<_> =
        array(tree, "bad").iter().map(|bad| Checkpoint::from_text(bad.as_str().unwrap())).collect();
    // The first has another origin, which is for the caller to compare; the others are malformed.
    assert_ne!(refused[0].as_ref().unwrap().origin, checkpoint.origin);
    assert!(refused[1].is_err() && refused[2].is_err());
}

#[test]
fn the_examples_of_c2sp_read_and_verify() {
    let Some(vectors) = json("tlog/c2sp-spec-examples.json") else { return };
    let example = &vectors["signed_note_verifies"];
    let key = VerifierKey::from_text(text(example, "vkey")).unwrap();
    let note = parse(text(example, "note")).unwrap();
    assert_eq!(note.require(&key), Ok(()));

    let note = parse(text(&vectors, "parse_only_checkpoint_with_cosignature")).unwrap();
    assert_eq!(Checkpoint::from_text(note.untrusted_text()).unwrap().size, 20_852_163);
    let cosignature = &note.signatures()[1];
    assert_eq!(cosignature.name, "witness.example.com/w1");
    let time = cosignature.bytes.first_chunk().copied().map(u64::from_be_bytes);
    assert_eq!(time, Some(1_679_315_147));

    let (old, _, checkpoint) = request(text(&vectors, "witness_request_parse_only")).unwrap();
    assert_eq!(old, 20_852_014);
    assert!(Note::parse(checkpoint.as_bytes()).is_ok());
}

/// Of FiloSottile/sunlight. Cosignatures are over another text than the note's own signatures, so
/// that they verify shows that names, ids and bytes of a signature line are read right.
#[test]
fn cosignatures_of_sunlight_are_read_byte_for_byte() {
    const DATA: &str = "tlog/sunlight-cosignatures/cmd/skylight/testdata";
    const ROME: &str =
        "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706/checkpoint";
    const MILAN: &str =
        "88ad7a28caeb0b2aa890fdf0304c2fcaf59fca2ee140134ff8c1300bac493482/checkpoint";
    for (witness, checkpoint) in [
        ("witness/witness.v0.json", format!("witness/{ROME}")),
        ("witness/mirror/mirror.v0.json", format!("witness/mirror/{ROME}")),
        ("witness2/witness.v0.json", format!("witness2/{MILAN}")),
    ] {
        let Some(witness) = json(&format!("{DATA}/{witness}")) else { return };
        let note = Note::parse(&bytes(&format!("{DATA}/{checkpoint}")).unwrap()).unwrap();
        let vkey = witness["verifier_keys"][0].as_str().unwrap();
        // A cosigner's key must never serve as a log's: its type byte is another.
        assert_eq!(VerifierKey::from_text(vkey), Err(NoteError::Key));
        let mut parts = vkey.splitn(3, '+');
        let (name, id) = (parts.next().unwrap(), from_hex(parts.next().unwrap()));
        let material = from_base64(parts.next().unwrap());
        let key = VerifyingKey::from_bytes(material[1..].try_into().unwrap()).unwrap();
        let line = note.signatures().iter().find(|s| s.name == name && s.id == id[..]).unwrap();
        let (time, signature) = line.bytes.split_first_chunk::<8>().unwrap();
        let time = u64::from_be_bytes(*time);
        let message = format!("cosignature/v1\ntime {time}\n{}", note.untrusted_text());
        let signature = Signature::from_slice(signature).unwrap();
        assert!(key.verify_strict(message.as_bytes(), &signature).is_ok(), "{vkey}");
    }
}

#[test]
fn the_checkpoints_of_the_witness_tests_verify_and_extend_each_other() {
    let Some(vectors) = json("tlog/witness-update.json") else { return };
    let key = VerifierKey::from_text(text(&vectors, "log_vkey")).unwrap();
    let signer = SigningKey::from_text(text(&vectors, "log_skey")).unwrap();
    assert_eq!(*signer.verifier(), key);
    let checkpoint = |name| {
        let note = parse(text(&vectors, name)).unwrap();
        assert_eq!(note.require(&key), Ok(()));
        assert_eq!(sign_note(note.untrusted_text(), &[&signer]).unwrap(), text(&vectors, name));
        Checkpoint::from_text(note.untrusted_text()).unwrap()
    };
    let (old, new) = (checkpoint("checkpoint_size5"), checkpoint("checkpoint_size8"));
    let hashes = array(&vectors, "consistency_5_8_hex").iter();
    let path: Vec<Hash> =
        hashes.map(|hash| from_hex(hash.as_str().unwrap()).try_into().unwrap()).collect();
    let proof = |old_size, new_size, path: &[Hash]| {
        let proof = ConsistencyProof { old_size, new_size, path: path.to_vec() };
        proof.verify(&old.root, &new.root).is_ok()
    };
    assert!(proof(5, 8, &path));
    for (old_size, new_size, path) in
        [(2, 8, &path[..]), (0, 8, &path), (5, 5, &[]), (4, 5, &[]), (8, 5, &path), (5, 8, &[])]
    {
        assert!(!proof(old_size, new_size, path), "{old_size} {new_size}");
    }
}

/// Splits the body of an add-checkpoint request: old size, proof, checkpoint.
fn request(body: &str) -> Option<(u64, Vec<Hash>, &str)> {
    let (head, checkpoint) = body.split_once("\n\n")?;
    let mut lines = head.lines();
    let old = lines.next()?.strip_prefix("old ")?.parse().ok()?;
    let proof = lines.map(|line| from_base64(line).try_into().ok()).collect::<Option<_>>()?;
    Some((old, proof, checkpoint))
}

/// What a witness of the log `key` that last saw `seen` answers (C2SP tlog-witness).
fn answer(key: &VerifierKey, seen: &mut Checkpoint, body: &str) -> u64 {
    let Some((old_size, path, checkpoint)) = request(body) else { return 400 };
    let Ok(note) = parse(checkpoint) else { return 403 };
    if note.require(key).is_err() {
        return 403;
    }
    let Ok(new) = Checkpoint::from_text(note.untrusted_text()) else { return 400 };
    if old_size != seen.size {
        return 409;
    }
    let proof = ConsistencyProof { old_size, new_size: new.size, path };
    if proof.verify(&seen.root, &new.root).is_err() {
        return 422;
    }
    *seen = new;
    200
}

#[test]
fn a_witness_built_on_ours_answers_as_torchwood_does() {
    let Some(vectors) = json("tlog/witness-add-checkpoint.json") else { return };
    let key = VerifierKey::from_text(text(&vectors, "log_vkey")).unwrap();
    let root = Frontier::new().root();
    let mut seen = Checkpoint { origin: key.name().to_owned(), size: 0, root };
    let statuses: Vec<_> = array(&vectors, "cases")
        .iter()
        .map(|case| {
            let status = answer(&key, &mut seen, text(case, "request_body"));
            assert_eq!(Some(status), case["http_status"].as_u64(), "{case}");
            status
        })
        .collect();
    assert_eq!(statuses, [200, 403, 403, 422, 422, 200, 409, 200, 409]);
}
