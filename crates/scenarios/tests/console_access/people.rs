//! People and programs before a console, written into its database.

use std::cell::RefCell;
use std::path::Path;

use keymuster_core::id::to_hex;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Env;
use keymuster_service::console::account::{self, Account};
use keymuster_service::console::permission::{Permission, Role};
use keymuster_service::console::session::{self, Session};
use keymuster_service::console::token::{self, Token};
use keymuster_service::sql::{Connection, Transaction};

/// Somebody who was an administrator.
const DISABLED: &str = "disabled";

/// Those who ask.
pub struct People {
    db: RefCell<Connection>,
    env: Env,
    cookie: &'static str,
}

impl People {
    /// One of each role, and one who is disabled. `cookie` is the name of the console's cookie.
    pub fn new(database: &Path, env: Env, cookie: &'static str) -> People {
        let db = rusqlite::Connection::open(database).unwrap();
        db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        let mut db = Connection::from(db);
        let tx = db.writing().unwrap();
        for role in Role::ALL {
            account::add(&tx, &Account::new(role.name().to_owned(), role, "a test", env.now())).unwrap();
        }
        let account = Account::new(DISABLED.to_owned(), Role::Administrator, "a test", env.now());
        account::add(&tx, &Account { disabled_at: Some(env.now()), ..account }).unwrap();
        tx.commit().unwrap();
        People { db: RefCell::new(db), env, cookie }
    }

    /// A cookie with this secret.
    pub fn cookie(&self, secret: &str) -> String {
        format!("{}={secret}", self.cookie)
    }

    /// A new session.
    pub fn session(&self, role: Role) -> String {
        self.begin(role.name(), self.env.now(), self.env.now())
    }

    pub fn session_of_disabled(&self) -> String {
        self.begin(DISABLED, self.env.now(), self.env.now())
    }

    /// A session without a sign of its person for too long.
    pub fn idle_session(&self) -> String {
        let now = self.env.now();
        self.begin(Role::Administrator.name(), now.minus(session::IDLE_SECS), now.minus(session::IDLE_SECS))
    }

    /// A session that has lasted too long.
    pub fn old_session(&self) -> String {
        let now = self.env.now();
        self.begin(Role::Administrator.name(), now.minus(session::ABSOLUTE_SECS), now)
    }

    fn begin(&self, account: &str, started_at: Timestamp, seen_at: Timestamp) -> String {
        let secret = session::new_secret(&self.env);
        let session = Session {
            digest: session::digest(&secret),
            account: account.to_owned(),
            started_at,
            seen_at,
            confirmed_at: seen_at,
            address: "127.0.0.1".to_owned(),
            agent: "a test".to_owned(),
            notice: None,
        };
        self.write(|tx| session::begin(tx, &session).unwrap());
        self.cookie(&secret)
    }

    /// The header of a new token.
    pub fn token(&self, role: Role, scopes: &[Permission]) -> String {
        self.make(role.name(), scopes, self.env.now().plus(DAY)).0
    }

    pub fn token_of_disabled(&self) -> String {
        self.make(DISABLED, &Permission::ALL, self.env.now().plus(DAY)).0
    }

    pub fn ended_token(&self) -> String {
        self.make(Role::Administrator.name(), &Permission::ALL, self.env.now()).0
    }

    pub fn revoked_token(&self) -> String {
        let (header, id) = self.make(Role::Administrator.name(), &Permission::ALL, self.env.now().plus(DAY));
        self.write(|tx| assert!(token::revoke(tx, &id, self.env.now()).unwrap()));
        header
    }

    fn make(&self, account: &str, scopes: &[Permission], expires_at: Timestamp) -> (String, String) {
        let secret = format!("{}{}", token::PREFIX, session::new_secret(&self.env));
        let token = Token {
            id: to_hex(&self.env.random::<8>()),
            name: "test".to_owned(),
            account: account.to_owned(),
            scopes: scopes.to_vec(),
            created_at: self.env.now(),
            expires_at,
            used_at: None,
            revoked_at: None,
        };
        self.write(|tx| token::add(tx, &token, &session::digest(&secret)).unwrap());
        (format!("Bearer {secret}"), token.id)
    }

    fn write(&self, work: impl FnOnce(&Transaction<'_>)) {
        let mut db = self.db.borrow_mut();
        let tx = db.writing().unwrap();
        work(&tx);
        tx.commit().unwrap();
    }
}
