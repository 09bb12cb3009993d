//! `key mint mak`: a MAK, which is worth so many activations of an edition.

use clap::Args;
use keymuster_core::duration::Duration;
use keymuster_core::id::Slug;
use keymuster_core::time::duration_words;
use serde_json::{Map, Value};

use super::{MintedKey, Site};
use crate::acts::key_mint::{MakOrder, mint_mak};
use crate::error::Error;
use crate::output::Output;
use crate::store::product_key::MakWorth;

/// The options of `key mint mak`.
#[derive(Debug, Args)]
pub struct Options {
    /// The customer
    #[arg(long, value_name = "SLUG")]
    customer: Slug,
    /// The edition
    #[arg(long, value_name = "ID")]
    edition: Slug,
    /// How many activations it is worth
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    activations: u32,
    /// How long an activation lasts [default: for ever]
    #[arg(long, value_name = "DURATION")]
    valid: Option<Duration>,
    /// Print the key alone
    #[arg(long)]
    quiet: bool,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (authority, mut db) = site.authority()?;
        let worth = MakWorth { activations_max: self.activations, term_secs: self.valid.map(Duration::as_secs) };
        let words = format!("MAK of {} for edition {}: {}", self.customer, self.edition, worth_words(&worth));
        let mut members = worth_members(&worth);
        members.insert("kind".to_owned(), "mak".into());
        members.insert("customer".to_owned(), self.customer.as_str().into());
        members.insert("edition".to_owned(), self.edition.as_str().into());
        let order = MakOrder { form: None, customer: self.customer, edition: self.edition, worth };
        let (key, _) = mint_mak(&authority, &mut db, order, &site.by())?;
        Ok(MintedKey { key: &key, words, members }.output(self.quiet))
    }
}

/// What a MAK is worth, for machines.
pub(super) fn worth_members(worth: &MakWorth) -> Map<String, Value> {
    let members = [("activations_max", worth.activations_max.into()), ("term_secs", worth.term_secs.into())];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a MAK is worth, for people.
pub(super) fn worth_words(worth: &MakWorth) -> String {
    let term = worth.term_secs.map_or("for ever".to_owned(), duration_words);
    format!("{} activations, {term}", worth.activations_max)
}
