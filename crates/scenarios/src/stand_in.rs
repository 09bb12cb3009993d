//! Somebody who stands between client and host: ends TLS with a certificate of their own, reads, and passes everything on.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use keymuster_service::Env;
use keymuster_service::tls::{own, provider, read_chain, read_key};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Longer requests are nobody's.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Stands in for the host at `host`, with a certificate that is made in `directory`; where it listens.
pub fn start(directory: &Path, host: SocketAddr) -> anyhow::Result<SocketAddr> {
    std::fs::create_dir_all(directory)?;
    own(directory, "somebody else", vec!["127.0.0.1".to_owned()], Env::system().now())?;
    let (chain, key) = (read_chain(&directory.join("tls.pem"))?, read_key(&directory.join("tls.key"))?);
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever leaves in the middle ends one connection, and the next is served.
            let _ = pass_on(stream, Arc::clone(&config), host);
        }
    });
    Ok(address)
}

fn pass_on(stream: TcpStream, config: Arc<ServerConfig>, host: SocketAddr) -> anyhow::Result<()> {
    let mut client = StreamOwned::new(ServerConnection::new(config)?, stream);
    let request = request(&mut client)?;
    let mut behind = TcpStream::connect(host)?;
    // After one answer the host closes, which is how the end of the answer is known.
    let line_end = request.iter().position(|byte| *byte == b'\n').context("no request line")? + 1;
    behind.write_all(&request[..line_end])?;
    behind.write_all(b"Connection: close\r\n")?;
    behind.write_all(&request[line_end..])?;
    let mut answer = Vec::new();
    behind.read_to_end(&mut answer)?;
    client.write_all(&answer)?;
    client.conn.send_close_notify();
    Ok(client.flush()?)
}

/// One whole request, with a body of the length that its head tells.
pub fn request(client: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(Ok(0), |length| length.trim().parse())?;
            let begin = request.windows(4).position(|window| window == b"\r\n\r\n").context("no end of the head")? + 4;
            if request.len() >= begin + length {
                return Ok(request);
            }
        }
        let read = client.read(&mut piece)?;
        anyhow::ensure!(read > 0 && request.len() < REQUEST_BYTES_MAX, "no whole request");
        request.extend_from_slice(&piece[..read]);
    }
}
