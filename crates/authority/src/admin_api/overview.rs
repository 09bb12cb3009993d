//! The overview.

use axum::extract::State;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::Json;
use keymuster_service::console::permission::Look;

use crate::administration::Administration;
use crate::views::overview::{self, Overview};

/// What is used, what runs out, what waits, and what was refused.
#[utoipa::path(get, path = "/api/v1/overview", tag = "overview", responses((status = 200, body = Overview)))]
pub async fn show(api: Api<Look>, State(app): State<Administration>) -> Result<Json<Overview>, Problem> {
    let at = api.at();
    Ok(Json(app.look(move |authority, tx| overview::load(authority, tx, at)).await?))
}
