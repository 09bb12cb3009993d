//! Hosts and authorities as the tests need them: on a port of their own, signing real documents, misbehaving on demand.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use keymuster_client::{Env, HostAddress};
use keymuster_core::activation::Activation;
use keymuster_core::bundle::Bundle;
use keymuster_core::document::{Document, Signed};
use keymuster_core::entitlement::Entitlement;
use keymuster_core::fingerprint::digest;
use keymuster_core::id::{HostId, Label};
use keymuster_core::key::KeyKind;
use keymuster_core::lease::{Lease, LeaseKind, Position, Seat};
use keymuster_core::report::Report;
use keymuster_core::request::ClientRequest;
use keymuster_core::signature::SecretKey;
use keymuster_core::time::{DAY, HOUR, Timestamp};
use keymuster_core::time_reset::TimeReset;

use super::Publisher;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Heard {
    pub path: String,
    pub bytes: Vec<u8>,
    pub request: ClientRequest,
}

/// What a host does with a request.
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Reaction {
    /// 200 with a bundle.
    Bundle(Bundle),
    /// 204.
    Done,
    /// Problem details: status, headers besides the type, body.
    Problem(u16, &'static str, String),
    /// These bytes, and nothing of HTTP around them.
    Raw(Vec<u8>),
    /// The connection ends.
    Close,
}

impl Reaction {
    pub fn refusal(status: u16, code: &str, members: &str) -> Reaction {
        let body = format!(
            r#"{{"type":"urn:keymuster:code:{code}","title":"t","status":{status},"detail":"d","code":"{code}"{members}}}"#
        );
        Reaction::Problem(status, "", body)
    }
}

/// A listening host; it ends when it is dropped.
pub struct Host {
    pub address: HostAddress,
    heard: Receiver<Heard>,
    socket: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    pub fn start(react: impl FnMut(&Heard) -> Reaction + Send + 'static) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, heard) = channel();
        let thread = thread::spawn({
            let stop = stop.clone();
            move || serve(&listener, &stop, &sender, react)
        });
        let address = HostAddress { host: "127.0.0.1".into(), port: socket.port(), tls_only: false };
        Host { address, heard, socket, stop, thread: Some(thread) }
    }

    /// A host that grants to everybody, by the clock of `env`.
    pub fn granting(granter: Granter) -> Host {
        Host::start(move |heard| granter.react(&heard.request))
    }

    /// The next request; it may still have to arrive.
    pub fn next(&self) -> Heard {
        self.heard.recv_timeout(Duration::from_secs(20)).expect("a request arrives")
    }

    /// The requests that have arrived.
    pub fn all(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.socket);
        let result = self.thread.take().unwrap().join();
        assert!(result.is_ok() || thread::panicking(), "the host panicked");
    }
}

fn serve(listener: &TcpListener, stop: &AtomicBool, heard: &Sender<Heard>, mut react: impl FnMut(&Heard) -> Reaction) {
    for stream in listener.incoming() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let mut stream = stream.unwrap();
        let Some(request) = read(&stream) else { continue };
        let _ = heard.send(request.clone());
        let reply = match react(&request) {
            Reaction::Bundle(bundle) => http(200, "Content-Type: application/cbor\r\n", &bundle.to_bytes()),
            Reaction::Done => http(204, "", b""),
            Reaction::Problem(status, headers, body) => {
                http(status, &format!("Content-Type: application/problem+json\r\n{headers}"), body.as_bytes())
            }
            Reaction::Raw(bytes) => bytes,
            Reaction::Close => continue,
        };
        let _ = stream.write_all(&reply);
    }
}

fn http(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn read(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" if lines.is_empty() => return None,
            "" => break,
            line => lines.push(line.to_ascii_lowercase()),
        }
    }
    let header = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert_eq!(header("content-type:"), Some("application/cose"));
    assert!(header("host:").is_some_and(|host| host.contains(':')), "{lines:?}");
    let mut bytes = vec![0; header("content-length:").unwrap().parse().unwrap()];
    reader.read_exact(&mut bytes).unwrap();
    let path = lines[0].strip_prefix("post ").unwrap().split(' ').next().unwrap().to_owned();
    let request = ClientRequest::verify(&bytes).unwrap();
    Some(Heard { path, bytes, request: (*request).clone() })
}

/// Signs what a host or an authority would sign.
#[derive(Clone)]
pub struct Granter {
    pub publisher: Publisher,
    pub host: HostId,
    pub key: SecretKey,
    pub customer: &'static str,
    pub env: Env,
    pub count: u64,
    /// How long leases last, and from when they are renewed, in seconds.
    pub lease_secs: u64,
    pub renew_secs: u64,
    /// What the customer has chosen for its clients.
    pub retry_secs: Option<u64>,
    pub help_url: Option<Label>,
}

impl Granter {
    pub fn new(publisher: &Publisher, env: &Env) -> Granter {
        Granter {
            publisher: publisher.clone(),
            host: HostId::from_bytes([3; 16]),
            key: SecretKey::from_seed(&[3; 32]),
            customer: "acme",
            env: env.clone(),
            count: 25,
            lease_secs: 180 * DAY,
            renew_secs: publisher.renew.default_secs,
            retry_secs: None,
            help_url: None,
        }
    }

    pub fn react(&self, request: &ClientRequest) -> Reaction {
        match request.act {
            keymuster_core::request::Act::Release => Reaction::Done,
            keymuster_core::request::Act::Mak => Reaction::Bundle(self.activation_bundle(&self.activation(request))),
            keymuster_core::request::Act::Check => Reaction::Bundle(self.report_bundle(&self.report(request))),
            keymuster_core::request::Act::ResetTime => Reaction::Bundle(self.time_bundle(&self.time_reset(request))),
            _ => Reaction::Bundle(self.bundle(self.lease(request), &self.entitlement())),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.env.reading().wall
    }

    pub fn entitlement(&self) -> Entitlement {
        self.publisher.entitlement(self.host, &self.key, self.customer)
    }

    /// What this host grants: a lease at a place of the ledger that rises with the request's counter.
    pub fn lease(&self, request: &ClientRequest) -> Lease {
        let is_seat = request.edition == 2;
        let (lease_secs, renew_secs) = if is_seat { (HOUR, HOUR / 2) } else { (self.lease_secs, self.renew_secs) };
        let now = self.now();
        Lease {
            kind: if is_seat { LeaseKind::Seat } else { LeaseKind::Volume },
            publisher: request.publisher.clone(),
            entitlement: self.entitlement().id,
            client: request.client,
            client_key: request.client_key,
            edition: request.edition,
            request: request.request,
            position: Position { host: self.host, epoch: 1, sequence: 100 + request.counter, head: [9; 16] },
            issued: now,
            renew_after: now.plus(renew_secs),
            expires: now.plus(lease_secs),
            count: self.count,
            threshold: if is_seat { 1 } else { self.publisher.threshold },
            previous: request.previous,
            seat: is_seat.then(|| Seat { pool: "cad".parse().unwrap(), fence: 7 }),
            features: Some(vec!["export".parse().unwrap(), "plot".parse().unwrap()]),
            ratchet: Some([8; 16]),
            fingerprint: request.fingerprint.as_ref().map(digest),
            retry_secs: self.retry_secs,
            help_url: self.help_url.clone(),
            transport: None,
            extensions: None,
        }
    }

    pub fn bundle(&self, lease: Lease, entitlement: &Entitlement) -> Bundle {
        Bundle {
            lease: Some(self.signed(lease, &self.key)),
            entitlement: Some(self.signed(entitlement.clone(), &self.publisher.issuer)),
            issuers: self.issuers(),
            ..Bundle::default()
        }
    }

    /// What this host says that it would do.
    pub fn report(&self, request: &ClientRequest) -> Report {
        Report {
            publisher: request.publisher.clone(),
            entitlement: self.entitlement().id,
            request: request.request,
            edition: request.edition,
            time: self.now(),
            position: Position { host: self.host, epoch: 1, sequence: 1000, head: [9; 16] },
            count: self.count,
            threshold: self.publisher.threshold,
            refusal: None,
            extensions: None,
        }
    }

    pub fn report_bundle(&self, report: &Report) -> Bundle {
        Bundle {
            report: Some(self.signed(report.clone(), &self.key)),
            entitlement: Some(self.signed(self.entitlement(), &self.publisher.issuer)),
            issuers: self.issuers(),
            ..Bundle::default()
        }
    }

    pub fn activation(&self, request: &ClientRequest) -> Activation {
        Activation {
            publisher: request.publisher.clone(),
            client: request.client,
            client_key: request.client_key,
            edition: request.edition,
            request: request.request,
            key: self.publisher.key(KeyKind::Mak, request.edition).id(),
            issued: self.now(),
            expires: None,
            features: None,
            extensions: None,
        }
    }

    pub fn activation_bundle(&self, activation: &Activation) -> Bundle {
        let activation = Some(self.signed(activation.clone(), &self.publisher.issuer));
        Bundle { activation, issuers: self.issuers(), ..Bundle::default() }
    }

    /// What the authority takes the time to be.
    pub fn time_reset(&self, request: &ClientRequest) -> TimeReset {
        TimeReset {
            publisher: request.publisher.clone(),
            client: request.client,
            client_key: request.client_key,
            edition: request.edition,
            request: request.request,
            issued: self.now(),
            extensions: None,
        }
    }

    pub fn time_bundle(&self, reset: &TimeReset) -> Bundle {
        let time_reset = Some(self.signed(reset.clone(), &self.publisher.issuer));
        Bundle { time_reset, issuers: self.issuers(), ..Bundle::default() }
    }

    pub fn issuers(&self) -> Option<Vec<minicbor::bytes::ByteVec>> {
        Some(vec![self.publisher.issuer_certificate().bytes().to_vec().into()])
    }

    pub fn signed<D: Document>(&self, body: D, key: &SecretKey) -> minicbor::bytes::ByteVec {
        Signed::sign(body, key).unwrap().bytes().to_vec().into()
    }
}
