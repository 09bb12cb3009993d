//! What an authority answers to hosts and clients that want something for a product key, and when it cannot work.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use keymuster_core::bundle::Bundle;
use keymuster_core::codes;
use keymuster_core::document::Signed;
use keymuster_core::id::{HostId, RequestId, to_hex};
use keymuster_core::issuer::Issuer;
use keymuster_core::key::{KeyFields, KeyKind, ProductKey, publisher_mark};
use keymuster_core::request::{Act, HostRequest};
use keymuster_core::signature::SecretKey;
use keymuster_core::time::DAY;
use keymuster_core::trust::Trust;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::Authority;
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_scenarios::programs::{self, Running};
use keymuster_service::Env;
use tempfile::TempDir;

use super::Row;
use super::host::text;
use super::site::server_says;

/// An edition of the catalogue, as requests name it.
const EDITION: &str = "desk-enterprise-2026";
/// So many wrong keys from one address that it has to wait, and not many more.
const WRONG_KEYS: u32 = 10;

/// An authority that serves, and a customer's host keys.
pub struct Publishing {
    directory: TempDir,
    aurora: Authority,
    env: Env,
}

impl Publishing {
    pub fn new() -> Publishing {
        let directory = tempfile::tempdir().unwrap();
        let (aurora, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        Publishing { directory, aurora, env: Env::system() }
    }

    fn data(&self, name: &str) -> PathBuf {
        self.directory.path().join("authority-aurora").join(name)
    }

    fn host_key(&self, more: &[&str]) -> String {
        self.aurora.mint_host_key("server-c-2026", more).unwrap()
    }

    fn run(&self, arguments: &[&str]) {
        self.aurora.run(arguments).unwrap();
    }

    /// What the authority answers to the next request of host `host` with a host key.
    fn certify(&self, host: u8, key: &str) -> String {
        self.posted("/v1/certify", &self.host_request(host, key))
    }

    fn posted(&self, path: &str, body: &[u8]) -> String {
        let address: SocketAddr = self.aurora.url.strip_prefix("http://").unwrap().parse().unwrap();
        text(&Connection::open(address).unwrap().post(path, body).unwrap())
    }

    fn host_request(&self, host: u8, key: &str) -> Vec<u8> {
        let host_key = SecretKey::from_seed(&[host; 32]);
        let body = HostRequest {
            publisher: "aurora".parse().unwrap(),
            host: HostId::from_bytes([host; 16]),
            host_key: host_key.public(),
            request: RequestId::from_bytes(self.env.random()),
            time: self.env.now(),
            key: key.parse().unwrap(),
            catalogue_version: 0,
            name: None,
            ledger: None,
            clients: None,
            tls_spki: None,
            extensions: None,
        };
        Signed::sign(body, &host_key).unwrap().bytes().to_vec()
    }

    /// What a machine that was never seen before gets for a MAK.
    fn activate(&self, mak: &str) -> String {
        let mut machine = Machine::new(&self.env);
        let product = self.aurora.product(EDITION).unwrap();
        let mut body = machine.ask(Act::Mak, product.publisher(), product.edition().number, &self.env);
        body.key = Some(mak.parse().unwrap());
        self.posted("/v1/activate", &machine.sign(body))
    }

    /// Asks for the customer to be stopped, which waits for a second person; the number of the proposal.
    fn propose_to_stop(&self) -> String {
        let said = self.aurora.run(&["customer", "stop", "muster-works", "--reason", "unpaid"]).unwrap().join("\n");
        let (_, number) = said.split_once(" as proposal ").unwrap_or_else(|| panic!("{said}"));
        number.chars().take_while(char::is_ascii_digit).collect()
    }

    /// A key that looks like the authority's own.
    fn made_up(&self, serial: u32) -> String {
        let (number, mark) = (100, publisher_mark(&"aurora".parse().unwrap()));
        let fields = |serial| KeyFields { kind: KeyKind::Host, number, mark, serial };
        (serial..).find_map(|serial| ProductKey::assemble(fields(serial), [7; 6])).unwrap().reveal()
    }

    /// Gives the authority an issuer key that was certified long ago, by another root that is trusted.
    fn age_the_issuer(&self) {
        let (root, key) = (SecretKey::from_seed(&[41; 32]), SecretKey::from_seed(&[42; 32]));
        let now = self.env.now();
        let body = Issuer {
            publisher: "aurora".parse().unwrap(),
            key: key.public(),
            not_before: now.minus(366 * DAY),
            sign_until: now.minus(DAY),
            expires: now.plus(365 * DAY),
            entitlement_secs_max: 400 * DAY,
            lease_secs_max: 180 * DAY,
            families: None,
            extensions: None,
        };
        let certificate = Signed::sign(body, &root).unwrap();
        let (public, secret) = (to_hex(key.public().as_bytes()), to_hex(key.reveal_seed()));
        let text = format!("keymuster-key 1\nkind issuer\npublic {public}\nsecret {secret}\n");
        fs::write(self.data("issuer.key"), text).unwrap();
        let mut trust: Trust = fs::read_to_string(self.data("aurora.trust")).unwrap().parse().unwrap();
        trust.roots.push(root.public());
        fs::write(self.data("aurora.trust"), trust.to_string()).unwrap();
        let file = self.directory.path().join("certificate");
        fs::write(&file, certificate.bytes()).unwrap();
        let base64 = Command::new("base64").arg("--wrap=0").arg(file).output().unwrap().stdout;
        let db = rusqlite::Connection::open(self.data("authority.db")).unwrap();
        let row = (key.public().signer().to_string(), String::from_utf8(base64).unwrap());
        let sql = "INSERT INTO issuer (signer, not_before, sign_until, expires, certificate) \
                   SELECT ?1, not_before, sign_until, expires, ?2 FROM issuer";
        assert_eq!(db.execute(sql, row).unwrap(), 1);
    }
}

pub const ROWS: &[Row<Publishing>] = &[
    (&codes::KEY_UNKNOWN, |authority| authority.certify(1, &authority.made_up(1))),
    (&codes::KEY_REVOKED, |authority| {
        let key = authority.host_key(&[]);
        authority.run(&["key", "revoke", &key[24..], "--reason", "lost"]);
        authority.certify(2, &key)
    }),
    (&codes::MAK_EXHAUSTED, |authority| {
        let mak = authority.aurora.mint_mak(EDITION, 1).unwrap();
        let first = authority.activate(&mak);
        assert!(!first.contains("urn:keymuster:code:"), "{first}");
        authority.activate(&mak)
    }),
    (&codes::HOSTS_EXHAUSTED, |authority| {
        let key = authority.host_key(&["--hosts", "1"]);
        authority.certify(3, &key);
        authority.certify(4, &key)
    }),
    (&codes::HOST_ACTIVATIONS_EXHAUSTED, |authority| {
        let key = authority.host_key(&["--activations", "1"]);
        authority.certify(5, &key);
        authority.certify(5, &key)
    }),
    (&codes::HOST_REVOKED, |authority| {
        let key = authority.host_key(&[]);
        authority.certify(6, &key);
        authority.run(&["host", "revoke", &HostId::from_bytes([6; 16]).to_string(), "--reason", "stolen"]);
        authority.certify(6, &key)
    }),
    (&codes::CUSTOMER_STOPPED, |authority| {
        let key = authority.host_key(&[]);
        authority.run(&["customer", "stop", "muster-works", "--reason", "unpaid"]);
        let said = authority.certify(7, &key);
        authority.run(&["customer", "resume", "muster-works"]);
        said
    }),
    // From here on whatever is taken back needs two persons.
    (&codes::SECOND_PERSON_NEEDED, |authority| {
        authority.run(&["limits", "--hosts", "0"]);
        let number = authority.propose_to_stop();
        server_says("keymuster-authority", &authority.data(""), &["proposal", "confirm", &number], "")
    }),
    (&codes::PROPOSAL_ENDED, |authority| {
        let number = authority.propose_to_stop();
        authority.run(&["proposal", "withdraw", &number]);
        server_says("keymuster-authority", &authority.data(""), &["proposal", "confirm", &number], "")
    }),
    (&codes::HOST_BUSY, |authority| {
        let key = authority.host_key(&[]);
        let other = rusqlite::Connection::open(authority.data("authority.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        authority.certify(8, &key)
    }),
    (&codes::CATALOGUE_MISSING, |authority| {
        let root = authority.directory.path();
        let (data_dir, passphrase) = (root.join("new"), root.join("passphrase"));
        let program = || {
            let mut command = programs::command("keymuster-authority").unwrap();
            command.arg("--data-dir").arg(&data_dir);
            command
        };
        let init = ["init", "--publisher", "aurora", "--name", "Aurora Systems", "--passphrase-file"];
        assert!(program().args(init).arg(passphrase).output().unwrap().status.success());
        let log = File::create(root.join("new.log")).unwrap();
        let mut serving = Running::start(
            program().args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]),
            log.into(),
        )
        .unwrap();
        let address = serving.line_after("listening on http://").unwrap().parse().unwrap();
        let mut connection = Connection::open(address).unwrap();
        connection.send(b"GET /v1/pack HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        text(&connection.answer().unwrap())
    }),
    // From here on this machine has to wait before it is answered again.
    (&codes::RATE_LIMITED, |authority| {
        (0..WRONG_KEYS).map(|n| authority.certify(9, &authority.made_up(100 * n))).collect::<String>()
    }),
    // From here on the authority signs nothing.
    (&codes::ISSUER_EXPIRED, |authority| {
        let key = authority.host_key(&[]);
        authority.aurora.stop().unwrap();
        authority.age_the_issuer();
        let request = Bundle { host_request: Some(authority.host_request(10, &key).into()), ..Bundle::default() };
        let file = authority.directory.path().join("host.request");
        fs::write(&file, request.to_file()).unwrap();
        let (file, out) = (file.to_str().unwrap(), authority.directory.path().join("host.response"));
        let arguments = ["certify", "--request", file, "--out", out.to_str().unwrap()];
        server_says("keymuster-authority", &authority.data(""), &arguments, "")
    }),
];
