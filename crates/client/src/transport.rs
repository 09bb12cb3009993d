//! One HTTP exchange with one address: what went out, what came back, and what it means if nothing did.
//!
//! Proxies of the environment are not used and redirects are not followed: a request goes where discovery said, or nowhere.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use keymuster_core::bundle;
use keymuster_core::codes::{self, CodeKind};
use keymuster_core::refusal::Member;
use serde_json::Value;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;

use crate::error::{Error, Refused};
use crate::settings::{HostAddress, Timeouts};
use crate::tls::{self, Failure, Ready, Shown, Whom};

/// Whether a request goes over TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Channel {
    /// It does not.
    PlainOnly,
    /// It does if the host demands it.
    PlainFirst,
    /// It does if the host speaks TLS.
    TlsFirst,
    /// It does, or is not sent.
    TlsOnly(Whom),
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct To<'a> {
    pub address: SocketAddr,
    /// The host as it was named.
    pub host: &'a HostAddress,
    pub channel: Channel,
    pub timeouts: Timeouts,
}

/// What came back.
pub(crate) struct Answered {
    pub reply: Result<Reply, Error>,
    /// What the other end showed, where it went over TLS.
    pub shown: Option<Shown>,
}

/// What a host answered if it did not refuse.
pub(crate) enum Reply {
    /// 200: a bundle.
    Bundle(Vec<u8>),
    /// 204: done.
    Done,
}

/// The most bytes of problem details that are read.
const PROBLEM_BYTES_MAX: u64 = 16 * 1024;
/// More members of a problem are not kept.
const MEMBERS_MAX: usize = 16;
/// Longer texts of a problem are cut.
const TEXT_CHARS_MAX: usize = 300;

/// Posts a signed request to `path` at one address of a host.
pub(crate) fn post(to: To<'_>, path: &str, request: &[u8]) -> Answered {
    let answered = post_once(to, path, request);
    match &answered.reply {
        Err(Error::Refused(refused)) if to.channel == Channel::PlainFirst && refused.is(&codes::TLS_REQUIRED) => {
            post_once(To { channel: Channel::TlsOnly(Whom::Host), ..to }, path, request)
        }
        _ => answered,
    }
}

fn post_once(to: To<'_>, path: &str, request: &[u8]) -> Answered {
    let host = to.host.to_string();
    match secured(to, &host) {
        Ok(Some(ready)) => {
            let shown = Some(ready.shown);
            let agent =
                ureq::Agent::with_parts(config(to.timeouts), ready.into_connector(), DefaultResolver::default());
            Answered { reply: send(&agent, to, path, request), shown }
        }
        Ok(None) => {
            let agent = ureq::Agent::new_with_config(config(to.timeouts));
            Answered { reply: send(&agent, to, path, request), shown: None }
        }
        Err(error) => Answered { reply: Err(error), shown: None },
    }
}

/// A connection over TLS; `None` where the request may go without, and the host speaks none.
fn secured(to: To<'_>, host: &str) -> Result<Option<Ready>, Error> {
    let whom = match to.channel {
        Channel::PlainOnly | Channel::PlainFirst => return Ok(None),
        Channel::TlsFirst => Whom::Host,
        Channel::TlsOnly(whom) => whom,
    };
    match tls::connect(to.address, &to.host.host, whom, to.timeouts.connect) {
        Ok(ready) => Ok(Some(ready)),
        Err(Failure::Connect(error)) => Err(failure(host, ureq::Error::Io(error))),
        Err(Failure::Handshake(_)) if to.channel == Channel::TlsFirst => Ok(None),
        Err(Failure::Handshake(why)) => {
            Err(Error::HostUnreachable { host: host.to_owned(), why: format!("no TLS: {why}") })
        }
        Err(Failure::Untrusted(why)) => Err(Error::CertificateUntrusted { server: host.to_owned(), why }),
    }
}

fn config(timeouts: Timeouts) -> Config {
    ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .timeout_connect(Some(timeouts.connect))
        .timeout_global(Some(timeouts.connect + timeouts.answer))
        .user_agent(concat!("keymuster/", env!("CARGO_PKG_VERSION")))
        .build()
}

fn send(agent: &ureq::Agent, to: To<'_>, path: &str, request: &[u8]) -> Result<Reply, Error> {
    let host = &to.host.to_string();
    let named = HostAddress { tls_only: false, ..to.host.clone() }.to_string();
    // An agent over TLS holds a connection that stands already, so that the scheme says nothing.
    let response = agent
        .post(format!("http://{}{path}", to.address))
        .header("Host", named)
        .content_type("application/cose")
        .send(request);
    let mut response = response.map_err(|error| failure(host, error))?;
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let media_type = header("content-type").unwrap_or_default();
    let retry_after = header("retry-after").and_then(|secs| secs.trim().parse().ok()).map(Duration::from_secs);
    let bytes_max = if status == 200 { bundle::SIZE_MAX as u64 } else { PROBLEM_BYTES_MAX };
    let body =
        response.body_mut().with_config().limit(bytes_max).read_to_vec().map_err(|error| failure(host, error))?;

    let is = |wanted: &str| media_type.split(';').next().is_some_and(|found| found.trim().eq_ignore_ascii_case(wanted));
    match status {
        200 if is("application/cbor") => Ok(Reply::Bundle(body)),
        204 => Ok(Reply::Done),
        400..=599 if is("application/problem+json") => Err(refusal(host, status, &body, retry_after)),
        500..=599 => Err(Error::HostFailed { host: host.to_owned(), status, said: None }),
        _ => {
            let found = format!("HTTP status {status} with {media_type:?}");
            Err(Error::NotAKeymusterHost { host: host.to_owned(), found })
        }
    }
}

/// Who or what failed where no answer came.
fn failure(host: &str, error: ureq::Error) -> Error {
    let host = host.to_owned();
    match error {
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Error::ConnectionRefused { host },
        ureq::Error::Io(error) => Error::HostUnreachable { host, why: error.to_string() },
        ureq::Error::Timeout(ureq::Timeout::Connect) => {
            Error::HostUnreachable { host, why: "no connection in time".into() }
        }
        ureq::Error::Timeout(_) => Error::HostUnreachable { host, why: "no answer in time".into() },
        ureq::Error::ConnectionFailed => Error::HostUnreachable { host, why: "no connection".into() },
        other => Error::NotAKeymusterHost { host, found: other.to_string() },
    }
}

/// Problem details as an error: a refusal of the rules, or a failure of the host.
fn refusal(host: &str, status: u16, body: &[u8], retry_after: Option<Duration>) -> Error {
    let Some(said) = problem(host, body, retry_after) else {
        let found = format!("HTTP status {status} without a code");
        return Error::NotAKeymusterHost { host: host.to_owned(), found };
    };
    let is_known_failure = said.code().name == said.name && said.code().kind == CodeKind::Failure;
    let is_unknown_failure = said.code().name != said.name && status >= 500;
    match is_known_failure && status >= 500 || is_unknown_failure {
        true => Error::HostFailed { host: host.to_owned(), status, said: Some(Box::new(said)) },
        false => Error::Refused(Box::new(said)),
    }
}

pub(crate) fn problem(host: &str, body: &[u8], retry_after: Option<Duration>) -> Option<Refused> {
    let Value::Object(members) = serde_json::from_slice(body).ok()? else { return None };
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let name = text("code").or_else(|| text("type")?.strip_prefix("urn:keymuster:code:"))?;
    let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_name) {
        return None;
    }
    let standard = ["type", "title", "status", "detail", "instance", "code"];
    let further = members.iter().filter(|(name, _)| !standard.contains(&name.as_str())).take(MEMBERS_MAX);
    let further = further.filter_map(|(name, value)| {
        let value = match value {
            Value::Number(number) => Member::Number(number.as_u64()?),
            Value::String(text) => Member::Text(plain(text)),
            _ => return None,
        };
        Some((plain(name), value))
    });
    let detail = text("detail").or_else(|| text("title")).unwrap_or(name);
    Some(Refused {
        name: name.to_owned(),
        detail: plain(detail),
        members: further.collect(),
        retry_after,
        host: host.to_owned(),
    })
}

/// A text from outside as one line that no terminal stumbles over.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect()
}
