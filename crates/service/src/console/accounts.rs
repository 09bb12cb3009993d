//! The pages and the interface of accounts and tokens: one's own, and for administrators those of everybody.

mod all;
pub mod api;
mod one;
mod one_time_codes;
mod own;
mod token_api;
mod tokens;

use axum::extract::FromRef;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::permission::Permission;
use super::routes::Routes;
use super::{Console, Nav, Product, confirm, sign_in, token_claim};

/// Where administrators find accounts, for a program's list of pages.
pub const NAV: Nav =
    Nav { label: "Accounts", href: "/accounts", icon: "accounts", needs: Permission::Accounts, is_apart: false };
/// Where everybody finds tokens.
pub const NAV_TOKENS: Nav =
    Nav { label: "API tokens", href: "/tokens", icon: "tokens", needs: Permission::Look, is_apart: true };

/// The pages.
pub fn pages<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Console: FromRef<S>,
{
    Routes::new()
        .get("/account", own::show)
        .post("/account/password", own::change_password)
        .post("/account/sessions/end", own::end_sessions)
        .post("/account/one-time-codes/offer", one_time_codes::offer)
        .get("/account/one-time-codes", one_time_codes::show)
        .post("/account/one-time-codes", one_time_codes::turn_on)
        .post("/account/one-time-codes/off", one_time_codes::turn_off)
        .get("/accounts", all::show)
        .get("/accounts/new", all::ask)
        .post("/accounts/new", all::add)
        .get("/accounts/{name}", one::show)
        .post("/accounts/{name}/role", one::set_role)
        .post("/accounts/{name}/disable", one::disable)
        .post("/accounts/{name}/enable", one::enable)
        .post("/accounts/{name}/sessions", one::end_sessions)
        .post("/accounts/{name}/reset", one::reset)
        .get("/tokens", tokens::show)
        .get("/tokens/new", tokens::ask)
        .post("/tokens/new", tokens::make)
        .post("/tokens/{id}/revoke", tokens::revoke)
}

/// The routes of the interface.
pub fn interface<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Console: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(api::list, api::add))
        .routes(routes!(api::show, api::change))
        .routes(routes!(api::reset))
        .routes(routes!(api::end_sessions))
        .routes(routes!(token_api::list, token_api::make))
        .routes(routes!(token_api::revoke))
        .routes(routes!(token_api::me))
}

/// A page with sample values, and its name.
pub type Sample = (&'static str, String);

/// Every page in every state, those before the door included.
pub fn samples(product: &'static Product) -> Result<Vec<Sample>, askama::Error> {
    let all = [
        sign_in::samples(product)?,
        token_claim::samples(product)?,
        confirm::samples(product)?,
        own::samples(product)?,
        one_time_codes::samples(product)?,
        all::samples(product)?,
        one::samples(product)?,
        tokens::samples(product)?,
    ];
    Ok(all.into_iter().flatten().collect())
}
