//! TLS on a listener: which certificate it shows, and what it still serves in plain HTTP; changed while it serves.
//!
//! A server has a certificate of its own, which it makes itself, and may have one of its administrator. Clients that know
//! the key of the first from a signed document ask for it by a protocol name; everybody else gets the administrator's
//! (`docs/spec/messages.md`, 1.1).

mod certificate;
mod facts;
mod files;
mod own;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

pub use certificate::{Certificate, Unusable, read_chain, read_key};
pub use facts::Facts;
pub use files::{Files, INTERVAL};
pub use own::own;

/// By this name of an application protocol (ALPN) a client asks for the server's own certificate.
pub const OWN_CERTIFICATE: &[u8] = b"keymuster-own";
/// The protocol that is really spoken.
const HTTP: &[u8] = b"http/1.1";

/// How a listener speaks TLS; clones share it, and so does every connection from the moment of a change on.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    state: Arc<RwLock<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    config: Option<Arc<ServerConfig>>,
    plain: Plain,
}

/// Who is served over plain HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Plain {
    /// Everybody.
    #[default]
    Served,
    /// Those who ask whether the server works, and nobody else.
    HealthOnly,
    /// Programs of this machine, and from others those who ask whether the server works.
    FromThisMachine,
}

/// Which versions are spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Versions {
    /// TLS 1.3.
    #[default]
    Newest,
    /// TLS 1.3 and 1.2, the latter with forward secrecy and authenticated encryption only.
    From12,
}

impl Tls {
    /// Speaks TLS with these certificates from now on.
    pub fn offer(&self, certificates: Certificates, versions: Versions, plain: Plain) {
        self.replace(State { config: Some(Arc::new(config(certificates, versions))), plain });
    }

    /// Speaks no TLS from now on.
    pub fn turn_off(&self) {
        self.replace(State::default());
    }

    /// What a handshake goes by; `None` where no TLS is spoken.
    pub(crate) fn config(&self) -> Option<Arc<ServerConfig>> {
        self.read().config
    }

    /// Whether a request from `peer` to `path` is served over plain HTTP.
    pub(crate) fn serves_plain(&self, peer: SocketAddr, path: &str) -> bool {
        let is_health = ["/livez", "/readyz"].contains(&path);
        match self.read().plain {
            Plain::Served => true,
            Plain::HealthOnly => is_health,
            Plain::FromThisMachine => is_health || peer.ip().to_canonical().is_loopback(),
        }
    }

    fn read(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// What a listener shows.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The server's own.
    pub own: Certificate,
    /// The administrator's.
    pub administrators: Option<Certificate>,
}

impl Certificates {
    /// The one that who does not ask for the server's own gets.
    pub fn shown(&self) -> &Certificate {
        self.administrators.as_ref().unwrap_or(&self.own)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asks_for_own = hello.alpn().is_some_and(|mut names| names.any(|name| name == OWN_CERTIFICATE));
        let certificate = if asks_for_own { &self.own } else { self.shown() };
        Some(Arc::clone(&certificate.key))
    }
}

/// The one provider of cryptography: it builds without further tools.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn config(certificates: Certificates, versions: Versions) -> ServerConfig {
    let versions: &[_] = match versions {
        Versions::Newest => &[&TLS13],
        Versions::From12 => &[&TLS13, &TLS12],
    };
    let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions);
    let config = config.expect("the provider speaks both versions").with_no_client_auth();
    let mut config = config.with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![HTTP.to_vec()];
    // Clients come back after days; what a session keeps would be memory for nothing.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_served_to_whom_the_policy_says() {
        let tls = Tls::default();
        let (near, mapped): (SocketAddr, SocketAddr) =
            ("127.0.0.2:9".parse().unwrap(), "[::ffff:127.0.0.1]:9".parse().unwrap());
        let far: SocketAddr = "192.0.2.1:9".parse().unwrap();
        for (plain, from_near, from_far) in
            [(Plain::Served, true, true), (Plain::HealthOnly, false, false), (Plain::FromThisMachine, true, false)]
        {
            tls.replace(State { config: None, plain });
            for (peer, expected) in [(near, from_near), (mapped, from_near), (far, from_far)] {
                assert_eq!(tls.serves_plain(peer, "/v1/activate"), expected, "{plain:?} {peer}");
                assert!(tls.serves_plain(peer, "/livez"), "{plain:?} {peer}");
            }
        }
    }
}
