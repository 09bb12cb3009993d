//! The second factor of an account: one-time codes of an authenticator, and recovery codes for when it is lost.

use crate::sql::{Transaction, params};

use keymuster_core::time::Timestamp;

use super::account::{self, Account};
use super::claim::{code_digest, new_code};
use super::totp;
use crate::Env;
use crate::database::{Failure, number};

/// How many recovery codes an account gets.
const RECOVERY_CODES: usize = 8;

/// Whether a code proves what an account with a second factor asks for, and uses it up; true without a second factor.
pub fn prove(tx: &Transaction<'_>, account: &mut Account, code: &str, now: Timestamp) -> Result<bool, Failure> {
    let Some(secret) = &account.totp_secret else { return Ok(true) };
    let Some(step) = totp::step_of(secret, code, account.totp_step, now) else {
        return take_recovery_code(tx, &account.name, code);
    };
    account.totp_step = Some(step);
    account::update(tx, account)?;
    Ok(true)
}

/// Makes the offered secret count, if the code is one of it; the recovery codes, which are shown this once.
pub fn turn_on(
    tx: &Transaction<'_>,
    account: &mut Account,
    code: &str,
    now: Timestamp,
    env: &Env,
) -> Result<Option<Vec<String>>, Failure> {
    let Some(secret) = account.totp_offered.clone() else { return Ok(None) };
    let Some(step) = totp::step_of(&secret, code, None, now) else { return Ok(None) };
    (account.totp_secret, account.totp_step, account.totp_offered) = (Some(secret), Some(step), None);
    account::update(tx, account)?;
    forget_recovery_codes(tx, &account.name)?;
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| new_code::<16>(env)).collect();
    for code in &codes {
        let sql = "INSERT INTO recovery_code (digest, account) VALUES (?1, ?2)";
        tx.execute(sql, params![code_digest(code), account.name])?;
    }
    Ok(Some(codes))
}

/// Turns one-time codes off.
pub fn turn_off(tx: &Transaction<'_>, account: &mut Account) -> Result<(), Failure> {
    (account.totp_secret, account.totp_step, account.totp_offered) = (None, None, None);
    account::update(tx, account)?;
    forget_recovery_codes(tx, &account.name)
}

/// How many recovery codes an account has left.
pub fn recovery_codes(tx: &Transaction<'_>, account: &str) -> Result<u64, Failure> {
    let sql = "SELECT count(*) FROM recovery_code WHERE account = ?1";
    Ok(tx.query_row(sql, [account], |row| Ok(number(row.get(0)?)))?)
}

fn take_recovery_code(tx: &Transaction<'_>, account: &str, code: &str) -> Result<bool, Failure> {
    let sql = "DELETE FROM recovery_code WHERE account = ?1 AND digest = ?2";
    Ok(tx.execute(sql, params![account, code_digest(code)])? > 0)
}

fn forget_recovery_codes(tx: &Transaction<'_>, account: &str) -> Result<(), Failure> {
    tx.execute("DELETE FROM recovery_code WHERE account = ?1", [account])?;
    Ok(())
}
