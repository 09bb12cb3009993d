//! A whole estate in one directory: authorities, a customer's host, and the files that a publisher hands out. Everything is
//! done by the real programs.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use keymuster_client::{Client, HostAddress, Product, Settings};

use crate::console::Console;
use crate::programs::{self, Running};

/// Every root key of an estate is protected by this; an estate is a toy.
const PASSPHRASE: &str = "only for demonstrations";
const CUSTOMER: &str = "muster-works";

/// The publisher's side: an authority with its files.
#[derive(Debug)]
pub struct Authority {
    /// The publisher's name.
    pub publisher: String,
    /// Where it answers.
    pub url: String,
    /// Where it answers administrators.
    pub administration: String,
    directory: PathBuf,
    trust: String,
    pack: Vec<u8>,
    /// `None` while it is stopped.
    running: Option<Running>,
}

/// The customer's side: a host.
#[derive(Debug)]
pub struct Host {
    /// Where clients reach it.
    pub address: SocketAddr,
    /// Where it answers administrators, once it was started.
    pub administration: String,
    administration_at: SocketAddr,
    directory: PathBuf,
    running: Option<Running>,
}

/// What a program wrote, line by line.
pub type Lines = Vec<String>;

impl Authority {
    /// Makes an authority of a publisher with a catalogue (TOML), and starts it on `port`, or on any where that is taken.
    pub fn start(
        root: &Path,
        publisher: &str,
        name: &str,
        catalogue: &str,
        port: u16,
    ) -> anyhow::Result<(Authority, Lines)> {
        let directory = root.join(format!("authority-{publisher}"));
        let passphrase = root.join("passphrase");
        std::fs::write(&passphrase, PASSPHRASE)?;
        let source = root.join(format!("{publisher}.toml"));
        std::fs::write(&source, catalogue)?;
        let address = free_address(port);
        let url = format!("http://{address}");
        let mut authority = Authority {
            publisher: publisher.to_owned(),
            url: url.clone(),
            administration: String::new(),
            directory: directory.clone(),
            trust: String::new(),
            pack: Vec::new(),
            running: None,
        };
        let passphrase = passphrase.to_string_lossy();
        let arguments =
            ["--publisher", publisher, "--name", name, "--authority-url", &url, "--passphrase-file", &passphrase];
        let mut lines = authority.run(&[&["init"], &arguments[..]].concat())?;
        let pack = root.join(format!("{publisher}.pack"));
        lines.extend(authority.run(&[
            "catalogue",
            "sign",
            &source.to_string_lossy(),
            "--out",
            &pack.to_string_lossy(),
        ])?);
        authority.run(&["customer", "add", CUSTOMER, "--name", "Muster Works"])?;
        authority.trust = std::fs::read_to_string(directory.join(format!("{publisher}.trust")))?;
        authority.pack = std::fs::read(&pack)?;
        std::fs::write(root.join(format!("{publisher}.trust")), &authority.trust)?;
        let mut command = authority.command()?;
        command.args(["serve", "--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0"]);
        let log = std::fs::File::create(root.join(format!("authority-{publisher}.log")))?;
        let mut running = Running::start(&mut command, Stdio::from(log))?;
        running.line_after("listening on ")?;
        authority.administration = running.line_after("administration on ")?;
        authority.running = Some(running);
        Ok((authority, lines))
    }

    fn command(&self) -> anyhow::Result<Command> {
        let mut command = programs::command("keymuster-authority")?;
        command.arg("--data-dir").arg(&self.directory);
        Ok(command)
    }

    /// Its console.
    pub fn console(&self) -> anyhow::Result<Console> {
        Ok(Console::new("keymuster-authority", socket(&self.administration)?, &self.directory))
    }

    /// Stops the server as the publisher would; commands still work.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("the authority is not running")?;
        ensure!(running.stop()?, "the authority did not stop well");
        Ok(())
    }

    /// Runs one of the authority's commands, and returns what it printed.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Lines> {
        let mut command = self.command()?;
        command.args(arguments);
        output(&mut command, "")
    }

    /// Mints a host key for a group; `more` are further options of `key mint host`.
    pub fn mint_host_key(&self, group: &str, more: &[&str]) -> anyhow::Result<String> {
        self.mint(&[&["key", "mint", "host", "--customer", CUSTOMER, "--group", group], more].concat())
    }

    /// Mints a MAK for an edition.
    pub fn mint_mak(&self, edition: &str, activations: u32) -> anyhow::Result<String> {
        let activations = activations.to_string();
        self.mint(&["key", "mint", "mak", "--customer", CUSTOMER, "--edition", edition, "--activations", &activations])
    }

    fn mint(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let lines = self.run(&[arguments, &["--json"]].concat())?;
        let json: serde_json::Value = serde_json::from_str(&lines.join("\n"))?;
        Ok(json["key"].as_str().context("the authority printed no key")?.to_owned())
    }

    /// The product that links the client library: the publisher's files and an edition.
    pub fn product(&self, edition: &str) -> anyhow::Result<Product> {
        Ok(Product::new(&self.trust, &self.pack, edition)?)
    }
}

impl Host {
    /// A host in a directory of its own, not started yet; it will listen on `port` and take administrators on the next one,
    /// or on any where that is taken; with 0, on any.
    pub fn new(root: &Path, port: u16) -> anyhow::Result<Host> {
        let (address, administration_at) = (free_address(port), free_address(if port == 0 { 0 } else { port + 1 }));
        let (administration, directory) = (String::new(), root.join("host"));
        Ok(Host { address, administration, administration_at, directory, running: None })
    }

    fn command(&self) -> anyhow::Result<Command> {
        let mut command = programs::command("keymuster-host")?;
        command.arg("--data-dir").arg(&self.directory);
        Ok(command)
    }

    /// Runs one of the host's commands, with `input` on its standard input, and returns what it printed.
    pub fn run(&self, arguments: &[&str], input: &str) -> anyhow::Result<Lines> {
        let mut command = self.command()?;
        command.args(arguments);
        output(&mut command, input)
    }

    /// Teaches the host a publisher.
    pub fn add_publisher(&self, root: &Path, publisher: &str) -> anyhow::Result<Lines> {
        let file = |suffix: &str| root.join(format!("{publisher}.{suffix}")).to_string_lossy().into_owned();
        self.run(&["add-publisher", "--trust", &file("trust"), "--pack", &file("pack")], "")
    }

    /// Starts it.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let mut command = self.command()?;
        let (clients, administration) = (self.address.to_string(), self.administration_at.to_string());
        command.args(["serve", "--listen", &clients, "--admin-listen", &administration]);
        let path = self.directory.with_extension("log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
        let mut running = Running::start(&mut command, Stdio::from(log))?;
        running.line_after("listening on ").with_context(|| std::fs::read_to_string(&path).unwrap_or_default())?;
        self.administration = running.line_after("administration on ")?;
        self.running = Some(running);
        Ok(())
    }

    /// Its console.
    pub fn console(&self) -> anyhow::Result<Console> {
        Ok(Console::new("keymuster-host", socket(&self.administration)?, &self.directory))
    }

    /// The token for the first administrator, which it prints once at its start.
    pub fn claim_token(&mut self) -> anyhow::Result<String> {
        self.running.as_mut().context("the host is not running")?.line_after("one-time token ")
    }

    /// Stops it as an administrator would.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut running = self.running.take().context("the host is not running")?;
        ensure!(running.stop()?, "the host did not stop well");
        Ok(())
    }

    /// A machine's client of this host, with a store of its own.
    pub fn client(&self, store: &Path, product: Product) -> anyhow::Result<Client> {
        let host = HostAddress { host: self.address.ip().to_string(), port: self.address.port(), tls_only: false };
        let settings = Settings { store: store.to_owned(), host: Some(host), ..Settings::default() };
        Ok(Client::open_with(product, settings)?)
    }
}

/// Runs a command to its end; what it printed, or what it said on standard error where it failed.
fn output(command: &mut Command, input: &str) -> anyhow::Result<Lines> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // A program that needs no input may have ended already.
    let _ = child.stdin.take().context("no standard input")?.write_all(input.as_bytes());
    let output = child.wait_with_output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{:?} failed: {errors}", command.get_program());
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

fn socket(url: &str) -> anyhow::Result<SocketAddr> {
    url.trim_start_matches("http://").parse().with_context(|| format!("{url} is no address"))
}

/// The preferred port of this machine, or any that is free; 0 prefers none.
fn free_address(preferred: u16) -> SocketAddr {
    let is_free = preferred != 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, preferred)).is_ok();
    (Ipv4Addr::LOCALHOST, if is_free { preferred } else { programs::free_port() }).into()
}
