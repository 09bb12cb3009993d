//! Settings are changed through the real pages and the real interface, and the host that runs follows.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use common::{Host, Place};
use keymuster_core::request::Act;
use keymuster_core::time::{DAY, HOUR};
use keymuster_scenarios::console::{Answer, Console};
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_service::Env;
use serde_json::{Value, json};

const RENEWAL: &str = "/settings/renewal-interval";

fn start() -> (Place, Host, Console) {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let console = host.console(&place.data_dir);
    (place, host, console)
}

/// How long after its grant a new client of the running host shall renew its lease, in seconds.
fn renewal(place: &Place, host: &Host) -> u64 {
    let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
    let (lease, _) = place.verify(&host.activate(&request), &request);
    lease.renew_after.secs_since(lease.issued)
}

fn acts(place: &Place) -> Vec<String> {
    let db = place.read();
    let mut statement =
        db.prepare("SELECT actor || ': ' || act || ': ' || subject FROM audit ORDER BY sequence").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).filter(|act: &String| act.contains("setting")).collect()
}

#[test]
fn a_change_is_shown_before_it_is_made() {
    let (place, host, console) = start();
    let ada = console.with_account("ada", "administrator").unwrap();
    let before = renewal(&place, &host);
    assert_ne!(before, 2 * HOUR);

    let preview = ada.get(&format!("{RENEWAL}?publisher=fixture&value=2h")).unwrap();
    assert_eq!(preview.status, 200);
    for part in ["would be <strong>2 hours</strong>", "Leases that are held keep their own time", "Change it"] {
        assert!(preview.body.contains(part), "{part:?} is not in {}", preview.body);
    }
    assert_eq!(renewal(&place, &host), before, "a preview has changed something");
    assert!(acts(&place).is_empty());

    let changed = ada.post(RENEWAL, &[("publisher", "fixture"), ("value", "2h")]).unwrap();
    assert_eq!((changed.status, changed.header("location")), (303, "/settings"), "{}", changed.body);
    let list = ada.get("/settings").unwrap().body;
    assert!(
        list.contains("renewal-interval of fixture is 2 hours; it was") && list.contains("chosen by ada"),
        "{list}"
    );
    assert_eq!(renewal(&place, &host), 2 * HOUR);

    let back = ada.get(&format!("{RENEWAL}?publisher=fixture&to=default")).unwrap().body;
    assert!(back.contains("and would be"), "{back}");
    ada.post(RENEWAL, &[("publisher", "fixture"), ("to", "default")]).unwrap();
    assert_eq!(renewal(&place, &host), before);
    let acts = acts(&place);
    let of = "renewal-interval of fixture";
    assert_eq!(acts, [format!("ada: setting changed: {of}"), format!("ada: setting taken back: {of}")]);
}

#[test]
fn what_cannot_be_chosen_is_said_beside_its_field() {
    let (place, _host, console) = start();
    let ada = console.with_account("ada", "administrator").unwrap();
    for (value, said) in [("400d", "setting-out-of-range"), ("soon", "input-invalid"), ("", "input-invalid")] {
        let asked = ada.get(&format!("{RENEWAL}?publisher=fixture&value={value}")).unwrap();
        let sent = ada.post(RENEWAL, &[("publisher", "fixture"), ("value", value)]).unwrap();
        for Answer { status, body, .. } in [asked, sent] {
            assert_eq!(status, 422, "{value}");
            for part in [&format!("/codes/{said}"), "aria-invalid", &format!("value=\"{value}\"")] {
                assert!(body.contains(part), "{value}: {part:?} is not in {body}");
            }
        }
    }
    assert_eq!(ada.get("/settings/nothing").unwrap().status, 404);
    let script = ada.get("/settings/help-url?value=%3Cscript%3E").unwrap();
    assert!(script.status == 422 && !script.body.contains("<script>"), "{}", script.body);
    assert!(acts(&place).is_empty());
}

#[test]
fn who_may_not_change_may_see_what_it_would_bring() {
    let (place, _host, console) = start();
    console.with_account("ada", "administrator").unwrap();
    let vera = console.with_account("vera", "viewer").unwrap();
    let preview = vera.get("/settings/port?value=1700").unwrap();
    assert_eq!(preview.status, 200);
    assert!(!preview.body.contains("Change it"), "{}", preview.body);
    assert_eq!(vera.post("/settings/port", &[("value", "1700")]).unwrap().status, 403);
    assert!(acts(&place).is_empty());
}

#[test]
fn programs_change_settings_with_a_token() {
    let (place, host, console) = start();
    console.with_account("ada", "administrator").unwrap();
    let bearer = format!("Bearer {}", console.token("ada", &["look", "settings"]).unwrap());
    let send = |method: &str, path: &str, key: &str, body: &str| -> (u16, bool, Value) {
        let headers = [("authorization", &bearer[..]), ("content-type", "application/json"), ("idempotency-key", key)];
        let answer = console.send(method, &format!("/api/v1{path}"), &headers, body).unwrap();
        (answer.status, answer.header("idempotency-replayed") == "true", answer.json().unwrap())
    };
    let wanted = json!({ "value": "2h" }).to_string();
    let (status, is_replay, first) = send("POST", &format!("{RENEWAL}/preview"), "k1", &wanted);
    assert_eq!((status, is_replay, &first["after"], &first["changed"]), (200, false, &json!(2 * HOUR), &json!(false)));
    let (status, is_replay, again) = send("POST", &format!("{RENEWAL}/preview"), "k1", &wanted);
    assert_eq!((status, is_replay, again), (200, true, first));
    assert!(acts(&place).is_empty());

    let (status, _, changed) = send("PUT", &format!("{RENEWAL}?publisher=fixture"), "", &wanted);
    assert_eq!((status, &changed["changed"]), (200, &json!(true)), "{changed}");
    assert_eq!(renewal(&place, &host), 2 * HOUR);
    let (_, _, setting) = send("GET", RENEWAL, "", "");
    assert_eq!((&setting["source"], &setting["chosen"]["by"]), (&json!("administrator"), &json!("ada (token test)")));
    let (status, _, _) = send("DELETE", RENEWAL, "", "");
    assert_eq!((status, renewal(&place, &host) > DAY), (200, true));

    for (method, path, body, status, code) in [
        ("PUT", RENEWAL, r#"{"value":"400d"}"#, 422, "setting-out-of-range"),
        ("PUT", RENEWAL, r#"{"value":"2h","more":1}"#, 422, "input-invalid"),
        ("PUT", "/settings/nothing", r#"{"value":"2h"}"#, 404, "record-unknown"),
        ("GET", "/settings/port?more=1", "", 422, "input-invalid"),
        ("GET", "/settings/nothing", "", 404, "record-unknown"),
        ("POST", RENEWAL, "", 405, "method-not-allowed"),
    ] {
        let (found, _, problem) = send(method, path, "", body);
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{method} {path} {body}: {problem}");
    }
}
