//! A host of the fixture's publisher as a real process, its clients, and checks on what they get and on its ledger.
//!
//! Nothing waits without end: an answer that does not come fails the test, and so does a program that hangs.
#![allow(dead_code, reason = "each test program uses a part")]

pub mod holder;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use keymuster_core::bundle::Bundle;
use keymuster_core::chain::{Asker, Chain};
use keymuster_core::document::Signed;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::lease::Lease;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_host::store;
use keymuster_scenarios::console::Console;
use keymuster_scenarios::fixture::Publisher;
pub use keymuster_scenarios::ledger::Ledger;
use keymuster_scenarios::load::{Answer, Connection, Machine};
use keymuster_scenarios::programs::{self, Running};
pub use keymuster_scenarios::programs::{PATIENCE, bounded};
use keymuster_service::Env;
use tempfile::TempDir;

/// A data directory with an entitled host, which may be started, stopped and started again.
#[derive(Debug)]
pub struct Place {
    pub publisher: Publisher,
    pub data_dir: PathBuf,
    _directory: TempDir,
}

impl Place {
    pub fn new(publisher: Publisher) -> Place {
        Place::within(tempfile::tempdir().unwrap(), publisher)
    }

    pub fn within(directory: TempDir, publisher: Publisher) -> Place {
        let data_dir = directory.path().join("host");
        publisher.entitle_host(&data_dir).unwrap();
        Place { publisher, data_dir, _directory: directory }
    }

    pub fn start(&self) -> Host {
        Host::start(&self.data_dir, Stdio::null())
    }

    /// Starts the host so that its log lies beside the data directory.
    pub fn start_with_log(&self) -> (Host, PathBuf) {
        let log = self.data_dir.with_extension("log");
        (Host::start(&self.data_dir, std::fs::File::create(&log).unwrap().into()), log)
    }

    /// A request of `machine` for an edition, signed.
    pub fn request(&self, machine: &mut Machine, act: Act, edition: u16) -> Vec<u8> {
        machine.request(act, &self.publisher.trust.publisher, edition, &Env::system())
    }

    /// A request of `machine` for an edition, to be changed and signed.
    pub fn ask(&self, machine: &mut Machine, act: Act, edition: u16) -> ClientRequest {
        machine.ask(act, &self.publisher.trust.publisher, edition, &Env::system())
    }

    /// The lease of an answer, verified as a client does it: from the publisher's root down, for the one that asked.
    pub fn verify(&self, answer: &Answer, request: &[u8]) -> (Signed<Lease>, Signed<Entitlement>) {
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("content-type"), Some("application/cbor"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let asked = ClientRequest::verify(request).unwrap();
        let trust = &self.publisher.trust;
        let pack = self.publisher.pack(Env::system().now());
        let catalogue = Chain::new(trust, &pack, None).unwrap().catalogue(&pack.catalogue.clone().unwrap()).unwrap();
        let bundle = Bundle::parse(&answer.body).unwrap();
        let chain = Chain::new(trust, &bundle, None).unwrap();
        let entitlement = chain.entitlement(&bundle.entitlement.unwrap()).unwrap();
        let asker = Asker {
            client: asked.client,
            client_key: asked.client_key,
            edition: catalogue.edition(asked.edition).unwrap(),
            catalogue: &catalogue,
            request: Some(asked.request),
            held: asked.previous,
        };
        let lease = chain.lease(&bundle.lease.unwrap(), &entitlement, &asker).unwrap();
        (lease, entitlement)
    }

    /// The database, for reading beside the host.
    pub fn read(&self) -> keymuster_service::sql::Connection {
        store::open_read_only(&self.data_dir).unwrap()
    }

    /// The database, for changing it behind the host's back.
    pub fn tamper(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.data_dir.join(store::FILE_NAME)).unwrap();
        db.busy_timeout(PATIENCE).unwrap();
        assert!(db.execute(sql, []).unwrap() > 0, "{sql} changed nothing");
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::read(&mut self.read()).unwrap()
    }
}

/// A host that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Host {
    pub running: Running,
    pub clients: SocketAddr,
    pub administration: SocketAddr,
}

impl Host {
    pub fn start(data_dir: &Path, log: Stdio) -> Host {
        Host::start_with(data_dir, &[], log)
    }

    /// Starts it with further options.
    pub fn start_with(data_dir: &Path, options: &[&str], log: Stdio) -> Host {
        let listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let mut command = serve(data_dir, &[&listen[..], options].concat());
        let mut running = Running::start(&mut command, log).unwrap();
        let pid = running.id();
        let (clients, administration) = bounded(pid, || {
            let clients = running.line_after("listening on http://").unwrap();
            (clients, running.line_after("administration on http://").unwrap())
        });
        Host { running, clients: clients.parse().unwrap(), administration: administration.parse().unwrap() }
    }

    /// Its console.
    pub fn console(&self, data_dir: &Path) -> Console {
        Console::new("keymuster-host", self.administration, data_dir)
    }

    pub fn connect(&self) -> Connection {
        Connection::open(self.clients).unwrap()
    }

    /// Sends one request on a connection of its own.
    pub fn activate(&self, request: &[u8]) -> Answer {
        self.connect().post("/v1/activate", request).unwrap()
    }

    /// Sends one request on a connection of its own.
    pub fn release(&self, request: &[u8]) -> Answer {
        self.connect().post("/v1/release", request).unwrap()
    }

    /// The status and body of a GET from administrators' or clients' side.
    pub fn get(&self, from: SocketAddr, path: &str) -> Answer {
        let mut connection = Connection::open(from).unwrap();
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: {from}\r\n\r\n").as_bytes()).unwrap();
        connection.answer().unwrap()
    }

    /// Stops it as a supervisor does, and demands that it ends well.
    pub fn stop(mut self) {
        let pid = self.running.id();
        assert!(bounded(pid, || self.running.stop()).unwrap(), "the host did not end with exit code 0");
    }
}

/// The command `keymuster-host serve` on a data directory.
pub fn serve(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = programs::command("keymuster-host").unwrap();
    command.env("KEYMUSTER_LOG", "info").arg("--data-dir").arg(data_dir).arg("serve").args(arguments);
    command
}

/// Starts a host that must not come up; its exit code and what it says on standard error.
pub fn fails_to_serve(data_dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let arguments = if arguments.is_empty() { &ports[..] } else { arguments };
    let child = serve(data_dir, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = bounded(pid, || child.wait_with_output()).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "it listens before it has checked everything");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Asks again and again until `ask` gives something.
pub fn poll<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = ask() {
            return value;
        }
        assert!(begin.elapsed() < PATIENCE, "waited too long for {what}");
    }
}

/// Runs the rest of a test in a mount namespace of its own, where it may mount and nobody else sees it; returns whether
/// this is that run. The namespace and what is mounted in it end with the process.
pub fn may_mount(test: &str) -> bool {
    const MARK: &str = "KEYMUSTER_TEST_MAY_MOUNT";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = Command::new("unshare");
    command.arg("--mount").args((!is_root).then_some("--map-root-user"));
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(MARK, "1");
    let output = command.output().expect("this test needs unshare(1), of the package util-linux");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(!text.contains("unshare:"), "this test needs root or user namespaces: {text}");
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

/// Mounts an empty file system.
pub fn mount(target: &Path, options: &str) {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(target).status().unwrap();
    assert!(mounted.success(), "cannot mount a tmpfs on {}", target.display());
}

/// Every row of every table of the host in a data directory.
pub fn rows(data_dir: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(data_dir.join(store::FILE_NAME)).unwrap();
    let names = |sql: &str| -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let tables = names("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    assert!(tables.iter().any(|table| table == "ledger") && tables.iter().any(|table| table == "client"));
    let mut rows = Vec::new();
    for table in tables {
        let columns = names(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let mut statement = db.prepare(&format!("SELECT {} FROM {table}", columns.join(", "))).unwrap();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values: Vec<_> = (0..columns.len()).map(|column| row.get_ref(column).unwrap()).collect();
            rows.push(format!("{table} {values:?}"));
        }
    }
    rows
}

/// Checks that two answers are the same, byte for byte.
pub fn same(answer: &Answer, first: &Answer, what: &str) {
    assert!((answer.status, &answer.body) == (first.status, &first.body), "{what}: {answer:?} instead of {first:?}");
}

/// Checks that an answer is a well-formed refusal or failure with this status and code, and returns its members.
pub fn refused(answer: &Answer, status: u16, code: &str) -> serde_json::Value {
    let members = problem(answer);
    assert_eq!((answer.status, members["code"].as_str()), (status, Some(code)), "{members}");
    members
}

/// The members of problem details, after a check of their form (RFC 9457 and `docs/spec/messages.md`, 4).
pub fn problem(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let members: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let text = |name: &str| members[name].as_str().unwrap_or_else(|| panic!("{members} has no {name}"));
    assert_eq!(members["status"], answer.status);
    assert_eq!(text("type"), format!("urn:keymuster:code:{}", text("code")));
    assert!(!text("title").is_empty() && !text("detail").is_empty(), "{members}");
    members
}
