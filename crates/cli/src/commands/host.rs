//! `keymuster host`: administers a host with a token, as the console does.

mod nouns;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::remote::shown::{Column, facts, table};
use crate::remote::{Ask, Remote, URL};
use nouns::Command;

/// Options of `host`.
#[derive(Debug, Args)]
pub struct Options {
    /// Where the host takes administrators: an address of this machine, such as the near end of an ssh tunnel.
    #[arg(long, value_name = "URL", env = "KEYMUSTER_HOST_URL", default_value = URL)]
    url: String,
    /// The file with the token that an administrator made in the console.
    #[arg(long, value_name = "FILE", env = "KEYMUSTER_HOST_TOKEN_FILE")]
    token_file: PathBuf,
    #[command(subcommand)]
    command: Command,
}

/// A request, how its answer is shown, and how many rows are asked for.
struct Asked {
    ask: Ask,
    show: Show,
    most: usize,
}

/// How an answer is shown.
enum Show {
    /// Rows as a table; a sentence where there is none. They are a member of the answer, or all of it where that is empty.
    Rows(&'static str, &'static [Column], &'static str),
    /// All that it says, one below the other.
    Facts,
    /// What a setting was and is.
    Change,
}

/// Runs the command.
pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let remote = Remote::new(&options.url, &options.token_file)?;
    let Asked { ask, show, most } = options.command.asked(machine.named_publisher())?;
    let value = match show {
        Show::Rows(member, ..) if !member.is_empty() => remote.list(&ask, member, most)?,
        _ => remote.ask(&ask)?,
    };
    let text = match show {
        Show::Rows(member, columns, if_empty) => {
            let rows = if member.is_empty() { &value } else { &value[member] };
            table(rows.as_array().map_or(&[][..], Vec::as_slice), columns, if_empty)
        }
        Show::Facts => facts(&value),
        Show::Change => change(&value),
    };
    Ok(Answer::new(text, value))
}

fn change(value: &Value) -> String {
    let words = |member: &str| value[member].as_str().unwrap_or("not set").to_owned();
    let (name, before, after) = (words("name"), words("before_text"), words("text"));
    let verb = if value["changed"] == json!(true) { "is" } else { "would be" };
    let mut text = match before == after {
        true => format!("{name} {verb} {after}, as before\n"),
        false => format!("{name} {verb} {after}; it was {before}\n"),
    };
    for effect in value["effects"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text += &format!("  - {effect}\n");
    }
    text
}
