//! One run over an input: lines become records and go their way into the log, the rest is refused
//! by number, and the end is told.

use std::fmt::Display;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fernlog::{Head, Record};
use indicatif::HumanCount;

use super::failed_input;
use super::feed::{Feed, Item, Source};
use super::object::Refusal;
use super::shape::Shape;
use crate::args::AppendArgs;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::ui::Ui;

/// Lines that are refused one by one; the rest is only counted.
const NAMED: u64 = 20;
/// Lines after which the progress hears of them while the input goes on.
const BATCH: u64 = 4096;

/// How records get into the log.
pub(super) trait Way {
    /// Takes the record of a line.
    ///
    /// # Errors
    ///
    /// The run cannot go on.
    fn take(&mut self, record: &Record<'_>, line: u64) -> Result<Taken, Failure>;

    /// The input has ended, or will have to be waited for: nothing is held back.
    ///
    /// # Errors
    ///
    /// The run cannot go on.
    fn settle(&mut self) -> Result<(), Failure>;

    /// Closes the log, also after a failure: what was taken so far is to be covered.
    fn end(self: Box<Self>, outcome: Result<(), Failure>) -> Ended;
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    /// It would give a line over the cap.
    TooLong,
}

/// How a way has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Where the log stands, or why the run failed.
    pub(super) outcome: Result<Head, Failure>,
    pub(super) books: Books,
    /// Acknowledgements that nobody took.
    pub(super) unread: Option<Failure>,
}

/// The records that are in, and the lines that are not.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) count: u64,
    /// Index of the first one.
    pub(super) first: Option<u64>,
    /// Index and line of the last one.
    pub(super) last: Option<(u64, u64)>,
    pub(super) dropped: Dropped,
}

/// Lines that a full queue dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dropped {
    pub(super) count: u64,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// One run over an input.
pub(super) struct Run<'r> {
    shape: Shape,
    name: PathBuf,
    ui: &'r Ui,
    way: Box<dyn Way + 'r>,
    refused: u64,
    progress: Option<Progress>,
    /// Bytes and lines that the progress has not heard of.
    news: (u64, u64),
}

impl<'r> Run<'r> {
    pub(super) fn new(
        args: &AppendArgs,
        way: Box<dyn Way + 'r>,
        progress: Option<Progress>,
        ui: &'r Ui,
    ) -> Self {
        let (shape, name) = (Shape::of(args), args.log.log.clone());
        Run { shape, name, ui, way, refused: 0, progress, news: (0, 0) }
    }

    /// Appends everything that the feed gives, closes the log and says where it stands.
    pub(super) fn all(mut self, feed: &mut Feed<impl Source>) -> Result<Exit, Failure> {
        let outcome = self.feed(feed);
        self.progress = None;
        let (name, ui, refused) = (self.name, self.ui, self.refused);
        let Ended { outcome, books, unread } = self.way.end(outcome);
        if refused > NAMED {
            ui.error(&format!("{} lines were refused", HumanCount(refused)));
        }
        let Dropped { count: dropped, first, last } = books.dropped;
        if dropped > 0 {
            ui.warning(&format!(
                "the queue was full: {} lines between {first} and {last} were dropped; a gap \
                 record in the log counts them",
                HumanCount(dropped)
            ));
        }
        let head = outcome.map_err(|failure| books.add_to(&failure))?;
        let shown = escape::path(&name);
        ui.note(&match (books.first, books.last) {
            (Some(first), Some((last, _))) => format!(
                "#{first}..#{last} appended to {shown}, {} {}",
                HumanCount(books.count),
                if books.count == 1 { "record" } else { "records" }
            ),
            _ => format!("nothing appended to {shown}"),
        });
        let size = HumanCount(head.size);
        ui.note(&match head.root {
            Some(root) => format!("head: size {size}, root {}", STANDARD.encode(root)),
            None => format!("head: size {size}, no chain"),
        });
        match unread {
            Some(failure) => Err(failure),
            None if refused + dropped > 0 => Ok(Exit::Partial),
            None => Ok(Exit::Ok),
        }
    }

    fn feed(&mut self, feed: &mut Feed<impl Source>) -> Result<(), Failure> {
        loop {
            let number = feed.line() + 1;
            match feed.next().map_err(failed_input)? {
                Item::Line(line) => {
                    self.news.0 += line.len() as u64 + 1;
                    self.news.1 += 1;
                    match self.shape.record(line) {
                        Ok(record) => {
                            if self.way.take(&record, number)? == Taken::TooLong {
                                self.refuse(number, Refusal::TooLong);
                            }
                        }
                        Err(refusal) => self.refuse(number, refusal),
                    }
                    if self.news.1 == BATCH {
                        self.tell_progress();
                    }
                }
                Item::Long(_) => self.refuse(number, Refusal::TooLong),
                Item::Silence => {
                    self.way.settle()?;
                    self.tell_progress();
                }
                Item::End => {
                    self.tell_progress();
                    return self.way.settle();
                }
            }
        }
    }

    fn refuse(&mut self, line: u64, why: impl Display) {
        self.refused += 1;
        if self.refused <= NAMED {
            self.ui.error(&format!("line {line} is refused: {why}"));
        }
    }

    fn tell_progress(&mut self) {
        let (bytes, records) = std::mem::take(&mut self.news);
        if let Some(progress) = &self.progress {
            progress.advance(bytes, records);
        }
    }
}

impl Books {
    /// Notes a record that is in.
    pub(super) fn note(&mut self, index: u64, line: u64) {
        self.count += 1;
        self.first.get_or_insert(index);
        self.last = Some((index, line));
    }

    /// The failure with word of what is in the log in spite of it, so that the rest can be appended
    /// later without a gap and without repeating.
    fn add_to(&self, failure: &Failure) -> Failure {
        let (said, next) = match (self.first, self.last) {
            (Some(first), Some((last, line))) => {
                let count = HumanCount(self.count);
                let said = format!("{count} records are in, #{first}..#{last}, up to line {line}");
                (said, line + 1)
            }
            _ => ("no record of this run is in".to_owned(), 1),
        };
        let said = Failure::new(failure.exit(), format!("{}; {said}", failure.message()));
        let said = failure.hints().iter().fold(said, |said, hint| said.hint(hint.clone()));
        said.hint(format!("once that is mended, append the rest, from line {next} on"))
    }
}

impl Dropped {
    /// Notes a line.
    pub(super) fn note(&mut self, line: u64) {
        if self.count == 0 {
            self.first = line;
        }
        self.count += 1;
        self.last = line;
    }
}
