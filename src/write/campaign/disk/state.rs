//! What is on the disk and what is only in the page cache: the model behind the images.
//!
//! It stays on the side of what Linux file systems do. What was synced is there. Of what was not,
//! any part may be: each write by itself, each name by itself as long as an entry never loses the
//! one before it. A failed sync is reported once and leaves pages that are clean and not written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A change of one file.
#[derive(Clone, Debug)]
pub(in crate::write) enum Change {
    Write {
        at: usize,
        bytes: Arc<[u8]>,
    },
    /// Cut or extended to so many bytes.
    Length(usize),
}

impl Change {
    pub(super) fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => put(to, *at, bytes),
            Self::Length(length) => to.resize(*length, 0),
        }
    }
}

/// Writes `bytes` at `at`; a hole in front of them reads as zeros.
pub(super) fn put(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    to[at..end].copy_from_slice(bytes);
}

/// How sure it is that a change reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The next sync writes it.
    Dirty,
    /// A sync of it failed, and no other one will write it.
    Lost,
    /// It was synced.
    Done,
}

/// More unsure writes than these are taken together.
const MOST_WRITES: usize = 3;

/// A file.
#[derive(Clone, Debug, Default)]
pub(in crate::write) struct Node {
    /// What a reader gets.
    pub(super) data: Vec<u8>,
    /// What is on the disk whatever happens.
    pub(super) base: Vec<u8>,
    /// What came after that, in order.
    pub(super) changes: Vec<(Change, Fate)>,
}

impl Node {
    /// A file that is all on the disk.
    pub(super) fn durable(data: Vec<u8>) -> Self {
        Self { base: data.clone(), data, changes: Vec::new() }
    }

    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.data);
        self.changes.push((change, Fate::Dirty));
        if self.changes.len() > MOST_WRITES {
            self.merge();
        }
    }

    /// Makes one write of the two oldest that follow one another: a file that nobody ever syncs
    /// would else have more subsets than anything that matters.
    fn merge(&mut self) {
        let joins = |pair: &[(Change, Fate)]| match pair {
            [
                (Change::Write { at, bytes }, Fate::Dirty),
                (Change::Write { at: next, .. }, Fate::Dirty),
            ] => at + bytes.len() == *next,
            _ => false,
        };
        let Some(first) = self.changes.windows(2).position(joins) else { return };
        if let (Change::Write { bytes: rest, .. }, _) = self.changes.remove(first + 1)
            && let Change::Write { bytes, .. } = &mut self.changes[first].0
        {
            *bytes = [&**bytes, &*rest].concat().into();
        }
    }

    /// Where a sync that begins now ends: changes and length.
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.changes.len(), self.data.len())
    }

    /// A sync that began at `mark` succeeds.
    pub(super) fn sync(&mut self, (upto, length): (usize, usize)) {
        for (_, fate) in self.changes.iter_mut().take(upto) {
            if *fate == Fate::Dirty {
                *fate = Fate::Done;
            }
        }
        if self.changes.iter().any(|(_, fate)| *fate == Fate::Lost) {
            // The length is no page: it is written with any sync.
            self.changes.insert(upto, (Change::Length(length), Fate::Done));
        }
        let done = self.changes.iter().take_while(|(_, fate)| *fate == Fate::Done).count();
        for (change, _) in self.changes.drain(..done) {
            change.apply(&mut self.base);
        }
    }

    /// It fails. With `dropped` the pages are gone at once, else they are read until the system
    /// needs the memory.
    pub(super) fn fail_sync(&mut self, (upto, _): (usize, usize), dropped: bool) {
        for (change, fate) in self.changes.iter_mut().take(upto) {
            if *fate == Fate::Dirty && matches!(change, Change::Write { .. }) {
                *fate = Fate::Lost;
            }
        }
        if dropped {
            let length = self.data.len();
            let kept =
                |at: usize| self.changes.get(at).is_some_and(|(_, fate)| *fate == Fate::Dirty);
            self.data = self.content(kept);
            self.data.resize(length, 0);
        }
    }

    /// Numbers of the changes that may be on the disk or not.
    pub(super) fn unsure(&self) -> impl Iterator<Item = usize> {
        let open = |(at, (_, fate)): (usize, &(Change, Fate))| (*fate != Fate::Done).then_some(at);
        self.changes.iter().enumerate().filter_map(open)
    }

    /// The file with those unsure changes that are `taken`.
    pub(super) fn content(&self, taken: impl Fn(usize) -> bool) -> Vec<u8> {
        self.content_with(|at, change, content| {
            if taken(at) {
                change.apply(content);
            }
        })
    }

    /// The file with what `unsure` makes of each unsure change, in its turn.
    pub(super) fn content_with(&self, unsure: impl Fn(usize, &Change, &mut Vec<u8>)) -> Vec<u8> {
        let mut content = self.base.clone();
        for (at, (change, fate)) in self.changes.iter().enumerate() {
            if *fate == Fate::Done {
                change.apply(&mut content);
            } else {
                unsure(at, change, &mut content);
            }
        }
        content
    }
}

/// Names and the numbers of their nodes.
pub(in crate::write) type Names = BTreeMap<PathBuf, usize>;

/// A change of the folder.
#[derive(Clone, Debug)]
pub(in crate::write) enum Entry {
    Made {
        name: PathBuf,
        node: usize,
    },
    /// Also over a file that was there: the system does both or nothing.
    Moved {
        from: PathBuf,
        to: PathBuf,
        node: usize,
    },
    Gone {
        name: PathBuf,
        node: usize,
    },
}

impl Entry {
    pub(super) fn apply(&self, names: &mut Names) {
        let remove = |names: &mut Names, name: &Path, node: usize| {
            if names.get(name) == Some(&node) {
                names.remove(name);
            }
        };
        match self {
            Self::Made { name, node } => drop(names.insert(name.clone(), *node)),
            Self::Moved { from, to, node } => {
                remove(names, from, *node);
                names.insert(to.clone(), *node);
            }
            Self::Gone { name, node } => remove(names, name, *node),
        }
    }

    fn names(&self) -> [&Path; 2] {
        match self {
            Self::Made { name, .. } | Self::Gone { name, .. } => [name, name],
            Self::Moved { from, to, .. } => [from, to],
        }
    }

    /// Whether the disk cannot have this without having `earlier`: they are about one name.
    pub(super) fn needs(&self, earlier: &Self) -> bool {
        self.names().iter().any(|name| earlier.names().contains(name))
    }
}

/// Everything a disk holds. A copy costs little: files are shared until they change.
#[derive(Clone, Debug, Default)]
pub(in crate::write) struct Content {
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) names: Names,
    pub(super) durable_names: Names,
    pub(super) entries: Vec<Entry>,
}

impl Content {
    pub(super) fn node(&mut self, number: usize) -> &mut Node {
        Arc::make_mut(&mut self.nodes[number])
    }

    pub(super) fn entry(&mut self, entry: Entry) {
        entry.apply(&mut self.names);
        self.entries.push(entry);
    }

    pub(super) fn make(&mut self, name: &Path) -> usize {
        self.nodes.push(Arc::default());
        let node = self.nodes.len() - 1;
        self.entry(Entry::Made { name: name.to_owned(), node });
        node
    }

    /// Whether some image may have a name for this node.
    pub(super) fn is_reachable(&self, node: usize) -> bool {
        let of_entry = |entry: &Entry| match entry {
            Entry::Made { node, .. } | Entry::Moved { node, .. } | Entry::Gone { node, .. } => {
                *node
            }
        };
        self.names.values().chain(self.durable_names.values()).any(|named| *named == node)
            || self.entries.iter().any(|entry| of_entry(entry) == node)
    }

    pub(super) fn sync_names(&mut self) {
        self.entries.clear();
        self.durable_names = self.names.clone();
    }

    /// What a reader finds now.
    pub(in crate::write) fn files(&self) -> Files {
        let file = |(name, node): (&PathBuf, &usize)| {
            (name.clone(), Arc::new(self.nodes[*node].data.clone()))
        };
        Files(self.names.iter().map(file).collect())
    }
}

/// Files as plain bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::write) struct Files(pub(in crate::write) BTreeMap<PathBuf, Arc<Vec<u8>>>);

impl Files {
    /// A disk that holds these files and has synced them.
    pub(super) fn content(&self) -> Content {
        let mut content = Content::default();
        for (name, data) in &self.0 {
            content.names.insert(name.clone(), content.nodes.len());
            content.nodes.push(Arc::new(Node::durable(data.to_vec())));
        }
        content.durable_names = content.names.clone();
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(at: usize, bytes: &[u8]) -> Change {
        Change::Write { at, bytes: bytes.into() }
    }

    #[test]
    fn a_second_sync_after_a_failed_one_succeeds_and_lies() {
        let mut node = Node::durable(b"ab".to_vec());
        node.change(write(2, b"cd"));
        node.fail_sync(node.mark(), false);
        assert_eq!(node.data, b"abcd");
        node.sync(node.mark());
        assert_eq!(node.content(|_| false), b"ab\0\0");
        node.change(write(2, b"cd"));
        node.sync(node.mark());
        assert_eq!(node.content(|_| false), b"abcd");
    }

    #[test]
    fn pages_that_were_dropped_read_as_before() {
        let mut node = Node::durable(b"ab".to_vec());
        node.change(write(1, b"xyz"));
        node.fail_sync(node.mark(), true);
        assert_eq!(node.data, b"ab\0\0");
    }

    #[test]
    fn a_cut_that_was_not_synced_may_be_undone() {
        let mut node = Node::durable(b"abcd".to_vec());
        node.change(Change::Length(1));
        assert_eq!(
            (node.content(|_| false), node.content(|_| true)),
            (b"abcd".to_vec(), b"a".to_vec())
        );
    }

    #[test]
    fn a_name_that_is_taken_again_needs_the_move_before_it() {
        let mut content = Content::default();
        content.make("a".as_ref());
        content.sync_names();
        let moved = Entry::Moved { from: "a".into(), to: "b".into(), node: 0 };
        content.entry(moved.clone());
        content.make("a".as_ref());
        assert!(content.entries[1].needs(&moved));
        assert_eq!(content.names.len(), 2);
    }
}
