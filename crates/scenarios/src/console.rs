//! A console as people and programs use it: HTTP with a session or a token, and the commands on its data directory.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use ureq::http::{HeaderMap, Request};
use ureq::{Agent, Body};

use crate::programs::{self, Running};

/// The password of everybody.
pub const PASSWORD: &str = "a lamp in the fog";
/// The first administrator.
pub const ADMINISTRATOR: &str = "ada";

/// The console of a program that runs.
#[derive(Clone, Debug)]
pub struct Console {
    /// Where it is.
    pub address: SocketAddr,
    program: &'static str,
    data_dir: PathBuf,
    agent: Agent,
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The console.
    pub console: Console,
    /// The header `Cookie` of their browser.
    pub cookie: String,
}

/// What a console answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text; of a file, what can be read of it.
    pub body: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The session that the answer begins, as the header `Cookie`.
    pub fn cookie(&self) -> Option<String> {
        let pair = self.header("set-cookie").split(';').next()?;
        pair.contains('=').then(|| pair.to_owned())
    }

    /// The body as JSON.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {}", self.body))
    }
}

impl Console {
    /// The console of `program`, which runs on `data_dir` and takes administrators at `address`.
    pub fn new(program: &'static str, address: SocketAddr, data_dir: &Path) -> Console {
        let config = Agent::config_builder().max_redirects(0).http_status_as_error(false);
        Console { address, program, data_dir: data_dir.to_owned(), agent: config.build().into() }
    }

    /// Becomes the first administrator with the token that the program prints at its start. Nothing of what it prints may
    /// have been read beyond the addresses.
    pub fn claim(&self, running: &mut Running) -> anyhow::Result<SignedIn> {
        let token = running.line_after("one-time token ")?;
        self.claim_with(&token, ADMINISTRATOR)
    }

    /// Sets the password of an account with a one-time token.
    pub fn claim_with(&self, token: &str, name: &str) -> anyhow::Result<SignedIn> {
        let form = [("token", token), ("name", name), ("password", PASSWORD), ("again", PASSWORD)];
        self.entered(&self.post("/claim", "", &form)?)
    }

    /// Makes an account by command, and signs in to it.
    pub fn with_account(&self, name: &str, role: &str) -> anyhow::Result<SignedIn> {
        self.run(&["account", "add", name, "--role", role], PASSWORD)?;
        self.sign_in(name)
    }

    /// Signs in.
    pub fn sign_in(&self, name: &str) -> anyhow::Result<SignedIn> {
        self.entered(&self.post("/sign-in", "", &[("name", name), ("password", PASSWORD)])?)
    }

    fn entered(&self, answer: &Answer) -> anyhow::Result<SignedIn> {
        ensure!(answer.status == 303, "{answer:?}");
        let cookie = answer.cookie().with_context(|| format!("no session: {answer:?}"))?;
        Ok(SignedIn { console: self.clone(), cookie })
    }

    /// Makes a token of an account by command.
    pub fn token(&self, account: &str, scopes: &[&str]) -> anyhow::Result<String> {
        let scopes = scopes.join(",");
        let printed = self.run(&["token", "create", "--account", account, "--name", "test", "--scope", &scopes], "")?;
        Ok(printed.trim().to_owned())
    }

    /// Runs a command on the data directory, with a line on standard input, and returns what it printed.
    pub fn run(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        let mut command = programs::command(self.program)?;
        command.arg("--data-dir").arg(&self.data_dir).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        // A command that needs no input may have ended already.
        let _ = child.stdin.take().context("no standard input")?.write_all(input.as_bytes());
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// A request with any headers; the name of the server is among them, unless another is given.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let request = request.body(body.as_ref().to_vec())?;
        let config = self.agent.configure_request(request).allow_non_standard_methods(true).build();
        let mut response: ureq::http::Response<Body> = self.agent.run(config)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // What is downloaded may be no text.
        let bytes = response.body_mut().read_to_vec()?;
        Ok(Answer { status, headers, body: String::from_utf8_lossy(&bytes).into_owned(), bytes })
    }

    /// A form as the console's own pages send it, with the header `Cookie`, if there is one.
    pub fn post(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let origin = format!("http://{}", self.address);
        let kind = "application/x-www-form-urlencoded";
        let headers = [("content-type", kind), ("origin", &origin), ("cookie", cookie)];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send("POST", path, &headers, &body)
    }
}

impl SignedIn {
    /// A page.
    pub fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.console.send("GET", path, &[("cookie", &self.cookie)], "")
    }

    /// A form.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> anyhow::Result<Answer> {
        self.console.post(path, &self.cookie, form)
    }
}
