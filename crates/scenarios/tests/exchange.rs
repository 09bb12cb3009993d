//! Activation by a MAK through a host, with the real programs: machines that cannot reach the authority, a host that
//! collects their requests, and an administrator who exchanges them.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use common::{PATIENCE, Place, problem, refused};
use keymuster_core::bundle::Bundle;
use keymuster_core::codes;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_scenarios::demo::{AURORA, BOREALIS};
use keymuster_scenarios::estate::{self, Authority};
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_scenarios::programs::{self, Running};
use keymuster_service::Env;
use serde_json::Value;
use tempfile::TempDir;

const EDITION: &str = "desk-enterprise-2026";

/// What a command said, and how it ended.
#[derive(Debug)]
struct Run {
    exit: i32,
    out: String,
    err: String,
}

impl Run {
    fn of(output: Output) -> Run {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { exit: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// An authority, a host that knows its publisher and has no key, and machines that know no way but to that host.
struct Site {
    directory: TempDir,
    authority: Authority,
    host: estate::Host,
    running: Option<Running>,
}

impl Site {
    fn new() -> Site {
        Site::licensing(AURORA)
    }

    fn licensing(catalogue: &str) -> Site {
        let directory = tempfile::tempdir().unwrap();
        let (authority, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", catalogue, 0).unwrap();
        let host = estate::Host::new(directory.path(), 0).unwrap();
        host.add_publisher(directory.path(), "aurora").unwrap();
        let mut site = Site { directory, authority, host, running: None };
        site.start();
        site
    }

    /// Starts the host with a log that leaves nothing out.
    fn start(&mut self) {
        let log =
            fs::OpenOptions::new().create(true).append(true).open(self.directory.path().join("host.log")).unwrap();
        let mut command = self.command();
        command.args(["serve", "--listen", &self.host.address.to_string(), "--admin-listen", "127.0.0.1:0"]);
        let mut running = Running::start(command.env("KEYMUSTER_LOG", "trace"), log.into()).unwrap();
        running.line_after("listening on ").unwrap();
        self.running = Some(running);
    }

    fn stop(&mut self) {
        assert!(self.running.take().unwrap().stop().unwrap());
    }

    fn kill(&mut self) {
        self.running.take().unwrap().kill().unwrap();
    }

    fn command(&self) -> Command {
        let mut command = programs::command("keymuster-host").unwrap();
        command.arg("--data-dir").arg(self.directory.path().join("host"));
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Runs `keymuster-host exchange`.
    fn exchange(&self, arguments: &[&str], input: &str) -> Run {
        let mut command = self.command();
        command.arg("exchange").args(arguments);
        finish(&mut command, input)
    }

    /// So many machines ask; their requests.
    fn collect(&self, machines: u64) -> Vec<Vec<u8>> {
        let edition = self.authority.product(EDITION).unwrap().edition().number;
        let publisher = "aurora".parse().unwrap();
        let mut connection = Connection::open(self.host.address).unwrap();
        let ask = |number| {
            let request = Machine::numbered(number).request(Act::Mak, &publisher, edition, &Env::system());
            refused(&connection.post("/v1/activate", &request).unwrap(), 503, "exchange-pending");
            request
        };
        (0..machines).map(ask).collect()
    }

    fn list(&self) -> Vec<Value> {
        let run = self.exchange(&["list", "--json"], "");
        assert_eq!(run.exit, 0, "{run:?}");
        run.json().as_array().unwrap().clone()
    }

    /// The authority answers an exported file.
    fn answer(&self, request: &str, response: &str) -> Value {
        let lines = self.authority.run(&["--json", "exchange", &self.file(request), "--out", &self.file(response)]);
        serde_json::from_str(&lines.unwrap().join("\n")).unwrap()
    }

    fn used(&self) -> Vec<u64> {
        let keys = self.authority.run(&["--json", "key", "list"]).unwrap().join("\n");
        let keys: Value = serde_json::from_str(&keys).unwrap();
        keys.as_array().unwrap().iter().map(|key| key["used"].as_u64().unwrap()).collect()
    }

    /// A command of a machine, which has the product and reaches the host alone.
    fn machine(&self, name: &str, arguments: &[&str]) -> Run {
        let store = self.path("machines").join(name);
        let mut command = programs::command("keymuster").unwrap();
        command.env_clear().arg("--store").arg(&store).args(["--host", &self.host.address.to_string(), "--json"]);
        if !store.exists() {
            let mut add = programs::command("keymuster").unwrap();
            let (trust, pack) = (self.file("aurora.trust"), self.file("aurora.pack"));
            add.env_clear().arg("--store").arg(&store).args(["add", "--trust", &trust, "--pack", &pack, EDITION]);
            assert_eq!(finish(&mut add, "").exit, 0);
        }
        finish(command.args(arguments), "")
    }

    /// The state of a machine, and by which way it is activated.
    fn state(&self, name: &str) -> (String, String) {
        let status = self.machine(name, &["status"]).json();
        let text = |field: &str| status[0][field].as_str().unwrap().to_owned();
        (text("meaning"), text("way"))
    }

    /// Whether a text stands in any file below the host's directory, or in its log.
    fn host_has(&self, text: &str) -> bool {
        fn is_in(path: &Path, text: &[u8]) -> bool {
            match fs::read_dir(path) {
                Ok(entries) => entries.into_iter().any(|entry| is_in(&entry.unwrap().path(), text)),
                Err(_) => fs::read(path).unwrap().windows(text.len()).any(|window| window == text),
            }
        }
        is_in(&self.path("host"), text.as_bytes()) || is_in(&self.path("host.log"), text.as_bytes())
    }
}

fn finish(command: &mut Command, input: &str) -> Run {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that needs no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Run::of(child.wait_with_output().unwrap())
}

/// A code as errors name it.
fn named(code: &codes::Code) -> String {
    format!("({code})")
}

#[test]
fn machines_without_a_way_to_the_authority_are_activated_through_their_host() {
    let mut site = Site::new();
    let mak = site.authority.mint_mak(EDITION, 2).unwrap();
    for machine in ["a", "b", "c"] {
        let asked = site.machine(machine, &["activate", "--by-proxy"]);
        assert_eq!(asked.exit, 1, "{asked:?}");
        assert!(asked.err.contains(&named(&codes::EXCHANGE_PENDING)), "{asked:?}");
        let (state, way) = site.state(machine);
        assert!(state.starts_with("in grace"), "{state}");
        assert_eq!(way, "by a MAK that the host's administrator adds in an exchange");
    }
    let listed = site.list();
    assert_eq!(listed.len(), 3);
    for kept in &listed {
        assert_eq!(
            (&kept["edition"], &kept["result"], &kept["exported"]),
            (&EDITION.into(), &Value::Null, &Value::Null)
        );
        assert_eq!(kept["address"], "127.0.0.1");
    }

    let status = site.host.run(&["status"], "").unwrap().join("\n");
    assert!(status.contains("exchange: 3 requests wait for an activation by a MAK"), "{status}");
    assert!(status.contains("next: exchange the requests that wait"), "{status}");

    // One file out. The host is restarted meanwhile, and the machines ask in vain.
    let exported = site.exchange(&["export", "--out", &site.file("x.request")], &mak);
    assert_eq!(exported.exit, 0, "{exported:?}");
    assert!(exported.out.contains("3 requests for") && exported.out.contains("the whole MAK"), "{exported:?}");
    assert_eq!(fs::metadata(site.path("x.request")).unwrap().permissions().mode() & 0o777, 0o600);
    site.stop();
    site.start();
    assert!(site.machine("a", &["activate"]).err.contains(&named(&codes::EXCHANGE_PENDING)));
    assert!(site.list().iter().all(|kept| kept["exported"].is_u64()));

    // One file in. What one machine is refused stops no other.
    let answered = site.answer("x.request", "x.response");
    assert_eq!((&answered["activated"], answered["refused"].as_array().unwrap().len()), (&2.into(), 1));
    let imported = site.exchange(&["import", &site.file("x.response"), "--json"], "");
    assert_eq!(imported.exit, 1, "{imported:?}");
    let report = imported.json();
    assert_eq!((&report["activated"], &report["refused"], &report["known_before"]), (&2.into(), &1.into(), &0.into()));
    let outcomes: Vec<i32> = ["a", "b", "c"].map(|machine| site.machine(machine, &["activate"]).exit).into();
    assert_eq!(outcomes.iter().filter(|exit| **exit == 0).count(), 2, "{outcomes:?}");
    let refused = ["a", "b", "c"][outcomes.iter().position(|exit| *exit == 1).unwrap()];
    for machine in ["a", "b", "c"].into_iter().filter(|machine| *machine != refused) {
        let expected = ("licensed for ever", "by a MAK that the host's administrator added");
        let (state, way) = site.state(machine);
        assert_eq!((state.as_str(), way.as_str()), expected);
    }
    let status = site.machine(refused, &["status"]).json();
    let said = status[0]["last_refusal"].as_str().unwrap();
    assert!(said.contains("mak-exhausted: 2 of 2 activations of this key are used"), "{said}");

    // Both files can be looked at, and the MAK is shown to nobody.
    let shown = site.machine("a", &["inspect", &site.file("x.request")]);
    assert_eq!(
        (&shown.json()["kind"], shown.json()["client_requests"].as_array().unwrap().len()),
        (&"exchange of a host for its clients".into(), 3)
    );
    assert!(shown.out.contains(&mak[24..]) && !shown.out.contains(&mak[..20]), "{shown:?}");
    let shown = site.machine("a", &["inspect", &site.file("x.response")]);
    assert_eq!((shown.exit, &shown.json()["refusals"][0]["code"]), (0, &"mak-exhausted".into()));
    let verdicts = shown.json()["activations"].clone();
    let verifies = |one: &Value| one["verdict"].as_str().unwrap().starts_with("verifies");
    assert!(verdicts.as_array().unwrap().iter().all(verifies), "{verdicts}");

    // The same file again, here and there, changes nothing and uses up nothing.
    assert_eq!(site.answer("x.request", "again.response"), {
        let mut same = answered.clone();
        same["file"] = site.file("again.response").into();
        same
    });
    let again = site.exchange(&["import", &site.file("again.response")], "");
    assert!(again.out.contains("3 were imported before, and change nothing"), "{again:?}");
    assert_eq!(site.used(), [2]);

    // The one that was refused asks anew, and gets its own by another MAK, over the network this time.
    assert!(site.machine(refused, &["activate"]).err.contains(&named(&codes::EXCHANGE_PENDING)));
    let late = site.exchange(&["import", &site.file("again.response")], "");
    assert!(late.out.contains("1 fit no request") && late.out.contains("2 were imported before"), "{late:?}");
    let other = site.authority.mint_mak(EDITION, 1).unwrap();
    let sent = site.exchange(&["send"], &other);
    assert_eq!(sent.exit, 0, "{sent:?}");
    assert!(sent.out.contains("1 activated, 0 refused"), "{sent:?}");
    assert_eq!(site.machine(refused, &["activate"]).exit, 0);

    for secret in [&mak, &other] {
        for text in [secret.as_str(), &secret.replace('-', ""), &secret[..23]] {
            assert!(!site.host_has(text), "the host holds a MAK");
        }
        assert!(site.host_has(&secret[24..]), "the audit names the MAK by its last five symbols");
    }
    let status = site.host.run(&["status"], "").unwrap().join("\n");
    assert!(status.contains("os: 0 clients counted"), "nobody is counted by it: {status}");
    assert!(status.contains("3 activated"), "each fetched its own: {status}");
    let audit = site.host.run(&["audit", "--json"], "").unwrap().join("\n");
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let acts = audit.as_array().unwrap().iter().map(|entry| entry["act"].as_str().unwrap());
    // Each start offers the console to a first administrator, as nobody has taken it.
    let acts: Vec<&str> = acts.filter(|act| *act != "claim offered").collect();
    let expected = [
        "publisher added",
        "requests exported",
        "client refused",
        "client activated",
        "client activated",
        "requests exported",
        "client activated",
    ];
    assert_eq!(acts, expected);
    assert_eq!(site.host.run(&["audit", "--last", "2"], "").unwrap().len(), 3, "a head and two entries");
}

#[test]
fn a_host_that_is_killed_between_export_and_import_loses_nothing() {
    let mut site = Site::new();
    let mak = site.authority.mint_mak(EDITION, 9).unwrap();
    assert_eq!(site.machine("a", &["activate", "--by-proxy"]).exit, 1);
    assert_eq!(site.exchange(&["export", "--out", &site.file("x.request")], &mak).exit, 0);
    site.kill();
    site.answer("x.request", "x.response");
    assert_eq!(site.exchange(&["import", &site.file("x.response")], "").exit, 0, "without the server");
    site.start();
    assert_eq!(site.machine("a", &["activate"]).exit, 0);
    site.kill();
    site.start();
    assert_eq!(site.list()[0]["result"], "activated");
}

#[test]
fn a_machine_goes_from_its_host_to_a_mak_and_back() {
    let site = Site::new();
    let key = site.authority.mint_host_key("server-c-2026", &["--threshold", "1"]).unwrap();
    site.host.run(&["install-key"], &key).unwrap();
    site.host.run(&["activate"], "").unwrap();
    assert_eq!(site.machine("a", &["activate"]).exit, 0);
    let (leased, way) = site.state("a");
    assert!(leased.starts_with("licensed until") && way == "by a host", "{leased}, {way}");

    assert_eq!(site.machine("a", &["activate", "--by-proxy"]).exit, 1);
    assert_eq!(site.state("a").0, leased, "the lease holds meanwhile");
    let mak = site.authority.mint_mak(EDITION, 1).unwrap();
    fs::write(site.path("mak"), &mak).unwrap();
    let sent = site.exchange(&["send", "--mak-file", &site.file("mak"), "--edition", EDITION, "--json"], "");
    assert_eq!((sent.exit, &sent.json()["activated"]), (0, &1.into()));
    assert_eq!(site.machine("a", &["activate"]).exit, 0);
    assert_eq!(site.state("a").0, "licensed for ever");

    let setup = site.authority.product(EDITION).unwrap().edition().setup_key.key().reveal();
    assert_eq!(site.machine("a", &["install-key", &setup]).exit, 0);
    assert_eq!(site.state("a"), ("licensed for ever".to_owned(), "by a host".to_owned()), "the activation holds");
    assert_eq!(site.machine("a", &["activate"]).exit, 0);
    assert!(site.state("a").0.starts_with("licensed until"));
}

#[test]
fn a_mak_that_does_not_fit_is_refused_before_anything_is_written() {
    let site = Site::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let (borealis, _) = Authority::start(elsewhere.path(), "borealis", "Borealis", BOREALIS, 0).unwrap();
    assert_eq!(site.machine("a", &["activate", "--by-proxy"]).exit, 1);
    let mak = site.authority.mint_mak(EDITION, 1).unwrap();
    let other_edition = site.authority.mint_mak("desk-pro-2026", 1).unwrap();
    let host_key = site.authority.mint_host_key("server-c-2026", &[]).unwrap();
    let setup = site.authority.product(EDITION).unwrap().edition().setup_key.key().reveal();
    let foreign = borealis.mint_mak("spectrum-2025", 1).unwrap();
    let mistyped = format!("{}{}", if mak.starts_with('B') { 'C' } else { 'B' }, &mak[1..]);
    let out = site.file("x.request");
    for (arguments, input, exit, says) in [
        (&[][..], host_key.as_str(), 1, "this is a host key; a MAK is needed here (KM-106 key-wrong-kind)"),
        (&[], &setup, 1, "this is a setup key; a MAK is needed here (KM-106 key-wrong-kind)"),
        (&[], &foreign, 1, "KM-105 key-wrong-publisher"),
        (&[], &mistyped, 1, "did you mean"),
        (&[], "", 1, "KM-101 key-wrong-length"),
        (&[], &other_edition, 1, "no request for Aurora Desk Pro 2026 (desk-pro-2026) waits"),
        (&["--edition", EDITION], &other_edition, 1, "KM-107 key-not-this-edition"),
        (&["--edition", "desk-enterprize-2026"], &mak, 2, "did you mean \"desk-enterprise-2026\"?"),
        (&["--publisher", "borealis"], &mak, 3, "this host has no publisher borealis"),
    ] {
        let run = site.exchange(&[&["export", "--out", &out], arguments].concat(), input);
        assert_eq!((run.exit, run.out.as_str()), (exit, ""), "{run:?}");
        assert!(run.err.contains(says), "{says:?} is missing in {run:?}");
        assert!(input.is_empty() || !run.err.contains(&input[..20]), "{run:?}");
    }
    assert!(!site.path("x.request").exists() && site.list()[0]["exported"].is_null());

    let to_nowhere = site.exchange(&["send", "--authority", "http://192.0.2.1:1690"], &mak);
    assert_eq!(to_nowhere.exit, 3, "{to_nowhere:?}");
    assert!(to_nowhere.err.contains("the MAK would travel to http://192.0.2.1:1690"), "{to_nowhere:?}");
    assert!(to_nowhere.err.contains(&named(&codes::SECRET_OVER_PLAIN_HTTP)), "{to_nowhere:?}");
}

#[test]
fn a_mak_is_in_no_process_list_and_what_was_not_answered_is_sent_again() {
    let site = Site::new();
    assert_eq!(site.machine("a", &["activate", "--by-proxy"]).exit, 1);
    let mak = site.authority.mint_mak(EDITION, 1).unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut command = site.command();
    command.args(["exchange", "send", "--authority", &url]);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(mak.as_bytes()).unwrap();
    let (mut stream, _) = silent.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_exact(&mut [0; 100]).unwrap();
    for place in ["cmdline", "environ"] {
        let shown = fs::read(format!("/proc/{}/{place}", child.id())).unwrap();
        assert!(!shown.windows(20).any(|window| window == &mak.as_bytes()[..20]), "{place}");
    }
    drop((stream, silent));
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.exit, 3, "{run:?}");
    assert!(run.err.contains(&named(&codes::AUTHORITY_UNREACHABLE)) && !run.err.contains(&mak[..20]), "{run:?}");

    let again = site.exchange(&["send"], &mak);
    assert_eq!(again.exit, 0, "{again:?}");
    assert_eq!((site.machine("a", &["activate"]).exit, site.used()), (0, vec![1]));
    assert!(!site.host_has(&mak[..20]));
}

#[test]
fn results_that_do_not_fit_are_told_and_not_kept() {
    let site = Site::new();
    let mak = site.authority.mint_mak(EDITION, 9).unwrap();
    for machine in ["a", "b"] {
        assert_eq!(site.machine(machine, &["activate", "--by-proxy"]).exit, 1);
    }
    assert_eq!(site.exchange(&["export", "--out", &site.file("x.request")], &mak).exit, 0);
    site.answer("x.request", "x.response");
    let whole = Bundle::parse_file(&fs::read(site.path("x.response")).unwrap()).unwrap();

    let mut damaged = whole.clone();
    *damaged.activations.as_mut().unwrap()[0].last_mut().unwrap() ^= 1;
    fs::write(site.path("damaged.response"), damaged.to_file()).unwrap();
    let imported = site.exchange(&["import", &site.file("damaged.response")], "");
    assert_eq!(imported.exit, 1, "{imported:?}");
    assert!(
        imported.out.contains("invalid: signature-invalid") && imported.out.contains("1 activated"),
        "{imported:?}"
    );
    assert_eq!(site.list().iter().filter(|kept| kept["result"] == "activated").count(), 1);

    // The second machine's request is dropped, so what comes for it fits nothing.
    let waiting = site.list().into_iter().find(|kept| kept["result"].is_null()).unwrap();
    let client = waiting["client"].as_str().unwrap();
    let dropped = site.exchange(&["drop", "--client", client], "");
    assert!(dropped.exit == 0 && dropped.out.contains("dropped 1 request;"), "{dropped:?}");
    assert_eq!(site.exchange(&["drop", "--client", client], "").exit, 1, "there is nothing left");
    let imported = site.exchange(&["import", &site.file("x.response"), "--json"], "");
    let report = imported.json();
    assert_eq!((&report["unasked"], &report["known_before"], imported.exit), (&1.into(), &1.into(), 1));

    // A refusal is unsigned: it takes no activation away, and one that nobody asked for changes nothing.
    let request = ClientRequest::verify(&activated_request(&site)).unwrap().request;
    let detail = Some("invented".parse().unwrap());
    let invented = keymuster_core::bundle::Refused { request, code: "key-revoked".parse().unwrap(), detail };
    fs::write(site.path("no.response"), Bundle { refusals: Some(vec![invented]), ..Bundle::default() }.to_file())
        .unwrap();
    assert_eq!(site.exchange(&["import", &site.file("no.response"), "--json"], "").json()["unasked"], 1);
    assert_eq!(site.list()[0]["result"], "activated");

    let other = Site::new();
    let foreign = other.exchange(&["import", &site.file("x.response")], "");
    assert!(foreign.exit == 1 && foreign.err.contains("signer-unknown"), "{foreign:?}");
    let no_results = site.exchange(&["import", &site.file("x.request")], "");
    assert!(no_results.exit == 1 && no_results.err.contains("the results of an exchange"), "{no_results:?}");

    assert_eq!(site.exchange(&["drop"], "").exit, 2);
    assert!(site.exchange(&["drop", "--all"], "").out.contains("dropped 1 request"));
    let empty = site.exchange(&["list"], "");
    assert_eq!((empty.exit, empty.out.as_str()), (0, "nothing is collected\n"));
}

/// The request in the exported file whose activation the host has.
fn activated_request(site: &Site) -> Vec<u8> {
    let kept = site.list().into_iter().find(|kept| kept["result"] == "activated").unwrap();
    let exported = Bundle::parse_file(&fs::read(site.path("x.request")).unwrap()).unwrap().client_requests.unwrap();
    let id = |bytes: &[u8]| ClientRequest::verify(bytes).unwrap().request.to_string();
    exported.iter().find(|bytes| id(bytes) == kept["request"].as_str().unwrap()).unwrap().to_vec()
}

#[test]
fn more_than_a_thousand_machines_take_two_files_and_seconds() {
    let site = Site::new();
    let mak = site.authority.mint_mak(EDITION, 2000).unwrap();
    let begun = Instant::now();
    let requests = site.collect(1001);
    let exported = site.exchange(&["export", "--out", &site.file("x.request")], &mak);
    assert!(exported.out.contains("1001 requests") && site.path("x-2.request").exists(), "{exported:?}");
    for name in ["x", "x-2"] {
        site.answer(&format!("{name}.request"), &format!("{name}.response"));
        let imported = site.exchange(&["import", &site.file(&format!("{name}.response"))], "");
        assert_eq!(imported.exit, 0, "{}", imported.err);
        assert_eq!(imported.err.contains("500 of 1000 results"), name == "x", "{}", imported.err);
    }
    assert_eq!(site.used(), [1001]);
    let mut connection = Connection::open(site.host.address).unwrap();
    for request in &requests {
        assert_eq!(connection.post("/v1/activate", request).unwrap().status, 200);
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn what_has_no_room_in_one_answer_comes_with_the_next() {
    let features: Vec<String> = (0..150).map(|n| format!("\"feature-of-desk-{n:03}\"")).collect();
    let few = "features = [\"bitvault\", \"remote-desk\"]";
    assert!(AURORA.contains(few));
    let site = Site::licensing(&AURORA.replace(few, &format!("features = [{}]", features.join(", "))));
    let mak = site.authority.mint_mak(EDITION, 2000).unwrap();
    site.collect(300);
    assert_eq!(site.exchange(&["export", "--out", &site.file("x.request")], &mak).exit, 0);
    let answered = site.answer("x.request", "x.response");
    let (activated, left) = (answered["activated"].as_u64().unwrap(), answered["left"].as_u64().unwrap());
    assert!(left > 0 && activated + left == 300 && site.used() == [activated], "{answered}");
    let imported = site.exchange(&["import", &site.file("x.response")], "");
    assert!(imported.err.contains(&format!("{left} more that were exported have no result yet")), "{}", imported.err);

    let sent = site.exchange(&["send", "--json"], &mak);
    assert_eq!((sent.exit, &sent.json()["activated"]), (0, &left.into()), "in as many answers as it takes");
    assert_eq!(site.used(), [300]);
    assert!(site.list().iter().all(|kept| kept["result"] == "activated"));
}

/// A host of the fixture's publisher, which collects without an authority.
fn fixture() -> Place {
    Place::new(Publisher::new(1, 1))
}

#[test]
fn a_host_collects_the_newest_request_of_each_machine_and_no_mak() {
    let place = fixture();
    let (host, log) = place.start_with_log();
    let mut machine = Machine::new(&Env::system());
    let ask = |machine: &mut Machine| place.ask(machine, Act::Mak, VOLUME_EDITION);
    let (first, second) = (ask(&mut machine), ask(&mut machine));
    let post = |machine: &Machine, body: &ClientRequest| host.activate(&machine.sign(body.clone()));
    let answer = post(&machine, &first);
    let since = refused(&answer, 503, "exchange-pending")["since"].as_u64().unwrap();
    assert_eq!(answer.header("retry-after"), Some("7200"), "the activation interval");
    assert_eq!(refused(&post(&machine, &first), 503, "exchange-pending")["since"], since, "a repeat");
    refused(&post(&machine, &second), 503, "exchange-pending");

    let mak = "H29B4-VD2T6-4V74J-678TY-WXHVC";
    let stranger = Machine::new(&Env::system());
    let changed = |change: fn(&mut ClientRequest)| {
        let mut body = ask(&mut machine.clone());
        change(&mut body);
        body
    };
    for (code, status, asker, body) in [
        ("request-replayed", 409, &machine, first),
        ("wrong-way", 422, &machine, changed(|body| body.key = Some("H29B4-VD2T6-4V74J-678TY-WXHVC".parse().unwrap()))),
        ("edition-unknown", 422, &machine, changed(|body| body.edition = 999)),
        ("publisher-unknown", 422, &machine, changed(|body| body.publisher = "nobody".parse().unwrap())),
        ("request-for-another-host", 422, &machine, {
            changed(|body| body.audience = Some(keymuster_core::id::HostId::from_bytes([7; 16])))
        }),
        ("rekey-required", 409, &stranger, {
            let mut body = ask(&mut stranger.clone());
            (body.client, body.counter) = (machine.id, 99);
            body
        }),
    ] {
        refused(&post(asker, &body), status, code);
    }
    let db = place.read();
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT COUNT(*) FROM collected"), 1);
    assert_eq!(count("SELECT COUNT(*) FROM client"), 0, "nobody is counted");
    assert_eq!(count("SELECT SUM(requests) FROM tally WHERE outcome = 'exchange-pending'"), 3);
    assert_eq!(count("SELECT requests FROM counter WHERE name = 'failed'"), 5, "waiting is no failure");
    let kept: String = db.query_row("SELECT request_id FROM collected", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, second.request.to_string());
    host.stop();
    let database = fs::read(place.data_dir.join("host.db")).unwrap();
    assert!(!database.windows(mak.len()).any(|window| window == mak.as_bytes()));
    assert!(!fs::read_to_string(log).unwrap().contains(&mak[..20]));
}

#[test]
fn a_full_host_says_so_serves_whom_it_knows_and_makes_room_of_what_is_too_old() {
    let place = fixture();
    let host = place.start();
    let mut known = Machine::new(&Env::system());
    let ask = |machine: &mut Machine| place.request(machine, Act::Mak, VOLUME_EDITION);
    let first = ask(&mut known);
    refused(&host.activate(&first), 503, "exchange-pending");
    let now = Env::system().now().as_secs();
    place.tamper(&format!(
        "INSERT INTO collected (publisher, client_id, edition, request_id, request, address, collected_at) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9998) \
         SELECT 1, printf('%032d', i), 1, printf('%032d', i), '', '192.0.2.1', {now} FROM n"
    ));
    let (mut last, mut late) = (Machine::new(&Env::system()), Machine::new(&Env::system()));
    refused(&host.activate(&ask(&mut last)), 503, "exchange-pending");
    let full = host.activate(&ask(&mut late));
    assert!(problem(&full)["detail"].as_str().unwrap().contains("10000 requests are collected"), "{full:?}");
    refused(&full, 503, "exchange-full");
    refused(&host.activate(&first), 503, "exchange-pending");
    refused(&host.activate(&ask(&mut known)), 503, "exchange-pending");
    refused(&host.activate(&ask(&mut late)), 503, "exchange-full");

    place.tamper(&format!("UPDATE collected SET collected_at = {} WHERE address = '192.0.2.1'", now - 31 * 86_400));
    refused(&host.activate(&ask(&mut late)), 503, "exchange-pending");
    let db = place.read();
    assert_eq!(db.query_row("SELECT COUNT(*) FROM collected", [], |row| row.get::<_, i64>(0)).unwrap(), 3);
    host.stop();
}
