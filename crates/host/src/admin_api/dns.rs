//! The host in DNS.

use std::time::Duration;

use axum::extract::State;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::Json;
use keymuster_service::console::permission::{Handle, Look, Settings};

use crate::acts::dns as acts;
use crate::administration::Administration;
use crate::dns::Published;
use crate::lookout::AGAIN_SECS;
use crate::views::dns::{self, Dns};

/// Longer than a look lasts.
const WAIT: Duration = Duration::from_secs(12);

/// What DNS says about this host beside what it should say. It waits for the name servers, for 10 seconds at most.
#[utoipa::path(get, path = "/api/v1/dns", tag = "dns", responses((status = 200, body = Dns)))]
pub async fn show(_api: Api<Look>, State(app): State<Administration>) -> Result<Json<Dns>, Problem> {
    let seen = app.lookout.look(AGAIN_SECS, WAIT).await;
    Ok(Json(app.console.pool().read(move |tx| dns::load(tx, &seen)).await?))
}

/// Enters this host's records now, as the running host does daily by itself.
#[utoipa::path(
    post,
    path = "/api/v1/dns/publish",
    tag = "dns",
    responses((status = 200, body = Published)),
    extensions(("x-codes" = json!(["dns-server-unreachable", "dns-zone-not-served", "dns-update-refused",
        "dns-key-mismatch", "dns-clock-differs", "dns-key-file-unusable"]))),
)]
pub async fn publish(api: Api<Handle>, State(app): State<Administration>) -> Result<Json<Published>, Problem> {
    let published = acts::publish(app.dns_place(), &api.by()).await;
    app.lookout.forget();
    Ok(Json(published?))
}

/// Removes this host's records. A host that publishes itself enters them again within a day: turn dns-publishing off first.
#[utoipa::path(
    post,
    path = "/api/v1/dns/withdraw",
    tag = "dns",
    responses((status = 200, body = Published)),
    extensions(("x-codes" = json!(["dns-server-unreachable", "dns-zone-not-served", "dns-update-refused",
        "dns-key-mismatch", "dns-clock-differs", "dns-key-file-unusable"]))),
)]
pub async fn withdraw(api: Api<Settings>, State(app): State<Administration>) -> Result<Json<Published>, Problem> {
    let withdrawn = acts::withdraw(app.dns_place(), &api.by()).await;
    app.lookout.forget();
    Ok(Json(withdrawn?))
}
