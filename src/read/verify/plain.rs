//! Lines without a chain: a plain log, or a segment whose chain file is missing. Their form can be
//! checked, and with a key their content.

use std::path::Path;

use crate::error::{Error, Result};
use crate::format::{Frontier, Lines, MAX_LINE, Scan, UnixTime};
use crate::read::files::with_suffix;
use crate::read::report::{Check, Finding, FindingId};
use crate::read::verify::Context;
use crate::read::verify::content::{Content, Watch};
use crate::read::verify::ending::{Tail, broken_finding};
use crate::read::verify::outcome::Outcome;
use crate::read::verify::segment::{BEGIN, STEP};
use crate::read::verify::sight::Sight;
use crate::read::zst::apart;

/// Checks a log without any chain, one segment after the other: records are counted from 0.
pub(crate) fn check(context: &Context<'_>) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    let mut run = Run::default();
    for (at, segment) in context.log.segments().iter().enumerate() {
        let most = context.options.max_findings;
        let mut out = Outcome::new(segment, context.heads.number(at), most);
        // Only a log that had a chain has these files.
        let left = [segment.hashes_path().to_owned(), with_suffix(segment.path(), ".signer")];
        if left.iter().any(|path| path.exists()) || !context.pins.list.is_empty() {
            chain_missing(segment.chain_path(), &mut out);
        }
        let go_on = run.lines(context, at, &mut out)?;
        outcomes.push(out);
        if !go_on {
            break;
        }
    }
    Ok(outcomes)
}

/// Checks a segment whose chain file is missing.
pub(crate) fn without_chain(context: &Context<'_>, at: usize, mut out: Outcome) -> Result<Outcome> {
    if let Some(segment) = context.log.segments().get(at) {
        chain_missing(segment.chain_path(), &mut out);
    }
    Run::default().lines(context, at, &mut out)?;
    out.report.first = None;
    out.size = 0;
    Ok(out)
}

/// Checks a segment in place of whose chain file stands that of segment `other`.
pub(crate) fn with_foreign_chain(
    context: &Context<'_>,
    at: usize,
    other: u64,
    mut out: Outcome,
) -> Result<Outcome> {
    if let Some(segment) = context.log.segments().get(at) {
        let message = format!("this is the chain file of segment {other}");
        let finding = Finding::new(FindingId::HeaderChanged, segment.chain_path(), message);
        out.findings.push(finding.at(BEGIN));
        out.checks().chain = Check::Fail;
    }
    Run::default().lines(context, at, &mut out)?;
    out.report.first = None;
    out.size = 0;
    Ok(out)
}

fn chain_missing(path: &Path, out: &mut Outcome) {
    let message = "the chain file is missing: nothing says what was signed here";
    out.findings.push(Finding::new(FindingId::ChainMissing, path, message));
    out.checks().chain = Check::Fail;
}

/// What goes on from one segment to the next.
#[derive(Default)]
struct Run {
    index: u64,
    watch: Option<Watch>,
}

impl Run {
    /// Looks at all lines of a segment; false when interrupted.
    fn lines(&mut self, context: &Context<'_>, at: usize, out: &mut Outcome) -> Result<bool> {
        let Some(segment) = context.log.segments().get(at) else { return Ok(true) };
        let Some(source) = segment.open()? else { return Ok(true) };
        out.report.bytes = source.len();
        let mut sight = self.sight(context, segment.path());
        let mut lines = Lines::new(source.clone(), MAX_LINE);
        let mut counted = 0;
        loop {
            let before = lines.place();
            let (place, scan) =
                match apart(lines.next_line()).map_err(Error::io("read", segment.path()))? {
                    Ok(Some(next)) => next,
                    Ok(None) => break,
                    Err(broken) => {
                        out.findings.push(broken_finding(segment, before, broken));
                        break;
                    }
                };
            if let Scan::Tail(start, length) = scan {
                let tail = Tail::new(place, start, length);
                if tail.stays(segment, Some(&source))? {
                    out.torn_bytes = length;
                    out.findings.push(tail.finding(segment, context.options.torn_tail));
                }
                break;
            }
            sight.line(place, scan);
            let read = lines.place().byte;
            if read - counted >= STEP && context.read(read - std::mem::replace(&mut counted, read))
            {
                return Ok(false);
            }
        }
        context.read(lines.place().byte - counted);
        out.report.bytes = lines.place().byte;
        self.finish(&mut sight, segment.path(), out);
        Ok(true)
    }

    fn sight<'a>(&mut self, context: &Context<'_>, path: &'a Path) -> Sight<'a> {
        // Only its size counts here; the hashes lead nowhere.
        let mut sight = Sight::new(path, Frontier::new(), context.options.max_findings);
        sight.shift = self.index;
        sight.expect_times(0, context.options.now.map(UnixTime::token_seconds));
        let ring = context.options.keyring.as_ref();
        sight.content = ring.and_then(|ring| Content::new(ring, None).ok());
        if let Some(content) = &mut sight.content {
            match self.watch.take() {
                Some(watch) => content.watch = watch,
                None => content.expect(context.log.is_plain().then_some(0)),
            }
        }
        sight
    }

    fn finish(&mut self, sight: &mut Sight<'_>, path: &Path, out: &mut Outcome) {
        if let Some(content) = &mut sight.content {
            out.is_locked = content.watch.finish(path, &mut sight.pending);
            if out.is_locked {
                let message = "no given key opens any line";
                sight.pending.push(Finding::new(FindingId::NoKey, path, message));
            }
            out.opened = content.watch.opened;
            out.checks().content = match content.watch.failed {
                true => Check::Fail,
                false if out.is_locked => Check::NotRun,
                false => Check::Pass,
            };
            self.watch = Some(content.watch.clone());
        }
        sight.finish(&mut out.findings);
        let is_well_formed = !out.findings.any(|id, _| id.is_about_form());
        out.checks().format = if is_well_formed { Check::Pass } else { Check::Fail };
        let tally = &sight.tally;
        out.report.first = Some(self.index);
        out.report.entries = tally.lines;
        out.report.records = tally.records;
        out.report.first_time = tally.first_time.map(UnixTime::from_token);
        out.report.last_time = tally.last_time.map(UnixTime::from_token);
        self.index += tally.lines;
        out.size = self.index;
    }
}
