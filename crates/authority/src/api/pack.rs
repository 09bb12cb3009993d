//! `GET /v1/pack`: anybody asks for the publisher's newest licence pack.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use keymuster_service::Problem;

use super::{Answer, App, Peer, blocking};
use crate::pack::newest;

/// Answers with a bundle of catalogue, issuers and revocations.
pub async fn handle(State(app): State<Arc<App>>, peer: Peer) -> Result<impl IntoResponse, Problem> {
    blocking(app, peer, |app| app.act(newest)).await.map(Answer)
}
