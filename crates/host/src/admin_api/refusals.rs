//! Who was refused lately, and why.

use axum::extract::State;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Query};
use keymuster_service::console::permission::Look;
use keymuster_service::database::Failure;

use crate::administration::Administration;
use crate::site::Site;
use crate::views::refusals;

/// The last refusal of each client and edition, the newest first.
#[utoipa::path(get, path = "/api/v1/refusals", tag = "refusals", params(refusals::Query), responses((status = 200, body = refusals::Page)))]
pub async fn list(
    _api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<refusals::Query>,
) -> Result<Json<refusals::Page>, Problem> {
    let read = move |tx: &keymuster_service::sql::Transaction<'_>| refusals::load(tx, &Site::load(tx)?, &query);
    Ok(Json(app.console.pool().read::<_, Failure, _>(read).await?))
}
