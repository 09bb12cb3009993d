//! What administrators did, each entry in the transaction of the act.

use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use rusqlite::{Transaction, params};

use super::seconds;

/// One act.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// Who did it.
    pub actor: &'a str,
    /// What was done: `key installed`.
    pub act: &'a str,
    /// To what.
    pub subject: &'a str,
    /// Further words; never a secret.
    pub detail: &'a str,
}

/// Writes one entry.
pub fn record(tx: &Transaction<'_>, act: Act<'_>, now: Timestamp) -> Result<(), Failure> {
    let sql = "INSERT INTO audit (at, actor, act, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.execute(sql, params![seconds(now), act.actor, act.act, act.subject, act.detail])?;
    Ok(())
}

/// The user at the command line, as the system names it; `SUDO_USER` where somebody became root by sudo.
pub fn operating_user() -> String {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    format!("local user {}", name.as_deref().unwrap_or("unknown"))
}
