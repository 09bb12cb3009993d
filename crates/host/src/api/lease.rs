//! `POST /v1/activate` and `POST /v1/release`: a client's signed request, answered with a lease, with what the authority
//! said to a request that was collected, or with why not.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keymuster_core::bundle::Bundle;
use keymuster_core::codes;
use keymuster_core::document::{Unverified, sign_payload};
use keymuster_core::lease::Lease;
use keymuster_core::report::Report;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_service::Problem;
use keymuster_service::telemetry::TRACES;
use tracing::Instrument as _;

use crate::engine::Outcome;
use crate::routes::App;

/// Grants a lease, or says why not.
pub async fn activate(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    answer(&app, from, parse(&headers, &body, Act::Activate)?).await
}

/// Takes a lease back.
pub async fn release(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    answer(&app, from, parse(&headers, &body, Act::Release)?).await
}

/// A request that asks for `act`, or for what a host never does, which the rules refuse with a reason.
fn parse(headers: &HeaderMap, body: &[u8], act: Act) -> Result<Unverified<ClientRequest>, Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media_type != Some("application/cose") {
        let detail = format!("expected Content-Type application/cose, found {}", media_type.unwrap_or("none"));
        return Err(Problem::new(&codes::MEDIA_TYPE_UNSUPPORTED, detail));
    }
    let request = ClientRequest::read(body)?;
    match (request.unverified().act, act) {
        (Act::Activate, Act::Release) | (Act::Release, Act::Activate) => {
            Err(Problem::new(&codes::REQUEST_INVALID, "the request asks for something else than its path"))
        }
        _ => Ok(request),
    }
}

async fn answer(app: &App, from: SocketAddr, request: Unverified<ClientRequest>) -> Result<Response, Problem> {
    let (client, edition) = (request.unverified().client, request.unverified().edition);
    let outcome =
        app.engine.decide(request, from.ip()).instrument(tracing::info_span!(target: TRACES, "decide")).await?;
    tracing::debug!(%client, edition, address = %from.ip(), outcome = outcome.name(), "decided");
    match outcome {
        Outcome::Lease { payload, enclosure } => {
            let lease = sign_payload::<Lease>(&payload, &app.key);
            Ok(documents(&Bundle { lease: Some(lease.into()), ..(*enclosure).clone() }))
        }
        Outcome::Report { payload, enclosure } => {
            let report = sign_payload::<Report>(&payload, &app.key);
            Ok(documents(&Bundle { report: Some(report.into()), ..(*enclosure).clone() }))
        }
        Outcome::Activation { answer } => Ok(documents(&answer)),
        Outcome::Released => Ok(StatusCode::NO_CONTENT.into_response()),
        Outcome::Refused(refusal) => Err(Problem::from(&refusal)),
        Outcome::RefusedByAuthority { code, detail } => Err(Problem::new(code, detail)),
    }
}

fn documents(bundle: &Bundle) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/cbor"), (header::CACHE_CONTROL, "no-store")];
    (headers, bundle.to_bytes()).into_response()
}
