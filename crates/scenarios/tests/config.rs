//! Configuration of the real servers: file, credentials, environment and command line; what is refused, shown and followed.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Host, Place, bounded, poll, serve};
use keymuster_host::serving;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::Authority;
use keymuster_scenarios::fixture::Publisher;
use keymuster_scenarios::programs::{self, Running, free_port};
use keymuster_service::Env;
use keymuster_service::files::write_private;
use serde_json::{Value, json};

const TSIG: &str = "key \"kms\" { algorithm hmac-sha256; secret \"c2VjcmV0IG9mIHNpeHRlZW4gYnl0ZXM=\"; };\n";

fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = programs::command(program).unwrap();
    command.args(arguments).envs(environment.iter().copied()).output().unwrap()
}

/// Exit code, standard output and standard error.
fn said(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn signal(running: &Running, name: &str) {
    let pid = running.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.toml");
    let open = directory.path().join("open.key");
    fs::write(&open, TSIG).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = format!("# a comment\ndns-key-file = {:?}\n", open.to_str().unwrap());
    for (program, text, expected) in [
        ("keymuster-host", "", &[][..]),
        ("keymuster-host", "port = 1700\ntls-1.2 = true\n[publisher.aurora]\nthreshold.desk = 40\n", &[]),
        ("keymuster-host", "prot = 1\n", &[":1:1: there is no key prot; did you mean port?"]),
        ("keymuster-host", "port = 0\n", &[":1:8: \"0\" is no value of port: port may be from 1 to 65535"]),
        ("keymuster-host", "port = \"1688\"\nport = 1689\n", &[":2:1: this is not TOML: duplicate key"]),
        (
            "keymuster-host",
            "tls = \"maybe\"\nport = 1.5\nlisten = 1688\n",
            &[
                ":1:7: \"maybe\" is no value of tls: expected offer, require or off",
                ":2:8: port cannot be a number with a fraction: expected a whole number from 1 to 65535",
                ":3:10: \"1688\" is no value of listen: expected ADDRESS:PORT",
            ],
        ),
        (
            "keymuster-host",
            "[publisher.aurora]\n  renewel-interval = \"3d\"\n[publishers.borealis]\nrenewal-interval = \"3d\"\n",
            &[
                ":2:3: there is no key publisher.aurora.renewel-interval; did you mean publisher.aurora.renewal-interval?",
                ":4:1: there is no key publishers.borealis.renewal-interval; did you mean \
                 publisher.borealis.renewal-interval?",
            ],
        ),
        ("keymuster-host", "renewal-interval = \"3d\"\n", &[":1:1: there is no key renewal-interval"]),
        ("keymuster-host", "help-url =\nport = 1688\n", &[":1:11: this is not TOML:"]),
        (
            "keymuster-host",
            &exposed,
            &["open.key holds a secret, and every user of this machine can open it (mode 0644)"],
        ),
        ("keymuster-authority", "listen = \"127.0.0.1:1690\"\nlog-format = \"json\"\n", &[]),
        ("keymuster-authority", "port = 1690\n", &[":1:1: there is no key port"]),
        ("keymuster-authority", "tls-key = \"/x\"\n", &[":1:1: there is no key tls-key; did you mean tls-key-file?"]),
        (
            "keymuster-authority",
            "openid-file = \"x.toml\"\n",
            &[":1:15: \"x.toml\" is no value of openid-file: expected a path"],
        ),
    ] {
        fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap();
        let (exit, out, err) = said(run(program, &["config", "check", path], &[]));
        assert_eq!((exit, &*err), (i32::from(!expected.is_empty()), ""), "{text}: {out}");
        for part in expected {
            assert!(out.contains(part), "{part} is missing for\n{text}\n{out}");
        }
        assert_eq!(out.lines().count(), expected.len() + 1, "{text}\n{out}");

        // A server does not start on it, and says the first of it.
        let arguments = ["--config", path, "--data-dir", directory.path().to_str().unwrap(), "serve"];
        if let Some(first) = expected.first().filter(|_| text != exposed) {
            let (exit, out, err) = said(run(program, &arguments, &[]));
            assert_eq!((exit, &*out), (1, ""), "{err}");
            assert!(err.contains(first) && err.contains("(KM-423 config-invalid)"), "{err}");
        }
    }
}

#[test]
fn a_check_for_programs_has_lines_and_a_missing_file_is_no_fault_unless_it_was_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("host.toml");
    fs::write(&file, "port = 1688\nlisten = 7\n").unwrap();
    let path = file.to_str().unwrap();
    for program in ["keymuster-host", "keymuster-authority"] {
        let (exit, out, _) = said(run(program, &["config", "check", path, "--json"], &[]));
        let value: Value = serde_json::from_str(&out).unwrap();
        let fault = value["faults"].as_array().unwrap().iter().find(|fault| fault["key"] == "listen").unwrap();
        assert_eq!((exit, &fault["line"], &fault["column"]), (1, &json!(2), &json!(10)), "{out}");
        assert_eq!(fault["place"], json!(format!("{path}:2:10")));

        let missing = directory.path().join("missing.toml");
        let (exit, out, _) = said(run(program, &["--config", missing.to_str().unwrap(), "config", "check"], &[]));
        assert!(exit == 1 && out.contains("cannot read") && out.contains("--config"), "{out}");
    }
}

#[test]
fn variables_are_checked_and_no_secret_fits_into_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("empty.toml");
    fs::write(&file, "").unwrap();
    let check = ["--config", file.to_str().unwrap(), "config", "check"];
    for (program, variable, value, expected) in [
        ("keymuster-host", "KEYMUSTER_HOST_PORT", "1700", None),
        ("keymuster-host", "KEYMUSTER_HOST_TLS_1_2", "on", None),
        ("keymuster-host", "KEYMUSTER_HOST_PORT", "70000", Some("KEYMUSTER_HOST_PORT: \"70000\" is no value of port")),
        (
            "keymuster-host",
            "KEYMUSTER_HOST_PROT",
            "1700",
            Some("variable KEYMUSTER_HOST_PROT; did you mean KEYMUSTER_HOST_PORT?"),
        ),
        ("keymuster-host", "KEYMUSTER_HOST_DNS_KEY", "c2VjcmV0", Some("did you mean KEYMUSTER_HOST_DNS_KEY_FILE?")),
        // What Kubernetes and the command `keymuster host` have.
        ("keymuster-host", "KEYMUSTER_HOST_PORT", "tcp://10.0.0.1:1688", None),
        ("keymuster-host", "KEYMUSTER_HOST_SERVICE_HOST", "10.0.0.1", None),
        ("keymuster-host", "KEYMUSTER_HOST_TOKEN_FILE", "/run/token", None),
        ("keymuster-authority", "KEYMUSTER_AUTHORITY_LISTEN", "127.0.0.1:1690", None),
        (
            "keymuster-authority",
            "KEYMUSTER_AUTHORITY_PASSPHRASE",
            "secret",
            Some("no variable KEYMUSTER_AUTHORITY_PASSPHRASE"),
        ),
    ] {
        let (exit, out, _) = said(run(program, &check, &[(variable, value)]));
        assert_eq!(exit, i32::from(expected.is_some()), "{variable}={value}: {out}");
        assert!(out.contains(expected.unwrap_or("nothing is wrong")), "{variable}={value}: {out}");
        assert!(!out.contains("c2VjcmV0"), "{out}");
    }
    for option in ["--dns-key", "--tls-key", "--client-secret"] {
        let (exit, _, err) = said(run("keymuster-host", &["serve", option, "c2VjcmV0"], &[]));
        assert!(exit == 2 && err.contains("unexpected argument"), "{err}");
    }
}

/// A host with a file beside its data, on the port that the file gives.
struct Site {
    place: Place,
    file: PathBuf,
    log: PathBuf,
}

impl Site {
    fn new(text: &str) -> Site {
        let place = Place::new(Publisher::new(1, 1));
        let (file, log) = (place.data_dir.with_extension("toml"), place.data_dir.with_extension("log"));
        fs::write(&file, text).unwrap();
        Site { place, file, log }
    }

    fn start(&self, options: &[&str], environment: &[(&str, &str)]) -> Host {
        let config = ["--admin-listen", "127.0.0.1:0", "--config", self.file.to_str().unwrap()];
        let mut command = serve(&self.place.data_dir, &[&config, options].concat());
        command.envs(environment.iter().copied());
        let mut running = Running::start(&mut command, fs::File::create(&self.log).unwrap().into()).unwrap();
        let (clients, administration) = bounded(running.id(), || {
            let clients = running.line_after("listening on http://").unwrap();
            (clients, running.line_after("administration on http://").unwrap())
        });
        let clients: SocketAddr = clients.parse().unwrap();
        Host {
            running,
            clients: (Ipv4Addr::LOCALHOST, clients.port()).into(),
            administration: administration.parse().unwrap(),
        }
    }

    /// A command of the host, which knows the file as well.
    fn does(&self, arguments: &[&str]) -> (i32, String, String) {
        let data_dir = self.place.data_dir.to_str().unwrap();
        let all = [&["--config", self.file.to_str().unwrap(), "--data-dir", data_dir], arguments].concat();
        said(run("keymuster-host", &all, &[]))
    }

    /// What is shown of a key.
    fn shown(&self, key: &str) -> Value {
        let (exit, out, err) = self.does(&["config", "show", "--json"]);
        assert_eq!(exit, 0, "{err}");
        let shown: Value = serde_json::from_str(&out).unwrap();
        let keys = shown["keys"].as_array().unwrap().iter();
        keys.clone().find(|shown| shown["key"] == key).unwrap_or_else(|| panic!("{key} is missing in {out}")).clone()
    }

    fn counts(&self, key: &str) -> (String, String, String) {
        let shown = self.shown(key);
        let text = |name: &str| shown[name].as_str().unwrap_or("-").to_owned();
        (text("value"), text("source"), text("place"))
    }

    fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.file.display())
    }

    fn until_log(&self, part: &str) -> String {
        poll(part, || Some(fs::read_to_string(&self.log).unwrap()).filter(|log| log.contains(part)))
    }
}

fn counting(value: &str, source: &str, place: &str) -> (String, String, String) {
    (value.to_owned(), source.to_owned(), place.to_owned())
}

#[test]
fn of_several_places_the_nearest_counts_and_all_of_them_are_shown() {
    let site = Site::new(
        "dns-weight = 1\ndns-priority = 1\nhelp-url = \"https://file.example\"\nadmin-name = [\"a.example\", \"b.example\"]\n",
    );
    // Before anything fixes them, both are chosen.
    for (name, value) in [("dns-target", "kms.example.com"), ("dns-server", "192.0.2.1")] {
        assert_eq!(site.does(&["set", name, value]).0, 0);
    }
    let environment = [("KEYMUSTER_HOST_DNS_WEIGHT", "2"), ("KEYMUSTER_HOST_DNS_PRIORITY", "2")];
    let host = site.start(&["--listen", "127.0.0.1:0", "--dns-weight", "3"], &environment);
    for (key, expected) in [
        ("dns-weight", counting("3", "command-line", "--dns-weight on the command line")),
        ("dns-priority", counting("2", "environment", "KEYMUSTER_HOST_DNS_PRIORITY in the environment")),
        ("help-url", counting("https://file.example", "file", &site.place(3))),
        ("admin-name", counting("a.example,b.example", "file", &site.place(4))),
        ("listen", counting("127.0.0.1:0", "command-line", "--listen on the command line")),
        ("openid-file", counting("-", "built-in", "")),
    ] {
        assert_eq!(site.counts(key), expected, "{key}");
    }
    let target = site.counts("dns-target");
    assert_eq!((&*target.0, &*target.1), ("kms.example.com", "administrator"));
    let settings = site.does(&["settings"]).1;
    assert!(settings.contains(&format!("fixed by {}", site.place(3))), "{settings}");

    for (name, place) in
        [("dns-weight", "--dns-weight"), ("dns-priority", "KEYMUSTER_HOST_DNS_PRIORITY"), ("help-url", &*site.place(3))]
    {
        for arguments in [&["set", name, "7"][..], &["unset", name]] {
            let value = if name == "help-url" { "https://other.example" } else { "7" };
            let arguments = if arguments.len() == 3 { vec!["set", name, value] } else { arguments.to_vec() };
            let (exit, _, err) = site.does(&arguments);
            assert!(exit == 1 && err.contains("(KM-424 setting-fixed)") && err.contains(place), "{name}: {err}");
        }
    }
    let (exit, _, err) = site.does(&["set", "listen", "127.0.0.1:1"]);
    assert!(exit == 2 && err.contains("counts from the start of the host"), "{err}");
    assert_eq!(site.does(&["set", "dns-target", "kms2.example.com"]).0, 0, "what is given nowhere can be chosen");
    host.stop();

    // Without options and environment the file counts, and below it the choice.
    assert_eq!(site.counts("dns-weight"), counting("1", "file", &site.place(1)));
    fs::write(&site.file, "").unwrap();
    assert_eq!(site.counts("dns-weight").1, "built-in");
    assert_eq!(site.does(&["set", "dns-weight", "7"]).0, 0, "it is free again");
}

#[test]
fn the_console_and_its_interface_do_not_change_what_the_file_gives() {
    let site = Site::new("help-url = \"https://file.example\"\n");
    let mut host = site.start(&["--listen", "127.0.0.1:0"], &[]);
    let ada = host.console(&site.place.data_dir).claim(&mut host.running).unwrap();
    let page = ada.get("/settings/help-url").unwrap();
    assert!(page.body.contains(&site.place(1)) && page.body.contains("Fixed by the configuration"), "{}", page.body);
    assert!(!page.body.contains("Show what would change"), "there is nothing to fill in");
    let refused = ada.post("/settings/help-url", &[("value", "https://other.example")]).unwrap();
    assert!(refused.status == 422 && refused.body.contains("KM-424"), "{} {}", refused.status, refused.body);
    let row = ada.get("/settings").unwrap();
    assert!(row.body.contains(&format!("fixed by {}", site.place(1))), "{}", row.body);
}

#[test]
fn a_running_host_follows_its_file_and_says_what_has_changed() {
    let [first, second, third] = [free_port(), free_port(), free_port()];
    let text = |port: u16, more: &str| format!("port = {port}\n{more}");
    let site = Site::new(&text(first, ""));
    let host = site.start(&[], &[]);
    assert_eq!(host.clients.port(), first);
    let moved = |port: u16| {
        let serving = || serving::read(&site.place.data_dir).unwrap();
        poll("the port", || serving().filter(|serving| serving.clients.port() == port));
        let address = (Ipv4Addr::LOCALHOST, port).into();
        assert_eq!(host.get(address, "/livez").status, 200);
    };

    // On SIGHUP, with what changed; what needs a restart is named and does not count.
    fs::write(
        &site.file,
        text(second, "admin-name = \"new.example\"\n[publisher.fixture]\nrenewal-interval = \"3d\"\n"),
    )
    .unwrap();
    signal(&host.running, "HUP");
    moved(second);
    let log = site.until_log("admin-name: not given → new.example");
    assert!(log.contains(&format!("configuration changed: port: {first} → {second}")), "{log}");
    assert!(log.contains(&site.place(1)), "{log}");
    assert!(log.contains("admin-name: not given → new.example; this counts once the server is started again"), "{log}");
    assert!(log.contains("publisher.fixture.renewal-interval: not given → 3 days"), "{log}");
    let shown = site.shown("admin-name");
    assert_eq!(
        (&shown["value"], &shown["pending"], &shown["needs_restart"]),
        (&json!(null), &json!("new.example"), &json!(true))
    );
    let audit = site.does(&["audit"]).1;
    assert!(audit.contains(&format!("from {first} to {second}, by {}", site.place(1))), "{audit}");

    // A broken file leaves everything as it is.
    fs::write(&site.file, format!("port = {third}\nprot = 1\n")).unwrap();
    signal(&host.running, "HUP");
    let log = site.until_log("cannot use the new configuration; the one before goes on");
    assert!(log.contains("there is no key prot; did you mean port?") && log.contains(":2:1"), "{log}");
    moved(second);
    assert_eq!(site.counts("port").0, second.to_string());
    let (exit, out, _) = site.does(&["config", "show"]);
    assert!(exit == 0 && out.contains("there is no key prot"), "{out}");
    fs::remove_file(&site.file).unwrap();
    signal(&host.running, "HUP");
    site.until_log("cannot read");
    moved(second);

    // Mended, it counts without a signal as well.
    fs::write(&site.file, text(third, "")).unwrap();
    moved(third);
    let log = site.until_log("admin-name: new.example → not given");
    assert!(log.contains(&format!("port: {second} → {third}")), "{log}");
    host.stop();
}

#[test]
fn credentials_of_the_service_manager_are_files_by_the_names_of_keys() {
    let site = Site::new("dns-zones = [\"muster.test\"]\n");
    let credentials = site.place.data_dir.with_file_name("credentials");
    fs::create_dir(&credentials).unwrap();
    let key = credentials.join("dns-key-file");
    write_private(&key, TSIG.as_bytes()).unwrap();
    let environment = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())];
    let host = site.start(&["--listen", "127.0.0.1:0"], &environment);
    let expected = counting(key.to_str().unwrap(), "credential", "the credential dns-key-file");
    assert_eq!(site.counts("dns-key-file"), expected);
    let (exit, _, err) = site.does(&["set", "dns-key-file", key.to_str().unwrap()]);
    assert!(exit == 1 && err.contains("by the credential dns-key-file in the unit of the service"), "{err}");
    let log = fs::read_to_string(&site.log).unwrap();
    assert!(!log.contains("c2VjcmV0"), "{log}");
    host.stop();

    // A secret that everybody can open is refused, with what to do.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&site.file, "").unwrap();
    let (exit, _, err) = site.does(&["set", "dns-key-file", key.to_str().unwrap()]);
    assert!(exit != 0 && err.contains(&format!("run chmod o= {}", key.display())), "{err}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(site.does(&["set", "dns-key-file", key.to_str().unwrap()]).0, 0);
}

#[test]
fn commands_find_the_data_by_the_file_and_go_on_beside_a_broken_one() {
    let site = Site::new("");
    fs::write(&site.file, format!("data-dir = {:?}\n", site.place.data_dir.to_str().unwrap())).unwrap();
    let config = site.file.to_str().unwrap();
    let status = |text: Option<&str>| {
        if let Some(text) = text {
            fs::write(&site.file, text).unwrap();
        }
        said(run("keymuster-host", &["--config", config, "status"], &[]))
    };
    let shown = format!("data directory: {}", site.place.data_dir.display());
    let (exit, out, err) = status(None);
    assert!(exit == 0 && out.contains(&shown) && err.is_empty(), "{out}{err}");
    let broken = format!("data-dir = {:?}\nprot = 1\n", site.place.data_dir.to_str().unwrap());
    let (exit, out, err) = status(Some(&broken));
    assert!(exit == 0 && out.contains(&shown), "{out}{err}");
    assert!(err.contains("note: what was configured before counts") && err.contains("prot"), "{err}");
    let (exit, _, err) = status(Some("data-dir = \"x"));
    assert!(exit == 1 && err.contains("(KM-423 config-invalid)"), "where the data are cannot be known: {err}");

    let unit = said(run(
        "keymuster-host",
        &["--config", "/etc/keymuster/second.toml", "--data-dir", "/var/lib/x", "unit"],
        &[],
    ));
    assert!(unit.1.contains(" --config /etc/keymuster/second.toml --data-dir %S/x serve\n"), "{unit:?}");
    for program in ["keymuster-host", "keymuster-authority"] {
        let unit = said(run(program, &["unit"], &[])).1;
        assert!(unit.contains("ExecReload=/bin/kill -HUP $MAINPID\n"), "{unit}");
    }
}

/// A certificate with its key.
fn certificate(directory: &Path, name: &str) -> [PathBuf; 2] {
    let directory = directory.join(name);
    fs::create_dir(&directory).unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    keymuster_service::tls::own(&directory, name, names, Env::system().now()).unwrap();
    ["tls.pem", "tls.key"].map(|file| directory.join(file))
}

#[test]
fn a_running_authority_follows_its_file_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (authority, _) = Authority::start(root, "aurora", "Aurora Systems", AURORA, 0).unwrap();
    drop(authority);
    let (data_dir, file, log) = (root.join("authority-aurora"), root.join("authority.toml"), root.join("log"));
    let given = |[certificate, key]: &[PathBuf; 2]| {
        format!("tls-certificate-file = {certificate:?}\ntls-key-file = {key:?}\nlog-format = \"json\"\n")
    };
    let [first, second] = ["first", "second"].map(|name| certificate(root, name));
    fs::write(&file, given(&first)).unwrap();
    let mut command = programs::command("keymuster-authority").unwrap();
    command.args(["--config", file.to_str().unwrap(), "--data-dir", data_dir.to_str().unwrap(), "serve"]);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    let mut running = Running::start(&mut command, fs::File::create(&log).unwrap().into()).unwrap();
    let address = bounded(running.id(), || running.line_after("listening on http://").unwrap());
    let shown = || {
        let mut openssl = Command::new("openssl");
        let output =
            openssl.args(["s_client", "-connect", &address]).stdin(std::process::Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let pem = |[certificate, _]: &[PathBuf; 2]| fs::read_to_string(certificate).unwrap();
    let body = |text: String| text.lines().nth(1).unwrap().to_owned();
    assert!(shown().contains(&body(pem(&first))));
    fs::write(&file, given(&second)).unwrap();
    signal(&running, "HUP");
    poll("the second certificate", || shown().contains(&body(pem(&second))).then_some(()));
    let told = fs::read_to_string(&log).unwrap();
    let line = told.lines().find(|line| line.contains("configuration changed: tls-certificate-file")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["key"], &line["to"]), (&json!("tls-certificate-file"), &json!(second[0].to_str().unwrap())));

    fs::write(&file, "listen = 1\n").unwrap();
    signal(&running, "HUP");
    poll("the complaint", || fs::read_to_string(&log).unwrap().contains("the one before goes on").then_some(()));
    assert!(shown().contains(&body(pem(&second))), "a broken file changes nothing");
    assert!(bounded(running.id(), || running.stop()).unwrap(), "it ends well");

    let show = ["--config", file.to_str().unwrap(), "--json", "config", "show", "--log-format", "json"];
    let (exit, out, _) =
        said(run("keymuster-authority", &show, &[("KEYMUSTER_AUTHORITY_ADMIN_LISTEN", "127.0.0.1:1")]));
    let value: Value = serde_json::from_str(&out).unwrap();
    let source = |key: &str| {
        let keys = value["keys"].as_array().unwrap();
        keys.iter().find(|shown| shown["key"] == key).unwrap()["source"].as_str().unwrap().to_owned()
    };
    assert_eq!(exit, 0);
    assert_eq!(["log-format", "admin-listen", "listen"].map(source), ["command-line", "environment", "built-in"]);
    assert!(value["faults"][0]["place"].as_str().unwrap().ends_with("authority.toml:1:10"), "{value}");
}
