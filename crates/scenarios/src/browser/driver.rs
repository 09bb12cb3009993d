//! The W3C WebDriver protocol as far as the tests need it, spoken to a chromedriver of their own.
//!
//! Written here because the crates for it bring eighty packages and an asynchronous runtime; this is one function and a
//! process. Chromium hangs on a pipe of chromedriver's, so it ends with it, however that ends.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::programs::Running;

/// Longer than any command may take, loading a page included.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The name of the member that marks a reference to an element, given by the protocol.
pub const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A chromedriver with one window of Chromium, whose profile nobody used before.
#[derive(Debug)]
pub struct Driver {
    agent: Agent,
    session: String,
    _running: Running,
    /// Profile and downloads.
    directory: TempDir,
}

impl Driver {
    /// Starts both.
    pub fn start() -> anyhow::Result<Driver> {
        let directory = tempfile::tempdir()?;
        let mut command = Command::new("chromedriver");
        command.arg("--port=0");
        let mut running = Running::start(&mut command, Stdio::null()).context("run `cargo xtask setup`")?;
        let port = running.line_after("ChromeDriver was started successfully on port ")?;
        let base = format!("http://127.0.0.1:{}/session", port.trim_end_matches('.'));
        let agent = Agent::config_builder().timeout_global(Some(ANSWER_WITHIN)).http_status_as_error(false).build();
        let mut driver = Driver { agent: agent.into(), session: base, _running: running, directory };
        let session = driver.send("", &driver.capabilities())?;
        let id = session["sessionId"].as_str().context("a session without an id")?;
        driver.session = format!("{}/{id}", driver.session);
        Ok(driver)
    }

    fn capabilities(&self) -> Value {
        let profile = format!("--user-data-dir={}", self.directory.path().join("profile").display());
        let mut arguments = vec![
            "--headless=new",
            "--remote-debugging-pipe",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-gpu",
            "--disable-sync",
            "--force-color-profile=srgb",
            "--hide-scrollbars",
            "--lang=en-GB",
            "--no-first-run",
            &profile,
        ];
        if rustix::process::geteuid().is_root() {
            // Chromium's sandbox refuses to be set up by root, as whom tests run in containers.
            arguments.push("--no-sandbox");
        }
        json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium",
                "args": arguments,
                "prefs": { "download.default_directory": self.downloads() },
            },
        }}})
    }

    /// Where downloads go.
    pub fn downloads(&self) -> std::path::PathBuf {
        self.directory.path().join("downloads")
    }

    /// Sends one command of the protocol, with a body.
    pub fn send(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.session)).header("content-type", "application/json");
        value(path, request.send(body.to_string())?)
    }

    /// Sends one command of the protocol, without a body.
    pub fn ask(&self, path: &str) -> anyhow::Result<Value> {
        value(path, self.agent.get(format!("{}{path}", self.session)).call()?)
    }

    /// Sends one command of Chromium's own protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> anyhow::Result<Value> {
        self.send("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Runs a script in the page: the body of a function, whose `arguments` are given.
    pub fn run(&self, script: &str, arguments: Value) -> anyhow::Result<Value> {
        self.send("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Runs a script in the page that calls its last argument when it is done.
    pub fn run_until_called(&self, script: &str, arguments: Value) -> anyhow::Result<Value> {
        self.send("/execute/async", &json!({ "script": script, "args": arguments }))
    }
}

fn value(path: &str, mut answer: ureq::http::Response<ureq::Body>) -> anyhow::Result<Value> {
    // Pictures are longer than what the agent reads by default.
    let text = answer.body_mut().with_config().limit(64 << 20).read_to_string()?;
    let mut answer: Value = serde_json::from_str(&text)?;
    let value = answer["value"].take();
    if let Some(error) = value["error"].as_str() {
        let message = value["message"].as_str().unwrap_or_default();
        bail!("{path}: {error}: {}", message.lines().next().unwrap_or_default());
    }
    Ok(value)
}
