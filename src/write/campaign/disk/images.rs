//! All that a power cut may leave of a disk.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::write::campaign::disk::state::{Change, Content, Files, Names, put};

/// Up to so many unsure changes every subset is made.
const EXHAUSTIVE: usize = 10;
/// So many of the newest are looked at; older ones are taken not to be there.
const MOST: usize = 40;
/// Of so many of the newest writes of a file the torn forms are made.
const TORN: usize = 4;

/// How many of the images are wanted.
#[derive(Clone, Copy, Debug)]
pub(in crate::write) struct Depth {
    /// One of so many.
    pub(in crate::write) one_of: u64,
}

/// Numbers that look random and come again with the same seed (splitmix64).
#[derive(Clone, Debug)]
pub(in crate::write) struct Random(u64);

impl Random {
    pub(in crate::write) fn new(seed: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        Self(hasher.finish())
    }

    pub(in crate::write) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(in crate::write) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// How much of one write is there.
#[derive(Clone, Copy, Debug)]
enum Torn {
    /// The bytes in front of the edge.
    Front,
    /// Those, and the length with zeros for the rest.
    Zeros,
    /// The bytes behind the edge.
    Rear,
}

/// Shows all images of a power cut that finds the disk like this, each with its number and kind.
pub(in crate::write) fn images(
    content: &Content,
    depth: Depth,
    random: &mut Random,
    mut see: impl FnMut(usize, &'static str, Files),
) {
    let maker = Maker::new(content);
    let mut number = 0;
    let mut make = |kind, random: &mut Random, image: &dyn Fn() -> Files| {
        let wanted = depth.one_of <= 1 || random.below(depth.one_of) == 0;
        if wanted {
            see(number, kind, image());
        }
        number += 1;
    };
    make("kept", random, &|| content.files());
    let count = maker.unsure.len() + content.entries.len();
    if count <= EXHAUSTIVE {
        for mask in 0..1_u64 << count {
            if maker.is_possible(mask) {
                let kind = if mask == 0 { "lost" } else { "subset" };
                make(kind, random, &|| maker.subset(mask));
            }
        }
    } else {
        let mut seen = BTreeSet::new();
        for tries in 0..1_u64 << EXHAUSTIVE {
            let all = if count < 64 { (1 << count) - 1 } else { u64::MAX };
            let mask = match tries {
                0 => 0,
                1 => all,
                _ => maker.possible(random.next() & all),
            };
            if seen.insert(mask) {
                make("sampled", random, &|| maker.subset(mask));
            }
        }
    }
    for (place, &(node, change)) in maker.unsure.iter().enumerate() {
        let later = maker.unsure[place + 1..].iter().filter(|(other, _)| *other == node).count();
        let Change::Write { at, bytes } = &content.nodes[node].changes[change].0 else { continue };
        if later >= TORN {
            continue;
        }
        for edge in edges(*at, bytes.len()) {
            for torn in [Torn::Front, Torn::Zeros, Torn::Rear] {
                for all in [false, true] {
                    let kind = match torn {
                        Torn::Front => "torn",
                        Torn::Zeros => "zeros",
                        Torn::Rear => "reordered",
                    };
                    make(kind, random, &|| maker.torn(node, change, edge, torn, all));
                }
            }
        }
    }
}

/// Where a write may be torn: at sectors and pages, and at a few bytes that are neither.
fn edges(at: usize, length: usize) -> BTreeSet<usize> {
    let sectors = (at..at + length).filter(|byte| byte % 512 == 0).map(|byte| byte - at);
    let others = [1, length / 2, length.saturating_sub(1)];
    sectors.chain(others).filter(|edge| (1..length).contains(edge)).collect()
}

struct Maker<'c> {
    content: &'c Content,
    /// Node and number of the changes that may be on the disk or not.
    unsure: Vec<(usize, usize)>,
    /// Files without such changes.
    sure: Vec<Option<Arc<Vec<u8>>>>,
    /// For each entry those before it without which it cannot be there.
    needs: Vec<u64>,
}

impl<'c> Maker<'c> {
    fn new(content: &'c Content) -> Self {
        let mut unsure = Vec::new();
        let mut sure = Vec::new();
        for (number, node) in content.nodes.iter().enumerate() {
            let before = unsure.len();
            if content.is_reachable(number) {
                unsure.extend(node.unsure().map(|change| (number, change)));
            }
            let all = unsure.len() == before;
            sure.push(all.then(|| Arc::new(node.content(|_| true))));
        }
        unsure.drain(..unsure.len().saturating_sub(MOST));
        let needs = content.entries.iter().enumerate().map(|(at, entry)| {
            let earlier = content.entries[..at].iter().enumerate();
            earlier
                .filter(|(_, other)| entry.needs(other))
                .fold(0, |mask, (bit, _)| mask | 1 << bit)
        });
        let needs = needs.collect();
        Self { content, unsure, sure, needs }
    }

    fn is_possible(&self, mask: u64) -> bool {
        self.possible(mask) == mask
    }

    /// Without entries that lack what they need.
    fn possible(&self, mask: u64) -> u64 {
        let mut entries = mask >> self.unsure.len();
        for (bit, needs) in self.needs.iter().enumerate() {
            if entries & needs != *needs {
                entries &= !(1 << bit);
            }
        }
        (entries << self.unsure.len()) | (mask & ((1 << self.unsure.len()) - 1))
    }

    fn names(&self, entries: u64) -> Names {
        let mut names = self.content.durable_names.clone();
        for (bit, entry) in self.content.entries.iter().enumerate() {
            if entries >> bit & 1 == 1 {
                entry.apply(&mut names);
            }
        }
        names
    }

    fn files(&self, names: &Names, content: impl Fn(usize) -> Vec<u8>) -> Files {
        let file = |node: usize| match &self.sure[node] {
            Some(data) => Arc::clone(data),
            None => Arc::new(content(node)),
        };
        Files(names.iter().map(|(name, node)| (name.clone(), file(*node))).collect())
    }

    fn subset(&self, mask: u64) -> Files {
        let taken = |node, change| {
            let bit = self.unsure.iter().position(|unsure| *unsure == (node, change));
            bit.is_some_and(|bit| mask >> bit & 1 == 1)
        };
        self.files(&self.names(mask >> self.unsure.len()), |node| {
            self.content.nodes[node].content(|change| taken(node, change))
        })
    }

    /// One write in part, in its file all before it and nothing behind it, and of everything else
    /// `all` or nothing.
    fn torn(&self, torn: usize, change: usize, edge: usize, how: Torn, all: bool) -> Files {
        let names =
            if all { self.content.names.clone() } else { self.content.durable_names.clone() };
        self.files(&names, |node| {
            let file = &self.content.nodes[node];
            if node != torn {
                return file.content(|_| all);
            }
            file.content_with(|other, unsure, data| match unsure {
                _ if other > change => {}
                Change::Write { at, bytes } if other == change => match how {
                    Torn::Front => put(data, *at, &bytes[..edge]),
                    Torn::Zeros => {
                        data.resize(data.len().max(at + bytes.len()), 0);
                        put(data, *at, &bytes[..edge]);
                    }
                    Torn::Rear => put(data, at + edge, &bytes[edge..]),
                },
                unsure => unsure.apply(data),
            })
        })
    }
}
