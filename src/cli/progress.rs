//! Signs of life during long runs, and the first Ctrl-C. A bar on a terminal, a plain line every
//! half minute elsewhere (so that a CI log or a journal shows the run is alive), nothing with `-q`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::colour::IsTerminal;
use crate::ui::{self, Ui};

/// A run shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a bar moves.
const BAR: Duration = Duration::from_millis(100);
/// How often a line is printed where there is no terminal.
const LINE: Duration = Duration::from_secs(30);

const TEMPLATE: &str = "{msg}  [{bar:34}] {percent:>3} %  {decimal_bytes} of {decimal_total_bytes}  \
                        {decimal_bytes_per_sec}  {eta} left";
/// Of a stream, whose end nobody knows.
const ENDLESS: &str = "{msg}  {decimal_bytes}  {decimal_bytes_per_sec}  {elapsed}";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Off,
    Bar,
    Lines,
}

impl Mode {
    fn of(ui: &Ui) -> Mode {
        match (ui.quiet(), ui.err_terminal()) {
            (true, _) => Mode::Off,
            (false, IsTerminal::Yes) => Mode::Bar,
            (false, IsTerminal::No) => Mode::Lines,
        }
    }

    fn first(self) -> Duration {
        if self == Mode::Bar { PATIENCE } else { LINE }
    }

    fn step(self) -> Duration {
        if self == Mode::Bar { BAR } else { LINE }
    }
}

/// How far a run has come. Threads share it.
#[derive(Debug)]
pub(crate) struct Progress {
    mode: Mode,
    /// What is being done, as it stands in a sentence: `verified`.
    done: &'static str,
    /// None for a stream.
    total: Option<u64>,
    begun: Instant,
    /// Milliseconds after `begun` at which the next sign is due.
    due: AtomicU64,
    bytes: AtomicU64,
    records: AtomicU64,
    bar: ProgressBar,
}

impl Progress {
    /// Begins a run over `total` bytes, of which `done` says what happens to them: `verified`.
    /// A command that prints data to a terminal while it runs should not show one.
    pub(crate) fn new(ui: &Ui, done: &'static str, total: u64) -> Self {
        Progress::with_mode(Mode::of(ui), done, Some(total))
    }

    /// Like [`Progress::new`], over a stream.
    pub(crate) fn endless(ui: &Ui, done: &'static str) -> Self {
        Progress::with_mode(Mode::of(ui), done, None)
    }

    fn with_mode(mode: Mode, done: &'static str, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = if total.is_some() { TEMPLATE } else { ENDLESS };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("#--"));
        }
        bar.set_message(done);
        Progress {
            mode,
            done,
            total,
            begun: Instant::now(),
            due: AtomicU64::new(millis(mode.first())),
            bytes: AtomicU64::new(0),
            records: AtomicU64::new(0),
            bar,
        }
    }

    /// Counts what is done since the last call. Reads the clock: call it once a block, not once a
    /// record.
    pub(crate) fn advance(&self, bytes: u64, records: u64) {
        if self.mode != Mode::Off
            && let Some(line) = self.advance_at(self.begun.elapsed(), bytes, records)
        {
            ui::say(&line);
        }
    }

    /// The line to print, if one is due.
    fn advance_at(&self, elapsed: Duration, bytes: u64, records: u64) -> Option<String> {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let records = self.records.fetch_add(records, Ordering::Relaxed) + records;
        let (now, due) = (millis(elapsed), self.due.load(Ordering::Relaxed));
        let next = now + millis(self.mode.step());
        // Of several threads that come too late, one draws.
        if now < due
            || self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return None;
        }
        match self.mode {
            Mode::Off => None,
            Mode::Lines => Some(self.line(bytes, records)),
            Mode::Bar => {
                if self.bar.is_hidden() {
                    self.bar.set_draw_target(ProgressDrawTarget::stderr());
                }
                self.bar.set_position(bytes);
                None
            }
        }
    }

    fn line(&self, bytes: u64, records: u64) -> String {
        let line = match self.total {
            Some(total) => {
                let percent = bytes.saturating_mul(100).checked_div(total).unwrap_or(100).min(100);
                let (bytes, total) = (DecimalBytes(bytes), DecimalBytes(total));
                format!("{} {bytes} of {total}, {percent} %", self.done)
            }
            None => format!("{} {}", self.done, DecimalBytes(bytes)),
        };
        // Not everything that is read is counted in records.
        if records == 0 { line } else { format!("{line}, {} records", HumanCount(records)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

/// The first Ctrl-C, which long loops ask for so that they can end with a partial result.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the first Ctrl-C sets the flag, and the second ends the process as it used to.
    /// Not for commands that wait in one long read: they would not notice.
    ///
    /// # Errors
    ///
    /// The system does not let signals be caught.
    pub(crate) fn catch() -> io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        // IMPORTANT: in this order, or the first Ctrl-C would already find the flag set.
        flag::register_conditional_default(SIGINT, Arc::clone(&flag))?;
        flag::register(SIGINT, Arc::clone(&flag))?;
        Ok(Interrupt(flag))
    }

    /// Whether to stop now.
    pub(crate) fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_short_run_shows_nothing() {
        let progress = Progress::with_mode(Mode::Bar, "verified", Some(1000));
        assert_eq!(progress.advance_at(Duration::from_millis(499), 10, 1), None);
        assert_eq!(progress.due.load(Ordering::Relaxed), 500);
    }

    #[test]
    fn without_a_terminal_a_line_comes_every_half_minute() {
        let progress = Progress::with_mode(Mode::Lines, "verified", Some(2_000_000));
        assert_eq!(progress.advance_at(29 * SECOND, 500_000, 1_000), None);
        assert_eq!(
            progress.advance_at(30 * SECOND, 500_000, 1_000).as_deref(),
            Some("verified 1.00 MB of 2.00 MB, 50 %, 2,000 records")
        );
        assert_eq!(progress.advance_at(31 * SECOND, 1, 1), None);
        assert!(progress.advance_at(60 * SECOND, 0, 0).is_some());
    }

    #[test]
    fn a_log_that_grows_or_is_empty_stays_within_100_percent() {
        let progress = Progress::with_mode(Mode::Lines, "read", Some(0));
        assert!(progress.advance_at(30 * SECOND, 7, 1).unwrap().contains("100 %"));
        let progress = Progress::with_mode(Mode::Lines, "read", Some(10));
        assert!(progress.advance_at(30 * SECOND, 70, 1).unwrap().contains("100 %"));
    }

    #[test]
    fn a_stream_has_no_end_to_compare_with() {
        let progress = Progress::with_mode(Mode::Lines, "appended", None);
        assert_eq!(
            progress.advance_at(30 * SECOND, 500_000, 1_000).as_deref(),
            Some("appended 500.00 kB, 1,000 records")
        );
    }

    #[test]
    fn many_threads_print_one_line() {
        let progress = Progress::with_mode(Mode::Lines, "verified", Some(100));
        let lines: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| progress.advance_at(30 * SECOND, 1, 1).iter().count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(lines, 1);
        assert_eq!(progress.records.load(Ordering::Relaxed), 8);
    }

    #[test]
    fn the_first_ctrl_c_only_sets_the_flag() {
        let interrupt = Interrupt::catch().unwrap();
        assert!(!interrupt.raised());
        signal_hook::low_level::raise(SIGINT).unwrap();
        assert!(interrupt.raised());
    }
}
