//! The authority over HTTP: one endpoint per file, and here what they share.
//!
//! Everything below the router blocks (SQLite, signatures), so it runs on threads that may block, one act at a time.

pub mod activate;
pub mod certify;
pub mod exchange;
pub mod pack;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest as _, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use keymuster_core::bundle::Bundle;
use keymuster_core::codes;
use keymuster_core::key::{KeyId, ProductKey};
use keymuster_core::refusal::Refusal;
use keymuster_service::Problem;
use keymuster_service::sql::Connection;

use crate::attempts::{Attempts, Resets};
use crate::authority::Authority;
use crate::caller::{Actor, Caller};
use crate::error::Error;
use crate::store;

const REQUEST_TYPE: &str = "application/cose";
const BUNDLE_TYPE: &str = "application/cbor";

/// The running authority.
#[derive(Debug)]
pub struct App {
    authority: Authority,
    /// The only connection. Whoever holds it acts alone, so that failed attempts are counted before the next is made.
    db: Mutex<Connection>,
    attempts: Attempts,
    resets: Resets,
}

impl App {
    /// An authority with its database, ready to answer.
    pub fn new(authority: Authority, db: Connection) -> Arc<App> {
        Arc::new(App { authority, db: Mutex::new(db), attempts: Attempts::new(), resets: Resets::new() })
    }

    /// The authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether the database can be read and written: for the readiness check. Blocks.
    pub fn check_ready(&self) -> Result<(), Error> {
        let now = self.authority.env.now();
        self.act(|_, db| {
            let tx = store::begin(db)?;
            if !store::publisher::check_writing(&tx, now)? {
                return Err(Error::Environment("the database has no publisher".to_owned()));
            }
            Ok(tx.commit()?)
        })
    }

    /// Runs `act` with the database to itself. Blocks.
    pub fn act<T>(&self, act: impl FnOnce(&Authority, &mut Connection) -> Result<T, Error>) -> Result<T, Error> {
        // A panic rolled its transaction back, so the connection is as good as before.
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        act(&self.authority, &mut db)
    }
}

/// Runs what blocks on a thread that may block, and turns what goes wrong into a problem; the log names the peer.
async fn blocking<T: Send + 'static>(
    app: Arc<App>,
    peer: Peer,
    act: impl FnOnce(&App) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let acted = tokio::task::spawn_blocking(move || {
        let _request = tracing::info_span!("request", peer = %peer.addr).entered();
        act(&app).map_err(Problem::from)
    });
    acted.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request panicked");
        Err(Problem::new(
            &codes::INTERNAL_FAILURE,
            "this is a fault of the program, and the server's log has the details",
        ))
    })
}

/// Acts on a request that carries a secret key: whoever sends wrong ones too often has to wait.
fn with_secret_key<T>(
    app: &App,
    peer: &Peer,
    typed: &str,
    act: impl FnOnce(&Authority, &mut Connection, &Caller) -> Result<T, Error>,
) -> Result<T, Error> {
    let key: Option<KeyId> = ProductKey::parse(typed).ok().map(|key| key.id());
    let (address, caller) = (peer.addr.ip(), peer.caller(app));
    app.act(|authority, db| {
        if let Some(wait_secs) = app.attempts.wait(address, key, caller.now) {
            return Err(Error::RateLimited { why: "too many wrong keys were tried", wait_secs });
        }
        let acted = act(authority, db, &caller);
        if let Err(Error::Refused(Refusal::KeyUnknown)) = acted {
            app.attempts.failed(address, key, caller.now);
        }
        acted
    })
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    addr: SocketAddr,
}

impl Peer {
    fn caller(&self, app: &App) -> Caller {
        Caller { actor: Actor::Network(self.addr.ip().to_canonical()), now: app.authority.env.now() }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Peer, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let missing = || Problem::new(&codes::INTERNAL_FAILURE, "the connection has no address");
        peer.map(|ConnectInfo(addr)| Peer { addr: *addr }).ok_or_else(missing)
    }
}

/// A signed request in the body, with the content type that belongs to it.
#[derive(Clone, Debug)]
pub struct SignedBody(Bytes);

impl<S: Send + Sync> axum::extract::FromRequest<S> for SignedBody {
    type Rejection = Problem;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<SignedBody, Problem> {
        body_of_type(REQUEST_TYPE, request, state).await.map(SignedBody)
    }
}

/// A bundle in the body, with the content type that belongs to it.
#[derive(Clone, Debug)]
pub struct BundleBody(Bytes);

impl<S: Send + Sync> axum::extract::FromRequest<S> for BundleBody {
    type Rejection = Problem;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<BundleBody, Problem> {
        body_of_type(BUNDLE_TYPE, request, state).await.map(BundleBody)
    }
}

/// The body, which the edge has read whole and within its limits.
async fn body_of_type<S: Send + Sync>(
    wanted: &str,
    request: axum::extract::Request,
    state: &S,
) -> Result<Bytes, Problem> {
    if !is_of_type(wanted, request.headers()) {
        let detail = format!("a request to this path has the content type {wanted}");
        return Err(Problem::new(&codes::MEDIA_TYPE_UNSUPPORTED, detail));
    }
    let bytes = Bytes::from_request(request, state).await;
    bytes.map_err(|error| Problem::new(&codes::REQUEST_INVALID, error.to_string()))
}

fn is_of_type(wanted: &str, headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(wanted))
}

/// An answer: a bundle that nobody on the way may keep.
struct Answer(Bundle);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, BUNDLE_TYPE), (header::CACHE_CONTROL, "no-store")];
        (headers, self.0.to_bytes()).into_response()
    }
}
