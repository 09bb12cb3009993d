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
pub mod session;
pub mod token;

// What is answered.
pub mod assets;
pub mod codes;
pub mod description;
pub mod frame;
pub mod routes;

use std::sync::Arc;

pub use api::Api;
pub use by::By;
pub use page::{Page, PageError};
pub use permission::{Permission, Role};

use crate::Env;
use crate::database::Pool;

/// The tables of accounts, sessions and tokens, for a program's list of migrations.
pub const MIGRATION: &str = include_str!("console/0001_accounts.sql");

/// What tells the consoles apart.
#[derive(Debug)]
pub struct Product {
    /// For people: `Keymuster host`.
    pub name: &'static str,
    /// The name of the session's cookie. Cookies know no ports, so programs on one machine need different names.
    pub cookie: &'static str,
    /// The pages to which every page leads.
    pub nav: &'static [Nav],
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
}

impl Console {
    /// A console of the database behind `pool`. `site` is the short name of this installation, and `names` are the names
    /// under which browsers may reach it, beside those of the machine itself.
    pub fn new(product: &'static Product, site: String, names: Vec<String>, pool: Pool, env: Env) -> Console {
        Console(Arc::new(Shared { product, site, names, pool, env }))
    }

    /// What it is the console of.
    pub fn product(&self) -> &'static Product {
        self.0.product
    }

    /// The database.
    pub fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// Time and randomness.
    pub fn env(&self) -> &Env {
        &self.0.env
    }
}
