//! Idempotency keys: a POST that carries one is carried out once, and asking again brings the first answer.
//!
//! Only what was done is kept, for a day; whoever was refused may ask again. A secret that is shown once is never kept, so
//! asking again brings a problem that says so.

use crate::sql::{OptionalExtension as _, Transaction, params};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, Limited};
use keymuster_core::codes;
use keymuster_core::id::to_hex;
use keymuster_core::time::{DAY, MINUTE, Timestamp};
use sha2::{Digest as _, Sha256};

use super::api::Json;
use super::{Console, session, token};
use crate::Problem;
use crate::database::{Failure, number, seconds, timestamp};

/// The header.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What every answer that was kept carries when it is sent again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// For how long an answer is kept, in seconds.
pub const KEPT_SECS: u64 = DAY;
/// How long a key may be; a UUID has 36 characters.
pub const KEY_MAX: usize = 100;
/// Answers kept for one token: one each nine seconds, all day.
const KEPT_MAX: u64 = 10_000;
/// Answers that are longer are not kept.
const ANSWER_MAX: usize = 64 * 1024;
/// What a request may bring; the edge has its own limit before this one.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// A request that began longer ago than this was cut off: the edge ends each long before.
const CUT_OFF_SECS: u64 = 10 * MINUTE;

/// An answer with a secret that is shown once.
#[derive(Clone, Copy, Debug)]
pub struct Secret<T>(pub T);

/// Marks an answer that is not to be kept.
#[derive(Clone, Copy)]
struct NotKept;

impl<T: serde::Serialize> IntoResponse for Secret<T> {
    fn into_response(self) -> Response {
        not_kept(Json(self.0).into_response())
    }
}

/// Marks an answer with a secret, such as a file for a publisher, as one that is not kept.
pub fn not_kept(mut response: Response) -> Response {
    response.extensions_mut().insert(NotKept);
    response
}

/// The middleware. It leaves requests alone whose token does not count: their handlers refuse them.
pub async fn once(State(console): State<Console>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let asked = match asked(&console, &parts).await {
        Ok(Some(asked)) => asked,
        Ok(None) => return next.run(Request::from_parts(parts, body)).await,
        Err(problem) => return problem.into_response(),
    };
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
        return Problem::new(&codes::BODY_TOO_LARGE, "the body is too large").into_response();
    };
    let body = body.to_bytes();
    let asked = Asked { request: request_digest(&parts, &body), ..asked };
    let now = console.env().now();
    let begun = asked.clone();
    match console.pool().write(move |tx| begin(tx, &begun, now)).await {
        Ok(None) => {}
        Ok(Some(known)) => return known.answer(now),
        Err(failure) => return Problem::from(failure).into_response(),
    }
    let request = Request::from_parts(parts, Body::from(body));
    // What was begun is finished and kept, also where nobody waits for the answer any more.
    let finished = tokio::spawn(async move { finish(&console, &asked, next.run(request).await).await });
    match finished.await {
        Ok(response) => response,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A request with an idempotency key.
#[derive(Clone, Debug)]
struct Asked {
    /// The id of the token.
    token: String,
    key: String,
    /// The digest of method, path, query and body.
    request: String,
}

async fn asked(console: &Console, parts: &Parts) -> Result<Option<Asked>, Problem> {
    if parts.method != Method::POST || !parts.uri.path().starts_with("/api/") {
        return Ok(None);
    }
    let Some(key) = parts.headers.get(KEY) else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=KEY_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| {
        let detail = format!("the header Idempotency-Key has 1 to {KEY_MAX} characters of ASCII");
        Problem::new(&codes::INPUT_INVALID, detail)
    })?;
    let key = key.to_owned();
    let Some(digest) = bearer(&parts.headers).map(session::digest) else { return Ok(None) };
    let found = console.pool().read(move |tx| token::find(tx, &digest)).await?;
    let token = found.filter(|token| token.is_alive(console.env().now())).map(|token| token.id);
    Ok(token.map(|token| Asked { token, key, request: String::new() }))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    Some(headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?.trim())
}

fn request_digest(parts: &Parts, body: &[u8]) -> String {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    // No path contains a line break.
    let digest = Sha256::new().chain_update(parts.method.as_str()).chain_update(" ").chain_update(path);
    to_hex(&digest.chain_update("\n").chain_update(body).finalize())
}

/// Why a request is not carried out (again).
enum Known {
    /// The request was done.
    Done { status: u16, answer: Option<String> },
    /// It was begun, and its end is not known.
    Unfinished { since: Timestamp },
    /// Another request had it.
    Other,
    /// The token has too many.
    Full,
}

impl Known {
    fn answer(self, now: Timestamp) -> Response {
        let problem = match self {
            Known::Done { status, answer: Some(answer) } => return replay(status, answer),
            Known::Done { status, answer: None } => {
                let detail = "the request was done when it was first sent; what it made is in the lists";
                Problem::new(&codes::ANSWER_NOT_KEPT, detail).with("first_status", status)
            }
            Known::Unfinished { since } if now < since.plus(CUT_OFF_SECS) => {
                Problem::new(&codes::REQUEST_UNFINISHED, "it is being worked on; ask again").retry_after(1)
            }
            Known::Unfinished { since } => {
                let detail =
                    format!("it was begun at {since} and cut off: look whether it was done, then take a new key");
                Problem::new(&codes::REQUEST_UNFINISHED, detail)
            }
            Known::Other => {
                Problem::new(&codes::IDEMPOTENCY_KEY_REUSED, "another request was sent with this key; take a new one")
            }
            Known::Full => {
                let detail = format!("this token has sent {KEPT_MAX} idempotency keys within a day");
                Problem::new(&codes::RATE_LIMITED, detail).retry_after(MINUTE)
            }
        };
        problem.into_response()
    }
}

fn replay(status: u16, answer: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, [(REPLAYED, HeaderValue::from_static("true"))], answer).into_response();
    if response.status() == StatusCode::NO_CONTENT {
        response.headers_mut().remove(header::CONTENT_TYPE);
    } else {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}

/// Takes a key, unless something is known about it already.
fn begin(tx: &Transaction<'_>, asked: &Asked, now: Timestamp) -> Result<Option<Known>, Failure> {
    tx.execute("DELETE FROM idempotency WHERE at <= ?1", [seconds(now.minus(KEPT_SECS))])?;
    let Asked { token, key, request } = asked;
    let sql = "SELECT request, status, answer, at FROM idempotency WHERE token = ?1 AND key = ?2";
    let row = |row: &crate::sql::Row<'_>| {
        let known: (String, i64, Option<String>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(known)
    };
    let known = tx.prepare_cached(sql)?.query_row(params![token, key], row).optional()?;
    match known {
        Some((known, ..)) if known != *request => return Ok(Some(Known::Other)),
        Some((_, 0, _, at)) => return Ok(Some(Known::Unfinished { since: timestamp(at) })),
        Some((_, status, answer, _)) => {
            return Ok(Some(Known::Done { status: u16::try_from(status).unwrap_or(200), answer }));
        }
        None => {}
    }
    let kept = tx.prepare_cached("SELECT count(*) FROM idempotency WHERE token = ?1")?;
    let kept = { kept }.query_row([token], |row| Ok(number(row.get(0)?)))?;
    if kept >= KEPT_MAX {
        return Ok(Some(Known::Full));
    }
    let sql = "INSERT INTO idempotency (token, key, request, status, at) VALUES (?1, ?2, ?3, 0, ?4)";
    tx.execute(sql, params![token, key, request, seconds(now)])?;
    Ok(None)
}

/// Keeps the answer of what was done, and gives the key back where nothing was.
async fn finish(console: &Console, asked: &Asked, response: Response) -> Response {
    let (asked, is_done) = (asked.clone(), response.status().is_success());
    let is_kept = is_done && response.extensions().get::<NotKept>().is_none();
    let status = response.status().as_u16();
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return Problem::new(&codes::INTERNAL_FAILURE, "the answer was cut off").into_response();
    };
    let body = body.to_bytes();
    let answer = (is_kept && body.len() <= ANSWER_MAX).then(|| String::from_utf8(body.to_vec()).ok()).flatten();
    let noted = console.pool().write(move |tx| match is_done {
        true => done(tx, &asked, status, answer.as_deref()),
        false => forget(tx, &asked),
    });
    if let Err(error) = noted.await {
        tracing::error!(%error, "the answer to a request with an idempotency key cannot be kept");
    }
    Response::from_parts(parts, Body::from(body))
}

fn done(tx: &Transaction<'_>, asked: &Asked, status: u16, answer: Option<&str>) -> Result<(), Failure> {
    let sql = "UPDATE idempotency SET status = ?3, answer = ?4 WHERE token = ?1 AND key = ?2";
    tx.execute(sql, params![asked.token, asked.key, status, answer])?;
    Ok(())
}

fn forget(tx: &Transaction<'_>, asked: &Asked) -> Result<(), Failure> {
    tx.execute(
        "DELETE FROM idempotency WHERE token = ?1 AND key = ?2 AND status = 0",
        params![asked.token, asked.key],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
