//! The one type that turns errors into HTTP: problem details (RFC 9457) with a stable code.
//!
//! A problem is written for the caller; the cause of a failure goes to the log and never in here.

use axum::Router;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use keymuster_core::codes::{self, Code, CodeKind};
use keymuster_core::invalid::Invalid;
use keymuster_core::refusal::{Member, Refusal};
use serde::Serialize;
use serde_json::{Map, Value};

/// What a request gets instead of its answer.
///
/// ```
/// use keymuster_core::codes;
/// use keymuster_service::Problem;
/// let refusal = Problem::new(&codes::THRESHOLD_NOT_MET, "12 of 25").with("count", 12).with("need", 25).retry_after(7200);
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    code: &'static Code,
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
    /// A problem of a stable code, with a `detail` about this one case.
    pub fn new(code: &'static Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), members: Map::new(), retry_after_secs: None }
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

    /// The code.
    pub fn code(&self) -> &'static Code {
        self.code
    }

    /// What is said about this one case.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Gives an answer that tells of the problem what every such answer has, whatever its form.
    pub fn mark(&self, response: &mut Response) {
        // The edge logs the code of what it sends.
        response.extensions_mut().insert(self.code);
        if let Some(secs) = self.retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
    }

    /// The status it is answered with; codes that the protocol never sends are answered to administrators.
    pub fn status(&self) -> StatusCode {
        let without_own = match self.code.kind {
            CodeKind::Refusal => StatusCode::UNPROCESSABLE_ENTITY,
            CodeKind::Failure => StatusCode::SERVICE_UNAVAILABLE,
        };
        StatusCode::from_u16(self.code.status).unwrap_or(without_own)
    }
}

/// A refusal with its numbers as members.
impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Problem {
        let mut problem = Problem::new(refusal.code(), refusal.to_string());
        for (name, value) in refusal.members() {
            problem = match value {
                Member::Number(number) => problem.with(name, number),
                Member::Text(text) => problem.with(name, text),
            };
        }
        problem.retry_after_secs = refusal.retry_after_secs();
        problem
    }
}

/// A request whose document cannot be accepted; the document's own code stands in the member `reason`.
impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Problem {
        Problem::new(&codes::REQUEST_INVALID, invalid.to_string()).with("reason", invalid.code().name)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: self.code.urn(),
            title: self.code.sentence,
            status: self.status().as_u16(),
            detail: &self.detail,
            code: self.code.name,
            members: &self.members,
        };
        let json = serde_json::to_vec(&body).expect("strings and JSON values always serialise");
        let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
        let mut response = (self.status(), headers, json).into_response();
        self.mark(&mut response);
        response
    }
}

/// Answers paths and methods that `router` does not have with problems; call it after the last route was added.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    with_method_fallback(router.fallback(not_found))
}

/// Answers methods that a route does not take with a problem; what has no route is answered elsewhere.
pub fn with_method_fallback<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.method_not_allowed_fallback(method_not_allowed)
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(&codes::ROUTE_UNKNOWN, format!("nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; the header Allow names what it takes", uri.path());
    Problem::new(&codes::METHOD_NOT_ALLOWED, detail)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_problem_carries_its_code_its_numbers_and_when_to_come_again() {
        let problem = Problem::new(&codes::THRESHOLD_NOT_MET, "12 of 25")
            .with("count", 12)
            .with("editions", vec!["standard"])
            .retry_after(7200);
        let response = problem.into_response();
        assert_eq!(response.status(), codes::THRESHOLD_NOT_MET.status);
        let header = |name| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header(header::CONTENT_TYPE), "application/problem+json");
        assert_eq!(header(header::CACHE_CONTROL), "no-store");
        assert_eq!(header(header::RETRY_AFTER), "7200");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected = json!({
            "type": "urn:keymuster:code:threshold-not-met",
            "title": codes::THRESHOLD_NOT_MET.sentence,
            "status": codes::THRESHOLD_NOT_MET.status,
            "detail": "12 of 25",
            "code": "threshold-not-met",
            "count": 12,
            "editions": ["standard"],
        });
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }

    #[test]
    #[should_panic(expected = "status is a member of every problem")]
    fn a_number_cannot_take_the_place_of_a_standard_member() {
        let _ = Problem::new(&codes::NOT_READY, "x").with("status", 1);
    }

    #[test]
    fn a_code_without_a_status_of_its_own_has_that_of_its_kind() {
        assert_eq!(Problem::new(&codes::ADDRESS_IN_USE, "x").status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(Problem::new(&codes::KEY_WRONG_LENGTH, "x").status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
