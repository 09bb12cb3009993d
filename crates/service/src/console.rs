//! What the consoles of host and authority share: who asks, what they may do, and the frame around every page.
//!
//! A request passes the [`guard`] (its `Host`, its origin), then the extractor that its handler names: [`Page`] for
//! people with a session, [`Api`] for programs with a token. Both yield a [`By`], without which no act can be called.

// Who asks, and what they may do.
pub mod account;
pub mod api;
pub mod bounded;
pub mod by;
pub mod guard;
pub mod idempotency;
pub mod page;
pub mod permission;
pub mod secure;
pub mod session;
pub mod token;
pub mod visitor;

// How people prove who they are.
pub mod back_off;
pub mod claim;
pub mod confirm;
pub mod openid;
pub mod password;
pub mod second_factor;
pub mod totp;

// What is done to accounts and tokens: from the command line, the pages and the interface.
pub mod accounts;
pub mod audit;
pub mod book;
pub mod commands;
pub mod sign_in;
pub mod sign_out;
pub mod token_claim;

// What is sent.
pub mod upload;

// What is answered.
pub mod assets;
pub mod chart;
pub mod codes;
pub mod csv;
pub mod description;
pub mod frame;
pub mod markup;
pub mod routes;
pub mod tree;
pub mod words;

use std::sync::{Arc, OnceLock};

pub use api::Api;
pub use by::By;
pub use page::{Page, PageError};
pub use permission::{Permission, Role};

use axum::extract::FromRef;
use book::Book;
use openid::Provider;
use password::Passwords;
use routes::Routes;

use crate::Env;
use crate::database::{Failure, Pool};

/// The tables of accounts, sessions and tokens, for a program's list of migrations.
pub const MIGRATION: &str = include_str!("console/0001_accounts.sql");

/// What tells the consoles apart.
#[derive(Debug)]
pub struct Product {
    /// For people: `Keymuster host`.
    pub name: &'static str,
    /// The program that serves it: `keymuster-host`.
    pub program: &'static str,
    /// The name of the session's cookie. Cookies know no ports, so programs on one machine need different names.
    pub cookie: &'static str,
    /// The pages to which every page leads.
    pub nav: &'static [Nav],
    /// How an act is written into the program's audit.
    pub record: audit::Record,
}

/// The pages that both consoles have.
pub fn pages<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Console: FromRef<S>,
{
    assets::routes()
        .get("/claim", token_claim::show)
        .post("/claim", token_claim::take)
        .get("/sign-in", sign_in::show)
        .post("/sign-in", sign_in::enter)
        .post("/sign-out", sign_out::leave)
        .get("/confirm", confirm::show)
        .post("/confirm", confirm::prove)
        .get("/confirm/openid", openid::page::confirm)
        .get("/openid/start", openid::page::start)
        .get("/openid/back", openid::page::back)
        .get("/account/openid/link", openid::page::link)
        .post("/account/openid/unlink", openid::page::unlink)
        .and(accounts::pages())
}

/// A page to which every page leads.
#[derive(Clone, Copy, Debug)]
pub struct Nav {
    /// For people.
    pub label: &'static str,
    /// Its path.
    pub href: &'static str,
    /// The name of its icon.
    pub icon: &'static str,
    /// Who sees it.
    pub needs: Permission,
    /// Whether it stands apart from the one before, as the first of its group.
    pub is_apart: bool,
}

/// What extractors and shared pages work with; clones share it.
#[derive(Clone, Debug)]
pub struct Console(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    product: &'static Product,
    site: String,
    names: Vec<String>,
    pool: Pool,
    env: Env,
    passwords: Passwords,
    provider: OnceLock<Arc<Provider>>,
}

impl Console {
    /// A console of the database behind `pool`. `site` is the short name of this installation, and `names` are the names
    /// under which browsers may reach it, beside those of the machine itself.
    pub fn new(product: &'static Product, site: String, names: Vec<String>, pool: Pool, env: Env) -> Console {
        Console(Arc::new(Shared {
            product,
            site,
            names,
            pool,
            env,
            passwords: Passwords::default(),
            provider: OnceLock::new(),
        }))
    }

    /// What the server's start does: forgets what has ended, and makes a one-time token for the first administrator, where
    /// there is no account.
    pub async fn start(&self) -> Result<Option<String>, Failure> {
        let (env, record, now) = (self.env().clone(), self.product().record, self.env().now());
        let work = move |tx: &crate::sql::Transaction<'_>| {
            book::prune(tx, now)?;
            Book { tx, record }.offer_first(&By::server(now), &env)
        };
        self.pool().write(work).await
    }

    /// What it is the console of.
    pub fn product(&self) -> &'static Product {
        self.0.product
    }

    /// The database.
    pub fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// Lets people sign in with an organisation's account as well; what is chosen first counts.
    pub fn trust(&self, provider: Provider) {
        drop(self.0.provider.set(Arc::new(provider)));
    }

    /// The organisation's provider, where there is one.
    pub fn provider(&self) -> Option<Arc<Provider>> {
        self.0.provider.get().cloned()
    }

    /// Where passwords are compared.
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Time and randomness.
    pub fn env(&self) -> &Env {
        &self.0.env
    }
}
