//! The running hash of a host's ledger (`docs/spec/ledger.md`): each entry seals all before it.

use sha2::{Digest as _, Sha256};

use crate::id::HostId;

/// The newest place of a ledger: what the next entry is chained to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The sequence of the newest entry; 0 before the first.
    pub sequence: u64,
    /// The running hash over everything up to it.
    pub hash: [u8; 32],
}

impl Head {
    /// The head of an empty ledger: `SHA-256("keymuster-ledger-1" || host id)`.
    pub fn empty(host: HostId) -> Head {
        let hash = Sha256::new().chain_update(b"keymuster-ledger-1").chain_update(host.as_bytes()).finalize();
        Head { sequence: 0, hash: hash.into() }
    }

    /// The head after one more entry: `SHA-256(hash || payload)`.
    #[must_use]
    pub fn after(&self, payload: &[u8]) -> Head {
        let hash = Sha256::new().chain_update(self.hash).chain_update(payload).finalize();
        Head { sequence: self.sequence + 1, hash: hash.into() }
    }

    /// The 16 bytes by which the next entry's lease names what came before it.
    pub fn short(&self) -> [u8; 16] {
        let [short @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = self.hash;
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_and_the_order_change_the_hash() {
        let empty = Head::empty(HostId::from_bytes([1; 16]));
        let (ab, ba) = (empty.after(b"a").after(b"b"), empty.after(b"b").after(b"a"));
        assert_eq!((ab.sequence, ba.sequence), (2, 2));
        assert_ne!(ab.hash, ba.hash);
        assert_ne!(Head::empty(HostId::from_bytes([2; 16])).hash, empty.hash);
        assert_eq!(ab.short(), ab.hash[..16]);
    }
}
