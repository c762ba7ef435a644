//! The tree of RFC 6962: the reference tree of transparency-dev/merkle, the subtree vectors of the
//! Merkle Tree Certificates draft, and real logs whose checkpoints name the root.

use fernlog::VerifierKey;
use fernlog::crypto::Note;
use fernlog::format::{Checkpoint, Frontier, Hash, InclusionProof, Prover, leaf, node};
use sha2::{Digest, Sha256};

use crate::common::{array, bytes, from_hex, json, text, to_hex};

fn frontier(leaves: &[Hash]) -> Frontier {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier
}

#[test]
fn the_reference_tree_has_its_nodes_and_roots() {
    let Some(tree) = json("tlog/rfc6962-reference-tree.json") else { return };
    let hashes = |name| -> Vec<Hash> {
        let hash = |value: &serde_json::Value| from_hex(value.as_str().unwrap()).try_into();
        array(&tree, name).iter().map(|value| hash(value).unwrap()).collect()
    };
    let inputs = array(&tree, "leaf_inputs_hex").iter();
    let leaves: Vec<_> = inputs.map(|data| leaf(&from_hex(data.as_str().unwrap()))).collect();
    assert_eq!(leaves, hashes("leaf_hashes_hex"));
    let mut level = leaves.clone();
    for name in ["level1_hex", "level2_hex", "level3_hex"] {
        level = level.chunks(2).map(|pair| node(&pair[0], &pair[1])).collect();
        assert_eq!(level, hashes(name));
    }
    for (size, root) in hashes("root_by_size_hex").into_iter().enumerate() {
        assert_eq!(frontier(&leaves[..size]).root(), root, "{size}");
    }
}

#[test]
fn the_prefixes_of_the_hasher_are_right() {
    let Some(tree) = json("tlog/rfc6962-reference-tree.json") else { return };
    let expected = |name| text(&tree["hasher"], name);
    assert_eq!(to_hex(&Frontier::new().root()), expected("empty_root"));
    assert_eq!(to_hex(&leaf(b"")), expected("leaf_of_empty_string"));
    assert_eq!(to_hex(&leaf(b"L123456")), expected("leaf_L123456"));
    // The vector's node is over two strings of four bytes, which our type does not admit.
    let short = Sha256::digest(b"\x01N123N456");
    assert_eq!(to_hex(&short), expected("node_N123_N456"));
}

/// The accumulated vectors are one hash over lines of text about all subtrees of 130 leaves.
#[test]
fn every_subtree_of_130_leaves_hashes_and_proves_as_accumulated() {
    let Some(tree) = json("tlog/rfc6962-reference-tree.json") else { return };
    let leaves: Vec<_> = (0..130).map(|i| leaf(&[i])).collect();
    let (mut hashes, mut proofs) = (Sha256::new(), Sha256::new());
    let (mut subtrees, mut proven) = (0, 0);
    for end in 0..=leaves.len() {
        for start in 0..=end {
            if start != end && start != 0 && start % (end - start).next_power_of_two() != 0 {
                continue;
            }
            let part = &leaves[start..end];
            let root = frontier(part).root();
            hashes.update(format!("[{start}, {end}) {}\n", to_hex(&root)));
            subtrees += 1;
            for (index, leaf) in part.iter().enumerate() {
                let size = part.len() as u64;
                let mut prover = Prover::inclusion(&Frontier::new(), index as u64, size).unwrap();
                part.iter().for_each(|leaf| prover.push(*leaf));
                let path = prover.finish().unwrap();
                let texts: String = path.iter().map(|hash| format!(" {}", to_hex(hash))).collect();
                proofs.update(format!("{} [{start}, {end}){texts}\n", start + index));
                let proof = InclusionProof { index: index as u64, size, path };
                assert_eq!(proof.verify(leaf, &root), Ok(()));
                proven += 1;
            }
        }
    }
    assert_eq!((subtrees, proven), (712, 12_807));
    let expected = &tree["mtc_draft_accumulated"];
    assert_eq!(to_hex(&hashes.finalize()), text(expected, "subtree_hashes"));
    assert_eq!(to_hex(&proofs.finalize()), text(expected, "subtree_inclusion_proofs"));
}

/// Of transparency-dev/tessera: sixteen checkpoints, each with the entries it covers.
#[test]
fn the_test_log_of_tessera_verifies_at_every_size() {
    const LOG: &str = "tlog/tessera-testlog/testdata/log";
    const VKEY: &str =
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
    let vkey = VerifierKey::from_text(VKEY).unwrap();
    let Some(bundle) = bytes(&format!("{LOG}/tile/entries/000.p/15")) else { return };
    let (mut rest, mut leaves) = (bundle.as_slice(), Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let (entry, behind) = behind.split_at(u16::from_be_bytes(*length).into());
        leaves.push(leaf(entry));
        rest = behind;
    }
    assert_eq!(leaves.len(), 15);
    assert_eq!(leaves.concat(), bytes(&format!("{LOG}/tile/0/000.p/15")).unwrap());
    for size in 0..=leaves.len() {
        let note = Note::parse(&bytes(&format!("{LOG}/checkpoint.{size}")).unwrap()).unwrap();
        assert_eq!(note.require(&vkey), Ok(()), "{size}");
        let checkpoint = Checkpoint::from_text(note.untrusted_text()).unwrap();
        let root = frontier(&leaves[..size]).root();
        let expected = Checkpoint { origin: vkey.name().into(), size: size as u64, root };
        assert_eq!(checkpoint, expected);
    }
}

/// Of FiloSottile/sunlight: a mirror of 300 leaves, kept as tiles of 256 hashes.
#[test]
fn the_mirror_of_sunlight_has_the_root_of_its_checkpoint() {
    const MIRROR: &str = concat!(
        "tlog/sunlight-cosignatures/cmd/skylight/testdata/witness/mirror/",
        "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706"
    );
    let Some(first) = bytes(&format!("{MIRROR}/tile/0/000")) else { return };
    let tiles = [first, bytes(&format!("{MIRROR}/tile/0/001.p/44")).unwrap()].concat();
    let leaves = tiles.as_chunks::<32>().0;
    let note = Note::parse(&bytes(&format!("{MIRROR}/checkpoint")).unwrap()).unwrap();
    let checkpoint = Checkpoint::from_text(note.untrusted_text()).unwrap();
    assert_eq!((leaves.len(), checkpoint.size), (300, 300));
    assert_eq!(frontier(leaves).root(), checkpoint.root);
}
