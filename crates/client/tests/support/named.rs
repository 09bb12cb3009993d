//! A real name server (BIND) on a port of its own, with one zone: `example.test`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

/// A running name server; it ends when it is dropped.
pub struct NameServer {
    pub address: SocketAddr,
    process: Child,
    _directory: tempfile::TempDir,
}

/// How often another port is tried where somebody else took it between our look and the server's start.
const STARTS_MAX: usize = 5;

impl NameServer {
    /// A server whose zone has these records; `options` are further lines of its configuration.
    pub fn start(records: &str, options: &str) -> NameServer {
        let started = (0..STARTS_MAX).find_map(|_| NameServer::try_start(records, options));
        started.expect("BIND runs here; `cargo xtask setup` installs it")
    }

    fn try_start(records: &str, options: &str) -> Option<NameServer> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let zone = "$TTL 60\n$ORIGIN example.test.\n@ SOA ns.example.test. admin.example.test. 1 60 60 60 60\n@ NS ns\n\
                    ns A 127.0.0.1\n";
        fs::write(directory.path().join("zone"), format!("{zone}{records}")).unwrap();
        let configuration = format!(
            "options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             pid-file none; session-keyfile none; recursion no; dnssec-validation no; {options} }};\n\
             controls {{ }};\n\
             zone \"example.test\" {{ type primary; file \"zone\"; }};\n",
            port = address.port()
        );
        let file = directory.path().join("named.conf");
        fs::write(&file, configuration).unwrap();
        let mut process = Command::new("/usr/sbin/named")
            .args(["-g", "-n", "1", "-c"])
            .arg(&file)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("/usr/sbin/named starts; `cargo xtask setup` installs it");
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut text = String::new();
        while log.read_line(&mut text).unwrap() > 0 {
            if text.trim_end().ends_with(" running") {
                // The rest of the log is read away, or the server would wait for a reader.
                std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                return Some(NameServer { address, process, _directory: directory });
            }
        }
        let _ = process.wait();
        assert!(text.contains("address in use"), "the name server did not start:\n{text}");
        None
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
