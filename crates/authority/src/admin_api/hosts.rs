//! Hosts.

use axum::extract::State;
use axum::http::StatusCode;
use keymuster_core::codes;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Path, Query};
use keymuster_service::console::permission::{Look, Settings};

use super::revocations::{Reason, Taken, answer, read_reason};
use crate::acts::revoke::{Target, revoke};
use crate::administration::Administration;
use crate::views::hosts::{self, HostDetail, HostRow};
use crate::views::{self, Page};

/// Hosts, those that asked last first.
#[utoipa::path(
    get,
    path = "/api/v1/hosts",
    tag = "hosts",
    params(views::Query),
    responses((status = 200, body = Page<HostRow>)),
)]
pub async fn list(
    _api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> Result<Json<Page<HostRow>>, Problem> {
    Ok(Json(app.look(move |_, tx| hosts::list(tx, &query)).await?))
}

/// One host, with what it was granted and refused.
#[utoipa::path(
    get,
    path = "/api/v1/hosts/{host}",
    tag = "hosts",
    params(("host" = String, Path, description = "Its id.")),
    responses((status = 200, body = HostDetail)),
)]
pub async fn show(
    _api: Api<Look>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> Result<Json<HostDetail>, Problem> {
    Ok(Json(app.look(move |authority, tx| hosts::load(authority, tx, &id)).await?))
}

/// Revokes a host with every entitlement it has, or proposes to where one person may not decide.
#[utoipa::path(
    post,
    path = "/api/v1/hosts/{host}/revoke",
    tag = "hosts",
    params(("host" = String, Path, description = "Its id.")),
    request_body = Reason,
    responses((status = 200, body = Taken), (status = 202, body = Taken, description = "It waits for a second person.")),
    extensions(("x-codes" = json!(["issuer-expired"]))),
)]
pub async fn take_back(
    api: Api<Settings>,
    State(app): State<Administration>,
    Path(id): Path<String>,
    Json(reason): Json<Reason>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let unknown = |_| Problem::new(&codes::RECORD_UNKNOWN, "there is no host with this id");
    let (target, reason) = (Target::Host(id.parse().map_err(unknown)?), read_reason(&reason)?);
    app.look(move |authority, tx| hosts::load(authority, tx, &id)).await?;
    answer(app.act(api.by(), move |authority, db, by| revoke(authority, db, &target, &reason, by)).await?)
}
