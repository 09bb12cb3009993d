//! One-time tokens that set a password: for the first administrator, and for people who have lost theirs.
//!
//! They are shown where somebody trusted looks, such as the terminal, and typed or pasted into a form; never in a link.

use crate::sql::{OptionalExtension as _, Transaction, params};
use keymuster_core::time::{MINUTE, Timestamp};

use super::session::digest;
use crate::Env;
use crate::database::{Failure, seconds, timestamp};

/// For how long a token for the first administrator counts, and one that was printed on a terminal, in seconds.
pub const WINDOW_SECS: u64 = 15 * MINUTE;

/// The symbols of codes that people type, after Crockford: without i, l, o and u.
const SYMBOLS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a token is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To make the first administrator.
    First,
    /// To set a new password of this account.
    Reset(String),
}

/// A new code of groups of four symbols, 5 random bits each.
pub fn new_code<const SYMBOLS_TOTAL: usize>(env: &Env) -> String {
    let bytes: [u8; SYMBOLS_TOTAL] = env.random();
    let symbols: Vec<char> = bytes.iter().map(|byte| char::from(SYMBOLS[usize::from(byte % 32)])).collect();
    symbols.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// The digest of a code, however it was typed.
pub fn code_digest(code: &str) -> String {
    let symbol = |c: char| match c {
        'i' | 'l' => '1',
        'o' => '0',
        other => other,
    };
    let plain: String = code.to_lowercase().chars().filter(|c| c.is_alphanumeric()).map(symbol).collect();
    digest(&plain)
}

/// Makes a token that takes the place of all others with the same purpose.
pub fn offer(tx: &Transaction<'_>, purpose: &Purpose, expires_at: Timestamp, env: &Env) -> Result<String, Failure> {
    let code = new_code::<28>(env);
    withdraw(tx, purpose)?;
    let sql = "INSERT INTO claim (digest, account, expires_at) VALUES (?1, ?2, ?3)";
    tx.execute(sql, params![code_digest(&code), purpose.account(), seconds(expires_at)])?;
    Ok(code)
}

/// What a token is for, if it counts.
pub fn find(tx: &Transaction<'_>, code: &str, now: Timestamp) -> Result<Option<Purpose>, Failure> {
    let read = |row: &crate::sql::Row<'_>| Ok((row.get(0)?, timestamp(row.get(1)?)));
    let sql = "SELECT account, expires_at FROM claim WHERE digest = ?1";
    let found: Option<(Option<String>, Timestamp)> = tx.query_row(sql, [code_digest(code)], read).optional()?;
    let alive = found.filter(|(_, expires_at)| now < *expires_at);
    Ok(alive.map(|(account, _)| account.map_or(Purpose::First, Purpose::Reset)))
}

/// Ends all tokens with this purpose.
pub fn withdraw(tx: &Transaction<'_>, purpose: &Purpose) -> Result<(), Failure> {
    tx.execute("DELETE FROM claim WHERE account IS NOT DISTINCT FROM ?1", [purpose.account()])?;
    Ok(())
}

/// Forgets what has ended.
pub fn prune(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Failure> {
    tx.execute("DELETE FROM claim WHERE expires_at <= ?1", [seconds(now)])?;
    Ok(())
}

impl Purpose {
    fn account(&self) -> Option<&str> {
        match self {
            Purpose::First => None,
            Purpose::Reset(account) => Some(account),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::Connection;

    use super::*;

    #[test]
    fn a_token_counts_within_its_window_until_the_next() {
        let mut db = Connection::from(rusqlite::Connection::open_in_memory().unwrap());
        db.execute_batch(crate::console::MIGRATION).unwrap();
        let tx = db.writing().unwrap();
        let now = Timestamp::from_secs(1_000_000);
        let env = Env::fixed(now, 1);
        let end = now.plus(WINDOW_SECS);
        let first = offer(&tx, &Purpose::First, end, &env).unwrap();
        assert_eq!(first.len(), 28 + 6, "{first}");
        assert_eq!(find(&tx, &first, now).unwrap(), Some(Purpose::First));
        let typed = format!(" {} ", first.to_uppercase().replace('-', " "));
        assert_eq!(find(&tx, &typed, now).unwrap(), Some(Purpose::First));
        assert_eq!(find(&tx, &first, end).unwrap(), None);
        let second = offer(&tx, &Purpose::First, end, &env).unwrap();
        assert_eq!((find(&tx, &first, now).unwrap(), find(&tx, &second, now).unwrap()), (None, Some(Purpose::First)));
        prune(&tx, end).unwrap();
        assert_eq!(find(&tx, &second, now).unwrap(), None);
    }
}
