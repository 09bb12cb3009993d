//! A real name server (BIND) in the network, which hosts change by signed updates, and which can be made to lie.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use keymuster_scenarios::network::{Member, Network};

use super::site::eventually;
use super::table::Names;

/// The domain in which clients look for hosts.
pub const DOMAIN: &str = "muster.test";
/// Whom the lies lead to.
pub const STRANGER: &str = "stranger";

/// A name server that runs; dropping it ends it.
pub struct NameServer {
    process: Child,
}

/// Writes its configurations into a directory, with the key of the hosts; returns the key's file.
pub fn write(directory: &Path, server: &Member, [a, b, stranger]: [&Member; 3]) -> PathBuf {
    let output = Command::new("/usr/sbin/tsig-keygen").args(["-a", "hmac-sha256", "hosts"]).output();
    let key = String::from_utf8(output.expect("`cargo xtask setup` installs BIND").stdout).unwrap();
    let key_file = directory.join("hosts.key");
    fs::write(&key_file, &key).unwrap();
    // A host refuses one that everybody may read.
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
    let srv = |priority: u16, target: &str| format!("_keymuster._tcp SRV {priority} 0 1688 {target}\n");
    let addresses = |name: &str, member: &Member| format!("{name} A {}\n{name} AAAA {}\n", member.v4(), member.v6());
    for (name, records) in [
        (Names::True, addresses("host-a", a) + &addresses("host-b", b)),
        (Names::Failing, "this is no record\n".to_owned()),
        (
            Names::StrangerFirst,
            addresses("host-a", stranger) + &addresses("host-b", b) + &srv(0, "host-a") + &srv(10, "host-b"),
        ),
        (
            Names::StrangerAlone,
            addresses("host-a", stranger) + &addresses("host-b", stranger) + &srv(0, "host-a") + &srv(10, "host-b"),
        ),
    ] {
        let zone = format!("{name:?}.zone");
        let head = "@ SOA ns.example.test. admin.example.test. 1 60 60 60 60\n@ NS ns.elsewhere.invalid.\n";
        fs::write(directory.join(&zone), format!("$TTL 60\n$ORIGIN {DOMAIN}.\n{head}{records}")).unwrap();
        let configuration = format!(
            "options {{ directory \"{path}\"; listen-on {{ {v4}; }}; listen-on-v6 {{ {v6}; }}; pid-file none;\n\
             session-keyfile none; recursion no; dnssec-validation no; }};\ncontrols {{ }};\n{key}\
             zone \"{DOMAIN}\" {{ type primary; file \"{zone}\"; allow-update {{ key hosts; }}; }};\n",
            path = directory.display(),
            v4 = server.v4(),
            v6 = server.v6(),
        );
        fs::write(directory.join(format!("{name:?}.conf")), configuration).unwrap();
    }
    key_file
}

impl NameServer {
    /// Starts it in the network.
    pub fn start(network: &Network, member: &Member, directory: &Path, names: Names) -> NameServer {
        let log = directory.join("log");
        let mut command = Command::new("/usr/sbin/named");
        command.args(["-g", "-n", "1", "-c"]).arg(directory.join(format!("{names:?}.conf")));
        let mut command = network.command(member, &command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
        let mut server = NameServer { process: command.spawn().unwrap() };
        eventually("the name server runs", || {
            let said = fs::read_to_string(&log).unwrap();
            let ended = server.process.try_wait().unwrap();
            assert!(ended.is_none(), "the name server has ended: {said}");
            said.lines().any(|line| line.ends_with(" running"))
        });
        server
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
