//! The command line of the campaign.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const USAGE: &str = "usage: [--full | --share N] [--seed N] [--stage NAME]... [--case N] \
                                [--lanes N] [--publish FILE] [--with FILE]";

#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How much of the campaign: the whole, one nth of it, or the gate.
    pub(crate) share: Option<u64>,
    pub(crate) seed: u64,
    /// None: all.
    pub(crate) stages: Vec<String>,
    /// One case of each stage, to see something again.
    pub(crate) case: Option<u64>,
    pub(crate) lanes: usize,
    /// The page that the figures go to.
    pub(crate) publish: Option<PathBuf>,
    /// The figures of the campaign in memory, to be published with these.
    pub(crate) with: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut options = Self {
            share: None,
            seed: now,
            stages: Vec::new(),
            case: None,
            lanes: 2,
            publish: None,
            with: None,
        };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            if word == "--full" {
                options.share = Some(1);
                continue;
            }
            let value =
                words.next().ok_or_else(|| format!("{word}: no such option or no value"))?;
            let number =
                || value.parse::<u64>().map_err(|_| format!("{word}: {value} is no number"));
            match &*word {
                "--share" => options.share = Some(number()?.max(1)),
                "--seed" => options.seed = number()?,
                "--case" => options.case = Some(number()?),
                "--lanes" => options.lanes = number()?.clamp(1, 64) as usize,
                "--stage" => options.stages.push(value),
                "--publish" => options.publish = Some(PathBuf::from(value)),
                "--with" => options.with = Some(PathBuf::from(value)),
                _ => return Err(format!("{word}: no such option")),
            }
        }
        Ok(options)
    }

    /// Whether a stage that cannot run is a failure.
    pub(crate) fn is_strict(&self) -> bool {
        std::env::var("CI").as_deref() == Ok("true")
    }
}
