//! The administration interface, `/api/v1`: what the console can do, as JSON. One file per noun.

pub mod activation;
pub mod audit;
pub mod clients;
pub mod dns;
pub mod exchange;
pub mod keys;
pub mod overview;
pub mod packs;
pub mod refusals;
pub mod seats;
pub mod settings;

use axum::Router;
use axum::routing::get;
use keymuster_service::console::api::Json;
use keymuster_service::console::{accounts, codes, description};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::administration::{ADMINISTRATION_PORT, Administration};

#[derive(OpenApi)]
#[openapi(info(title = "Keymuster host", description = "What administrators of a host can do, for programs."))]
struct Interface;

/// All routes, and what they say of themselves.
pub fn routes() -> (Router<Administration>, Description) {
    let (router, description) = described().split_for_parts();
    let whole = description::complete(&description, ADMINISTRATION_PORT);
    (router.route(description::PATH, get(async move || Json(whole))), description)
}

/// The whole description, as it is served.
pub fn description() -> serde_json::Value {
    description::complete(described().get_openapi(), ADMINISTRATION_PORT)
}

fn described() -> OpenApiRouter<Administration> {
    OpenApiRouter::with_openapi(Interface::openapi())
        .merge(accounts::interface())
        .routes(routes!(codes::api::list))
        .routes(routes!(codes::api::show))
        .routes(routes!(dns::show))
        .routes(routes!(dns::publish))
        .routes(routes!(dns::withdraw))
        .routes(routes!(keys::list, keys::install))
        .routes(routes!(keys::show, keys::remove))
        .routes(routes!(activation::online))
        .routes(routes!(activation::request))
        .routes(routes!(activation::respond))
        .routes(routes!(activation::pictures))
        .routes(routes!(packs::publishers, packs::add))
        .routes(routes!(packs::publisher))
        .routes(routes!(packs::list, packs::import))
        .routes(routes!(packs::fetch))
        .routes(routes!(exchange::list, exchange::forget_all))
        .routes(routes!(exchange::export))
        .routes(routes!(exchange::import))
        .routes(routes!(exchange::send))
        .routes(routes!(exchange::forget))
        .routes(routes!(settings::list))
        .routes(routes!(settings::show, settings::put, settings::delete))
        .routes(routes!(settings::preview))
        .routes(routes!(overview::show))
        .routes(routes!(clients::list))
        .routes(routes!(clients::show))
        .routes(routes!(clients::release))
        .routes(routes!(clients::keep))
        .routes(routes!(clients::list_clones))
        .routes(routes!(refusals::list))
        .routes(routes!(seats::list))
        .routes(routes!(seats::show))
        .routes(routes!(seats::reclaim))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
}
