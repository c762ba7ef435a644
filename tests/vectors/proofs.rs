//! Proofs that other implementations made or spoiled: transparency-dev/merkle, sigsum, a real
//! Certificate Transparency log.

use std::path::Path;

use fernlog::format::{ConsistencyProof, Hash, InclusionProof};
use serde_json::Value;

use crate::common::{array, from_base64, json, text, vectors};

/// Twelve bytes stand where a root should be, and the vector wants them accepted because both are
/// the same. A root is a SHA-256 hash here, so such input cannot even be expressed.
const NO_HASHES: &str = "sizes-are-equal-one-and-proof-is-empty.json";

fn hash(text: &str) -> Option<Hash> {
    from_base64(text).try_into().ok()
}

/// The hashes of a proof, or none when an element is no hash: each "garbage" vector has one that
/// is empty, which must not vanish.
fn path(proof: &Value) -> Option<Vec<Hash>> {
    let elements = proof.as_array().map(Vec::as_slice).unwrap_or_default();
    elements.iter().map(|element| hash(element.as_str().unwrap())).collect()
}

fn number(vector: &Value, name: &str) -> u64 {
    vector[name].as_u64().unwrap()
}

fn includes(vector: &Value) -> Option<()> {
    let proof = InclusionProof {
        index: number(vector, "leafIdx"),
        size: number(vector, "treeSize"),
        path: path(&vector["proof"])?,
    };
    proof.verify(&hash(text(vector, "leafHash"))?, &hash(text(vector, "root"))?).ok()
}

fn is_consistent(vector: &Value) -> Option<()> {
    let proof = ConsistencyProof {
        old_size: number(vector, "size1"),
        new_size: number(vector, "size2"),
        path: path(&vector["proof"])?,
    };
    proof.verify(&hash(text(vector, "root1"))?, &hash(text(vector, "root2"))?).ok()
}

/// Reads every JSON file below `folder` and gives how many were accepted and refused as wanted.
fn agree(folder: &str, verify: impl Fn(&Value) -> Option<()>) -> Option<(usize, usize)> {
    fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, visit) } else { visit(&path) }
        }
    }
    let (mut accepted, mut refused) = (0, 0);
    walk(&vectors()?.join("tlog/transparency-dev-merkle/testdata").join(folder), &mut |path| {
        if path.ends_with(NO_HASHES) {
            return;
        }
        let vector = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let wanted = vector_is_good(&vector);
        assert_eq!(verify(&vector).is_some(), wanted, "{}", path.display());
        *if wanted { &mut accepted } else { &mut refused } += 1;
    });
    Some((accepted, refused))
}

fn vector_is_good(vector: &Value) -> bool {
    !vector["wantErr"].as_bool().unwrap()
}

#[test]
fn inclusion_proofs_of_transparency_dev() {
    let Some(counts) = agree("inclusion", includes) else { return };
    assert_eq!(counts, (6, 92));
}

#[test]
fn consistency_proofs_of_transparency_dev() {
    let Some(counts) = agree("consistency", is_consistent) else { return };
    // With the one left out, 98.
    assert_eq!(counts, (5, 92));
}

#[test]
fn inclusion_proofs_of_sigsum() {
    for (file, wanted) in [("inclusion-valid.json", true), ("inclusion-invalid.json", false)] {
        let path = format!("tlog/sigsum-rs/src/merkle/testdata/{file}");
        let Some(vectors) = json(&path) else { return };
        let vectors = vectors.as_array().unwrap();
        assert_eq!(vectors.len(), 4);
        for vector in vectors {
            let proof = InclusionProof {
                index: number(vector, "leaf_index"),
                size: number(vector, "tree_size"),
                path: self::path(&vector["inclusion_path"]).unwrap(),
            };
            let (leaf, root) = (text(vector, "leaf_hash"), text(vector, "root_hash"));
            let verified = proof.verify(&hash(leaf).unwrap(), &hash(root).unwrap());
            assert_eq!(verified.is_ok(), wanted, "{vector}");
        }
    }
}

/// A log of 961,984,011 entries: one entry, and that it extends the log of 3,654,490 entries.
#[test]
fn both_proofs_of_a_real_certificate_log() {
    const ANSWERS: &str = "tlog/azul-ct-real-log/crates/tlog_tiles/tests/http_get";
    const LEAF: &str = "nCs3mfIydh9x4CKyQ+u2xtmpxmFggA5MLymHwNQSlLg=";
    const OLD_ROOT: &str = "AuIZ5V6sDUj1vn3Y1K85oOaQ7y+FJJKtyRTl1edIKBQ=";
    let answer = |name: &str| json(&format!("{ANSWERS}/{name}"));
    let Some(head) = answer("get-sth") else { return };
    let size = number(&head, "tree_size");
    let root = hash(text(&head, "sha256_root_hash")).unwrap();

    let file = format!(
        "get-proof-by-hash-tree-size-{size}-hash-nCs3mfIydh9x4CKyQ-2Bu2xtmpxmFggA5MLymHwNQSlLg-3D"
    );
    let inclusion = answer(&file).unwrap();
    let path = self::path(&inclusion["audit_path"]).unwrap();
    let proof = InclusionProof { index: number(&inclusion, "leaf_index"), size, path };
    assert_eq!(proof.verify(&hash(LEAF).unwrap(), &root), Ok(()));

    let old_size = 3_654_490;
    let consistency =
        answer(&format!("get-sth-consistency-first-{old_size}-second-{size}")).unwrap();
    assert_eq!(array(&consistency, "consistency").len(), 30);
    let path = self::path(&consistency["consistency"]).unwrap();
    let proof = ConsistencyProof { old_size, new_size: size, path };
    assert_eq!(proof.verify(&hash(OLD_ROOT).unwrap(), &root), Ok(()));
    let other = ConsistencyProof { old_size: old_size + 1, ..proof };
    assert!(other.verify(&hash(OLD_ROOT).unwrap(), &root).is_err());
}
