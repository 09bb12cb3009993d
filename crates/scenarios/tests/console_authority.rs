//! The authority's console before the real program: minting, carrying requests, a support desk, and taking back with two
//! persons.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::fs;

use keymuster_core::request::Act;
use keymuster_scenarios::console::{Answer, Console, SignedIn};
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_service::Env;
use serde_json::{Value, json};

const CUSTOMER: &str = "muster-works";
const GROUP: &str = "server-c-2026";
const EDITION: &str = "desk-enterprise-2026";
const BOUNDARY: &str = "----keymuster-test";

/// An authority that serves, with its console.
struct Publishing {
    directory: tempfile::TempDir,
    aurora: Authority,
    console: Console,
    env: Env,
}

impl Publishing {
    fn new() -> Publishing {
        let directory = tempfile::tempdir().unwrap();
        let (aurora, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let console = aurora.console().unwrap();
        Publishing { directory, aurora, console, env: Env::system() }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("authority-aurora/authority.db")).unwrap()
    }

    /// A customer's host with this key that reaches nobody.
    fn host(&self, key: &str) -> Host {
        let host = Host::new(self.directory.path(), 0).unwrap();
        host.add_publisher(self.directory.path(), "aurora").unwrap();
        host.run(&["install-key"], key).unwrap();
        host
    }

    /// What a machine that was never seen before gets for a MAK.
    fn activate(&self, mak: &str) -> String {
        let product = self.aurora.product(EDITION).unwrap();
        let mut machine = Machine::new(&self.env);
        let mut body = machine.ask(Act::Mak, product.publisher(), product.edition().number, &self.env);
        body.key = Some(mak.parse().unwrap());
        let address = self.aurora.url.strip_prefix("http://").unwrap().parse().unwrap();
        let answer = Connection::open(address).unwrap().post("/v1/activate", &machine.sign(body)).unwrap();
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    /// A request of a program, with a token of an account.
    fn api(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.console.send(method, path, &headers, &body).unwrap()
    }

    fn token(&self, account: &str) -> String {
        self.console.token(account, &["look", "handle", "keys", "settings"]).unwrap()
    }

    /// How often the audit has an act.
    fn acts(&self, act: &str) -> i64 {
        let count = "SELECT COUNT(*) FROM audit WHERE act = ?1";
        self.database().query_row(count, [act], |row| row.get(0)).unwrap()
    }
}

/// The value of a hidden field of a form.
fn hidden<'a>(page: &'a Answer, name: &str) -> &'a str {
    let (_, rest) = page.body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page:?}"));
    rest.split('"').next().unwrap()
}

/// The whole key on the page that shows it once.
fn shown_key(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("<span class=\"key big\">").unwrap_or_else(|| panic!("{page:?}"));
    rest.split('<').next().unwrap().to_owned()
}

fn upload(who: &SignedIn, texts: &[&str]) -> Answer {
    let mut body = String::new();
    for (number, text) in texts.iter().enumerate() {
        let head = format!("Content-Disposition: form-data; name=\"request\"; filename=\"{number}.txt\"");
        body += &format!("--{BOUNDARY}\r\n{head}\r\n\r\n{text}\r\n");
    }
    body += &format!("--{BOUNDARY}--\r\n");
    let origin = format!("http://{}", who.console.address);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("cookie", who.cookie.as_str()), ("origin", &origin), ("content-type", &kind)];
    who.console.send("POST", "/responses", &headers, &body).unwrap()
}

/// A file as a browser downloads it.
fn download(who: &SignedIn, path: &str) -> Vec<u8> {
    let url = format!("http://{}{path}", who.console.address);
    let mut answer = ureq::get(url).header("cookie", &who.cookie).call().unwrap();
    assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    answer.body_mut().read_to_vec().unwrap()
}

#[test]
fn a_key_is_shown_once_and_a_host_without_a_network_is_entitled_by_it() {
    let publishing = Publishing::new();
    let operator = publishing.console.with_account("otto", "operator").unwrap();
    let form = operator.get(&format!("/mint-host-key?customer={CUSTOMER}")).unwrap();
    assert_eq!(form.status, 200, "{form:?}");
    let id = hidden(&form, "form").to_owned();
    let wrong = [("form", &id[..]), ("customer", CUSTOMER), ("group", GROUP), ("hosts", "none"), ("activations", "1")];
    let refused = operator.post("/mint-host-key", &wrong).unwrap();
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("value=\"none\"") && refused.body.contains("id=\"hosts-error\""), "{refused:?}");

    let order = [
        ("form", &id[..]),
        ("customer", CUSTOMER),
        ("group", GROUP),
        ("hosts", "2"),
        ("activations", "3"),
        ("term", "100 days"),
    ];
    let minted = operator.post("/mint-host-key", &order).unwrap();
    assert_eq!((minted.status, minted.header("cache-control")), (200, "no-store"), "{minted:?}");
    let key = shown_key(&minted);
    let again = operator.post("/mint-host-key", &order).unwrap();
    assert_eq!(again.status, 422);
    assert!(again.body.contains("has minted the key") && !again.body.contains(&key), "{again:?}");
    assert_eq!(publishing.acts("mint key"), 1);
    let keys = operator.get(&format!("/keys?search={}", &key[24..])).unwrap();
    let (_, link) = keys.body.split_once("<a href=\"/keys/").unwrap_or_else(|| panic!("{keys:?}"));
    let page = operator.get(&format!("/keys/{}", &link[..13])).unwrap();
    assert!(page.body.contains(&key[24..]) && page.body.contains("0 of 2 hosts"), "{page:?}");
    assert!(!page.body.contains(&key) && !keys.body.contains(&key), "it is shown once");

    let host = publishing.host(&key);
    let request = publishing.path("host.request");
    host.run(&["activate", "--request", &request], "").unwrap();
    let frames = keymuster_core::frames::split(&fs::read(&request).unwrap(), 100).unwrap();
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    assert!(frames.len() > 1, "{frames:?}");
    let part = upload(&operator, &frames[1..]);
    assert_eq!(part.status, 422);
    assert!(part.body.contains("frames-missing") && part.body.contains("these have not been read: 1"), "{part:?}");
    let nothing = upload(&operator, &["Hello"]);
    assert!(nothing.status == 422 && nothing.body.contains("neither a file of Keymuster nor a picture"), "{nothing:?}");

    let answered = upload(&operator, &frames);
    assert_eq!(answered.status, 303, "{answered:?}");
    let place = answered.header("location").to_owned();
    let page = operator.get(&place).unwrap();
    assert!(page.body.contains("is certified") && page.body.contains(&format!("{place}/codes/1")), "{page:?}");
    let response = publishing.path("host.response");
    fs::write(&response, download(&operator, &format!("{place}/file"))).unwrap();
    host.run(&["activate", "--response", &response], "").unwrap();
    let customer = operator.get(&format!("/customers/{CUSTOMER}")).unwrap();
    assert!(customer.body.contains("1 of 2"), "{customer:?}");
    let pack = download(&operator, "/pack/file");
    assert_eq!(pack, fs::read(publishing.path("aurora.pack")).unwrap());
}

#[test]
fn a_support_desk_sees_what_is_left_of_a_mak_and_why_a_machine_was_refused() {
    let publishing = Publishing::new();
    let viewer = publishing.console.with_account("vera", "viewer").unwrap();
    publishing.console.with_account("otto", "operator").unwrap();
    let token = publishing.console.token("otto", &["look", "keys"]).unwrap();
    let order = json!({ "customer": CUSTOMER, "edition": EDITION, "activations_max": 3 });
    let minted = publishing.api(&token, "POST", "/api/v1/maks", &order);
    assert_eq!(minted.status, 201, "{minted:?}");
    let minted = minted.json().unwrap();
    let (mak, id) = (minted["product_key"].as_str().unwrap(), minted["key"].as_str().unwrap());
    for used in 1..=3 {
        let said = publishing.activate(mak);
        assert!(!said.contains("urn:keymuster:code:"), "{used}: {said}");
        let key = publishing.api(&token, "GET", &format!("/api/v1/keys/{id}"), &Value::Null).json().unwrap();
        assert_eq!((&key["used"], &key["total"]), (&json!(used), &json!(3)), "{key}");
    }
    for _ in 0..2 {
        assert!(publishing.activate(mak).contains("mak-exhausted"));
    }
    let page = viewer.get(&format!("/customers/{CUSTOMER}")).unwrap();
    for expected in ["3 of 3", "/codes/mak-exhausted", "KM-303", "all activations of this MAK are used"] {
        assert!(page.body.contains(expected), "{expected}: {page:?}");
    }
    assert!(!page.body.contains(mak));
    let overview = viewer.get("/").unwrap();
    assert!(overview.body.contains("Used up") && overview.body.contains("KM-303"), "{overview:?}");
    let list = viewer.get(&format!("/keys/{id}/activations")).unwrap();
    assert_eq!(list.body.matches("data-label=\"Counted\"").count(), 3, "{list:?}");
    let refusals = publishing.api(&token, "GET", &format!("/api/v1/refusals?customer={CUSTOMER}"), &Value::Null);
    let refusals = refusals.json().unwrap();
    assert_eq!(refusals["rows"].as_array().unwrap().len(), 2, "each machine has a row: {refusals}");
    assert_eq!(refusals["rows"][0]["code"], "mak-exhausted");
    // A viewer looks, and a program without the scope does as well.
    assert_eq!(viewer.get("/mint-mak").unwrap().status, 403);
    let stop = json!({ "reason": "unpaid" });
    let refused = publishing.api(&token, "POST", &format!("/api/v1/customers/{CUSTOMER}/stop"), &stop);
    assert_eq!(refused.status, 403, "{refused:?}");
}

#[test]
fn one_person_takes_back_little_and_two_take_back_much() {
    let publishing = Publishing::new();
    let ada = publishing.console.with_account("ada", "administrator").unwrap();
    let mak = publishing.aurora.mint_mak(EDITION, 10).unwrap();
    let stop = format!("/customers/{CUSTOMER}/stop");
    let asked = ada.get(&stop).unwrap();
    assert!(asked.status == 200 && !asked.body.contains("This needs a second person"), "{asked:?}");
    assert_eq!(ada.post(&stop, &[("reason", " ")]).unwrap().status, 422);
    let done = ada.post(&stop, &[("reason", "unpaid")]).unwrap();
    assert_eq!((done.status, done.header("location")), (303, &*format!("/customers/{CUSTOMER}")), "{done:?}");
    assert!(publishing.activate(&mak).contains("customer-stopped"));
    assert_eq!(ada.post(&format!("/customers/{CUSTOMER}/resume"), &[]).unwrap().status, 303);
    assert!(!publishing.activate(&mak).contains("urn:keymuster:code:"));

    // Lowering a limit counts at once, and raising it waits.
    let limits = |hosts: &str| ada.post("/limits", &[("hosts", hosts), ("machines", "1000")]).unwrap();
    assert_eq!(limits("0").header("location"), "/revocations");
    let raised = limits("50");
    assert!(raised.header("location").starts_with("/proposals/"), "{raised:?}");
    let asked = ada.get(&stop).unwrap();
    assert!(asked.body.contains("This needs a second person"), "{asked:?}");
    let proposed = ada.post(&stop, &[("reason", "unpaid again")]).unwrap();
    let place = proposed.header("location").to_owned();
    assert!(place.starts_with("/proposals/"), "{proposed:?}");
    assert!(!publishing.activate(&mak).contains("customer-stopped"), "nothing has changed");
    let overview = ada.get("/").unwrap();
    assert!(overview.body.contains("Waits for a second person: Stop customer muster-works"), "{overview:?}");

    // Not the same person, in whatever form, and no account that is made for it.
    let own = ada.get(&place).unwrap();
    assert!(own.body.contains("You cannot confirm this") && !own.body.contains("/confirm\""), "{own:?}");
    let refused = ada.post(&format!("{place}/confirm"), &[]).unwrap();
    assert!(refused.status == 403 && refused.body.contains("KM-461"), "{refused:?}");
    let by_token = publishing.api(&publishing.token("ada"), "POST", &format!("/api/v1{place}/confirm"), &Value::Null);
    assert_eq!(by_token.json().unwrap()["code"], "second-person-needed", "{by_token:?}");
    // A proposal and an account of the same second are not told apart, so the proposal is set back.
    publishing.database().execute("UPDATE proposal SET proposed_at = proposed_at - 5", []).unwrap();
    let eve = publishing.console.with_account("eve", "administrator").unwrap();
    let refused = eve.post(&format!("{place}/confirm"), &[]).unwrap();
    assert!(refused.status == 403 && refused.body.contains("was made after this was proposed"), "{refused:?}");
    let older = "UPDATE account SET created_at = created_at - 1000 WHERE name = 'eve'";
    assert_eq!(publishing.database().execute(older, []).unwrap(), 1);
    assert_eq!(eve.post(&format!("{place}/confirm"), &[]).unwrap().status, 303);
    assert!(publishing.activate(&mak).contains("customer-stopped"));
    let again = eve.post(&format!("{place}/confirm"), &[]).unwrap();
    assert!(again.status == 409 && again.body.contains("KM-462"), "{again:?}");
    assert_eq!(publishing.acts("propose to stop customer"), 1);
    assert_eq!((publishing.acts("confirm proposal"), publishing.acts("stop customer")), (1, 2));
}

#[test]
fn the_command_line_is_a_person_and_proposals_end_by_themselves() {
    let publishing = Publishing::new();
    let command = |arguments: &[&str]| publishing.console.run(arguments, "");
    publishing.console.with_account("ada", "administrator").unwrap();
    let token = publishing.token("ada");
    command(&["limits", "--hosts", "0"]).unwrap();
    let stop = ["customer", "stop", CUSTOMER, "--reason", "unpaid"];
    let number = |said: String| -> String {
        let (_, rest) = said.split_once("as proposal ").unwrap_or_else(|| panic!("{said}"));
        rest.chars().take_while(char::is_ascii_digit).collect()
    };
    let first = number(command(&stop).unwrap());
    let own = format!("{:#}", command(&["proposal", "confirm", &first]).unwrap_err());
    assert!(own.contains("KM-461 second-person-needed"), "{own}");

    // Somebody with the same name in the console is the same person.
    let proposed_by: String = publishing
        .database()
        .query_row("SELECT person FROM proposal WHERE number = ?1", [&first], |row| row.get(0))
        .unwrap();
    let twin = proposed_by;
    publishing.console.with_account(&twin, "administrator").unwrap();
    let by_twin =
        publishing.api(&publishing.token(&twin), "POST", &format!("/api/v1/proposals/{first}/confirm"), &Value::Null);
    assert_eq!(by_twin.json().unwrap()["code"], "second-person-needed", "{by_twin:?}");
    let withdrawn = publishing.api(&token, "POST", &format!("/api/v1/proposals/{first}/withdraw"), &Value::Null);
    assert_eq!(withdrawn.json().unwrap()["state"], "withdrawn", "{withdrawn:?}");

    let second = number(command(&stop).unwrap());
    let week = 7 * 24 * 3600;
    let aged = publishing.database().execute(
        "UPDATE proposal SET proposed_at = proposed_at - ?2 WHERE number = ?1",
        rusqlite::params![second, week],
    );
    assert_eq!(aged.unwrap(), 1);
    let late = publishing.api(&token, "POST", &format!("/api/v1/proposals/{second}/confirm"), &Value::Null);
    assert_eq!(late.json().unwrap()["code"], "proposal-ended", "{late:?}");
    let shown = publishing.api(&token, "GET", &format!("/api/v1/proposals/{second}"), &Value::Null);
    assert_eq!(shown.json().unwrap()["state"], "expired", "{shown:?}");
    let listed = command(&["proposal", "list"]).unwrap();
    assert!(listed.contains("withdrawn") && listed.contains("expired"), "{listed}");
    assert_eq!((publishing.acts("withdraw proposal"), publishing.acts("expire proposal")), (1, 1));
    assert_eq!(publishing.acts("stop customer"), 0);
}
