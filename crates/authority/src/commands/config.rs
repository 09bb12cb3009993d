//! `config`: what is configured and where that was given, and whether a file can be used.

use std::path::PathBuf;

use clap::Subcommand;
use keymuster_service::config::{Checked, Flags, Loader, Shown, check_text, shown_text};
use serde_json::json;

use crate::configuration::{Authority, TABLE, everything_wrong};
use crate::error::Error;
use crate::output::Output;

/// The commands for the configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Show every key with the value that a start would go by, and where that is given
    Show {
        /// As if the server were started with these.
        #[command(flatten)]
        configuration: Flags<Authority>,
    },
    /// Say everything that is wrong with a configuration, with its place
    Check {
        /// Another file than the one that a start would read; environment and credentials are left out then
        file: Option<PathBuf>,
    },
}

/// What a command of the configuration says, and whether everything is right.
#[derive(Debug)]
pub struct Said {
    /// What it says.
    pub output: Output,
    /// Whether anything is wrong.
    pub is_wrong: bool,
}

impl Config {
    /// The options that count as if the server were started with them.
    pub fn flags(&self) -> &[(&'static str, String)] {
        match self {
            Config::Show { configuration } => &configuration.given,
            Config::Check { .. } => &[],
        }
    }

    /// Runs the command.
    pub fn run(self, loader: &Loader) -> Result<Said, Error> {
        match self {
            Config::Show { .. } => Ok(show(loader)),
            Config::Check { file: Some(file) } => {
                let file = std::path::absolute(&file).map_err(|error| Error::file("find", &file, &error))?;
                Ok(check(&loader.of_file(file)))
            }
            Config::Check { file: None } => Ok(check(loader)),
        }
    }
}

fn check(loader: &Loader) -> Said {
    let (configuration, faults) = everything_wrong(loader);
    let checked = Checked::new(&loader.path, configuration.given.len(), &faults);
    let text = check_text(&checked);
    Said { output: Output::new(json!(checked), text.trim_end()), is_wrong: !faults.is_empty() }
}

fn show(loader: &Loader) -> Said {
    let (configuration, faults) = loader.load_what_is_right();
    let shown = |key: &keymuster_service::config::Key| {
        let given = configuration.given.get(key.name);
        Shown {
            key: key.name.to_owned(),
            value: given.map(|given| given.value.clone()),
            source: given.map_or("built-in", |given| given.source.kind.name()),
            place: given.map_or_else(String::new, |given| given.source.to_string()),
            default: key.default,
            needs_restart: false,
            pending: None,
        }
    };
    let shown: Vec<Shown> = TABLE.of_program().map(shown).collect();
    let there_is = if configuration.file.is_some() { "" } else { " (there is none)" };
    let mut text = format!("file: {}{there_is}\n", loader.path.display()) + &shown_text(&shown);
    for fault in &faults {
        text += &format!("wrong: {fault}\n");
    }
    let checked = Checked::new(&loader.path, configuration.given.len(), &faults);
    let value = json!({ "file": loader.path, "faults": checked.faults, "keys": shown });
    Said { output: Output::new(value, text.trim_end()), is_wrong: false }
}
