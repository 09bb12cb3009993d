//! The exchange of collected requests for activations by a MAK.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::Response;
use keymuster_core::bundle::Bundle;
use keymuster_core::codes;
use keymuster_core::id::{ClientId, Slug};
use keymuster_service::Problem;
use keymuster_service::console::api::{Json, Path, Query};
use keymuster_service::console::permission::{Handle, Look};
use keymuster_service::console::upload::{Document, SecretFile};
use keymuster_service::console::{Api, bounded};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::acts::exchange::{self as acts, Ordered, Report};
use crate::administration::Administration;
use crate::views::exchange::{self as views, Exchange};

/// In how many files all that wait find room.
const FILES: &str = "keymuster-files";

/// Which requests go out, and by which MAK.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExchangeOrder)]
pub struct Order {
    /// The MAK: 25 symbols, with or without dashes.
    #[schema(max_length = 100)]
    #[serde(deserialize_with = "bounded::text::<100, _>")]
    pub mak: String,
    /// The publisher's name for machines; without it, the one whose MAK it is.
    #[schema(max_length = 100)]
    #[serde(default, deserialize_with = "bounded::text::<100, _>")]
    pub publisher: String,
    /// The edition's name for machines, to make sure that the MAK is for it.
    #[schema(max_length = 100)]
    #[serde(default, deserialize_with = "bounded::text::<100, _>")]
    pub edition: String,
    /// Which file, where a thousand requests and more make several; it counts for an export alone.
    #[schema(minimum = 1, maximum = 64)]
    #[serde(default, deserialize_with = "bounded::number::<1, 64, _, _>")]
    pub file: Option<u32>,
    /// Where the authority is asked; without it, at the address in the trust file. It counts for sending alone.
    #[schema(max_length = 200)]
    #[serde(default, deserialize_with = "bounded::text::<200, _>")]
    pub authority: String,
}

/// How many requests were forgotten.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Forgotten {
    /// The number.
    pub requests: usize,
}

impl Order {
    fn ordered(&self, file: Option<usize>) -> Result<Ordered, Problem> {
        let edition = Some(self.edition.as_str()).filter(|name| !name.is_empty()).map(str::parse::<Slug>).transpose();
        let edition = edition.map_err(|error| Problem::new(&codes::INPUT_INVALID, format!("edition: {error}")))?;
        Ok(Ordered { publisher: self.publisher.clone(), mak: self.mak.clone(), edition, file })
    }
}

/// What is collected, the oldest first, a page at a time.
#[utoipa::path(
    get,
    path = "/api/v1/exchange",
    tag = "exchange",
    params(views::Query),
    responses((status = 200, body = Exchange)),
)]
pub async fn list(
    api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> Result<Json<Exchange>, Problem> {
    let now = api.at();
    Ok(Json(app.console.pool().read(move |tx| views::load(tx, &query, now)).await?))
}

/// One file for the publisher with the requests that wait for an edition. It holds the whole MAK. The header
/// `Keymuster-Files` says how many files there are.
#[utoipa::path(
    post,
    path = "/api/v1/exchange/export",
    tag = "exchange",
    request_body = Order,
    responses((status = 200, description = "The file.", body = Document, content_type = "application/octet-stream")),
    extensions(("x-codes" = json!(["key-mistyped", "key-wrong-kind", "key-wrong-publisher", "key-number-unknown"]))),
)]
pub async fn export(
    api: Api<Handle>,
    State(app): State<Administration>,
    Json(order): Json<Order>,
) -> Result<Response, Problem> {
    let file = order.file.and_then(|file| usize::try_from(file).ok()).unwrap_or(1);
    let ordered = order.ordered(Some(file))?;
    let exported = app.act(api.by(), move |home, by| acts::export(home, by, &ordered)).await?;
    let mut answer = SecretFile { name: exported.name(), bytes: exported.file }.answer();
    answer.headers_mut().insert(FILES, HeaderValue::from(exported.files));
    Ok(answer)
}

/// Takes the publisher's answer; the machines fetch their results by themselves. The body is the file.
#[utoipa::path(
    post,
    path = "/api/v1/exchange/import",
    tag = "exchange",
    request_body(content = Document, content_type = "application/octet-stream"),
    responses((status = 200, body = Report)),
    extensions(("x-codes" = json!(["document-malformed", "document-wrong-type", "signer-unknown"]))),
)]
pub async fn import(
    api: Api<Handle>,
    State(app): State<Administration>,
    Document(file): Document,
) -> Result<Json<Report>, Problem> {
    let report = app.act(api.by(), move |home, by| acts::import(home, by, &Bundle::parse_file(&file)?, |_, _| ()));
    Ok(Json(report.await?))
}

/// The whole exchange at the publisher's authority.
#[utoipa::path(
    post,
    path = "/api/v1/exchange/send",
    tag = "exchange",
    request_body = Order,
    responses((status = 200, body = Report)),
    extensions(("x-codes" = json!([
        "key-mistyped", "key-wrong-kind", "key-wrong-publisher", "key-number-unknown", "authority-unreachable",
        "not-a-keymuster-host", "secret-over-plain-http"
    ]))),
)]
pub async fn send(
    api: Api<Handle>,
    State(app): State<Administration>,
    Json(order): Json<Order>,
) -> Result<Json<Report>, Problem> {
    let ordered = order.ordered(None)?;
    let sent = app.act(api.by(), move |home, by| {
        acts::send_ordered(home, by, &ordered, Some(order.authority.as_str()).filter(|url| !url.is_empty()))
    });
    Ok(Json(sent.await?))
}

/// Forgets what was collected of one client.
#[utoipa::path(
    delete,
    path = "/api/v1/exchange/{client}",
    tag = "exchange",
    params(("client" = String, Path, description = "The client's id.")),
    responses((status = 200, body = Forgotten)),
)]
pub async fn forget(
    api: Api<Handle>,
    State(app): State<Administration>,
    Path(client): Path<String>,
) -> Result<Json<Forgotten>, Problem> {
    let unknown = || Problem::new(&codes::RECORD_UNKNOWN, "nothing is collected of such a client");
    let client: ClientId = client.parse().map_err(|_| unknown())?;
    let requests = app.act(api.by(), move |home, by| acts::drop(home, by, Some(client))).await?;
    if requests == 0 {
        return Err(unknown());
    }
    Ok(Json(Forgotten { requests }))
}

/// Forgets everything that is collected, also what has a result that no machine has fetched yet.
#[utoipa::path(
    delete,
    path = "/api/v1/exchange",
    tag = "exchange",
    responses((status = 200, body = Forgotten)),
)]
pub async fn forget_all(api: Api<Handle>, State(app): State<Administration>) -> Result<Json<Forgotten>, Problem> {
    let requests = app.act(api.by(), |home, by| acts::drop(home, by, None)).await?;
    Ok(Json(Forgotten { requests }))
}
