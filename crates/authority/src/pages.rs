//! The console: one file per page, with what its template may use, its handlers, and samples of all its states.

pub mod audit;
pub mod customer;
pub mod customer_add;
pub mod customers;
pub mod host;
pub mod hosts;
pub mod key;
pub mod keys;
pub mod limits;
pub mod mint_host_key;
pub mod mint_mak;
pub mod minted;
pub mod overview;
pub mod pack;
mod parts;
pub mod proposal;
pub mod refusals;
pub mod responses;
pub mod revocations;
pub mod revoke;
mod samples;

use axum::extract::DefaultBodyLimit;
use axum::handler::Handler as _;
use keymuster_service::console::permission::Permission;
use keymuster_service::console::routes::Routes;
use keymuster_service::console::{self, Nav, Product, accounts, codes};

use crate::administration::Administration;

/// The authority's console.
pub static PRODUCT: Product = Product {
    name: "Keymuster authority",
    program: "keymuster-authority",
    cookie: "keymuster-authority",
    nav: &NAV,
    record: crate::store::audit::record_of_console,
};

static NAV: [Nav; 12] = [
    Nav { label: "Overview", href: "/", icon: "overview", needs: Permission::Look, is_apart: false },
    Nav { label: "Customers", href: "/customers", icon: "customers", needs: Permission::Look, is_apart: false },
    Nav { label: "Keys", href: "/keys", icon: "keys", needs: Permission::Look, is_apart: false },
    Nav { label: "Hosts", href: "/hosts", icon: "hosts", needs: Permission::Look, is_apart: false },
    Nav { label: "Requests", href: responses::PATH, icon: "exchange", needs: Permission::Look, is_apart: true },
    Nav { label: "Refusals", href: "/refusals", icon: "info", needs: Permission::Look, is_apart: false },
    Nav { label: "Revocations", href: "/revocations", icon: "revoked", needs: Permission::Look, is_apart: false },
    Nav { label: "Licence pack", href: "/pack", icon: "catalogue", needs: Permission::Look, is_apart: false },
    Nav { label: "Codes", href: "/codes", icon: "help", needs: Permission::Look, is_apart: true },
    Nav { label: "Audit", href: "/audit", icon: "audit", needs: Permission::Look, is_apart: false },
    accounts::NAV_TOKENS,
    accounts::NAV,
];

/// All pages.
pub fn routes() -> Routes<Administration> {
    console::pages().and(codes::page::routes()).and(looks()).and(acts())
}

fn looks() -> Routes<Administration> {
    Routes::new()
        .get("/", overview::show)
        .get("/customers", customers::show)
        .get("/customers/{customer}", customer::show)
        .get("/keys", keys::show)
        .get("/keys/{key}", key::show)
        .get("/keys/{key}/activations", key::activations)
        .get("/hosts", hosts::show)
        .get("/hosts/{host}", host::show)
        .get(responses::PATH, responses::show)
        .get("/responses/{response}", responses::show_one)
        .get("/responses/{response}/file", responses::file)
        .get("/responses/{response}/codes/{number}", responses::code)
        .get("/refusals", refusals::show)
        .get("/revocations", revocations::show)
        .get("/pack", pack::show)
        .get("/pack/file", pack::file)
        .get("/audit", audit::show)
}

fn acts() -> Routes<Administration> {
    Routes::new()
        .get("/add-customer", customer_add::show)
        .post("/add-customer", customer_add::add)
        .get("/mint-host-key", mint_host_key::show)
        .post("/mint-host-key", mint_host_key::mint)
        .get("/mint-mak", mint_mak::show)
        .post("/mint-mak", mint_mak::mint)
        // The edge has read the whole body, within the limit of this path.
        .post(responses::PATH, responses::send.layer(DefaultBodyLimit::disable()))
        .get("/keys/{key}/revoke", revoke::show_key)
        .post("/keys/{key}/revoke", revoke::revoke_key)
        .get("/hosts/{host}/revoke", revoke::show_host)
        .post("/hosts/{host}/revoke", revoke::revoke_host)
        .get("/customers/{customer}/stop", revoke::show_customer)
        .post("/customers/{customer}/stop", revoke::stop_customer)
        .post("/customers/{customer}/resume", customer::lift_stop)
        .get("/proposals/{number}", proposal::show)
        .post("/proposals/{number}/confirm", proposal::agree)
        .post("/proposals/{number}/withdraw", proposal::drop_it)
        .get("/limits", limits::show)
        .post("/limits", limits::change)
}

/// A page with sample values, for the storybook: `audit-typical`, and its HTML.
pub type Sample = (&'static str, String);

/// Every page in every state.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let all = [
        overview::samples()?,
        customers::samples()?,
        customer_add::samples()?,
        customer::samples()?,
        keys::samples()?,
        key::samples()?,
        mint_host_key::samples()?,
        mint_mak::samples()?,
        minted::samples()?,
        hosts::samples()?,
        host::samples()?,
        responses::samples()?,
        refusals::samples()?,
        revocations::samples()?,
        revoke::samples()?,
        proposal::samples()?,
        limits::samples()?,
        pack::samples()?,
        codes::page::samples(&PRODUCT)?,
        accounts::samples(&PRODUCT)?,
        audit::samples()?,
    ];
    Ok(all.into_iter().flatten().collect())
}
