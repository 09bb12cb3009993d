//! One connection from its first byte to its close.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Limits;
use super::request::Requests;
use crate::Stop;

/// Room for the head of a request, of which a client never needs more than a tenth.
const HEAD_BYTES: usize = 16 * 1024;
/// How long an idle connection stays open after the stop, so that a request that was sent before is read.
const SETTLE: Duration = Duration::from_millis(100);
/// How much of what a client is still sending is read and thrown away once its last answer is out.
const LINGER_BYTES: u64 = 1024 * 1024;
/// For how long that is done.
const LINGER: Duration = Duration::from_secs(1);

/// Everything that the connections of one listener have in common.
pub(super) struct Connections {
    http: http1::Builder,
    requests: Requests,
    age_max: Duration,
    drain: Duration,
    pub(super) stop: Stop,
}

impl Connections {
    pub(super) fn new(router: Router, limits: Limits, stop: Stop) -> Connections {
        let mut http = http1::Builder::new();
        // The header timer runs from the end of the request before, so that it ends silent and idle connections too.
        http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES);
        let (age_max, drain) = (limits.connection_age, limits.drain);
        Connections { http, requests: Requests::new(router, limits), age_max, drain, stop }
    }

    /// Serves the requests of one connection, and returns when it is closed.
    pub(super) async fn serve(&self, mut stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = self.converse(&mut stream, peer).await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
        self.close(stream).await;
    }

    async fn converse(&self, stream: &mut TcpStream, peer: SocketAddr) -> hyper::Result<()> {
        let _ = stream.set_nodelay(true);
        let (busy, mut is_busy) = watch::channel(false);
        let service = service_fn(async |request: hyper::Request<Incoming>| {
            busy.send_replace(true);
            let response = self.requests.answer(request, peer).await;
            busy.send_replace(false);
            Ok::<_, Infallible>(response)
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = sleep(self.age_max) => {}
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
