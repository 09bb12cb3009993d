//! What can be looked at and done at a host: each command as a request, and the columns in which its answer is shown.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Asked, Show};
use crate::failure::Failure;
use crate::remote::shown::Column;
use crate::remote::{Ask, encoded};

/// Rows that are asked for where nothing else is said.
const ROWS_MAX: usize = 1000;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how the host stands, whom it counts and what to do next.
    Status,
    /// Show the clients that have asked, and release one.
    #[command(subcommand)]
    Clients(Clients),
    /// Show client ids by which more than one machine has asked.
    Clones,
    /// Show seat pools, and take a seat back.
    #[command(subcommand)]
    Pools(Pools),
    /// Show every setting, and change one.
    #[command(subcommand)]
    Settings(Settings),
    /// Show what DNS says about the host, and publish it there.
    #[command(subcommand)]
    Dns(Dns),
    /// Show what administrators did, the newest first.
    Audit(Audit),
    /// Show who may sign in.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Show the tokens of programs.
    #[command(subcommand)]
    Tokens(Tokens),
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

#[derive(Debug, Args)]
pub struct Audit {
    /// Words that an entry contains.
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// How many entries at most.
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: usize,
}

#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// Show all accounts.
    List,
}

#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// Show all tokens, without their secrets.
    List,
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
    &[("POOL", "pool"), ("PUBLISHER", "publisher"), ("SEATS", "seats"), ("TAKEN", "taken"), ("FREE", "free")];
const SETTINGS: &[Column] = &[
    ("PUBLISHER", "publisher"),
    ("SETTING", "name"),
    ("VALUE", "text"),
    ("DEFAULT", "default_text"),
    ("ALLOWED", "allowed"),
    ("FROM", "source"),
    ("BY", "chosen/by"),
];
const AUDIT: &[Column] = &[
    ("NUMBER", "sequence"),
    ("WHEN", "at"),
    ("WHO", "actor"),
    ("ACT", "act"),
    ("WHAT", "subject"),
    ("DETAIL", "detail"),
];
const ACCOUNTS: &[Column] = &[
    ("NAME", "name"),
    ("ROLE", "role"),
    ("ONE-TIME CODES", "has_one_time_codes"),
    ("SIGNED IN", "signed_in_at"),
    ("DISABLED", "disabled_at"),
];
const TOKENS: &[Column] = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("ACCOUNT", "account"),
    ("SCOPES", "scopes"),
    ("EXPIRES", "expires_at"),
    ("LAST USED", "used_at"),
    ("REVOKED", "revoked_at"),
];

fn rows(ask: Ask, member: &'static str, columns: &'static [Column], if_empty: &'static str) -> Asked {
    Asked { ask, show: Show::Rows(member, columns, if_empty), most: ROWS_MAX }
}

fn facts(ask: Ask) -> Asked {
    Asked { ask, show: Show::Facts, most: 1 }
}

impl Command {
    /// What is asked for; `publisher` is the one that `--publisher` names.
    pub(super) fn asked(&self, publisher: Option<&str>) -> Result<Asked, Failure> {
        Ok(match self {
            Command::Status => facts(Ask::get("/overview")),
            Command::Clients(clients) => return clients.asked(publisher),
            Command::Clones => rows(Ask::get("/clones"), "", CLONES, "no client id was used by more than one machine"),
            Command::Pools(pools) => return pools.asked(publisher),
            Command::Settings(settings) => settings.asked(publisher),
            Command::Dns(Dns::Show) => facts(Ask::get("/dns")),
            Command::Dns(Dns::Publish) => facts(Ask::act("POST", "/dns/publish", None)),
            Command::Dns(Dns::Withdraw) => facts(Ask::act("POST", "/dns/withdraw", None)),
            Command::Audit(Audit { search, last }) => {
                let ask = Ask::get("/audit").with("search", search.as_ref());
                Asked { most: *last, ..rows(ask, "entries", AUDIT, "no entries") }
            }
            Command::Accounts(Accounts::List) => rows(Ask::get("/accounts"), "accounts", ACCOUNTS, "no accounts"),
            Command::Tokens(Tokens::List) => rows(Ask::get("/tokens"), "tokens", TOKENS, "no tokens"),
        })
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
    fn asked(&self, publisher: Option<&str>) -> Result<Asked, Failure> {
        let act = |one: &OneClient, verb| {
            let path = below("clients", publisher, &[&one.client, verb])?;
            Ok(facts(Ask::act("POST", &path, because(&one.reason))))
        };
        match self {
            Clients::List { search, state, most } => {
                let ask = Ask::get("/clients").with("search", search.as_ref()).with("state", state.as_ref());
                let list = rows(ask.with("publisher", publisher), "rows", CLIENTS, "no clients");
                Ok(Asked { most: *most, ..list })
            }
            Clients::Show { client } => Ok(facts(Ask::get(&below("clients", publisher, &[client])?))),
            Clients::Release(one) => act(one, "release"),
            Clients::Keep(one) => act(one, "keep"),
        }
    }
}

impl Pools {
    fn asked(&self, publisher: Option<&str>) -> Result<Asked, Failure> {
        Ok(match self {
            Pools::List => rows(Ask::get("/pools"), "", POOLS, "no pools"),
            Pools::Show { pool } => facts(Ask::get(&below("pools", publisher, &[pool])?)),
            Pools::Reclaim { pool, client, reason } => {
                let path = below("pools", publisher, &[pool, client, "reclaim"])?;
                facts(Ask::act("POST", &path, because(reason)))
            }
        })
    }
}

impl Settings {
    fn asked(&self, publisher: Option<&str>) -> Asked {
        let path = |name: &str, more: &str| format!("/settings/{}{more}", encoded(name));
        let value = |setting: &Setting| Some(json!({ "value": setting.value.join(" ") }));
        let ask = match self {
            Settings::List => return rows(Ask::get("/settings"), "settings", SETTINGS, "no settings"),
            Settings::Set(setting) => Ask::act("PUT", &path(&setting.name, ""), value(setting)),
            Settings::Preview(setting) => Ask::act("POST", &path(&setting.name, "/preview"), value(setting)),
            Settings::Unset { name } => Ask::act("DELETE", &path(name, ""), None),
        };
        Asked { ask: ask.with("publisher", publisher), show: Show::Change, most: 1 }
    }
}
