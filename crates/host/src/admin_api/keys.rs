//! The installed host keys.

use axum::extract::State;
use axum::http::StatusCode;
use keymuster_core::codes;
use keymuster_service::Problem;
use keymuster_service::console::api::{Json, Path};
use keymuster_service::console::permission::{Keys as Permitted, Look};
use keymuster_service::console::{Api, bounded};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts::keys::{self as acts, Installed, Removed};
use crate::administration::Administration;
use crate::views::keys::{self as views, Keys, Loss};

/// A key that is to be installed.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewHostKey)]
pub struct New {
    /// The host key: 25 symbols, with or without dashes.
    #[schema(max_length = 100)]
    #[serde(deserialize_with = "bounded::text::<100, _>")]
    pub key: String,
    /// The publisher's name for machines; without it, the one whose key it is.
    #[schema(max_length = 100)]
    #[serde(default, deserialize_with = "bounded::text::<100, _>")]
    pub publisher: String,
}

/// All keys, until when each counts, and what they cover.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", responses((status = 200, body = Keys)))]
pub async fn list(api: Api<Look>, State(app): State<Administration>) -> Result<Json<Keys>, Problem> {
    let now = api.at();
    Ok(Json(app.console.pool().read(move |tx| views::load(tx, now)).await?))
}

/// Checks a host key and installs it. Nothing is sent anywhere before it is activated.
#[utoipa::path(
    post,
    path = "/api/v1/keys",
    tag = "keys",
    request_body = New,
    responses((status = 201, body = Installed)),
    extensions(("x-codes" = json!([
        "key-wrong-length", "key-mistyped", "key-unreadable", "key-unknown-version",
        "key-wrong-kind", "key-wrong-publisher", "key-number-unknown", "key-already-installed", "key-already-covered"
    ]))),
)]
pub async fn install(
    api: Api<Permitted>,
    State(app): State<Administration>,
    Json(New { key, publisher }): Json<New>,
) -> Result<(StatusCode, Json<Installed>), Problem> {
    let installed = app.act(api.by(), move |home, by| acts::install_text(home, by, &publisher, &key)).await?;
    Ok((StatusCode::CREATED, Json(installed)))
}

/// One key, and what would be lost with it.
#[utoipa::path(
    get,
    path = "/api/v1/keys/{publisher}/{key}",
    tag = "keys",
    params(
        ("publisher" = String, Path, description = "The publisher's name for machines."),
        ("key" = String, Path, description = "The key's public name."),
    ),
    responses((status = 200, body = Loss)),
)]
pub async fn show(
    api: Api<Look>,
    State(app): State<Administration>,
    Path((publisher, key)): Path<(String, String)>,
) -> Result<Json<Loss>, Problem> {
    let now = api.at();
    let found = app.console.pool().read(move |tx| views::loss(tx, &publisher, &key, now)).await?;
    let unknown = || Problem::new(&codes::RECORD_UNKNOWN, "no such host key is installed");
    Ok(Json(found.ok_or_else(unknown)?))
}

/// Removes a key with its entitlement. Leases that clients hold run on to their end.
#[utoipa::path(
    delete,
    path = "/api/v1/keys/{publisher}/{key}",
    tag = "keys",
    params(
        ("publisher" = String, Path, description = "The publisher's name for machines."),
        ("key" = String, Path, description = "The key's public name."),
    ),
    responses((status = 200, body = Removed)),
)]
pub async fn remove(
    api: Api<Permitted>,
    State(app): State<Administration>,
    Path((publisher, key)): Path<(String, String)>,
) -> Result<Json<Removed>, Problem> {
    Ok(Json(app.act(api.by(), move |home, by| acts::remove_one(home, by, &publisher, &key)).await?))
}
