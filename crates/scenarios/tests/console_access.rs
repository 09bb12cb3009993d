//! Whom each route of each console admits, and a try of every cell: sessions of each role, none, ended ones, tokens with
//! and without the scope, and requests that come from elsewhere.
//!
//! The tables (`console_access/`) have one line for each route; a route without a line fails, and so does a line without a
//! route.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[path = "console_access/authority.rs"]
mod authority;
#[path = "console_access/both.rs"]
mod both;
#[path = "console_access/host.rs"]
mod host;
#[path = "console_access/people.rs"]
mod people;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;

use axum::Router;
use axum::http::Method;
use keymuster_scenarios::console::{Answer, Console};
use keymuster_service::Stop;
use keymuster_service::console::permission::{Permission, Role};
use keymuster_service::edge::{self, Limits};
use people::People;

/// Whom a route admits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admits {
    /// Whoever asks, under any name of the server: supervisors.
    Supervisors,
    /// Whoever asks, from the server's own pages.
    Anyone,
    /// People with a session and this permission.
    People(Permission),
    /// Programs with a token that has this permission as a scope.
    Programs(Permission),
}

/// Method, path, and whom it admits.
pub type Line = (&'static str, &'static str, Admits);

/// How a request was met at the door.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Met {
    Admitted,
    SentToSignIn,
    NotSignedIn,
    PermissionMissing,
    CrossSite,
    NameNotAllowed,
}

/// A console that serves, with its routes as it recorded them.
pub struct Served {
    pub console: Console,
    pub routes: Vec<(Method, String)>,
    pub people: People,
}

const OTHER_SITE: &str = "http://other.example";
const FORM: &str = "application/x-www-form-urlencoded";

/// One way to ask, and how it has to be met.
struct Cell {
    what: String,
    headers: Vec<(&'static str, String)>,
    met: Met,
}

fn cell(what: impl Into<String>, headers: &[(&'static str, &str)], met: Met) -> Cell {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Cell { what: what.into(), headers, met }
}

fn with<'a>(who: [(&'static str, &'a str); 2], more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    [&who[..], more].concat()
}

impl Met {
    fn of(answer: &Answer) -> Met {
        let says = |code: &str| answer.body.contains(code);
        match answer.status {
            // Signing out leads there as well, and takes the cookie away.
            303 if answer.header("location").starts_with("/sign-in") && answer.cookie().is_none() => Met::SentToSignIn,
            401 if says("not-signed-in") => Met::NotSignedIn,
            403 if says("permission-missing") => Met::PermissionMissing,
            403 if says("cross-site") => Met::CrossSite,
            421 if says("name-not-allowed") => Met::NameNotAllowed,
            _ => Met::Admitted,
        }
    }
}

/// Everything that is tried on a route.
fn cells(served: &Served, method: &str, admits: Admits) -> Vec<Cell> {
    let mut cells = match admits {
        Admits::Supervisors => return vec![cell("anybody", &[("host", "other.example")], Met::Admitted)],
        Admits::Anyone => vec![cell("anybody", &[], Met::Admitted)],
        Admits::People(permission) => people_cells(&served.people, permission, method),
        Admits::Programs(permission) => program_cells(&served.people, permission),
    };
    let own = format!("http://{}", served.console.address);
    let is_act = method != "GET";
    for cell in &mut cells {
        if is_act {
            cell.headers.push(("origin", own.clone()));
        }
    }
    let (cookie, bearer) = match admits {
        Admits::Programs(_) => (String::new(), served.people.token(Role::Administrator, &Permission::ALL)),
        _ => (served.people.session(Role::Administrator), String::new()),
    };
    let who = [("cookie", &cookie[..]), ("authorization", &bearer[..])];
    cells.push(cell(
        "by a name of somebody else",
        &with(who, &[("host", "other.example"), ("origin", &own)]),
        Met::NameNotAllowed,
    ));
    if is_act && bearer.is_empty() {
        cells.push(cell("from nowhere", &who, Met::CrossSite));
        cells.push(cell("from another site", &with(who, &[("origin", OTHER_SITE)]), Met::CrossSite));
        cells.push(cell("from a page without origin", &with(who, &[("origin", "null")]), Met::CrossSite));
        for site in ["cross-site", "same-site"] {
            let headers = with(who, &[("origin", &own), ("sec-fetch-site", site)]);
            cells.push(cell(format!("from what the browser calls {site}"), &headers, Met::CrossSite));
        }
    }
    cells
}

fn people_cells(people: &People, permission: Permission, method: &str) -> Vec<Cell> {
    let mut cells = vec![
        cell("nobody", &[], Met::SentToSignIn),
        cell("somebody with an unknown session", &[("cookie", &people.cookie("unknown"))], Met::SentToSignIn),
        cell("somebody who is disabled", &[("cookie", &people.session_of_disabled())], Met::SentToSignIn),
        cell("somebody who went away", &[("cookie", &people.idle_session())], Met::SentToSignIn),
        cell("somebody who came yesterday", &[("cookie", &people.old_session())], Met::SentToSignIn),
    ];
    let bearer = people.token(Role::Administrator, &Permission::ALL);
    cells.push(cell("a program", &[("authorization", &bearer)], Met::SentToSignIn));
    if method == "GET" {
        cells.push(cell("a page whose session has ended", &[("keymuster-live", "1")], Met::NotSignedIn));
    }
    for role in Role::ALL {
        let is_admitted = role.permissions().contains(&permission);
        let met = if is_admitted { Met::Admitted } else { Met::PermissionMissing };
        cells.push(cell(role.name(), &[("cookie", &people.session(role))], met));
    }
    cells
}

fn program_cells(people: &People, permission: Permission) -> Vec<Cell> {
    let administrator = Role::Administrator;
    let others: Vec<Permission> = Permission::ALL.into_iter().filter(|other| *other != permission).collect();
    let bearer = |value: &str, what: &str, met: Met| cell(what, &[("authorization", value)], met);
    let mut cells = vec![
        cell("nobody", &[], Met::NotSignedIn),
        cell("a person", &[("cookie", &people.session(administrator))], Met::NotSignedIn),
        bearer("Bearer kmt_unknown", "an unknown token", Met::NotSignedIn),
        bearer("Basic YWRhOmFkYQ==", "a password", Met::NotSignedIn),
        bearer(&people.ended_token(), "a token that has ended", Met::NotSignedIn),
        bearer(&people.revoked_token(), "a token that was revoked", Met::NotSignedIn),
        bearer(&people.token_of_disabled(), "a token of somebody who is disabled", Met::NotSignedIn),
        bearer(&people.token(administrator, &[permission]), "a token with the scope", Met::Admitted),
        bearer(&people.token(administrator, &others), "a token with all other scopes", Met::PermissionMissing),
    ];
    for role in Role::ALL {
        let is_admitted = role.permissions().contains(&permission);
        let met = if is_admitted { Met::Admitted } else { Met::PermissionMissing };
        // As after the account got another role.
        let value = people.token(role, &Permission::ALL);
        cells.push(bearer(&value, &format!("a token with all scopes of the role {role}"), met));
    }
    cells
}

/// Holds the table against the routes, then tries every cell.
fn check(served: &Served, table: &[Line]) {
    let recorded: BTreeSet<String> = served.routes.iter().map(|(method, path)| format!("{method} {path}")).collect();
    let written: BTreeSet<String> = table.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let missing: Vec<_> = recorded.difference(&written).collect();
    let beyond: Vec<_> = written.difference(&recorded).collect();
    assert!(missing.is_empty(), "these routes have no line in the access table: {missing:#?}");
    assert!(beyond.is_empty(), "these lines of the access table have no route: {beyond:#?}");
    let mut wrong = String::new();
    for (method, path, admits) in table {
        for cell in cells(served, method, *admits) {
            let headers: Vec<(&str, &str)> = cell.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let kind = [("content-type", if *method == "GET" { "" } else { FORM })];
            let filled = fill(path);
            let answer = served.console.send(method, &filled, &[&headers[..], &kind].concat(), "").unwrap();
            let met = Met::of(&answer);
            if met != cell.met || answer.status >= 500 {
                let _ = writeln!(
                    wrong,
                    "{method} {path}, {}: {met:?} instead of {:?} ({})",
                    cell.what, cell.met, answer.status
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A path whose parameters name nothing.
fn fill(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "unknown" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// A router, and its routes as it recorded them.
type Recorded = (Router, Vec<(Method, String)>);

/// Serves a router on a free port for as long as `work` takes.
fn serve_router(recorded: Recorded, limits: Limits, work: impl FnOnce(SocketAddr, Vec<(Method, String)>)) {
    let (router, routes) = recorded;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(edge::bind(([127, 0, 0, 1], 0).into(), "--admin-listen")).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let serving = runtime.spawn(edge::serve(listener, router, limits, stop.clone()));
    work(address, routes);
    stop.now();
    runtime.block_on(serving).unwrap();
}

#[test]
fn the_host_admits_whom_its_table_names() {
    host::serve(|served| check(served, &[both::TABLE, host::TABLE].concat()));
}

#[test]
fn the_authority_admits_whom_its_table_names() {
    authority::serve(|served| check(served, &[both::TABLE, authority::TABLE].concat()));
}
