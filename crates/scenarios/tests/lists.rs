//! Lists of machines: the real command reaches others through a real SSH server, and through invented ones that misbehave.
//!
//! All machines are this one; their stores tell them apart.
#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use keymuster_core::codes;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::programs;
use serde_json::Value;
use tempfile::TempDir;

/// How often another port is tried where somebody else took it between our look and the server's start.
const STARTS_MAX: usize = 5;

/// A directory with an invented `ssh`, the lists and what the command made of them.
struct Place {
    directory: TempDir,
}

impl Place {
    /// `ssh` is a shell script; `$MACHINE` is the name that it was called with.
    fn new(ssh: &str) -> Place {
        let place = Place { directory: tempfile::tempdir().unwrap() };
        let place_of_name = "while [ \"$1\" != -- ]; do shift; done; MACHINE=$2";
        place.script("ssh", &format!("echo \"ssh $*\" >> {}\n{place_of_name}\n{ssh}", place.path("seen")));
        place
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn script(&self, name: &str, text: &str) {
        let file = self.write(name, format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(file, fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn fifo(&self, name: &str) -> String {
        assert!(Command::new("mkfifo").arg(self.path(name)).status().unwrap().success());
        self.path(name)
    }

    /// The command with a list and this place's `ssh`.
    fn command(&self, arguments: &str, list: impl AsRef<[u8]>) -> Command {
        let mut command = programs::command("keymuster").unwrap();
        command.args(arguments.split_whitespace());
        command.args(["--from", &self.write("list.csv", list), "--ssh", &self.path("ssh")]);
        command.env_remove("KEYMUSTER_HOST").env("KEYMUSTER_STORE", self.path("store"));
        command.env("KEYMUSTER_DNS", "127.0.0.1:9").env("KEYMUSTER_DOMAIN", "keymuster.invalid");
        command
    }

    fn run(&self, arguments: &str, list: &str) -> Output {
        self.command(arguments, list).output().unwrap()
    }

    /// The results, one line each: machine, result, exit code, code.
    fn results(&self, arguments: &str, list: &str, exit: i32) -> (Vec<String>, Value) {
        let output = self.run(&format!("{arguments} --json"), list);
        let (out, err) = texts(&output);
        assert_eq!(output.status.code(), Some(exit), "{out}\n{err}");
        let json: Value = serde_json::from_str(&out).unwrap();
        let each = json.as_array().unwrap().iter().map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", text("machine"), text("result"), one["exit"], text("code"))
        });
        (each.collect(), json)
    }

    /// Everything that anybody could have seen of command lines.
    fn seen(&self) -> String {
        fs::read_to_string(self.path("seen")).unwrap_or_default()
    }
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A real SSH server on a port of its own, for this user and a key of its own; it ends when it is dropped.
struct Server {
    process: Child,
}

impl Server {
    /// The place's `ssh` becomes the real one with a configuration in which every name but `closed` is that server.
    fn start(place: &Place) -> Server {
        for key in ["host_key", "user_key"] {
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &place.path(key)]).status();
            assert!(made.expect("`cargo xtask setup` installs OpenSSH").success());
        }
        // The server wants this directory where it starts as root, and packages make it only when the machine starts.
        let _ = fs::create_dir("/run/sshd");
        let (server, port) =
            (0..STARTS_MAX).find_map(|_| Server::try_start(place)).expect("one of so many ports stays free");
        let known = fs::read_to_string(place.path("host_key.pub")).unwrap();
        let known = place.write("known_hosts", format!("* {known}"));
        let configuration = format!(
            "Host closed\n  Port 9\nHost *\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {}\n  IdentitiesOnly yes\n\
               UserKnownHostsFile {known}\n  GlobalKnownHostsFile none\n",
            place.path("user_key")
        );
        let configuration = place.write("ssh_config", configuration);
        let seen = place.path("seen");
        place.script("ssh", &format!("echo \"ssh $*\" >> {seen}\nexec ssh -F {configuration} \"$@\""));
        server
    }

    fn try_start(place: &Place) -> Option<(Server, u16)> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let bin = place.path("bin");
        let configuration = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             SetEnv PATH={bin}:/usr/bin:/bin KEYMUSTER_DNS=127.0.0.1:9 KEYMUSTER_DOMAIN=keymuster.invalid\n",
            place.path("host_key"),
            place.path("user_key.pub")
        );
        let configuration = place.write("sshd_config", configuration);
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f", &configuration]).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("/usr/sbin/sshd starts; `cargo xtask setup` installs it");
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut text = String::new();
        while log.read_line(&mut text).unwrap() > 0 {
            if text.contains("Server listening on") {
                // The rest of the log is read away, or the server would wait for a reader.
                std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                return Some((Server { process }, port));
            }
        }
        let _ = process.wait();
        assert!(text.contains("Address already in use"), "the SSH server did not start:\n{text}");
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A publisher, a host and machines, reached by real SSH. Their `keymuster` notes how it was called.
struct Fleet {
    place: Place,
    authority: Authority,
    host: Host,
    _server: Server,
}

impl Fleet {
    fn new() -> Fleet {
        let place = Place::new("");
        let server = Server::start(&place);
        let root = place.directory.path();
        let (authority, _) = Authority::start(root, "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let mut host = Host::new(root, 0).unwrap();
        host.add_publisher(root, "aurora").unwrap();
        for (group, more) in [("server-c-2026", &[][..]), ("render-2026", &["--pool", "render-farm=5"])] {
            let key = authority.mint_host_key(group, more).unwrap();
            host.run(&["install-key"], &key).unwrap();
            host.run(&["activate"], "").unwrap();
        }
        host.start().unwrap();
        let real = programs::command("keymuster").unwrap();
        let real = Path::new(real.get_program()).to_str().unwrap();
        fs::create_dir(place.path("bin")).unwrap();
        let processes = "cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' '";
        let seen = place.path("seen");
        place.script("bin/keymuster", &format!("(echo \"there $*\"; {processes}) >> {seen}\nexec {real} \"$@\""));
        Fleet { place, authority, host, _server: server }
    }

    /// A store on which a product is known.
    fn store(&self, name: &str, edition: &str) -> String {
        let store = self.place.directory.path().join("machines").join(name);
        self.host.client(&store, self.authority.product(edition).unwrap()).unwrap();
        store.to_str().unwrap().to_owned()
    }
}

#[test]
fn every_machine_of_a_list_has_its_own_result() {
    let fleet = Fleet::new();
    let (place, host) = (&fleet.place, fleet.host.address);
    let [alpha, beta, own] = [("alpha", "render-farm"), ("beta", "desk-pro-2026"), ("own", "render-farm")]
        .map(|(name, edition)| fleet.store(name, edition));
    let list = format!(
        "machine,edition,store,host\r\nclosed,,{alpha},\r\nalpha,render-farm,{alpha},{host}\r\nlocal,,{own},{host}\r\n\
         beta,,{beta},{host}\r\ngamma,,{alpha}/none,\r\n"
    );
    let expected = [
        "closed failed 255 machine-unreachable",
        "alpha done 0 -",
        "local done 0 -",
        "beta failed 1 threshold-not-met",
        "gamma failed 1 -",
    ];
    let (results, json) = place.results("activate --jobs 3", &list, 6);
    assert_eq!(results, expected);
    assert_eq!(json[1]["answer"]["state"], "licensed");
    assert_eq!(
        (&json[1]["line"], &json[1]["edition"], &json[1]["host"]),
        (&3.into(), &"render-farm".into(), &host.to_string().into())
    );
    assert!(json[0]["message"].as_str().unwrap().contains("Connection refused"), "{json}");
    assert_eq!(json[0]["remedy"], codes::MACHINE_UNREACHABLE.remedy);
    assert_eq!(json[3]["remedy"], codes::THRESHOLD_NOT_MET.remedy);
    assert!(json[3]["message"].as_str().unwrap().contains("1 of 25"), "{json}");
    assert!(json[4]["message"].as_str().unwrap().contains("no product has been used with the store"), "{json}");

    // For people, and as a file that is fed in again.
    let out = place.path("out.csv");
    let output = place.run(&format!("renew --out {out}"), &list);
    let (table, progress) = texts(&output);
    assert_eq!(output.status.code(), Some(6), "{table}\n{progress}");
    let order: Vec<_> = table.lines().take(5).map(|line| line.split([' ', '(']).next().unwrap()).collect();
    assert_eq!(order, ["closed", "alpha", "local", "beta", "gamma"]);
    for part in ["(KM-520 machine-unreachable)", "render-farm: licensed until 20", "1 of 25", "2 of 5 done, 3 failed\n"]
    {
        assert!(table.contains(part), "{part:?} is missing in:\n{table}");
    }
    let remedy = format!("  threshold-not-met: {}\n", codes::THRESHOLD_NOT_MET.remedy);
    assert!(table.contains(&remedy) && table.contains("  no code: start the product once"), "{table}");
    assert!(progress.contains("5 of 5: ") && progress.contains(": closed: failed: "), "{progress}");
    let again = fs::read_to_string(&out).unwrap();
    assert!(again.contains(&format!("alpha,,render-farm,{alpha},{host},,done,,")), "{again}");
    assert!(again.contains(",failed,threshold-not-met,"), "{again}");
    let (results, _) = place.results("renew", &again, 6);
    assert_eq!(results, expected);
    let done =
        again.lines().filter(|line| !line.contains("failed")).map(|line| format!("{line}\n")).collect::<String>();
    assert_eq!(place.results("release", &done, 0).0, ["alpha done 0 -", "local done 0 -"]);
}

#[test]
fn a_key_travels_on_standard_input_alone() {
    let fleet = Fleet::new();
    let place = &fleet.place;
    let [there, here] = ["there", "here"].map(|name| fleet.store(name, "desk-enterprise-2026"));
    let maks =
        [fleet.authority.mint_mak("desk-enterprise-2026", 1), fleet.authority.mint_mak("desk-enterprise-2026", 1)];
    let [first, second] = maks.map(Result::unwrap);
    let list = format!("machine,store,key\nthere,{there},{first}\nlocal,{here},{second}\n");
    let out_file = place.path("out.csv");
    let output = place.run(&format!("install-key --out {out_file}"), &list);
    let (table, progress) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{table}\n{progress}");
    assert!(table.contains(&format!("key …-{}", &first[24..])), "{table}");
    let (_, json) = place.results("install-key", &list, 0);
    for (place, key) in [(0, &first), (1, &second)] {
        let way = json[place]["answer"]["way"].as_str().unwrap();
        assert!(way.contains(&format!("the MAK that ends in {}", &key[24..])), "{json}");
    }
    let out = fs::read_to_string(&out_file).unwrap();
    assert!(out.contains(&format!(",{},done,", &second[24..])), "{out}");
    // The same list serves the next command, which needs no keys.
    assert_eq!(place.results("activate", &list, 0).0, ["there done 0 -", "local done 0 -"]);

    let seen = place.seen();
    assert!(seen.contains(&format!("keymuster install-key --out {out_file}")), "not all processes are noted: {seen}");
    assert!(seen.contains(&format!("ssh -T -o BatchMode=yes -o ConnectTimeout=10 -o ControlMaster=no -- there keymuster install-key --json --store {there}\n")), "{seen}");
    assert!(seen.contains(&format!("there install-key --json --store {there}\n")), "{seen}");
    for key in [&first, &second] {
        for text in [&seen, &table, &progress, &out, &json.to_string()] {
            assert!(!text.contains(&key[..17]) && !text.contains(&key.replace('-', "")[..15]), "{text}");
        }
    }
}

#[test]
fn a_list_with_faults_runs_nothing_and_says_all_of_them() {
    let place = Place::new("");
    let table: &[(&str, &[u8], &[&str])] = &[
        ("status", b"", &["line 1: the list is empty"]),
        ("status", b"\xff\xfem\0\n\0", &["line 1: is not UTF-8 text: save the list as CSV in UTF-8"]),
        ("status", b"machine;store\na;b\n", &["separated by commas"]),
        ("status", b"machine,stoer\na,b\n-oProxyCommand=x,\n", &["there is no column \"stoer\"", "line 3: machine: "]),
        (
            "renew",
            b"\xef\xbb\xbfmachine,edition\r\na\r\n,desk\r\nb c,desk\r\nd,A B\r\nlocal,\"x\r\ny\"\r\nf,x\r\nF,x\r\n\xe4,x\r\n",
            &[
                "line 2: has 1 fields",
                "line 3: machine is empty",
                "line 4: machine: \"b c\" is not",
                "line 5: edition: ",
                "line 6: edition: goes over several lines",
                "line 9: names the same product of the same machine as line 8",
                "line 10: machine: is not UTF-8",
            ],
        ),
        ("install-key", b"machine\na\n", &["line 1: the column key is missing"]),
        ("install-key", b"machine,key\na,\nb,GDVC8-QHX68-689TG-DTXQ8-6K264\n", &["line 2: key is empty", "line 3: key: group 3"]),
        ("activate --store x", b"machine\na\n", &["--store cannot be used with a list", "in a column store"]),
        ("activate --request x", b"machine\na\n", &["cannot be used with"]),
        ("install-key KEY", b"machine\na\n", &["cannot be used with"]),
        ("status --jobs 0", b"machine\na\n", &["0 is not in 1..=64"]),
        ("status --jobs 65", b"machine\na\n", &["65 is not in 1..=64"]),
        ("status --time-limit 0", b"machine\na\n", &["0 is not in 1..=3600"]),
        ("status --time-limit 1", &[b'\n'; (8 << 20) + 1], &["at most 8 MiB"]),
    ];
    for (arguments, list, expected) in table {
        let output = place.command(arguments, list).output().unwrap();
        let (out, err) = texts(&output);
        assert_eq!((output.status.code(), out.as_str()), (Some(2), ""), "{arguments}\n{err}");
        for part in *expected {
            assert!(err.contains(part), "{part:?} is missing in: {err}");
        }
    }
    let own = place.path("list.csv");
    let output = place.run(&format!("status --out {own}"), "machine\na\n");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_to_string(own).unwrap(), "machine\na\n");
    let nowhere = place.path("none/out.csv");
    assert_eq!(place.run(&format!("status --out {nowhere}"), "machine\na\n").status.code(), Some(3));
    assert_eq!(place.seen(), "", "something was run");
    let help = programs::command("keymuster").unwrap().args(["status", "--jobs", "2"]).output().unwrap();
    assert!(texts(&help).1.contains("--from"), "options of a list need a list");
}

#[test]
fn what_is_no_answer_is_named_and_shown_without_harm() {
    let place = Place::new(
        "case $MACHINE in\n\
         noisy) echo welcome; echo '[{\"state\":\"licensed\",\"edition\":\"desk\",\"meaning\":\"licensed for ever\"}]';;\n\
         over) echo '[{\"state\":\"notification\",\"edition\":\"desk\",\"meaning\":\"not licensed since then\"}]'; exit 4;;\n\
         newer) echo '{\"error\":{\"message\":\"=1+1\\u001b[2J\",\"code\":\"not-known-yet\",\"remedy\":\"@x\"}}'; exit 1;;\n\
         missing) echo 'sh: 1: keymuster: not found' >&2; exit 127;;\n\
         lies) echo '{}';;\n\
         endless) exec yes;;\n\
         killed) kill -9 $$;;\n\
         *) echo 'Permission denied (publickey).' >&2; exit 255;;\n\
         esac",
    );
    let list = "machine\nnoisy\nover\nnewer\nmissing\nlies\nendless\nkilled\ndenied\n";
    let (results, json) = place.results("status --time-limit 60", list, 6);
    assert_eq!(
        results,
        [
            "noisy done 0 -",
            "over failed 4 -",
            "newer failed 1 not-known-yet",
            "missing failed 127 machine-answer-unknown",
            "lies failed 0 machine-answer-unknown",
            "endless failed null machine-answer-unknown",
            "killed failed null machine-answer-unknown",
            "denied failed 255 machine-unreachable",
        ]
    );
    assert!(json[3]["message"].as_str().unwrap().ends_with("keymuster: not found"), "{json}");
    assert_eq!(json[7]["message"], "Permission denied (publickey).");
    let out = place.path("out.csv");
    let (table, progress) = texts(&place.run(&format!("status --out {out}"), list));
    assert!(table.contains("over     failed   desk: not licensed since then"), "{table}");
    assert!(
        table.contains("=1+1 [2J (not-known-yet)") && !table.contains('\x1b') && !progress.contains('\x1b'),
        "{table}"
    );
    let out = fs::read_to_string(out).unwrap();
    assert!(out.contains("newer,,,,,,failed,not-known-yet,'=1+1 [2J,'@x\n"), "{out}");
    assert_eq!(place.results("status", &out, 6).0, results);

    fs::remove_file(place.path("ssh")).unwrap();
    assert_eq!(place.results("status", "machine\na\n", 6).0, ["a failed null machine-unreachable"]);
}

#[test]
fn the_example_of_the_guide_is_a_list() {
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides");
    let list = fs::read_to_string(guides.join("machines.csv")).unwrap();
    let guide = fs::read_to_string(guides.join("many-machines.md")).unwrap();
    assert!(guide.contains(&format!("```\n{list}```")), "the guide shows another list");
    let place = Place::new("echo '[{\"state\":\"grace\",\"edition\":\"desk\",\"meaning\":\"in grace\"}]'");
    let (results, _) = place.results("status", &list, 6);
    let here = "local failed 1 -";
    assert_eq!(results, ["lab-1 done 0 -", "lab-2 done 0 -", "root@build.muster.example done 0 -", here]);
}

/// Fails unless everything that holds the other end of a pipe has ended.
fn check_ended(mut pipe: BufReader<fs::File>) {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(pipe.read_to_end(&mut Vec::new())));
    receiver.recv_timeout(Duration::from_secs(30)).expect("what was started still runs").unwrap();
}

#[test]
fn a_machine_that_takes_too_long_is_given_up_with_all_that_was_started_for_it() {
    let place = Place::new("exec 3> $(dirname \"$0\")/alive; echo started >&3; sleep 600");
    let alive = place.fifo("alive");
    let mut command = place.command("status --json --time-limit 1", "machine\nslow\n");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let pipe = BufReader::new(fs::File::open(alive).unwrap());
    let output = child.wait_with_output().unwrap();
    check_ended(pipe);
    assert_eq!(output.status.code(), Some(6));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&json[0]["code"], &json[0]["remedy"]),
        (&"machine-too-slow".into(), &codes::MACHINE_TOO_SLOW.remedy.into())
    );
}

#[test]
fn an_interruption_ends_children_and_reports_what_is_done() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new(
            "test $MACHINE = quick && echo '{\"state\":\"grace\",\"edition\":\"desk\",\"meaning\":\"in grace\"}' && exit\n\
             exec 3> $(dirname \"$0\")/alive; echo started >&3; sleep 600",
        );
        let alive = place.fifo("alive");
        let out = place.path("out.csv");
        let list = "machine\nquick\nslow\nnever\n";
        let mut command = place.command(&format!("renew --jobs 1 --out {out}"), list);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = BufReader::new(fs::File::open(alive).unwrap());
        assert_eq!(pipe.read_line(&mut String::new()).unwrap(), "started\n".len());
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        check_ended(pipe);
        let (table, progress) = texts(&output);
        assert_eq!(output.status.code(), Some(6), "{table}\n{progress}");
        for part in [
            "quick  done     desk: in grace\n",
            "slow   stopped  interrupted before it answered",
            "never  stopped  not asked, because",
            "\n1 of 3 done, 2 not finished\n",
        ] {
            assert!(table.contains(part), "{part:?} is missing in:\n{table}");
        }
        let out = fs::read_to_string(out).unwrap();
        assert!(out.contains("quick,,,,,,done,") && out.contains("never,,,,,,stopped,"), "{out}");
        assert!(!place.seen().contains("never"), "{}", place.seen());
    }
}

#[test]
fn machines_are_asked_at_the_same_time_and_as_many_as_wanted() {
    // Both sides of a pipe wait for each other.
    let place = Place::new(
        "cd $(dirname \"$0\")\n\
         if [ $MACHINE = a ]; then echo x > pipe; else cat pipe > /dev/null; fi\n\
         echo '{\"state\":\"grace\",\"edition\":\"desk\",\"meaning\":\"in grace\"}'",
    );
    place.fifo("pipe");
    let list = "machine\na\nb\n";
    assert_eq!(place.results("renew --jobs 2 --time-limit 60", list, 0).0, ["a done 0 -", "b done 0 -"]);
    let alone = ["a failed null machine-too-slow", "b failed null machine-too-slow"];
    assert_eq!(place.results("renew --jobs 1 --time-limit 1", list, 6).0, alone);
}

#[test]
fn a_terminal_shows_one_line_and_the_failures() {
    let place =
        Place::new("test $MACHINE = good && echo '{\"state\":\"grace\",\"edition\":\"x\",\"meaning\":\"in grace\"}'");
    let command = place.command("renew --jobs 1", "machine\ngood\nbad\n");
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_str().unwrap());
    let line = words.collect::<Vec<_>>().join(" ");
    let output =
        Command::new("script").args(["-qec", &format!("{line} 2>&1 > /dev/null"), "/dev/null"]).output().unwrap();
    let (shown, _) = texts(&output);
    assert_eq!(output.status.code(), Some(6), "{shown}");
    for part in [
        "0 of 2 machines …\r",
        "1 of 2 machines …\r",
        "\rbad: failed: the command there ended",
        "2 of 2 machines, 1 of them failed …\r",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in {shown:?}");
    }
    assert!(!shown.contains("good"), "{shown:?}");
    assert!(shown.ends_with(" \r"), "the line goes away in the end: {shown:?}");
}
