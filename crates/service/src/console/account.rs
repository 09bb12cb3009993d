//! The people who may sign in.

use keymuster_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::permission::{Needs, Role};
use crate::database::{Failure, number, seconds, timestamp};

/// One account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Its name, by which people sign in.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The digest of its password, where it has one.
    pub password: Option<String>,
    /// The secret of its one-time passwords, where it uses them.
    pub totp_secret: Option<String>,
    /// The step of the last one-time password that was used.
    pub totp_step: Option<u64>,
    /// Who it is to an OpenID provider.
    pub openid_subject: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was disabled, if it is.
    pub disabled_at: Option<Timestamp>,
}

impl Account {
    /// Whether it may do what needs `P`.
    pub fn may<P: Needs>(&self) -> bool {
        self.disabled_at.is_none() && self.role.permissions().contains(&P::PERMISSION)
    }
}

const COLUMNS: &str =
    "name, role, password, totp_secret, totp_step, openid_subject, created_at, created_by, disabled_at";

/// The account of this name.
pub fn named(tx: &Transaction<'_>, name: &str) -> Result<Option<Account>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM account WHERE name = ?1");
    tx.prepare_cached(&sql)?.query_row([name], |row| Ok(read(row))).optional()?.transpose()
}

/// All accounts, by name.
pub fn all(tx: &Transaction<'_>) -> Result<Vec<Account>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM account ORDER BY name");
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Writes a new account.
pub fn add(tx: &Transaction<'_>, account: &Account) -> Result<(), Failure> {
    let sql = format!("INSERT INTO account ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    tx.execute(
        &sql,
        params![
            account.name,
            account.role.name(),
            account.password,
            account.totp_secret,
            account.totp_step.map(|step| step.cast_signed()),
            account.openid_subject,
            seconds(account.created_at),
            account.created_by,
            account.disabled_at.map(seconds),
        ],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Account, Failure> {
    let name: String = row.get(0)?;
    let role: String = row.get(1)?;
    let role = role.parse().map_err(|why: String| Failure::damaged("account", "role", &name, why))?;
    Ok(Account {
        role,
        password: row.get(2)?,
        totp_secret: row.get(3)?,
        totp_step: row.get::<_, Option<i64>>(4)?.map(number),
        openid_subject: row.get(5)?,
        created_at: timestamp(row.get(6)?),
        created_by: row.get(7)?,
        disabled_at: row.get::<_, Option<i64>>(8)?.map(timestamp),
        name,
    })
}
