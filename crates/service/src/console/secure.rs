//! Whether a request came over TLS, and what follows for its cookies.
//!
//! A cookie whose name begins with `__Host-` is taken from a browser only if this server has set it over TLS: no other
//! server of the domain can slip one in. Without TLS, as on this machine itself, browsers do not take such a cookie.

use axum::http::header::{COOKIE, HeaderMap};
use axum::http::{Extensions, HeaderName};

use crate::edge::Secure;

const PREFIX: &str = "__Host-";
/// What a proxy says about the request that it took.
const PROTOCOL: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether the browser asked over TLS: this server, or a proxy before it.
pub fn is_secure(extensions: &Extensions, headers: &HeaderMap) -> bool {
    let is_own = extensions.get::<Secure>().is_some_and(|secure| secure.is_tls);
    is_own || headers.get(PROTOCOL).is_some_and(|value| value == "https")
}

/// The name under which a cookie is set.
pub fn cookie_name(name: &str, is_secure: bool) -> String {
    if is_secure { format!("{PREFIX}{name}") } else { name.to_owned() }
}

/// The value of a cookie that a browser shows.
pub fn cookie_shown(extensions: &Extensions, headers: &HeaderMap, name: &str) -> Option<String> {
    let name = cookie_name(name, is_secure(extensions, headers));
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split("; ")).filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}
