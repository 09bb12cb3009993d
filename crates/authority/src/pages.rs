//! The console: one file per page, with what its template may use, its handlers, and samples of all its states.

pub mod audit;
pub mod responses;

use keymuster_service::console::permission::Permission;
use keymuster_service::console::routes::Routes;
use keymuster_service::console::{self, Nav, Product, codes};

use crate::administration::Administration;

/// The authority's console.
pub static PRODUCT: Product = Product {
    name: "Keymuster authority",
    program: "keymuster-authority",
    cookie: "keymuster-authority",
    nav: &NAV,
    record: crate::store::audit::record_of_console,
};

static NAV: [Nav; 2] = [
    Nav { label: "Codes", href: "/codes", icon: "help", needs: Permission::Look },
    Nav { label: "Audit", href: "/audit", icon: "audit", needs: Permission::Look },
];

/// All pages.
pub fn routes() -> Routes<Administration> {
    console::pages().and(codes::page::routes()).get("/audit", audit::show)
}

/// A page with sample values, for the storybook: `audit-typical`, and its HTML.
pub type Sample = (&'static str, String);

/// Every page in every state.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    let all = [codes::page::samples(&PRODUCT)?, audit::samples()?];
    Ok(all.into_iter().flatten().collect())
}
