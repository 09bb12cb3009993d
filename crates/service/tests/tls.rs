//! TLS and plain HTTP on one port, against real handshakes, half ones, and those that begin otherwise.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use keymuster_core::time::Timestamp;
use keymuster_service::edge::{Greetings, Limits};
use keymuster_service::tls::{Certificate, Certificates, OWN_CERTIFICATE, Plain, Versions, own};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme, StreamOwned,
};
use support::{GET, PATIENCE, SHORT, Server, patient};

/// Takes any certificate, and keeps it.
#[derive(Debug)]
struct Taker {
    provider: CryptoProvider,
    seen: Mutex<Option<Vec<u8>>>,
}

impl ServerCertVerifier for Taker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.seen.lock().unwrap() = Some(end_entity.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

struct Secured {
    stream: StreamOwned<ClientConnection, TcpStream>,
    /// SHA-256 of the certificate that was shown.
    fingerprint: [u8; 32],
    version: ProtocolVersion,
}

/// A handshake with the newest of `versions` that the server takes, as one who knows `alpn`.
fn connect(
    server: &Server,
    versions: &[&'static rustls::SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> std::io::Result<Secured> {
    use sha2::{Digest as _, Sha256};

    let taker = Arc::new(Taker { provider: ring::default_provider(), seen: Mutex::new(None) });
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(versions).unwrap().dangerous();
    let mut config = config.with_custom_certificate_verifier(Arc::<Taker>::clone(&taker)).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from("host.example").unwrap();
    let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut stream)?;
    }
    let version = tls.protocol_version().unwrap();
    let fingerprint = Sha256::digest(taker.seen.lock().unwrap().as_ref().unwrap()).into();
    Ok(Secured { stream: StreamOwned::new(tls, stream), fingerprint, version })
}

fn connect_13(server: &Server) -> Secured {
    connect(server, &[&rustls::version::TLS13], &[]).unwrap()
}

/// The whole answer to a GET, after which the server closes.
fn get(stream: &mut (impl std::io::Read + std::io::Write), path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap_or_else(|error| panic!("{error} after {all}"));
    all
}

fn certificate(directory: &Path, name: &str) -> Certificate {
    let data_dir = directory.join(name);
    std::fs::create_dir(&data_dir).unwrap();
    own(&data_dir, name, vec!["host.example".to_owned()], Timestamp::from_secs(1_795_398_900)).unwrap()
}

/// A server that offers TLS with its own certificate, and what changes that.
fn offering(limits: Limits) -> (Server, Greetings, Certificates) {
    let directory = tempfile::tempdir().unwrap();
    let certificates = Certificates { own: certificate(directory.path(), "own"), administrators: None };
    let greetings = Greetings::default();
    greetings.tls.offer(certificates.clone(), Versions::Newest, Plain::Served);
    (Server::start_greeted(limits, greetings.clone()), greetings, certificates)
}

#[test]
fn tls_and_plain_http_share_a_port() {
    let (server, _, certificates) = offering(patient());
    for _ in 0..2 {
        let mut secured = connect_13(&server);
        assert_eq!(secured.fingerprint, certificates.own.facts.fingerprint);
        let answer = get(&mut secured.stream, "/tls");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("true"), "{answer}");
        assert!(get(&mut server.client().stream, "/tls").ends_with("false"));
    }
    // Several requests on one connection.
    let mut secured = connect_13(&server);
    for _ in 0..3 {
        secured.stream.write_all(GET).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            let mut byte = [0];
            secured.stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    }
}

#[test]
fn the_older_version_is_spoken_where_it_was_switched_on() {
    let (server, greetings, certificates) = offering(patient());
    let both: [&'static rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
    let old = &both[1..];
    assert!(connect(&server, old, &[]).is_err(), "it was not switched on");
    greetings.tls.offer(certificates, Versions::From12, Plain::Served);
    assert_eq!(connect(&server, old, &[]).unwrap().version, ProtocolVersion::TLSv1_2);
    assert_eq!(connect(&server, &both, &[]).unwrap().version, ProtocolVersion::TLSv1_3);
}

#[test]
fn certificates_are_changed_under_open_connections() {
    let (server, greetings, mut certificates) = offering(patient());
    let directory = tempfile::tempdir().unwrap();
    let mut before = connect_13(&server);
    let (first, second) = (certificate(directory.path(), "first"), certificate(directory.path(), "second"));
    for administrators in [first, second] {
        certificates.administrators = Some(administrators.clone());
        greetings.tls.offer(certificates.clone(), Versions::Newest, Plain::Served);
        assert_eq!(connect_13(&server).fingerprint, administrators.facts.fingerprint);
        let asked = connect(&server, &[&rustls::version::TLS13], &[OWN_CERTIFICATE, b"http/1.1"]).unwrap();
        assert_eq!(asked.fingerprint, certificates.own.facts.fingerprint, "who asks for the server's own gets it");
        assert_eq!(asked.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    assert!(get(&mut before.stream, "/tls").ends_with("true"), "the connection was kept");
    assert_eq!(before.fingerprint, certificates.own.facts.fingerprint);
}

#[test]
fn plain_http_gets_a_problem_where_it_is_not_wanted() {
    let (server, greetings, certificates) = offering(patient());
    greetings.tls.offer(certificates.clone(), Versions::Newest, Plain::HealthOnly);
    for (path, status, words) in
        [("/hello", 403, "tls-required"), ("/nothing", 403, "tls-required"), ("/livez", 200, "ok")]
    {
        let answer = get(&mut server.client().stream, path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(words), "{path}: {answer}");
    }
    assert!(get(&mut connect_13(&server).stream, "/hello").ends_with("hello"));
    greetings.tls.offer(certificates, Versions::Newest, Plain::FromThisMachine);
    assert!(get(&mut server.client().stream, "/hello").ends_with("hello"));
}

#[test]
fn tls_that_is_off_or_broken_is_turned_away() {
    let (server, greetings, certificates) = offering(Limits { head: SHORT, ..patient() });
    let rubbish: &[(&str, &[u8])] = &[
        ("half a client hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("one byte", b"\x16"),
        ("an endless record", b"\x16\x03\x01\xff\xff"),
        ("HTTP behind the first byte", b"\x16GET /hello HTTP/1.1\r\n\r\n"),
    ];
    for is_on in [true, false] {
        for (what, bytes) in rubbish {
            let mut client = server.client();
            client.send(bytes);
            let answer = client.read_until_closed();
            let is_refused = answer.len() < 20 || answer.starts_with(b"HTTP/1.1 4");
            assert!(is_refused, "{what}: {:?}", String::from_utf8_lossy(&answer));
        }
        assert!(server.answers());
        assert_eq!(connect(&server, &[&rustls::version::TLS13], &[]).is_ok(), is_on);
        greetings.tls.turn_off();
    }
    greetings.tls.offer(certificates, Versions::Newest, Plain::Served);
    let mut idle = connect_13(&server);
    let begin = Instant::now();
    let mut nothing = Vec::new();
    let _ = idle.stream.read_to_end(&mut nothing);
    assert!(nothing.is_empty() && begin.elapsed() < PATIENCE, "an idle connection over TLS is closed as well");
}

#[test]
fn a_stop_lets_an_answer_over_tls_end() {
    let (server, ..) = offering(patient());
    let mut secured = connect_13(&server);
    secured.stream.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let go = server.waiting.recv_timeout(PATIENCE).unwrap();
    server.stop.now();
    go.send(()).unwrap();
    let mut all = String::new();
    secured.stream.read_to_string(&mut all).unwrap();
    assert!(all.ends_with("waited"), "{all}");
    server.join();
}

#[test]
fn windows_machines_are_counted_and_closed() {
    let (server, greetings, _) = offering(patient());
    let bind: &[u8] = b"\x05\x00\x0b\x03\x10\x00\x00\x00\x48\x00\x00\x00\x01\x00\x00\x00\xb8\x10\xb8\x10";
    for (bytes, count) in [
        (bind, 1),
        (bind, 2),
        (b"\x05\x01\x00", 2), // SOCKS
        (b"\x05\x00", 2),
        (b"GET / HTTP/1.1\r\n\r\n", 2),
        (bind, 3),
    ] {
        let answer = server.send_and_read_all(bytes);
        assert!(answer.is_empty() || bytes.starts_with(b"GET"), "{answer:?}");
        assert_eq!(greetings.rpc.count(), count, "{bytes:?}");
    }
    assert!(server.answers());
}
