//! Completions and man pages, from the definition of the command line.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_complete::Generator as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::escape;
use crate::exit::{Exit, Row, TABLE};
use crate::failure::Failure;
use crate::ui::Ui;

/// Prints completions for a shell.
///
/// # Errors
///
/// Standard output takes no more.
pub(crate) fn completions(args: &CompletionsArgs, ui: &Ui) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    args.shell.try_generate(&definition(), &mut text).map_err(Failure::output)?;
    ui.out().bytes(&text)?;
    Ok(Exit::Ok)
}

/// Prints the man page, or makes a page for every command in a folder.
///
/// # Errors
///
/// A file that exists or cannot be written; standard output takes no more.
pub(crate) fn man(args: &ManArgs, ui: &Ui) -> Result<Exit, Failure> {
    let command = definition();
    let Some(dir) = &args.dir else {
        ui.out().bytes(&page(&command).map_err(Failure::output)?)?;
        return Ok(Exit::Ok);
    };
    std::fs::create_dir_all(dir).map_err(|error| Failure::file(dir, &error))?;
    for path in write_pages(&command, dir)? {
        ui.out().line(&escape::path(&path))?;
    }
    Ok(Exit::Ok)
}

fn definition() -> Command {
    let mut command = Cli::command();
    command.set_bin_name("fernlog");
    command.build();
    command
}

fn write_pages(command: &Command, dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let path = dir.join(format!("{}.1", name(command)));
    let text = page(command).map_err(|error| Failure::file(&path, &error))?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .and_then(|mut file| file.write_all(&text))
        .map_err(|error| Failure::file(&path, &error))?;
    let mut paths = vec![path];
    for sub in command.get_subcommands() {
        paths.extend(write_pages(sub, dir)?);
    }
    Ok(paths)
}

/// `fernlog-keys-find`, as man names the page of a subcommand.
fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).to_owned()
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let source = format!("fernlog {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name(command)).source(source);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    examples(command).to_writer(&mut text)?;
    exit_status().to_writer(&mut text)?;
    Ok(text)
}

/// The text after the options, kept in its lines.
fn examples(command: &Command) -> Roff {
    let mut roff = Roff::new();
    if let Some(text) = command.get_after_help() {
        let text = text.to_string();
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in text.lines().filter(|line| *line != "Examples:") {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff
}

fn exit_status() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for Row { code, word, meaning, .. } in &TABLE {
        roff.control("TP", []);
        roff.text([bold(format!("{code} {word}").trim_end())]);
        roff.text([roman(*meaning)]);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;
    use clap_complete::Shell;

    #[test]
    fn the_man_page_has_the_table_of_exit_codes() {
        let text = String::from_utf8(page(&definition()).unwrap()).unwrap();
        assert!(text.contains(".SH \"EXIT STATUS\""));
        for row in &TABLE {
            let meaning = row.meaning.replace('-', "\\-");
            assert!(text.contains(&meaning), "{meaning} is not in {text}");
        }
    }

    #[test]
    fn the_man_page_keeps_examples_in_their_lines() {
        let text = String::from_utf8(page(&definition()).unwrap()).unwrap();
        let examples = text.split(".SH EXAMPLES\n.nf\n").nth(1).unwrap();
        assert!(
            examples.contains("\n  fernlog demo\n") || examples.starts_with("  fernlog demo\n")
        );
    }

    #[test]
    fn every_command_gets_a_page_and_none_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        write_pages(&definition(), dir.path()).unwrap();
        for name in ["fernlog.1", "fernlog-grep.1", "fernlog-keys-find.1"] {
            assert!(dir.path().join(name).is_file(), "{name}");
        }
        let failure = write_pages(&definition(), dir.path()).unwrap_err();
        assert!(failure.message().ends_with("fernlog.1: file exists"), "{}", failure.message());
    }

    #[test]
    fn completions_know_every_command_in_every_shell() {
        for shell in Shell::value_variants() {
            let mut text = Vec::new();
            shell.try_generate(&definition(), &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            for command in definition().get_subcommands() {
                assert!(text.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
