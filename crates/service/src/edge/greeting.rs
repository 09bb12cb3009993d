//! How a connection begins: its first byte tells TLS from plain HTTP, and both from a Windows machine that looks for KMS.
//!
//! The byte is looked at and not taken, so that whoever serves the connection reads it from its start.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::tls::Tls;

/// A TLS record of type handshake: every client hello begins with it, and no HTTP request does.
const TLS_HANDSHAKE: u8 = 0x16;
/// The major version of DCE/RPC.
const RPC: u8 = 5;
/// Major and minor version of DCE/RPC, and a packet of type bind: the hello of a client of Microsoft's KMS.
const RPC_BIND: [u8; 3] = [RPC, 0, 11];
/// The shortest time between two lines in the log about one address.
const TOLD_INTERVAL: Duration = Duration::from_secs(60);
/// More addresses are not kept apart; those beyond are counted, and told once the first ones are forgotten.
const TOLD_MAX: usize = 1024;

/// What connections of one listener may begin with besides plain HTTP, and who counts what should not have come.
#[derive(Clone, Debug, Default)]
pub struct Greetings {
    /// How TLS is spoken.
    pub tls: Tls,
    /// The Windows machines that took this port for a KMS host's.
    pub rpc: Arc<RpcHellos>,
}

/// What a connection begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Greeting {
    Tls,
    Rpc,
    /// Or anything else that HTTP refuses in its own words.
    Http,
}

/// Looks at the first byte, which may be long in coming; `None` where the connection ended first.
pub(super) async fn look(stream: &TcpStream) -> Option<Greeting> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) => Some(match first[0] {
            TLS_HANDSHAKE => Greeting::Tls,
            RPC => Greeting::Rpc,
            _ => Greeting::Http,
        }),
        _ => None,
    }
}

/// Whether a connection that began with DCE/RPC's version goes on like a bind: SOCKS begins with the same byte.
pub(super) async fn is_rpc_bind(stream: &mut TcpStream) -> bool {
    let mut begin = [0; RPC_BIND.len()];
    stream.read_exact(&mut begin).await.is_ok_and(|_| begin == RPC_BIND)
}

/// How many connections began as those of Microsoft's KMS do. They are never answered.
#[derive(Debug, Default)]
pub struct RpcHellos {
    count: AtomicU64,
    told: Mutex<HashMap<IpAddr, Instant>>,
    /// By address, until somebody takes them; of more addresses than are told nothing is known but the sum.
    by_address: Mutex<BTreeMap<IpAddr, u64>>,
}

impl RpcHellos {
    /// How many there were since the start.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How many there were by address since this was called last.
    pub fn take_addresses(&self) -> BTreeMap<IpAddr, u64> {
        std::mem::take(&mut *self.by_address.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_address(&self, address: IpAddr) {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if by_address.len() < TOLD_MAX || by_address.contains_key(&address) {
            *by_address.entry(address).or_default() += 1;
        }
    }

    pub(super) fn note(&self, peer: SocketAddr) {
        self.note_address(peer.ip());
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.is_to_be_told(peer.ip(), Instant::now()) {
            let advice =
                "take this host out of the machine's KMS settings (`slmgr /ckms`), or correct _vlmcs._tcp in DNS";
            tracing::warn!(
                address = %peer.ip(),
                advice,
                "a Windows machine takes this port for a host of Microsoft's KMS, and was turned away"
            );
        }
    }

    fn is_to_be_told(&self, address: IpAddr, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOLD_MAX {
            told.retain(|_, at| now.duration_since(*at) < TOLD_INTERVAL);
        }
        let is_recent = told.get(&address).is_some_and(|at| now.duration_since(*at) < TOLD_INTERVAL);
        if is_recent || told.len() >= TOLD_MAX {
            return false;
        }
        told.insert(address, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_once_a_minute_and_their_number_is_bounded() {
        let hellos = RpcHellos::default();
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        let begin = Instant::now();
        let after = |secs: u64| begin + Duration::from_secs(secs);
        assert!(hellos.is_to_be_told(address(1), begin));
        assert!(!hellos.is_to_be_told(address(1), after(59)));
        assert!(hellos.is_to_be_told(address(2), after(59)), "another address");
        assert!(hellos.is_to_be_told(address(1), after(60)));
        for number in 3..=u32::try_from(TOLD_MAX).unwrap() {
            assert!(hellos.is_to_be_told(address(number), after(61)));
        }
        assert!(!hellos.is_to_be_told(address(0), after(62)), "one too many");
        assert!(hellos.is_to_be_told(address(0), after(200)), "the others are forgotten");

        for number in 0..=u32::try_from(TOLD_MAX).unwrap() {
            hellos.note_address(address(number));
        }
        hellos.note_address(address(0));
        let by_address = hellos.take_addresses();
        assert_eq!((by_address.len(), by_address[&address(0)]), (TOLD_MAX, 2));
        assert!(hellos.take_addresses().is_empty());
    }
}
