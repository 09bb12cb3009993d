//! `keymuster-host pack`: licence packs; and what one has brought, for every command that takes one over.

use clap::Subcommand;
use keymuster_core::catalogue::Group;
use keymuster_core::key::ProductKey;
use keymuster_core::time::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use super::layout::list;
use super::{pack_fetch, pack_import, pack_list};
use crate::pack::Taken;
use crate::site::Publisher;
use crate::standing::{self, EditionStanding, Need, Word};
use crate::store;

/// What is done with licence packs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take over a publisher's newer licence pack from a file.
    Import(pack_import::Options),
    /// Ask a publisher's authority for its newest licence pack, and take it over.
    Fetch(pack_fetch::Options),
    /// Show the licence packs that this host holds.
    List(pack_list::Options),
}

/// What a licence pack has brought.
#[derive(Debug, Serialize)]
pub struct Brought {
    publisher: String,
    name: String,
    version: u32,
    version_before: Option<u32>,
    /// Whether it is the very pack that was held.
    is_held_already: bool,
    new_groups: Vec<String>,
    new_editions: Vec<EditionStanding>,
    gone_editions: Vec<String>,
    /// The last five symbols of each key whose entitlement counted before and does not any more, and why.
    left_out: Vec<(String, String)>,
    /// All editions that no installed key covers, in words.
    #[serde(skip)]
    needs: String,
    #[serde(skip)]
    next: Option<String>,
}

impl Brought {
    /// Compares what was held with what is, for the keys that are installed.
    pub fn by(taken: &Taken, db: &mut Connection, now: Timestamp) -> anyhow::Result<Brought> {
        let Taken { before, after } = taken;
        let tx = db.transaction()?;
        let keys = store::host_key::of_publisher(&tx, after.number)?;
        tx.commit()?;
        let known = before.as_ref().map(|before| &before.catalogue);
        let is_new_group = |group: &&Group| known.is_some_and(|known| known.group(group.number).is_none());
        let is_new = |edition: &EditionStanding| known.is_none_or(|known| known.edition_named(&edition.id).is_none());
        let is_gone = |id: &str| after.catalogue.edition_named(id).is_none();
        let gone = known.into_iter().flat_map(|known| &known.editions).filter(|edition| is_gone(edition.id.as_str()));
        let publisher = after.trust.publisher.to_string();
        let needs = standing::needs(after, &keys, now);
        let next = match (keys.is_empty(), needs.is_empty()) {
            (true, _) => Some(format!("install a host key: keymuster-host install-key --publisher {publisher}")),
            (false, false) => {
                Some(format!("for those, install a further key: keymuster-host install-key --publisher {publisher}"))
            }
            (false, true) => None,
        };
        Ok(Brought {
            name: after.catalogue.name.to_string(),
            version: after.catalogue.version,
            version_before: known.map(|known| known.version),
            is_held_already: before.as_ref().is_some_and(|before| before.pack == after.pack),
            new_groups: after
                .catalogue
                .groups
                .iter()
                .filter(is_new_group)
                .map(|group| group.name.to_string())
                .collect(),
            new_editions: standing::in_names(after, &keys, now).into_iter().filter(is_new).collect(),
            gone_editions: gone.map(|edition| edition.name.to_string()).collect(),
            left_out: before.as_ref().map(|before| left_out(before, after, &keys)).unwrap_or_default(),
            needs: needs_text("", &needs),
            next,
            publisher,
        })
    }

    /// The same in lines for people.
    pub fn text(&self) -> String {
        let Brought { publisher, name, version, .. } = self;
        let mut text = format!("{name} ({publisher}), licence pack version {version}: ");
        text += &match self.version_before {
            _ if self.is_held_already => "this host holds it already\n".to_owned(),
            None => format!("the publisher is added, with {} editions\n", self.new_editions.len()),
            Some(before) if before == *version => "issuers or revocations are newer\n".to_owned(),
            Some(before) => format!("replaces version {before}\n"),
        };
        if !self.new_groups.is_empty() {
            text += &list("new groups:", &self.new_groups);
        }
        if self.version_before.is_some() {
            text += &new_editions(&self.new_editions);
        }
        if !self.gone_editions.is_empty() {
            text += &list("no longer described:", &self.gone_editions);
        }
        for (last_five, why) in &self.left_out {
            text += &format!("the entitlement of the key that ends in {last_five} does not count any more: {why}\n");
        }
        text += &self.needs;
        if let Some(next) = &self.next {
            text += &format!("next: {next}\n");
        }
        text
    }
}

/// The keys whose entitlement this pack has put out of force.
fn left_out(before: &Publisher, after: &Publisher, keys: &[ProductKey]) -> Vec<(String, String)> {
    let counted = |key: &ProductKey| before.entitlements.iter().any(|granted| granted.entitlement.key == key.id());
    let why = |key: &ProductKey| after.left_out.iter().find(|(left_out, _)| *left_out == key.id());
    let lost = keys.iter().filter(|key| counted(key));
    lost.filter_map(|key| Some((key.last_five(), why(key)?.1.to_string()))).collect()
}

/// New editions, those of one standing on one line.
fn new_editions(editions: &[EditionStanding]) -> String {
    let mut kinds: Vec<String> = Vec::new();
    let heading = |edition: &EditionStanding| {
        let key = edition.key.as_deref().unwrap_or_default();
        let group = edition.needs_key_of.as_deref().unwrap_or_default();
        let seats = if edition.needs_seats { " with seats" } else { "" };
        match edition.standing {
            Word::Covered => format!("new, and covered by the key that ends in {key}:"),
            Word::Waiting => format!("new, and covered once the key that ends in {key} is activated:"),
            Word::NeedsKey => format!("new, and needs a key of {group} or above{seats}:"),
        }
    };
    for edition in editions {
        let heading = heading(edition);
        if !kinds.contains(&heading) {
            kinds.push(heading);
        }
    }
    let of_kind = |kind: &String| {
        list(kind, editions.iter().filter(|edition| heading(edition) == *kind).map(|edition| &edition.name))
    };
    kinds.iter().map(of_kind).collect()
}

/// Which products lack a key, and a key of which group would do.
pub fn needs_text(indent: &str, needs: &[Need<'_>]) -> String {
    let mut text = String::new();
    for Need { groups, editions, lowest, seats } in needs {
        let seats = if *seats { " with seats" } else { "" };
        match (groups.as_slice(), lowest) {
            ([group], _) => {
                let heading = format!("{indent}needs a key of {} or above{seats}:", group.name);
                text += &list(&heading, editions.iter().map(|edition| edition.name.as_str()));
            }
            (groups, lowest) => {
                let heading = format!("{indent}needs a key{seats}:");
                text += &list(&heading, groups.iter().map(|group| group.name.as_str()));
                if let Some(lowest) = lowest {
                    text += &format!("{indent}  one of {} covers all of these\n", lowest.name);
                }
            }
        }
    }
    text
}
