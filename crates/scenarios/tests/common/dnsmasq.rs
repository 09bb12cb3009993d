//! A real dnsmasq on a port of its own, with some lines of configuration and nothing of the machine's.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

/// A running dnsmasq; it ends when it is dropped.
pub struct Dnsmasq {
    pub address: SocketAddr,
    process: Child,
    _directory: tempfile::TempDir,
}

/// How often another port is tried where somebody else took it between our look and the server's start.
const STARTS_MAX: usize = 5;
const PROGRAM: &str = "/usr/sbin/dnsmasq";

impl Dnsmasq {
    /// One that answers for what these lines say, and asks nobody else.
    pub fn start(lines: &str) -> Dnsmasq {
        (0..STARTS_MAX).find_map(|_| Dnsmasq::try_start(lines)).expect("dnsmasq runs here")
    }

    fn try_start(lines: &str) -> Option<Dnsmasq> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("dnsmasq.conf");
        let port = address.port();
        let own = format!(
            "port={port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nno-daemon\npid-file=\n"
        );
        std::fs::write(&file, format!("{own}{lines}")).unwrap();
        let mut process = Command::new(PROGRAM)
            .arg(format!("--conf-file={}", file.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("/usr/sbin/dnsmasq starts; `cargo xtask setup` installs it");
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let (mut text, mut line) = (String::new(), String::new());
        while log.read_line(&mut line).unwrap() > 0 {
            text += &line;
            if line.contains("started, version") {
                std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                return Some(Dnsmasq { address, process, _directory: directory });
            }
            line.clear();
        }
        let _ = process.wait();
        assert!(text.contains("ddress already in use"), "dnsmasq did not start:\n{text}");
        None
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
