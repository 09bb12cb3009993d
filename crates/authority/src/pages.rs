//! The console: one file per page, with what its template may use, its handlers, and samples of all its states.

pub mod audit;
pub mod responses;

use keymuster_service::console::permission::Permission;
use keymuster_service::console::routes::Routes;
use keymuster_service::console::{Nav, Product, assets};

use crate::administration::Administration;

/// The authority's console.
pub static PRODUCT: Product = Product { name: "Keymuster authority", cookie: "keymuster-authority", nav: &NAV };

static NAV: [Nav; 1] = [Nav { label: "Audit", href: "/audit", icon: "audit", needs: Permission::Look }];

/// All pages.
pub fn routes() -> Routes<Administration> {
    assets::routes().get("/audit", audit::show)
}

/// A page with sample values, for the storybook: `audit-typical`, and its HTML.
pub type Sample = (&'static str, String);

/// Every page in every state.
pub fn samples() -> Result<Vec<Sample>, askama::Error> {
    Ok([audit::samples()?].into_iter().flatten().collect())
}
