//! One question, or one change, and its answer. What goes to a server of which the key is known is signed both ways;
//! what goes to the servers that clients ask is as plain as clients ask it.
//!
//! An answer that is not signed as it must be proves nothing but that something is wrong: it never counts as success.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use domain::base::iana::{Class, Opcode, Rcode, TsigRcode};
use domain::base::message_builder::AdditionalBuilder;
use domain::base::{Message, MessageBuilder, ParsedName, Record, Rtype, ToName as _, Ttl};
use domain::rdata::tsig::{Time48, Tsig};
use domain::rdata::{A, Aaaa, AllRecordData, Srv};
use domain::tsig::{ClientTransaction, ValidationError};
use keymuster_core::codes;
use keymuster_service::Env;
use keymuster_service::exit::Coded;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::key::TsigKey;
use super::name::Wire;

/// How long one answer is waited for. A name server that works takes milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long one packet is waited for before it counts as lost.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(1500);
/// What a UDP answer may have without extensions is 512 bytes; servers that send more are understood.
const UDP_BYTES_MAX: usize = 4096;
/// The latest time that a signature can name.
const TIME_MAX: u64 = (1 << 48) - 1;

/// A name server, and the key that it shares with this host.
#[derive(Clone, Copy)]
pub(super) struct Server<'a> {
    pub address: SocketAddr,
    pub key: Option<&'a TsigKey>,
    pub env: &'a Env,
}

/// A record of an answer.
pub(super) struct Found {
    pub owner: Wire,
    pub ttl: Ttl,
    pub data: Data,
}

/// What of a record matters here.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Data {
    Srv(Srv<Wire>),
    Address(IpAddr),
    /// The name stands for another one.
    Alias,
    /// The name is the highest of a zone with this primary server.
    Apex {
        primary: Wire,
    },
}

/// One step of a change.
pub(super) enum Step {
    Enter(Wire, Ttl, Data),
    Remove(Wire, Data),
}

impl Server<'_> {
    /// All records of the answer to a question, whatever they are.
    pub async fn ask(&self, name: &Wire, kind: Rtype) -> Result<Vec<Found>, Coded> {
        let mut builder = MessageBuilder::new_vec();
        let header = builder.header_mut();
        header.set_id(u16::from_be_bytes(self.env.random()));
        // The primary server shall tell what it holds, the others what they can find out.
        header.set_rd(self.key.is_none());
        let mut builder = builder.question();
        builder.push((name, kind)).expect("one question fits into a message");
        let reply = self.exchange(builder.additional()).await?;
        let is_ours =
            |question: domain::base::Question<ParsedName<&[u8]>>| question.qname() == name && question.qtype() == kind;
        if !reply.for_slice_ref().sole_question().is_ok_and(is_ours) {
            return Err(unusable(self.address, "answers another question"));
        }
        match (reply.header().rcode(), self.key) {
            (Rcode::NOERROR | Rcode::NXDOMAIN, _) => {
                read(&reply).ok_or_else(|| unusable(self.address, "answers what cannot be read"))
            }
            (other, None) => Err(unusable(self.address, &format!("answers {other}"))),
            (other, Some(_)) => Err(not_served(self.address, &format!("it answers {other} to a question for {name}"))),
        }
    }

    /// Changes a zone: all steps are done, or none (RFC 2136, 3.4.2).
    pub async fn change(&self, zone: &Wire, steps: &[Step]) -> Result<(), Coded> {
        let mut builder = MessageBuilder::new_vec();
        let header = builder.header_mut();
        header.set_id(u16::from_be_bytes(self.env.random()));
        header.set_opcode(Opcode::UPDATE);
        let mut builder = builder.question();
        builder.push((zone, Rtype::SOA)).expect("one zone fits into a message");
        let mut builder = builder.authority();
        for step in steps {
            let (owner, class, ttl, data) = match step {
                Step::Enter(owner, ttl, data) => (owner, Class::IN, *ttl, data),
                Step::Remove(owner, data) => (owner, Class::NONE, Ttl::ZERO, data),
            };
            let pushed = match data {
                Data::Srv(srv) => builder.push(Record::new(owner, class, ttl, srv)),
                Data::Address(IpAddr::V4(address)) => builder.push(Record::new(owner, class, ttl, A::new(*address))),
                Data::Address(IpAddr::V6(address)) => builder.push(Record::new(owner, class, ttl, Aaaa::new(*address))),
                Data::Alias | Data::Apex { .. } => unreachable!("nobody changes these"),
            };
            pushed.expect("a change has few records");
        }
        let reply = self.exchange(builder.additional()).await?;
        match reply.header().rcode() {
            Rcode::NOERROR => Ok(()),
            rcode @ (Rcode::NOTAUTH | Rcode::NOTZONE) => {
                Err(not_served(self.address, &format!("it answers {rcode} to a change of {zone}")))
            }
            other => Err(refused(self.address, &format!("answers {other} to the change of {zone}"))),
        }
    }

    async fn exchange(&self, mut request: AdditionalBuilder<Vec<u8>>) -> Result<Message<Vec<u8>>, Coded> {
        let now = || Time48::from_u64(self.env.now().as_secs().min(TIME_MAX));
        let id = request.header().id();
        let transaction = self.key.map(|key| {
            ClientTransaction::request(key, &mut request, now()).expect("a signature fits behind a few records")
        });
        let request = request.finish();
        let failed = |error: io::Error| unusable(self.address, &format!("does not answer: {error}"));
        let answer = async {
            if self.key.is_some() {
                return over_tcp(self.address, &request).await;
            }
            let bytes = over_udp(self.address, &request).await?;
            let is_cut = Message::from_octets(&bytes).is_ok_and(|message| message.header().tc());
            if is_cut { over_tcp(self.address, &request).await } else { Ok(bytes) }
        };
        let bytes = tokio::time::timeout(ANSWER_WITHIN, answer).await;
        let bytes = bytes.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(failed)?;
        let reply = Message::from_octets(bytes).ok().filter(|reply| reply.header().qr() && reply.header().id() == id);
        let mut reply = reply.ok_or_else(|| unusable(self.address, "answers something else"))?;
        if let (Some(transaction), Some(key)) = (transaction, self.key) {
            // Of the three errors that a key can have, only one can be proved to come from the server. No more follows from
            // any of them than the name of the failure, so none has to be.
            if let Some(failure) = key_error(self.address, key, &reply) {
                return Err(failure);
            }
            let rcode = reply.header().rcode();
            let verified = transaction.answer(&mut reply, now());
            verified.map_err(|error| unverified(self.address, key, error, rcode))?;
        }
        Ok(reply)
    }
}

async fn over_udp(server: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // A connected socket hears the server alone, and a system draws its port at random.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let mut buffer = vec![0; UDP_BYTES_MAX];
    let id = |bytes: &[u8]| bytes.first_chunk::<2>().copied();
    loop {
        socket.send(request).await?;
        let answer = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                if id(&buffer[..length]) == id(request) {
                    return Ok(buffer[..length].to_vec());
                }
            }
        };
        // Packets get lost. The caller ends the waiting for good.
        if let Ok(answer) = tokio::time::timeout(SEND_AGAIN_AFTER, answer).await {
            return answer;
        }
    }
}

async fn over_tcp(server: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(request.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), request].concat()).await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// The records of all sections that are of use here; nothing where one cannot be read.
fn read(reply: &Message<Vec<u8>>) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    for parsed in reply.iter() {
        let (record, _) = parsed.ok()?;
        let Some(record) = record.into_record::<AllRecordData<_, ParsedName<_>>>().ok()? else { continue };
        let data = match record.data() {
            AllRecordData::Srv(srv) => {
                Data::Srv(Srv::new(srv.priority(), srv.weight(), srv.port(), srv.target().to_name()))
            }
            AllRecordData::A(address) => Data::Address(address.addr().into()),
            AllRecordData::Aaaa(address) => Data::Address(address.addr().into()),
            AllRecordData::Cname(_) => Data::Alias,
            AllRecordData::Soa(soa) => Data::Apex { primary: soa.mname().to_name() },
            _ => continue,
        };
        found.push(Found { owner: record.owner().to_name(), ttl: record.ttl(), data });
    }
    Some(found)
}

fn unusable(server: SocketAddr, why: &str) -> Coded {
    Coded { code: &codes::DNS_SERVER_UNREACHABLE, detail: format!("the DNS server {server} {why}") }
}

pub(super) fn not_served(server: SocketAddr, why: &str) -> Coded {
    Coded {
        code: &codes::DNS_ZONE_NOT_SERVED,
        detail: format!("the DNS server {server} does not hold the zone: {why}"),
    }
}

pub(super) fn refused(server: SocketAddr, why: &str) -> Coded {
    Coded { code: &codes::DNS_UPDATE_REFUSED, detail: format!("the DNS server {server} {why}") }
}

/// What a server says is wrong with the key or the time of a request, if it says so.
fn key_error(server: SocketAddr, key: &TsigKey, reply: &Message<Vec<u8>>) -> Option<Coded> {
    let tsig = reply.get_last_additional::<Tsig<_, ParsedName<_>>>()?;
    let tsig = tsig.data();
    match tsig.error() {
        TsigRcode::BADKEY => Some(mismatch(server, key, "does not know the key")),
        TsigRcode::BADSIG | TsigRcode::BADTRUNC => Some(mismatch(server, key, "knows the key with another secret")),
        TsigRcode::BADTIME => {
            let (ours, theirs) = (u64::from(tsig.time_signed()), u64::from(tsig.other_time()?));
            let direction = if theirs > ours { "ahead of" } else { "behind" };
            let secs = theirs.abs_diff(ours);
            let detail = format!("the clock of the DNS server {server} is {secs} seconds {direction} this host's");
            Some(Coded { code: &codes::DNS_CLOCK_DIFFERS, detail })
        }
        _ => None,
    }
}

/// Why an answer does not prove that it comes from the holder of the key.
fn unverified(server: SocketAddr, key: &TsigKey, error: ValidationError, rcode: Rcode) -> Coded {
    match (error, rcode) {
        (ValidationError::ServerUnsigned, Rcode::NOTAUTH) => mismatch(server, key, "does not accept the key"),
        (ValidationError::ServerUnsigned, rcode) if rcode != Rcode::NOERROR => {
            refused(server, &format!("answers {rcode} to what is signed by the key {}", key.name()))
        }
        (other, _) => mismatch(server, key, &format!("does not prove that it has the key: {other}")),
    }
}

fn mismatch(server: SocketAddr, key: &TsigKey, why: &str) -> Coded {
    Coded { code: &codes::DNS_KEY_MISMATCH, detail: format!("the DNS server {server} {why} (key {})", key.name()) }
}

#[cfg(test)]
mod tests {
    use domain::base::Name;
    use keymuster_core::time::Timestamp;

    use super::*;

    /// An answer with records of all kinds and a signature whose error is that of a clock.
    fn reply(key: &TsigKey) -> Vec<u8> {
        let name: Wire = Name::vec_from_str("_keymuster._tcp.example.test").unwrap();
        let mut answer = MessageBuilder::new_vec().question();
        answer.push((&name, Rtype::SRV)).unwrap();
        let mut answer = answer.answer();
        answer.push((&name, 60, Srv::new(1, 2, 1688, &name))).unwrap();
        answer.push((&name, 60, A::new(Ipv4Addr::LOCALHOST))).unwrap();
        answer.push((&name, 60, Aaaa::new(Ipv6Addr::LOCALHOST))).unwrap();
        let mut answer = answer.additional();
        let (algorithm, time) = (Name::vec_from_str("hmac-sha256").unwrap(), Time48::from_u64(1000));
        let theirs = Time48::from_u64(1700).into_octets();
        let tsig = Tsig::new(algorithm, time, 300, &[7; 32][..], 0, TsigRcode::BADTIME, &theirs[..]).unwrap();
        answer.push((Name::vec_from_str(&key.name()).unwrap(), Class::ANY, 0, tsig)).unwrap();
        answer.finish()
    }

    #[test]
    fn no_reply_makes_the_reader_panic() {
        let secret = "key \"kms\" { algorithm hmac-sha256; secret \"AAAAAAAAAAAAAAAAAAAAAA==\"; };";
        let directory = tempfile::tempdir().unwrap();
        keymuster_service::files::write_private(&directory.path().join("key"), secret.as_bytes()).unwrap();
        let key = TsigKey::read(&directory.path().join("key")).unwrap();
        let server = SocketAddr::from(([127, 0, 0, 1], 53));
        let env = Env::fixed(Timestamp::from_secs(1000), 1);
        let request = || {
            let mut request = MessageBuilder::new_vec().additional();
            let now = Time48::from_u64(env.now().as_secs());
            ClientTransaction::request(&key, &mut request, now).unwrap()
        };
        let whole = reply(&key);
        let look = |bytes: Vec<u8>| {
            let mut message = Message::from_octets(bytes).ok()?;
            let found = (read(&message).map(|found| found.len()), key_error(server, &key, &message));
            assert!(request().answer(&mut message, Time48::from_u64(1000)).is_err(), "nobody signed this");
            Some(found)
        };
        let (found, failure) = look(whole.clone()).unwrap();
        assert_eq!(found, Some(3));
        assert!(failure.unwrap().detail.contains("is 700 seconds ahead of this host's"));
        for place in 0..whole.len() {
            look(whole[..place].to_vec());
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[place] ^= 1_u8 << bit;
                look(bytes);
            }
        }
    }
}
