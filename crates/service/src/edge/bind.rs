//! Opening a listening socket, with an error that says what to do.

use std::io;
use std::net::SocketAddr;

use keymuster_core::codes::{self, Code};
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel completes and keeps until they are accepted; it cuts this to `net.core.somaxconn`.
pub(super) const BACKLOG: u32 = 4096;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {source}; {advice}")]
pub struct BindFailure {
    addr: SocketAddr,
    advice: String,
    source: io::Error,
}

impl BindFailure {
    /// The stable code by which it is explained, where there is one.
    pub fn code(&self) -> Option<&'static Code> {
        (self.source.kind() == io::ErrorKind::AddrInUse).then_some(&codes::ADDRESS_IN_USE)
    }
}

/// Listens on `addr`; `option` names the setting that an administrator changes to have another address.
pub async fn bind(addr: SocketAddr, option: &str) -> Result<TcpListener, BindFailure> {
    listen(addr).map_err(|source| BindFailure { addr, advice: advice(&source, addr, option), source })
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the process before are still in TIME_WAIT after a restart, and must not keep the port.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

fn advice(error: &io::Error, addr: SocketAddr, option: &str) -> String {
    let port = addr.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program has port {port} (`ss --listening --tcp --processes` shows which): \
             stop it, or choose another port with {option}"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "port {port} needs a privilege: choose a port from 1024 upwards with {option}, \
             or give the service CAP_NET_BIND_SERVICE"
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "this machine does not have the address {}: choose one of its own, or 0.0.0.0 for all, with {option}",
            addr.ip()
        ),
        _ => format!("choose another address with {option}"),
    }
}
