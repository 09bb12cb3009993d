//! `keymuster host` installs keys, activates, takes packs over and exchanges, with a real authority.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod remote;

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use keymuster_core::request::Act;
use keymuster_scenarios::console::{Console, SignedIn};
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::Authority;
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_scenarios::programs::{self, Running};
use keymuster_service::Env;
use remote::{ALL, Administrator, write};
use serde_json::Value;
use tempfile::TempDir;

const MAK_EDITION: &str = "desk-enterprise-2026";
/// Where nobody answers.
const NOBODY: &str = "http://127.0.0.1:9";

/// An authority, a host that knows nobody yet, and administrators of it.
struct Site {
    directory: TempDir,
    authority: Authority,
    clients: String,
    ada: Administrator,
    looks: Administrator,
    signed_in: SignedIn,
    /// All that was said.
    shown: RefCell<String>,
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
        let address = running.line_after("administration on http://").unwrap();
        let console = Console::new("keymuster-host", address.parse().unwrap(), &data_dir);
        let signed_in = console.with_account("ada", "administrator").unwrap();
        let with = |name: &str, scopes: &[&str]| {
            let token_file = directory.path().join(name);
            write(&token_file, &console.token("ada", scopes).unwrap());
            Administrator { url: format!("http://{address}"), token_file }
        };
        let (ada, looks) = (with("all.token", &ALL), with("look.token", &["look"]));
        let shown = RefCell::default();
        Site { directory, authority, clients, ada, looks, signed_in, shown, _running: running }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Runs a command, in which `@` stands for the directory, and checks how it ends and what it says.
    #[track_caller]
    fn does(&self, arguments: &str, exit: i32, parts: &[&str]) -> String {
        self.hears(arguments, "", exit, parts)
    }

    #[track_caller]
    fn hears(&self, arguments: &str, input: &str, exit: i32, parts: &[&str]) -> String {
        self.checked(&self.ada, (arguments, input), exit, parts)
    }

    /// Somebody who may only look is refused.
    #[track_caller]
    fn is_refused(&self, arguments: &str, input: &str, permission: &str) {
        let says = format!("permission {permission}");
        self.checked(&self.looks, (arguments, input), 1, &[&says, "KM-442 permission-missing"]);
    }

    #[track_caller]
    fn checked(&self, who: &Administrator, (arguments, input): (&str, &str), exit: i32, parts: &[&str]) -> String {
        let arguments = arguments.replace('@', self.directory.path().to_str().unwrap());
        let (found, out, err) = who.hears(&arguments, input);
        let said = out.clone() + &err;
        assert_eq!(found, exit, "{arguments}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments}: {part:?} is not in {said}");
        }
        *self.shown.borrow_mut() += &said;
        out
    }

    fn add_publisher(&self) {
        let says = ["Aurora Systems (aurora), licence pack version 1: the publisher is added", "needs a key"];
        self.does("publishers add --trust @/aurora.trust --pack @/aurora.pack", 0, &says);
    }

    /// What is in a file for its owner alone.
    #[track_caller]
    fn private(&self, name: &str) -> Vec<u8> {
        assert_eq!(fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        fs::read(self.path(name)).unwrap()
    }

    /// Nothing that was said and nothing in the host's log has a secret in it.
    #[track_caller]
    fn is_secret(&self, secret: &str) {
        let log = fs::read_to_string(self.path("host.log")).unwrap();
        for text in [&*self.shown.borrow(), &log] {
            assert!(!text.contains(secret) && !text.contains(&secret.replace('-', "")), "a secret is in {text}");
        }
    }
}

fn mistyped(key: &str) -> String {
    let wrong = if key[2..].starts_with('B') { "C" } else { "B" };
    format!("{}{wrong}{}", &key[..2], &key[3..])
}

#[test]
fn publishers_and_packs_are_brought() {
    let site = Site::new();
    site.does("publishers list", 0, &["the host knows no publisher"]);
    site.does("packs list", 0, &["no licence packs"]);
    site.does("packs import @/aurora.pack", 5, &["signer-unknown"]);
    site.is_refused("publishers add --trust @/aurora.trust --pack @/aurora.pack", "", "keys");
    site.add_publisher();
    site.does("publishers list", 0, &["PUBLISHER  NAME            PACK", "aurora     Aurora Systems  1"]);
    site.does("publishers show aurora", 0, &["licence pack version 1 of 20", "desk-enterprise-2026", "needs-key"]);
    site.does("publishers show nobody", 1, &["KM-445 record-unknown"]);
    site.does("packs list", 0, &["VERSION", "ISSUED", "aurora     Aurora Systems  1        20"]);
    site.does("packs import @/aurora.pack", 0, &["licence pack version 1: the host holds it already"]);
    site.does("packs import @/nothing.pack", 3, &["cannot use"]);

    fs::write(site.path("newer.toml"), AURORA.replacen("version = 1", "version = 2", 1)).unwrap();
    let sign = ["catalogue", "sign", &site.file("newer.toml"), "--out", &site.file("newer.pack")];
    site.authority.run(&sign).unwrap();
    site.does("packs fetch", 0, &["the host asks the publisher's authority", "version 2: replaces version 1"]);
    site.does("packs fetch --publisher aurora", 0, &["version 2: the host holds it already"]);
    site.does(&format!("packs fetch --authority {NOBODY}"), 3, &["authority-unreachable"]);
    site.does("packs import @/newer.pack", 0, &["the host holds it already"]);
    site.does("packs import @/aurora.pack", 5, &["older-than-held"]);
}

#[test]
fn a_key_is_installed_activated_and_removed() {
    let site = Site::new();
    site.add_publisher();
    site.does("keys list", 0, &["no host key is installed"]);
    site.does("activate", 1, &["no host key is installed", "keymuster host keys install"]);
    let key = site.authority.mint_host_key("server-c-2026", &[]).unwrap();
    let last_five = &key[24..];

    site.hears("keys install", "\n", 2, &["there is no host key"]);
    site.hears("keys install", &mistyped(&key), 1, &["group 1, symbol 3", "key-mistyped"]);
    site.is_refused("keys install", &key, "keys");
    site.hears("keys install", &key, 0, &["installed the host key that ends in", last_five, "covers:"]);
    write(&site.path("host.key"), &key);
    site.does("keys install --publisher aurora --key-file @/host.key", 1, &["key-already-installed"]);
    site.does("keys list", 0, &["KEY", last_five, "aurora", "new"]);
    site.does(&format!("keys show {last_five}"), 0, &["state: new", "every edition stands as it does now"]);
    site.does("keys show 22222", 1, &["no installed host key ends in 22222"]);
    site.does(&format!("keys show {key}"), 2, &["a host key is a secret", "last five symbols"]);

    site.is_refused(&format!("activate {last_five}"), "", "keys");
    site.does(&format!("activate --authority {NOBODY}"), 3, &["authority-unreachable"]);
    site.does("activate --request @/a.request", 0, &["wrote ", "holds the whole host key", "--response FILE"]);
    assert!(!site.private("a.request").is_empty());
    site.does("keys list", 0, &["waiting"]);
    let certify = ["certify", "--request", &site.file("a.request"), "--out", &site.file("a.response")];
    site.authority.run(&certify).unwrap();
    site.does("activate --response @/aurora.pack", 5, &["KM-603 document-wrong-type"]);
    site.does("activate --response @/a.response", 0, &["activated for Muster Works until 20"]);
    site.does("activate --response @/a.response", 0, &["this response was accepted before, and changes nothing"]);
    site.does("activate", 0, &["is activated until 20", "add --renew"]);
    site.does(&format!("activate {last_five} --renew"), 0, &["activated for Muster Works until 20"]);

    // The same by QR codes, of which there are several.
    site.does("activate --renew --request-qr-png @/ask.png", 0, &["wrote "]);
    let answer = ["certify", "--request-qr", &site.file("ask.png"), "--out-qr-png", &site.file("answer.png")];
    site.authority.run(&answer).unwrap();
    let pictures: Vec<String> = fs::read_dir(site.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("answer"))
        .map(|name| format!("@/{name}"))
        .collect();
    site.does(&format!("activate --response-qr {}", pictures.join(" ")), 0, &["activated for Muster Works until 20"]);

    let json: Value = serde_json::from_str(&site.does("keys list --json", 0, &[])).unwrap();
    assert_eq!((&json["keys"][0]["state"], &json["keys"][0]["last_five"]), (&"active".into(), &last_five.into()));
    let id = json["keys"][0]["id"].as_str().unwrap();
    let lost = "would not be covered any more:";
    site.does(&format!("keys show {id}"), 0, &["customer: Muster Works", lost]);
    site.does(&format!("keys remove {id}"), 1, &["this removes:", lost, "nothing was removed", "add --yes"]);
    site.is_refused(&format!("keys remove {id} --yes"), "", "keys");
    site.does(&format!("keys remove {id} --yes"), 0, &["removed the host key that ends in", "not covered any more:"]);
    site.does("keys list", 0, &["no host key is installed"]);
    site.is_secret(&key);
}

#[test]
fn the_audit_is_kept_elsewhere() {
    let site = Site::new();
    site.add_publisher();
    site.does("audit", 0, &["publisher added", "ada (token test)"]);
    site.does("audit --act nothing", 0, &["no entries"]);
    site.does("audit export --out @/audit.csv", 0, &["wrote ", "entries"]);
    let console = site.signed_in.get("/audit.csv").unwrap();
    assert_eq!((console.status, site.private("audit.csv")), (200, console.bytes));
    let csv = site.does("audit export", 0, &["number,when,who,act,what,detail,head"]);
    assert_eq!(csv.trim_end(), String::from_utf8(site.private("audit.csv")).unwrap().trim_end());
    site.does("audit export --form json --act publisher --out @/audit.json", 0, &["with 1 entries"]);
    let entries: Value = serde_json::from_slice(&site.private("audit.json")).unwrap();
    assert_eq!((entries.as_array().unwrap().len(), &entries[0]["act"]), (1, &"publisher added".into()));
    site.does("audit export --until 2020-01-01 --form json", 0, &["[]"]);
    site.does("audit export --from yesterday", 1, &["is no day, such as"]);
    site.does("audit export --out /dev/null", 2, &["no plain file"]);
}

#[test]
fn an_exchange_goes_round() {
    let site = Site::new();
    site.add_publisher();
    site.does("exchange list", 0, &["nothing is collected"]);
    let edition = site.authority.product(MAK_EDITION).unwrap().edition().number;
    let mut connection = Connection::open(site.clients.parse().unwrap()).unwrap();
    let publisher = "aurora".parse().unwrap();
    let mut ask = |number| {
        let request = Machine::numbered(number).request(Act::Mak, &publisher, edition, &Env::system());
        assert_eq!(connection.post("/v1/activate", &request).unwrap().status, 503);
    };
    (0..3).for_each(&mut ask);
    let mak = site.authority.mint_mak(MAK_EDITION, 2).unwrap();
    site.does("exchange list", 0, &["CLIENT", MAK_EDITION, "waiting"]);
    site.is_refused("exchange export --out @/x.request", &mak, "handle");
    site.hears("exchange export --out @/x.request", &mistyped(&mak), 1, &["key-mistyped"]);
    site.hears("exchange export --out @/x.request --edition desk-pro-2026", &mak, 1, &[]);
    assert!(!site.path("x.request").exists());
    site.hears("exchange export --out @/x.request", &mak, 0, &["wrote ", "the file holds the whole MAK"]);
    assert!(!site.private("x.request").is_empty());
    let exported: Value = serde_json::from_str(&site.does("exchange list --state exported --json", 0, &[])).unwrap();
    assert_eq!(exported["requests"].as_array().unwrap().len(), 3);
    let exchange = ["exchange", &site.file("x.request"), "--out", &site.file("x.response")];
    site.authority.run(&exchange).unwrap();
    site.does("exchange import @/aurora.pack", 5, &["KM-603 document-wrong-type"]);
    site.does("exchange import @/x.response", 1, &["2 activated, 1 refused", "mak-exhausted"]);
    site.does("exchange import @/x.response", 1, &["3 were imported before, and change nothing"]);

    ask(7);
    let other = site.authority.mint_mak(MAK_EDITION, 5).unwrap();
    write(&site.path("mak"), &other);
    site.does(&format!("exchange send --mak-file @/mak --authority {NOBODY}"), 3, &["authority-unreachable"]);
    site.does("exchange send --mak-file @/mak --publisher aurora", 0, &["1 activated, 0 refused"]);
    let list: Value = serde_json::from_str(&site.does("exchange list --json", 0, &[])).unwrap();
    let client = list["requests"][3]["client"].as_str().unwrap();
    let two: Value = serde_json::from_str(&site.does("exchange list --most 2 --json", 0, &[])).unwrap();
    assert_eq!(two["requests"].as_array().unwrap().len(), 2);
    site.does("exchange drop", 2, &["Usage"]);
    site.does(&format!("exchange drop {client} --all"), 2, &["cannot be used with"]);
    site.does(&format!("exchange drop {client}"), 0, &["dropped 1 request;"]);
    site.does(&format!("exchange drop {client}"), 1, &["nothing is collected of such a client"]);
    site.does("exchange drop --all", 0, &["dropped 3 requests"]);
    site.does("exchange list", 0, &["nothing is collected"]);
    site.is_secret(&mak);
    site.is_secret(&other);
}
