//! What taking something back would take away, and whether one person may decide that.

use keymuster_service::sql::Transaction;

use super::unknown;
use crate::acts::revoke::{Target, may_decide_alone, reach_words, taken_alone};
use crate::authority::Authority;
use crate::error::Error;
use crate::store;
use crate::store::proposal::Reach;
use keymuster_service::console::By;
use keymuster_service::console::permission::Settings;

/// What an act would take away, for the page that asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReachView {
    /// `Revoke host key 7M4QX`.
    pub title: String,
    /// What the button says.
    pub verb: String,
    /// What it does.
    pub about: String,
    /// What is said when it is done.
    pub done: String,
    /// The list that it is in.
    pub list: &'static str,
    /// The list's name.
    pub list_name: &'static str,
    /// By what it is known in the list.
    pub name: String,
    /// Its page.
    pub back: String,
    /// How many hosts it takes back.
    pub hosts: u64,
    /// How many machines lose their activation with them.
    pub machines: u64,
    /// What this person has taken back alone in the day before.
    pub hosts_before: u64,
    /// The same in machines.
    pub machines_before: u64,
    /// The limit that counts.
    pub hosts_max: u32,
    /// The same in machines.
    pub machines_max: u32,
    /// Whether it needs a second person.
    pub needs_second: bool,
}

impl ReachView {
    /// What it takes away, for people.
    pub fn words(&self) -> String {
        reach_words(Reach { hosts: self.hosts, machines: self.machines })
    }

    /// What was taken away before, for people.
    pub fn words_before(&self) -> String {
        reach_words(Reach { hosts: self.hosts_before, machines: self.machines_before })
    }

    /// Whether anything was taken away before.
    pub fn is_more(&self) -> bool {
        self.hosts_before > 0 || self.machines_before > 0
    }
}

/// Loads it; `name` is what was asked for, as it stood in the address.
pub fn load(
    authority: &Authority,
    tx: &Transaction<'_>,
    target: Option<&Target>,
    name: &str,
    by: &By<Settings>,
) -> Result<ReachView, Error> {
    let target = target.ok_or_else(|| unknown("thing called", name))?;
    let (what, name, back, about) = match target {
        Target::Key(id) => {
            let minted = store::product_key::find(tx, *id)?.ok_or_else(|| unknown("key", id))?;
            let last_five = authority.key_of(&minted)?.last_five();
            let what = format!("{} {last_five}", minted.kind());
            let about = "The key works no more, and every entitlement that was issued for it is taken back.";
            (what, last_five, format!("/keys/{id}"), about)
        }
        Target::Host(id) => {
            let host = store::host::find(tx, *id)?.ok_or_else(|| unknown("host", id))?;
            let what = host.name.map_or_else(|| id.to_string(), |name| name.to_string());
            let about = "Every entitlement of this host is taken back, and it gets none any more. Its keys have room \
                         for another host.";
            (format!("host {what}"), what, format!("/hosts/{id}"), about)
        }
        Target::Customer(slug) => {
            let customer = store::customer::find(tx, slug)?.ok_or_else(|| unknown("customer", slug))?;
            let about = "No key of this customer works any more, and all its hosts are on the revocation list, until \
                         the stop is lifted.";
            (format!("customer {}", customer.name), slug.to_string(), format!("/customers/{slug}"), about)
        }
    };
    let (list, list_name) = match target {
        Target::Key(_) => ("/keys", "Keys"),
        Target::Host(_) => ("/hosts", "Hosts"),
        Target::Customer(_) => ("/customers", "Customers"),
    };
    let (verb, past) = if matches!(target, Target::Customer(_)) { ("Stop", "stopped") } else { ("Revoke", "revoked") };
    let (reach, before) = (target.reach(tx, by.at())?, taken_alone(tx, by)?);
    let limits = store::limit::load(tx)?;
    Ok(ReachView {
        title: format!("{verb} {what}"),
        verb: format!("{verb} {what}"),
        about: about.to_owned(),
        done: format!("{}{} is {past}", what[..1].to_uppercase(), &what[1..]),
        list,
        list_name,
        name,
        back,
        hosts: reach.hosts,
        machines: reach.machines,
        hosts_before: before.hosts,
        machines_before: before.machines,
        hosts_max: limits.hosts,
        machines_max: limits.machines,
        needs_second: !may_decide_alone(limits, reach, before),
    })
}
