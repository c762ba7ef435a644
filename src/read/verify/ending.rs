//! The end of a segment: what stands behind the last known root, and what can only be said when
//! everything was seen.

use std::io::Read as _;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::format::{Hash, MAX_LINE, Place, Scan, SegmentName, UnixTime};
use crate::read::files::Source;
use crate::read::log::Segment;
use crate::read::report::{Check, Finding, FindingId, Severity};
use crate::read::verify::TornTail;
use crate::read::verify::damage::missing_among_signed;
use crate::read::verify::segment::{Reached, Walk};
use crate::read::verify::sight::{entry_hash, token_time};
use crate::read::zst::{Broken, apart};

/// Looks at a tail before it is said to be torn: a write takes far less than they do.
const TAIL_LOOKS: u32 = 5;
const TAIL_PAUSE: Duration = Duration::from_millis(8);

/// What follows the last LF.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub place: Place,
    pub length: u64,
    pub is_zero: bool,
}

impl Tail {
    pub(crate) fn new(place: Place, start: &[u8], length: u64) -> Self {
        Self { place, length, is_zero: start.iter().all(|&b| b == 0) }
    }

    /// Whether it is more than a write half done that was met in the middle: looks again for a
    /// moment whether the line behind `source` is completed or the bytes are gone.
    pub(crate) fn stays(self, segment: &Segment, source: Option<&Source>) -> Result<bool> {
        let is_under_way = segment.name() == SegmentName::Active && self.length <= MAX_LINE as u64;
        let Some(source) = source.filter(|_| is_under_way) else { return Ok(true) };
        let failed = |error| Error::io("read", segment.path())(error);
        for look in 0..TAIL_LOOKS {
            if look > 0 {
                std::thread::sleep(TAIL_PAUSE);
            }
            let now = source.grown().map_err(failed)?;
            let mut more = Vec::new();
            let rest = now.from(self.place.byte.saturating_add(self.length));
            rest.take(MAX_LINE as u64).read_to_end(&mut more).map_err(failed)?;
            // What came in behind is for the next verification.
            if more.contains(&b'\n') || now.len() == self.place.byte {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What it means at the end of `segment`.
    pub(crate) fn finding(self, segment: &Segment, torn_tail: TornTail) -> Finding {
        let Self { place, length, is_zero } = self;
        let finding = if segment.name() != SegmentName::Active {
            let message = format!("{length} bytes stand behind the last line");
            Finding::new(FindingId::BytesAfterEnd, segment.path(), message)
        } else if length > MAX_LINE as u64 && !is_zero {
            let message = format!("{length} bytes without an end, more than any line of a log");
            Finding::new(FindingId::NotAToken, segment.path(), message)
        } else {
            let what = if is_zero { "NUL bytes" } else { "bytes of an incomplete line" };
            let message = format!("the file ends in {length} {what}");
            let severity = match torn_tail {
                TornTail::Report => Severity::Warning,
                TornTail::Accept => Severity::Note,
                TornTail::Reject => Severity::Error,
            };
            Finding::new(FindingId::TornTail, segment.path(), message).severity(severity)
        };
        finding.at(place)
    }
}

/// That the compressed file of a segment cannot be read on.
pub(crate) fn broken_finding(segment: &Segment, place: Place, broken: Broken) -> Finding {
    let message = format!("the compressed file cannot be read {broken}");
    Finding::new(FindingId::CompressedDamaged, segment.path(), message).at(place)
}

/// Lines behind the end of a closed segment.
#[derive(Default)]
struct Beyond {
    tokens: u64,
    others: u64,
    first_token: Option<(Place, Hash, u64)>,
    first_other: Option<Place>,
}

impl Walk<'_> {
    /// Looks at the lines behind the last stop.
    pub(crate) fn rest(&mut self) -> Result<Reached> {
        if self.is_closed() && self.trusted && self.out.end.is_some() {
            return self.beyond();
        }
        self.advance(None)
    }

    fn beyond(&mut self) -> Result<Reached> {
        let mut found = Beyond::default();
        let failed = |error| Error::io("read", self.segment.path())(error);
        while let Some(lines) = &mut self.lines {
            let before = lines.place();
            match apart(lines.next_line()).map_err(failed)? {
                Ok(None) => break,
                Ok(Some((place, Scan::Tail(bytes, length)))) => {
                    self.tail = Some(Tail::new(place, bytes, length));
                    break;
                }
                Err(broken) => {
                    self.broken = Some((before, broken));
                    break;
                }
                Ok(Some((place, scan))) => match token_time(place, scan) {
                    Some(time) => {
                        found.tokens += 1;
                        found.first_token.get_or_insert((place, entry_hash(place, scan), time));
                    }
                    None => {
                        found.others += 1;
                        found.first_other.get_or_insert(place);
                    }
                },
            }
        }
        self.name_beyond(&found);
        Ok(Reached::End)
    }

    fn name_beyond(&mut self, found: &Beyond) {
        let path = self.segment.path();
        let end = self.sight.tree.size();
        if let Some((place, hash, time)) = found.first_token {
            let lines = found.tokens;
            if lines == 1 {
                self.out.strangers.stray(place, hash);
            }
            let finding = match self.stands_before(&hash, end) {
                Some(index) => {
                    let message = format!("record #{index} stands again behind the end");
                    Finding::new(FindingId::RecordRepeated, path, message).entry(index)
                }
                None => {
                    let message = format!("lines behind the end of this segment: {lines}");
                    Finding::new(FindingId::ForeignRecord, path, message).entry(end)
                }
            };
            self.out.findings.push(finding.at(place).time(Some(time)));
            self.out.checks().chain = Check::Fail;
        }
        if let Some(place) = found.first_other {
            let message = format!("{} lines that are no tokens stand behind the end", found.others);
            let finding = Finding::new(FindingId::BytesAfterEnd, path, message).at(place);
            self.out.findings.push(finding);
        }
    }

    /// Says what is left to say and fills in the facts.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.finish_tail()?;
        self.finish_broken();
        self.finish_lines();
        self.finish_stretch();
        self.finish_stops();
        self.finish_facts();
        self.finish_checks();
        if self.is_pruned {
            self.finish_pruned();
        }
        Ok(())
    }

    fn finish_broken(&mut self) {
        let Some((place, broken)) = self.broken else { return };
        let finding = broken_finding(self.segment, place, broken);
        let first = self.sight.tree.size();
        let signed = self.stops.last.map_or(0, |(size, _)| size);
        self.out.findings.push(match signed.checked_sub(1) {
            Some(last) if first <= last => finding.stretch(first, last),
            _ => finding,
        });
    }

    fn finish_tail(&mut self) -> Result<()> {
        let Some(tail) = self.tail else { return Ok(()) };
        let declared = self.context.heads.after(self.at).and_then(|head| head.kept_tail);
        let is_declared = self.is_closed() && declared == Some(tail.length);
        let is_explained = is_declared || self.sight.tally.is_utf16;
        if is_explained || !tail.stays(self.segment, self.source.as_ref())? {
            return Ok(());
        }
        self.out.torn_bytes = if self.is_closed() { 0 } else { tail.length };
        let finding = tail.finding(self.segment, self.context.options.torn_tail);
        self.out.findings.push(finding);
        Ok(())
    }

    fn finish_lines(&mut self) {
        let path = self.segment.path();
        if let Some(content) = &mut self.sight.content
            && content.watch.finish(path, &mut self.sight.pending)
        {
            let message = "no given key opens any line of this segment";
            self.sight.pending.push(Finding::new(FindingId::NoKey, path, message));
            self.out.is_locked = true;
        }
        self.sight.finish(&mut self.out.findings);
    }

    /// A stretch that could not be explained may be explained by the number of lines.
    fn finish_stretch(&mut self) {
        let Some(mut finding) = self.unexplained.take() else { return };
        let signed = self.stops.last.map_or(0, |(size, _)| size);
        let missing = signed.saturating_sub(self.sight.tree.size());
        if missing > 0 {
            let (first, last) = (finding.first, finding.last);
            let (line, byte) = (finding.line, finding.byte);
            let message = missing_among_signed(missing);
            finding = Finding::new(FindingId::RecordsRemoved, finding.file, message);
            finding = Finding { first, last, line, byte, ..finding };
        }
        self.out.findings.push(finding);
    }

    fn finish_stops(&mut self) {
        let stops = &mut self.stops;
        let found = std::mem::take(&mut stops.found);
        let bad =
            |id: FindingId| matches!(id, FindingId::CheckpointSignature | FindingId::SegmentKey);
        let wrong = |id: FindingId| matches!(id, FindingId::RootDiffers | FindingId::Fork);
        let mut is_bad = found.any(|id, severity| bad(id) && severity == Severity::Error);
        if found.any(|id, _| wrong(id)) {
            self.out.checks().chain = Check::Fail;
        }
        self.out.findings.absorb(found);
        // Whoever changes a header can name any key in it; that is one damage, not many.
        if !self.out.header_changed {
            is_bad |= stops.own_key.any(|id, _| bad(id));
            self.out.findings.absorb(std::mem::take(&mut stops.own_key));
        }
        self.out.key_before = stops.key_before.take();
        self.out.signed = stops.last;
        self.out.note = std::mem::take(&mut stops.note);
        self.out.report.checkpoints = stops.count;
        self.out.checks().signatures = match self.context.vkey {
            _ if is_bad => Check::Fail,
            Some(_) => Check::Pass,
            None => Check::NotRun,
        };
    }

    fn finish_checks(&mut self) {
        let format = !self.out.findings.any(|id, _| id.is_about_form());
        let content = self.sight.content.as_ref().map(|content| content.watch.failed);
        let is_locked = self.out.is_locked;
        let is_marked = self.sight.is_marked();
        let checks = self.out.checks();
        checks.format = if format { Check::Pass } else { Check::Fail };
        checks.content = match content {
            Some(true) => Check::Fail,
            Some(false) if !is_locked => Check::Pass,
            _ => Check::NotRun,
        };
        if is_marked || self.out.end.is_none() {
            self.out.checks().chain = Check::Fail;
        }
    }

    fn finish_facts(&mut self) {
        let tree = &self.sight.tree;
        let signed = self.stops.last.map_or(0, |(size, _)| size);
        self.out.size = if self.trusted { tree.size() } else { tree.size().max(signed) };
        self.out.root = self.trusted.then(|| tree.root());
        self.out.opened = self.sight.content.as_ref().is_some_and(|content| content.watch.opened);
        if !self.is_closed() && self.trusted {
            self.out.uncovered = tree.size().saturating_sub(self.mark.tree.size());
        }
        if self.out.uncovered > 0 {
            let message = format!("newest entries in no checkpoint yet: {}", self.out.uncovered);
            let finding = Finding::new(FindingId::Uncovered, self.segment.path(), message);
            let (first, last) = (self.mark.tree.size(), tree.size() - 1);
            self.out.findings.push(finding.stretch(first, last));
            self.repeated_behind();
        }
        let (report, tally) = (&mut self.out.report, &self.sight.tally);
        report.first =
            Some(self.before.size()).filter(|_| !self.out.header_changed || self.trusted);
        if let (Some(lines), true) = (&self.lines, self.segment.is_compressed()) {
            report.bytes = lines.place().byte;
        }
        report.entries = tally.lines + 1;
        report.records = tally.records;
        report.first_time = tally.first_time.map(UnixTime::from_token);
        report.last_time = tally.last_time.map(UnixTime::from_token);
        self.out.findings.list.sort_by_key(|finding| (finding.line.is_none(), finding.byte));
    }
}
