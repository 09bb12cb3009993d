//! The URL map of the host.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use keymuster_core::signature::SecretKey;
use keymuster_service::{health, problem};

use crate::api;
use crate::engine::Engine;

/// What handlers share.
#[derive(Clone, Debug)]
pub struct App {
    /// Decides.
    pub engine: Engine,
    /// Signs leases.
    pub key: Arc<SecretKey>,
}

/// What clients reach, on port 1688.
pub fn clients(app: App) -> Router {
    let engine = app.engine.clone();
    let router = Router::new()
        .route("/v1/activate", post(api::lease::activate))
        .route("/v1/release", post(api::lease::release))
        .with_state(app)
        .merge(health::router(move || ready(&engine)));
    problem::with_fallbacks(router)
}

fn ready(engine: &Engine) -> Result<(), String> {
    engine.probe().map_err(|unavailable| unavailable.to_string())
}
