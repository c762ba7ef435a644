//! Acknowledgements: the index of each record on standard output, once it is as safe as was asked
//! for.

use std::fmt::Write as _;

use crate::failure::Failure;
use crate::ui::Ui;

/// Indexes that are to be printed.
pub(super) struct Acks<'r> {
    ui: &'r Ui,
    waiting: Option<Vec<u64>>,
    unread: Option<Failure>,
}

impl<'r> Acks<'r> {
    /// None are printed unless they were asked for.
    pub(super) fn new(asked: bool, ui: &'r Ui) -> Self {
        Acks { ui, waiting: asked.then(Vec::new), unread: None }
    }

    /// A record that will be safe.
    pub(super) fn add(&mut self, index: u64) {
        if let Some(waiting) = &mut self.waiting {
            waiting.push(index);
        }
    }

    /// All that were added are safe.
    pub(super) fn print(&mut self) {
        let Some(waiting) = self.waiting.as_mut().filter(|waiting| !waiting.is_empty()) else {
            return;
        };
        let mut lines = String::with_capacity(waiting.len() * 8);
        for index in waiting.drain(..) {
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "{index}");
        }
        let out = self.ui.out();
        if let Err(failure) = out.text(&lines).and_then(|()| out.flush()) {
            self.ui.warning("nobody reads the acknowledgements any more; appending goes on");
            // What is appended all the same is worth more than the answer.
            (self.waiting, self.unread) = (None, Some(failure));
        }
    }

    /// Why they could not be printed, if they could not.
    pub(super) fn unread(self) -> Option<Failure> {
        self.unread
    }
}
