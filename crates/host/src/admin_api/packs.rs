//! Publishers with their products, and licence packs.

use axum::extract::State;
use axum::http::StatusCode;
use keymuster_core::codes;
use keymuster_service::Problem;
use keymuster_service::console::api::{Json, Path};
use keymuster_service::console::permission::{Keys, Look};
use keymuster_service::console::upload::{Document, Upload};
use keymuster_service::console::{Api, bounded};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts::packs::{self as acts, Brought};
use crate::administration::Administration;
use crate::pages::packs::one_file;
use crate::views::products::{self as views, Pack, Products};

/// Whose newest pack is wanted.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PackWanted)]
pub struct Wanted {
    /// The publisher's name for machines; without it, the only one.
    #[schema(max_length = 100)]
    #[serde(deserialize_with = "bounded::text::<100, _>")]
    pub publisher: String,
    /// Where its authority is asked; without it, at the address in the trust file.
    #[schema(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub authority: String,
}

/// The two files of a new publisher.
#[derive(ToSchema)]
#[schema(as = NewPublisher)]
#[expect(dead_code, reason = "it describes a form, which is read part by part")]
pub struct New {
    /// The trust file.
    #[schema(format = Binary, content_media_type = "text/plain")]
    trust: String,
    /// The licence pack.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    pack: String,
}

/// Every publisher with its products, and which key covers each edition.
#[utoipa::path(get, path = "/api/v1/publishers", tag = "publishers", responses((status = 200, body = [Products])))]
pub async fn publishers(api: Api<Look>, State(app): State<Administration>) -> Result<Json<Vec<Products>>, Problem> {
    let now = api.at();
    Ok(Json(app.console.pool().read(move |tx| views::load(tx, now)).await?))
}

/// One publisher with its products.
#[utoipa::path(
    get,
    path = "/api/v1/publishers/{publisher}",
    tag = "publishers",
    params(("publisher" = String, Path, description = "The publisher's name for machines.")),
    responses((status = 200, body = Products)),
)]
pub async fn publisher(
    api: Api<Look>,
    State(app): State<Administration>,
    Path(publisher): Path<String>,
) -> Result<Json<Products>, Problem> {
    let now = api.at();
    let all = app.console.pool().read(move |tx| views::load(tx, now)).await?;
    let unknown = || Problem::new(&codes::RECORD_UNKNOWN, format!("this host knows no publisher {publisher}"));
    Ok(Json(all.into_iter().find(|found| found.pack.publisher == publisher).ok_or_else(unknown)?))
}

/// Adds a publisher by its trust file and its licence pack, or gives a known one a newer pack.
#[utoipa::path(
    post,
    path = "/api/v1/publishers",
    tag = "publishers",
    request_body(content = New, content_type = "multipart/form-data"),
    responses((status = 201, body = Brought)),
    extensions(("x-codes" = json!(["document-malformed", "signature-invalid", "signer-unknown", "older-than-held"]))),
)]
pub async fn add(
    api: Api<Keys>,
    State(app): State<Administration>,
    upload: Upload,
) -> Result<(StatusCode, Json<Brought>), Problem> {
    let trust = one_file(upload.clone(), "trust", "trust file")?;
    let pack = one_file(upload, "pack", "licence pack")?;
    let brought = app.act(api.by(), move |home, by| acts::import_file(home, by, Some(&trust), &pack)).await?;
    Ok((StatusCode::CREATED, Json(brought)))
}

/// The licence packs that are held.
#[utoipa::path(get, path = "/api/v1/packs", tag = "packs", responses((status = 200, body = [Pack])))]
pub async fn list(_api: Api<Look>, State(app): State<Administration>) -> Result<Json<Vec<Pack>>, Problem> {
    Ok(Json(app.console.pool().read(views::packs).await?))
}

/// Takes over a newer licence pack of a publisher that is known. The body is the file.
#[utoipa::path(
    post,
    path = "/api/v1/packs",
    tag = "packs",
    request_body(content = Document, content_type = "application/octet-stream"),
    responses((status = 200, body = Brought)),
    extensions(("x-codes" = json!(["document-malformed", "signature-invalid", "signer-unknown", "older-than-held", "host-too-old"]))),
)]
pub async fn import(
    api: Api<Keys>,
    State(app): State<Administration>,
    Document(pack): Document,
) -> Result<Json<Brought>, Problem> {
    Ok(Json(app.act(api.by(), move |home, by| acts::import_file(home, by, None, &pack)).await?))
}

/// Asks a publisher's authority for its newest licence pack, and takes it over.
#[utoipa::path(
    post,
    path = "/api/v1/packs/fetch",
    tag = "packs",
    request_body = Wanted,
    responses((status = 200, body = Brought)),
    extensions(("x-codes" = json!(["authority-unreachable", "not-a-keymuster-host", "older-than-held", "host-too-old"]))),
)]
pub async fn fetch(
    api: Api<Keys>,
    State(app): State<Administration>,
    Json(Wanted { publisher, authority }): Json<Wanted>,
) -> Result<Json<Brought>, Problem> {
    let brought = app.act(api.by(), move |home, by| {
        let publisher = home.site.choose(Some(publisher.as_str()).filter(|name| !name.is_empty()))?;
        acts::fetch(home, by, publisher, Some(authority.as_str()).filter(|url| !url.is_empty()))
    });
    Ok(Json(brought.await?))
}
