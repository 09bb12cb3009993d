//! Seat pools, their holders, and reclaiming a seat.

use axum::extract::State;
use keymuster_core::codes;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Path, Query};
use keymuster_service::console::bounded;
use keymuster_service::console::permission::{Handle, Look};
use keymuster_service::database::Failure;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::clients::Reason;
use crate::acts;
use crate::administration::Administration;
use crate::pages::client::named;
use crate::pages::seats::{holder_of, read};
use crate::site::Site;
use crate::views::pools::{self, PoolPage, PoolRow};

/// Where a page of holders begins.
#[derive(Clone, Default, Debug, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct From {
    /// Only holders with a higher fence: the `next` of the page before.
    #[param(minimum = 1)]
    #[serde(deserialize_with = "bounded::number::<1, { bounded::LARGEST }, _, _>")]
    pub after: Option<u64>,
}

/// A seat that was reclaimed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Reclaimed {
    /// When it is free, in seconds since 1970, unless its holder gives it back before.
    pub free_at: u64,
}

/// All seat pools.
#[utoipa::path(get, path = "/api/v1/pools", tag = "seats", responses((status = 200, body = Vec<PoolRow>)))]
pub async fn list(api: Api<Look>, State(app): State<Administration>) -> Result<Json<Vec<PoolRow>>, Problem> {
    let now = api.at();
    let read = move |tx: &keymuster_service::sql::Transaction<'_>| pools::all(tx, &Site::load(tx)?, now);
    Ok(Json(app.console.pool().read::<_, Failure, _>(read).await?))
}

/// A pool: who holds its seats, and who was refused for want of one.
#[utoipa::path(
    get,
    path = "/api/v1/pools/{publisher}/{pool}",
    tag = "seats",
    params(
        ("publisher" = String, Path, description = "The publisher's id."),
        ("pool" = String, Path, description = "The pool's id."),
        From,
    ),
    responses((status = 200, body = PoolPage)),
)]
pub async fn show(
    api: Api<Look>,
    State(app): State<Administration>,
    Path(whose): Path<(String, String)>,
    Query(from): Query<From>,
) -> Result<Json<PoolPage>, Problem> {
    Ok(Json(read(&app, whose, from.after.unwrap_or(0), api.at()).await?))
}

/// Reclaims a seat: its holder's lease is worth until its end, and is not renewed.
#[utoipa::path(
    post,
    path = "/api/v1/pools/{publisher}/{pool}/{client}/reclaim",
    tag = "seats",
    params(
        ("publisher" = String, Path, description = "The publisher's id."),
        ("pool" = String, Path, description = "The pool's id."),
        ("client" = String, Path, description = "The client that holds the seat."),
    ),
    request_body = Reason,
    responses((status = 200, body = Reclaimed)),
)]
pub async fn reclaim(
    api: Api<Handle>,
    State(app): State<Administration>,
    Path((publisher, pool, client)): Path<(String, String, String)>,
    Json(reason): Json<Reason>,
) -> Result<Json<Reclaimed>, Problem> {
    let ((slug, id), reason) = (named(&publisher, &client)?, reason.read()?);
    // What is not there is told apart from what cannot be done with it.
    let (row, _) = holder_of(&app, (publisher, pool), id, api.at()).await?;
    let pool = row.pool.parse().map_err(|_| Problem::new(&codes::RECORD_UNKNOWN, "there is no such pool"))?;
    let act = app.act(api.by(), move |home, by| acts::seat::reclaim(home, by, (&slug, &pool), id, &reason));
    Ok(Json(Reclaimed { free_at: act.await?.as_secs() }))
}
