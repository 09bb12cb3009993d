//! What the explanations of codes tell people to run exists, and what they say is shown is shown.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use keymuster_client::{Client, HostAddress, Settings};
use keymuster_core::codes::{self, Code};
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::fixture::Publisher;
use keymuster_scenarios::programs::{self, Running};

const PROGRAMS: [&str; 3] = ["keymuster", "keymuster-host", "keymuster-authority"];
/// What is in backquotes and neither runs nor stands in the sources: HTTP's own headers, and names and addresses with
/// parts that somebody fills in.
const ELSEWHERE: [&str; 8] = [
    "Allow",
    "Content-Type",
    "Origin",
    "Retry-After",
    "_keymuster._tcp.<domain>",
    "http://127.0.0.1:1689/livez",
    "/.well-known/openid-configuration",
    "patronictl list",
];

/// All that stands in backquotes in the texts of a code.
fn quoted(code: &'static Code) -> impl Iterator<Item = &'static str> {
    let texts = [code.sentence, code.remedy].into_iter().chain(code.causes.iter().chain(code.checks).copied());
    texts.flat_map(|text| text.split('`').skip(1).step_by(2))
}

fn all_quoted() -> BTreeSet<&'static str> {
    codes::all().flat_map(quoted).collect()
}

/// A command line of a text: the program with its subcommand, and the options.
fn command_line(text: &str) -> Option<(Vec<&str>, Vec<&str>)> {
    let mut words = text.split(' ');
    let program = words.next().filter(|word| PROGRAMS.contains(word))?;
    let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let (options, others): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("--"));
    Some((std::iter::once(program).chain(others.into_iter().filter(is_name)).collect(), options))
}

/// What a command says of itself; a command that does not exist fails the test.
fn help(command: &[&str]) -> String {
    let (program, subcommand) = command.split_first().unwrap();
    let output = programs::command(program).unwrap().args(subcommand).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let usage = format!("Usage: {}", command.join(" "));
    assert!(output.status.success() && help.contains(&usage), "{} does not exist", command.join(" "));
    help
}

fn has_option(help: &str, option: &str) -> bool {
    help.split([' ', '\n', '[', ',']).any(|word| word == option)
}

#[test]
fn what_texts_tell_people_to_run_exists() {
    let mut helps = BTreeMap::new();
    for text in all_quoted() {
        let Some((command, options)) = command_line(text) else { continue };
        let help = helps.entry(command.join(" ")).or_insert_with(|| help(&command));
        for option in options {
            assert!(has_option(help, option), "{text}: there is no option {option}");
        }
    }
    assert!(helps.len() > 15, "the texts name few commands: {:?}", helps.keys());
    for option in all_quoted().into_iter().filter(|text| text.starts_with("--")) {
        let option = option.split(' ').next().unwrap();
        assert!(helps.values().any(|help| has_option(help, option)), "no command has the option {option}");
    }
}

/// The sources of the programs, without their tests and without the catalogue of codes, by path.
fn sources() -> BTreeMap<String, String> {
    fn walk(directory: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap().to_owned();
            if path.is_dir() {
                walk(&path, found);
            } else if name.ends_with(".rs") && !name.contains("core/src/codes") {
                let text = fs::read_to_string(&path).unwrap();
                let program = text.split("#[cfg(test)]").next().unwrap();
                found.insert(name, program.to_owned());
            }
        }
    }
    let mut found = BTreeMap::new();
    for name in ["core", "client", "service", "host", "authority", "cli"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"), &mut found);
    }
    found
}

#[test]
fn what_texts_name_stands_in_the_programs() {
    let sources = sources();
    for text in all_quoted() {
        let is_command = command_line(text).is_some() || text.starts_with("--");
        let name = text.split('=').next().unwrap();
        let literal = format!("\"{name}\"");
        let is_there =
            sources.values().any(|source| source.contains(&literal) || source.contains(&format!(" {name}:")));
        assert!(is_command || ELSEWHERE.contains(&text) || is_there, "{text:?} stands in no program");
    }
}

fn run(program: &str, data_dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = programs::command(program).unwrap();
    command.arg("--data-dir").arg(data_dir).args(arguments);
    finish(&mut command, input)
}

fn finish(command: &mut Command, input: &str) -> Output {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // A program that needs no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Checks exit code and texts of a command that fails.
fn check_fails(output: &Output, exit: i32, expected: &[&str]) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*out), (Some(exit), ""), "{err}");
    for part in expected {
        assert!(err.contains(part), "{part:?} is missing in: {err}");
    }
}

#[test]
fn a_directory_without_a_host_says_so() {
    let directory = tempfile::tempdir().unwrap();
    for missing in [directory.path().to_owned(), directory.path().join("none")] {
        let says = format!("error: there is no host in {} yet", missing.display());
        for arguments in [&["status"][..], &["status", "--json"]] {
            let output = run("keymuster-host", &missing, arguments, "");
            check_fails(&output, 3, &[&says, "keymuster-host add-publisher --trust FILE --pack FILE", "--data-dir"]);
        }
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "asking makes nothing");
}

#[test]
fn what_the_outside_world_does_to_a_server_has_a_code() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("host");
    Publisher::new(1, 1).entitle_host(&data_dir).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap().to_string();
    let serve = ["serve", "--listen", &taken_address, "--admin-listen", "127.0.0.1:0"];
    let what_to_do = format!("what to do: {}", codes::ADDRESS_IN_USE.remedy);
    check_fails(&run("keymuster-host", &data_dir, &serve, ""), 3, &["(KM-414 address-in-use)", &what_to_do]);

    let beneath_a_file = data_dir.join("host.key").join("x");
    let no_text = directory.path().join("no text");
    fs::write(&no_text, [0xff; 100]).unwrap();
    let add = ["add-publisher", "--trust", no_text.to_str().unwrap(), "--pack", "/dev/null"];
    check_fails(&run("keymuster-host", &data_dir, &add, ""), 1, &["(KM-602 document-malformed)"]);
    check_fails(&run("keymuster-host", &beneath_a_file, &["status"], ""), 3, &["(KM-415 store-unwritable)"]);
    check_fails(&run("keymuster-host", &beneath_a_file, &["activate"], ""), 3, &["(KM-415 store-unwritable)"]);

    let db = rusqlite::Connection::open(data_dir.join("host.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    db.execute("UPDATE schema_reader SET oldest = 99", []).unwrap();
    drop(db);
    check_fails(&run("keymuster-host", &data_dir, &["activate"], ""), 3, &["schema 99", "(KM-413 database-newer)"]);
    fs::write(data_dir.join("host.db"), [b'x'; 9000]).unwrap();
    for command in ["activate", "status"] {
        check_fails(&run("keymuster-host", &data_dir, &[command], ""), 3, &["(KM-412 database-damaged)"]);
    }
}

#[test]
fn an_authority_names_what_the_outside_world_does_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (authority, _) = Authority::start(root, "aurora", "Aurora Systems", AURORA, 0).unwrap();
    let data_dir = root.join("authority-aurora");
    let address = authority.url.strip_prefix("http://").unwrap();
    let serve =
        run("keymuster-authority", &data_dir, &["serve", "--listen", address, "--admin-listen", "127.0.0.1:0"], "");
    check_fails(&serve, 3, &["(KM-414 address-in-use)", "what to do: stop the other program"]);
    drop(authority);
    let db = rusqlite::Connection::open(data_dir.join("authority.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    db.execute("UPDATE schema_reader SET oldest = 99", []).unwrap();
    check_fails(&run("keymuster-authority", &data_dir, &["key", "list"], ""), 3, &["(KM-413 database-newer)"]);
}

/// A customer's host with a publisher, asked by the real commands.
struct Site {
    directory: tempfile::TempDir,
    aurora: Authority,
    host: Host,
}

impl Site {
    fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        let (aurora, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let host = Host::new(directory.path(), 0).unwrap();
        host.add_publisher(directory.path(), "aurora").unwrap();
        Site { directory, aurora, host }
    }

    fn file(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn install(&self, group: &str, more: &[&str]) -> String {
        let key = self.aurora.mint_host_key(group, more).unwrap();
        self.host.run(&["install-key"], &key).unwrap();
        key[24..].to_owned()
    }

    fn status(&self, expected: &[&str]) {
        let status = self.host.run(&["status"], "").unwrap().join("\n");
        for part in expected {
            assert!(status.contains(part), "{part:?} is missing in:\n{status}");
        }
    }
}

#[test]
fn the_status_of_a_host_shows_what_texts_promise() {
    let site = Site::new();
    let data_dir = site.file("host");
    site.status(&[
        &format!("data directory: {data_dir}\n"),
        "time: 20",
        "licence pack version 1",
        "next: install a host key",
    ]);
    let server = site.install("server-c-2026", &["--threshold", "3", "--clients-max", "500"]);
    let activate = format!("keymuster-host activate --publisher aurora --key {server}");
    site.status(&[
        &format!("key …{server}  Aurora Server C 2026  not activated\n    covers: Aurora Desk 2020, "),
        "    threshold    5 ",
        "    threshold   25 ",
        &format!("next: activate the key that ends in {server}: {activate}"),
    ]);
    site.host.run(&["activate", "--request", &site.file("a.request")], "").unwrap();
    site.status(&[
        " waits for its answer",
        &format!("next: fetch the answer to the request for the key that ends in {server}"),
    ]);
    site.host.run(&["activate"], "").unwrap();
    let render = site.install("render-2026", &["--pool", "render-farm=5"]);
    site.host.run(&["activate"], "").unwrap();
    site.status(&[
        "activated for Muster Works until 20",
        " days left, to be renewed from 20",
        "limit: 500 clients in each family",
        "os: 0 clients counted\n    threshold    3 ",
        "pool render-farm (render-farm): 0 of 5 seats taken",
    ]);
    let json = site.host.run(&["status", "--json"], "").unwrap().join("\n");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["data_dir"], data_dir);
    let keys = json["publishers"][0]["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["last_five"] == server).unwrap();
    assert_eq!(key["clients_max"], 500);
    assert!(key["covers"].as_array().unwrap().iter().any(|group| group == "Aurora Desk 2026"), "{key}");
    assert!(key["warn_at"].as_u64() > json["time"].as_u64() && key["warn_at"].as_u64() < key["stop_at"].as_u64());

    let (newer, pack, trust) = (site.file("newer.pack"), site.file("aurora.pack"), site.file("aurora.trust"));
    site.aurora.run(&["key", "revoke", &render, "--reason", "lost"]).unwrap();
    site.aurora.run(&["catalogue", "sign", &site.file("aurora.toml"), "--out", &newer]).unwrap();
    site.host.run(&["add-publisher", "--trust", &trust, "--pack", &newer], "").unwrap();
    site.status(&[
        "entitlement does not count: the publisher has revoked",
        "(revoked)",
        &format!(
            "next: see why the entitlement of the key that ends in {render} does not count:\n  keymuster explain revoked"
        ),
    ]);
    let older = run("keymuster-host", data_dir.as_ref(), &["add-publisher", "--trust", &trust, "--pack", &pack], "");
    check_fails(&older, 1, &["revocations are older", "(KM-612 older-than-held)"]);
}

#[test]
fn an_authority_that_does_not_answer_is_named_and_no_proxy_is_asked() {
    let site = Site::new();
    site.install("server-c-2026", &[]);
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    // The listener is gone as soon as its address is known.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    let mut command = programs::command("keymuster-host").unwrap();
    command.args(["--data-dir", &site.file("host"), "activate", "--authority", &url]);
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(variable, format!("http://{}", proxy.local_addr().unwrap()));
    }
    for variable in ["no_proxy", "NO_PROXY"] {
        command.env_remove(variable);
    }
    let says = format!("the authority at {url} does not answer");
    check_fails(&finish(&mut command, ""), 3, &[&says, "(KM-513 authority-unreachable)", "--request FILE"]);
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    site.status(&[" waits for its answer"]);
}

#[test]
fn the_debug_log_names_client_address_and_outcome() {
    let site = Site::new();
    site.install("server-c-2026", &[]);
    site.host.run(&["activate"], "").unwrap();
    let log = site.file("debug.log");
    let mut command = programs::command("keymuster-host").unwrap();
    command.args([
        "--data-dir",
        &site.file("host"),
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
    ]);
    command.env("KEYMUSTER_LOG", "debug");
    let mut host = Running::start(&mut command, fs::File::create(&log).unwrap().into()).unwrap();
    let address = host.line_after("listening on http://").unwrap();
    let settings = || Settings {
        store: site.directory.path().join("machine"),
        host: Some(address.parse::<HostAddress>().unwrap()),
        ..Settings::default()
    };
    let open = || Client::open_with(site.aurora.product("desk-pro-2026").unwrap(), settings()).unwrap();
    let client = open();
    assert_eq!(client.activate().unwrap_err().code(), &codes::THRESHOLD_NOT_MET);
    let first = client.status();
    assert!(host.stop().unwrap());
    let log = fs::read_to_string(log).unwrap();
    let line = |parts: &[&str]| log.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    let id = first.client.unwrap().to_string();
    assert!(line(&["decided", &id, "address=127.0.0.1", "threshold-not-met"]), "{log}");
    assert!(line(&["answered", "peer=127.0.0.1", "/v1/activate", "status=403", "threshold-not-met"]), "{log}");
    assert!(line(&["serving", &address]), "{log}");

    // What texts advise for a clone.
    client.rearm().unwrap();
    assert_ne!(open().status().client, first.client);
}
