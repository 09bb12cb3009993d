//! An authority in a directory of its own, machines that ask it, and the two ways to ask: over HTTP and by file.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keymuster_core::activation::Activation;
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::chain::{Asker, Chain};
use keymuster_core::document::Signed;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{ClientId, HostId, RequestId};
use keymuster_core::invalid::Invalid;
use keymuster_core::request::{Act, ClientRequest, HostRequest};
use keymuster_core::signature::SecretKey;
use keymuster_core::time::Timestamp;
use keymuster_core::trust::Trust;
use serde_json::Value;
use tempfile::TempDir;

pub const PASSPHRASE: &str = "correct horse battery staple";
pub const SMALL: &str = include_str!("small.toml");
/// Longer than anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The authority of publisher aurora.
pub struct Site {
    dir: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Site {
    /// A new authority, and nothing else.
    pub fn bare() -> Site {
        let site = Site::nothing();
        let init = ["init", "--publisher", "aurora", "--name", "Aurora Systems", "--passphrase-file"];
        let passphrase = site.write("passphrase", format!("{PASSPHRASE}\n"));
        site.done(&[&init[..], &[&passphrase]].concat());
        site
    }

    /// A directory in which nobody has made an authority.
    pub fn nothing() -> Site {
        Site { dir: tempfile::tempdir().unwrap() }
    }

    /// An authority with the small catalogue and customer contoso.
    pub fn new() -> Site {
        let site = Site::bare();
        let catalogue = site.write("small.toml", SMALL);
        site.done(&["catalogue", "sign", &catalogue]);
        site.done(&["customer", "add", "contoso", "--name", "Contoso"]);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn data(&self, name: &str) -> PathBuf {
        self.path("data").join(name)
    }

    /// Writes a file beside the data directory, and returns its path as an argument.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keymuster-authority"));
        command.env_clear().env("KEYMUSTER_AUTHORITY_DIR", self.path("data")).stdin(Stdio::null()).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        Run { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        run.stdout.trim_end().to_owned()
    }

    /// Runs a command that must succeed, and returns its JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[&["--json"], arguments].concat())).unwrap()
    }

    /// Mints a host key for the server group.
    pub fn host_key(&self, options: &[&str]) -> String {
        let mint = ["key", "mint", "host", "--customer", "contoso", "--group", "server-2026", "--quiet"];
        self.done(&[&mint, options].concat())
    }

    /// Mints a MAK for the desk edition.
    pub fn mak(&self, options: &[&str]) -> String {
        let mint = ["key", "mint", "mak", "--customer", "contoso", "--edition", "desk-2026", "--quiet"];
        self.done(&[&mint, options].concat())
    }

    /// Runs a command that answers a file with a file; `option` is what stands before the file, if anything does.
    fn answered(&self, verb: &str, option: &[&str], file: &Bundle) -> Result<Bundle, Refused> {
        let (request, out) = (self.write("a.request", file.to_file()), self.path("a.response"));
        let run = self.run(&[&[verb], option, &[&request, "--out", out.to_str().unwrap()]].concat());
        if run.code == 0 {
            return Ok(Bundle::parse_file(&fs::read(&out).unwrap()).unwrap());
        }
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
        let message = run.stderr.lines().next().unwrap().strip_prefix("error: ").unwrap();
        let (detail, code) = message.strip_suffix(')').unwrap().rsplit_once(" (KM-").unwrap();
        let (_, code) = code.split_once(' ').unwrap();
        Err(Refused { code: code.to_owned(), detail: detail.to_owned() })
    }

    pub fn trust(&self) -> Trust {
        fs::read_to_string(self.data("aurora.trust")).unwrap().parse().unwrap()
    }

    pub fn serve(&self) -> Server {
        Server::start(self)
    }
}

/// A running server; it is ended when the value goes.
pub struct Server {
    child: Child,
    pub addr: SocketAddr,
    log: PathBuf,
}

impl Server {
    fn start(site: &Site) -> Server {
        let log = site.path("log");
        let mut command = site.command(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.env("KEYMUSTER_LOG", "trace").stdout(Stdio::piped()).stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}: {}", read(&log)));
        Server { addr: addr.trim_end().parse().unwrap(), child, log }
    }

    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// One request on a connection of its own.
    pub fn send(&self, head: &str, body: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head = format!("{head}\r\nHost: authority\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Response::parse(&bytes)
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Response {
        self.send(&format!("POST {path} HTTP/1.1\r\nContent-Type: application/cose"), body)
    }

    pub fn exchange(&self, body: &[u8]) -> Response {
        self.send("POST /v1/exchange HTTP/1.1\r\nContent-Type: application/cbor", body)
    }

    pub fn get(&self, path: &str) -> Response {
        self.send(&format!("GET {path} HTTP/1.1"), b"")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Response {
    fn parse(bytes: &[u8]) -> Response {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The bundle, or the refusal instead of it.
    fn bundle(&self) -> Result<Bundle, Refused> {
        if self.status == 200 {
            assert_eq!(self.header("content-type"), Some("application/cbor"));
            assert_eq!(self.header("cache-control"), Some("no-store"));
            return Ok(Bundle::parse(&self.body).unwrap());
        }
        let problem = self.problem();
        let text = |name: &str| problem[name].as_str().unwrap().to_owned();
        Err(Refused { code: text("code"), detail: text("detail") })
    }

    pub fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The two ways to ask, which must give the same answers.
pub enum Door<'a> {
    Http(&'a Server),
    Files(&'a Site),
}

/// The name of a code, and its sentence.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: String,
    pub detail: String,
}

impl Door<'_> {
    pub fn certify(&self, request: &Signed<HostRequest>) -> Result<Bundle, Refused> {
        let bytes = request.bytes();
        self.ask("certify", bytes, Bundle { host_request: Some(bytes.to_vec().into()), ..Bundle::default() })
    }

    pub fn activate(&self, request: &Signed<ClientRequest>) -> Result<Bundle, Refused> {
        let bytes = request.bytes();
        self.ask("activate", bytes, Bundle { client_request: Some(bytes.to_vec().into()), ..Bundle::default() })
    }

    pub fn exchange(&self, asked: &Bundle) -> Result<Bundle, Refused> {
        match self {
            Door::Http(server) => server.exchange(&asked.to_bytes()).bundle(),
            Door::Files(site) => site.answered("exchange", &[], asked),
        }
    }

    fn ask(&self, verb: &str, bytes: &[u8], file: Bundle) -> Result<Bundle, Refused> {
        match self {
            Door::Http(server) => server.post(&format!("/v1/{verb}"), bytes).bundle(),
            Door::Files(site) => site.answered(verb, &["--request"], &file),
        }
    }
}

/// Runs a check once over HTTP and once by files, each time with an authority of its own.
pub fn through_both_doors(check: impl Fn(&Site, &Door<'_>)) {
    let site = Site::new();
    let server = site.serve();
    check(&site, &Door::Http(&server));
    let site = Site::new();
    check(&site, &Door::Files(&site));
}

/// A machine: its ids and keys follow from its number.
#[derive(Clone, Copy)]
pub struct Machine(pub u8);

impl Machine {
    pub fn key(self) -> SecretKey {
        SecretKey::from_seed(&[self.0; 32])
    }

    pub fn host(self) -> HostId {
        HostId::from_bytes([self.0; 16])
    }

    pub fn client(self) -> ClientId {
        ClientId::from_bytes([self.0; 16])
    }

    /// The host's request number `n`, with a product key.
    pub fn host_request(self, n: u8, key: &str) -> HostRequest {
        HostRequest {
            publisher: "aurora".parse().unwrap(),
            host: self.host(),
            host_key: self.key().public(),
            request: request_id(self, n),
            time: Timestamp::from_secs(1),
            key: key.parse().unwrap(),
            catalogue_version: 0,
            name: Some("kms1.contoso.example".parse().unwrap()),
            ledger: None,
            clients: Some(17),
            tls_spki: Some([self.0; 32]),
            extensions: None,
        }
    }

    /// The client's request number `n`, with a MAK.
    pub fn mak_request(self, n: u8, key: &str) -> ClientRequest {
        ClientRequest {
            act: Act::Mak,
            publisher: "aurora".parse().unwrap(),
            client: self.client(),
            client_key: self.key().public(),
            edition: 101,
            request: request_id(self, n),
            time: Timestamp::from_secs(1),
            high_water: Timestamp::from_secs(1),
            counter: u64::from(n),
            product_version: None,
            previous: None,
            audience: None,
            pool: None,
            fence: None,
            ratchet: None,
            key: Some(key.parse().unwrap()),
            name: None,
            system: None,
            boot: None,
            fingerprint: None,
            replaces: None,
            standing: None,
            extensions: None,
        }
    }

    pub fn ask_host(self, n: u8, key: &str) -> Signed<HostRequest> {
        Signed::sign(self.host_request(n, key), &self.key()).unwrap()
    }

    pub fn ask_mak(self, n: u8, key: &str) -> Signed<ClientRequest> {
        Signed::sign(self.mak_request(n, key), &self.key()).unwrap()
    }
}

pub fn request_id(machine: Machine, n: u8) -> RequestId {
    let mut bytes = [machine.0; 16];
    bytes[15] = n;
    RequestId::from_bytes(bytes)
}

/// The entitlement of an answer, verified as a host does it.
pub fn entitlement(site: &Site, bundle: &Bundle) -> Signed<Entitlement> {
    let trust = site.trust();
    Chain::new(&trust, bundle, None).unwrap().entitlement(bundle.entitlement.as_ref().unwrap()).unwrap()
}

/// The catalogue of an answer or pack, verified.
pub fn catalogue(site: &Site, bundle: &Bundle) -> Signed<Catalogue> {
    let trust = site.trust();
    Chain::new(&trust, bundle, None).unwrap().catalogue(bundle.catalogue.as_ref().unwrap()).unwrap()
}

/// The licence pack of the small catalogue.
pub fn pack(site: &Site) -> Bundle {
    Bundle::parse_file(&fs::read(site.path("small.pack")).unwrap()).unwrap()
}

/// The activation of an answer, verified as a client does it.
pub fn activation(site: &Site, bundle: &Bundle, request: &ClientRequest) -> Signed<Activation> {
    verified(site, bundle, request).unwrap()
}

/// The same where it need not be an answer to this request.
pub fn verified(site: &Site, bundle: &Bundle, request: &ClientRequest) -> Result<Signed<Activation>, Invalid> {
    let trust = site.trust();
    let catalogue = catalogue(site, &pack(site));
    let asker = Asker {
        client: request.client,
        client_key: request.client_key,
        edition: catalogue.edition(request.edition).unwrap(),
        catalogue: &catalogue,
        request: Some(request.request),
        held: None,
    };
    Chain::new(&trust, bundle, None).unwrap().activation(bundle.activation.as_ref().unwrap(), &asker)
}

/// The outcome of an ask in one word.
pub fn word<T>(outcome: &Result<T, Refused>) -> &str {
    outcome.as_ref().map_or_else(|refused| refused.code.as_str(), |_| "done")
}
