//! A host's administration interface, spoken to from elsewhere: with a token from a file, over HTTP to this machine alone.
//!
//! The token opens what it may open to whoever reads it, so it goes to no proxy, along no redirect and over no network
//! without TLS: another machine's host is reached through an ssh tunnel.

pub mod shown;

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use keymuster_core::codes;
use serde_json::Value;
use ureq::http::Request;

use crate::answer::note;
use crate::exit;
use crate::failure::Failure;

/// The host of this machine.
pub const URL: &str = "http://127.0.0.1:1689";
/// Longer than the host takes for anything.
const WITHIN: Duration = Duration::from_secs(60);
/// Lists come in pages far below this.
const ANSWER_MAX: u64 = 16 * 1024 * 1024;
/// What a file with a token may have; a token has 47 characters.
const TOKEN_FILE_MAX: u64 = 1024;

/// A host, and the token for it.
pub struct Remote {
    url: String,
    token: String,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    method: &'static str,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Ask {
    /// Looks at something.
    pub fn get(path: &str) -> Ask {
        Ask { method: "GET", path: path.to_owned(), query: Vec::new(), body: None }
    }

    /// Does something.
    pub fn act(method: &'static str, path: &str, body: Option<Value>) -> Ask {
        Ask { method, path: path.to_owned(), query: Vec::new(), body }
    }

    /// Adds a parameter, where there is a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Ask {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }
}

impl Remote {
    /// The host at `url`, which has to be on this machine, and the token in a file.
    pub fn new(url: &str, token_file: &Path) -> Result<Remote, Failure> {
        let url = url.trim_end_matches('/').to_owned();
        check(&url)?;
        Ok(Remote { url, token: token(token_file)? })
    }

    /// Asks once; nothing is repeated.
    pub fn ask(&self, ask: &Ask) -> Result<Value, Failure> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(WITHIN))
            .build();
        let builder = Request::builder().method(ask.method).uri(self.address(ask));
        let builder = builder.header("authorization", format!("Bearer {}", self.token));
        let agent = ureq::Agent::new_with_config(config);
        let malformed = |error: ureq::http::Error| self.unreachable(&error.to_string());
        let answered = match &ask.body {
            Some(body) => {
                let builder = builder.header("content-type", "application/json");
                agent.run(builder.body(body.to_string()).map_err(malformed)?)
            }
            None => agent.run(builder.body(()).map_err(malformed)?),
        };
        let mut response = answered.map_err(|error| self.unreachable(&error.to_string()))?;
        let text = response.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        let text = text.map_err(|error| self.unreachable(&error.to_string()))?;
        let status = response.status().as_u16();
        if response.status().is_success() {
            let value = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
            return value.map_err(|_| self.unreachable("the answer is no JSON"));
        }
        Err(problem(status, &text))
    }

    /// Asks for a list, page by page, until there are `most` rows in `member`.
    pub fn list(&self, ask: &Ask, member: &str, most: usize) -> Result<Value, Failure> {
        let mut whole = self.ask(ask)?;
        loop {
            let next = whole["next"].clone();
            let rows = whole[member].as_array().map_or(0, Vec::len);
            if next.is_null() || rows >= most {
                break;
            }
            let after = next.as_str().map_or_else(|| next.to_string(), str::to_owned);
            let mut more = self.ask(&ask.clone().with("after", Some(after)))?;
            whole["next"] = more["next"].take();
            let Some(new) = more[member].as_array_mut().filter(|new| !new.is_empty()) else { break };
            if let Some(rows) = whole[member].as_array_mut() {
                rows.append(new);
            }
        }
        if let Some(rows) = whole[member].as_array_mut() {
            rows.truncate(most);
        }
        Ok(whole)
    }

    fn address(&self, ask: &Ask) -> String {
        let mut address = format!("{}/api/v1{}", self.url, ask.path);
        for (place, (name, value)) in ask.query.iter().enumerate() {
            let _ = write!(address, "{}{name}={}", if place == 0 { '?' } else { '&' }, encoded(value));
        }
        address
    }

    fn unreachable(&self, why: &str) -> Failure {
        let advice = "see whether the host runs there: `keymuster-host status`; from another machine a tunnel leads to it: \
                      `ssh -N -L 1689:127.0.0.1:1689 HOST`";
        Failure::environment(format!("no answer from {}: {why}", self.url), advice)
    }
}

/// A part of an address, with what has a meaning there in per cent form.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = if plain(byte) { write!(all, "{}", byte as char) } else { write!(all, "%{byte:02X}") };
        all
    })
}

fn check(url: &str) -> Result<(), Failure> {
    let tunnel = "open a tunnel, `ssh -N -L 1689:127.0.0.1:1689 HOST`, and use http://127.0.0.1:1689";
    if url.starts_with("https://") {
        return Err(Failure::usage(format!("{url}: https is not spoken here yet"), tunnel));
    }
    let wrong = || Failure::usage(format!("{url:?} is no address of a host"), format!("write it as {URL}"));
    let authority = url.strip_prefix("http://").ok_or_else(wrong)?;
    if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
        return Err(wrong());
    }
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(wrong)?.0,
        None => authority.split_once(':').map_or(authority, |(name, _)| name),
    };
    let is_here = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_here {
        return Ok(());
    }
    let message = format!("{url} is another machine, and the token would cross the network for everybody to read");
    Err(Failure::usage(message, tunnel))
}

fn token(path: &Path) -> Result<String, Failure> {
    let metadata = fs::metadata(path).map_err(|why| Failure::file(path, &why))?;
    let is_token = |token: &String| token.starts_with("kmt_") && token.bytes().all(|byte| byte.is_ascii_graphic());
    let shown = path.display();
    let text = if metadata.len() > TOKEN_FILE_MAX { Ok(String::new()) } else { fs::read_to_string(path) };
    let text = text.map_err(|why| Failure::file(path, &why))?.trim().to_owned();
    let advice = "make one in the console under Accounts, and keep it in a file that only you read";
    let text = Some(text).filter(is_token);
    let text = text.ok_or_else(|| Failure::usage(format!("{shown} does not hold a token (kmt_…)"), advice))?;
    if metadata.mode() & 0o077 != 0 {
        note(format!("note: others can read the token in {shown}; `chmod 600 {shown}`"));
    }
    Ok(text)
}

/// What the host says instead of an answer.
fn problem(status: u16, text: &str) -> Failure {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let words = |member: &str| problem[member].as_str().unwrap_or_default().to_owned();
    let code = codes::all().find(|code| problem["code"] == code.name);
    let exit = if (400..500).contains(&status) { exit::REFUSED } else { exit::ENVIRONMENT };
    let message = match (words("detail"), words("title"), code) {
        (detail, title, _) if detail.is_empty() && title.is_empty() => {
            format!("the host answered with status {status}")
        }
        (detail, title, _) if detail.is_empty() => title,
        (detail, _, Some(_)) => detail,
        (detail, _, None) => format!("{detail} ({})", words("code")),
    };
    Failure::told(message, code, exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_on_this_machine() {
        for (url, expected) in [
            ("http://127.0.0.1:1689", None),
            ("http://127.8.9.1", None),
            ("http://localhost:1", None),
            ("http://[::1]:1689", None),
            ("https://host.example", Some("https is not spoken")),
            ("http://host.example:1689", Some("another machine")),
            ("http://192.0.2.1", Some("another machine")),
            ("http://localhost.example", Some("another machine")),
            ("http://localhost@host.example", Some("no address")),
            ("http://", Some("no address")),
            ("ftp://127.0.0.1", Some("no address")),
            ("127.0.0.1:1689", Some("no address")),
        ] {
            let said = check(url).err().map(|failure| failure.to_string());
            match expected {
                None => assert_eq!(said, None, "{url}"),
                Some(part) => assert!(said.as_ref().is_some_and(|said| said.contains(part)), "{url}: {said:?}"),
            }
        }
    }

    #[test]
    fn parts_of_addresses_cannot_leave_their_place() {
        assert_eq!(encoded("threshold.desk-1"), "threshold.desk-1");
        assert_eq!(encoded("a/b?c=d&é"), "a%2Fb%3Fc%3Dd%26%C3%A9");
    }
}
