//! One pass over lines: what each of them means, given what stood before it. Whatever is not an
//! authentic record in its place goes to the damages.

use fernlog::KeyId;
use fernlog::format::{Event, Header, RecordKind, SegmentName};
use fernlog::read::{self, Damage, Line, Log, MemberPath, OpenedRecord, Opener, Order, Segment};

use crate::damage::{Damages, Reason, Spot};
use crate::failure::Failure;
use crate::records::TornTail;

/// What is known in the course of a pass.
#[derive(Debug)]
pub(crate) struct Pass<'p, 'u> {
    log: Option<&'p Log>,
    damages: &'p mut Damages<'u>,
    tail: TornTail,
    /// The key id that the last record announced for the next segment.
    announced: Option<String>,
    /// The segment that is being read: its place in [`Log::segments`].
    segment: Option<usize>,
    /// Lines that no key opened before one did, and the first of them.
    unopened: Option<(Spot, Reason, u64)>,
    opened: bool,
    /// The header commits to a key, and it is here.
    committed: bool,
    key_missing: bool,
    /// How far `seq` was from the index at the last record that had both.
    offset: i128,
}

impl<'p, 'u> Pass<'p, 'u> {
    /// Begins a pass. `announced` is what an earlier one over the same log ended with.
    pub(crate) fn new(
        log: Option<&'p Log>,
        tail: TornTail,
        announced: Option<String>,
        damages: &'p mut Damages<'u>,
    ) -> Self {
        Pass {
            log,
            damages,
            tail,
            announced,
            segment: None,
            unopened: None,
            opened: false,
            committed: false,
            key_missing: false,
            offset: 0,
        }
    }

    /// Ends the pass; gives what was announced last.
    pub(crate) fn end(mut self) -> Option<String> {
        self.settle();
        self.damages.tell();
        self.announced
    }

    /// Whether a line is the first of its segment that is read.
    pub(crate) fn is_new_segment(&self, line: &Line<'_>) -> bool {
        self.segment != Some(line.segment)
    }

    /// Whether no line of the segment can be opened, which was said.
    pub(crate) fn key_missing(&self) -> bool {
        self.key_missing
    }

    /// Chooses the key of the segment that `line` begins, and looks at what stands before it.
    /// Gives the header when its key is here: then every line can be opened by itself.
    ///
    /// # Errors
    ///
    /// The chain file cannot be read.
    pub(crate) fn begin_segment(
        &mut self,
        line: &Line<'_>,
        opener: &mut Opener,
    ) -> Result<Option<Header>, Failure> {
        self.settle();
        self.segment = Some(line.segment);
        (self.opened, self.committed, self.key_missing, self.offset) = (false, false, false, 0);
        let Some((log, segment)) =
            self.log.and_then(|log| Some((log, log.segments().get(line.segment)?)))
        else {
            opener.begin_segment(None);
            return Ok(None);
        };
        let before = line.segment.checked_sub(1).and_then(|before| log.segments().get(before));
        let starts = line.place.line == 1;
        if starts && before.is_some_and(|b| b.number().checked_add(1) != Some(segment.number())) {
            self.damages.add(Spot::file(segment.path()), Reason::SegmentsMissing, 1);
        }
        let header = match segment.header()? {
            Some(Ok(header)) => Some(header),
            Some(Err(error)) => {
                self.damages.add(Spot::file(segment.chain_path()), Reason::Header(error), 1);
                None
            }
            None if log.is_plain() => None,
            None => {
                self.damages.add(Spot::file(segment.chain_path()), Reason::NoChain, 1);
                None
            }
        };
        opener.begin_segment(header.as_ref());
        self.committed = header.is_some() && opener.missing_key().is_none();
        Ok(header.filter(|_| self.committed))
    }

    /// Takes note of an authentic record, before it goes on to the command.
    pub(crate) fn opened(&mut self, line: &Line<'_>, time: u64, seen: Seen) {
        self.opened = true;
        self.settle();
        let offset = match (seen.order, line.index) {
            (Order::InPlace, _) => Some(0),
            (Order::Misplaced(seq) | Order::Shifted(seq), Some(index)) => {
                Some(i128::from(seq) - i128::from(index))
            }
            _ => None,
        };
        if let Some(offset) = offset {
            let before = std::mem::replace(&mut self.offset, offset);
            // Records behind a gap are all shifted by it; the first one tells.
            if let (Order::Misplaced(seq) | Order::Shifted(seq), true) =
                (seen.order, offset != before)
            {
                self.damages.add(Spot::line(line, Some(time)), Reason::Misplaced(seq), 1);
            }
        }
        self.damages.tell();
        self.announced = seen.announces;
    }

    /// Takes note of a token that did not open.
    pub(crate) fn failed(
        &mut self,
        line: &Line<'_>,
        time: u64,
        failure: read::Failure,
        given: impl FnOnce() -> Vec<KeyId>,
    ) {
        let spot = Spot::line(line, Some(time));
        let reason = match failure {
            read::Failure::NoKey { wanted: Some(wanted), given } => {
                // Said once for the segment, which commits to one key.
                self.key_missing = true;
                return self.damages.add(spot, Reason::NoKey(Some(wanted), given), 1);
            }
            // A record that was authentic said that the key changes here.
            read::Failure::NotAuthentic { .. }
                if self.announced.is_some() && !self.opened && !self.committed =>
            {
                Reason::NoKey(None, given())
            }
            read::Failure::NotAuthentic { key } => Reason::NotAuthentic(key),
            read::Failure::NotAToken => Reason::NotAToken,
            _ => Reason::NoKey(None, given()),
        };
        if matches!(reason, Reason::NoKey(..)) && !self.opened {
            self.unopened.get_or_insert((spot, reason, 0)).2 += 1;
        } else {
            self.damages.add(spot, reason, 1);
        }
    }

    /// Takes note of what stands in place of a token.
    ///
    /// # Errors
    ///
    /// The chain file of the next segment cannot be read.
    pub(crate) fn damaged(&mut self, line: &Line<'_>, damage: Damage) -> Result<(), Failure> {
        let reason = match damage {
            Damage::Long(length) => Reason::TooLong(length),
            Damage::NoFile => Reason::NoFile,
            Damage::Broken => Reason::Broken,
            Damage::Tail(bytes) => match self.tail(line, bytes)? {
                Some(reason) => reason,
                None => return Ok(()),
            },
            _ => Reason::NotAToken,
        };
        self.damages.add(Spot::line(line, None), reason, 1);
        Ok(())
    }

    /// What bytes after the last LF mean; nothing when they are as they should be.
    fn tail(&self, line: &Line<'_>, bytes: u64) -> Result<Option<Reason>, Failure> {
        let segments = self.log.map(Log::segments).unwrap_or_default();
        let active = |segment: &Segment| segment.name() == SegmentName::Active;
        if segments.get(line.segment).is_none_or(active) {
            return Ok(match self.tail {
                TornTail::Told => Some(Reason::Torn(bytes)),
                TornTail::Waits => None,
            });
        }
        let next = segments.get(line.segment + 1).map(Segment::header).transpose()?;
        let kept = match next {
            Some(Some(Ok(header))) => header.events.contains(&Event::TornTailKept(bytes)),
            _ => false,
        };
        Ok((!kept).then_some(Reason::BytesBehind(bytes)))
    }

    /// A segment has one key. So lines that no key opened are damaged when another line of the
    /// segment opened; otherwise the key is missing, and nothing is decided.
    fn settle(&mut self) {
        if let Some((spot, reason, lines)) = self.unopened.take() {
            let reason = if self.opened { Reason::NotAuthentic(None) } else { reason };
            self.damages.add(spot, reason, lines);
        }
    }
}

/// What a pass needs to know of an authentic record.
#[derive(Debug)]
pub(crate) struct Seen {
    order: Order,
    announces: Option<String>,
}

impl Seen {
    /// Looks at a record.
    pub(crate) fn of(record: &OpenedRecord<'_>) -> Self {
        Seen { order: record.order, announces: announces(record) }
    }
}

/// The key id that a record announces for the next segment.
fn announces(record: &OpenedRecord<'_>) -> Option<String> {
    let kind = record.record.as_ref()?.kind;
    let path = MemberPath::new("fields.key_id").filter(|_| kind == RecordKind::KeyChange)?;
    record.member(&path).map(|id| id.into_owned())
}
