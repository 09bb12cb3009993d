//! What waits for a second person, and from which size on that is so.

use axum::extract::State;
use axum::http::StatusCode;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Path, Query};
use keymuster_service::console::permission::{Look, Settings};

use super::revocations::Taken;
use crate::acts::limits::{Set, set};
use crate::acts::proposal::{confirm, withdraw};
use crate::administration::Administration;
use crate::store::limit::Limits;
use crate::views::proposals::{self, LimitsView, ProposalRow};
use crate::views::{self, Page};

/// What was taken back by whom, and what waits, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/proposals",
    tag = "proposals",
    params(views::Query),
    responses((status = 200, body = Page<ProposalRow>)),
)]
pub async fn list(
    api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> Result<Json<Page<ProposalRow>>, Problem> {
    let at = api.at();
    Ok(Json(app.look(move |_, tx| proposals::list(tx, &query, at)).await?))
}

/// One of them.
#[utoipa::path(
    get,
    path = "/api/v1/proposals/{number}",
    tag = "proposals",
    params(("number" = u64, Path, description = "Its number.")),
    responses((status = 200, body = ProposalRow)),
)]
pub async fn show(
    api: Api<Look>,
    State(app): State<Administration>,
    Path(number): Path<u64>,
) -> Result<Json<ProposalRow>, Problem> {
    let at = api.at();
    Ok(Json(app.look(move |_, tx| proposals::load(tx, number, at)).await?))
}

/// Does what somebody else has proposed.
#[utoipa::path(
    post,
    path = "/api/v1/proposals/{number}/confirm",
    tag = "proposals",
    params(("number" = u64, Path, description = "Its number.")),
    responses((status = 200, body = ProposalRow)),
    extensions(("x-codes" = json!(["second-person-needed", "proposal-ended", "issuer-expired", "input-invalid"]))),
)]
pub async fn agree(
    api: Api<Settings>,
    State(app): State<Administration>,
    Path(number): Path<u64>,
) -> Result<Json<ProposalRow>, Problem> {
    let at = api.at();
    app.act(api.by(), move |authority, db, by| confirm(authority, db, number, by)).await?;
    Ok(Json(app.look(move |_, tx| proposals::load(tx, number, at)).await?))
}

/// Takes a proposal off the table.
#[utoipa::path(
    post,
    path = "/api/v1/proposals/{number}/withdraw",
    tag = "proposals",
    params(("number" = u64, Path, description = "Its number.")),
    responses((status = 200, body = ProposalRow)),
    extensions(("x-codes" = json!(["proposal-ended"]))),
)]
pub async fn drop_it(
    api: Api<Settings>,
    State(app): State<Administration>,
    Path(number): Path<u64>,
) -> Result<Json<ProposalRow>, Problem> {
    let at = api.at();
    app.act(api.by(), move |_, db, by| withdraw(db, number, by)).await?;
    Ok(Json(app.look(move |_, tx| proposals::load(tx, number, at)).await?))
}

/// How much one person takes back alone in a day.
#[utoipa::path(get, path = "/api/v1/limits", tag = "proposals", responses((status = 200, body = LimitsView)))]
pub async fn limits(_api: Api<Look>, State(app): State<Administration>) -> Result<Json<LimitsView>, Problem> {
    Ok(Json(app.look(|_, tx| proposals::limits(tx)).await?))
}

/// Sets both limits; raising one waits for a second person.
#[utoipa::path(
    put,
    path = "/api/v1/limits",
    tag = "proposals",
    request_body = LimitsView,
    responses((status = 200, body = Taken), (status = 202, body = Taken, description = "It waits for a second person.")),
)]
pub async fn set_limits(
    api: Api<Settings>,
    State(app): State<Administration>,
    Json(limits): Json<LimitsView>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let limits = Limits { hosts: limits.hosts, machines: limits.machines };
    Ok(match app.act(api.by(), move |_, db, by| set(db, limits, by)).await? {
        Set::Done => (StatusCode::OK, Json(Taken { sequence: None, proposal: None })),
        Set::Proposed(number) => (StatusCode::ACCEPTED, Json(Taken { sequence: None, proposal: Some(number) })),
    })
}
