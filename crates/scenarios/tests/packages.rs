//! The Debian packages on a small Debian of their own: installed, started, used, upgraded, taken back and purged.
//!
//! It is Debian's essential packages in a directory, in namespaces of this test, so that nothing of the machine changes. No
//! service manager runs there: what maintainer scripts ask of one is written down by a stand-in, and the test starts the
//! programs as their units say.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;
#[path = "../../host/tests/support/named.rs"]
mod named;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use common::{PATIENCE, bounded};
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::load::Connection;
use keymuster_scenarios::programs::{self, Running};
use named::{NameServer, ZoneFile};

const PACKAGES: [&str; 3] = ["keymuster-host", "keymuster-authority", "keymuster"];
const SERVERS: [&str; 2] = ["keymuster-host", "keymuster-authority"];
/// What the tests build from is what `cargo xtask setup` leaves here, from the root.
const DEBIAN: &str = "target/debian-12.tar";
/// The maintainer scripts find systemd running, and this in its place.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >> /run/asked
case "$*" in
    *is-enabled*keymuster-host.service) echo enabled ;;
    *is-enabled*) echo disabled; exit 1 ;;
    *is-active*) exit 3 ;;
esac
"#;
/// What dpkg and the tools of users and services write about their own work.
const OWN_RECORDS: [&str; 7] =
    ["var/lib/dpkg", "var/log", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/.pwd.lock"];

#[test]
fn packages_are_as_debian_wants_them() {
    let directory = tempfile::tempdir().unwrap();
    let built = build(directory.path(), "");
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--tag-display-limit", "0"]);
    let said = lintian.args(&built).output().expect("cargo xtask setup installs lintian");
    assert!(said.status.success(), "{}", text(&said));

    for (package, expected) in [
        ("keymuster-host", &["usr/bin/keymuster-host", "lib/systemd/system/keymuster-host.socket"][..]),
        ("keymuster-host", &["usr/share/man/man1/keymuster-host-install-key.1.gz"]),
        ("keymuster-authority", &["usr/bin/keymuster-authority", "usr/share/man/man1/keymuster-authority-init.1.gz"]),
        ("keymuster-authority", &["lib/systemd/system/keymuster-authority.service", "etc/keymuster/authority.toml"]),
        ("keymuster-host", &["etc/keymuster/host.toml"]),
        ("keymuster", &["usr/bin/keymuster", "usr/share/man/man1/keymuster-activate.1.gz", "var/lib/keymuster/"]),
        ("keymuster", &["usr/share/bash-completion/completions/keymuster"]),
        ("keymuster", &["usr/share/zsh/vendor-completions/_keymuster"]),
        ("keymuster", &["usr/share/fish/vendor_completions.d/keymuster.fish"]),
    ] {
        let found = files(&built, package);
        for file in expected {
            assert!(found.contains(&format!("./{file}")), "{package} has no {file}: {found:?}");
        }
    }
    let [host, authority, command] = PACKAGES.map(|package| files(&built, package));
    let is_file = |path: &&String| !path.ends_with('/');
    for (one, other) in [(&host, &authority), (&host, &command), (&authority, &command)] {
        let both: Vec<_> = one.intersection(other).filter(is_file).collect();
        assert!(both.is_empty(), "two packages have {both:?}");
    }
    units_are_sound(&built, directory.path());
}

#[test]
fn packages_are_installed_used_upgraded_and_purged() {
    if !is_alone("packages_are_installed_used_upgraded_and_purged") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let before = build(&directory.path().join("before"), "");
    let after = build(&directory.path().join("after"), "+next");
    let debian = Debian::new(directory.path());
    let untouched = debian.state();

    debian.install(&before);
    debian.has_users_and_directories();
    for server in SERVERS {
        debian.run(&[server, "config", "check"], "");
    }
    debian.write("etc/keymuster/host.toml", "# the administrator's\n", 0o644);
    let expected = [" preset keymuster-host.service", " start keymuster-host.service"];
    debian.asked_for(
        &expected,
        &["preset keymuster-authority", "start keymuster-authority", "start keymuster-host.socket"],
    );
    let mut authority = debian.make_authority();
    let mut host = debian.start("keymuster-host", &[]);
    debian.activate_host();
    let policy = "allow-update { key \"kms\"; };";
    let zone = ZoneFile { name: "corp.example", policy, records: "kms A 127.0.0.1\n" };
    let server = NameServer::start_at_port_53(&[zone], &["kms"]);
    debian.publish_host(&server);
    debian.activate_client();
    debian.host_owns_all_it_needs();
    stop(&mut host);

    debian.install(&after);
    debian.asked_for(&["restart keymuster-host.service"], &["start keymuster-authority", "stop keymuster-host.socket"]);
    assert!(debian.version("keymuster-host").ends_with("+next"));
    // systemd holds the port, so nobody is turned away, and the first who asks has the host started.
    let mut host = debian.start_by_socket();
    debian.is_still_activated();
    stop(&mut host);

    assert_eq!(fs::read_to_string(debian.path("etc/keymuster/host.toml")).unwrap(), "# the administrator's\n");

    debian.install(&before);
    assert!(!debian.version("keymuster-host").ends_with("+next"));
    let mut host = debian.start("keymuster-host", &[]);
    debian.is_still_activated();
    stop(&mut host);
    stop(&mut authority);

    debian.run(&[&["dpkg", "--remove"], &PACKAGES[..]].concat(), "");
    debian.asked_for(&["stop keymuster-host.service"], &[]);
    assert!(debian.path("var/lib/keymuster-host/host.db").exists(), "only a purge takes data");
    debian.run(&[&["dpkg", "--purge"], &PACKAGES[..]].concat(), "");
    assert_eq!(debian.state(), untouched);
}

/// Builds the packages of the programs that the tests use, and tells where they lie.
fn build(directory: &Path, version_suffix: &str) -> Vec<PathBuf> {
    let mut command = programs::command("xtask").unwrap();
    command.args(["dist", "--only-debug-packages", "--version-suffix", version_suffix, "--out"]).arg(directory);
    // They are unpacked at once, and only here.
    command.env("DPKG_DEB_COMPRESSOR_TYPE", "gzip").env("DPKG_DEB_COMPRESSOR_LEVEL", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let found = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = found.filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect();
    assert_eq!(found.len(), PACKAGES.len(), "{found:?}");
    found
}

fn package<'a>(built: &'a [PathBuf], name: &str) -> &'a Path {
    let start = format!("{name}_");
    built.iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with(&start)).unwrap()
}

/// The paths in a package.
fn files(built: &[PathBuf], name: &str) -> BTreeSet<String> {
    let output = Command::new("dpkg-deb").arg("--contents").arg(package(built, name)).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    text(&output).lines().filter_map(|line| line.split_whitespace().nth(5)).map(str::to_owned).collect()
}

fn units_are_sound(built: &[PathBuf], directory: &Path) {
    for name in SERVERS {
        let root = directory.join(format!("unpacked-{name}"));
        let unpacked = Command::new("dpkg-deb").arg("--extract").arg(package(built, name)).arg(&root).status().unwrap();
        assert!(unpacked.success());
        let units = root.join("lib/systemd/system");
        let service = units.join(format!("{name}.service"));
        // The program that it names is not installed on this machine.
        let here = fs::read_to_string(&service).unwrap().replace("/usr/bin/keymuster", "/bin/true #");
        assert!(here.contains(&format!("\nUser={name}\n")) && !here.contains("DynamicUser"), "{here}");
        fs::write(&service, here).unwrap();
        for arguments in [&["verify", "--man=no"][..], &["security", "--offline=true", "--threshold=12"]] {
            let mut command = Command::new("systemd-analyze");
            command.args(arguments).arg(&service).args(
                Some(units.join(format!("{name}.socket"))).filter(|socket| arguments[0] == "verify" && socket.exists()),
            );
            let output = command.output().expect("cargo xtask setup installs systemd-analyze");
            assert!(output.status.success(), "{}", text(&output));
        }
    }
}

/// Runs the rest of a test in namespaces of its own, with a network where every port is free; returns whether this is that
/// run. What is mounted and started in them ends with them.
fn is_alone(test: &str) -> bool {
    const MARK: &str = "KEYMUSTER_TEST_IS_ALONE";
    if std::env::var_os(MARK).is_some() {
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("this test needs ip(8)");
        assert!(up.success());
        return true;
    }
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["--map-root-user", "--map-auto"].iter().filter(|_| !is_root));
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(MARK, "1");
    let output = command.output().expect("this test needs unshare(1), of the package util-linux");
    let said = text(&output);
    assert!(!said.contains("unshare:"), "this test needs root or user namespaces: {said}");
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

fn stop(running: &mut Running) {
    assert!(bounded(running.id(), || running.stop()).unwrap());
}

/// A Debian in a directory.
struct Debian {
    root: PathBuf,
}

impl Debian {
    fn new(directory: &Path) -> Debian {
        let root = directory.join("debian");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(DEBIAN);
        let mut tar = Command::new("tar");
        tar.arg("--extract").arg("--file").arg(&archive).arg("--directory").arg(&root);
        assert!(tar.status().unwrap().success(), "cargo xtask setup makes {}", archive.display());
        let debian = Debian { root };
        let proc = Command::new("mount").args(["-t", "proc", "proc"]).arg(debian.path("proc")).status().unwrap();
        assert!(proc.success());
        fs::create_dir_all(debian.path("run/systemd/system")).unwrap();
        debian.write("usr/bin/systemctl", SYSTEMCTL, 0o755);
        debian.write("run/asked", "", 0o666);
        debian.write("etc/resolv.conf", "nameserver 127.0.0.1\nsearch corp.example\n", 0o644);
        debian
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) {
        fs::write(self.path(path), content).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A command in this Debian, run by root.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.root).args(words).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C.UTF-8").env("HOME", "/root");
        command
    }

    /// Runs a command that must succeed, and returns what it writes on standard output.
    fn run(&self, words: &[&str], input: &str) -> String {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn install(&self, built: &[PathBuf]) {
        fs::create_dir_all(self.path("packages")).unwrap();
        let mut inside = Vec::new();
        for path in built {
            let name = path.file_name().unwrap().to_str().unwrap();
            fs::copy(path, self.path("packages").join(name)).unwrap();
            inside.push(format!("/packages/{name}"));
        }
        let words: Vec<&str> = inside.iter().map(String::as_str).collect();
        self.run(&[&["dpkg", "--install"], &words[..]].concat(), "");
        fs::remove_dir_all(self.path("packages")).unwrap();
    }

    fn version(&self, package: &str) -> String {
        self.run(&["dpkg-query", "--show", "--showformat=${Version}", package], "")
    }

    /// What was asked of the service manager since the last question has all of these, and none of those.
    fn asked_for(&self, expected: &[&str], unexpected: &[&str]) {
        let asked = fs::read_to_string(self.path("run/asked")).unwrap();
        self.write("run/asked", "", 0o666);
        for words in expected {
            assert!(asked.contains(words), "{words:?} is not in {asked}");
        }
        for words in unexpected {
            assert!(!asked.contains(words), "{words:?} is in {asked}");
        }
    }

    fn has_users_and_directories(&self) {
        for name in SERVERS {
            let directory = format!("/var/lib/{name}");
            let found = self.run(&["stat", "--format=%U %G %a", &directory], "");
            assert_eq!(found.trim(), format!("{name} {name} 700"));
            let shell = self.run(&["getent", "passwd", name], "");
            assert!(shell.trim().ends_with("/usr/sbin/nologin"), "{shell}");
        }
    }

    /// What a unit says: its program with arguments, run by its user as systemd would.
    fn of_unit(&self, name: &str) -> Vec<String> {
        let unit = fs::read_to_string(self.path(&format!("lib/systemd/system/{name}.service"))).unwrap();
        let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap().replace("%S", "/var/lib");
        let (user, group) = (value("User="), value("Group="));
        let as_user = format!("--reuid={user} --regid={group} --clear-groups --no-new-privs --inh-caps=-all");
        let words = format!("setpriv {as_user} {}", value("ExecStart="));
        words.split(' ').map(str::to_owned).collect()
    }

    /// Starts a service as its unit says, and waits until it tells its manager that it is ready.
    fn start(&self, name: &str, more: &[&str]) -> Running {
        let words = self.of_unit(name);
        let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let manager = self.manager();
        let running = Running::start(self.command(&words).env("NOTIFY_SOCKET", "/run/notify"), Stdio::inherit());
        let running = running.unwrap();
        self.is_ready(&manager);
        running
    }

    /// Starts the host by the first connection to a socket that is not its own.
    fn start_by_socket(&self) -> Running {
        let unit = fs::read_to_string(self.path("lib/systemd/system/keymuster-host.socket")).unwrap();
        let port = unit.lines().find_map(|line| line.strip_prefix("ListenStream=")).unwrap();
        let words = self.of_unit("keymuster-host");
        let manager = self.manager();
        let mut command = Command::new("systemd-socket-activate");
        command.args(["--listen", port, "--setenv", "NOTIFY_SOCKET=/run/notify"]);
        command.args(["/usr/sbin/chroot".as_ref(), self.root.as_os_str()]).args(words);
        let running = Running::start(&mut command, Stdio::inherit()).unwrap();
        let address = (Ipv4Addr::LOCALHOST, port.parse().unwrap()).into();
        let begin = Instant::now();
        let mut asker = loop {
            match Connection::open(address) {
                Ok(asker) => break asker,
                Err(error) => assert!(begin.elapsed() < PATIENCE, "{error}"),
            }
        };
        self.is_ready(&manager);
        asker.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(asker.answer().unwrap().status, 200, "whoever asked first is answered");
        let said = self.run(&["keymuster-host", "set", "port", "1700", "--dry-run"], "");
        assert!(said.contains("by a socket unit"), "the socket counts, not the setting: {said}");
        running
    }

    fn manager(&self) -> UnixDatagram {
        let path = self.path("run/notify");
        let _ = fs::remove_file(&path);
        let manager = UnixDatagram::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        manager
    }

    fn is_ready(&self, manager: &UnixDatagram) {
        let mut heard = [0; 1000];
        let length = manager.recv(&mut heard).expect("the service is not ready in time");
        assert!(heard[..length].starts_with(b"READY=1\n"), "{:?}", String::from_utf8_lossy(&heard[..length]));
    }

    /// Makes an authority as root, as the guides say, and starts its service.
    fn make_authority(&self) -> Running {
        self.write("root/passphrase", "only for tests", 0o600);
        self.write("root/aurora.toml", AURORA, 0o600);
        let url = "http://127.0.0.1:1690";
        let named = ["--publisher", "aurora", "--name", "Aurora", "--authority-url", url];
        let sealed = ["--passphrase-file", "/root/passphrase"];
        self.run(&[&["keymuster-authority", "init"], &named[..], &sealed[..]].concat(), "");
        let sign = ["catalogue", "sign", "/root/aurora.toml", "--out", "/root/aurora.pack"];
        self.run(&[&["keymuster-authority"], &sign[..]].concat(), "");
        self.run(&["keymuster-authority", "customer", "add", "muster-works", "--name", "Muster Works"], "");
        self.start("keymuster-authority", &[])
    }

    /// Entitles the host as root, while it serves.
    fn activate_host(&self) {
        let pool = "render-farm=5";
        let mint = ["key", "mint", "host", "--customer", "muster-works", "--group", "render-2026", "--pool", pool];
        let minted = self.run(&[&["keymuster-authority", "--json"], &mint[..]].concat(), "");
        let minted: serde_json::Value = serde_json::from_str(&minted).unwrap();
        let trust = "/var/lib/keymuster-authority/aurora.trust";
        self.run(&["keymuster-host", "add-publisher", "--trust", trust, "--pack", "/root/aurora.pack"], "");
        self.run(&["keymuster-host", "install-key", "--activate"], minted["key"].as_str().unwrap());
    }

    /// Has the host publish itself in the domain of this machine.
    fn publish_host(&self, server: &NameServer) {
        let key = fs::read(server.key_file("kms")).unwrap();
        self.write("root/dns.key", key, 0o600);
        let owner = ["install", "--owner", "keymuster-host", "--mode", "600"];
        self.run(&[&owner[..], &["/root/dns.key", "/var/lib/keymuster-host/dns.key"]].concat(), "");
        for (name, value) in [
            ("dns-zones", "corp.example"),
            ("dns-target", "kms.corp.example"),
            ("dns-key-file", "/var/lib/keymuster-host/dns.key"),
            ("dns-server", "127.0.0.1"),
            ("dns-publishing", "on"),
        ] {
            self.run(&["keymuster-host", "set", name, value], "");
        }
    }

    /// A product that nobody has told anything finds the host and is licensed.
    fn activate_client(&self) {
        let trust = "/var/lib/keymuster-authority/aurora.trust";
        self.run(&["keymuster", "add", "--trust", trust, "--pack", "/root/aurora.pack", "render-farm"], "");
        let begin = Instant::now();
        // The host publishes itself within a second or two, and who is too early asks again.
        while !self.command(&["keymuster", "activate"]).output().unwrap().status.success() {
            assert!(begin.elapsed() < PATIENCE, "{}", text(&self.command(&["keymuster", "doctor"]).output().unwrap()));
        }
        assert!(self.path("var/lib/keymuster").read_dir().unwrap().next().is_some(), "the store is the machine's");
    }

    /// Whatever root did in the host's directory, its service can read and write.
    fn host_owns_all_it_needs(&self) {
        for name in SERVERS {
            let directory = format!("/var/lib/{name}");
            let others = self.run(&["find", &directory, "!", "-user", name], "");
            assert_eq!(others, "", "{name} cannot use what root has made");
        }
    }

    fn is_still_activated(&self) {
        self.run(&["keymuster-host", "doctor", "--alive"], "");
        self.run(&["keymuster", "renew"], "");
        self.run(&["keymuster", "status"], "");
    }

    /// Every file, directory and link with its content or target, without what packaging tools note about themselves.
    fn state(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut left = vec![self.root.clone()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
                let (path, kind) = (entry.path(), entry.file_type().unwrap());
                let shown = path.strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned();
                let is_apart = ["proc", "run", "dev", "root", "tmp"].contains(&shown.as_str());
                if is_apart || OWN_RECORDS.iter().any(|own| Path::new(&shown).starts_with(own)) {
                    continue;
                }
                if kind.is_dir() {
                    left.push(path);
                }
                // Users are what packages add to files that are there already.
                if ["etc/passwd", "etc/group", "etc/shadow"].contains(&shown.as_str()) {
                    found.insert(fs::read_to_string(entry.path()).unwrap());
                }
                found.insert(shown);
            }
        }
        found
    }
}
