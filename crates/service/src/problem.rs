//! The one type that turns errors into HTTP: problem details (RFC 9457) with a stable code.
//!
//! A problem is written for the caller; the cause of a failure goes to the log and never in here.

use axum::Router;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

/// What a request gets instead of its answer.
///
/// ```
/// use axum::http::StatusCode;
/// use keymuster_service::Problem;
/// let refusal = Problem::new("threshold-not-met", StatusCode::CONFLICT, "too few clients have asked", "12 of 25")
///     .with("count", 12)
///     .with("need", 25)
///     .retry_after(7200);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    code: &'static str,
    status: StatusCode,
    title: &'static str,
    detail: String,
    members: Map<String, Value>,
    retry_after_secs: Option<u64>,
}

/// A problem as JSON.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A problem with its stable `code`, the `title` that belongs to the code, and a `detail` about this one case.
    pub fn new(code: &'static str, status: StatusCode, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { code, status, title, detail: detail.into(), members: Map::new(), retry_after_secs: None }
    }

    /// Adds one of the numbers behind the problem, as a member of its JSON object.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Problem {
        let reserved = ["type", "title", "status", "detail", "code"].contains(&member);
        assert!(!reserved, "{member} is a member of every problem");
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// Tells the caller, in the header `Retry-After`, when asking again makes sense.
    #[must_use]
    pub fn retry_after(mut self, secs: u64) -> Problem {
        self.retry_after_secs = Some(secs);
        self
    }

    /// The stable name of this kind of problem.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: format!("urn:keymuster:code:{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            members: &self.members,
        };
        let json = serde_json::to_vec(&body).expect("strings and JSON values always serialise");
        let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
        let mut response = (self.status, headers, json).into_response();
        if let Some(secs) = self.retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

/// Answers paths and methods that `router` does not have with problems; call it after the last route was added.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed)
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new("not-found", StatusCode::NOT_FOUND, "there is nothing here", format!("nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; the header Allow names what it takes", uri.path());
    Problem::new("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method", detail)
}
