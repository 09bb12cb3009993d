//! One connection from its first byte to its close.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::greeting::{self, Greeting, Greetings};
use super::request::{Requests, Secure};
use super::{Limits, RpcHellos};
use crate::Stop;
use crate::tls::Tls;

/// Room for the head of a request, of which a client never needs more than a tenth.
const HEAD_BYTES: usize = 16 * 1024;
/// How long an idle connection stays open after the stop, so that a request that was sent before is read.
const SETTLE: Duration = Duration::from_millis(100);
/// Handshakes at one time, which bounds the memory of those that do not go on; the next ones wait, within their time.
const HANDSHAKES: usize = 2048;
/// How much of what a client is still sending is read and thrown away once its last answer is out.
const LINGER_BYTES: u64 = 1024 * 1024;
/// For how long that is done.
const LINGER: Duration = Duration::from_secs(1);

/// Everything that the connections of one listener have in common.
pub(super) struct Connections {
    http: http1::Builder,
    requests: Requests,
    tls: Tls,
    rpc: Arc<RpcHellos>,
    handshakes: Semaphore,
    head: Duration,
    age_max: Duration,
    drain: Duration,
    pub(super) stop: Stop,
}

impl Connections {
    pub(super) fn new(router: Router, limits: Limits, greetings: Greetings, stop: Stop) -> Connections {
        let mut http = http1::Builder::new();
        // The header timer runs from the end of the request before, so that it ends silent and idle connections too.
        http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES);
        let (head, age_max, drain) = (limits.head, limits.connection_age, limits.drain);
        let Greetings { tls, rpc } = greetings;
        let requests = Requests::new(router, limits, tls.clone());
        Connections { http, requests, tls, rpc, handshakes: Semaphore::new(HANDSHAKES), head, age_max, drain, stop }
    }

    /// Serves the requests of one connection, and returns when it is closed.
    pub(super) async fn serve(&self, mut stream: TcpStream, peer: SocketAddr) {
        let end = Instant::now() + self.age_max;
        let _ = stream.set_nodelay(true);
        match (self.greeting(&stream, end).await, self.tls.config()) {
            (Some(Greeting::Tls), Some(config)) => return self.serve_tls(stream, peer, (config, end)).await,
            (Some(Greeting::Rpc), _) => {
                if matches!(timeout(self.head, greeting::is_rpc_bind(&mut stream)).await, Ok(true)) {
                    self.rpc.note(peer);
                }
            }
            (Some(Greeting::Http | Greeting::Tls), _) => {
                self.converse(&mut stream, (peer, Secure { is_tls: false }), end).await;
            }
            (None, _) => tracing::debug!(%peer, "a connection ended before it began"),
        }
        self.close(stream).await;
    }

    async fn serve_tls(&self, stream: TcpStream, peer: SocketAddr, (config, end): (Arc<ServerConfig>, Instant)) {
        match timeout(self.head, self.handshake(stream, config)).await {
            Ok(Ok(mut stream)) => {
                self.converse(&mut *stream, (peer, Secure { is_tls: true }), end).await;
                let _ = timeout(LINGER, stream.shutdown()).await;
                self.close(stream.into_inner().0).await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
        }
    }

    /// The stream is boxed: with the state of its cipher it is larger than everything else that a connection needs.
    async fn handshake(
        &self,
        stream: TcpStream,
        config: Arc<ServerConfig>,
    ) -> std::io::Result<Box<TlsStream<TcpStream>>> {
        let _place = self.handshakes.acquire().await.expect("the semaphore is never closed");
        TlsAcceptor::from(config).accept(stream).await.map(Box::new)
    }

    /// What the connection begins with, unless its time is over first.
    async fn greeting(&self, stream: &TcpStream, end: Instant) -> Option<Greeting> {
        let mut look = pin!(timeout(self.head, greeting::look(stream)));
        tokio::select! {
            looked = look.as_mut() => looked.ok().flatten(),
            () = sleep_until(end) => None,
            // What was sent before the stop may be on its way through the kernel.
            () = self.stop.asked() => timeout(SETTLE, look).await.ok()?.ok().flatten(),
        }
    }

    async fn converse<S>(&self, stream: &mut S, (peer, secure): (SocketAddr, Secure), end: Instant)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if let Err(error) = self.serve_http(stream, (peer, secure), end).await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }

    async fn serve_http<S>(
        &self,
        stream: &mut S,
        (peer, secure): (SocketAddr, Secure),
        end: Instant,
    ) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (busy, mut is_busy) = watch::channel(false);
        let service = service_fn(async |request: hyper::Request<Incoming>| {
            busy.send_replace(true);
            let response = self.requests.answer(request, peer, secure).await;
            busy.send_replace(false);
            Ok::<_, Infallible>(response)
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = sleep_until(end) => {}
            () = self.stop.asked() => {
                // A request that was sent before the stop may be on its way through the kernel, and hyper closes at once
                // what it takes for idle.
                tokio::select! {
                    ended = connection.as_mut() => return ended,
                    _ = timeout(SETTLE, is_busy.wait_for(|is_busy| *is_busy)) => {}
                }
            }
        }
        connection.as_mut().graceful_shutdown();
        timeout(self.drain, connection).await.unwrap_or_else(|_| {
            tracing::debug!(%peer, "a connection was cut off");
            Ok(())
        })
    }

    /// Closes a connection so that the client can still read its last answer.
    ///
    /// Closing a socket with unread bytes makes the kernel reset the connection and drop the answer: a client that was
    /// refused while it sent a body too large would see a broken pipe instead of the refusal.
    async fn close(&self, mut stream: TcpStream) {
        if stream.shutdown().await.is_err() {
            return;
        }
        let (mut rest, mut nowhere) = (stream.take(LINGER_BYTES), tokio::io::sink());
        tokio::select! {
            _ = timeout(LINGER, tokio::io::copy(&mut rest, &mut nowhere)) => {}
            () = self.stop.asked() => {}
        }
    }
}
