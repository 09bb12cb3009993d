//! The administration interface, `/api/v1`: what the console can do, as JSON. One file per noun.

pub mod audit;

use axum::Router;
use axum::routing::get;
use keymuster_service::console::api::Json;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::administration::Administration;

#[derive(OpenApi)]
#[openapi(info(title = "Keymuster host", description = "What administrators of a host can do, for programs."))]
struct Interface;

/// All routes, and their description.
pub fn routes() -> (Router<Administration>, Description) {
    let (router, description) =
        OpenApiRouter::with_openapi(Interface::openapi()).routes(routes!(audit::list)).split_for_parts();
    let served = description.clone();
    (router.route("/api/v1/openapi.json", get(async move || Json(served))), description)
}
