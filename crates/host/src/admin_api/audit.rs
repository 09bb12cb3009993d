//! The audit.

use axum::extract::State;
use axum::response::Response;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Query};
use keymuster_service::console::permission::Look;

use crate::administration::Administration;
use crate::pages::audit::export::{self, Form};
use crate::views::audit::{self, PAGE};

/// What administrators did, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(audit::Query), responses((status = 200, body = audit::Page)))]
pub async fn list(
    _api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<audit::Query>,
) -> Result<Json<audit::Page>, Problem> {
    let (filter, after, limit) = (query.filter()?, query.after, query.limit.unwrap_or(PAGE));
    Ok(Json(app.console.pool().read(move |tx| audit::load(tx, &filter, after, limit)).await?))
}

/// All entries that fit, as one list. `limit` and `after` do not count.
#[utoipa::path(
    get,
    path = "/api/v1/audit/export",
    tag = "audit",
    params(audit::Query),
    responses((status = 200, body = Vec<audit::Act>)),
)]
pub async fn export(
    _api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<audit::Query>,
) -> Result<Response, Problem> {
    export::stream(app.console.pool(), query.filter()?, Form::Json).await
}
