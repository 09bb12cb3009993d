//! The machine's fingerprint: whether a client is still on the machine that its lease was made for
//! (`docs/spec/client-state.md`, 12).
//!
//! It is a sign and never an identity: few facts prove nothing, and a machine that changed is asked to renew, not locked
//! out.

use sha2::{Digest as _, Sha256};

use crate::document::to_cbor;
use crate::request::Fact;

/// How much of what is comparable has to agree, in per cent.
const AGREEMENT_MIN: u32 = 60;
/// Below this weight too little is comparable to say anything.
const WEIGHT_MIN: u32 = 40;

/// The weight of a kind of fact; one that this version does not know has none.
fn weight(kind: u8) -> u32 {
    match kind {
        MACHINE_ID => 40,
        BOARD_SERIAL | DISK_SERIAL | VM_GENERATION | TPM_KEY => 30,
        NETWORK_CARDS => 20,
        _ => 0,
    }
}

/// Machine id of the operating system.
pub const MACHINE_ID: u8 = 1;
/// Serial number of the main board.
pub const BOARD_SERIAL: u8 = 2;
/// Serial number of the system disk.
pub const DISK_SERIAL: u8 = 3;
/// Addresses of the network cards, as a set.
pub const NETWORK_CARDS: u8 = 4;
/// Generation id of a virtual machine.
pub const VM_GENERATION: u8 = 5;
/// Endorsement key of the TPM.
pub const TPM_KEY: u8 = 6;

/// SHA-256 of facts as a request carries them, by which a lease is bound to them.
pub fn digest(facts: &Vec<Fact>) -> [u8; 32] {
    Sha256::digest(to_cbor(facts)).into()
}

/// Whether `now` can be the machine of `then`: of the facts that both know, enough agree, or too few are known to tell.
///
/// ```
/// use keymuster_core::fingerprint::{BOARD_SERIAL, MACHINE_ID, NETWORK_CARDS, is_same_machine};
/// use keymuster_core::request::Fact;
/// let fact = |kind, byte| Fact { kind, hash: [byte; 8] };
/// let then = [fact(MACHINE_ID, 1), fact(BOARD_SERIAL, 2), fact(NETWORK_CARDS, 3)];
/// assert!(is_same_machine(&then, &[fact(MACHINE_ID, 1), fact(BOARD_SERIAL, 2), fact(NETWORK_CARDS, 9)]));
/// assert!(!is_same_machine(&then, &[fact(MACHINE_ID, 1), fact(BOARD_SERIAL, 9), fact(NETWORK_CARDS, 9)]));
/// assert!(is_same_machine(&then, &[fact(NETWORK_CARDS, 9)]));
/// ```
pub fn is_same_machine(then: &[Fact], now: &[Fact]) -> bool {
    let (mut comparable, mut agreeing) = (0, 0);
    for fact in then {
        if let Some(other) = now.iter().find(|other| other.kind == fact.kind) {
            comparable += weight(fact.kind);
            agreeing += if other.hash == fact.hash { weight(fact.kind) } else { 0 };
        }
    }
    comparable < WEIGHT_MIN || agreeing * 100 >= comparable * AGREEMENT_MIN
}
