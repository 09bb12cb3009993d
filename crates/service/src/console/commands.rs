//! The commands about accounts and tokens that both programs have. Whoever may write the data directory may do all of it.
//!
//! Passwords and tokens are no arguments, which every user of the machine could read: they come from standard input.

use std::io::{IsTerminal as _, Write as _};

use crate::sql::{Connection, Transaction};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use keymuster_core::time::{DAY, HOUR, MINUTE, Timestamp};
use serde_json::{Value, json};

use super::Product;
use super::account::{self, Account};
use super::book::{Book, NewToken};
use super::by::By;
use super::claim;
use super::password;
use super::permission::{Accounts, Permission, Role};
use super::token;
use crate::exit::Coded;
use crate::table::table;
use crate::{Env, Problem};

/// `claim`.
#[derive(Debug, Args)]
pub struct ClaimOptions {
    /// Print a token that sets a new password of this account, whose one-time codes are off then.
    #[arg(long, value_name = "NAME")]
    reset: Option<String>,
}

/// `account`.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Add an account; its password is read from standard input.
    Add {
        /// Its name: letters, digits and .-_@
        name: String,
        /// What it may do: viewer, operator or administrator.
        #[arg(long)]
        role: Role,
    },
    /// List all accounts.
    List,
    /// Keep an account from signing in, with its sessions and tokens.
    Disable {
        /// Its name.
        name: String,
    },
    /// Let a disabled account sign in again.
    Enable {
        /// Its name.
        name: String,
    },
    /// Give an account another role.
    Role {
        /// Its name.
        name: String,
        /// What it may do: viewer, operator or administrator.
        role: Role,
    },
    /// Set the password of an account, read from standard input.
    Password {
        /// Its name.
        name: String,
    },
}

/// `token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token for programs, and print its secret, this once.
    Create(TokenOptions),
    /// List all tokens.
    List,
    /// End a token.
    Revoke {
        /// Its id.
        id: String,
    },
}

/// `token create`.
#[derive(Debug, Args)]
pub struct TokenOptions {
    /// Its name for people: what it is used for.
    #[arg(long)]
    name: String,
    /// What it may do, several times: look, handle, keys, settings or accounts.
    #[arg(long = "scope", required = true, value_delimiter = ',')]
    scopes: Vec<Permission>,
    /// When it ends, as the time from now on: 12h, 30d, a year at most.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "30d")]
    expires: u64,
    /// Whose token it is; may be left out where there is only one account.
    #[arg(long)]
    account: Option<String>,
}

/// What a command says: to machines, and to people.
#[derive(Clone, Debug)]
pub struct Said {
    /// For machines.
    pub json: Value,
    /// For people, on standard output.
    pub text: String,
    /// For people, on standard error.
    pub note: String,
}

/// A length of time as `30d`, `12h` or `90m`, in seconds.
fn parse_time(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no length of time; write 90m, 12h or 30d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit = match unit {
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}

/// The accounts of one program, at the command line.
#[derive(Debug)]
pub struct Commands<'a> {
    /// The program's database.
    pub db: &'a mut Connection,
    /// Which program.
    pub product: &'static Product,
    /// Who runs the command.
    pub by: By<Accounts>,
    /// Time and randomness.
    pub env: &'a Env,
}

impl Commands<'_> {
    /// Runs `claim`.
    pub fn claim(&mut self, options: &ClaimOptions) -> anyhow::Result<Said> {
        let window = claim::WINDOW_SECS;
        let (code, what) = match &options.reset {
            Some(name) => {
                let name = account::parse_name(name).map_err(anyhow::Error::msg)?;
                let code = self.write(|book, by, env| book.offer_reset(by, &name, window, env))?;
                (code, format!("a new password of {name}"))
            }
            None => {
                let code = self.write(|book, by, env| Ok(book.offer_first(by, env)?))?;
                let program = self.product.program;
                let code = code.with_context(|| {
                    format!("there are accounts already; for one that is locked out: {program} claim --reset NAME")
                })?;
                (code, "the first administrator".to_owned())
            }
        };
        let note = format!("The token is for {what}. Enter it within 15 minutes at /claim of the console.\n");
        Ok(Said { json: json!({ "token": code, "window_secs": window }), text: format!("{code}\n"), note })
    }

    /// Runs a subcommand of `account`.
    pub fn account(&mut self, command: &AccountCommand) -> anyhow::Result<Said> {
        match command {
            AccountCommand::Add { name, role } => {
                let name = account::parse_name(name).map_err(anyhow::Error::msg)?;
                let digest = self.read_password(&name)?;
                let account = self.write(|book, by, _| book.add(by, &name, *role, Some(digest)))?;
                Ok(said(&account, format!("account {name} is added; its role is {role}")))
            }
            AccountCommand::List => self.list_accounts(),
            AccountCommand::Disable { name } => {
                let account = self.write(|book, by, _| book.disable(by, name))?;
                Ok(said(
                    &account,
                    format!("account {name} is disabled; its sessions have ended, its tokens do not count"),
                ))
            }
            AccountCommand::Enable { name } => {
                let account = self.write(|book, by, _| book.enable(by, name))?;
                Ok(said(&account, format!("account {name} may sign in again")))
            }
            AccountCommand::Role { name, role } => {
                let account = self.write(|book, by, _| book.set_role(by, name, *role))?;
                Ok(said(&account, format!("the role of {name} is {role}")))
            }
            AccountCommand::Password { name } => {
                let digest = self.read_password(name)?;
                let account = self.write(|book, by, _| book.set_password(by, name, digest))?;
                Ok(said(&account, format!("the password of {name} is set; its sessions have ended")))
            }
        }
    }

    fn list_accounts(&mut self) -> anyhow::Result<Said> {
        let accounts = account::all(&self.db.transaction()?)?;
        let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
        let row = |account: &Account| {
            let second = if account.totp_secret.is_some() { "one-time codes" } else { "" };
            let role = account.role.to_string();
            [account.name.clone(), role, second.to_owned(), time(account.signed_in_at), time(account.disabled_at)]
        };
        let rows: Vec<[String; 5]> = accounts.iter().map(row).collect();
        let text = table(["NAME", "ROLE", "SECOND FACTOR", "SIGNED IN", "DISABLED"], &rows, "no accounts\n");
        Ok(Said { json: accounts.iter().map(value).collect(), text, note: String::new() })
    }

    /// Runs a subcommand of `token`.
    pub fn token(&mut self, command: &TokenCommand) -> anyhow::Result<Said> {
        match command {
            TokenCommand::Create(options) => self.create_token(options),
            TokenCommand::List => self.list_tokens(),
            TokenCommand::Revoke { id } => {
                self.write(|book, by, _| book.revoke_token(by, id, None))?;
                let text = format!("token {id} is revoked\n");
                Ok(Said { json: json!({ "id": id, "revoked": true }), text, note: String::new() })
            }
        }
    }

    fn create_token(&mut self, options: &TokenOptions) -> anyhow::Result<Said> {
        let account = self.choose_account(options.account.as_deref())?;
        let expires_at = self.by.at().plus(options.expires);
        let new = NewToken { name: options.name.clone(), scopes: options.scopes.clone(), expires_at };
        let (token, secret) = self.write(|book, by, env| book.make_token(by, &account, new, env))?;
        let json = json!({
            "id": token.id,
            "name": token.name,
            "account": token.account,
            "scopes": token.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
            "expires_at": token.expires_at.as_secs(),
            "token": secret,
        });
        let note = format!(
            "The token is a secret and is shown this once. Its id is {}; it may {}, until {}.\n",
            token.id,
            token.scope_words(),
            token.expires_at
        );
        Ok(Said { json, text: format!("{secret}\n"), note })
    }

    fn choose_account(&mut self, named: Option<&str>) -> anyhow::Result<Account> {
        let tx = self.db.transaction()?;
        if let Some(name) = named {
            return account::named(&tx, name)?.with_context(|| format!("there is no account {name}"));
        }
        let mut accounts = account::all(&tx)?;
        match (accounts.pop(), accounts.len()) {
            (Some(only), 0) => Ok(only),
            (None, _) => {
                bail!("a token is of an account, and there is none yet: {} account add NAME", self.product.program)
            }
            (Some(_), _) => bail!("there are several accounts; name the one whose token it is with --account"),
        }
    }

    fn list_tokens(&mut self) -> anyhow::Result<Said> {
        let tokens = token::all(&self.db.transaction()?)?;
        let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
        let row = |token: &token::Token| {
            let (id, name, account) = (token.id.clone(), token.name.clone(), token.account.clone());
            let ends = time(Some(token.revoked_at.unwrap_or(token.expires_at)));
            [id, name, account, token.scope_words(), time(token.used_at), ends]
        };
        let rows: Vec<[String; 6]> = tokens.iter().map(row).collect();
        let text = table(["ID", "NAME", "ACCOUNT", "SCOPES", "USED", "ENDS"], &rows, "no tokens\n");
        let value = |token: &token::Token| {
            json!({
                "id": token.id,
                "name": token.name,
                "account": token.account,
                "scopes": token.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
                "created_at": token.created_at.as_secs(),
                "expires_at": token.expires_at.as_secs(),
                "used_at": token.used_at.map(Timestamp::as_secs),
                "revoked_at": token.revoked_at.map(Timestamp::as_secs),
            })
        };
        Ok(Said { json: tokens.iter().map(value).collect(), text, note: String::new() })
    }

    /// Runs an act of the user at the command line.
    fn write<T>(
        &mut self,
        act: impl FnOnce(&Book<'_>, &By<Accounts>, &Env) -> Result<T, Problem>,
    ) -> anyhow::Result<T> {
        let tx: Transaction<'_> = crate::database::begin(self.db)?;
        let book = Book { tx: &tx, record: self.product.record };
        let value = act(&book, &self.by, self.env).map_err(|problem| {
            anyhow::Error::new(Coded { code: problem.code(), detail: problem.detail().to_owned() })
        })?;
        tx.commit()?;
        Ok(value)
    }

    /// The digest of a password from standard input; on a terminal it is asked twice and not shown.
    fn read_password(&self, account: &str) -> anyhow::Result<String> {
        let password = if std::io::stdin().is_terminal() {
            let ask = |prompt: &str| rpassword::prompt_password(prompt).context("cannot read from the terminal");
            let password = ask(&format!("New password of {account}: "))?;
            anyhow::ensure!(password == ask("The same again: ")?, "the two passwords differ; nothing was changed");
            password
        } else {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).context("cannot read standard input")?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        };
        password::check(&password, account).map_err(anyhow::Error::msg)?;
        Ok(password::digest(&password, self.env))
    }
}

/// What is said of an account after an act.
fn said(account: &Account, text: String) -> Said {
    Said { json: value(account), text: text + "\n", note: String::new() }
}

fn value(account: &Account) -> Value {
    json!({
        "name": account.name,
        "role": account.role.name(),
        "one_time_codes": account.totp_secret.is_some(),
        "created_at": account.created_at.as_secs(),
        "signed_in_at": account.signed_in_at.map(Timestamp::as_secs),
        "disabled_at": account.disabled_at.map(Timestamp::as_secs),
    })
}

/// Prints what a command said.
pub fn print(said: &Said, is_json: bool) -> anyhow::Result<()> {
    let text = if is_json { serde_json::to_string_pretty(&said.json)? + "\n" } else { said.text.clone() };
    std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to standard output")?;
    std::io::stderr().lock().write_all(said.note.as_bytes()).context("cannot write to standard error")
}
