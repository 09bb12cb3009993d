//! The URL map of the authority (`docs/spec/messages.md`, 1).

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use keymuster_service::health;
use keymuster_service::problem::with_fallbacks;

use crate::api::{App, activate, certify, pack};
use crate::error::Error;

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let ready = Arc::clone(&app);
    let routes = Router::new()
        .route("/v1/certify", post(certify::handle))
        .route("/v1/activate", post(activate::handle))
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
