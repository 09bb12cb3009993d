//! `keymuster-host pack`: licence packs; and what one has brought, for every command that takes one over.

use clap::Subcommand;

use super::layout::list;
use super::{pack_fetch, pack_import, pack_list};
use crate::acts::packs::{Brought, LeftOut};
use crate::standing::{EditionStanding, Need, Word};

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

/// What a pack has brought, in lines for people.
pub fn text(brought: &Brought) -> String {
    let Brought { publisher, name, version, .. } = brought;
    let mut text = format!("{name} ({publisher}), licence pack version {version}: ");
    text += &match brought.version_before {
        _ if brought.is_held_already => "this host holds it already\n".to_owned(),
        None => format!("the publisher is added, with {} editions\n", brought.new_editions.len()),
        Some(before) if before == *version => "issuers or revocations are newer\n".to_owned(),
        Some(before) => format!("replaces version {before}\n"),
    };
    if !brought.new_groups.is_empty() {
        text += &list("new groups:", &brought.new_groups);
    }
    if brought.version_before.is_some() {
        text += &new_editions(&brought.new_editions);
    }
    if !brought.gone_editions.is_empty() {
        text += &list("no longer described:", &brought.gone_editions);
    }
    for LeftOut { last_five, why } in &brought.left_out {
        text += &format!("the entitlement of the key that ends in {last_five} does not count any more: {why}\n");
    }
    text += &needs_text("", &brought.needs);
    match (brought.has_keys, brought.needs.is_empty()) {
        (false, _) => {
            text += &format!("next: install a host key: keymuster-host install-key --publisher {publisher}\n")
        }
        (true, false) => {
            text += "next: for those, install a further key: ";
            text += &format!("keymuster-host install-key --publisher {publisher}\n");
        }
        (true, true) => {}
    }
    text
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
pub fn needs_text(indent: &str, needs: &[Need]) -> String {
    let mut text = String::new();
    for Need { groups, editions, lowest, seats } in needs {
        let seats = if *seats { " with seats" } else { "" };
        match (groups.as_slice(), lowest) {
            ([group], _) => {
                let heading = format!("{indent}needs a key of {group} or above{seats}:");
                text += &list(&heading, editions);
            }
            (groups, lowest) => {
                let heading = format!("{indent}needs a key{seats}:");
                text += &list(&heading, groups);
                if let Some(lowest) = lowest {
                    text += &format!("{indent}  one of {lowest} covers all of these\n");
                }
            }
        }
    }
    text
}
