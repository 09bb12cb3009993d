//! A socket that the service manager opened and handed over, by the protocol of `sd_listen_fds`.
//!
//! The manager keeps it open while the service restarts, so that clients wait for a moment instead of being turned away.

use std::io;

use listenfd::ListenFd;
use tokio::net::TcpListener;

/// The first socket that was handed over to this process; must be called once, and inside a tokio runtime.
///
/// A second one, or one that does not listen for TCP, is the unit's mistake and ends the program.
pub fn listener() -> io::Result<Option<TcpListener>> {
    let mut handed = ListenFd::from_env();
    if handed.len() > 1 {
        let many = format!("the service manager handed over {} sockets, and one is used", handed.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, many));
    }
    let Some(listener) = handed.take_tcp_listener(0)? else { return Ok(None) };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Some)
}
