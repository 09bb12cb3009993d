//! An invented name server with a wrong clock.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

/// A name server whose clock is an hour behind: it sends back what it was sent, with its own time and error BADTIME.
pub fn late_server() -> SocketAddr {
    /// What stands behind the length of a signature's data: hmac-sha256 as a name, and the fields of RFC 8945, 4.2.
    const TSIG_DATA: usize = 13 + 6 + 2 + 2 + 32 + 2 + 2 + 2;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut bytes).unwrap();
            let data = bytes.len() - TSIG_DATA;
            let mut time = [0; 8];
            time[2..].copy_from_slice(&bytes[data + 13..data + 19]);
            let theirs = (u64::from_be_bytes(time) - 3600).to_be_bytes();
            (bytes[2], bytes[3]) = (bytes[2] | 0x80, 9);
            bytes[data - 1] += 6;
            let end = bytes.len();
            bytes[end - 4..].copy_from_slice(&[0, 18, 0, 6]);
            bytes.extend_from_slice(&theirs[2..]);
            stream.write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes()).unwrap();
            stream.write_all(&bytes).unwrap();
        }
    });
    address
}
