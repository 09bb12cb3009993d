//! Keys, licence packs, activation and the exchange, by pages and by the interface, with the real programs.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keymuster_core::request::Act;
use keymuster_scenarios::console::{Answer, Console, SignedIn};
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::Authority;
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_scenarios::programs::{self, Running};
use keymuster_service::Env;
use serde_json::{Value, json};
use tempfile::TempDir;

const MAK_EDITION: &str = "desk-enterprise-2026";
const BOUNDARY: &str = "a-line-that-is-in-no-file";

/// An authority that serves, a host that knows nobody yet, and somebody who has signed in to it.
struct Site {
    directory: TempDir,
    authority: Authority,
    clients: String,
    console: Console,
    ada: SignedIn,
    token: String,
    _running: Running,
}

impl Site {
    fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        let (authority, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let data_dir = directory.path().join("host");
        let mut command = programs::command("keymuster-host").unwrap();
        command.arg("--data-dir").arg(&data_dir);
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        let log = fs::File::create(directory.path().join("host.log")).unwrap();
        let mut running = Running::start(&mut command, log.into()).unwrap();
        let clients = running.line_after("listening on http://").unwrap();
        let address = running.line_after("administration on http://").unwrap().parse().unwrap();
        let console = Console::new("keymuster-host", address, &data_dir);
        let ada = console.with_account("ada", "administrator").unwrap();
        let token = format!("Bearer {}", console.token("ada", &["look", "handle", "keys"]).unwrap());
        Site { directory, authority, clients, console, ada, token, _running: running }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Sends a form with files from a page.
    fn upload(&self, path: &str, parts: &[(&str, &str, &[u8])]) -> Answer {
        let (kind, body) = form(parts);
        let origin = format!("http://{}", self.console.address);
        let headers = [("cookie", &*self.ada.cookie), ("origin", &origin), ("content-type", &kind)];
        self.console.send("POST", path, &headers, &body).unwrap()
    }

    /// Sends a request to the interface.
    fn api(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let headers = [("authorization", &*self.token), ("content-type", kind)];
        self.console.send(method, &format!("/api/v1{path}"), &headers, body).unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.api("POST", path, "application/json", body.to_string().as_bytes())
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.api("GET", path, "", b"");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json().unwrap()
    }

    fn page(&self, path: &str) -> String {
        let answer = self.ada.get(path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    fn add_publisher(&self) {
        let (trust, pack) = (self.read("aurora.trust"), self.read("aurora.pack"));
        let parts: [(&str, &str, &[u8]); 2] = [("trust", "aurora.trust", &trust), ("pack", "aurora.pack", &pack)];
        led_to(&self.upload("/products/packs/publisher", &parts), "/products/packs");
    }

    fn install(&self, key: &str) -> String {
        let answer = self.post("/keys", &json!({ "key": key }));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json().unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// Nothing that the host has shown, kept in its log or told may contain a secret.
    fn is_secret(&self, secret: &str, shown: &[String]) {
        let log = String::from_utf8(self.read("host.log")).unwrap();
        for text in shown.iter().chain([&log]) {
            assert!(!text.contains(secret) && !text.contains(&secret.replace('-', "")), "a secret is in {text}");
        }
    }
}

fn form(parts: &[(&str, &str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (field, name, bytes) in parts {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

#[track_caller]
fn led_to(answer: &Answer, place: &str) {
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(answer.header("location").starts_with(place), "{}", answer.header("location"));
}

/// Where a message stands alone, its first letter is a capital.
#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.to_lowercase().contains(&part.to_lowercase()), "{part:?} is not in {text}");
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.json().unwrap()["code"], code, "{}", answer.body);
}

/// The key with its third symbol replaced by another one.
fn mistyped(key: &str) -> String {
    let wrong = if key[2..].starts_with('B') { "C" } else { "B" };
    format!("{}{wrong}{}", &key[..2], &key[3..])
}

#[test]
fn a_key_is_installed_activated_and_removed_by_pages() {
    let site = Site::new();
    says(&site.page("/keys"), &["This host knows no publisher yet"]);
    says(&site.page("/products/packs"), &["Add a publisher"]);
    let nothing = site.upload("/products/packs/publisher", &[("trust", "a.trust", b"x"), ("pack", "a.pack", b"y")]);
    assert_eq!(nothing.status, 422);
    says(&nothing.body, &["The publisher was not added", "not a trust file"]);
    site.add_publisher();
    says(
        &site.page("/products/packs"),
        &["Aurora Systems (aurora)", "the publisher is added", "Now install a host key"],
    );
    says(&site.page("/products"), &["Needs a key", "Setup key, public"]);
    says(&site.page("/keys"), &["No host key is installed"]);

    let key = site.authority.mint_host_key("server-c-2026", &[]).unwrap();
    let mak = site.authority.mint_mak(MAK_EDITION, 1).unwrap();
    let wrong = mistyped(&key);
    let mut shown = Vec::new();
    for (typed, expected) in [
        ("", "has 25 symbols, this text has 0"),
        (&key[..20], "a product key has 25 symbols"),
        (&wrong, "group 1, symbol 3:"),
        (&mak, "KM-106 key-wrong-kind"),
    ] {
        let answer = site.ada.post("/keys/install", &[("key", typed)]).unwrap();
        assert_eq!(answer.status, 422, "{}", answer.body);
        says(&answer.body, &["The key was not installed", expected, "id=\"key-error\""]);
        assert!(typed.is_empty() || !answer.body.contains(typed), "what was typed is shown again");
        shown.push(answer.body);
    }
    let installed = site.ada.post("/keys/install", &[("key", &format!(" {} ", key.to_lowercase()))]).unwrap();
    led_to(&installed, "/keys/activate?publisher=aurora&key=");
    let id = installed.header("location").rsplit('=').next().unwrap().to_owned();
    shown.push(site.page("/keys"));
    says(shown.last().unwrap(), &[&key[24..], "Not activated", "Installed the host key that ends in"]);
    let again = site.ada.post("/keys/install", &[("key", &key)]).unwrap();
    says(&again.body, &["key-already-installed"]);
    shown.push(again.body);

    let meant = format!("aurora/{id}");
    let nobody = [("key", &*meant), ("authority", "http://127.0.0.1:9")];
    let unreached = site.ada.post("/keys/activate/online", &nobody).unwrap();
    assert_eq!(unreached.status, 422, "{}", unreached.body);
    says(&unreached.body, &["The key was not activated", "authority-unreachable", "value=\"http://127.0.0.1:9\""]);
    led_to(&site.ada.post("/keys/activate/online", &[("key", &meant)]).unwrap(), "/keys");
    shown.push(site.page("/keys"));
    says(shown.last().unwrap(), &["Activated for Muster Works until 20", "Entitlement of the key that ends in"]);
    says(&site.page("/products"), &["Covered", "by the key that ends in"]);

    let remove = format!("/keys/aurora/{id}/remove");
    shown.push(site.page(&remove));
    says(shown.last().unwrap(), &["would not be covered any more", "Leases that clients hold run on"]);
    led_to(&site.ada.post(&remove, &[]).unwrap(), "/keys");
    says(&site.page("/keys"), &["Removed the host key that ends in", "No host key is installed"]);
    assert_eq!(site.ada.post(&remove, &[]).unwrap().status, 404);
    let audit = site.page("/audit");
    says(&audit, &["publisher added", "key installed", "host activated", "key removed", "ada"]);
    shown.push(audit);
    site.is_secret(&key, &shown);
}

#[test]
fn a_response_comes_by_photographs_by_file_and_by_the_interface() {
    let site = Site::new();
    site.add_publisher();
    let key = site.authority.mint_host_key("server-c-2026", &[]).unwrap();
    let id = site.install(&key);
    let newer = AURORA.replacen("version = 1", "version = 2", 1);
    fs::write(site.path("newer.toml"), newer).unwrap();
    let sign = ["catalogue", "sign", &site.file("newer.toml"), "--out", &site.file("newer.pack")];
    site.authority.run(&sign).unwrap();

    let meant = format!("aurora/{id}");
    let made = site.ada.post("/keys/activate/request", &[("key", &meant)]).unwrap();
    led_to(&made, "/keys/activate/request?publisher=aurora&key=");
    let page = site.page(made.header("location"));
    says(&page, &["The request holds the whole host key", "QR code 1 of 1"]);
    assert!(!page.contains(&key));
    says(&site.page("/keys"), &["Waits for its answer"]);
    let picture = page.split("data:image/png;base64,").nth(1).unwrap().split('"').next().unwrap();
    fs::write(site.path("ask.png"), STANDARD.decode(picture).unwrap()).unwrap();
    let answer = ["certify", "--request-qr", &site.file("ask.png"), "--out-qr-png", &site.file("answer.png")];
    site.authority.run(&answer).unwrap();
    let photographs: Vec<Vec<u8>> = (1..)
        .map(|n| format!("answer-{n}.png"))
        .take_while(|name| site.path(name).exists())
        .map(|name| site.read(&name))
        .collect();
    assert!(photographs.len() > 1, "the response carries the newer licence pack");
    let parts: Vec<(&str, &str, &[u8])> =
        photographs.iter().map(|file| ("response", "p.png", file.as_slice())).collect();
    let some = site.upload("/keys/activate/response", &parts[1..]);
    assert_eq!(some.status, 422, "{}", some.body);
    says(&some.body, &["The response was not taken", "these have not been read: 1", "frames-missing"]);
    led_to(&site.upload("/keys/activate/response", &parts), "/keys");
    says(&site.page("/keys"), &["Activated for Muster Works", "With it came licence pack version 2"]);

    // The same by programs: a renewal, carried as files.
    let request = site.post("/activation/request", &json!({ "publisher": "aurora", "key": id }));
    assert_eq!((request.status, request.header("content-type")), (200, "application/octet-stream"), "{}", request.body);
    fs::write(site.path("b.request"), &request.bytes).unwrap();
    let certify = ["certify", "--request", &site.file("b.request"), "--out", &site.file("b.response")];
    site.authority.run(&certify).unwrap();
    let response = site.read("b.response");
    let octets = "application/octet-stream";
    refused(&site.api("POST", "/activation/response", "text/plain", &response), 415, "media-type-unsupported");
    refused(&site.api("POST", "/activation/response", octets, &response[..99]), 422, "document-malformed");
    let taken = site.api("POST", "/activation/response", octets, &response);
    assert_eq!((taken.status, &taken.json().unwrap()["is_repeated"]), (200, &json!(false)), "{}", taken.body);
    let (kind, body) = form(&[("response", "b.response", &response)]);
    let again = site.api("POST", "/activation/pictures", &kind, &body);
    assert_eq!((again.status, &again.json().unwrap()["is_repeated"]), (200, &json!(true)), "{}", again.body);

    let online = site.post("/activation/online", &json!({ "publisher": "aurora", "key": id }));
    assert_eq!(online.status, 200, "{}", online.body);
    assert_eq!(online.json().unwrap()["customer"], "Muster Works");
    let nobody = json!({ "publisher": "aurora", "key": id, "authority": "http://127.0.0.1:9" });
    refused(&site.post("/activation/online", &nobody), 503, "authority-unreachable");
    let stranger = json!({ "publisher": "aurora", "key": "0000000000000" });
    refused(&site.post("/activation/online", &stranger), 404, "record-unknown");
}

#[test]
fn packs_and_keys_are_the_same_for_programs() {
    let site = Site::new();
    let (trust, pack) = (site.read("aurora.trust"), site.read("aurora.pack"));
    let octets = "application/octet-stream";
    refused(&site.api("POST", "/packs", octets, &pack), 422, "signer-unknown");
    let (kind, body) = form(&[("trust", "a.trust", &trust), ("pack", "a.pack", &pack)]);
    let added = site.api("POST", "/publishers", &kind, &body);
    assert_eq!(added.status, 201, "{}", added.body);
    assert_eq!(added.json().unwrap()["version_before"], Value::Null);
    assert_eq!(site.get("/packs")[0]["version"], 1);
    let fetched = site.post("/packs/fetch", &json!({ "publisher": "aurora" }));
    assert_eq!(fetched.json().unwrap()["is_held_already"], true, "{}", fetched.body);
    refused(&site.post("/packs/fetch", &json!({ "authority": "nowhere" })), 422, "input-invalid");
    let products = site.get("/publishers/aurora");
    let edition = &products["families"][0]["groups"][0]["editions"][0];
    assert_eq!((&edition["standing"], edition["setup_key"].as_str().unwrap().len()), (&json!("needs-key"), 29));
    refused(&site.api("GET", "/publishers/nobody", "", b""), 404, "record-unknown");

    let key = site.authority.mint_host_key("server-c-2026", &[]).unwrap();
    for (typed, code) in [
        (mistyped(&key), "key-mistyped"),
        (key[..20].to_owned(), "key-wrong-length"),
        (edition["setup_key"].as_str().unwrap().to_owned(), "key-wrong-kind"),
    ] {
        let answer = site.post("/keys", &json!({ "key": typed }));
        refused(&answer, 422, code);
        assert!(!answer.body.contains(&typed), "{}", answer.body);
    }
    let id = site.install(&key);
    refused(&site.post("/keys", &json!({ "key": key })), 409, "key-already-installed");
    let keys = site.get("/keys");
    assert_eq!((&keys["keys"][0]["state"], &keys["keys"][0]["id"]), (&json!("new"), &json!(id)));
    let path = format!("/keys/aurora/{id}");
    assert_eq!(site.get(&path)["lost"], json!([]), "it covers nothing before it is activated");
    let removed = site.api("DELETE", &path, "", b"");
    assert_eq!(removed.json().unwrap()["keys"][0], key[24..], "{}", removed.body);
    refused(&site.api("DELETE", &path, "", b""), 404, "record-unknown");
    site.is_secret(&key, &[keys.to_string(), removed.body]);
}

#[test]
fn an_exchange_goes_round_by_pages_and_by_programs() {
    let site = Site::new();
    site.add_publisher();
    says(&site.page("/exchange"), &["Nobody waits for an exchange"]);
    let edition = site.authority.product(MAK_EDITION).unwrap().edition().number;
    let mut connection = Connection::open(site.clients.parse().unwrap()).unwrap();
    let publisher = "aurora".parse().unwrap();
    let mut ask = |number| {
        let request = Machine::numbered(number).request(Act::Mak, &publisher, edition, &Env::system());
        assert_eq!(connection.post("/v1/activate", &request).unwrap().status, 503);
    };
    (0..3).for_each(&mut ask);
    let mak = site.authority.mint_mak(MAK_EDITION, 2).unwrap();
    let wrong = site.ada.post("/exchange/export", &[("mak", &mistyped(&mak))]).unwrap();
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    says(&wrong.body, &["Nothing was exchanged", "group 1, symbol 3:"]);
    says(&site.page("/exchange/send"), &["3 requests"]);
    let exported = site.ada.post("/exchange/export", &[("mak", &mak)]).unwrap();
    assert_eq!((exported.status, exported.header("content-type")), (200, "application/octet-stream"));
    fs::write(site.path("x.request"), &exported.bytes).unwrap();
    assert_eq!(site.get("/exchange?state=exported")["requests"].as_array().unwrap().len(), 3);
    let exchange = ["exchange", &site.file("x.request"), "--out", &site.file("x.response")];
    site.authority.run(&exchange).unwrap();
    let not = site.upload("/exchange/import", &[("results", "a.pack", &site.read("aurora.pack"))]);
    assert_eq!(not.status, 422, "{}", not.body);
    says(&not.body, &["The answer was not taken"]);
    led_to(&site.upload("/exchange/import", &[("results", "x.response", &site.read("x.response"))]), "/exchange");
    let list = site.page("/exchange");
    says(&list, &["2 activated, 1 refused.", "mak-exhausted"]);

    // Programs: a further machine, at the authority itself; then all is forgotten.
    ask(7);
    let other = site.authority.mint_mak(MAK_EDITION, 5).unwrap();
    let sent = site.post("/exchange/send", &json!({ "mak": other }));
    assert_eq!(sent.status, 200, "{}", sent.body);
    assert_eq!(sent.json().unwrap()["activated"], 1, "{}", sent.body);
    refused(&site.post("/exchange/export", &json!({ "mak": other })), 422, "input-invalid");
    let known = site.api("POST", "/exchange/import", "application/octet-stream", &site.read("x.response"));
    assert_eq!(known.json().unwrap()["known_before"], 3, "{}", known.body);
    let page = site.get("/exchange?limit=3");
    assert_eq!(page["requests"].as_array().unwrap().len(), 3);
    let next = page["next"].as_str().unwrap();
    let rest = site.get(&format!("/exchange?after={next}"));
    assert_eq!((rest["requests"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    let client = rest["requests"][0]["client"].as_str().unwrap();
    let path = format!("/exchange/{client}");
    assert_eq!(site.api("DELETE", &path, "", b"").json().unwrap()["requests"], 1);
    refused(&site.api("DELETE", &path, "", b""), 404, "record-unknown");
    says(&site.page("/exchange/drop"), &["Forget everything that is collected?"]);
    led_to(&site.ada.post("/exchange/drop", &[]).unwrap(), "/exchange");
    says(&site.page("/exchange"), &["Forgot 3 requests", "Nobody waits"]);
    for secret in [&mak, &other] {
        site.is_secret(secret, &[list.clone(), wrong.body.clone(), site.page("/audit")]);
    }
}
