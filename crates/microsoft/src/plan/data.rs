//! Products, host keys, packs and systems, from the files of `data/`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::keys::tokens;
use crate::table::{self, several};

/// What can be owned.
#[derive(Debug, PartialEq, Eq)]
pub struct Owned {
    /// Its name.
    pub name: &'static str,
    /// `client`, `server` or `office`.
    pub kind: &'static str,
    /// The generation of the oldest host key that covers it; of Office, its year.
    pub needs: u32,
    /// The generation of the newest host key that covers it, where newer ones do not.
    pub until: Option<u32>,
    /// The product group of Windows Server 2008 and 2008 R2.
    pub group: &'static str,
}

impl Owned {
    /// Whether it is a version of Office.
    pub fn is_office(&self) -> bool {
        self.kind == "office"
    }
}

/// A host key (CSVLK) of Windows.
#[derive(Debug, PartialEq, Eq)]
pub struct HostKey {
    /// The product whose key it is.
    pub name: &'static str,
    /// Whether it is a server's.
    pub is_server: bool,
    /// What it covers: this generation and older ones.
    pub generation: u32,
    /// Its product group, where there were groups.
    pub group: &'static str,
    /// Systems that can hold it, the oldest first.
    pub hosts: Vec<&'static str>,
    updates: Vec<(&'static str, &'static str)>,
    /// Where that is published.
    pub source: &'static str,
}

impl HostKey {
    /// The update that a system needs to hold it.
    pub fn update(&self, system: &System) -> Option<&'static str> {
        self.updates.iter().find(|(name, _)| *name == system.name).map(|(_, update)| *update)
    }
}

/// A system that a host can run on.
#[derive(Debug, PartialEq, Eq)]
pub struct System {
    /// Its name.
    pub name: &'static str,
    /// Whether it is a server.
    pub is_server: bool,
    /// Its place in time.
    pub rank: u32,
}

/// A volume licence pack of Office, which makes a host know the host key of its version.
#[derive(Debug, PartialEq, Eq)]
pub struct OfficePack {
    /// The product.
    pub name: &'static str,
    /// Its year.
    pub version: &'static str,
    server_from: u32,
    client_from: u32,
    refused: Vec<&'static str>,
    pack: &'static str,
    activation_id: &'static str,
    note: &'static str,
}

impl OfficePack {
    /// Why this system cannot hold it, if it cannot.
    pub fn refusal(&self, system: &System) -> Option<String> {
        let from = if system.is_server { self.server_from } else { self.client_from };
        if system.rank >= from && !self.refused.contains(&system.name) {
            return None;
        }
        let oldest = |is_server: bool, from: u32| {
            let mut fitting = systems().iter().filter(|system| system.is_server == is_server && system.rank >= from);
            fitting.find(|system| !self.refused.contains(&system.name)).map_or("", |system| system.name)
        };
        Some(format!(
            "the pack of {} is not supported on {}: Microsoft supports it from {} and {} on{}",
            self.name,
            system.name,
            oldest(true, self.server_from),
            oldest(false, self.client_from),
            if self.refused.is_empty() {
                String::new()
            } else {
                format!(", but not on {}", self.refused.join(" and "))
            },
        ))
    }

    /// What is to be done with it.
    pub fn step(&self) -> String {
        let download =
            if self.pack.is_empty() { String::new() } else { format!(" (download {} of Microsoft)", self.pack) };
        let id = if self.activation_id.is_empty() { "ID".to_owned() } else { self.activation_id.to_ascii_lowercase() };
        let note = if self.note.is_empty() { String::new() } else { format!("; {}", self.note) };
        format!(
            "install the volume licence pack of {}{download}, give it the host key of Office, then slmgr /ato \
                {id}{note}",
            self.name
        )
    }
}

pub fn products() -> &'static [Owned] {
    static ALL: LazyLock<Vec<Owned>> = LazyLock::new(|| {
        let rows = table::rows(include_str!("../../data/products.csv"));
        let product = |[name, kind, needs, until, group, _, _]: [&'static str; 7]| Owned {
            name,
            kind,
            needs: number(needs),
            until: until.parse().ok(),
            group,
        };
        rows.into_iter().map(product).collect()
    });
    &ALL
}

pub fn host_keys() -> &'static [HostKey] {
    static ALL: LazyLock<Vec<HostKey>> = LazyLock::new(|| {
        let rows = table::rows(include_str!("../../data/host_keys.csv"));
        let key = |[name, kind, generation, group, hosts, updates, source, _]: [&'static str; 8]| HostKey {
            name,
            is_server: kind == "server",
            generation: number(generation),
            group,
            hosts: several(hosts),
            updates: several(updates).into_iter().filter_map(|update| update.split_once(": ")).collect(),
            source,
        };
        rows.into_iter().map(key).collect()
    });
    &ALL
}

pub fn systems() -> &'static [System] {
    static ALL: LazyLock<Vec<System>> = LazyLock::new(|| {
        let rows = table::rows(include_str!("../../data/systems.csv"));
        let system = |[name, kind, rank, _, _]: [&'static str; 5]| System {
            name,
            is_server: kind == "server",
            rank: number(rank),
        };
        rows.into_iter().map(system).collect()
    });
    &ALL
}

fn office_packs() -> &'static [OfficePack] {
    static ALL: LazyLock<Vec<OfficePack>> = LazyLock::new(|| {
        let rows = table::rows(include_str!("../../data/office_packs.csv"));
        let pack =
            |[version, server, client, refused, pack, activation_id, note, _, _]: [&'static str; 9]| OfficePack {
                name: products()
                    .iter()
                    .find(|product| product.is_office() && product.needs == number(version))
                    .map_or("", |product| product.name),
                version,
                server_from: number(server),
                client_from: number(client),
                refused: several(refused),
                pack,
                activation_id,
                note,
            };
        rows.into_iter().map(pack).collect()
    });
    &ALL
}

/// The pack of a version of Office.
pub fn office_pack(product: &Owned) -> Option<&'static OfficePack> {
    office_packs().iter().find(|pack| pack.name == product.name)
}

/// A system by its name.
pub fn system(text: &str) -> Option<&'static System> {
    named(text, systems(), |system| system.name)
}

/// The one whose name has all words of the text and the fewest others.
pub fn named<T>(text: &str, all: &'static [T], name: impl Fn(&T) -> &'static str) -> Option<&'static T> {
    let wanted = tokens(text);
    let rest = |one: &&T| -> Option<usize> {
        let words: BTreeSet<String> = tokens(name(one));
        let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
        let fits = |word: &String| {
            words.contains(word)
                || (!is_number(word) && word.len() > 1 && words.iter().any(|known| known.starts_with(word.as_str())))
        };
        (!wanted.is_empty() && wanted.iter().all(fits)).then(|| words.len() - wanted.len().min(words.len()))
    };
    all.iter().filter_map(|one| Some((rest(&one)?, one))).min_by_key(|(rest, _)| *rest).map(|(_, one)| one)
}

/// The names that resemble a text most.
pub fn like(text: &str, names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let text: String = text.to_lowercase().chars().take(80).collect();
    let mut names: Vec<&str> = names.collect();
    names.sort_by_cached_key(|name| strsim::levenshtein(&text, &name.to_lowercase()));
    names.truncate(3);
    names
}

fn number(text: &str) -> u32 {
    text.parse().expect("a test reads every number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_each_other() {
        let is_system = |name: &&str| systems().iter().any(|system| system.name == *name);
        for key in host_keys() {
            assert!(!key.hosts.is_empty() && key.hosts.iter().all(is_system), "{key:?}");
            assert!(key.updates.iter().all(|(name, _)| key.hosts.contains(name)), "{key:?}");
            let ranks: Vec<u32> = key.hosts.iter().map(|name| system(name).unwrap().rank).collect();
            assert!(ranks.is_sorted(), "{key:?}");
        }
        for product in products() {
            if product.is_office() {
                assert!(office_pack(product).is_some(), "{product:?}");
            } else {
                let covers = |key: &HostKey| {
                    key.generation >= product.needs && product.until.is_none_or(|until| key.generation <= until)
                };
                assert!(host_keys().iter().any(covers), "{product:?}");
            }
            assert_eq!(named(product.name, products(), |product| product.name), Some(product));
        }
        for system in systems() {
            assert_eq!(super::system(system.name), Some(system));
        }
        assert!(systems().is_sorted_by_key(|system| system.rank));
    }
}
