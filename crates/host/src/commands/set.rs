//! `keymuster-host set` and `unset`: choosing a value and taking the choice back, with what follows for whom.

use std::path::Path;

use anyhow::Context as _;
use keymuster_core::id::Slug;
use keymuster_service::Env;
use keymuster_service::console::By;

use super::status::open_read_only;
use super::{choose_publisher, print};
use crate::acts::settings::{self as acts, Asked};
use crate::serving::{self, Serving};
use crate::settings::{self, Changed, Scope, Value};
use crate::site::Home;
use crate::views::settings::Change;

/// Options of `set`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The name of the setting; `keymuster-host settings` shows all.
    name: String,
    /// The value: a length of time with its unit, such as 90m, 12h or 7d; a list with commas or blanks between.
    #[arg(required = true)]
    value: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Options of `unset`.
#[derive(Debug, clap::Args)]
pub struct UnsetOptions {
    /// The name of the setting.
    name: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// The publisher, for its intervals and thresholds, where this host has several.
    #[arg(long)]
    publisher: Option<Slug>,
    /// Tell what would change for whom, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs `set`.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    change(data_dir, &options.name, Some(&options.value.join(" ")), &options.common)
}

/// Runs `unset`.
pub fn run_unset(data_dir: &Path, options: &UnsetOptions) -> anyhow::Result<()> {
    change(data_dir, &options.name, None, &options.common)
}

fn change(data_dir: &Path, name: &str, value: Option<&str>, common: &Common) -> anyhow::Result<()> {
    let env = Env::system();
    let (setting, _) = settings::find(name)?;
    if common.dry_run {
        // Where there is no host, nothing is made in order to tell what would be.
        open_read_only(data_dir)?;
    }
    let mut home = Home::open(data_dir, &env)?;
    let publisher = match setting.scope {
        Scope::Host => common.publisher.clone(),
        Scope::Publisher => {
            let index = choose_publisher(&home.site, common.publisher.as_ref())?;
            Some(home.site.publishers[index].trust.publisher.clone())
        }
    };
    let serving = serving::read(data_dir).context("cannot tell whether the host is serving")?;
    let asked = Asked { name: name.to_owned(), publisher, value: value.map(str::to_owned) };
    let by = By::local_user(env.now());
    let changed = match common.dry_run {
        true => acts::preview(&mut home, by.at(), &asked, serving.as_ref())?,
        false => acts::change(&mut home, &by, &asked, serving.as_ref())?,
    };
    if common.json {
        let change = if common.dry_run { Change::previewed(&changed) } else { Change::made(&changed) };
        return print(&(serde_json::to_string_pretty(&change)? + "\n"));
    }
    print(&as_text(&changed, common.dry_run, serving.as_ref()))
}

fn words(value: Option<&Value>) -> String {
    value.map_or_else(|| "not set".to_owned(), Value::to_string)
}

fn as_text(changed: &Changed, is_dry_run: bool, serving: Option<&Serving>) -> String {
    let (subject, before, after) = (changed.subject(), words(changed.before.as_ref()), words(changed.after.as_ref()));
    if !changed.is_change {
        return format!("{subject} is {after}; nothing had to be changed\n");
    }
    let mut text = match (is_dry_run, before == after) {
        (true, false) => format!("{subject} would be {after}; it is {before}\n"),
        (true, true) => format!("{subject} would be {after}, as it is\n"),
        (false, false) => format!("{subject} is {after}; it was {before}\n"),
        (false, true) => format!("{subject} is {after}, as it was\n"),
    };
    for effect in &changed.effects {
        text += &format!("  - {effect}\n");
    }
    text += match (is_dry_run, serving) {
        (true, _) => "nothing was changed, as you asked (--dry-run)\n",
        (false, Some(_)) => "the running host follows within a second, without a restart\n",
        (false, None) => "no host is serving this data directory; it counts from the next start on\n",
    };
    text
}
