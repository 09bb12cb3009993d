//! What can be looked at and done at a host: each command as a request, and the columns in which its answer is shown.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::audit::Audit;
use super::exchange::Exchange;
use super::keys::{Activate, Keys};
use super::packs::{Packs, Publishers};
use super::people::{Accounts, Tokens};
use super::{Around, Asked, ROWS_MAX, Show, one, rows, status, words};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::remote::shown::Column;
use crate::remote::{Ask, encoded};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how the host stands, whom it counts and what to do next.
    Status,
    /// Show the clients that have asked, and release one.
    #[command(subcommand)]
    Clients(Clients),
    /// Show client ids by which more than one machine has asked.
    Clones,
    /// Show whom the host refused last, and why.
    #[command(subcommand)]
    Refusals(Refusals),
    /// Show seat pools, and take a seat back.
    #[command(subcommand)]
    Pools(Pools),
    /// Show the host keys, install one, and remove one.
    #[command(subcommand)]
    Keys(Keys),
    /// Activate an installed host key over the network, by file or by QR codes.
    Activate(Activate),
    /// Show the licence packs, and take over newer ones.
    #[command(subcommand)]
    Packs(Packs),
    /// Show publishers and what they sell, and add one.
    #[command(subcommand)]
    Publishers(Publishers),
    /// Have machines activated by a MAK that cannot reach the publisher.
    #[command(subcommand)]
    Exchange(Exchange),
    /// Show every setting, and change one.
    #[command(subcommand)]
    Settings(Settings),
    /// Show what DNS says about the host, and publish it there.
    #[command(subcommand)]
    Dns(Dns),
    /// Show what administrators did, the newest first.
    Audit(Audit),
    /// Show who may sign in, and change that.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Show the tokens of programs, make one, and revoke one.
    #[command(subcommand)]
    Tokens(Tokens),
    /// Show whose token this is, and what it may do.
    Whoami,
}

#[derive(Debug, Subcommand)]
pub enum Clients {
    /// Show clients, those that asked last first.
    List {
        /// The beginning of a machine's name, of a client id or of an address.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only clients in this state.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// How many at most.
        #[arg(long, value_name = "N", default_value_t = ROWS_MAX)]
        most: usize,
    },
    /// Show all about one client.
    Show {
        /// The client's id.
        client: String,
    },
    /// Count a client no more, and renew nothing that it holds.
    Release(OneClient),
    /// Take the release of a client back.
    Keep(OneClient),
}

#[derive(Debug, Args)]
pub struct OneClient {
    /// The client's id.
    client: String,
    /// Why; it stands in the audit.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Subcommand)]
pub enum Refusals {
    /// Show the last refusal of each client and edition, the newest first.
    List {
        /// Words in it: of a machine's name, a client id, an address or the detail.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only refusals with this code, such as threshold-not-met.
        #[arg(long, value_name = "CODE")]
        code: Option<String>,
        /// How many at most.
        #[arg(long, value_name = "N", default_value_t = ROWS_MAX)]
        most: usize,
    },
}

#[derive(Debug, Subcommand)]
pub enum Pools {
    /// Show all pools.
    List,
    /// Show who has the seats of a pool.
    Show {
        /// The pool.
        pool: String,
    },
    /// Take a seat back; it is free when its lease has ended.
    Reclaim {
        /// The pool.
        pool: String,
        /// The id of the client that has it.
        client: String,
        /// Why; it stands in the audit.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Settings {
    /// Show every setting with its value, where that comes from, and what it may be.
    List,
    /// Show one setting.
    Show {
        /// The name of the setting.
        name: String,
    },
    /// Choose a value; a running host follows within a second.
    Set(Setting),
    /// Tell what a value would change for whom, and change nothing.
    Preview(Setting),
    /// Take a choice back.
    Unset {
        /// The name of the setting.
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct Setting {
    /// The name of the setting.
    name: String,
    /// The value, such as 7d, 1700 or on.
    #[arg(required = true)]
    value: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum Dns {
    /// Show what is published and what clients would see.
    Show,
    /// Enter the host's records now.
    Publish,
    /// Remove the host's records.
    Withdraw,
}

const CLIENTS: &[Column] = &[
    ("NAME", "name"),
    ("CLIENT", "client"),
    ("PUBLISHER", "publisher"),
    ("EDITION", "edition"),
    ("STATE", "state"),
    ("ADDRESS", "address"),
    ("LAST ASKED", "last_asked"),
    ("LEASE EXPIRES", "lease_expires"),
];
const CLONES: &[Column] =
    &[("CLIENT", "client"), ("PUBLISHER", "publisher"), ("TIMES", "times"), ("LAST", "newest_at")];
const POOLS: &[Column] =
    &[("POOL", "pool"), ("PUBLISHER", "publisher"), ("SEATS", "seats"), ("HELD", "held"), ("FREE", "free")];
const SETTINGS: &[Column] = &[
    ("PUBLISHER", "publisher"),
    ("SETTING", "name"),
    ("VALUE", "text"),
    ("DEFAULT", "default_text"),
    ("ALLOWED", "allowed"),
    ("FROM", "source"),
    ("BY", "chosen/by"),
];
const REFUSALS: &[Column] = &[
    ("AT", "at"),
    ("NAME", "name"),
    ("CLIENT", "client"),
    ("ADDRESS", "address"),
    ("PUBLISHER", "publisher"),
    ("EDITION", "edition"),
    ("CODE", "code"),
    ("TIMES", "times"),
    ("DETAIL", "detail"),
];

fn facts(ask: Ask) -> Asked {
    one(ask, Show::Facts)
}

impl Command {
    /// Does what is asked for.
    pub(super) fn run(&self, at: &Around<'_>) -> Result<Answer, Failure> {
        let asked = match self {
            Command::Status => one(Ask::get("/overview"), Show::Words(status::words)),
            Command::Clients(clients) => clients.asked(at)?,
            Command::Clones => rows(Ask::get("/clones"), "", CLONES, "no client id was used by more than one machine"),
            Command::Refusals(Refusals::List { search, code, most }) => {
                let ask = Ask::get("/refusals").with("search", search.as_ref()).with("code", code.as_ref());
                Asked { most: *most, ..rows(ask, "refusals", REFUSALS, "nobody was refused") }
            }
            Command::Pools(pools) => pools.asked(at)?,
            Command::Keys(keys) => keys.asked(at)?,
            Command::Activate(activate) => return activate.run(at),
            Command::Packs(packs) => packs.asked(at)?,
            Command::Publishers(publishers) => publishers.asked()?,
            Command::Exchange(exchange) => return exchange.run(at),
            Command::Settings(settings) => settings.asked(at),
            Command::Dns(Dns::Show) => facts(Ask::get("/dns")),
            Command::Dns(Dns::Publish) => facts(Ask::act("POST", "/dns/publish", None)),
            Command::Dns(Dns::Withdraw) => facts(Ask::act("POST", "/dns/withdraw", None)),
            Command::Audit(audit) => return audit.run(at),
            Command::Accounts(accounts) => accounts.asked(at)?,
            Command::Tokens(tokens) => tokens.asked(),
            Command::Whoami => facts(Ask::get("/session/me")),
        };
        asked.answer(at.remote)
    }
}

/// A path below the publisher's name, which has to be given.
fn below(noun: &str, publisher: Option<&str>, parts: &[&str]) -> Result<String, Failure> {
    let advice = "add --publisher NAME; the list shows the publishers";
    let publisher = publisher.ok_or_else(|| Failure::usage("several publishers may have such a one", advice))?;
    let parts = std::iter::once(publisher).chain(parts.iter().copied());
    Ok(parts.fold(format!("/{noun}"), |path, part| path + "/" + &encoded(part)))
}

fn because(reason: &str) -> Option<Value> {
    Some(json!({ "reason": reason }))
}

impl Clients {
    fn asked(&self, at: &Around<'_>) -> Result<Asked, Failure> {
        let act = |one: &OneClient, verb| {
            let path = below("clients", at.publisher, &[&one.client, verb])?;
            Ok(facts(Ask::act("POST", &path, because(&one.reason))))
        };
        match self {
            Clients::List { search, state, most } => {
                let ask = Ask::get("/clients").with("search", search.as_ref()).with("state", state.as_ref());
                let ask = ask.with("publisher", at.publisher).with("edition", at.edition);
                let list = rows(ask, "rows", CLIENTS, "no clients");
                Ok(Asked { most: *most, ..list })
            }
            Clients::Show { client } => Ok(facts(Ask::get(&below("clients", at.publisher, &[client])?))),
            Clients::Release(one) => act(one, "release"),
            Clients::Keep(one) => act(one, "keep"),
        }
    }
}

impl Pools {
    fn asked(&self, at: &Around<'_>) -> Result<Asked, Failure> {
        Ok(match self {
            Pools::List => rows(Ask::get("/pools"), "", POOLS, "no pools"),
            Pools::Show { pool } => facts(Ask::get(&below("pools", at.publisher, &[pool])?)),
            Pools::Reclaim { pool, client, reason } => {
                let path = below("pools", at.publisher, &[pool, client, "reclaim"])?;
                facts(Ask::act("POST", &path, because(reason)))
            }
        })
    }
}

impl Settings {
    fn asked(&self, at: &Around<'_>) -> Asked {
        let path = |name: &str, more: &str| format!("/settings/{}{more}", encoded(name));
        let value = |setting: &Setting| Some(json!({ "value": setting.value.join(" ") }));
        let ask = match self {
            Settings::List => return rows(Ask::get("/settings"), "settings", SETTINGS, "no settings"),
            Settings::Show { name } => return facts(Ask::get(&path(name, "")).with("publisher", at.publisher)),
            Settings::Set(setting) => Ask::act("PUT", &path(&setting.name, ""), value(setting)),
            Settings::Preview(setting) => Ask::act("POST", &path(&setting.name, "/preview"), value(setting)),
            Settings::Unset { name } => Ask::act("DELETE", &path(name, ""), None),
        };
        one(ask.with("publisher", at.publisher), Show::Words(words::change))
    }
}
