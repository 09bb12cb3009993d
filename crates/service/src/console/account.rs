//! The people who may sign in.

use crate::sql::{OptionalExtension as _, Row, Transaction, params};
use keymuster_core::time::Timestamp;

use super::permission::{Needs, Role};
use crate::database::{Failure, integer, number, seconds, timestamp};

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
    /// A secret of one-time passwords that does not count yet.
    pub totp_offered: Option<String>,
    /// Who it is to an OpenID provider.
    pub openid_subject: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When somebody last signed in to it.
    pub signed_in_at: Option<Timestamp>,
    /// When it was disabled, if it is.
    pub disabled_at: Option<Timestamp>,
}

/// The longest name of an account.
const NAME_MAX: usize = 64;

/// A name for an account; in small letters, so that two accounts never differ in capitals alone.
pub fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim().to_lowercase();
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_@".contains(c);
    match name.chars().next() {
        None => Err("enter a name".to_owned()),
        Some(_) if name.len() > NAME_MAX => Err(format!("a name has {NAME_MAX} characters at most")),
        Some(first) if first.is_ascii_alphanumeric() && name.chars().all(is_known) => Ok(name),
        Some(_) => Err("a name begins with a letter or digit, and has letters, digits and .-_@ only".to_owned()),
    }
}

impl Account {
    /// A new one without a password.
    pub fn new(name: String, role: Role, created_by: &str, now: Timestamp) -> Account {
        Account {
            name,
            role,
            password: None,
            totp_secret: None,
            totp_step: None,
            totp_offered: None,
            openid_subject: None,
            created_at: now,
            created_by: created_by.to_owned(),
            signed_in_at: None,
            disabled_at: None,
        }
    }

    /// Whether it may do what needs `P`.
    pub fn may<P: Needs>(&self) -> bool {
        self.disabled_at.is_none() && self.role.permissions().contains(&P::PERMISSION)
    }

    /// Whether it counts as one that can appoint others.
    pub fn is_administrator(&self) -> bool {
        self.disabled_at.is_none() && self.role == Role::Administrator
    }
}

const COLUMNS: &str = "name, role, password, totp_secret, totp_step, totp_offered, openid_subject, created_at, \
                       created_by, signed_in_at, disabled_at";

/// The account of this name.
pub fn named(tx: &Transaction<'_>, name: &str) -> Result<Option<Account>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM account WHERE name = ?1");
    tx.prepare_cached(&sql)?.query_row([name], |row| Ok(read(row))).optional()?.transpose()
}

/// The account that an OpenID provider knows by this subject.
pub fn of_subject(tx: &Transaction<'_>, subject: &str) -> Result<Option<Account>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM account WHERE openid_subject = ?1");
    tx.prepare_cached(&sql)?.query_row([subject], |row| Ok(read(row))).optional()?.transpose()
}

/// All accounts, by name.
pub fn all(tx: &Transaction<'_>) -> Result<Vec<Account>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM account ORDER BY name");
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Whether there is any.
pub fn is_any(tx: &Transaction<'_>) -> Result<bool, Failure> {
    Ok(tx.query_row("SELECT EXISTS (SELECT 1 FROM account)", [], |row| row.get(0))?)
}

/// Writes a new account.
pub fn add(tx: &Transaction<'_>, account: &Account) -> Result<(), Failure> {
    let sql = format!("INSERT INTO account ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    write(tx, &sql, account)
}

/// Writes everything that changes in an account.
pub fn update(tx: &Transaction<'_>, account: &Account) -> Result<(), Failure> {
    let sql = "UPDATE account SET role = ?2, password = ?3, totp_secret = ?4, totp_step = ?5, totp_offered = ?6, \
               openid_subject = ?7, created_at = ?8, created_by = ?9, signed_in_at = ?10, disabled_at = ?11 WHERE name = ?1";
    write(tx, sql, account)
}

/// Runs a statement whose parameters are the columns in their order.
fn write(tx: &Transaction<'_>, sql: &str, account: &Account) -> Result<(), Failure> {
    let Account { name, password, totp_secret, totp_offered, openid_subject, created_by, .. } = account;
    tx.execute(
        sql,
        params![
            name,
            account.role.name(),
            password,
            totp_secret,
            account.totp_step.map(integer),
            totp_offered,
            openid_subject,
            seconds(account.created_at),
            created_by,
            account.signed_in_at.map(seconds),
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
        totp_offered: row.get(5)?,
        openid_subject: row.get(6)?,
        created_at: timestamp(row.get(7)?),
        created_by: row.get(8)?,
        signed_in_at: row.get::<_, Option<i64>>(9)?.map(timestamp),
        disabled_at: row.get::<_, Option<i64>>(10)?.map(timestamp),
        name,
    })
}
