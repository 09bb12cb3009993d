//! A real name server (BIND) on a port of its own, primary for some zones, with keys that `tsig-keygen` made.
#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use keymuster_service::files::write_private;

/// A running name server; it ends when it is dropped.
pub struct NameServer {
    pub address: SocketAddr,
    process: Child,
    directory: tempfile::TempDir,
}

/// One zone: its name, who may change it, and its records.
pub struct ZoneFile<'a> {
    pub name: &'a str,
    /// A statement such as `allow-update { key "kms"; };`.
    pub policy: &'a str,
    pub records: &'a str,
}

/// How often another port is tried where somebody else took it between our look and the server's start.
const STARTS_MAX: usize = 5;

impl NameServer {
    /// A server with these zones that knows these keys.
    pub fn start(zones: &[ZoneFile<'_>], keys: &[&str]) -> NameServer {
        NameServer::start_on("127.0.0.1", zones, keys)
    }

    /// The same, at this address alone.
    pub fn start_on(ip: &str, zones: &[ZoneFile<'_>], keys: &[&str]) -> NameServer {
        let ip: IpAddr = ip.parse().unwrap();
        let free = || TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap();
        let started = (0..STARTS_MAX).find_map(|_| NameServer::try_start(free(), zones, keys));
        started.expect("BIND runs here; `cargo xtask setup` installs it")
    }

    /// The same on the port where clients look, in a network of its own.
    pub fn start_at_port_53(zones: &[ZoneFile<'_>], keys: &[&str]) -> NameServer {
        let address = "127.0.0.1:53".parse().unwrap();
        NameServer::try_start(address, zones, keys).expect("nobody else is in this network")
    }

    /// The file of a key: one that the server knows, or a new one under that name.
    pub fn key_file(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(format!("{name}.key"));
        if !path.exists() {
            write_private(&path, new_key(name).as_bytes()).unwrap();
        }
        path
    }

    /// Carries out a script of `nsupdate`, signed by a key.
    pub fn nsupdate(&self, key: &str, script: &str) {
        let Some(program) =
            ["/usr/bin/nsupdate", "/usr/local/bin/nsupdate"].into_iter().find(|path| fs::exists(path).unwrap())
        else {
            panic!("nsupdate is there; `cargo xtask setup` installs it");
        };
        let file = self.directory.path().join("script");
        fs::write(&file, format!("server 127.0.0.1 {}\n{script}", self.address.port())).unwrap();
        let output = Command::new(program).arg("-k").arg(self.key_file(key)).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn try_start(address: SocketAddr, zones: &[ZoneFile<'_>], keys: &[&str]) -> Option<NameServer> {
        let (v4, v6) = if address.is_ipv4() { ("127.0.0.1", "none") } else { ("none", "::1") };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let mut configuration = format!(
            "options {{ directory \"{path}\"; listen-on port {port} {{ {v4}; }}; listen-on-v6 port {port} {{ {v6}; }};\n\
             pid-file none; session-keyfile none; recursion no; dnssec-validation no; }};\ncontrols {{ }};\n",
            port = address.port()
        );
        for name in keys {
            let key = new_key(name);
            write_private(&directory.path().join(format!("{name}.key")), key.as_bytes()).unwrap();
            configuration += &key;
        }
        for ZoneFile { name, policy, records } in zones {
            configuration += &format!("zone \"{name}\" {{ type primary; file \"{name}.zone\"; {policy} }};\n");
            // The name of the primary server, which only some zones need to know an address for.
            let head = "@ SOA ns.example.test. admin.example.test. 1 60 60 60 60\n@ NS ns.elsewhere.invalid.\n";
            let text = format!("$TTL 60\n$ORIGIN {name}.\n{head}{records}");
            fs::write(directory.path().join(format!("{name}.zone")), text).unwrap();
        }
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
                return Some(NameServer { address, process, directory });
            }
        }
        let _ = process.wait();
        assert!(text.contains("address in use"), "the name server did not start:\n{text}");
        None
    }
}

fn new_key(name: &str) -> String {
    let output = Command::new("/usr/sbin/tsig-keygen").args(["-a", "hmac-sha256", name]).output();
    let output = output.expect("/usr/sbin/tsig-keygen starts; `cargo xtask setup` installs it");
    String::from_utf8(output.stdout).unwrap()
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
