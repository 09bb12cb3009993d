//! `key mint host`: a host key, which entitles a customer to run hosts for a group.

use clap::Args;
use keymuster_core::duration::Duration;
use keymuster_core::entitlement::Pool;
use keymuster_core::id::Slug;
use keymuster_core::time::duration_words;
use serde_json::{Map, Value, json};

use super::{MintedKey, Site};
use crate::acts::key_mint::{HostOrder, PoolOrder, mint_host_key};
use crate::error::Error;
use crate::output::Output;
use crate::store::product_key::{HostWorth, Worth};

/// The options of `key mint host`.
#[derive(Debug, Args)]
pub struct Options {
    /// The customer
    #[arg(long, value_name = "SLUG")]
    customer: Slug,
    /// The group; the key covers it, and what stands below it in its family
    #[arg(long, value_name = "ID")]
    group: Slug,
    /// On how many hosts it may be activated
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    hosts: u32,
    /// How often it may be activated on each
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    activations: u32,
    /// How long an entitlement lasts
    #[arg(long, value_name = "DURATION", default_value = "225 days")]
    term: Duration,
    /// The most distinct clients per family [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    clients_max: Option<u32>,
    /// A threshold agreed with this customer [default: that of each edition]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threshold: Option<u32>,
    /// Floating seats for an edition; may be repeated
    #[arg(long = "pool", value_name = "EDITION=SEATS[,term=1h][,guard=10m]")]
    pools: Vec<PoolOrder>,
    /// Print the key alone
    #[arg(long)]
    quiet: bool,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (authority, mut db) = site.authority()?;
        let worth = HostWorth {
            hosts_max: self.hosts,
            activations_max: self.activations,
            term_secs: self.term.as_secs(),
            clients_max: self.clients_max,
            threshold: self.threshold,
            pools: Vec::new(),
        };
        let words = format!("host key of {} for group {}: {}", self.customer, self.group, worth_words(&worth));
        let mut members = Map::new();
        members.insert("kind".to_owned(), "host".into());
        members.insert("customer".to_owned(), self.customer.as_str().into());
        members.insert("group".to_owned(), self.group.as_str().into());
        let order = HostOrder { form: None, customer: self.customer, group: self.group, worth, pools: self.pools };
        let (key, minted) = mint_host_key(&authority, &mut db, order, &site.by())?;
        if let Worth::Host(worth) = &minted.worth {
            members.extend(worth_members(worth));
        }
        Ok(MintedKey { key: &key, words, members }.output(self.quiet))
    }
}

/// What a host key is worth, for people.
pub(super) fn worth_words(worth: &HostWorth) -> String {
    let HostWorth { hosts_max, activations_max, term_secs, .. } = worth;
    let mut words = format!("{hosts_max} hosts, {activations_max} activations each, {}", duration_words(*term_secs));
    words.extend(worth.clients_max.map(|clients| format!(", at most {clients} clients")));
    words.extend(worth.threshold.map(|threshold| format!(", threshold {threshold}")));
    words.extend(worth.pools.iter().map(|pool| format!(", {} seats of {}", pool.seats, pool.id)));
    words
}

/// What a host key is worth, for machines.
pub(super) fn worth_members(worth: &HostWorth) -> Map<String, Value> {
    let pool = |pool: &Pool| {
        let Pool { id, edition, seats, term_secs, guard_secs } = pool;
        let id = id.as_str();
        json!({ "id": id, "edition": edition, "seats": seats, "term_secs": term_secs, "guard_secs": guard_secs })
    };
    let members = [
        ("hosts_max", worth.hosts_max.into()),
        ("activations_max", worth.activations_max.into()),
        ("term_secs", worth.term_secs.into()),
        ("clients_max", worth.clients_max.into()),
        ("threshold", worth.threshold.into()),
        ("pools", worth.pools.iter().map(pool).collect()),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
