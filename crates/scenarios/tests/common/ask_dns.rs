//! A question to a name server and its answer, as any program in the network would see it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// The SRV records of a name, as `PRIORITY WEIGHT PORT TARGET`, then the addresses of another name; each in order.
pub fn records(server: SocketAddr, service: &str, host: &str) -> Vec<String> {
    [(service, SRV), (host, A), (host, AAAA)].into_iter().flat_map(|(name, kind)| ask(server, name, kind)).collect()
}

fn ask(server: SocketAddr, name: &str, kind: u16) -> Vec<String> {
    let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).unwrap());
        query.extend(label.as_bytes());
    }
    query.push(0);
    query.extend([kind.to_be_bytes(), 1_u16.to_be_bytes()].concat());
    let question_end = query.len();
    let mut stream = TcpStream::connect(server).unwrap();
    stream.write_all(&[&u16::try_from(query.len()).unwrap().to_be_bytes()[..], &query].concat()).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).unwrap();
    let number = |at: usize| u16::from_be_bytes([reply[at], reply[at + 1]]);
    let mut at = question_end;
    let mut found = Vec::new();
    for _ in 0..number(6) {
        at = name_at(&reply, at).1;
        let (found_kind, length) = (number(at), usize::from(number(at + 8)));
        at += 10;
        let data = &reply[at..at + length];
        found.extend((found_kind == kind).then(|| match kind {
            A => Ipv4Addr::from(<[u8; 4]>::try_from(data).unwrap()).to_string(),
            AAAA => Ipv6Addr::from(<[u8; 16]>::try_from(data).unwrap()).to_string(),
            _ => format!("{} {} {} {}", number(at), number(at + 2), number(at + 4), name_at(&reply, at + 6).0),
        }));
        at += length;
    }
    found.sort();
    found
}

/// The name that stands somewhere in a message, and where it ends there.
fn name_at(reply: &[u8], mut at: usize) -> (String, usize) {
    let (mut labels, mut end) = (Vec::new(), None);
    loop {
        match usize::from(reply[at]) {
            0 => return (labels.join("."), end.unwrap_or(at + 1)),
            length if length < 64 => {
                labels.push(String::from_utf8(reply[at + 1..=at + length].to_vec()).unwrap());
                at += length + 1;
            }
            high => {
                end.get_or_insert(at + 2);
                at = (high & 63) << 8 | usize::from(reply[at + 1]);
            }
        }
    }
}
