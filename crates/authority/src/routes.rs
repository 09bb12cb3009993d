//! The URL map of the authority (`docs/spec/messages.md`, 1).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use keymuster_core::bundle;
use keymuster_service::edge::{Large, Limits};
use keymuster_service::health;
use keymuster_service::problem::with_fallbacks;

use crate::api::{App, activate, certify, exchange, pack};
use crate::error::Error;

const EXCHANGE: &str = "/v1/exchange";

/// What requests may take: an exchange more than the others, as it stands for up to a thousand.
pub fn limits() -> Limits {
    let (body, total) = (Duration::from_secs(20), Duration::from_secs(60));
    let large = Large { path: EXCHANGE, body_bytes: bundle::SIZE_MAX, body, total, at_once: 8 };
    Limits { large: vec![large], ..Limits::default() }
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let ready = Arc::clone(&app);
    let routes = Router::new()
        .route("/v1/certify", post(certify::handle))
        .route("/v1/activate", post(activate::handle))
        .route(EXCHANGE, post(exchange::handle))
        .route("/v1/pack", get(pack::handle))
        .with_state(app)
        .merge(health::router(move || ready.check_ready().map_err(|error| not_ready(&error))));
    with_fallbacks(routes)
}

/// The cause stays in the log.
fn not_ready(error: &Error) -> String {
    tracing::error!(%error, "the readiness check failed");
    "the database cannot be read or written; the server's log has the cause".to_owned()
}
