//! One request: its whole body within the limits, then the router, and a problem for whatever goes wrong on the way.
//!
//! The body is read here and not in the handlers, so that one place bounds it whichever way a handler takes it.

use std::any::Any;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use keymuster_core::codes::{self, Code};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::{Large, Limits};
use crate::Problem;
use crate::telemetry::TRACES;
use crate::tls::Tls;

/// Whether a request came over TLS, among the extensions of every request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Secure {
    /// Whether it did.
    pub is_tls: bool,
}

/// A router, and what one request to it may take.
pub(super) struct Requests {
    router: TowerToHyperService<Router>,
    usual: Share,
    large: Vec<(&'static str, Share)>,
    /// Decides who may ask without it.
    tls: Tls,
}

/// What one request may take.
struct Share {
    body_bytes: usize,
    body: Duration,
    total: Duration,
    /// Places for such requests, where their number is limited.
    places: Option<Semaphore>,
}

impl Requests {
    pub(super) fn new(router: Router, limits: Limits, tls: Tls) -> Requests {
        let Limits { body_bytes, body, total, large, .. } = limits;
        let usual = Share { body_bytes, body, total, places: None };
        let share = |Large { path, body_bytes, body, total, at_once }| {
            (path, Share { body_bytes, body, total, places: Some(Semaphore::new(at_once)) })
        };
        let large = large.into_iter().map(share).collect();
        Requests { router: TowerToHyperService::new(router), usual, large, tls }
    }

    fn share(&self, path: &str) -> &Share {
        let large = self.large.iter().find(|(large, _)| *large == path);
        large.map_or(&self.usual, |(_, share)| share)
    }

    pub(super) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr, secure: Secure) -> Response {
        let (method, path) = (request.method(), request.uri().path());
        let span = tracing::info_span!(
            target: TRACES,
            "request",
            otel.name = format_args!("{method} {path}"),
            otel.kind = "server",
            http.request.method = %method,
            url.path = path,
            client.address = %peer.ip().to_canonical(),
            http.response.status_code = tracing::field::Empty,
            keymuster.code = tracing::field::Empty,
        );
        let response = self.answer_within(request, peer, secure).instrument(span.clone()).await;
        span.record("http.response.status_code", response.status().as_u16());
        if let Some(code) = response.extensions().get::<&Code>() {
            span.record("keymuster.code", code.name);
        }
        response
    }

    async fn answer_within(&self, mut request: Request<Incoming>, peer: SocketAddr, secure: Secure) -> Response {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(secure);
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let share = self.share(&path);
        if !secure.is_tls && !self.tls.serves_plain(peer, &path) {
            tracing::debug!(%peer, %method, path, "refused, because it came without TLS");
            return tls_required().into_response();
        }
        let response = match timeout(share.total, caught(self.route(request, share))).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                tracing::error!(%method, path, "a handler panicked; the message is on standard error");
                internal_error().into_response()
            }
            Err(_) => {
                tracing::warn!(%method, path, "a request took too long");
                share.took_too_long().into_response()
            }
        };
        let code = response.extensions().get::<&Code>().map(|code| code.name);
        tracing::debug!(%peer, %method, path, status = response.status().as_u16(), code, "answered");
        response
    }

    async fn route(&self, request: Request<Incoming>, share: &Share) -> Response {
        let (head, body) = request.into_parts();
        let _place = match &share.places {
            Some(places) => Some(places.acquire().await.expect("the semaphore is never closed")),
            None => None,
        };
        match share.whole(body).await {
            Ok(bytes) => {
                let Ok(response) = self.router.call(Request::from_parts(head, Body::from(bytes))).await;
                response
            }
            Err(problem) => problem.into_response(),
        }
    }
}

impl Share {
    /// The whole body; its length is checked before its first byte if the client tells it.
    async fn whole(&self, body: Incoming) -> Result<Bytes, Problem> {
        if body.size_hint().lower() > self.body_bytes as u64 {
            return Err(self.body_too_large());
        }
        let limited = Limited::new(body, self.body_bytes);
        match timeout(self.body, limited.collect()).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(self.body_too_large()),
            Ok(Err(error)) => Err(body_broken(&*error)),
            Err(_) => Err(self.body_too_slow()),
        }
    }

    fn body_too_large(&self) -> Problem {
        let limit = self.body_bytes;
        let detail = format!("the body of a request may have {limit} bytes");
        Problem::new(&codes::BODY_TOO_LARGE, detail).with("limit_bytes", limit)
    }

    fn body_too_slow(&self) -> Problem {
        let detail = format!("the body did not arrive within {:?}", self.body);
        Problem::new(&codes::REQUEST_TIMEOUT, detail)
    }

    fn took_too_long(&self) -> Problem {
        let detail = format!("there was no answer within {:?}; the same request may be sent again", self.total);
        Problem::new(&codes::HOST_BUSY, detail).retry_after(self.total.as_secs())
    }
}

fn body_broken(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::debug!(%error, "a body broke off");
    let detail = "the body ended before its announced length, or is not well-formed";
    Problem::new(&codes::REQUEST_INVALID, detail)
}

fn tls_required() -> Problem {
    let detail = "this address takes requests over TLS only: ask https:// at the same port";
    Problem::new(&codes::TLS_REQUIRED, detail)
}

fn internal_error() -> Problem {
    let detail = "this is a fault of the program, and the server's log has the details";
    Problem::new(&codes::INTERNAL_FAILURE, detail)
}

/// Runs `future` and catches its panic: a bug costs the request in which it shows, and nothing else.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        // Nothing of the future is looked at after a panic, it is only dropped.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}
