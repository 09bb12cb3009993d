//! The administration interface, `/api/v1`: what the console can do, as JSON. One file per noun.

pub mod audit;
pub mod customers;
pub mod hosts;
pub mod keys;
pub mod overview;
pub mod pack;
pub mod proposals;
pub mod refusals;
pub mod responses;
pub mod revocations;

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
#[openapi(info(
    title = "Keymuster authority",
    description = "What administrators of an authority can do, for programs."
))]
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
        .routes(routes!(overview::show))
        .routes(routes!(customers::list, customers::add))
        .routes(routes!(customers::show))
        .routes(routes!(customers::stop))
        .routes(routes!(customers::lift_stop))
        .routes(routes!(keys::list))
        .routes(routes!(keys::show))
        .routes(routes!(keys::activations))
        .routes(routes!(keys::add_host_key))
        .routes(routes!(keys::add_mak))
        .routes(routes!(keys::take_back))
        .routes(routes!(hosts::list))
        .routes(routes!(hosts::show))
        .routes(routes!(hosts::take_back))
        .routes(routes!(refusals::list))
        .routes(routes!(revocations::list))
        .routes(routes!(proposals::list))
        .routes(routes!(proposals::show))
        .routes(routes!(proposals::agree))
        .routes(routes!(proposals::drop_it))
        .routes(routes!(proposals::limits, proposals::set_limits))
        .routes(routes!(responses::list, responses::add))
        .routes(routes!(responses::show))
        .routes(routes!(responses::file))
        .routes(routes!(pack::show))
        .routes(routes!(pack::file))
        .routes(routes!(codes::api::list))
        .routes(routes!(codes::api::show))
        .routes(routes!(audit::list))
}
