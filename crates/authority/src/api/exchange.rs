//! `POST /v1/exchange`: a host has the requests that it collected activated by a MAK.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use keymuster_core::bundle::Bundle;
use keymuster_service::Problem;

use super::{Answer, App, BundleBody, Peer, blocking, with_secret_key};
use crate::exchange::{Exchange, exchange};

/// Answers with a bundle of activations and refusals, issuers and revocations.
pub async fn handle(
    State(app): State<Arc<App>>,
    peer: Peer,
    BundleBody(body): BundleBody,
) -> Result<impl IntoResponse, Problem> {
    blocking(app, peer, move |app| {
        let asked = Exchange::read(Bundle::parse(&body)?)?;
        with_secret_key(app, &peer, asked.mak.as_str(), |authority, db, caller| exchange(authority, db, &asked, caller))
    })
    .await
    .map(|exchanged| Answer(exchanged.bundle))
}
