//! Real servers under a service manager: their units, what they tell it, and being started and stopped again and again.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{PATIENCE, Place, bounded, same, serve};
use keymuster_core::request::Act;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::Authority;
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_scenarios::programs::{self, Running};
use keymuster_service::Env;

const PROGRAMS: [&str; 2] = ["keymuster-host", "keymuster-authority"];
/// The exposure that `systemd-analyze security` may find, in tenths, of 100.
const EXPOSURE_MAX: &str = "--threshold=12";

/// The unit that a program prints, in a file of its name.
fn unit(program: &str, directory: &Path) -> (PathBuf, String) {
    let output = programs::command(program).unwrap().arg("unit").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let path = directory.join(format!("{program}.service"));
    fs::write(&path, &text).unwrap();
    (path, text)
}

fn systemd_analyze(arguments: &[&str], unit: &Path) -> (bool, String) {
    let mut command = Command::new("systemd-analyze");
    let output = command.args(arguments).arg(unit).output().expect("cargo xtask setup installs systemd-analyze");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn units_are_sound_and_leave_little_exposed() {
    let directory = tempfile::tempdir().unwrap();
    for program in PROGRAMS {
        let (path, text) = unit(program, directory.path());
        assert_eq!(systemd_analyze(&["verify", "--man=no"], &path), (true, String::new()), "{program}");
        let (is_within, said) = systemd_analyze(&["security", "--offline=true", EXPOSURE_MAX], &path);
        assert!(is_within && said.contains("Overall exposure level"), "{said}");

        // The checks can fail.
        let broken = text.replace("ProtectHome=yes\n", "ProtectHom=yes\n");
        fs::write(&path, broken).unwrap();
        assert!(systemd_analyze(&["verify", "--man=no"], &path).1.contains("ProtectHom"));
        fs::write(&path, text.replace("SystemCallFilter=@system-service\n", "")).unwrap();
        assert!(!systemd_analyze(&["security", "--offline=true", EXPOSURE_MAX], &path).0);
    }
}

#[test]
fn a_unit_is_the_packaged_one_for_this_program_and_its_data() {
    for program in PROGRAMS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let packaged = fs::read_to_string(root.join(format!("packaging/systemd/{program}.service"))).unwrap();
        let command = programs::command(program).unwrap();
        let own = Path::new(command.get_program()).canonicalize().unwrap();
        let expected = packaged.replace(&format!("/usr/bin/{program} "), &format!("{} ", own.display()));
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(unit(program, directory.path()).1, expected);
        for part in ["Type=notify\n", "DynamicUser=yes\n", "ProtectSystem=strict\n", "NoNewPrivileges=yes\n"] {
            assert!(packaged.contains(part), "{program}: {part}");
        }

        let of = |data_dir: &str| {
            let mut command = programs::command(program).unwrap();
            command.args(["--data-dir", data_dir, "unit"]).output().unwrap()
        };
        let second = String::from_utf8(of("/var/lib/keymuster/second").stdout).unwrap();
        assert!(second.contains(" --data-dir %S/keymuster/second serve\n"), "{second}");
        assert!(second.contains("\nStateDirectory=keymuster/second\n"), "{second}");
        let elsewhere = of("/srv/keymuster");
        assert!(!elsewhere.status.success() && elsewhere.stdout.is_empty());
        let says = String::from_utf8(elsewhere.stderr).unwrap();
        assert!(says.contains("systemd keeps the state of a service beneath /var/lib: /srv/keymuster"), "{says}");
    }
}

/// A service manager that listens.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Manager {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager { socket, path, _directory: directory }
    }

    /// What it hears next.
    fn hears(&self) -> String {
        let mut bytes = [0; 1000];
        let length = self.socket.recv(&mut bytes).expect("nothing is heard");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    fn has_heard_nothing_more(&self) {
        self.socket.set_nonblocking(true).unwrap();
        assert_eq!(self.socket.recv(&mut [0; 1000]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

fn is_live(address: SocketAddr) -> bool {
    let mut connection = Connection::open(address).unwrap();
    connection.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    connection.answer().unwrap().status == 200
}

/// Starts a server, which must answer once its manager hears that it does, and ends as the manager hears.
fn is_managed(mut command: Command) {
    let manager = Manager::new();
    let mut running = Running::start(command.env("NOTIFY_SOCKET", &manager.path), Stdio::null()).unwrap();
    let ready = manager.hears();
    assert!(ready.starts_with("READY=1\nSTATUS="), "{ready:?}");
    let address = running.line_after("listening on http://").unwrap();
    assert!(ready.contains(&address), "{ready:?} does not name {address}");
    let address = address.parse().unwrap();
    assert!(is_live(address));

    // A request that is not whole keeps the server from ending at once.
    let mut open = TcpStream::connect(address).unwrap();
    let sent = open.write_all(b"POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
    sent.unwrap();
    // Connections are accepted in turn, so the one before this answer is being served.
    assert!(is_live(address));
    let pid = running.id();
    Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap();
    assert_eq!(manager.hears(), "STOPPING=1\nSTATUS=stopping");
    open.write_all(b" more").unwrap();
    assert!(bounded(pid, || running.stop()).unwrap());
    manager.has_heard_nothing_more();
}

#[test]
fn a_host_tells_its_manager_when_it_answers_and_when_it_stops() {
    let place = Place::new(Publisher::new(1, 1));
    is_managed(serve(&place.data_dir, &["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]));
}

#[test]
fn an_authority_tells_its_manager_when_it_answers_and_when_it_stops() {
    let directory = tempfile::tempdir().unwrap();
    let (mut authority, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
    authority.stop().unwrap();
    let mut command = programs::command("keymuster-authority").unwrap();
    command.arg("--data-dir").arg(directory.path().join("authority-aurora"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    is_managed(command);
}

#[test]
fn a_server_that_cannot_listen_is_never_ready() {
    let place = Place::new(Publisher::new(1, 1));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [
        ["--listen", &address, "--admin-listen", "127.0.0.1:0"],
        ["--listen", "127.0.0.1:0", "--admin-listen", &address],
    ] {
        let manager = Manager::new();
        let mut command = serve(&place.data_dir, &arguments);
        let output = command.env("NOTIFY_SOCKET", &manager.path).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        manager.has_heard_nothing_more();
    }
}

#[test]
fn a_host_that_is_started_and_stopped_again_and_again_keeps_its_ledger() {
    let place = Place::new(Publisher::new(1, 1));
    let first = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
    let mut answer = None;
    for round in 1..=10 {
        let mut host = place.start();
        let before = answer.get_or_insert_with(|| host.activate(&first));
        same(&host.activate(&first), before, "the first request, again");
        let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
        let (lease, _) = place.verify(&host.activate(&request), &request);
        assert_eq!(lease.position.sequence, round + 1);
        if round % 3 == 0 {
            host.running.kill().unwrap();
        } else {
            host.stop();
        }
        assert_eq!(place.ledger().len(), round + 1);
    }
}

#[test]
fn lines_for_the_journal_have_their_priority_and_no_time() {
    use std::os::unix::fs::MetadataExt as _;

    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("journal");
    let said = |stream: &dyn Fn(&fs::File) -> String, format: &str| {
        let file = fs::File::create(&log).unwrap();
        let stream = stream(&file);
        let place = Place::new(Publisher::new(1, 1));
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let mut command = serve(&place.data_dir, &["--listen", &address, "--log-format", format]);
        command.env("JOURNAL_STREAM", stream).stdout(Stdio::null()).stderr(file);
        assert!(!command.status().unwrap().success(), "the port is taken");
        fs::read_to_string(&log).unwrap()
    };
    let own = |file: &fs::File| {
        let file = file.metadata().unwrap();
        format!("{}:{}", file.dev(), file.ino())
    };
    let text = said(&own, "text");
    assert!(text.lines().any(|line| line.starts_with("<6> INFO keymuster_host")), "{text}");
    let json = said(&own, "json");
    assert!(json.lines().any(|line| line.starts_with("<6>{\"")), "{json}");
    // What a service starts inherits the variable, and not the journal.
    let other = said(&|_| "1:1".to_owned(), "text");
    assert!(other.lines().any(|line| line.starts_with("20")) && !other.contains("<6>"), "{other}");
}
