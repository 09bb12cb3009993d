//! Who may administer a host: accounts, and tokens of programs.
//!
//! No password goes this way: whoever gets an account chooses their own at the console, with a one-time token.

use clap::{Args, Subcommand};
use keymuster_client::Env;
use keymuster_core::duration::Duration;
use serde_json::{Value, json};

use super::{Around, Asked, Show, one, rows, words};
use crate::failure::Failure;
use crate::remote::shown::Column;
use crate::remote::{Ask, encoded};

const ROLES: [&str; 3] = ["viewer", "operator", "administrator"];
const SCOPES: [&str; 5] = ["look", "handle", "keys", "settings", "accounts"];

#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// Show all accounts.
    List,
    /// Show one account.
    Show(Named),
    /// Add an account, and print the one-time token with which its owner chooses a password at /claim of the console.
    Add {
        /// Its name: letters, digits and .-_@
        name: String,
        /// What it may do.
        #[arg(long, value_parser = ROLES)]
        role: String,
    },
    /// Give an account another role.
    Role {
        /// Its name.
        name: String,
        /// What it may do.
        #[arg(value_parser = ROLES)]
        role: String,
    },
    /// Keep an account from signing in, with its sessions and tokens. The audit names accounts, so none is deleted.
    Disable(Named),
    /// Let a disabled account sign in again.
    Enable(Named),
    /// Print a one-time token with which the owner of an account chooses a new password; one-time codes are off then.
    Reset(Named),
    /// End all sessions of an account.
    EndSessions(Named),
}

#[derive(Debug, Args)]
pub struct Named {
    /// The name of the account.
    name: String,
}

#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// Show all tokens, without their secrets.
    List,
    /// Make a token of the same account, and print its secret, this once.
    Make {
        /// Its name for people: what it is used for.
        #[arg(long)]
        name: String,
        /// What it may do, several times; no more than the token that makes it.
        #[arg(long = "scope", required = true, value_delimiter = ',', value_parser = SCOPES)]
        scopes: Vec<String>,
        /// When it ends, as the time from now on: 12h, 30d, a year at most.
        #[arg(long, value_name = "TIME", default_value = "30d")]
        expires: Duration,
    },
    /// End a token.
    Revoke {
        /// Its id.
        id: String,
    },
}

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

impl Accounts {
    pub(super) fn asked(&self, at: &Around<'_>) -> Result<Asked, Failure> {
        let path = |name: &str, more: &str| format!("/accounts/{}{more}", encoded(name));
        let change = |name: &str, member: &str, value: Value| {
            // An account is changed as a whole.
            let account = at.remote.ask(&Ask::get(&path(name, "")))?;
            let mut changed = json!({ "role": account["role"], "is_disabled": !account["disabled_at"].is_null() });
            changed[member] = value;
            Ok(one(Ask::act("PUT", &path(name, ""), Some(changed)), Show::Words(words::account)))
        };
        Ok(match self {
            Accounts::List => rows(Ask::get("/accounts"), "accounts", ACCOUNTS, "no accounts"),
            Accounts::Show(Named { name }) => one(Ask::get(&path(name, "")), Show::Facts),
            Accounts::Add { name, role } => {
                let body = json!({ "name": name, "role": role });
                one(Ask::act("POST", "/accounts", Some(body)), Show::Secret("token", words::one_time_token))
            }
            Accounts::Role { name, role } => return change(name, "role", json!(role)),
            Accounts::Disable(Named { name }) => return change(name, "is_disabled", json!(true)),
            Accounts::Enable(Named { name }) => return change(name, "is_disabled", json!(false)),
            Accounts::Reset(Named { name }) => {
                let ask = Ask::act("POST", &path(name, "/reset"), None);
                one(ask, Show::Secret("token", words::one_time_token))
            }
            Accounts::EndSessions(Named { name }) => {
                one(Ask::act("DELETE", &path(name, "/sessions"), None), Show::Words(words::sessions_ended))
            }
        })
    }
}

impl Tokens {
    pub(super) fn asked(&self) -> Asked {
        match self {
            Tokens::List => rows(Ask::get("/tokens"), "tokens", TOKENS, "no tokens"),
            Tokens::Make { name, scopes, expires } => {
                let expires_at = Env::system().reading().wall.plus(expires.as_secs()).as_secs();
                let body = json!({ "name": name, "scopes": scopes, "expires_at": expires_at });
                one(Ask::act("POST", "/tokens", Some(body)), Show::Secret("secret", words::made_token))
            }
            Tokens::Revoke { id } => {
                one(Ask::act("DELETE", &format!("/tokens/{}", encoded(id)), None), Show::Words(words::revoked))
            }
        }
    }
}
