//! Activating an installed host key: straight at the authority, or by a request and a response that are carried.

use axum::extract::State;
use axum::response::Response;
use keymuster_qr::{Sent, file_in};
use keymuster_service::Problem;
use keymuster_service::console::api::Json;
use keymuster_service::console::permission::Keys;
use keymuster_service::console::upload::{Document, SecretFile, Upload};
use keymuster_service::console::{Api, bounded};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts::activation::{self as acts, Activated};
use crate::acts::keys::installed;
use crate::administration::Administration;
use crate::pages::activate::sent;

/// Which key is meant.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyToActivate)]
pub struct Meant {
    /// The publisher's name for machines.
    #[schema(max_length = 100)]
    #[serde(deserialize_with = "bounded::text::<100, _>")]
    pub publisher: String,
    /// The key's public name.
    #[schema(max_length = 100)]
    #[serde(deserialize_with = "bounded::text::<100, _>")]
    pub key: String,
    /// Where the authority is asked; without it, at the address in the trust file.
    #[schema(max_length = 200)]
    #[serde(default, deserialize_with = "bounded::text::<200, _>")]
    pub authority: String,
}

/// Photographs of QR codes.
#[derive(ToSchema)]
#[schema(as = Pictures)]
#[expect(dead_code, reason = "it describes a form, which is read part by part")]
pub struct Pictures {
    /// PNG or JPEG files, in any order.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    response: Vec<String>,
}

/// Asks the authority for an entitlement. A key that has one gets a new one, which uses one of its activations.
#[utoipa::path(
    post,
    path = "/api/v1/activation/online",
    tag = "activation",
    request_body = Meant,
    responses((status = 200, body = Activated)),
    extensions(("x-codes" = json!([
        "record-unknown", "authority-unreachable", "not-a-keymuster-host", "secret-over-plain-http", "key-unknown",
        "key-revoked", "hosts-exhausted", "host-activations-exhausted", "host-revoked", "customer-stopped"
    ]))),
)]
pub async fn online(
    api: Api<Keys>,
    State(app): State<Administration>,
    Json(meant): Json<Meant>,
) -> Result<Json<Activated>, Problem> {
    let env = app.console.env().clone();
    let activated = app.act(api.by(), move |home, by| {
        let (publisher, key) = installed(home, &meant.publisher, &meant.key)?;
        let url = Some(meant.authority.as_str()).filter(|url| !url.is_empty());
        let url = acts::authority(home, publisher, url)?;
        acts::ask(home, by, (publisher, &key), &url, &env)
    });
    Ok(Json(activated.await?))
}

/// Makes the request to be carried, or hands out the one that is still open. The file holds the whole host key.
#[utoipa::path(
    post,
    path = "/api/v1/activation/request",
    tag = "activation",
    request_body = Meant,
    responses((status = 200, description = "The file.", body = Document, content_type = "application/octet-stream")),
    extensions(("x-codes" = json!(["record-unknown"]))),
)]
pub async fn request(
    api: Api<Keys>,
    State(app): State<Administration>,
    Json(meant): Json<Meant>,
) -> Result<Response, Problem> {
    let (env, name) = (app.console.env().clone(), format!("{}.request", meant.publisher));
    let file = app.act(api.by(), move |home, by| {
        let (publisher, key) = installed(home, &meant.publisher, &meant.key)?;
        acts::request(home, by, publisher, &key, &env)
    });
    Ok(SecretFile { name, bytes: file.await? }.answer())
}

/// Takes the publisher's response. The body is the file.
#[utoipa::path(
    post,
    path = "/api/v1/activation/response",
    tag = "activation",
    request_body(content = Document, content_type = "application/octet-stream"),
    responses((status = 200, body = Activated)),
    extensions(("x-codes" = json!([
        "document-malformed", "signature-invalid", "signer-unknown", "for-another-host", "answer-to-another-request",
        "expired", "revoked"
    ]))),
)]
pub async fn respond(
    api: Api<Keys>,
    State(app): State<Administration>,
    Document(file): Document,
) -> Result<Json<Activated>, Problem> {
    Ok(Json(app.act(api.by(), move |home, by| acts::respond_sent(home, by, &file)).await?))
}

/// Takes the publisher's response from photographs or other pictures of its QR codes.
#[utoipa::path(
    post,
    path = "/api/v1/activation/pictures",
    tag = "activation",
    request_body(content = Pictures, content_type = "multipart/form-data"),
    responses((status = 200, body = Activated)),
    extensions(("x-codes" = json!([
        "frame-unreadable", "frames-missing", "frames-mixed", "signer-unknown", "for-another-host",
        "answer-to-another-request"
    ]))),
)]
pub async fn pictures(
    api: Api<Keys>,
    State(app): State<Administration>,
    upload: Upload,
) -> Result<Json<Activated>, Problem> {
    let sent: Vec<Sent> = upload.files("response").into_iter().map(sent).collect();
    Ok(Json(app.act(api.by(), move |home, by| acts::respond_sent(home, by, &file_in(&sent)?)).await?))
}
