//! `key show`: one key with what it is worth, and the hosts on which it is used.

use clap::Args;
use serde_json::json;

use super::{Site, key_list, worth_words};
use crate::error::Error;
use crate::output::Output;
use crate::{lookup, store};

/// The options of `key show`.
#[derive(Debug, Args)]
pub struct Options {
    /// The key's id, or its last five symbols
    #[arg(value_name = "KEY")]
    key: String,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let (authority, mut db) = site.authority()?;
        let tx = store::begin(&mut db)?;
        let minted = lookup::key(&authority, &tx, &self.key)?;
        let mut described = key_list::describe(&authority, &tx, &minted)?;
        let last_five = authority.key_of(&minted)?.last_five();
        let worth = worth_words(&minted.worth);
        let revoked = if described.revoked.is_empty() { "no" } else { &described.revoked };
        let mut text = format!(
            "{kind} …-{last_five}\n  id        {id}\n  customer  {customer}\n  for       {what}\n  worth     {worth}\n  \
             used      {usage}\n  minted    {minted_at}\n  revoked   {revoked}\n",
            kind = minted.kind(),
            id = minted.id,
            customer = minted.customer,
            what = described.what,
            usage = described.usage,
            minted_at = minted.minted_at,
        );
        let mut hosts = Vec::new();
        for used in store::entitlement::hosts(&tx, minted.id)? {
            let revoked = if used.is_revoked { ", revoked" } else { "" };
            text += &format!("  host      {}, activated {} times{revoked}\n", used.host, used.activations);
            let host = used.host.to_string();
            hosts.push(json!({ "host": host, "activations": used.activations, "is_revoked": used.is_revoked }));
        }
        described.value.insert("hosts".to_owned(), hosts.into());
        Ok(Output::new(described.value.into(), text))
    }
}
