//! A publisher's authority, a customer's host and machines, all by their programs and in one directory.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use keymuster_client::{Client, Env, Settings};
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::programs;
use tempfile::TempDir;

/// What machines run, where a row needs nothing else.
pub const EDITION: &str = "desk-pro-2026";

/// Everything that a program said in the end.
pub fn said(command: &mut Command, input: &str) -> String {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // A program that needs no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

/// What a program with a data directory says; the arguments have no spaces in them.
pub fn server_says(program: &str, data_dir: &Path, arguments: &[&str], input: &str) -> String {
    said(programs::command(program).unwrap().arg("--data-dir").arg(data_dir).args(arguments), input)
}

/// An address of this machine at which nothing listens.
pub fn closed() -> SocketAddr {
    // The listener is gone as soon as its address is known.
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Something in the network that gives this answer to the first who asks.
pub fn stranger(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let (listener, answer) = (TcpListener::bind("127.0.0.1:0").unwrap(), answer.into());
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0, "nothing was asked");
        stream.write_all(&answer).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // A connection that is closed with bytes in it is reset, and the answer lost.
        std::io::copy(&mut stream, &mut std::io::sink())
    });
    address
}

pub struct Site {
    pub directory: TempDir,
    pub aurora: Authority,
    pub host: Host,
    machines: u32,
}

impl Site {
    /// The host knows the publisher, has no host key and runs.
    pub fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        let (aurora, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let mut host = Host::new(directory.path(), 0).unwrap();
        host.add_publisher(directory.path(), "aurora").unwrap();
        host.start().unwrap();
        Site { directory, aurora, host, machines: 0 }
    }

    pub fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// What a command of the customer's host says.
    pub fn host_says(&self, arguments: &[&str], input: &str) -> String {
        server_says("keymuster-host", &self.directory.path().join("host"), arguments, input)
    }

    /// Installs a host key for a group, and activates the host by it.
    pub fn entitle(&self, group: &str, more: &[&str]) {
        let key = self.aurora.mint_host_key(group, more).unwrap();
        self.host.run(&["install-key"], &key).unwrap();
        self.host.run(&["activate"], "").unwrap();
    }

    /// A machine that was never seen before, and knows no product.
    pub fn bare_machine(&mut self) -> Machine {
        self.machines += 1;
        Machine { store: self.directory.path().join("machines").join(self.machines.to_string()) }
    }

    /// A machine that was never seen before, with a product on it.
    pub fn machine(&mut self, edition: &str) -> Machine {
        let machine = self.bare_machine();
        self.add(&machine, edition);
        machine
    }

    /// Makes a product known to a machine, as its first start does.
    pub fn add(&self, machine: &Machine, edition: &str) {
        let (trust, pack) = (self.path("aurora.trust"), self.path("aurora.pack"));
        let said = machine.says(&["add", "--trust", &trust, "--pack", &pack, edition]);
        assert!(said.contains(edition) && !said.contains("error:"), "{said}");
    }

    /// What a machine says that asks the customer's host.
    pub fn asks(&self, machine: &Machine) -> String {
        machine.says(&["activate", "--host", &self.host.address.to_string()])
    }

    /// What a product did on a machine while its world was `env`.
    pub fn product(&self, machine: &Machine, env: Env, act: impl FnOnce(&Client)) {
        let settings = Settings { store: machine.store.clone(), env, ..Settings::default() };
        act(&Client::open_with(self.aurora.product(EDITION).unwrap(), settings).unwrap());
    }
}

/// A machine with products on it; a store of its own tells it apart from the others.
pub struct Machine {
    pub store: PathBuf,
}

impl Machine {
    pub fn says(&self, arguments: &[&str]) -> String {
        self.says_to("", arguments)
    }

    /// What the command says that reads this from its standard input.
    pub fn says_to(&self, input: &str, arguments: &[&str]) -> String {
        let program = programs::command("keymuster").unwrap();
        said(self.on_it(Command::new(program.get_program())).args(arguments), input)
    }

    /// A command in the environment of this machine.
    pub fn on_it(&self, mut command: Command) -> Command {
        for variable in ["KEYMUSTER_HOST", "HTTP_PROXY", "http_proxy"] {
            command.env_remove(variable);
        }
        // Nobody answers there, so that no test asks the network's own name servers.
        command.env("KEYMUSTER_DNS", "127.0.0.1:9").env("KEYMUSTER_DOMAIN", "keymuster.invalid");
        command.env("KEYMUSTER_STORE", &self.store);
        command
    }
}
