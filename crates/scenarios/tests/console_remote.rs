//! `keymuster host` administers the real host with a token.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;
mod remote;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::Place;
use keymuster_core::request::Act;
use keymuster_scenarios::console::Console;
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_scenarios::programs;
use remote::{ALL, Administrator, write};
use serde_json::Value;

fn token_file(place: &Place, console: &Console, scopes: &[&str]) -> PathBuf {
    let path = place.data_dir.with_extension(scopes.join("-"));
    write(&path, &console.token("ada", scopes).unwrap());
    path
}

#[test]
fn a_host_is_administered_from_its_command_line_elsewhere() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let console = host.console(&place.data_dir);
    console.with_account("ada", "administrator").unwrap();
    let url = format!("http://{}", host.administration);
    let all = token_file(&place, &console, &ALL);
    let ada = Administrator { url: url.clone(), token_file: all.clone() };
    let looks = Administrator { url, token_file: token_file(&place, &console, &["look"]) };

    for (who, arguments, exit, parts) in [
        (&ada, "settings list", 0, &["PUBLISHER", "renewal-interval", "7 days", "fixture"][..]),
        (
            &ada,
            "settings preview renewal-interval 2h",
            0,
            &["renewal-interval would be 2 hours; it was", "  - clients"],
        ),
        (&ada, "settings set renewal-interval 2h", 0, &["renewal-interval is 2 hours; it was 7 days"]),
        (&ada, "settings list --json", 0, &[r#""by":"ada (token test)""#]),
        (&ada, "settings unset renewal-interval --publisher fixture", 0, &["is 7 days; it was 2 hours"]),
        (
            &ada,
            "settings set renewal-interval 400d",
            1,
            &["renewal-interval", "KM-422 setting-out-of-range", "what to do: "],
        ),
        (&ada, "settings set nothing 1", 1, &["there is no setting", "KM-445 record-unknown"]),
        (&looks, "settings set port 1700", 1, &["permission settings", "KM-442 permission-missing"]),
        (&looks, "audit --search setting", 0, &["setting taken back", "setting changed", "ada (token test)"]),
        (&looks, "audit --last 1", 0, &["setting taken back"]),
        (&looks, "dns show", 0, &["is publishing: no", "why not: "]),
        (&ada, "settings", 2, &["Usage"]),
    ] {
        let (found, out, err) = who.says(arguments);
        assert_eq!(found, exit, "{arguments}: {out}{err}");
        for part in parts {
            assert!((out.clone() + &err).contains(part), "{arguments}: {part:?} is not in {out}{err}");
        }
        assert!(!(out.clone() + &err).contains("kmt_"), "{arguments}: {out}{err}");
    }

    host.stop();
    let (exit, _, err) = ada.says("settings list");
    assert_eq!(exit, 3, "{err}");
    assert!(err.contains("no answer from http://127.0.0.1:") && err.contains("ssh -N -L"), "{err}");

    let elsewhere = Administrator { url: "http://host.example:1689".to_owned(), token_file: all };
    let (exit, _, err) = elsewhere.says("settings list");
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("the token would cross the network"), "{err}");
}

#[test]
fn over_tls_a_host_is_recognised_before_the_token_is_sent() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let console = host.console(&place.data_dir);
    console.with_account("ada", "administrator").unwrap();
    let token_file = token_file(&place, &console, &ALL);
    let here = |scheme: &str| format!("{scheme}://{}", host.administration);
    let ada = |url: String| Administrator { url, token_file: token_file.clone() };
    let mut command = programs::command("keymuster-host").unwrap();
    let status = command.arg("--data-dir").arg(&place.data_dir).args(["status", "--json"]).output().unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let key = status["serving"]["tls"]["own_key"].as_str().unwrap();

    let told = ada(here("https")).does(&format!("--tls-key {key} settings list"));
    assert!(told.contains("renewal-interval"), "{told}");
    let other = "ab".repeat(32);
    for arguments in [format!("--tls-key {other} settings list"), "settings list".to_owned()] {
        let (exit, _, err) = ada(here("https")).says(&arguments);
        assert_eq!(exit, 3, "{arguments}: {err}");
        assert!(err.contains("KM-518 certificate-untrusted") && err.contains("nothing was sent"), "{arguments}: {err}");
    }
    let (exit, _, err) = ada(here("http")).says(&format!("--tls-key {key} settings list"));
    assert_eq!(exit, 2, "a key is shown over TLS only: {err}");

    let vouched = programs::command("keymuster").unwrap();
    let vouched = said_by(vouched, &here("https"), &token_file, &place.data_dir.join("tls.pem"));
    assert!(vouched.contains("renewal-interval"), "{vouched}");
}

/// What the settings are at `url`, for somebody whose certificate authorities are those of a file.
fn said_by(mut command: Command, url: &str, token_file: &Path, roots: &Path) -> String {
    command.env("SSL_CERT_FILE", roots).args(["host", "--url", url, "--token-file"]).arg(token_file);
    let output = command.args(["settings", "list"]).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn a_token_is_read_from_a_file_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let token_file = directory.path().join("token");
    let nobody = Administrator { url: "http://127.0.0.1:9".to_owned(), token_file: token_file.clone() };
    assert_eq!(nobody.says("settings list").0, 3, "there is no file");
    write(&token_file, "BCDFG-HJKMP\n");
    let (exit, _, err) = nobody.says("settings list");
    assert!(exit == 2 && err.contains("does not hold a token") && !err.contains("BCDFG"), "{err}");
    write(&token_file, "kmt_abc\n");
    fs::set_permissions(&token_file, fs::Permissions::from_mode(0o644)).unwrap();
    let (exit, _, err) = nobody.says("settings list");
    assert!(exit == 3 && err.contains("others can read the token"), "{err}");
}

#[test]
fn clients_seats_and_refusals_are_looked_after_from_elsewhere() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    for (number, edition) in (0..1).map(|n| (n, VOLUME_EDITION)).chain((0..56).map(|n| (n, SEAT_EDITION))) {
        host.activate(&place.request(&mut Machine::numbered(number), Act::Activate, edition));
    }
    let console = host.console(&place.data_dir);
    console.with_account("ada", "administrator").unwrap();
    let url = format!("http://{}", host.administration);
    let ada = Administrator { url: url.clone(), token_file: token_file(&place, &console, &ALL) };
    let looks = Administrator { url, token_file: token_file(&place, &console, &["look"]) };

    assert!(ada.does("status").contains("Fixture"));
    assert!(ada.does("clones").contains("no client id was used by more than one machine"));
    let licensed: Value =
        serde_json::from_str(&ada.does("clients list --edition volume --state licensed --json")).unwrap();
    let client = licensed["rows"][0]["client"].as_str().unwrap();
    assert!(licensed["rows"].as_array().unwrap().len() == 1 && ada.does("clients list").contains(client));
    assert!(ada.does(&format!("clients show {client} --publisher fixture")).contains("edition: volume"));
    let (exit, _, err) = ada.says(&format!("clients show {client}"));
    assert!(exit == 2 && err.contains("add --publisher NAME"), "{err}");

    assert!(ada.does("pools list").contains("POOL  PUBLISHER  SEATS  HELD  FREE"));
    assert!(ada.does("pools show pool --publisher fixture").contains(client));
    let reclaim = format!("pools reclaim pool {client} --publisher fixture --reason moved");
    let (exit, _, err) = looks.says(&reclaim);
    assert!(exit == 1 && err.contains("permission handle"), "{err}");
    assert!(ada.does(&reclaim).contains("free at: 20"));
    for (verb, says) in [("release", "released at: 20"), ("keep", "edition: volume")] {
        let said = ada.does(&format!("clients {verb} {client} --publisher fixture --reason moved"));
        assert!(said.contains(says), "{said}");
    }

    // More than a page has.
    let refusals: Value = serde_json::from_str(&ada.does("refusals list --json")).unwrap();
    let mut refused: Vec<&str> =
        refusals["refusals"].as_array().unwrap().iter().map(|row| row["client"].as_str().unwrap()).collect();
    assert_eq!(refused.len(), 55);
    refused.sort_unstable();
    refused.dedup();
    assert_eq!(refused.len(), 55, "each client was refused once");
    let said = ada.does("refusals list --code seats-exhausted --most 2");
    assert!(said.lines().count() == 3 && said.contains("seats-exhausted"), "{said}");
    assert!(ada.does("refusals list --search nobody-has-this-name").contains("nobody was refused"));
    host.stop();
}

#[test]
fn accounts_and_tokens_are_handed_out_from_elsewhere() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let console = host.console(&place.data_dir);
    console.with_account("ada", "administrator").unwrap();
    let url = format!("http://{}", host.administration);
    let with = |token_file| Administrator { url: url.clone(), token_file };
    let ada = with(token_file(&place, &console, &ALL));
    let people = with(token_file(&place, &console, &["look", "accounts"]));
    let looks = with(token_file(&place, &console, &["look"]));

    let (exit, _, err) = looks.says("accounts add olaf --role operator");
    assert!(exit == 1 && err.contains("KM-442 permission-missing"), "{err}");
    assert_eq!(ada.says("accounts add olaf --role king").0, 2, "there is no such role");
    let (exit, token, err) = ada.says("accounts add olaf --role operator");
    assert!(exit == 0 && token.lines().count() == 1, "{token}{err}");
    assert!(err.contains("hand the token to olaf, who chooses a password with it at /claim"), "{err}");
    console.claim_with(token.trim(), "olaf").unwrap();
    for (arguments, parts) in [
        ("accounts list", &["NAME", "olaf  operator"][..]),
        ("accounts role olaf viewer", &["account olaf may sign in; its role is viewer"]),
        ("accounts disable olaf", &["account olaf is disabled", "its role is viewer"]),
        ("accounts show olaf", &["role: viewer", "disabled at: 20"]),
        ("accounts enable olaf", &["account olaf may sign in"]),
        ("accounts end-sessions olaf", &["all sessions of olaf have ended"]),
        ("whoami", &["account: ada", "permissions: look, handle, keys, settings, accounts"]),
    ] {
        let said = ada.does(arguments);
        assert!(parts.iter().all(|part| said.contains(part)), "{arguments}: {said}");
    }
    let (exit, _, err) = ada.says("accounts role ada viewer");
    assert!(exit == 1 && err.contains("ada is the last administrator"), "{err}");
    let (exit, _, err) = ada.says("accounts disable nobody");
    assert!(exit == 1 && err.contains("KM-445 record-unknown"), "{err}");
    let reset = ada.does("accounts reset olaf");
    assert!(reset != token && console.claim_with(reset.trim(), "olaf").is_ok(), "{reset}");

    let (exit, _, err) = people.says("tokens make --name backup --scope keys");
    assert!(exit == 1 && err.contains("without the scope keys"), "{err}");
    let (exit, secret, err) = people.says("tokens make --name backup --scope look --expires 2d");
    assert!(exit == 0 && secret.starts_with("kmt_") && secret.lines().count() == 1, "{secret}{err}");
    assert!(err.contains("the secret of the token backup is shown this once") && !err.contains("kmt_"), "{err}");
    let made = place.data_dir.with_extension("made");
    write(&made, &secret);
    let made = with(made);
    let me: Value = serde_json::from_str(&made.does("whoami --json")).unwrap();
    assert_eq!((&me["token"]["name"], &me["permissions"][0]), (&Value::from("backup"), &Value::from("look")));
    let list = people.does("tokens list");
    assert!(list.contains("backup") && !list.contains("kmt_"), "{list}");
    let revoke = format!("tokens revoke {}", me["token"]["id"].as_str().unwrap());
    assert!(people.does(&revoke).contains("the token backup ("));
    let (exit, _, err) = made.says("whoami");
    assert!(exit == 1 && err.contains("not-signed-in"), "{err}");
    host.stop();
}
