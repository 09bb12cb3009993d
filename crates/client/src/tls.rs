//! TLS to one address: the handshake, whose certificate was shown, and a connection over which a request is posted.
//!
//! A host may show any certificate: its answers are signed, and the signed entitlement says which key it should have shown
//! (`docs/spec/messages.md`, 1.1). An authority has to be vouched for, because it is sent secrets.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls::{StreamOwned, version};
use sha2::{Digest as _, Sha256};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};

/// By this name of an application protocol (ALPN) a host is asked for the certificate that it made itself.
const OWN_CERTIFICATE: &[u8] = b"keymuster-own";
const HTTP: &[u8] = b"http/1.1";

/// Who is to be at the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// A host, recognised by its answer.
    Host,
    /// A host whose own key has this SHA-256 (SubjectPublicKeyInfo).
    Key([u8; 32]),
    /// A server for whose name the system's certificate authorities vouch.
    Vouched,
}

/// What the other end showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// SHA-256 of the key in the certificate (SubjectPublicKeyInfo).
    pub spki: [u8; 32],
    /// Whether the system's certificate authorities vouch for it.
    pub is_vouched: bool,
}

/// Why there is no connection over TLS.
#[derive(Debug)]
pub enum Failure {
    /// No connection at all.
    Connect(io::Error),
    /// What is there does not speak TLS, or not with us.
    Handshake(String),
    /// Nobody vouches for whom it shows.
    Untrusted(String),
}

/// A connection over which nothing was sent yet.
pub struct Ready {
    /// What the other end showed.
    pub shown: Shown,
    connector: Once,
}

impl Ready {
    /// For one request.
    pub fn into_connector(self) -> impl Connector {
        self.connector
    }
}

/// Connects to `address` and shakes hands, each within a time; `name` is the one by which the server is known.
pub fn connect(address: SocketAddr, name: &str, whom: Whom, within: Duration) -> Result<Ready, Failure> {
    let handshake = |why: &dyn fmt::Display| Failure::Handshake(why.to_string());
    let server = ServerName::try_from(name.to_owned()).map_err(|error| handshake(&error))?;
    let notary = Arc::new(Notary { whom, provider: ring::default_provider(), shown: Mutex::new(None) });
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(&[&version::TLS13]).map_err(|error| handshake(&error))?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::<Notary>::clone(&notary));
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = match whom {
        Whom::Host | Whom::Key(_) => vec![OWN_CERTIFICATE.to_vec(), HTTP.to_vec()],
        Whom::Vouched => vec![HTTP.to_vec()],
    };
    config.resumption = rustls::client::Resumption::disabled();
    let mut tls = ClientConnection::new(Arc::new(config), server).map_err(|error| handshake(&error))?;

    let mut stream = TcpStream::connect_timeout(&address, within).map_err(Failure::Connect)?;
    let _ = stream.set_nodelay(true);
    let end = Instant::now() + within;
    while tls.is_handshaking() {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let timed = stream.set_read_timeout(Some(left)).and_then(|()| stream.set_write_timeout(Some(left)));
        timed.map_err(Failure::Connect)?;
        if Instant::now() >= end {
            return Err(handshake(&"no answer in time"));
        }
        tls.complete_io(&mut stream).map_err(|error| failed(&error))?;
    }
    let shown = notary.shown.lock().unwrap_or_else(PoisonError::into_inner).take();
    let shown = shown.ok_or_else(|| handshake(&"no certificate was shown"))?;
    let stream = StreamOwned::new(tls, stream);
    Ok(Ready { shown, connector: Once(Mutex::new(Some(stream))) })
}

fn failed(error: &io::Error) -> Failure {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(_)) => Failure::Untrusted(error.to_string()),
        _ if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Failure::Handshake("no answer in time".into())
        }
        _ => Failure::Handshake(error.to_string()),
    }
}

/// Notes what is shown, and asks the system's certificate authorities about it.
#[derive(Debug)]
struct Notary {
    whom: Whom,
    provider: CryptoProvider,
    shown: Mutex<Option<Shown>>,
}

impl ServerCertVerifier for Notary {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let spki: [u8; 32] = Sha256::digest(ParsedCertificate::try_from(end_entity)?.subject_public_key_info()).into();
        let vouched = match system() {
            Some(system) => system.verify_server_cert(end_entity, intermediates, name, ocsp, now),
            None => Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        let is_vouched = vouched.is_ok();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shown { spki, is_vouched });
        match self.whom {
            Whom::Vouched => vouched,
            Whom::Key(key) if key != spki => {
                Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            Whom::Host | Whom::Key(_) => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The system's certificate authorities, or those in the file that `SSL_CERT_FILE` names; read once, as it takes a while.
fn system() -> Option<&'static WebPkiServerVerifier> {
    static SYSTEM: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities());
        let provider = Arc::new(ring::default_provider());
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()
    };
    SYSTEM.get_or_init(read).as_deref()
}

/// Where distributions keep them, all in one file.
#[cfg(target_os = "linux")]
const FILES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

#[cfg(target_os = "linux")]
fn authorities() -> Vec<CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject as _;

    let named = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
    let mut files = named.map_or_else(|| FILES.map(std::path::PathBuf::from).to_vec(), |named| vec![named]).into_iter();
    let pem = files.find_map(|file| std::fs::read(file).ok()).unwrap_or_default();
    CertificateDer::pem_slice_iter(&pem).flatten().collect()
}

#[cfg(not(target_os = "linux"))]
fn authorities() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Gives away the one connection that stands.
struct Once(Mutex<Option<Stream>>);

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }
}

impl Connector for Once {
    type Out = Secured;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Secured>, ureq::Error> {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stream = stream.ok_or(ureq::Error::ConnectionFailed)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Secured { stream, buffers }))
    }
}

/// A connection as the HTTP client takes it.
struct Secured {
    stream: Stream,
    buffers: LazyBuffers,
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secured")
    }
}

impl Secured {
    fn set_timeout(&self, timeout: NextTimeout) -> io::Result<()> {
        let left = timeout.not_zero().map(|left| *left);
        self.stream.sock.set_read_timeout(left)?;
        self.stream.sock.set_write_timeout(left)
    }
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.set_timeout(timeout)?;
        self.stream.write_all(&self.buffers.output()[..amount]).map_err(|error| in_time(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.set_timeout(timeout)?;
        let read = self.stream.read(self.buffers.input_append_buf()).map_err(|error| in_time(error, timeout))?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        // It carries one request.
        false
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Sockets say differently that their time is over.
fn in_time(error: io::Error, timeout: NextTimeout) -> ureq::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ureq::Error::Timeout(timeout.reason),
        _ => ureq::Error::Io(error),
    }
}
