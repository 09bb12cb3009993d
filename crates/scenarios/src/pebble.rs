//! A real ACME server (Let's Encrypt's Pebble) on free ports of the loopback, for certificates that are ordered.
//! `cargo xtask setup` installs it. Dropping the value ends the process.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;
use keymuster_service::Env;
use keymuster_service::tls::own;
use serde_json::json;

use crate::programs::free_port;

/// As the setup names it (`xtask/src/setup/pebble.rs`).
const PROGRAM: &str = "../../target/pebble-2.10.1/pebble";
/// Longer than it ever takes to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// An ACME server that runs.
#[derive(Debug)]
pub struct Pebble {
    /// The address of its directory.
    pub directory: String,
    /// The file with the certificate by which it is recognised.
    pub roots: PathBuf,
    /// Where it asks for proofs, whatever the name.
    pub asks_at: SocketAddr,
    child: Child,
}

impl Pebble {
    /// Starts one that keeps its files in `directory`, and whose certificates hold for so many seconds.
    pub fn start(directory: &Path, valid_secs: u64) -> anyhow::Result<Pebble> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAM);
        ensure!(program.exists(), "no ACME server: run `cargo xtask setup`");
        std::fs::create_dir_all(directory)?;
        own(directory, "Pebble", vec!["127.0.0.1".to_owned()], Env::system().now())?;
        // It cannot be told to choose ports by itself.
        let [listen, management, asks_at, unused] =
            std::array::from_fn(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let settings = json!({ "pebble": {
            "listenAddress": listen,
            "managementListenAddress": management,
            "certificate": directory.join("tls.pem"),
            "privateKey": directory.join("tls.key"),
            "httpPort": asks_at.port(),
            "tlsPort": unused.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "retryAfter": { "authz": 1, "order": 1 },
            "profiles": { "default": { "description": "the only one", "validityPeriod": valid_secs } },
        }});
        let file = directory.join("pebble.json");
        std::fs::write(&file, settings.to_string())?;
        let mut command = Command::new(program);
        command.arg("-config").arg(file).env("PEBBLE_VA_NOSLEEP", "1");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server =
            Pebble { directory: format!("https://{listen}/dir"), roots: directory.join("tls.pem"), asks_at, child };
        let begin = Instant::now();
        while TcpStream::connect(listen).is_err() {
            ensure!(begin.elapsed() < PATIENCE, "the ACME server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
