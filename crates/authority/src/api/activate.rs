//! `POST /v1/activate`: a client asks for an activation by a MAK, or for the time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_service::Problem;

use super::{Answer, App, Peer, SignedBody, blocking, with_secret_key};
use crate::error::Error;
use crate::mak::activate;
use crate::time_reset::reset_time;

/// Answers with a bundle of activation or time reset, issuers and revocations.
pub async fn handle(
    State(app): State<Arc<App>>,
    peer: Peer,
    SignedBody(body): SignedBody,
) -> Result<impl IntoResponse, Problem> {
    blocking(app, peer, move |app| {
        let request = ClientRequest::verify(&body)?;
        if request.act == Act::ResetTime {
            let caller = peer.caller(app);
            if let Some(wait_secs) = app.resets.wait(peer.addr.ip(), &request.client_key, caller.now) {
                return Err(Error::RateLimited { why: "the time was asked for too often", wait_secs });
            }
            return app.act(|authority, db| reset_time(authority, db, &request, &caller));
        }
        let typed = request.key.as_ref().map_or("", |key| key.as_str());
        with_secret_key(app, &peer, typed, |authority, db, caller| activate(authority, db, &request, caller))
    })
    .await
    .map(Answer)
}
