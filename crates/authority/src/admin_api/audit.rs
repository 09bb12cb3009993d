//! The audit.

use axum::extract::State;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Query};
use keymuster_service::console::permission::Look;

use crate::administration::Administration;
use crate::views::audit;

/// What administrators did, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "audit",
    params(audit::Query),
    responses((status = 200, body = audit::Page)),
)]
pub async fn list(
    _api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<audit::Query>,
) -> Result<Json<audit::Page>, Problem> {
    Ok(Json(app.console.pool().read(move |tx| audit::load(tx, &query)).await?))
}
