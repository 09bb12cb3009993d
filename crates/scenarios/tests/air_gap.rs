//! Across an air gap with the real programs: a host and a client are activated by QR codes alone, and a response does what
//! it says once, for whom it was made, and in time.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use keymuster_core::document::Signed;
use keymuster_core::id::EntitlementId;
use keymuster_core::request::HostRequest;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_host::certify;
use keymuster_host::site::Home;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::fixture::Publisher;
use keymuster_scenarios::programs;
use keymuster_service::Env;
use keymuster_service::console::By;
use serde_json::Value;

/// An authority whose server is stopped: nothing of this needs a network.
struct Place {
    directory: tempfile::TempDir,
    authority: Authority,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let (mut authority, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        authority.stop().unwrap();
        Place { directory, authority }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// A host with this key, in a directory of its own.
    fn host(&self, name: &str, key: &str) -> Host {
        let host = Host::new(&self.directory.path().join(name), 0).unwrap();
        host.add_publisher(self.directory.path(), "aurora").unwrap();
        host.run(&["install-key"], key).unwrap();
        host
    }

    fn host_key(&self) -> String {
        self.authority.mint_host_key("server-c-2026", &[]).unwrap()
    }

    /// The publisher signs a newer catalogue, which no host holds yet.
    fn publish(&self) {
        let source = self.path("newer.toml");
        fs::write(&source, AURORA.replacen("version = 1", "version = 2", 1)).unwrap();
        self.authority.run(&["catalogue", "sign", &source, "--out", &self.path("newer.pack")]).unwrap();
    }

    /// Runs one of the authority's commands for its JSON.
    fn authority_json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.authority.run(&[arguments, &["--json"]].concat()).unwrap().join("\n")).unwrap()
    }

    /// The pictures with this stem, `x.png` or `x-1.png` and so on, the last first.
    fn pictures(&self, stem: &str) -> Vec<String> {
        let is_one = |name: &str| {
            let rest = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".png"));
            rest.is_some_and(|rest| rest.trim_start_matches('-').chars().all(|c| c.is_ascii_digit()))
        };
        let names = fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> =
            names.map(|name| name.into_string().unwrap()).filter(|name| is_one(name)).collect();
        names.sort();
        names.iter().rev().map(|name| self.path(name)).collect()
    }

    /// Runs `keymuster` for a machine: exit code, standard output, standard error.
    fn machine(&self, name: &str, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut command = programs::command("keymuster").unwrap();
        command.arg("--store").arg(self.directory.path().join(name)).args(arguments);
        command.env("KEYMUSTER_DNS", "127.0.0.1:9").env("KEYMUSTER_DOMAIN", "keymuster.invalid");
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        // A program that needs no input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

fn words<'a>(arguments: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

fn is_private(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

/// Runs a host's command that must fail; what it says.
fn fails(host: &Host, arguments: &[&str]) -> String {
    format!("{:#}", host.run(arguments, "").expect_err("the command succeeds"))
}

/// How often a host was activated, by its own record.
fn activations(data_dir: &Path) -> i64 {
    let db = rusqlite::Connection::open(data_dir.join("host.db")).unwrap();
    db.query_row("SELECT count(*) FROM audit WHERE act = 'host activated'", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_host_is_activated_by_pictures_alone_and_once() {
    let place = Place::new();
    let key = place.host_key();
    let host = place.host("first", &key);
    place.publish();
    let said = host.run(&["activate", "--request-qr", "--request-qr-png", &place.path("ask.png")], "").unwrap();
    assert!(said[0] == "QR code 1 of 1" && said[5].starts_with("\x1b[38;5;16;48;5;231m    █"), "{}", said[5]);
    let said = said.join("\n");
    for expected in ["a window of 81 columns and 41 lines", "holds the whole host key", "--response-qr PICTURE"] {
        assert!(said.contains(expected), "{expected:?} is missing in {said}");
    }
    let ask = place.pictures("ask");
    assert!(ask.len() == 1 && is_private(&ask[0]), "a request fits into one code");
    let made = place.authority_json(&["certify", "--request-qr", &ask[0], "--out-qr-png", &place.path("answer.png")]);
    let answer = place.pictures("answer");
    assert!(answer.len() > 1, "the response carries the newer catalogue: {answer:?}");
    assert_eq!(made["files"].as_array().unwrap().len(), answer.len());

    // One picture is lost, and then one of another host's response lies among them.
    let other = place.host("second", &key);
    other.run(&["activate", "--request-qr-png", &place.path("other-ask.png")], "").unwrap();
    let certify = ["certify", "--request-qr", &place.path("other-ask.png"), "--out-qr-png", &place.path("stray.png")];
    place.authority.run(&certify).unwrap();
    let (stray, read) = (place.pictures("stray"), ["activate", "--response-qr"]);
    let missing =
        format!("of {} QR codes these have not been read: {} (KM-620 frames-missing)", answer.len(), answer.len());
    assert!(fails(&host, &words(&read, &answer[1..])).contains(&missing), "the last one is missing");
    let mixed = [&stray[..1], &answer[..]].concat();
    assert!(fails(&host, &words(&read, &mixed)).contains("(KM-619 frames-mixed)"));
    assert!(fails(&host, &words(&read, &stray)).contains("(KM-616 for-another-host)"));
    let said = fails(&host, &["activate", "--response-qr", &place.path("aurora.pack")]);
    assert!(said.contains("aurora.pack: it is neither a PNG nor a JPEG file") && said.contains("KM-618"), "{said}");
    assert!(host.run(&["status"], "").unwrap().join("\n").contains(" waits for its answer"));

    let said = host.run(&words(&read, &answer), "").unwrap();
    assert!(said[0].starts_with("activated for Muster Works until 20"), "{said:?}");
    assert!(said[1].contains("licence pack version 2: replaces version 1"), "{said:?}");
    let (data_dir, status) = (place.directory.path().join("first/host"), ["status", "--json"]);
    let entitled = |lines: &[String]| serde_json::from_str::<Value>(&lines.join("\n")).unwrap()["publishers"].clone();
    let before = entitled(&host.run(&status, "").unwrap());
    let again = host.run(&words(&read, &answer), "").unwrap().join("\n");
    assert_eq!(again, format!("this response was accepted before, and changes nothing: {}", said[0]));
    assert_eq!(entitled(&host.run(&status, "").unwrap()), before);
    assert_eq!(activations(&data_dir), 1);

    // A newer request makes the older response worthless, and is answered by its own.
    host.run(&["activate", "--renew", "--request-qr-png", &place.path("renewal.png")], "").unwrap();
    let certify = ["certify", "--request-qr", &place.path("renewal.png"), "--out-qr-png", &place.path("renewed.png")];
    place.authority.run(&certify).unwrap();
    let renewed = place.pictures("renewed");
    assert_eq!(renewed.len(), 1, "the host holds the catalogue, so that the response is one code");
    let said = host.run(&words(&read, &renewed), "").unwrap().join("\n");
    assert!(said.starts_with("activated for Muster Works"), "{said}");
    assert!(fails(&host, &words(&read, &answer)).contains("(KM-611 answer-to-another-request)"));
    assert_eq!(activations(&data_dir), 2);
}

#[test]
fn the_text_of_codes_can_be_pasted() {
    let place = Place::new();
    let host = place.host("first", &place.host_key());
    place.publish();
    host.run(&["activate", "--request", &place.path("a.request")], "").unwrap();
    let made = place.authority_json(&["certify", "--request", &place.path("a.request"), "--out-qr"]);
    let frames: Vec<&str> = made["frames"].as_array().unwrap().iter().map(|frame| frame.as_str().unwrap()).collect();
    assert!(frames.len() > 5 && made["files"].as_array().unwrap().is_empty(), "{made}");
    let damaged = frames.join("\n").replace(frames[2], &frames[2][..100]);
    let paste = |text: &str| host.run(&["activate", "--response-qr", "-"], text);
    for (text, expected) in [
        (damaged.as_str(), "line 3: frame 3 of"),
        (frames[0], "(KM-620 frames-missing)"),
        ("Dear Sir", "(KM-618 frame-unreadable)"),
        ("", "no QR code of Keymuster was found (KM-620 frames-missing)"),
    ] {
        let said = format!("{:#}", paste(text).expect_err("the command succeeds"));
        assert!(said.contains(expected) && said.contains("what to do:"), "{said}");
    }
    let backwards: Vec<&str> = frames.iter().rev().copied().collect();
    let said = paste(&(backwards.join("\r\n\r\n") + "\r\n")).unwrap().join("\n");
    assert!(said.starts_with("activated for Muster Works"), "{said}");
}

#[test]
fn a_client_is_activated_by_pictures_alone_and_once() {
    let place = Place::new();
    let mak = place.authority.mint_mak("desk-enterprise-2026", 2).unwrap();
    let (trust, pack) = (place.path("aurora.trust"), place.path("aurora.pack"));
    for machine in ["desk", "laptop"] {
        let added = place.machine(machine, &["add", "--trust", &trust, "--pack", &pack, "desk-enterprise-2026"], "");
        assert_eq!(added.0, 0, "{added:?}");
        assert_eq!(place.machine(machine, &["install-key"], &mak).0, 0);
        let (ask, file) = (place.path(&format!("{machine}.png")), place.path(&format!("{machine}.request")));
        let arguments = ["activate", "--request", &file, "--request-qr", "--request-qr-png", &ask];
        let (exit, said, _) = place.machine(machine, &arguments, "");
        assert!(
            exit == 0 && said.contains("█") && said.contains("holds the whole MAK") && !said.contains(&mak),
            "{said}"
        );
        assert!(is_private(&ask) && is_private(&file));
        let out = place.path(&format!("{machine}-answer.png"));
        place.authority.run(&["activate", "--request-qr", &ask, "--out-qr-png", &out]).unwrap();
    }
    let answers = |machine: &str| place.pictures(&format!("{machine}-answer"));
    let read = |pictures: &[String]| place.machine("desk", &words(&["activate", "--response-qr"], pictures), "");
    let (exit, _, said) = read(&answers("laptop"));
    assert!(exit == 5 && said.contains("(KM-610 for-another-client)"), "{said}");
    let (exit, said, _) = read(&answers("desk"));
    assert!(exit == 0 && said.contains("licensed for ever"), "{said}");
    // The request is answered, so the response has nothing to do any more, and does nothing.
    let (exit, _, said) = read(&answers("desk"));
    assert!(exit == 5 && said.contains("no request of this client waits") && said.contains("KM-611"), "{said}");
    assert!(place.machine("desk", &["status"], "").1.contains("licensed for ever"));
    // The other machine's codes in the terminal, for machines, are those of its request.
    let (exit, said, _) = place.machine("laptop", &["activate", "--request-qr", "--json"], "");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert!(exit == 0 && said["frames"][0].as_str().unwrap().starts_with("KM1:1/"), "{said}");
}

#[test]
fn a_response_is_taken_for_thirty_days() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir: PathBuf = directory.path().join("host");
    let publisher = Publisher::new(1, 1);
    let start = publisher.entitle_host(&data_dir).map(|_| Env::system().now()).unwrap();
    let open = |env: &Env| Home::open(&data_dir, env).unwrap();
    let ask = |at: Timestamp| {
        let env = Env::fixed(at, at.as_secs());
        let request = certify::request(&mut open(&env), 0, &publisher.host_key(), &env).unwrap();
        HostRequest::verify(&request).unwrap()
    };
    let answer = |request: &Signed<HostRequest>, id: u8| {
        publisher.answer_to(&open(&Env::system()), request, EntitlementId::from_bytes([id; 16]), request.time)
    };
    let accept = |bundle: &_, at: Timestamp| {
        let env = Env::fixed(at, 1);
        certify::accept(&mut open(&env), 0, bundle, &By::local_user(at)).map_err(|error| format!("{error:#}"))
    };

    let request = ask(start);
    let bundle = answer(&request, 1);
    assert_eq!(ask(start.plus(29 * DAY)).bytes(), request.bytes(), "the request waits");
    let late = accept(&bundle, start.plus(30 * DAY)).unwrap_err();
    assert!(late.starts_with("the answer came later than 30 days after its request; make a new one: "), "{late}");
    accept(&bundle, start.plus(30 * DAY - 1)).unwrap();
    accept(&bundle, start.plus(40 * DAY)).expect("what was taken in time is taken again");
    assert_eq!(activations(&data_dir), 1);

    let renewed = ask(start.plus(41 * DAY));
    assert_ne!(renewed.request, request.request);
    assert_eq!(accept(&answer(&request, 2), start.plus(41 * DAY)).unwrap_err(), {
        "the document does not answer a request that is waiting here"
    });
}
