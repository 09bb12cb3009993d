//! The administration APIs keep what their own descriptions promise, whatever they are sent and by whom.
//!
//! Schemathesis reads the description from the running program and makes up requests, sound and unsound. A longer run:
//! `KEYMUSTER_API_EXAMPLES=500 cargo test -p keymuster-scenarios --test console_api`, with `KEYMUSTER_API_SEED` for others.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::path::Path;
use std::process::Command;

use common::Place;
use keymuster_core::request::Act;
use keymuster_scenarios::console::Console;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::Authority;
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_service::console::permission::Role;

/// Requests that are made up for each operation, besides those that its description calls for one by one.
const EXAMPLES: &str = "15";

/// What a description can say is sound may still be unknown or out of range here, which 422 says.
const SETTINGS: &str = r#"
headers = { Authorization = "Bearer ${TOKEN}" }
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
"#;

#[test]
fn a_host_keeps_its_promises_to_a_viewer() {
    check_host(Role::Viewer);
}

#[test]
fn a_host_keeps_its_promises_to_an_operator() {
    check_host(Role::Operator);
}

#[test]
fn a_host_keeps_its_promises_to_an_administrator() {
    check_host(Role::Administrator);
}

#[test]
fn an_authority_keeps_its_promises_to_a_viewer() {
    check_authority(Role::Viewer);
}

#[test]
fn an_authority_keeps_its_promises_to_an_operator() {
    check_authority(Role::Operator);
}

#[test]
fn an_authority_keeps_its_promises_to_an_administrator() {
    check_authority(Role::Administrator);
}

fn check_host(role: Role) {
    let place = Place::new(Publisher::new(2, 3));
    let host = place.start();
    for number in 0..5 {
        let mut machine = Machine::numbered(number);
        host.activate(&place.request(&mut machine, Act::Activate, VOLUME_EDITION));
        host.activate(&place.request(&mut machine, Act::Activate, SEAT_EDITION));
    }
    try_everything(&host.console(&place.data_dir), role, place.data_dir.parent().unwrap());
    // A host that answered all that must still do what it is for.
    let mut machine = Machine::numbered(77);
    assert_eq!(host.activate(&place.request(&mut machine, Act::Activate, VOLUME_EDITION)).status, 200);
    host.stop();
}

fn check_authority(role: Role) {
    let directory = tempfile::tempdir().unwrap();
    let (mut authority, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
    authority.mint_host_key("server-c-2026", &[]).unwrap();
    authority.mint_mak("server-standard-2026", 5).unwrap();
    try_everything(&authority.console().unwrap(), role, directory.path());
    authority.stop().unwrap();
}

/// Lets Schemathesis loose on a console's interface, with a token that may do all that a role may.
fn try_everything(console: &Console, role: Role, directory: &Path) {
    console.with_account("robot", role.name()).unwrap();
    let scopes: Vec<&str> = role.permissions().iter().map(|permission| permission.name()).collect();
    let token = console.token("robot", &scopes).unwrap();
    std::fs::write(directory.join("schemathesis.toml"), SETTINGS).unwrap();
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv/bin/schemathesis");
    assert!(venv.exists(), "run `cargo xtask setup`");
    let from_environment = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let examples = from_environment("KEYMUSTER_API_EXAMPLES", EXAMPLES);
    let seed = from_environment("KEYMUSTER_API_SEED", "1");
    let mut command = Command::new(venv);
    command.current_dir(directory).env("TOKEN", &token);
    command.args(["run", "--checks", "all", "--mode", "all", "--continue-on-failure", "--max-response-time", "5"]);
    command.args(["--max-examples", &examples, "--seed", &seed, "--no-color"]);
    // The description names the port that a program has by default.
    let url = format!("http://{}", console.address);
    let output = command.args(["--origin", &url]).arg(format!("{url}/api/v1/openapi.json")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "as {role}:\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" generated, "), "{said}");
}
