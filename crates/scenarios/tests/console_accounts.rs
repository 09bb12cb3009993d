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

#[test]
fn one_time_codes_are_asked_for_and_count_once() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let console = host.console(&place.data_dir);
    let ada = console.claim(&mut host.running).unwrap();
    assert_eq!(ada.get("/account/one-time-codes").unwrap().header("location"), "/account", "nothing was offered");
    assert_eq!(ada.post("/account/one-time-codes/offer", &[]).unwrap().header("location"), "/account/one-time-codes");
    let page = ada.get("/account/one-time-codes").unwrap().body;
    assert!(page.contains("<svg"), "{page}");
    let secret = between(&page, "<span class=\"key big\">", "</span>").replace(' ', "");
    assert_eq!(ada.post("/account/one-time-codes", &[("code", "000")]).unwrap().status, 422);
    let used = code(&secret, 0);
    let on = ada.post("/account/one-time-codes", &[("code", &used)]).unwrap();
    let recovery: Vec<&str> = on.body.split("<li class=\"mono\">").skip(1).map(|rest| &rest[..19]).collect();
    assert_eq!(recovery.len(), 8, "{on:?}");
    assert!(
        !ada.get("/account/one-time-codes").unwrap().body.contains(&secret),
        "a secret is shown while it is offered"
    );

    let enter = |code: &str| {
        let form = [("name", ADMINISTRATOR), ("password", PASSWORD), ("code", code)];
        console.post("/sign-in", "", &form).unwrap().status
    };
    assert_eq!(enter(""), 422);
    assert_eq!(enter(&used), 422, "it was used to turn them on");
    assert_eq!(enter(&code(&secret, 1)), 303, "the next one, by a clock that is ahead");
    assert_eq!(enter(&code(&secret, 1)), 422, "once");
    assert_eq!(enter(recovery[0]), 303);
    assert_eq!(enter(recovery[0]), 422, "once");
    assert_eq!(enter(&recovery[1].to_uppercase().replace('-', " ")), 303, "however it is typed");
    let account = ada.get("/account").unwrap().body;
    assert!(account.contains("6 recovery codes are left"), "{account}");
    let audit = console.run(&["audit"], "").unwrap();
    assert!(audit.contains("one-time codes turned on") && !audit.contains(&secret), "{audit}");
    assert_eq!(ada.post("/account/one-time-codes/off", &[]).unwrap().status, 303);
    assert_eq!(enter(""), 303);
}

#[test]
fn dangerous_acts_ask_who_it_is_and_lead_nowhere_else() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let console = host.console(&place.data_dir);
    let ada = console.claim(&mut host.running).unwrap();
    place.tamper("UPDATE session SET confirmed_at = confirmed_at - 300");
    let asked = ada.get("/tokens/new").unwrap();
    assert_eq!((asked.status, asked.header("location")), (303, "/confirm?then=%2Ftokens%2Fnew"));
    let made = ada.post("/tokens/new", &[("name", "x"), ("look", "on"), ("days", "1")]).unwrap();
    assert_eq!(made.header("location"), "/confirm?then=%2Ftokens%2Fnew");
    let prove = |proof: &str, then: &str| ada.post("/confirm", &[("proof", proof), ("then", then)]).unwrap();
    assert_eq!(prove("a wrong password", "/tokens/new").status, 422);
    assert_eq!(ada.get("/tokens/new").unwrap().status, 303);
    for elsewhere in ["//other.example", "https://other.example/", "/\\other.example"] {
        assert_eq!(prove(PASSWORD, elsewhere).header("location"), "/", "{elsewhere}");
        let form = ada.get(&format!("/confirm?then={elsewhere}")).unwrap().body;
        assert!(!form.contains("other.example"), "{form}");
    }
    assert_eq!(prove(PASSWORD, "/tokens/new").header("location"), "/tokens/new");
    assert_eq!(ada.get("/tokens/new").unwrap().status, 200);

    // A page that asks for itself is no sign of a person.
    place.tamper("UPDATE session SET seen_at = seen_at - 600");
    let live = [("cookie", ada.cookie.as_str()), ("keymuster-live", "1")];
    assert_eq!(console.send("GET", "/audit", &live, "").unwrap().status, 200);
    place.tamper("UPDATE session SET seen_at = seen_at - 300");
    assert_eq!(console.send("GET", "/audit", &live, "").unwrap().status, 401);
    assert_eq!(ada.get("/audit").unwrap().status, 303);
}

#[test]
fn people_see_their_sessions_and_change_their_password() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let console = host.console(&place.data_dir);
    let ada = console.claim(&mut host.running).unwrap();
    let others = [console.sign_in(ADMINISTRATOR).unwrap(), console.sign_in(ADMINISTRATOR).unwrap()];
    let page = ada.get("/account").unwrap().body;
    let ids: Vec<&str> = page.split("name=\"session\" value=\"").skip(1).map(|rest| &rest[..16]).collect();
    assert_eq!(ids.len(), 2, "{page}");
    ada.post("/account/sessions/end", &[("session", ids[0])]).unwrap();
    let is_alive = |index: usize| others[index].get("/account").unwrap().status == 200;
    assert!(is_alive(0) != is_alive(1), "one has ended");
    assert!(ada.get("/account").unwrap().body.contains("One session has ended."));
    assert!(!ada.get("/account").unwrap().body.contains("One session has ended."), "it is told once");

    let change = |current: &str, password: &str, again: &str| {
        ada.post("/account/password", &[("current", current), ("password", password), ("again", again)]).unwrap()
    };
    let new = "a lamp without the fog";
    for (current, password, again, complaint) in [
        ("a wrong password", new, new, "This is not your password"),
        (PASSWORD, "short", "short", "at least 12 characters"),
        (PASSWORD, new, PASSWORD, "The two passwords differ"),
    ] {
        let refused = change(current, password, again);
        assert!(refused.status == 422 && refused.body.contains(complaint), "{refused:?}");
    }
    let changed = change(PASSWORD, new, new);
    assert_eq!(changed.status, 303);
    assert!(!is_alive(0) && !is_alive(1) && ada.get("/account").unwrap().status == 303, "all others have ended");
    assert!(changed.cookie().is_some_and(|cookie| cookie != ada.cookie), "with a session of its own");
    assert!(console.sign_in(ADMINISTRATOR).is_err());
}

#[test]
fn administrators_add_people_and_take_away_what_they_may_do() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let console = host.console(&place.data_dir);
    let ada = console.claim(&mut host.running).unwrap();
    let added = ada.post("/accounts/new", &[("name", "Olaf"), ("role", "operator")]).unwrap();
    let token = between(&added.body, "<span class=\"key big\">", "</span>");
    let taken = ada.post("/accounts/new", &[("name", "olaf"), ("role", "viewer")]).unwrap();
    assert!(taken.status == 422 && taken.body.contains("There is an account olaf already"), "{taken:?}");
    assert!(console.claim_with(token, "ada").is_err(), "the token is for one name");
    let olaf = console.claim_with(token, "olaf").unwrap();
    assert_eq!(olaf.get("/accounts").unwrap().status, 403);

    let made = olaf.post("/tokens/new", &[("name", "script"), ("look", "on"), ("keys", "on"), ("days", "7")]).unwrap();
    let bearer = format!("Bearer {}", between(&made.body, "<span class=\"key big\">", "</span>"));
    let me = || console.send("GET", "/api/v1/session/me", &[("authorization", &bearer)], "").unwrap();
    assert_eq!(me().json().unwrap()["permissions"], serde_json::json!(["look", "keys"]));
    let beyond = olaf.post("/tokens/new", &[("name", "script"), ("accounts", "on"), ("days", "7")]).unwrap();
    assert!(beyond.status == 422 && beyond.body.contains("without the permission accounts"), "{beyond:?}");
    let endless = olaf.post("/tokens/new", &[("name", "script"), ("look", "on"), ("days", "367")]).unwrap();
    assert!(endless.status == 422 && endless.body.contains("within a year"), "{endless:?}");

    ada.post("/accounts/olaf/role", &[("role", "viewer")]).unwrap();
    assert_eq!(me().json().unwrap()["permissions"], serde_json::json!(["look"]), "a token never outdoes its account");
    ada.post("/accounts/olaf/disable", &[]).unwrap();
    assert_eq!((me().status, olaf.get("/account").unwrap().status), (401, 303));
    assert!(console.sign_in("olaf").is_err());
    ada.post("/accounts/olaf/enable", &[]).unwrap();
    assert_eq!(me().status, 200);
    let olaf = console.sign_in("olaf").unwrap();
    ada.post("/accounts/olaf/sessions", &[]).unwrap();
    assert_eq!(olaf.get("/account").unwrap().status, 303);
    for (act, form) in [("disable", vec![]), ("role", vec![("role", "operator")])] {
        let last = ada.post(&format!("/accounts/ada/{act}"), &form).unwrap();
        assert!(last.status == 422 && last.body.contains("the last administrator"), "{last:?}");
    }
    assert_eq!(ada.post("/accounts/nobody/disable", &[]).unwrap().status, 404);
    let reset = ada.post("/accounts/olaf/reset", &[]).unwrap();
    assert!(console.claim_with(between(&reset.body, "<span class=\"key big\">", "</span>"), "olaf").is_ok());
    let audit = console.run(&["audit", "--last", "100"], "").unwrap();
    for act in ["account added", "role changed", "account disabled", "account enabled", "sessions ended", "token made"]
    {
        assert!(audit.contains(act), "{act} is not in the audit:\n{audit}");
    }
    assert!(!audit.contains(token) && !audit.contains("kmt_"), "{audit}");
}

#[test]
fn programs_manage_accounts_and_tokens_within_their_scopes() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let console = host.console(&place.data_dir);
    console.claim(&mut host.running).unwrap();
    let bearer = format!("Bearer {}", console.token(ADMINISTRATOR, &["look", "accounts"]).unwrap());
    let ask = |method: &str, path: &str, body: &str| {
        let kind = if body.is_empty() { "" } else { "application/json" };
        console.send(method, path, &[("authorization", &bearer), ("content-type", kind)], body).unwrap()
    };
    let added = ask("POST", "/api/v1/accounts", r#"{"name":"vera","role":"viewer"}"#).json().unwrap();
    console.claim_with(added["token"].as_str().unwrap(), "vera").unwrap();
    let changed = ask("PUT", "/api/v1/accounts/vera", r#"{"role":"operator","is_disabled":true}"#).json().unwrap();
    assert_eq!(changed["role"], "operator");
    assert!(changed["disabled_at"].is_u64(), "{changed}");
    let last = ask("PUT", "/api/v1/accounts/ada", r#"{"role":"viewer","is_disabled":false}"#);
    assert_eq!((last.status, &last.json().unwrap()["code"]), (422, &"input-invalid".into()));

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let wanted = |scope: &str| format!(r#"{{"name":"t","scopes":["{scope}"],"expires_at":{}}}"#, now + 3600);
    let beyond = ask("POST", "/api/v1/tokens", &wanted("keys"));
    assert_eq!(beyond.status, 403, "a token makes none that may do more than itself: {beyond:?}");
    let made = ask("POST", "/api/v1/tokens", &wanted("look")).json().unwrap();
    let new = format!("Bearer {}", made["secret"].as_str().unwrap());
    let look = || console.send("GET", "/api/v1/audit", &[("authorization", &new)], "").unwrap().status;
    assert_eq!(look(), 200);
    let id = made["token"]["id"].as_str().unwrap();
    assert_eq!(ask("DELETE", &format!("/api/v1/tokens/{id}"), "").status, 200);
    assert_eq!(look(), 401);
    let listed = ask("GET", "/api/v1/tokens", "").json().unwrap();
    assert_eq!(listed["tokens"].as_array().unwrap().len(), 2, "{listed}");
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {text}"));
    rest.split_once(end).unwrap().0
}

/// What an authenticator shows so many half minutes from now (RFC 6238).
fn code(secret: &str, steps_ahead: u64) -> String {
    let shown = std::process::Command::new("python3")
        .args(["-c", AUTHENTICATOR, secret, &steps_ahead.to_string()])
        .output()
        .unwrap();
    assert!(shown.status.success(), "{shown:?}");
    String::from_utf8(shown.stdout).unwrap().trim().to_owned()
}

/// Written without ours in sight, so that both do not share a fault.
const AUTHENTICATOR: &str = "
import base64, hmac, struct, sys, time
step = int(time.time()) // 30 + int(sys.argv[2])
digest = hmac.new(base64.b32decode(sys.argv[1]), struct.pack('>Q', step), 'sha1').digest()
place = digest[-1] & 15
print('%06d' % ((struct.unpack('>I', digest[place:place + 4])[0] & 0x7fffffff) % 1000000))
";
