//! Requests that are carried here, and the answers to them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keymuster_core::codes;
use keymuster_qr::{Sent, file_in};
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Path};
use keymuster_service::console::permission::{Handle, Look};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts::respond::respond;
use crate::administration::Administration;
use crate::pages::pack::download;
use crate::views::responses::{self, ResponseRow};

/// A request: either its file or the texts of its QR codes.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = CarriedRequest)]
pub struct Carried {
    /// The file, in Base64.
    #[schema(max_length = 900_000)]
    pub file: Option<String>,
    /// The texts of all its QR codes, in any order.
    #[schema(max_items = 64)]
    pub codes: Vec<String>,
}

/// The newest answers.
#[utoipa::path(get, path = "/api/v1/responses", tag = "responses", responses((status = 200, body = Vec<ResponseRow>)))]
pub async fn list(_api: Api<Look>, State(app): State<Administration>) -> Result<Json<Vec<ResponseRow>>, Problem> {
    Ok(Json(app.look(|_, tx| responses::list(tx)).await?))
}

/// Answers a request of a host, of a client, or of a host for many clients. The answer is kept to be downloaded.
#[utoipa::path(
    post,
    path = "/api/v1/responses",
    tag = "responses",
    request_body = Carried,
    responses((status = 201, body = ResponseRow)),
    extensions(("x-codes" = json!([
        "frames-missing", "frames-mixed", "frame-unreadable", "document-malformed", "document-too-large",
        "signature-invalid", "key-unknown", "key-revoked", "mak-exhausted", "hosts-exhausted",
        "host-activations-exhausted", "host-revoked", "customer-stopped", "catalogue-missing", "issuer-expired",
        "publisher-unknown", "wrong-way", "rekey-required", "request-conflict",
    ]))),
)]
pub async fn add(
    api: Api<Handle>,
    State(app): State<Administration>,
    Json(carried): Json<Carried>,
) -> Result<(StatusCode, Json<ResponseRow>), Problem> {
    let invalid = |why: &str| Problem::new(&codes::INPUT_INVALID, why);
    let sent = match carried.file {
        Some(file) if carried.codes.is_empty() => {
            let bytes = STANDARD.decode(file).map_err(|error| invalid(&format!("file: {error}")))?;
            vec![Sent { name: "file".to_owned(), bytes }]
        }
        None if !carried.codes.is_empty() => {
            vec![Sent { name: "codes".to_owned(), bytes: carried.codes.join("\n").into_bytes() }]
        }
        _ => return Err(invalid("send either file or codes")),
    };
    let answered = app.act(api.by(), move |authority, db, by| respond(authority, db, &file_in(&sent)?, by)).await?;
    Ok((StatusCode::CREATED, Json(answered.into())))
}

/// One answer.
#[utoipa::path(
    get,
    path = "/api/v1/responses/{response}",
    tag = "responses",
    params(("response" = String, Path, description = "Its id.")),
    responses((status = 200, body = ResponseRow)),
)]
pub async fn show(
    _api: Api<Look>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> Result<Json<ResponseRow>, Problem> {
    Ok(Json(app.look(move |_, tx| Ok(responses::load(tx, &id)?.0)).await?))
}

/// The file of one answer, to be carried back.
#[utoipa::path(
    get,
    path = "/api/v1/responses/{response}/file",
    tag = "responses",
    params(("response" = String, Path, description = "Its id.")),
    responses((status = 200, content_type = "application/octet-stream")),
)]
pub async fn file(
    _api: Api<Look>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let bytes = app.look(move |_, tx| responses::file(tx, &id)).await?;
    Ok(download("answer.response", bytes))
}
