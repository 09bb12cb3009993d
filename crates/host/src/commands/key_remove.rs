//! `keymuster-host remove-key`: takes a host key and its entitlement off this host; what was granted runs on.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;
use keymuster_service::Env;
use keymuster_service::console::By;
use keymuster_service::exit::Told;

use super::layout::{counted, list};
use super::{choose_publisher, print};
use crate::acts::keys::{self, Marked, Removed};
use crate::site::Home;

/// Options of `remove-key`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The last five symbols of the key; without them, all keys are removed.
    #[arg(value_name = "LAST5")]
    key: Option<String>,
    /// The publisher, where keys of one alone are meant.
    #[arg(long)]
    publisher: Option<Slug>,
    /// Do not ask before more than one key is removed.
    #[arg(long)]
    yes: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let env = Env::system();
    let mut home = Home::open(data_dir, &env)?;
    let marked = marked(&mut home, options)?;
    if marked.is_empty() {
        return print("no host key is installed\n");
    }
    if options.key.is_none() {
        print(&marked.iter().map(words).collect::<String>())?;
    }
    if marked.len() > 1 && !options.yes && !is_confirmed(marked.len())? {
        return Err(Told.into());
    }
    print(&farewell(&keys::remove(&mut home, &By::local_user(env.now()), &marked)?))
}

/// The keys that the command line means.
fn marked(home: &mut Home, options: &Options) -> anyhow::Result<Vec<Marked>> {
    let named = options.publisher.as_ref().map(|id| choose_publisher(&home.site, Some(id))).transpose()?;
    let is_meant =
        |key: &ProductKey| options.key.as_ref().is_none_or(|last_five| key.last_five().eq_ignore_ascii_case(last_five));
    let marked = keys::marked(&home.db.transaction()?, &home.site, named, is_meant)?;
    if let Some(last_five) = &options.key
        && marked.is_empty()
    {
        bail!("no installed host key ends in {last_five}; keymuster-host status shows those that are installed");
    }
    Ok(marked)
}

fn words(marked: &Marked) -> String {
    let Marked { last_five, group, publisher, .. } = marked;
    let until = marked.stop_at.map(|stop_at| format!(", activated until {stop_at}"));
    format!("key …{last_five}  {group}  of {publisher}{}\n", until.unwrap_or_default())
}

/// Asks on the terminal; no answer is a no.
fn is_confirmed(keys: usize) -> anyhow::Result<bool> {
    let mut stderr = std::io::stderr().lock();
    let question = write!(stderr, "remove all {keys} keys with their entitlements? yes or no: ");
    question.and_then(|()| stderr.flush()).context("cannot write to the terminal")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("cannot read standard input")?;
    if answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(true);
    }
    writeln!(stderr, "nothing was removed; name one key by its last five symbols, or add --yes")
        .context("cannot write to the terminal")?;
    Ok(false)
}

fn farewell(removed: &Removed) -> String {
    let Removed { keys, lost, is_erased } = removed;
    let heading = format!("removed {} with what was granted for it:", counted(keys.len() as u64, "host key"));
    let mut text = list(&heading, keys.iter().map(|last_five| format!("…{last_five}")));
    text += "leases that clients hold run on to their end; to install a key again uses one of its activations\n";
    if !lost.is_empty() {
        text += &list("not covered any more:", lost);
    }
    if !is_erased {
        text += "a copy of the key is left in the database's log: of a file until the server and every other program that\n\
                 reads it have ended, of a PostgreSQL for as long as it keeps its log and its backups\n";
    }
    text
}
