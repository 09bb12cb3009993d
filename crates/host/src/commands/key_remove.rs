//! `keymuster-host remove-key`: takes a host key and its entitlement off this host; what was granted runs on.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use keymuster_core::coverage::Standing;
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;
use keymuster_core::time::Timestamp;
use keymuster_service::Env;
use keymuster_service::exit::Told;

use super::layout::{counted, list};
use super::{choose_publisher, print};
use crate::site::{Home, Publisher, Site};
use crate::standing;
use crate::store::{self, audit};

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

/// A key that is to be removed.
struct Marked {
    publisher: i64,
    key: ProductKey,
    /// For people: `key …ABCDE  Aurora Server C 2026  of aurora`.
    words: String,
    /// What the entry in the audit says of it.
    detail: String,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let env = Env::system();
    let now = env.now();
    let mut home = Home::open(data_dir, &env)?;
    let marked = marked(&mut home, options)?;
    if marked.is_empty() {
        return print("no host key is installed\n");
    }
    if options.key.is_none() {
        print(&marked.iter().map(|marked| format!("{}\n", marked.words)).collect::<String>())?;
    }
    if marked.len() > 1 && !options.yes && !is_confirmed(marked.len())? {
        return Err(Told.into());
    }
    let before = covered(&mut home, now)?;
    let places: Vec<_> = marked.iter().map(|marked| (marked.publisher, marked.key.id())).collect();
    let is_erased = store::host_key::remove(&mut home.db, &places, |tx| {
        for Marked { key, detail, .. } in &marked {
            let subject = format!("host key …{}", key.last_five());
            let actor = audit::operating_user();
            audit::record(tx, audit::Act { actor: &actor, act: "key removed", subject: &subject, detail }, now)?;
        }
        Ok(())
    })?;
    let tx = home.db.transaction()?;
    home.site = Site::load(&tx)?;
    tx.commit()?;
    let after = covered(&mut home, now)?;
    print(&farewell(&marked, before.iter().filter(|name| !after.contains(name)), is_erased))
}

/// The keys that the command line means.
fn marked(home: &mut Home, options: &Options) -> anyhow::Result<Vec<Marked>> {
    let named = options.publisher.as_ref().map(|id| choose_publisher(&home.site, Some(id))).transpose()?;
    let is_meant =
        |key: &ProductKey| options.key.as_ref().is_none_or(|last_five| key.last_five().eq_ignore_ascii_case(last_five));
    let tx = home.db.transaction()?;
    let mut marked = Vec::new();
    for (index, held) in home.site.publishers.iter().enumerate() {
        if named.is_some_and(|named| named != index) {
            continue;
        }
        let keys = store::host_key::of_publisher(&tx, held.number)?;
        marked.extend(keys.into_iter().filter(is_meant).map(|key| mark(held, key)));
    }
    if let Some(last_five) = &options.key
        && marked.is_empty()
    {
        bail!("no installed host key ends in {last_five}; keymuster-host status shows those that are installed");
    }
    Ok(marked)
}

fn mark(held: &Publisher, key: ProductKey) -> Marked {
    let group = held.catalogue.group(key.fields().number);
    let name = group.map_or("unknown group", |group| group.name.as_str());
    let publisher = &held.trust.publisher;
    let entitled = held.entitlements.iter().find(|granted| granted.entitlement.key == key.id());
    let until = entitled.map(|granted| format!(", activated until {}", granted.entitlement.stop_at));
    Marked {
        publisher: held.number,
        words: format!("key …{}  {name}  of {publisher}{}", key.last_five(), until.unwrap_or_default()),
        detail: format!("publisher {publisher}, group {}", group.map_or("unknown", |group| group.id.as_str())),
        key,
    }
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

/// The names of all editions that an entitlement covers.
fn covered(home: &mut Home, now: Timestamp) -> anyhow::Result<Vec<String>> {
    let tx = home.db.transaction()?;
    let mut names = Vec::new();
    for held in &home.site.publishers {
        let keys = store::host_key::of_publisher(&tx, held.number)?;
        let standings = standing::standings(held, &keys, now).into_iter();
        let covered = standings.filter(|(_, standing)| matches!(standing, Standing::Covered(_)));
        names.extend(covered.map(|(edition, _)| edition.name.to_string()));
    }
    Ok(names)
}

fn farewell<'a>(marked: &[Marked], lost: impl Iterator<Item = &'a String>, is_erased: bool) -> String {
    let keys = counted(marked.len() as u64, "host key");
    let names: Vec<String> = marked.iter().map(|marked| format!("…{}", marked.key.last_five())).collect();
    let mut text = list(&format!("removed {keys} with what was granted for it:"), names);
    text += "leases that clients hold run on to their end; to install a key again uses one of its activations\n";
    let lost: Vec<&String> = lost.collect();
    if !lost.is_empty() {
        text += &list("not covered any more:", lost);
    }
    if !is_erased {
        text += "a copy of the key is left in the write-ahead log, as another program is reading the database;\n\
                 it goes when that program and the server have ended\n";
    }
    text
}
