//! `POST /v1/activate`: a client asks for an activation by a MAK.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use keymuster_core::request::ClientRequest;
use keymuster_service::Problem;

use super::{Answer, App, Peer, SignedBody, blocking, with_secret_key};
use crate::mak::activate;

/// Answers with a bundle of activation, issuers and revocations.
pub async fn handle(
    State(app): State<Arc<App>>,
    peer: Peer,
    SignedBody(body): SignedBody,
) -> Result<impl IntoResponse, Problem> {
    blocking(app, peer, move |app| {
        let request = ClientRequest::verify(&body)?;
        let typed = request.key.as_ref().map_or("", |key| key.as_str());
        with_secret_key(app, &peer, typed, |authority, db, caller| activate(authority, db, &request, caller))
    })
    .await
    .map(Answer)
}
