//! The administration interface: JSON for programs that carry a token, and problems for whatever is wrong with a request.

use std::marker::PhantomData;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRef, FromRequest, FromRequestParts};
use axum::http::{StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use keymuster_core::codes;
use keymuster_core::time::{MINUTE, Timestamp};

use super::Console;
use super::account::{self, Account};
use super::by::By;
use super::permission::Needs;
use super::session::digest;
use super::token::{self, Token};
use crate::Problem;
use crate::database::Failure;

/// How far the stored time of the last use may lie behind, in seconds.
const USED_SECS: u64 = MINUTE;

/// A program with a token, at a route that needs the permission `P`.
#[derive(Clone, Debug)]
pub struct Api<P> {
    /// The token.
    pub token: Token,
    at: Timestamp,
    needs: PhantomData<P>,
}

impl<P: Needs> Api<P> {
    /// Who asks, for acts.
    pub fn by(&self) -> By<P> {
        let actor = format!("{} (token {})", self.token.account, self.token.name);
        By::new(actor, self.token.account.clone(), self.at)
    }

    /// The time of the request.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl<S, P> FromRequestParts<S> for Api<P>
where
    S: Send + Sync,
    Console: FromRef<S>,
    P: Needs,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Api<P>, Problem> {
        let console = Console::from_ref(state);
        let now = console.env().now();
        let not_signed_in = |detail: &str| Problem::new(&codes::NOT_SIGNED_IN, detail);
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secret = value.and_then(|value| value.strip_prefix("Bearer "));
        let secret = secret.ok_or_else(|| not_signed_in("send a token: Authorization: Bearer kmt_…"))?;
        let digest = digest(secret.trim());
        let found = console.pool().read(move |tx| load(tx, &digest)).await?;
        let (token, account) = found.ok_or_else(|| not_signed_in("no token is known with this secret"))?;
        if !token.is_alive(now) || account.disabled_at.is_some() {
            return Err(not_signed_in("the token has ended, was revoked, or its account is disabled"));
        }
        if !token.scopes.contains(&P::PERMISSION) || !account.may::<P>() {
            let detail = format!("this needs the permission {}, and the token is without it", P::PERMISSION);
            return Err(Problem::new(&codes::PERMISSION_MISSING, detail));
        }
        if token.used_at.is_none_or(|used| now >= used.plus(USED_SECS)) {
            let id = token.id.clone();
            console.pool().write(move |tx| token::used(tx, &id, now)).await?;
        }
        Ok(Api { token, at: now, needs: PhantomData })
    }
}

fn load(tx: &crate::sql::Transaction<'_>, digest: &str) -> Result<Option<(Token, Account)>, Failure> {
    let Some(token) = token::find(tx, digest)? else { return Ok(None) };
    let account = account::named(tx, &token.account)?;
    Ok(account.map(|account| (token, account)))
}

/// The body of a request, and of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: serde::de::DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Json<T>, Problem> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Json(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(Problem::new(&codes::MEDIA_TYPE_UNSUPPORTED, "send the body as application/json"))
            }
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::new(&codes::BODY_TOO_LARGE, rejection.body_text()))
            }
            Err(rejection) => Err(Problem::new(&codes::INPUT_INVALID, rejection.body_text())),
        }
    }
}

impl<T: serde::Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The query of a request.
#[derive(Clone, Copy, Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

/// The parameters in the path of a request.
#[derive(Clone, Copy, Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Problem {
        Problem::new(&codes::INPUT_INVALID, rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Problem {
        Problem::new(&codes::RECORD_UNKNOWN, rejection.body_text())
    }
}

/// A failure of the database: its cause goes to the log.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        tracing::error!(error = %failure, "the database failed");
        match failure {
            Failure::DiskFull | Failure::Disk(_) | Failure::Busy => {
                Problem::new(&codes::HOST_READ_ONLY, "the database cannot be written at the moment").retry_after(30)
            }
            Failure::Damaged { .. } => Problem::new(&codes::DATABASE_DAMAGED, "the server's log names the place"),
            _ => Problem::new(&codes::INTERNAL_FAILURE, "the server's log says why"),
        }
    }
}
