//! The overview.

use axum::extract::State;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::Json;
use keymuster_service::console::permission::Look;

use crate::administration::Administration;
use crate::pages::overview::read;
use crate::views::overview::Overview;

/// How the host stands, who is counted, what is due, what to do next.
#[utoipa::path(get, path = "/api/v1/overview", tag = "overview", responses((status = 200, body = Overview)))]
pub async fn show(api: Api<Look>, State(app): State<Administration>) -> Result<Json<Overview>, Problem> {
    Ok(Json(read(&app, api.at()).await?))
}
