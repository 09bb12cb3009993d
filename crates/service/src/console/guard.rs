//! What every request to a console must pass, and what every answer carries.
//!
//! The name check ends DNS rebinding: a foreign page can lead a browser here, but not with a `Host` of ours. The origin
//! check ends cross-site requests: browsers say where a request comes from, and one that says nothing is turned away.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use keymuster_core::codes;

use super::Console;
use crate::Problem;
use crate::edge::Secure;

/// Everything comes from here, nothing is inline, nobody frames a page, and scripts make no markup from text.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// What every answer carries.
pub const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

/// A browser that came over TLS without a warning comes in no other way for a month. It is no longer, as it holds for every
/// port of the name, and an administrator may go back to a certificate that browsers do not know.
const STAY_WITH_TLS: HeaderValue = HeaderValue::from_static("max-age=2592000");

/// The middleware.
pub async fn guard(State(console): State<Console>, request: Request, next: Next) -> Response {
    let is_tls = request.extensions().get::<Secure>().is_some_and(|secure| secure.is_tls);
    let mut response = match check(&console, &request, is_tls) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STAY_WITH_TLS);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn check(console: &Console, request: &Request, is_tls: bool) -> Result<(), Problem> {
    let text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    if !is_known(console, host, is_tls) {
        let detail = "this name is not one of the server's: take http://127.0.0.1 or http://localhost with its port, or add \
                      the name with --admin-name";
        return Err(Problem::new(&codes::NAME_NOT_ALLOWED, detail));
    }
    // The interface for programs takes no cookie but tokens alone, which no foreign page can make a browser send.
    // Nor does that for clients, which has no route here; one that came to the wrong port is told so.
    let takes_no_cookie = ["/api/", "/v1/"].iter().any(|start| request.uri().path().starts_with(start));
    if request.method().is_safe() || takes_no_cookie {
        return Ok(());
    }
    let is_own = match (text(HeaderName::from_static("sec-fetch-site")), text(header::ORIGIN)) {
        (Some(site), _) => ["same-origin", "none"].contains(&site),
        (None, Some(origin)) => origin.split_once("://").is_some_and(|(_, name)| name == host),
        (None, None) => false,
    };
    let detail = "the request does not come from a page of this server";
    if is_own { Ok(()) } else { Err(Problem::new(&codes::CROSS_SITE, detail)) }
}

/// Whether a `Host` is one of this machine's names, with any port (a tunnel may have another), or one that was allowed. Over
/// TLS, by which other machines come, it may be any address as well: no foreign name leads a browser to that.
fn is_known(console: &Console, host: &str, is_tls: bool) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let is_address = || is_tls && name.parse::<IpAddr>().is_ok();
    ["localhost", "127.0.0.1", "::1"].contains(&name)
        || is_address()
        || console.0.names.iter().any(|known| known == name)
}
