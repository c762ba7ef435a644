//! Reports in two columns: a label, and text that is broken into lines beside it.

use anstyle::Style;

use crate::escape::{self, Place};
use crate::ui::Ui;

/// Width of a report in characters.
const WIDTH: usize = 100;
/// Where the text begins.
const INDENT: usize = 16;

/// A report in the making. Text from outside is escaped here.
#[derive(Debug)]
pub(crate) struct Paragraphs<'u> {
    ui: &'u Ui,
    text: String,
}

impl<'u> Paragraphs<'u> {
    /// An empty report.
    pub(crate) fn new(ui: &'u Ui) -> Self {
        Paragraphs { ui, text: String::new() }
    }

    /// A line as it is: the first words in a style, the rest escaped.
    pub(crate) fn headline(&mut self, style: Style, first: &str, rest: &str) {
        self.text.push_str(&self.ui.paint(style, &escape::text(first, Place::Cell)));
        self.text.push_str(&escape::text(rest, Place::Cell));
        self.text.push('\n');
    }

    /// A line with nothing on it.
    pub(crate) fn space(&mut self) {
        self.text.push('\n');
    }

    /// A line of text.
    pub(crate) fn line(&mut self, text: &str) {
        self.headline(Style::new(), "", text);
    }

    /// Text over the whole width.
    pub(crate) fn remark(&mut self, text: &str) {
        self.text.push_str("  ");
        wrap(&mut self.text, &escape::text(text, Place::Cell), 2, 2);
        self.text.push('\n');
    }

    /// A label and its text.
    pub(crate) fn pair(&mut self, label: &str, text: &str) {
        let text = escape::text(text, Place::Cell);
        let column = label.chars().count() + 2;
        let gap = INDENT.saturating_sub(column).max(1);
        self.text.push_str("  ");
        self.text.push_str(&self.ui.paint(Style::new().dimmed(), label));
        self.text.push_str(&" ".repeat(gap));
        wrap(&mut self.text, &text, column + gap, INDENT);
        self.text.push('\n');
    }

    /// The report.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Appends text that begins in a column, broken between words into lines that are indented.
pub(crate) fn wrap(out: &mut String, text: &str, mut column: usize, indent: usize) {
    for (number, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        // A word that is too long stands on a line of its own rather than broken.
        if number > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if number > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::args::When;

    fn pair(label: &str, text: &str) -> String {
        let ui = Ui::plain(When::Never, Timestamp::UNIX_EPOCH);
        let mut report = Paragraphs::new(&ui);
        report.pair(label, text);
        report.finish()
    }

    #[test]
    fn text_begins_in_one_column() {
        assert_eq!(pair("origin", "example.com/a"), "  origin        example.com/a\n");
        assert_eq!(pair("", "x"), "                x\n");
        assert_eq!(pair("a very long label", "x"), "  a very long label x\n");
    }

    #[test]
    fn long_text_is_broken_between_words() {
        let text = pair("label", &"word ".repeat(40));
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("                word")));
        let long = "x".repeat(120);
        let text = pair("label", &format!("a {long} b"));
        assert_eq!(text.lines().nth(1).unwrap().trim(), long);
    }

    #[test]
    fn hostile_text_cannot_break_lines() {
        assert_eq!(pair("label", "a\nb\x1b"), "  label         a\\nb\\x1b\n");
    }
}
