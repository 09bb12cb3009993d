//! Tokens of programs: each has some of the permissions of the account that made it, and an end.

use crate::sql::{OptionalExtension as _, Row, Transaction, params};
use keymuster_core::time::Timestamp;

use super::permission::Permission;
use crate::database::{Failure, number, seconds, timestamp};

/// What the secret of a token begins with, so that people and scanners of leaked secrets know what it is.
pub const PREFIX: &str = "kmt_";

/// One token, without its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Its public name for machines.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The account that made it; it may never do more than that.
    pub account: String,
    /// What it may do.
    pub scopes: Vec<Permission>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// Whether it counts.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// What it may do, in words.
    pub fn scope_words(&self) -> String {
        self.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ")
    }
}

const COLUMNS: &str = "id, name, account, scopes, created_at, expires_at, used_at, revoked_at";

/// Writes a new token whose secret has this digest.
pub fn add(tx: &Transaction<'_>, token: &Token, digest: &str) -> Result<(), Failure> {
    let sql = "INSERT INTO api_token (id, digest, name, account, scopes, created_at, expires_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Token { id, name, account, created_at, expires_at, .. } = token;
    let scopes = token.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" ");
    tx.execute(sql, params![id, digest, name, account, scopes, seconds(*created_at), seconds(*expires_at)])?;
    Ok(())
}

/// The token whose secret has this digest, whether or not it counts.
pub fn find(tx: &Transaction<'_>, digest: &str) -> Result<Option<Token>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM api_token WHERE digest = ?1");
    tx.prepare_cached(&sql)?.query_row([digest], |row| Ok(read(row))).optional()?.transpose()
}

/// The token with this id, whether or not it counts.
pub fn with_id(tx: &Transaction<'_>, id: &str) -> Result<Option<Token>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM api_token WHERE id = ?1");
    tx.prepare_cached(&sql)?.query_row([id], |row| Ok(read(row))).optional()?.transpose()
}

/// All tokens, the newest first.
pub fn all(tx: &Transaction<'_>) -> Result<Vec<Token>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM api_token ORDER BY created_at DESC, id");
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// How many tokens of an account count.
pub fn alive(tx: &Transaction<'_>, account: &str, now: Timestamp) -> Result<u64, Failure> {
    let sql = "SELECT count(*) FROM api_token WHERE account = ?1 AND revoked_at IS NULL AND expires_at > ?2";
    Ok(tx.query_row(sql, params![account, seconds(now)], |row| Ok(number(row.get(0)?)))?)
}

/// Forgets tokens that ended before `end`.
pub fn prune(tx: &Transaction<'_>, end: Timestamp) -> Result<(), Failure> {
    tx.execute("DELETE FROM api_token WHERE expires_at < ?1 OR revoked_at < ?1", [seconds(end)])?;
    Ok(())
}

/// Notes that it was used.
pub fn used(tx: &Transaction<'_>, id: &str, now: Timestamp) -> Result<(), Failure> {
    tx.execute("UPDATE api_token SET used_at = ?2 WHERE id = ?1", params![id, seconds(now)])?;
    Ok(())
}

/// Ends it; whether it was alive.
pub fn revoke(tx: &Transaction<'_>, id: &str, now: Timestamp) -> Result<bool, Failure> {
    let sql = "UPDATE api_token SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
    Ok(tx.execute(sql, params![id, seconds(now)])? > 0)
}

fn read(row: &Row<'_>) -> Result<Token, Failure> {
    let id: String = row.get(0)?;
    let scopes: String = row.get(3)?;
    let scopes = scopes.split_whitespace().map(str::parse).collect::<Result<Vec<_>, String>>();
    Ok(Token {
        scopes: scopes.map_err(|why| Failure::damaged("api_token", "scopes", &id, why))?,
        name: row.get(1)?,
        account: row.get(2)?,
        created_at: timestamp(row.get(4)?),
        expires_at: timestamp(row.get(5)?),
        used_at: row.get::<_, Option<i64>>(6)?.map(timestamp),
        revoked_at: row.get::<_, Option<i64>>(7)?.map(timestamp),
        id,
    })
}
