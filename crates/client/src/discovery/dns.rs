//! As much of a DNS resolver as finding a host needs: one question at a time, over UDP and, where the answer is too long
//! for that, TCP (RFC 1035).
//!
//! An answer counts only if it comes from the server that was asked and repeats the random id and the question. It finds a
//! host and vouches for nothing: the host's documents do that.

use std::cell::RefCell;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, RCODE, TYPE};

use super::order::Target;
use crate::env::Env;
use crate::settings::SERVERS_MAX;

/// Name servers and how to ask them.
pub(crate) struct Resolver<'a> {
    pub servers: &'a [SocketAddr],
    /// For one try at one server.
    pub timeout: Duration,
    pub env: &'a Env,
    pub silent: &'a Silent,
}

/// Name servers that were waited for in vain, each as often as that happened.
pub(crate) type Silent = RefCell<Vec<SocketAddr>>;

/// An answer: targets of an SRV record, and addresses by name, also those that came along.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub targets: Vec<Target>,
    pub addresses: Vec<(String, IpAddr)>,
}

const TRIES: usize = 2;
/// What a UDP answer may have without extensions is 512 bytes; servers that send more are understood.
const UDP_BYTES_MAX: usize = 4096;

impl Resolver<'_> {
    /// The targets of a service; an empty answer where the name has none.
    pub fn service(&self, name: &str) -> io::Result<Answer> {
        self.ask(name, TYPE::SRV)
    }

    /// The addresses of a name.
    pub fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let (v4, v6) = (self.ask(name, TYPE::A), self.ask(name, TYPE::AAAA));
        let answers = match (v4, v6) {
            (Err(error), Err(_)) => return Err(error),
            (v4, v6) => [v4.unwrap_or_default(), v6.unwrap_or_default()],
        };
        Ok(answers.into_iter().flat_map(|answer| answer.addresses).map(|(_, address)| address).collect())
    }

    /// Asks the servers in turn; the first that knows decides. One that was waited for in vain twice is not asked again.
    fn ask(&self, name: &str, record: TYPE) -> io::Result<Answer> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no name server is known");
        for _ in 0..TRIES {
            for server in self.servers.iter().take(SERVERS_MAX) {
                if self.silent.borrow().iter().filter(|silent| *silent == server).count() >= TRIES {
                    last = io::Error::new(io::ErrorKind::TimedOut, format!("name server {server} does not answer"));
                    continue;
                }
                match self.ask_one(*server, name, record) {
                    Ok(answer) => return Ok(answer),
                    Err(error) => {
                        if error.kind() == io::ErrorKind::TimedOut {
                            self.silent.borrow_mut().push(*server);
                        }
                        last = io::Error::new(error.kind(), format!("name server {server}: {error}"));
                    }
                }
            }
        }
        Err(last)
    }

    fn ask_one(&self, server: SocketAddr, name: &str, record: TYPE) -> io::Result<Answer> {
        let id = u16::from_le_bytes(self.env.random());
        let query = query(id, name, record)?;
        let bytes = self.over_udp(server, &query, |bytes| is_reply(bytes, id, name, record))?;
        let is_cut = Packet::parse(&bytes).is_ok_and(|packet| packet.has_flags(PacketFlag::TRUNCATION));
        let bytes = if is_cut { self.over_tcp(server, &query)? } else { bytes };
        if !is_reply(&bytes, id, name, record) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "answers another question"));
        }
        read(&bytes)
    }

    fn over_udp(&self, server: SocketAddr, query: &[u8], is_reply: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
        let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        // A connected socket hears the server alone, and a system draws its port at random.
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.send(query)?;
        let end = Instant::now() + self.timeout;
        let mut buffer = [0; UDP_BYTES_MAX];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            socket.set_read_timeout(Some(left))?;
            let length = socket.recv(&mut buffer).map_err(timed_out)?;
            let bytes = buffer.get(..length).unwrap_or_default();
            if is_reply(bytes) {
                return Ok(bytes.to_vec());
            }
        }
    }

    fn over_tcp(&self, server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
        let end = Instant::now() + self.timeout;
        let mut stream = TcpStream::connect_timeout(&server, self.timeout)?;
        stream.set_write_timeout(Some(self.timeout))?;
        let length = u16::try_from(query.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), query].concat())?;
        let mut length = [0; 2];
        fill(&mut stream, &mut length, end)?;
        let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
        fill(&mut stream, &mut bytes, end)?;
        Ok(bytes)
    }
}

/// Reads until the buffer is full or the time over; a server that sends byte by byte gets no more of it.
fn fill(stream: &mut TcpStream, mut buffer: &mut [u8], end: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(buffer).map_err(timed_out)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => buffer = buffer.split_at_mut(read).1,
        }
    }
    Ok(())
}

/// A socket's time-out is called "would block" on some systems.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

fn query(id: u16, name: &str, record: TYPE) -> io::Result<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).map_err(io::Error::other)?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(record), CLASS::IN.into(), false));
    packet.build_bytes_vec().map_err(io::Error::other)
}

/// Whether these bytes answer the question; anything else that arrives is passed over.
fn is_reply(bytes: &[u8], id: u16, name: &str, record: TYPE) -> bool {
    let Ok(packet) = Packet::parse(bytes) else { return false };
    let [question] = packet.questions.as_slice() else { return false };
    packet.id() == id
        && packet.has_flags(PacketFlag::RESPONSE)
        && question.qtype == QTYPE::TYPE(record)
        && question.qname.to_string().eq_ignore_ascii_case(name)
}

/// What a reply says.
pub(crate) fn read(bytes: &[u8]) -> io::Result<Answer> {
    let packet = Packet::parse(bytes).map_err(io::Error::other)?;
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Ok(Answer::default()),
        other => return Err(io::Error::other(format!("answers {other:?}"))),
    }
    let mut answer = Answer::default();
    for record in packet.answers.iter().chain(&packet.additional_records) {
        match &record.rdata {
            RData::SRV(srv) => answer.targets.push(Target {
                priority: srv.priority,
                weight: srv.weight,
                host: srv.target.to_string(),
                port: srv.port,
            }),
            RData::A(a) => answer.addresses.push((record.name.to_string(), Ipv4Addr::from(a.address).into())),
            RData::AAAA(aaaa) => answer.addresses.push((record.name.to_string(), Ipv6Addr::from(aaaa.address).into())),
            _ => {}
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, SRV};

    use super::*;

    const NAME: &str = "_keymuster._tcp.example.test";

    fn reply(id: u16, name: &'static str) -> Vec<u8> {
        let mut packet = Packet::new_reply(id);
        let name = Name::new(name).unwrap();
        packet.questions.push(Question::new(name.clone(), QTYPE::TYPE(TYPE::SRV), CLASS::IN.into(), false));
        let target = Name::new("kms.example.test").unwrap();
        let srv = SRV { priority: 1, weight: 2, port: 1688, target: target.clone() };
        packet.answers.push(ResourceRecord::new(name, CLASS::IN, 60, RData::SRV(srv)));
        let a = A { address: u32::from(Ipv4Addr::LOCALHOST) };
        packet.additional_records.push(ResourceRecord::new(target, CLASS::IN, 60, RData::A(a)));
        packet.build_bytes_vec_compressed().unwrap()
    }

    #[test]
    fn only_the_answer_to_the_question_counts() {
        let (server, env) = (UdpSocket::bind("127.0.0.1:0").unwrap(), Env::system());
        let servers = [server.local_addr().unwrap()];
        let silent = Silent::default();
        let resolver = Resolver { servers: &servers, timeout: Duration::from_secs(20), env: &env, silent: &silent };
        let answer = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut query = [0; 512];
                let (length, client) = server.recv_from(&mut query).unwrap();
                let id = Packet::parse(&query[..length]).unwrap().id();
                let other_id = reply(id.wrapping_add(1), NAME);
                let other_name = reply(id, "_keymuster._tcp.example.evil");
                for bytes in [b"rubbish".to_vec(), query[..length].to_vec(), other_id, other_name, reply(id, NAME)] {
                    server.send_to(&bytes, client).unwrap();
                }
            });
            resolver.service(NAME).unwrap()
        });
        let expected = Target { priority: 1, weight: 2, host: "kms.example.test".into(), port: 1688 };
        assert_eq!(answer.targets, [expected]);
        assert_eq!(answer.addresses, [("kms.example.test".to_owned(), Ipv4Addr::LOCALHOST.into())]);
    }

    #[test]
    fn no_reply_makes_the_reader_panic() {
        let whole = reply(7, NAME);
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[place] ^= 1_u8 << bit;
                let _ = (is_reply(&bytes, 7, NAME, TYPE::SRV), read(&bytes));
            }
            let _ = (is_reply(&whole[..place], 7, NAME, TYPE::SRV), read(&whole[..place]));
        }
    }

    #[test]
    fn a_server_that_is_silent_is_passed_over() {
        let (silent, server, env) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap(), Env::system());
        let servers = [silent.local_addr().unwrap(), server.local_addr().unwrap()];
        let waited = Silent::default();
        let resolver = Resolver { servers: &servers, timeout: Duration::from_millis(50), env: &env, silent: &waited };
        let answer = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut query = [0; 512];
                let (length, client) = server.recv_from(&mut query).unwrap();
                let id = Packet::parse(&query[..length]).unwrap().id();
                server.send_to(&reply(id, NAME), client).unwrap();
            });
            resolver.service(NAME).unwrap()
        });
        assert_eq!(answer.targets.len(), 1);
        let alone = Resolver { servers: &servers[..1], ..resolver };
        let error = alone.service(NAME).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(waited.borrow().len(), TRIES);
        let again = alone.service(NAME).unwrap_err();
        assert!(again.to_string().ends_with("does not answer"), "{again}");
        assert_eq!(waited.borrow().len(), TRIES, "it is not waited for once more");
    }
}
