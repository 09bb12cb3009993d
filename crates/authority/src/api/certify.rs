//! `POST /v1/certify`: a host asks for an entitlement.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use keymuster_core::request::HostRequest;
use keymuster_service::Problem;

use super::{Answer, App, Peer, SignedBody, blocking, with_secret_key};
use crate::certify::certify;

/// Answers with a bundle of entitlement, catalogue, issuers and revocations.
pub async fn handle(
    State(app): State<Arc<App>>,
    peer: Peer,
    SignedBody(body): SignedBody,
) -> Result<impl IntoResponse, Problem> {
    blocking(app, peer, move |app| {
        let request = HostRequest::verify(&body)?;
        with_secret_key(app, &peer, request.key.as_str(), |authority, db, caller| {
            certify(authority, db, &request, caller)
        })
    })
    .await
    .map(Answer)
}
