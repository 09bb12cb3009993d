//! The newest licence pack.

use axum::extract::State;
use axum::response::Response;
use keymuster_core::codes;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::Json;
use keymuster_service::console::permission::Look;

use crate::administration::Administration;
use crate::pack::newest;
use crate::pages::pack::download;
use crate::views::pack::{self, PackView};

/// What the newest licence pack holds, with the public setup keys.
#[utoipa::path(
    get,
    path = "/api/v1/pack",
    tag = "pack",
    responses((status = 200, body = PackView)),
    extensions(("x-codes" = json!(["catalogue-missing"]))),
)]
pub async fn show(_api: Api<Look>, State(app): State<Administration>) -> Result<Json<PackView>, Problem> {
    let missing = || Problem::new(&codes::CATALOGUE_MISSING, "no catalogue was signed yet");
    Ok(Json(app.look(pack::load).await?.ok_or_else(missing)?))
}

/// The file.
#[utoipa::path(
    get,
    path = "/api/v1/pack/file",
    tag = "pack",
    responses((status = 200, content_type = "application/octet-stream")),
    extensions(("x-codes" = json!(["catalogue-missing"]))),
)]
pub async fn file(api: Api<Look>, State(app): State<Administration>) -> Result<Response, Problem> {
    let bundle = app.act(api.by(), |authority, db, _| newest(authority, db)).await?;
    let name = format!("{}.pack", app.app.authority().publisher.slug);
    Ok(download(&name, bundle.to_file()))
}
