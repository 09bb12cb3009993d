//! A server with the edge in front, on a port of its own, and a client that sends bytes as they are.
//!
//! Clients never wait without end: whatever they wait for fails the test after `PATIENCE`.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use axum::{Extension, Router};
use keymuster_service::edge::{self, Greetings, Limits, Secure};
use keymuster_service::{Stop, problem};
use tokio::sync::oneshot;

/// Longer than anything may take that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// A limit that a test wants to see bite.
pub const SHORT: Duration = Duration::from_millis(150);
/// A limit that must not bite in a test.
pub const LONG: Duration = Duration::from_secs(600);

/// Limits whose times never bite; a test shortens the one it is about.
pub fn patient() -> Limits {
    Limits { head: LONG, body: LONG, total: LONG, connection_age: LONG, drain: LONG, ..Limits::default() }
}

pub struct Server {
    pub addr: SocketAddr,
    pub stop: Stop,
    /// Each request to `/wait` sends the means to answer it.
    pub waiting: Receiver<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(limits: Limits) -> Server {
        Server::start_greeted(limits, Greetings::default())
    }

    pub fn start_greeted(limits: Limits, greetings: Greetings) -> Server {
        let (server, go) = Server::bind_greeted(limits, greetings);
        go.send(()).unwrap();
        server
    }

    /// A server that accepts its first connection when it is told to.
    pub fn bind(limits: Limits) -> (Server, Sender<()>) {
        Server::bind_greeted(limits, Greetings::default())
    }

    fn bind_greeted(limits: Limits, greetings: Greetings) -> (Server, Sender<()>) {
        let stop = Stop::new();
        let (router, waiting) = router();
        let (addr_known, addr) = mpsc::channel();
        let (go, told) = mpsc::channel();
        let stop_of_thread = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = edge::bind("127.0.0.1:0".parse().unwrap(), "--listen").await.unwrap();
                addr_known.send(listener.local_addr().unwrap()).unwrap();
                told.recv_timeout(PATIENCE).unwrap();
                edge::serve_greeted(listener, router, limits, greetings, stop_of_thread).await;
            });
        });
        let addr = addr.recv_timeout(PATIENCE).unwrap();
        (Server { addr, stop, waiting, thread: Some(thread) }, go)
    }

    pub fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// Sends `bytes` on a connection of their own, and nothing afterwards.
    pub fn send_and_read_all(&self, bytes: &[u8]) -> Vec<u8> {
        let mut client = self.client();
        client.send(bytes);
        client.finish_sending();
        client.read_until_closed()
    }

    pub fn answers(&self) -> bool {
        let mut client = self.client();
        client.send(GET);
        client.answer().status == 200
    }

    /// Returns when `serve` has returned.
    pub fn join(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.now();
    }
}

pub const GET: &[u8] = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

fn router() -> (Router, Receiver<oneshot::Sender<()>>) {
    let (entered, waiting) = mpsc::channel();
    let entered = std::sync::Arc::new(Mutex::new(entered));
    let wait = async move || {
        let (go, gone) = oneshot::channel();
        entered.lock().unwrap().send(go).unwrap();
        let _ = gone.await;
        "waited"
    };
    let router = Router::new()
        .route("/hello", get(async || "hello"))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
        .route("/tls", get(async |Extension(secure): Extension<Secure>| secure.is_tls.to_string()))
        .route("/livez", get(async || "ok"))
        .route("/panic", get(async || -> &'static str { panic!("this handler panics, on purpose") }))
        .route("/large", get(async || Body::from(vec![0; LARGE])))
        .route("/wait", get(wait));
    (problem::with_fallbacks(router), waiting)
}

/// More than the sockets' buffers hold.
pub const LARGE: usize = 64 * 1024 * 1024;

pub struct Client {
    pub stream: TcpStream,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Checks the form of problem details, and returns the code.
    pub fn problem_code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(json["status"], self.status);
        assert!(!json["title"].as_str().unwrap().is_empty() && !json["detail"].as_str().unwrap().is_empty());
        let code = json["code"].as_str().unwrap();
        assert_eq!(json["type"], format!("urn:keymuster:code:{code}"));
        code.to_owned()
    }
}

impl Client {
    pub fn connect(addr: SocketAddr) -> Client {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream }
    }

    /// The server may have closed already, which the next read shows.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub fn finish_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads one answer, with a `Content-Length` or without a body.
    pub fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {head:?}"));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        self.stream.read_exact(&mut answer.body).unwrap();
        answer
    }

    /// Everything until the server closes, which it may also do by a reset.
    pub fn read_until_closed(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        match self.stream.read_to_end(&mut all) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error}: the server did not close"),
        }
        all
    }

    /// Sends `piece` again and again, waiting a little for an answer each time, until there is one or the end.
    pub fn drip(&mut self, piece: &[u8]) -> Vec<u8> {
        self.stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            self.send(piece);
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(n) => return bytes[..n].to_vec(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Vec::new(),
            }
        }
        panic!("the server takes drops for ever");
    }
}
