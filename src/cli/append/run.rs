//! Records into the log. Lines that come together are written together; before the input is waited
//! for, everything has the durability that was asked for and is acknowledged.

use std::collections::VecDeque;
use std::fmt::Display;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fernlog::{AuditLog, Durability, Error, Head};
use indicatif::HumanCount;

use super::feed::{Feed, Item, Source};
use super::object::Refusal;
use super::shape::Shape;
use super::{durability, failed_input};
use crate::args::AppendArgs;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::ui::Ui;

/// Records that may wait for their acknowledgement while more lines are there already.
const BATCH: usize = 4096;
/// Lines that are refused one by one; the rest is only counted.
const NAMED: u64 = 20;

/// One run over an input.
pub(super) struct Run<'r> {
    shape: Shape,
    name: PathBuf,
    durability: Durability,
    log: AuditLog,
    ui: &'r Ui,
    acks: Acks,
    /// Index and line of the records that came last, more than the log holds back at any time.
    recent: VecDeque<(u64, u64)>,
    first: Option<u64>,
    appended: u64,
    unsettled: usize,
    refused: u64,
    progress: Option<Progress>,
    /// Bytes and records that the progress has not heard of.
    news: (u64, u64),
}

enum Acks {
    NotAsked,
    Waiting(Vec<u64>),
    /// Nobody can be told any more. What is appended all the same is worth more than the answer.
    Lost(Failure),
}

impl<'r> Run<'r> {
    pub(super) fn new(args: &AppendArgs, log: AuditLog, ui: &'r Ui) -> Self {
        Run {
            shape: Shape::of(args),
            name: args.log.log.clone(),
            durability: durability(args.durability),
            log,
            ui,
            acks: if args.ack { Acks::Waiting(Vec::new()) } else { Acks::NotAsked },
            recent: VecDeque::with_capacity(BATCH),
            first: None,
            appended: 0,
            unsettled: 0,
            refused: 0,
            progress: None,
            news: (0, 0),
        }
    }

    /// Shows how far the run has come.
    pub(super) fn show_progress(&mut self, progress: Progress) {
        self.progress = Some(progress);
    }

    /// Appends everything that the feed gives, closes the log and says where it stands.
    pub(super) fn all(mut self, feed: &mut Feed<impl Source>) -> Result<Exit, Failure> {
        let outcome = self.feed(feed);
        self.tell_progress();
        self.progress = None;
        // Also after an error: what was taken so far is to be covered by a checkpoint.
        let flushed = self.log.flush();
        if self.refused > NAMED {
            self.ui.error(&format!("{} lines were refused", HumanCount(self.refused)));
        }
        let (failure, head) = match (outcome, flushed) {
            (Ok(()), Ok(head)) => return self.end(&head),
            (Err(failure), Ok(head)) => (failure, Ok(head)),
            (Ok(()), Err(error)) => (error.into(), self.log.head()),
            (Err(failure), Err(_)) => (failure, self.log.head()),
        };
        Err(self.failed(&failure, head))
    }

    fn feed(&mut self, feed: &mut Feed<impl Source>) -> Result<(), Failure> {
        loop {
            let number = feed.line() + 1;
            match feed.next().map_err(failed_input)? {
                Item::Line(line) => {
                    self.news.0 += line.len() as u64 + 1;
                    match self.shape.record(line) {
                        Ok(record) => match self.log.append_with(&record, Durability::Buffered) {
                            Ok(receipt) => self.took(receipt.index, number),
                            Err(Error::TooLarge { .. }) => self.refuse(number, Refusal::TooLong),
                            Err(error) => return Err(error.into()),
                        },
                        Err(refusal) => self.refuse(number, refusal),
                    }
                }
                Item::Long(_) => self.refuse(number, Refusal::TooLong),
                // Whatever durability: nothing stays in this process while it waits.
                Item::Silence => {
                    self.settle(self.durability.max(Durability::Written))?;
                    self.tell_progress();
                }
                Item::End => return self.settle(self.durability),
            }
            if self.unsettled == BATCH {
                self.settle(self.durability)?;
                self.tell_progress();
            }
        }
    }

    fn tell_progress(&mut self) {
        let (bytes, records) = std::mem::take(&mut self.news);
        if let Some(progress) = &self.progress {
            progress.advance(bytes, records);
        }
    }

    fn took(&mut self, index: u64, line: u64) {
        self.first.get_or_insert(index);
        self.appended += 1;
        self.news.1 += 1;
        self.unsettled += 1;
        if self.recent.len() == BATCH {
            self.recent.pop_front();
        }
        self.recent.push_back((index, line));
        if let Acks::Waiting(waiting) = &mut self.acks {
            waiting.push(index);
        }
    }

    fn refuse(&mut self, line: u64, why: impl Display) {
        self.refused += 1;
        if self.refused <= NAMED {
            self.ui.error(&format!("line {line} is refused: {why}"));
        }
    }

    /// Gives all records this durability, then acknowledges them.
    fn settle(&mut self, durability: Durability) -> Result<(), Failure> {
        self.log.reach(durability)?;
        self.unsettled = 0;
        let Acks::Waiting(waiting) = &mut self.acks else { return Ok(()) };
        if waiting.is_empty() {
            return Ok(());
        }
        let lines: String = waiting.drain(..).map(|index| format!("{index}\n")).collect();
        let out = self.ui.out();
        if let Err(failure) = out.text(&lines).and_then(|()| out.flush()) {
            self.ui.warning("nobody reads the acknowledgements any more; appending goes on");
            self.acks = Acks::Lost(failure);
        }
        Ok(())
    }

    fn end(self, head: &Head) -> Result<Exit, Failure> {
        self.log.close()?;
        let name = escape::path(&self.name);
        self.ui.note(&match (self.first, self.recent.back()) {
            (Some(first), Some((last, _))) => format!(
                "#{first}..#{last} appended to {name}, {} {}",
                HumanCount(self.appended),
                if self.appended == 1 { "record" } else { "records" }
            ),
            _ => format!("nothing appended to {name}"),
        });
        let size = HumanCount(head.size);
        self.ui.note(&match head.root {
            Some(root) => format!("head: size {size}, root {}", STANDARD.encode(root)),
            None => format!("head: size {size}, no chain"),
        });
        match self.acks {
            Acks::Lost(failure) => Err(failure),
            _ if self.refused > 0 => Ok(Exit::Partial),
            _ => Ok(Exit::Ok),
        }
    }

    /// The failure with word of what is in the log in spite of it, so that the rest can be appended
    /// later without a gap and without repeating.
    fn failed(&self, failure: &Failure, head: fernlog::Result<Head>) -> Failure {
        let lost = head.map_or(self.appended, |head| head.buffered);
        let kept = self.appended.saturating_sub(lost);
        let last = usize::try_from(lost).ok().and_then(|lost| self.recent.iter().rev().nth(lost));
        let said = match (self.first, last) {
            (Some(first), Some((last, line))) if kept > 0 => {
                format!("{} records are in, #{first}..#{last}, up to line {line}", HumanCount(kept))
            }
            _ => "no record of this run is in".to_owned(),
        };
        let said = Failure::new(failure.exit(), format!("{}; {said}", failure.message()));
        failure.hints().iter().fold(said, |said, hint| said.hint(hint.clone()))
    }
}
