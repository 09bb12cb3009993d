//! Clients: the list, one of them, releasing it, and shared identities.

use axum::extract::State;
use keymuster_core::codes;
use keymuster_core::id::{ClientId, Label, Slug};
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Path, Query};
use keymuster_service::console::permission::{Handle, Look};
use keymuster_service::database::Failure;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::acts;
use crate::administration::Administration;
use crate::pages::client::{named, read};
use crate::site::Site;
use crate::views::client::Detail;
use crate::views::clients::{self, Search};
use crate::views::clones::{self, Lineage};

/// Why something is done; it stands in the audit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ActReason)]
pub struct Reason {
    /// One line.
    #[schema(min_length = 1, max_length = 128)]
    pub reason: String,
}

impl Reason {
    /// The reason, where it is one.
    pub(super) fn read(&self) -> Result<Label, Problem> {
        crate::pages::client::reason(&self.reason).map_err(|why| Problem::new(&codes::INPUT_INVALID, why))
    }
}

/// Clients, searched, filtered and sorted. A page may be partial: its cursor goes on.
#[utoipa::path(get, path = "/api/v1/clients", tag = "clients", params(clients::Query), responses((status = 200, body = clients::Page)))]
pub async fn list(
    api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<clients::Query>,
) -> Result<Json<clients::Page>, Problem> {
    let now = api.at();
    let read = move |tx: &keymuster_service::sql::Transaction<'_>| {
        let site = Site::load(tx)?;
        let search = Search::new(&site, &query, now);
        let search = search
            .map_err(|wrong| Problem::new(&codes::INPUT_INVALID, format!("{}: {}", wrong.field, wrong.message)))?;
        Ok::<_, Problem>(clients::load(tx, &search)?)
    };
    Ok(Json(app.console.pool().read(read).await?))
}

/// One client of a publisher: editions, leases, seats, history, refusals.
#[utoipa::path(
    get,
    path = "/api/v1/clients/{publisher}/{client}",
    tag = "clients",
    params(
        ("publisher" = String, Path, description = "The publisher's id."),
        ("client" = String, Path, description = "The client's id."),
    ),
    responses((status = 200, body = Detail)),
)]
pub async fn show(
    api: Api<Look>,
    State(app): State<Administration>,
    Path((publisher, client)): Path<(String, String)>,
) -> Result<Json<Detail>, Problem> {
    Ok(Json(read(&app, &publisher, &client, api.at()).await?.0))
}

/// Releases a client: it is not counted any more, and what it holds is not renewed.
#[utoipa::path(
    post,
    path = "/api/v1/clients/{publisher}/{client}/release",
    tag = "clients",
    params(
        ("publisher" = String, Path, description = "The publisher's id."),
        ("client" = String, Path, description = "The client's id."),
    ),
    request_body = Reason,
    responses((status = 200, body = Detail)),
)]
pub async fn release(
    api: Api<Handle>,
    State(app): State<Administration>,
    Path(whose): Path<(String, String)>,
    Json(reason): Json<Reason>,
) -> Result<Json<Detail>, Problem> {
    act(&app, &api, whose, &reason, acts::client::release).await
}

/// Takes the release of a client back.
#[utoipa::path(
    post,
    path = "/api/v1/clients/{publisher}/{client}/keep",
    tag = "clients",
    params(
        ("publisher" = String, Path, description = "The publisher's id."),
        ("client" = String, Path, description = "The client's id."),
    ),
    request_body = Reason,
    responses((status = 200, body = Detail)),
)]
pub async fn keep(
    api: Api<Handle>,
    State(app): State<Administration>,
    Path(whose): Path<(String, String)>,
    Json(reason): Json<Reason>,
) -> Result<Json<Detail>, Problem> {
    act(&app, &api, whose, &reason, acts::client::keep).await
}

type Act =
    fn(&mut crate::site::Home, &keymuster_service::console::By<Handle>, &Slug, ClientId, &Label) -> anyhow::Result<()>;

async fn act(
    app: &Administration,
    api: &Api<Handle>,
    (publisher, client): (String, String),
    reason: &Reason,
    act: Act,
) -> Result<Json<Detail>, Problem> {
    let ((slug, id), reason) = (named(&publisher, &client)?, reason.read()?);
    // What is not there is told apart from what cannot be done with it.
    read(app, &publisher, &client, api.at()).await?;
    app.act(api.by(), move |home, by| act(home, by, &slug, id, &reason)).await?;
    Ok(Json(read(app, &publisher, &client, api.at()).await?.0))
}

/// Client ids by which more than one machine has asked, with the addresses that used them, those noticed last first.
#[utoipa::path(get, path = "/api/v1/clones", tag = "clients", responses((status = 200, body = Vec<Lineage>)))]
pub async fn list_clones(api: Api<Look>, State(app): State<Administration>) -> Result<Json<Vec<Lineage>>, Problem> {
    let now = api.at();
    let read = move |tx: &keymuster_service::sql::Transaction<'_>| clones::load(tx, &Site::load(tx)?, now);
    Ok(Json(app.console.pool().read::<_, Failure, _>(read).await?))
}
