//! Accounts, sessions and tokens of a console, through the real host.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use common::Place;
use keymuster_scenarios::console::{ADMINISTRATOR, PASSWORD};
use keymuster_scenarios::fixture::Publisher;

#[test]
fn the_first_administrator_claims_the_console_once() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let console = host.console(&place.data_dir);
    let first = console.send("GET", "/sign-in", &[], "").unwrap();
    assert_eq!((first.status, first.header("location")), (303, "/claim"));
    assert!(console.send("GET", "/claim", &[], "").unwrap().body.contains("keymuster-host claim"));
    assert!(console.claim_with("0000-0000-0000-0000-0000-0000-0000", "eve").is_err(), "a guess");

    let ada = console.claim(&mut host.running).unwrap();
    assert_eq!(ada.get("/audit").unwrap().status, 200);
    assert!(ada.cookie.starts_with("keymuster-host="));
    let again = console.run(&["claim"], "").unwrap_err().to_string();
    assert!(again.contains("there are accounts already"), "{again}");

    let out = ada.post("/sign-out", &[]).unwrap();
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
    let after = ada.get("/audit").unwrap();
    assert_eq!(
        (after.status, after.header("location")),
        (303, "/sign-in?then=%2Faudit"),
        "a kept cookie is worth nothing"
    );

    let form = [("name", ADMINISTRATOR), ("password", PASSWORD), ("then", "/audit?search=claim")];
    let entered = console.post("/sign-in", &ada.cookie, &form).unwrap();
    assert_eq!((entered.status, entered.header("location")), (303, "/audit?search=claim"));
    let cookie = entered.header("set-cookie");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{cookie}");
    assert_ne!(entered.cookie().unwrap(), ada.cookie, "each session has an id of its own");
    let secure = [("x-forwarded-proto", "https"), ("origin", &format!("http://{}", console.address)[..])];
    let body = "name=ada&password=a+lamp+in+the+fog";
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let entered = console.send("POST", "/sign-in", &[secure[0], secure[1], kind], body).unwrap();
    assert!(entered.header("set-cookie").ends_with("; Secure"), "{entered:?}");

    let audit = console.run(&["audit"], "").unwrap();
    for act in ["claim offered", "account added", "signed in"] {
        assert!(audit.contains(act), "{audit}");
    }
    assert!(!audit.contains(PASSWORD));
}

#[test]
fn failed_attempts_tell_nothing_and_are_delayed() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let console = host.console(&place.data_dir);
    console.claim(&mut host.running).unwrap();
    let attempt = |name: &str, password: &str| {
        let answer = console.post("/sign-in", "", &[("name", name), ("password", password)]).unwrap();
        let retry_after: u64 = answer.header("retry-after").parse().unwrap_or(0);
        (answer.status, retry_after > 0, answer.body.replace(name, "NAME"))
    };
    let known = attempt(ADMINISTRATOR, "a wrong password");
    let unknown = attempt("nobody", "a wrong password");
    assert_eq!(known, unknown, "whether there is such an account is not told");
    assert_eq!((known.0, known.1), (422, false));
    let delayed = (0..10).map(|_| attempt(ADMINISTRATOR, "a wrong password")).find(|answer| answer.0 != 422);
    let (status, is_told_when, page) = delayed.unwrap();
    assert_eq!((status, is_told_when), (429, true), "{page}");
    assert_eq!(attempt(ADMINISTRATOR, PASSWORD).0, 429, "the right password has to wait as well");
    // Whoever has the machine gets in.
    let token = console.run(&["claim", "--reset", ADMINISTRATOR], "").unwrap();
    console.claim_with(token.trim(), ADMINISTRATOR).unwrap();
    assert_eq!(attempt(ADMINISTRATOR, PASSWORD).0, 303);
    assert!(console.claim_with(token.trim(), ADMINISTRATOR).is_err(), "a token counts once");
}

#[test]
fn tokens_of_the_command_line_open_the_interface() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let console = host.console(&place.data_dir);
    let vera = console.with_account("vera", "viewer").unwrap();
    assert_eq!(vera.get("/audit").unwrap().status, 200);
    let token = console.token("vera", &["look"]).unwrap();
    let bearer = format!("Bearer {token}");
    let ask = || console.send("GET", "/api/v1/audit", &[("authorization", &bearer)], "").unwrap();
    assert_eq!(ask().status, 200);
    let beyond = console.token("vera", &["keys"]).unwrap_err().to_string();
    assert!(beyond.contains("KM-442"), "{beyond}");
    let listed: serde_json::Value =
        serde_json::from_str(&console.run(&["token", "list", "--json"], "").unwrap()).unwrap();
    console.run(&["token", "revoke", listed[0]["id"].as_str().unwrap()], "").unwrap();
    assert_eq!(ask().status, 401);
}
