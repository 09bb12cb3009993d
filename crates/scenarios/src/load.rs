//! Load on a host: machines with keys of their own, and connections that carry their requests as fast as they are answered.
//!
//! Below are the load tests (`cargo xtask load`): a crowd whose requests come when they are due, whatever the host does.

pub mod book;
pub mod crowd;
pub mod idle;
pub mod report;
pub mod site;
pub mod steady;
pub mod storm;
pub mod watch;

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use keymuster_core::document::{self, Signed};
use keymuster_core::id::{ClientId, RequestId, Slug};
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::SecretKey;
use keymuster_core::time::Timestamp;
use keymuster_service::Env;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// From the moment at which a load test is ready to the first request.
const START_IN: Duration = Duration::from_millis(200);
/// Parts of a load test in its report.
const SLICES: f64 = 12.0;

/// Where machines ask from.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

fn progress(text: &str) {
    // Progress that cannot be shown is not missed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A machine that asks for leases.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its id.
    pub id: ClientId,
    key: SecretKey,
    counter: u64,
    name: String,
}

impl Machine {
    /// The machine with this number: always the same id and key, so that a prepared ledger can know it.
    pub fn numbered(number: u64) -> Machine {
        let mut seed = [9; 32];
        seed.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        let mut id = [8; 16];
        // Multiplied by an odd number, ids come in no order, as random ones do.
        let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        id.iter_mut().zip(scattered.to_be_bytes()).for_each(|(to, from)| *to = from);
        Machine {
            id: ClientId::from_bytes(id),
            key: SecretKey::from_seed(&seed),
            counter: 0,
            name: Machine::name(number),
        }
    }

    /// A machine that was never seen before.
    pub fn new(env: &Env) -> Machine {
        let (id, key) = (ClientId::from_bytes(env.random()), SecretKey::from_seed(&env.random()));
        Machine { id, key, counter: 0, name: "machine.example.test".to_owned() }
    }

    /// The name of the machine with this number: those of one site come one after the other.
    pub fn name(number: u64) -> String {
        let scattered = number.wrapping_mul(0x9e37_79b9) % 1_000_000;
        format!("pc-{scattered:06}.site-{}.example.test", number % 40)
    }

    /// From where the machine with this number asks in a load test: each has an address of its own, as in life.
    pub fn own_address(number: u64) -> Ipv4Addr {
        let [.., b, c, d] = number.to_be_bytes();
        Ipv4Addr::new(127, b.wrapping_add(16), c, d)
    }

    /// The machine's public key.
    pub fn public_key(&self) -> [u8; 32] {
        *self.key.public().as_bytes()
    }

    /// A signed request with a fresh id and the next counter.
    pub fn request(&mut self, act: Act, publisher: &Slug, edition: u16, env: &Env) -> Vec<u8> {
        let body = self.ask(act, publisher, edition, env);
        self.sign(body)
    }

    /// A request with a fresh id and the next counter, to be changed before it is signed.
    pub fn ask(&mut self, act: Act, publisher: &Slug, edition: u16, env: &Env) -> ClientRequest {
        self.counter += 1;
        let now = env.now();
        ClientRequest {
            act,
            publisher: publisher.clone(),
            client: self.id,
            client_key: self.key.public(),
            edition,
            request: RequestId::from_bytes(env.random()),
            time: now,
            high_water: now,
            counter: self.counter,
            product_version: Some("1.0.0".parse().expect("a label")),
            previous: None,
            audience: None,
            pool: None,
            fence: None,
            ratchet: None,
            key: None,
            name: Some(self.name.parse().expect("a label")),
            system: Some("Linux 6.1".parse().expect("a label")),
            boot: Some([5; 8]),
            fingerprint: None,
            replaces: None,
            standing: None,
            extensions: None,
        }
    }

    /// Signs a request with the machine's key.
    pub fn sign(&self, body: ClientRequest) -> Vec<u8> {
        Signed::sign(body, &self.key).expect("a sound request").bytes().to_vec()
    }

    /// Signs what stands for a request, whether or not it is one.
    pub fn sign_payload(&self, payload: &[u8]) -> Vec<u8> {
        document::sign_payload::<ClientRequest>(payload, &self.key)
    }

    /// When the machine last asked, for a prepared ledger: spread over a day.
    pub fn asked_before(number: u64, now: Timestamp) -> Timestamp {
        now.minus(number % 86_400 + 1)
    }
}

/// A connection that is kept alive, over TCP or over TLS.
#[derive(Debug)]
pub struct Connection<S = TcpStream> {
    stream: BufReader<S>,
    address: SocketAddr,
}

/// An answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header fields, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

impl Answer {
    /// The value of a header field, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Connection> {
        Connection::over(TcpStream::connect_timeout(&address, ANSWER_WITHIN)?)
    }

    /// Takes over a stream that is connected already.
    pub fn over(stream: TcpStream) -> io::Result<Connection> {
        let address = stream.peer_addr()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(Connection { stream: BufReader::new(stream), address })
    }
}

impl Connection<StreamOwned<ClientConnection, TcpStream>> {
    /// Connects over TLS, whatever certificate is shown; the handshake is done with the first request.
    pub fn open_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let stream = Connection::open(address)?.stream.into_inner();
        let tls = ClientConnection::new(Arc::clone(config), address.ip().into()).map_err(io::Error::other)?;
        Ok(Connection { stream: BufReader::new(StreamOwned::new(tls, stream)), address })
    }
}

impl<S: io::Read + io::Write> Connection<S> {
    /// Sends one request and reads its answer.
    pub fn post(&mut self, path: &str, body: &[u8]) -> io::Result<Answer> {
        self.send_post(path, body)?;
        self.answer()
    }

    /// Sends one request.
    pub fn send_post(&mut self, path: &str, body: &[u8]) -> io::Result<()> {
        let mut message = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/cose\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        message.extend_from_slice(body);
        self.send(&message)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one answer, with a `Content-Length` or without a body.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let line = self.line()?;
        let status =
            line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| invalid("no status"))?;
        let mut headers = Vec::new();
        while let Some((name, value)) = self.line()?.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if let Some(length) = answer.header("content-length") {
            let length = length.parse().map_err(|_| invalid("no length"))?;
            answer.body.resize(length, 0);
            self.stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
