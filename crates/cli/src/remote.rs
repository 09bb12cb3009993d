//! A host's administration interface, spoken to from elsewhere: with a token from a file, over TLS, or over HTTP to this
//! machine alone.
//!
//! The token opens what it may open to whoever reads it, so it goes to no proxy, along no redirect and over no network
//! without TLS; and over TLS only to a host whose key was told, or for which the system's certificate authorities vouch.

mod address;
mod form;
pub mod shown;

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use keymuster_core::codes;
use keymuster_core::id::to_hex;
use serde_json::Value;
use ureq::http::Request;
use ureq::unversioned::resolver::DefaultResolver;

use crate::answer::note;
use crate::exit;
use crate::failure::Failure;
use address::Address;
pub use form::Part;

pub use address::{Key, URL};

/// How long a connection may take, and the handshake that follows it.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Longer than the host takes for anything: an exchange with an authority and photographs have 150 seconds.
const WITHIN: Duration = Duration::from_secs(170);
/// Lists come in pages far below this; the audit comes as a whole.
const ANSWER_MAX: u64 = 256 * 1024 * 1024;
/// What a file with a token may have; a token has 47 characters.
const TOKEN_FILE_MAX: u64 = 1024;
/// The codes of what can be wrong with a document.
const DOCUMENTS: Range<u16> = 600..700;

/// A host, and the token for it.
pub struct Remote {
    address: Address,
    token: String,
}

/// What is asked for. It may hold a secret key, so it cannot be printed.
#[derive(Clone)]
pub struct Ask {
    method: &'static str,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Nothing,
    Json(Value),
    /// A document.
    File(Vec<u8>),
    /// Documents that belong together.
    Form(Vec<Part>),
}

/// What a host answered.
struct Answered {
    status: u16,
    /// Of how many files this is one.
    files: usize,
    bytes: Vec<u8>,
}

/// A file that a host answered.
pub struct Sent {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Of how many it is one.
    pub files: usize,
}

impl Ask {
    /// Looks at something.
    pub fn get(path: &str) -> Ask {
        Ask { method: "GET", path: path.to_owned(), query: Vec::new(), body: Body::Nothing }
    }

    /// Does something.
    pub fn act(method: &'static str, path: &str, body: Option<Value>) -> Ask {
        let body = body.map_or(Body::Nothing, Body::Json);
        Ask { method, path: path.to_owned(), query: Vec::new(), body }
    }

    /// Hands a document over.
    pub fn file(path: &str, bytes: Vec<u8>) -> Ask {
        Ask { body: Body::File(bytes), ..Ask::act("POST", path, None) }
    }

    /// Hands documents over that belong together.
    pub fn form(path: &str, parts: Vec<Part>) -> Ask {
        Ask { body: Body::Form(parts), ..Ask::act("POST", path, None) }
    }

    /// Adds a parameter, where there is a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Ask {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Adds a member to a body of JSON.
    #[must_use]
    pub fn with_member(mut self, name: &str, value: Value) -> Ask {
        if let Body::Json(body) = &mut self.body {
            body[name] = value;
        }
        self
    }
}

impl Remote {
    /// The host at `url`, whose own key may be known, and the token in a file.
    pub fn new(url: &str, key: Option<Key>, token_file: &Path) -> Result<Remote, Failure> {
        Ok(Remote { address: Address::parse(url, key)?, token: token(token_file)? })
    }

    /// Asks for facts, or has something done.
    pub fn ask(&self, ask: &Ask) -> Result<Value, Failure> {
        let Answered { bytes, .. } = self.done(ask)?;
        let value = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        value.map_err(|_| self.unreachable("the answer is no JSON"))
    }

    /// Asks for a file.
    pub fn file(&self, ask: &Ask) -> Result<Sent, Failure> {
        let Answered { bytes, files, .. } = self.done(ask)?;
        Ok(Sent { bytes, files })
    }

    fn done(&self, ask: &Ask) -> Result<Answered, Failure> {
        let key = (ask.method == "POST").then(idempotency_key);
        let mut answered = self.send(ask, key.as_deref());
        // The act may have been done and its answer lost. With the same key it is done once, however often it is sent.
        if key.is_some() && answered.as_ref().is_err_and(is_cut_off) {
            answered = self.send(ask, key.as_deref());
        }
        let answered = answered.map_err(|error| self.failed(&error))?;
        if (200..300).contains(&answered.status) {
            return Ok(answered);
        }
        Err(problem(answered.status, &answered.bytes))
    }

    fn send(&self, ask: &Ask, key: Option<&str>) -> Result<Answered, ureq::Error> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(WITHIN))
            .build();
        let agent = match self.address.whom {
            None => ureq::Agent::new_with_config(config),
            Some(whom) => {
                let ready = self.address.connect(whom, CONNECT_WITHIN)?;
                ureq::Agent::with_parts(config, ready.into_connector(), DefaultResolver::default())
            }
        };
        let mut builder = Request::builder().method(ask.method).uri(self.uri(ask));
        builder = builder.header("host", &self.address.name);
        builder = builder.header("authorization", format!("Bearer {}", self.token));
        if let Some(key) = key {
            builder = builder.header("idempotency-key", key);
        }
        let (kind, body) = match &ask.body {
            Body::Nothing => (None, Vec::new()),
            Body::Json(body) => (Some("application/json".to_owned()), body.to_string().into_bytes()),
            Body::File(bytes) => (Some("application/octet-stream".to_owned()), bytes.clone()),
            Body::Form(parts) => {
                let (kind, body) = form::written(parts, &idempotency_key());
                (Some(kind), body)
            }
        };
        let mut response = match kind {
            Some(kind) => agent.run(builder.header("content-type", kind).body(body)?)?,
            None => agent.run(builder.body(())?)?,
        };
        let files = response.headers().get("keymuster-files").and_then(|files| files.to_str().ok()?.parse().ok());
        let bytes = response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec()?;
        Ok(Answered { status: response.status().as_u16(), files: files.unwrap_or(1), bytes })
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

    /// An agent over TLS holds a connection that stands already, so that the scheme says nothing.
    fn uri(&self, ask: &Ask) -> String {
        let mut address = format!("http://{}/api/v1{}", self.address.name, ask.path);
        for (place, (name, value)) in ask.query.iter().enumerate() {
            let _ = write!(address, "{}{name}={}", if place == 0 { '?' } else { '&' }, encoded(value));
        }
        address
    }

    fn unreachable(&self, why: &str) -> Failure {
        let advice = "see whether the host runs there: `keymuster-host status`; from another machine take https:// where the \
                      host listens for administrators, or a tunnel: `ssh -N -L 1689:127.0.0.1:1689 HOST`";
        Failure::environment(format!("no answer from {}: {why}", self.address.url), advice)
    }

    fn failed(&self, error: &ureq::Error) -> Failure {
        let is_untrusted = match error {
            ureq::Error::Io(why) => why.get_ref().is_some_and(|why| why.is::<address::Untrusted>()),
            _ => false,
        };
        if !is_untrusted {
            return self.unreachable(&error.to_string());
        }
        let message = format!("{}: {error}; nothing was sent", self.address.url);
        Failure::told(message, Some(&codes::CERTIFICATE_UNTRUSTED), exit::ENVIRONMENT)
    }
}

/// What tells one act from all others.
fn idempotency_key() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("every supported system gives random bytes to every process");
    to_hex(&bytes)
}

/// Whether a connection broke after it was made, so that nobody can tell what became of the request.
fn is_cut_off(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(why) => why.kind() != ErrorKind::ConnectionRefused,
        ureq::Error::Protocol(_) => true,
        _ => false,
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

fn token(path: &Path) -> Result<String, Failure> {
    let metadata = fs::metadata(path).map_err(|why| Failure::file(path, &why))?;
    let is_token = |token: &String| token.starts_with("kmt_") && token.bytes().all(|byte| byte.is_ascii_graphic());
    let shown = path.display();
    let text = if metadata.len() > TOKEN_FILE_MAX { Ok(String::new()) } else { fs::read_to_string(path) };
    let text = text.map_err(|why| Failure::file(path, &why))?.trim().to_owned();
    let advice = "make one in the console under Accounts, and keep it in a file that only you read";
    let text = Some(text).filter(is_token);
    let text = text.ok_or_else(|| Failure::usage(format!("{shown} does not hold a token (kmt_…)"), advice))?;
    if is_open_to_others(&metadata) {
        note(format!("note: others can read the token in {shown}; `chmod 600 {shown}`"));
    }
    Ok(text)
}

#[cfg(unix)]
fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0
}

/// Rights on Windows are no mode; nothing is said about them.
#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

/// What the host says instead of an answer.
fn problem(status: u16, bytes: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let words = |member: &str| problem[member].as_str().unwrap_or_default().to_owned();
    let code = codes::all().find(|code| problem["code"] == code.name);
    let exit = match code {
        Some(code) if DOCUMENTS.contains(&code.number) => exit::INVALID,
        _ if (400..500).contains(&status) => exit::REFUSED,
        _ => exit::ENVIRONMENT,
    };
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
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use serde_json::json;

    use super::*;

    /// Takes one connection after the other, reads a request and says an answer, or nothing; the requests' heads, lowercase.
    fn host(answers: &'static [&'static str]) -> (Remote, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = thread::spawn(move || {
            let serve = |answer: &&str| {
                let mut connection = BufReader::new(listener.accept().unwrap().0);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert!(connection.read_line(&mut head).unwrap() > 0, "{head}");
                }
                let head = head.to_lowercase();
                let length = head.split("content-length: ").nth(1).map_or("0", |rest| rest.lines().next().unwrap());
                connection.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
                connection.get_mut().write_all(answer.as_bytes()).unwrap();
                head
            };
            answers.iter().map(serve).collect()
        });
        (Remote { address: Address::parse(&url, None).unwrap(), token: "kmt_a".to_owned() }, served)
    }

    const YES: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue";

    #[test]
    fn an_act_whose_answer_was_lost_is_sent_again_with_the_same_key() {
        let (remote, served) = host(&["", YES, YES]);
        let act = Ask::act("POST", "/dns/publish", Some(json!({})));
        assert!(remote.ask(&act).is_ok_and(|value| value == json!(true)));
        assert!(remote.ask(&act).is_ok(), "another act");
        let heads = served.join().unwrap();
        let keys: Vec<&str> =
            heads.iter().map(|head| head.split("idempotency-key: ").nth(1).unwrap().lines().next().unwrap()).collect();
        assert!(keys[0] == keys[1] && keys[1] != keys[2] && keys[0].len() == 32, "{keys:?}");
    }

    #[test]
    fn nothing_else_is_sent_twice() {
        for ask in [Ask::get("/keys"), Ask::act("DELETE", "/exchange", None)] {
            let (remote, served) = host(&[""]);
            assert!(remote.ask(&ask).is_err());
            assert!(!served.join().unwrap()[0].contains("idempotency-key"));
        }
    }

    #[test]
    fn parts_of_addresses_cannot_leave_their_place() {
        assert_eq!(encoded("threshold.desk-1"), "threshold.desk-1");
        assert_eq!(encoded("a/b?c=d&é"), "a%2Fb%3Fc%3Dd%26%C3%A9");
    }
}
