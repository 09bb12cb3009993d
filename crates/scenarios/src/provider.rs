//! A real OpenID Connect provider (`oidc-provider`, which is certified) on a free port of the loopback, for signing in
//! through somebody else. `cargo xtask setup` installs it. Dropping the value ends the process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::programs::Running;

/// Started with `--eval`, modules are looked for where the process stands, which is where setup put them.
const SCRIPT: &str = include_str!("../tools/provider.mjs");
/// More pages than anybody passes through on the way back.
const STEPS_MAX: usize = 12;

/// A provider that runs.
#[derive(Debug)]
pub struct Provider {
    /// Its address, as it stands in id tokens.
    pub issuer: String,
    /// The one client that it knows.
    pub client_id: &'static str,
    /// That client's secret.
    pub client_secret: &'static str,
    /// Who can sign in there.
    pub users: [User; 4],
    _running: Running,
}

/// Somebody whom the provider knows; any password is theirs.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// What they enter at the provider, and the claim `sub`.
    pub login: &'static str,
    /// The claim `name`.
    pub name: &'static str,
    /// The claim `email`.
    pub email: &'static str,
    /// The claim `groups`.
    pub groups: &'static [&'static str],
}

const USERS: [User; 4] = [
    User { login: "ada", name: "Ada Admin", email: "ada@corp.example", groups: &["staff", "licence-admins"] },
    User { login: "olaf", name: "Olaf Operator", email: "olaf@corp.example", groups: &["staff", "licence-operators"] },
    User { login: "vera", name: "Vera Viewer", email: "vera@corp.example", groups: &["staff"] },
    User { login: "gustav", name: "Gustav Guest", email: "gustav@elsewhere.example", groups: &[] },
];

impl Provider {
    /// Starts one whose client may come back to `callback_path` on any port of 127.0.0.1 or localhost.
    pub fn start(callback_path: &str) -> anyhow::Result<Provider> {
        let (client_id, client_secret) = ("keymuster-console", "a-secret-between-two-programs-of-a-test");
        let people: Vec<Value> = USERS.iter().map(User::claims).collect();
        let settings = json!({
            "client_id": client_id,
            "client_secret": client_secret,
            "callback_path": callback_path,
            "people": people,
        });
        let tools = tools();
        ensure!(tools.join("node_modules/oidc-provider").exists(), "no provider: run `cargo xtask setup`");
        let mut command = Command::new("node");
        command.args(["--input-type=module", "--eval", SCRIPT]).current_dir(tools);
        command.env("KEYMUSTER_PROVIDER", settings.to_string());
        let mut running = Running::start(&mut command, Stdio::null())?;
        let issuer = running.line_after("listening on ")?;
        Ok(Provider { issuer, client_id, client_secret, users: USERS, _running: running })
    }

    /// Does what a browser does from the redirect to this provider up to the redirect back, which is returned unvisited.
    pub fn sign_in(&self, authorization_url: &str, user: &User) -> anyhow::Result<String> {
        let agent: Agent = Agent::config_builder().max_redirects(0).http_status_as_error(false).build().into();
        let mut cookies = Vec::new();
        let mut url = authorization_url.to_owned();
        for _ in 0..STEPS_MAX {
            if !url.starts_with(&self.issuer) {
                return Ok(url);
            }
            let mut answer = agent.get(&url).header("cookie", cookies.join("; ")).call()?;
            note_cookies(&mut cookies, &answer);
            if answer.status() == 200 {
                // One of two forms: who it is, and whether that person agrees.
                let page = answer.body_mut().read_to_string()?;
                let action = between(&page, "action=\"", "\"").context("a page without a form")?;
                let prompt = between(&page, "name=\"prompt\" value=\"", "\"").context("a form without a prompt")?;
                let fields = [("prompt", prompt), ("login", user.login), ("password", "any")];
                answer = agent.post(action).header("cookie", cookies.join("; ")).send_form(fields)?;
                note_cookies(&mut cookies, &answer);
            }
            let location = answer.headers().get("location").context("the provider refused")?.to_str()?;
            url = if location.starts_with('/') { format!("{}{location}", self.issuer) } else { location.to_owned() };
        }
        anyhow::bail!("no way back from {url}")
    }
}

impl User {
    fn claims(&self) -> Value {
        json!({
            "sub": self.login,
            "name": self.name,
            "preferred_username": self.login,
            "email": self.email,
            "email_verified": true,
            "groups": self.groups,
        })
    }
}

/// Where setup puts what comes from npm.
pub(crate) fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools")
}

fn note_cookies(cookies: &mut Vec<String>, answer: &Response<Body>) {
    for set in answer.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
        let pair = set.split(';').next().unwrap_or(set).to_owned();
        let name = pair.split('=').next().unwrap_or(&pair).to_owned() + "=";
        cookies.retain(|cookie| !cookie.starts_with(&name));
        cookies.push(pair);
    }
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    Some(rest.split_once(end)?.0)
}
