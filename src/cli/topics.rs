//! `fernlog help`: pages about things that no single command owns, beside the help of commands.

use clap::CommandFactory as _;
use fernlog::read::FindingId;

use crate::args::{Cli, HelpArgs};
use crate::exit::{self, Exit};
use crate::failure::{self, Failure};
use crate::paragraph;
use crate::ui::Ui;

/// A page and its name.
#[derive(Debug)]
struct Topic {
    name: &'static str,
    about: &'static str,
    text: fn() -> String,
}

const TOPICS: [Topic; 6] = [
    Topic {
        name: "keys",
        about: "which keys there are, who has them, how they are given",
        text: || include_str!("topics/keys.txt").to_owned(),
    },
    Topic {
        name: "exit-codes",
        about: "what the exit status of a command means",
        text: || {
            let page = include_str!("topics/exit-codes.txt");
            page.replace("{table}\n", &exit::table("  "))
        },
    },
    Topic {
        name: "time",
        about: "how to say when, and in which zone",
        text: || include_str!("topics/time.txt").to_owned(),
    },
    Topic {
        name: "filters",
        about: "how to select records",
        text: || include_str!("topics/filters.txt").to_owned(),
    },
    Topic {
        name: "json",
        about: "what --json prints and what may be relied on",
        text: || include_str!("topics/json.txt").to_owned(),
    },
    Topic {
        name: "findings",
        about: "what verify can find, each kind under a stable id; also help FL101",
        text: findings,
    },
];

/// Prints a topic, the help of a command, or the list of both. A topic goes before a command of the
/// same name.
///
/// # Errors
///
/// No such topic or command; standard output takes no more.
pub(crate) fn run(args: &HelpArgs, ui: &Ui) -> Result<Exit, Failure> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    let text = match words.as_slice() {
        [] => overview(ui),
        [word] => match topic(word) {
            Some(page) => page,
            None => command(&words, ui)?,
        },
        _ => command(&words, ui)?,
    };
    ui.out().text(&text)?;
    Ok(Exit::Ok)
}

/// The page of a topic, or of a finding by its id.
pub(crate) fn topic(name: &str) -> Option<String> {
    let page = TOPICS.iter().find(|topic| topic.name == name).map(|topic| (topic.text)());
    page.or_else(|| FindingId::from_id(name).map(finding))
}

fn findings() -> String {
    let mut text = String::from(
        "FINDINGS\n\nWhat verify can find. An id never changes its meaning; --json and reports name \
         it.\nAn error is proof that something is wrong, or that nothing could be decided; a \
         warning is for\nsomebody to look at; a note is worth knowing.\n",
    );
    for id in FindingId::ALL {
        text.push('\n');
        text.push_str(&finding(*id));
    }
    text.push_str(
        "\n    fernlog verify audit.log --vkey audit.vkey --json\n    fernlog help FL101\n",
    );
    text
}

fn finding(id: FindingId) -> String {
    let mut text = format!("{id}  {}: {}\n       ", id.severity(), id.title());
    paragraph::wrap(&mut text, &id.explain(), 7, 7);
    text.push('\n');
    text
}

fn overview(ui: &Ui) -> String {
    let mut text = ui.styled(&Cli::command().after_help("").render_help());
    text.push_str("\nTopics:\n");
    for Topic { name, about, .. } in &TOPICS {
        text.push_str(&format!("  {name:<12} {about}\n"));
    }
    text
}

fn command(words: &[&str], ui: &Ui) -> Result<String, Failure> {
    let mut root = Cli::command();
    root.build();
    let mut found = &mut root;
    for word in words {
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            let names: Vec<&str> = TOPICS.iter().map(|topic| topic.name).collect();
            Failure::usage(format!("there is no help on {}", failure::quoted(words.join(" "))))
                .hint(format!("topics: {}", names.join(", ")))
                .hint("commands: fernlog --help")
        })?;
    }
    Ok(ui.styled(&found.render_long_help()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::When;
    use clap::Parser as _;
    use jiff::Timestamp;

    fn ui() -> Ui {
        Ui::plain(When::Never, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn pages_fit_a_terminal_and_are_plain() {
        for Topic { name, text, .. } in &TOPICS {
            for line in text().lines() {
                assert!(line.len() <= 100 && line.is_ascii(), "{name}: {line}");
                assert_eq!(line, line.trim_end(), "{name}");
            }
            assert!(text().ends_with('\n'), "{name}");
        }
    }

    #[test]
    fn examples_on_pages_can_be_typed() {
        let mut seen = 0;
        for Topic { name, text, .. } in &TOPICS {
            for line in text().lines().filter_map(|line| line.strip_prefix("    fernlog ")) {
                let words = shlex::split(line).unwrap();
                let end = words.iter().position(|word| ["|", ">", "<"].contains(&word.as_str()));
                let words = &words[..end.unwrap_or(words.len())];
                let typed = std::iter::once("fernlog").chain(words.iter().map(String::as_str));
                Cli::try_parse_from(typed).unwrap_or_else(|e| panic!("{name}: {line}: {e}"));
                seen += 1;
            }
        }
        assert!(seen >= 10, "only {seen}");
    }

    #[test]
    fn exit_codes_come_from_the_table() {
        let page = topic("exit-codes").unwrap();
        assert!(page.contains(&exit::table("  ")) && !page.contains("{table}"));
    }

    #[test]
    fn every_finding_is_explained_and_has_a_page_of_its_own() {
        let page = topic("findings").unwrap();
        for id in FindingId::ALL {
            assert!(page.contains(&format!("\n{id}  {}: {}\n       ", id.severity(), id.title())));
            let own = topic(&id.id().to_lowercase()).unwrap();
            assert!(page.contains(&own));
        }
        assert!(topic("FL999").is_none());
    }

    #[test]
    fn every_command_has_help_beside_the_topics() {
        for words in [&["verify"][..], &["cat"], &["keys", "find"], &["checkpoint", "verify"]] {
            let text = command(words, &ui()).unwrap();
            assert!(text.contains("Usage: fernlog") && text.contains("Examples:"), "{words:?}");
        }
    }

    #[test]
    fn the_overview_lists_every_topic() {
        let text = overview(&ui());
        assert!(TOPICS.iter().all(|topic| text.contains(topic.name)));
    }

    #[test]
    fn what_has_no_help_is_refused() {
        let failure = command(&["no\x1bsuch"], &ui()).unwrap_err();
        assert_eq!(failure.message(), "there is no help on 'no\\x1bsuch'");
        assert_eq!(failure.exit().code(), 2);
    }
}
