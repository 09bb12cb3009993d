//! The console: one file per page, with what its template may use, its handlers, and samples of all its states.

pub mod activate;
pub mod audit;
pub mod client;
pub mod clients;
pub mod clones;
pub mod dns;
pub mod exchange;
pub mod exchange_drop;
pub mod exchange_send;
pub mod install;
pub mod key_remove;
pub mod keys;
pub mod overview;
pub mod packs;
mod parts;
pub mod products;
pub mod refusals;
pub mod request;
pub mod seats;
pub mod setting;
pub mod settings;

use keymuster_service::console::permission::Permission;
use keymuster_service::console::routes::Routes;
use keymuster_service::console::{self, Nav, Product, accounts, codes};

use crate::administration::Administration;

/// The host's console.
pub static PRODUCT: Product = Product {
    name: "Keymuster host",
    program: "keymuster-host",
    cookie: "keymuster-host",
    nav: NAV,
    record: crate::store::audit::record_of_console,
};

/// In this order: Overview, Clients, Seats, Clones, Keys, Products, Exchange, DNS, Settings, Codes, Audit, Accounts.
static NAV: &[Nav] = &[
    Nav { label: "Overview", href: "/", icon: "overview", needs: Permission::Look, is_apart: false },
    Nav { label: "Clients", href: "/clients", icon: "clients", needs: Permission::Look, is_apart: false },
    Nav { label: "Seats", href: "/seats", icon: "seats", needs: Permission::Look, is_apart: false },
    Nav { label: "Clones", href: "/clones", icon: "copy", needs: Permission::Look, is_apart: false },
    Nav { label: "Keys", href: "/keys", icon: "keys", needs: Permission::Look, is_apart: true },
    Nav { label: "Products", href: "/products", icon: "catalogue", needs: Permission::Look, is_apart: false },
    Nav { label: "Exchange", href: "/exchange", icon: "exchange", needs: Permission::Look, is_apart: false },
    Nav { label: "DNS", href: "/dns", icon: "dns", needs: Permission::Look, is_apart: true },
    Nav { label: "Settings", href: "/settings", icon: "settings", needs: Permission::Look, is_apart: false },
    Nav { label: "Codes", href: "/codes", icon: "help", needs: Permission::Look, is_apart: true },
    Nav { label: "Audit", href: "/audit", icon: "audit", needs: Permission::Look, is_apart: false },
    accounts::NAV_TOKENS,
    accounts::NAV,
];

/// All pages.
pub fn routes() -> Routes<Administration> {
    console::pages()
        .and(codes::page::routes())
        .get("/", overview::show)
        .get("/clients", clients::show)
        .get("/clients.csv", clients::csv)
        .get("/clients.json", clients::json)
        .get("/clients/{publisher}/{client}", client::show)
        .post("/clients/{publisher}/{client}/release", client::release)
        .post("/clients/{publisher}/{client}/keep", client::keep)
        .get("/refusals", refusals::show)
        .get("/seats", seats::show)
        .get("/seats/{publisher}/{pool}", seats::show_one)
        .get("/seats/{publisher}/{pool}/{client}", seats::ask)
        .post("/seats/{publisher}/{pool}/{client}", seats::reclaim)
        .get("/clones", clones::show)
        .get("/dns", dns::show)
        .post("/dns/publish", dns::publish)
        .get("/dns/withdraw", dns::ask_withdraw)
        .post("/dns/withdraw", dns::withdraw)
        .and(keys_and_products())
        .get("/settings", settings::show)
        .get("/settings/{name}", setting::show)
        .post("/settings/{name}", setting::change)
        .get("/audit", audit::show)
        .get("/audit.csv", audit::csv)
        .get("/audit.json", audit::json)
}

/// What this host may activate, and how it gets to.
fn keys_and_products() -> Routes<Administration> {
    Routes::new()
        .get("/keys", keys::show)
        .get("/keys/install", install::show)
        .post("/keys/install", install::act)
        .get("/keys/activate", activate::show)
        .post("/keys/activate/online", activate::online)
        .post("/keys/activate/response", activate::respond)
        .get("/keys/activate/request", request::show)
        .post("/keys/activate/request", request::act)
        .get("/keys/activate/request/file", request::file)
        .get("/keys/{publisher}/{key}/remove", key_remove::show)
        .post("/keys/{publisher}/{key}/remove", key_remove::act)
        .get("/products", products::show)
        .get("/products/packs", packs::show)
        .post("/products/packs/import", packs::import)
        .post("/products/packs/fetch", packs::fetch)
        .post("/products/packs/publisher", packs::add_publisher)
        .get("/exchange", exchange::show)
        .post("/exchange/import", exchange::import)
        .get("/exchange/send", exchange_send::show)
        .post("/exchange/send", exchange_send::send)
        .post("/exchange/export", exchange_send::export)
        .get("/exchange/drop", exchange_drop::show)
        .post("/exchange/drop", exchange::forget)
}

/// A page with sample values, for the storybook: `audit-typical`, and its HTML.
pub type Sample = (&'static str, String);

/// Every page in every state.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let all = [
        dns::samples()?,
        settings::samples()?,
        setting::samples()?,
        codes::page::samples(&PRODUCT)?,
        accounts::samples(&PRODUCT)?,
        audit::samples()?,
        overview::samples()?,
        clients::samples()?,
        client::samples()?,
        refusals::samples()?,
        seats::samples()?,
        clones::samples()?,
        keys::samples()?,
        install::samples()?,
        activate::samples()?,
        request::samples()?,
        key_remove::samples()?,
        products::samples()?,
        packs::samples()?,
        exchange::samples()?,
        exchange_send::samples()?,
        exchange_drop::samples()?,
    ];
    Ok(all.into_iter().flatten().collect())
}
