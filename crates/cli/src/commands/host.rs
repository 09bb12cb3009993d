//! `keymuster host`: administers a host with a token, as the console does.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::remote::shown::{Column, facts, table};
use crate::remote::{Ask, Remote, URL, encoded};

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

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every setting, and change one.
    #[command(subcommand)]
    Settings(Settings),
    /// Show what DNS says about the host.
    #[command(subcommand)]
    Dns(Dns),
    /// Show what administrators did, the newest first.
    Audit(Audit),
}

#[derive(Debug, Subcommand)]
enum Settings {
    /// Show every setting with its value, where that comes from, and what it may be.
    List,
    /// Choose a value; a running host follows within a second.
    Set(Setting),
    /// Tell what a value would change for whom, and change nothing.
    Preview(Setting),
    /// Take a choice back.
    Unset {
        /// The name of the setting.
        name: String,
    },
}

#[derive(Debug, Args)]
struct Setting {
    /// The name of the setting.
    name: String,
    /// The value, such as 7d, 1700 or on.
    #[arg(required = true)]
    value: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Dns {
    /// Show what is published, what clients would see, and what to do.
    Show,
}

#[derive(Debug, Args)]
struct Audit {
    /// Words that an entry contains.
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// How many entries at most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: usize,
}

/// How an answer is shown.
enum Show {
    /// The rows of a member as a table; a sentence where there is none.
    Rows(&'static str, &'static [Column], &'static str),
    Facts,
    /// What a setting was and is.
    Change,
}

const SETTINGS: &[Column] = &[
    ("PUBLISHER", "publisher"),
    ("SETTING", "name"),
    ("VALUE", "text"),
    ("DEFAULT", "default_text"),
    ("ALLOWED", "allowed"),
    ("FROM", "source"),
    ("BY", "chosen/by"),
];
const AUDIT: &[Column] = &[
    ("NUMBER", "sequence"),
    ("WHEN", "at"),
    ("WHO", "actor"),
    ("ACT", "act"),
    ("WHAT", "subject"),
    ("DETAIL", "detail"),
];

/// Rows that are asked for where nothing else is said.
const ROWS_MAX: usize = 1000;

/// Runs the command.
pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let remote = Remote::new(&options.url, &options.token_file)?;
    let (ask, show, most) = request(&options.command, machine.named_publisher());
    let value = match show {
        Show::Rows(member, ..) => remote.list(&ask, member, most)?,
        _ => remote.ask(&ask)?,
    };
    let text = match show {
        Show::Rows(member, columns, if_empty) => {
            table(value[member].as_array().map_or(&[][..], Vec::as_slice), columns, if_empty)
        }
        Show::Facts => facts(&value),
        Show::Change => change(&value),
    };
    Ok(Answer::new(text, value))
}

/// What is asked for, how it is shown, and how many rows of it.
fn request(command: &Command, publisher: Option<&str>) -> (Ask, Show, usize) {
    match command {
        Command::Settings(settings) => setting(settings, publisher),
        Command::Dns(Dns::Show) => (Ask::get("/dns"), Show::Facts, 1),
        Command::Audit(Audit { search, last }) => {
            let ask = Ask::get("/audit").with("search", search.as_ref());
            (ask, Show::Rows("entries", AUDIT, "no entries"), *last)
        }
    }
}

fn setting(settings: &Settings, publisher: Option<&str>) -> (Ask, Show, usize) {
    let path = |name: &str, more: &str| format!("/settings/{}{more}", encoded(name));
    let value = |setting: &Setting| Some(json!({ "value": setting.value.join(" ") }));
    let ask = match settings {
        Settings::List => return (Ask::get("/settings"), Show::Rows("settings", SETTINGS, "no settings"), ROWS_MAX),
        Settings::Set(setting) => Ask::act("PUT", &path(&setting.name, ""), value(setting)),
        Settings::Preview(setting) => Ask::act("POST", &path(&setting.name, "/preview"), value(setting)),
        Settings::Unset { name } => Ask::act("DELETE", &path(name, ""), None),
    };
    (ask.with("publisher", publisher), Show::Change, 1)
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
