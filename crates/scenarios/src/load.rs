//! Load on a host: machines with keys of their own, and connections that carry their requests as fast as they are answered.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use keymuster_core::document::Signed;
use keymuster_core::id::{ClientId, RequestId, Slug};
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::SecretKey;
use keymuster_core::time::Timestamp;
use keymuster_service::Env;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A machine that asks for leases.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its id.
    pub id: ClientId,
    key: SecretKey,
    counter: u64,
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
        Machine { id: ClientId::from_bytes(id), key: SecretKey::from_seed(&seed), counter: 0 }
    }

    /// A machine that was never seen before.
    pub fn new(env: &Env) -> Machine {
        Machine { id: ClientId::from_bytes(env.random()), key: SecretKey::from_seed(&env.random()), counter: 0 }
    }

    /// The machine's public key.
    pub fn public_key(&self) -> [u8; 32] {
        *self.key.public().as_bytes()
    }

    /// A signed request with a fresh id and the next counter.
    pub fn request(&mut self, act: Act, publisher: &Slug, edition: u16, env: &Env) -> Vec<u8> {
        self.counter += 1;
        let now = env.now();
        let body = ClientRequest {
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
            name: Some("machine.example.test".parse().expect("a label")),
            system: Some("Linux 6.1".parse().expect("a label")),
            boot: Some([5; 8]),
            fingerprint: None,
            replaces: None,
            extensions: None,
        };
        Signed::sign(body, &self.key).expect("a sound request").bytes().to_vec()
    }

    /// When the machine last asked, for a prepared ledger: spread over a day.
    pub fn asked_before(number: u64, now: Timestamp) -> Timestamp {
        now.minus(number % 86_400 + 1)
    }
}

/// A connection that is kept alive.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// An answer: the status and the body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(Connection { stream: BufReader::new(stream), address })
    }

    /// Sends one request and reads its answer.
    pub fn post(&mut self, path: &str, body: &[u8]) -> io::Result<Answer> {
        let mut message = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/cose\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        message.extend_from_slice(body);
        self.stream.get_mut().write_all(&message)?;
        self.read_answer()
    }

    fn read_answer(&mut self) -> io::Result<Answer> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let status =
            line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| invalid("no status"))?;
        let mut length = 0;
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end().split_once(':') {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().map_err(|_| invalid("no length"))?;
                }
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }
}
