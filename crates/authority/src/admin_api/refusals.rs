//! What was refused lately.

use axum::extract::State;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Query};
use keymuster_service::console::permission::Look;

use crate::administration::Administration;
use crate::views::refusals::{self, RefusalRow};
use crate::views::{self, Page};

/// What hosts and clients did not get, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/refusals",
    tag = "refusals",
    params(views::Query),
    responses((status = 200, body = Page<RefusalRow>)),
)]
pub async fn list(
    _api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> Result<Json<Page<RefusalRow>>, Problem> {
    Ok(Json(app.look(move |_, tx| refusals::list(tx, &query)).await?))
}
