//! Checking one segment by itself: its lines once from beginning to end, stopping at each size at
//! which the root is known.

use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::format::{
    ChainReader, Event, Frontier, Hash, Header, Lines, MAX_LINE, Place, Scan, SegmentName, leaf,
};
use crate::read::files::Source;
use crate::read::log::Segment;
use crate::read::report::{Check, Finding, FindingId};
use crate::read::verify::Context;
use crate::read::verify::anchors::Pin;
use crate::read::verify::content::Content;
use crate::read::verify::ending::Tail;
use crate::read::verify::outcome::Outcome;
use crate::read::verify::sight::{Mark, Sight};
use crate::read::verify::signatures::Signers;
use crate::read::verify::stops::{Stop, StopKind, Stops};
use crate::read::zst::{Broken, apart};

/// The tree before a segment.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// As the segment's own header says.
    Header,
    /// As the end of the segment before says.
    Given(&'a Frontier),
    /// Nothing that can be trusted says it.
    Unknown,
}

/// Bytes between two looks at whether to go on.
pub(crate) const STEP: u64 = 1 << 20;
pub(crate) const BEGIN: Place = Place { line: 1, byte: 0 };

/// Why walking to a size stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    Size,
    End,
    Interrupted,
}

/// One walk through a segment.
pub(crate) struct Walk<'a> {
    pub context: &'a Context<'a>,
    pub at: usize,
    pub segment: &'a Segment,
    pub source: Option<Source>,
    pub lines: Option<Lines<Source>>,
    pub sight: Sight<'a>,
    pub stops: Stops<'a>,
    /// The tree before the segment: its size is the index of the header.
    pub before: Frontier,
    /// The last point that a known root confirmed.
    pub mark: Mark,
    /// Hash of the header entry, while the mark stands before it.
    pub header: Option<Hash>,
    /// Whether the tree so far can still lead to the signed roots.
    pub trusted: bool,
    pub can_restart: bool,
    /// A stretch that could not be explained.
    pub unexplained: Option<Finding>,
    /// Pins that differ, until it is known whether the log is signed that way.
    pub contested: Vec<(usize, &'a Pin)>,
    /// The lines are gone, and a later header says that retention deleted them.
    pub is_pruned: bool,
    /// The checkpoint that was passed over last, where there are no lines to compare it with.
    pub passed: Option<(u64, Hash)>,
    /// Where the compressed file of the lines cannot be read on.
    pub broken: Option<(Place, Broken)>,
    pub tail: Option<Tail>,
    pub out: Outcome,
    /// Milliseconds between a write and its checkpoint.
    interval: u64,
    /// When the segment began, in seconds.
    begun: u64,
    /// Bytes that were read and not yet counted.
    unread: u64,
}

/// Checks the segment at `at`.
pub(crate) fn check(context: &Context<'_>, at: usize, start: Start<'_>) -> Result<Outcome> {
    let Some(segment) = context.log.segments().get(at) else {
        return Err(Error::not_a_log(context.log.path().folder(), "a segment went away"));
    };
    let mut out = Outcome::new(segment, context.heads.number(at), context.options.max_findings);
    let source = segment.open()?;
    out.report.bytes = source.as_ref().map_or(0, Source::len);
    let Some(chain) = segment.open_chain()? else {
        return super::plain::without_chain(context, at, out);
    };
    if let Some(other) = context.heads.foreign(at) {
        return super::plain::with_foreign_chain(context, at, other, out);
    }
    let mut chain = ChainReader::new(chain);
    let (text, header) = chain.header().map_err(Error::io("read", segment.chain_path()))?;
    if header.is_err() && matches!(start, Start::Header) {
        out.needs_start = true;
        return Ok(out);
    }
    if let (Err(_), Some(origin)) = (&header, &context.heads.origin) {
        chain.expect_origin(origin);
    }
    let header = header.ok();
    let before = match (start, &header) {
        (Start::Given(end), _) => Some(end.clone()),
        (_, header) => header.as_ref().map(|header| header.before.clone()),
    };
    let is_pruned = source.is_none() && segment.is_pruned();
    if source.is_none() && segment.has_log() {
        context.vanished.store(true, Ordering::Relaxed);
    }
    let is_there = source.is_some() || segment.is_half_rolled() || is_pruned;
    let most = context.options.max_findings;
    let sight = Sight::new(segment.path(), before.clone().unwrap_or_default(), most);
    let walk = Walk {
        lines: source.clone().map(|source| Lines::new(source, MAX_LINE)),
        source,
        stops: Stops::new(chain, segment.chain_path(), most),
        trusted: before.is_some() && is_there && !matches!(start, Start::Unknown),
        before: before.unwrap_or_default(),
        mark: sight.mark(BEGIN),
        header: Some(leaf(text.as_bytes())),
        can_restart: matches!(start, Start::Header),
        unexplained: None,
        contested: Vec::new(),
        is_pruned,
        passed: None,
        broken: None,
        tail: None,
        interval: header.as_ref().map_or(u64::MAX, |header| header.checkpoint_interval),
        begun: header.as_ref().map_or(0, |header| header.time.token_seconds()),
        unread: 0,
        context,
        at,
        segment,
        sight,
        out,
    };
    walk.run(header.as_ref(), start)
}

impl<'a> Walk<'a> {
    fn run(mut self, header: Option<&Header>, start: Start<'_>) -> Result<Outcome> {
        self.prepare(header);
        if header.is_none() {
            self.header_changed("the header cannot be read");
        } else if matches!(start, Start::Unknown) {
            self.header_changed("the header is not the one that the hand-over signs");
        }
        self.check_names(header);
        self.choose_key(header);
        self.mark = self.sight.mark(BEGIN);
        self.sight.tree.push(self.header.unwrap_or_default());
        while let Some(stop) = self.stops.peek()? {
            if !self.trusted {
                // Without a tree that counts, only the signatures of the rest are checked.
                self.stops.pop()?;
            } else if self.is_pruned && stop.size > self.sight.tree.size() {
                self.pass_over(stop)?;
            } else if self.go_to(stop)? == Reached::Interrupted {
                return Ok(self.out);
            }
            if self.out.needs_start {
                return Ok(self.out);
            }
        }
        if let Some((at, pin)) = self.contested.first().filter(|_| self.trusted).copied() {
            // No checkpoint stands behind it, so nobody signed what the log holds instead.
            self.contested.remove(0);
            self.damage(Stop { size: pin.size, root: pin.root, kind: StopKind::Pin(at) })?;
        }
        if self.rest()? == Reached::Interrupted {
            return Ok(self.out);
        }
        self.finish()?;
        Ok(self.out)
    }

    /// Tells the parts what the headers say.
    fn prepare(&mut self, header: Option<&Header>) {
        let (context, first) = (self.context, self.before.size());
        let after = context.heads.after(self.at);
        self.stops.begin(self.trusted.then_some(first));
        let mut last = u64::MAX;
        if self.is_closed() {
            self.stops.close(after.map(|head| (head.first, head.root)));
            self.stops.may_lack_end = after.is_some_and(|head| head.signer_lost);
            last = after.map_or(last, |head| head.first);
        }
        let pins = context.pins.list.iter().enumerate();
        self.stops.pin(pins.filter(|(_, pin)| first < pin.size && pin.size <= last));
        self.stops.signers = Signers {
            log: context.vkey,
            segment: header.map(|header| header.signer.clone()),
            before: context.heads.before(self.at).map(|head| &head.signer),
            after: after.map(|head| &head.signer),
            lost: header.is_some_and(|h| h.events.contains(&Event::SignerLost)),
        };
        self.out.signer_lost = self.stops.signers.lost;
        if let Some(header) = header {
            let now = context.options.now.map(|now| now.token_seconds());
            let until = after.map(|head| head.time.token_seconds()).or(now);
            self.sight.expect_times(header.time.token_seconds(), until);
            self.out.signer = Some(header.signer.clone());
            self.out.report.key_id = Some(header.key_id);
        }
    }

    /// What the header says about itself that can be checked without the tree.
    fn check_names(&mut self, header: Option<&Header>) {
        let heads = &self.context.heads;
        let Some(header) = header else { return };
        if heads.origin.as_ref().is_some_and(|origin| *origin != header.origin) {
            self.header_changed("the header is that of another log");
        } else if heads.is_first(self.at) && header.first() != 0 {
            self.header_changed("the first segment of a log begins with entry 0");
        } else if header.segment != heads.number(self.at) {
            self.header_changed("the header names another segment number than the file has");
        }
    }

    pub(crate) fn choose_key(&mut self, header: Option<&Header>) {
        let Some(ring) = &self.context.options.keyring else { return };
        if self.is_pruned {
            return;
        }
        match Content::new(ring, header.filter(|_| !self.out.header_changed)) {
            Ok(mut content) => {
                content.expect(self.trusted.then(|| self.before.size().saturating_add(1)));
                self.sight.content = Some(content);
            }
            Err(wanted) => self.out.missing_key = Some(wanted),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.segment.name() != SegmentName::Active
    }

    /// Walks to `stop` and compares the root.
    fn go_to(&mut self, stop: Stop) -> Result<Reached> {
        let reached = self.advance(Some(stop.size))?;
        let fits = reached == Reached::Size && self.sight.tree.root() == stop.root;
        match (reached, stop.kind) {
            (Reached::Interrupted, _) => {}
            _ if fits => {
                self.stops.pop()?;
                self.confirm(stop);
            }
            (Reached::Size, StopKind::Pin(at)) => {
                self.stops.pop()?;
                let is_signed = stop.size == self.mark.tree.size();
                match self.context.pins.list.get(at) {
                    Some(pin) if is_signed => self.contradict(at, pin),
                    pin => self.contested.extend(pin.map(|pin| (at, pin))),
                }
            }
            // Beyond the end; whether the log is too short is seen when it is whole.
            (_, StopKind::Pin(_)) => self.stops.pop()?,
            _ => self.damage(stop)?,
        }
        Ok(reached)
    }

    /// Looks at lines until the tree has `size` entries, or at all of them.
    pub(crate) fn advance(&mut self, size: Option<u64>) -> Result<Reached> {
        let path = self.segment.path();
        while size.is_none_or(|size| self.sight.tree.size() < size) {
            let Some(lines) = &mut self.lines else { return Ok(Reached::End) };
            let before = lines.place();
            match apart(lines.next_line()).map_err(Error::io("read", path))? {
                Ok(None) => return Ok(Reached::End),
                Ok(Some((place, Scan::Tail(bytes, length)))) => {
                    self.tail = Some(Tail::new(place, bytes, length));
                    return Ok(Reached::End);
                }
                Ok(Some((place, scan))) => self.sight.line(place, scan),
                Err(broken) => {
                    self.broken = Some((before, broken));
                    return Ok(Reached::End);
                }
            }
            self.unread += lines.place().byte - before.byte;
            if self.unread >= STEP && self.context.read(std::mem::take(&mut self.unread)) {
                return Ok(Reached::Interrupted);
            }
        }
        Ok(Reached::Size)
    }

    /// A known root confirmed everything up to here.
    fn confirm(&mut self, stop: Stop) {
        self.check_interval(stop);
        if let StopKind::Pin(at) = stop.kind {
            self.out.pins.push((at, true));
        }
        self.settle();
        for (at, pin) in std::mem::take(&mut self.contested) {
            self.contradict(at, pin);
        }
    }

    /// The writer promised a checkpoint some time after each record.
    fn check_interval(&mut self, stop: Stop) {
        let promised = (self.interval / 1000).saturating_add(2);
        let (StopKind::Signed(place), Some((oldest, newest))) = (stop.kind, self.sight.tally.span)
        else {
            return;
        };
        // A record from before its segment was taken over from elsewhere with its own time, which
        // says nothing about when it was written here.
        let taken_over = oldest < self.begun;
        let span = newest.saturating_sub(oldest);
        if span > promised && !taken_over {
            let message =
                format!("the checkpoint of size {} covers records of {span} seconds", stop.size);
            let finding =
                Finding::new(FindingId::CheckpointLate, self.segment.chain_path(), message);
            let (first, last) = (self.mark.tree.size(), stop.size.saturating_sub(1));
            self.out.findings.push(finding.at(place).stretch(first, last));
        }
    }

    /// Everything up to here is settled; damage behind it is looked for from here.
    pub(crate) fn settle(&mut self) {
        self.out.checks().chain = self.out.checks().chain.or(Check::Pass);
        let found = self.sight.settle();
        self.out.findings.absorb(found);
        self.sight.tally.span = None;
        let place = self.lines.as_ref().map_or(BEGIN, Lines::place);
        self.mark = self.sight.mark(place);
        self.header = None;
        self.out.end = Some(self.sight.tree.clone());
        if self.out.before.is_none() {
            self.confirm_start();
        }
    }

    /// The first root that fits also confirms the tree before the segment.
    fn confirm_start(&mut self) {
        let root = self.before.root();
        self.out.before = Some((self.before.size(), root));
        let context = self.context;
        for (at, pin) in context.pins.list.iter().enumerate() {
            if pin.size == self.before.size() {
                if pin.root == root {
                    self.out.pins.push((at, true));
                } else {
                    self.contradict(at, pin);
                }
            }
        }
    }

    /// The log is signed with another root than `pin` has.
    pub(crate) fn contradict(&mut self, at: usize, pin: &Pin) {
        self.out.pins.push((at, false));
        self.out.findings.push(pin.fork());
    }
}
