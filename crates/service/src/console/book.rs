//! What is done to accounts and tokens, each act with its entry in the audit: the same for commands, pages and interface.
//!
//! One rule spans all of it: at least one account that is not disabled is an administrator.

use crate::sql::Transaction;
use keymuster_core::codes;
use keymuster_core::time::{DAY, Timestamp, duration_words};

use super::account::{self, Account};
use super::audit::{Entry, Record};
use super::back_off;
use super::by::By;
use super::claim::{self, Purpose};
use super::permission::{Accounts, Needs, Permission, Role};
use super::second_factor;
use super::session;
use super::token::{self, Token};
use crate::database::Failure;
use crate::{Env, Problem};

/// The longest time for which a token is made, in seconds.
pub const TOKEN_SECS_MAX: u64 = 366 * DAY;
/// The most tokens of one account that count.
const TOKENS_MAX: u64 = 100;
/// For how long an ended token is still shown, in seconds.
const ENDED_TOKENS_SECS: u64 = 90 * DAY;
/// The longest name of a token.
const TOKEN_NAME_MAX: usize = 64;

/// The accounts in one transaction, with the audit of what is done to them.
#[derive(Clone, Copy, Debug)]
pub struct Book<'t> {
    /// The transaction.
    pub tx: &'t Transaction<'t>,
    /// How the program writes its audit.
    pub record: Record,
}

/// A token that is to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its name for people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Permission>,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Book<'_> {
    /// Adds an account; with a password, if one has been chosen.
    pub fn add(&self, by: &By<Accounts>, name: &str, role: Role, password: Option<String>) -> Result<Account, Problem> {
        let name = account::parse_name(name).map_err(invalid)?;
        if account::named(self.tx, &name)?.is_some() {
            return Err(invalid(format!("there is an account {name} already")));
        }
        let account = Account { password, ..Account::new(name, role, by.actor(), by.at()) };
        account::add(self.tx, &account)?;
        claim::withdraw(self.tx, &Purpose::First)?;
        self.note(by, "account added", &account.name, &format!("role {role}"))?;
        Ok(account)
    }

    /// Sets a password with a one-time token: what was lost is replaced, one-time codes are off, and sessions end.
    pub fn reset_password(&self, by: &By<Accounts>, name: &str, password: String) -> Result<Account, Problem> {
        let mut account = Account { password: Some(password), ..self.account(name)? };
        second_factor::turn_off(self.tx, &mut account)?;
        session::end_all(self.tx, name)?;
        back_off::forgive(self.tx, name)?;
        self.note(by, "password reset", name, "with a one-time token; one-time codes are off")?;
        Ok(account)
    }

    /// Makes a one-time token with which a new password of an account can be set.
    pub fn offer_reset<P: Needs>(&self, by: &By<P>, name: &str, secs: u64, env: &Env) -> Result<String, Problem> {
        let account = self.account(name)?;
        let purpose = Purpose::Reset(account.name);
        let code = claim::offer(self.tx, &purpose, by.at().plus(secs), env)?;
        self.note(by, "password reset offered", name, &format!("by a one-time token, for {}", duration_words(secs)))?;
        Ok(code)
    }

    /// Makes a one-time token for the first administrator; `None` where there is an account.
    pub fn offer_first(&self, by: &By<Accounts>, env: &Env) -> Result<Option<String>, Failure> {
        if account::is_any(self.tx)? {
            return Ok(None);
        }
        let code = claim::offer(self.tx, &Purpose::First, by.at().plus(claim::WINDOW_SECS), env)?;
        self.note(by, "claim offered", "first administrator", &duration_words(claim::WINDOW_SECS))?;
        Ok(Some(code))
    }

    /// Gives an account another role; the last administrator keeps theirs.
    pub fn set_role(&self, by: &By<Accounts>, name: &str, role: Role) -> Result<Account, Problem> {
        let account = self.account(name)?;
        if role != Role::Administrator {
            self.check_not_last(&account)?;
        }
        let detail = format!("from {} to {role}", account.role);
        let account = Account { role, ..account };
        account::update(self.tx, &account)?;
        self.note(by, "role changed", name, &detail)?;
        Ok(account)
    }

    /// Keeps an account out, with its sessions and tokens; not the last administrator.
    pub fn disable(&self, by: &By<Accounts>, name: &str) -> Result<Account, Problem> {
        let account = self.account(name)?;
        self.check_not_last(&account)?;
        let account = Account { disabled_at: Some(account.disabled_at.unwrap_or(by.at())), ..account };
        account::update(self.tx, &account)?;
        session::end_all(self.tx, name)?;
        claim::withdraw(self.tx, &Purpose::Reset(name.to_owned()))?;
        self.note(by, "account disabled", name, "")?;
        Ok(account)
    }

    /// Lets an account sign in again.
    pub fn enable(&self, by: &By<Accounts>, name: &str) -> Result<Account, Problem> {
        let account = Account { disabled_at: None, ..self.account(name)? };
        account::update(self.tx, &account)?;
        self.note(by, "account enabled", name, "")?;
        Ok(account)
    }

    /// Ends all sessions of an account.
    pub fn end_sessions(&self, by: &By<Accounts>, name: &str) -> Result<(), Problem> {
        let account = self.account(name)?;
        session::end_all(self.tx, &account.name)?;
        Ok(self.note(by, "sessions ended", name, "")?)
    }

    /// Sets a password, which ends all sessions.
    pub fn set_password<P: Needs>(&self, by: &By<P>, name: &str, password: String) -> Result<Account, Problem> {
        let account = Account { password: Some(password), ..self.account(name)? };
        account::update(self.tx, &account)?;
        session::end_all(self.tx, name)?;
        back_off::forgive(self.tx, name)?;
        self.note(by, "password changed", name, "")?;
        Ok(account)
    }

    /// Links an account with somebody whom an OpenID provider knows, or unlinks it.
    pub fn link<P: Needs>(&self, by: &By<P>, name: &str, subject: Option<String>) -> Result<Account, Problem> {
        let act = if subject.is_some() { "account linked" } else { "account unlinked" };
        let detail = subject.clone().unwrap_or_default();
        let account = Account { openid_subject: subject, ..self.account(name)? };
        account::update(self.tx, &account)?;
        self.note(by, act, name, &detail)?;
        Ok(account)
    }

    /// Ends a token; only one of `owner`, where an owner is given.
    pub fn revoke_token<P: Needs>(&self, by: &By<P>, id: &str, owner: Option<&str>) -> Result<Token, Problem> {
        let unknown = || Problem::new(&codes::RECORD_UNKNOWN, format!("there is no token {id:?}"));
        let token = token::with_id(self.tx, id)?.ok_or_else(unknown)?;
        if owner.is_some_and(|owner| owner != token.account) {
            return Err(unknown());
        }
        if token::revoke(self.tx, id, by.at())? {
            self.note(by, "token revoked", &token.name, &format!("of {}", token.account))?;
        }
        Ok(token)
    }

    fn check_not_last(&self, account: &Account) -> Result<(), Problem> {
        let others = account::all(self.tx)?;
        let is_left = others.iter().any(|other| other.is_administrator() && other.name != account.name);
        if is_left || !account.is_administrator() {
            return Ok(());
        }
        Err(invalid(format!("{} is the last administrator; appoint another first", account.name)))
    }

    /// Makes a token of an account, and returns it with its secret.
    pub fn make_token<P: Needs>(
        &self,
        by: &By<P>,
        account: &Account,
        new: NewToken,
        env: &Env,
    ) -> Result<(Token, String), Problem> {
        let NewToken { name, mut scopes, expires_at } = new;
        let name = name.trim().to_owned();
        scopes.sort_unstable();
        scopes.dedup();
        let is_name = !name.is_empty() && name.chars().count() <= TOKEN_NAME_MAX && !name.contains(char::is_control);
        if !is_name {
            return Err(invalid(format!("a token has a name of 1 to {TOKEN_NAME_MAX} characters")));
        }
        if scopes.is_empty() {
            return Err(invalid("a token has at least one scope".to_owned()));
        }
        if let Some(beyond) = scopes.iter().find(|scope| !account.role.permissions().contains(scope)) {
            let detail =
                format!("the role {} is without the permission {beyond}, so its tokens are as well", account.role);
            return Err(Problem::new(&codes::PERMISSION_MISSING, detail));
        }
        if expires_at <= by.at() || expires_at > by.at().plus(TOKEN_SECS_MAX) {
            return Err(invalid("a token ends within a year, and not before it begins".to_owned()));
        }
        if token::alive(self.tx, &account.name, by.at())? >= TOKENS_MAX {
            return Err(invalid(format!("an account has at most {TOKENS_MAX} tokens that count; revoke one first")));
        }
        let secret = format!("{}{}", token::PREFIX, session::new_secret(env));
        let id = keymuster_core::id::to_hex(&env.random::<8>());
        let account = account.name.clone();
        let created_at = by.at();
        let token = Token { id, name, account, scopes, created_at, expires_at, used_at: None, revoked_at: None };
        token::add(self.tx, &token, &session::digest(&secret))?;
        let detail = format!("{}, for {}, until {expires_at}", token.scope_words(), token.account);
        self.note(by, "token made", &token.name, &detail)?;
        Ok((token, secret))
    }

    /// Writes an entry of the audit.
    pub fn note<P: Needs>(&self, by: &By<P>, act: &'static str, subject: &str, detail: &str) -> Result<(), Failure> {
        (self.record)(self.tx, &Entry { actor: by.actor(), act, subject, detail, at: by.at() })
    }

    /// The account of this name, or a problem.
    pub fn account(&self, name: &str) -> Result<Account, Problem> {
        let found = account::named(self.tx, name)?;
        found.ok_or_else(|| Problem::new(&codes::RECORD_UNKNOWN, format!("there is no account {name:?}")))
    }
}

/// Forgets sessions and one-time tokens that have ended, and tokens that ended long ago.
pub fn prune(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Failure> {
    session::prune(tx, now)?;
    token::prune(tx, now.minus(ENDED_TOKENS_SECS))?;
    claim::prune(tx, now)
}

fn invalid(detail: String) -> Problem {
    Problem::new(&codes::INPUT_INVALID, detail)
}
