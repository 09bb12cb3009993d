//! The only place of the client that reads clocks, draws random numbers and asks what machine this is.
//!
//! A product uses [`Env::system`]; a test makes an environment whose time stands still.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use keymuster_core::clock::Reading;
use keymuster_core::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::machine::{self, RawFact};

/// Clocks, randomness and the facts about the machine; clones share them.
///
/// ```
/// use keymuster_client::Env;
/// use keymuster_core::time::Timestamp;
/// let env = Env::fixed(Timestamp::from_secs(1_800_000_000), 1);
/// env.advance(60);
/// assert_eq!(env.reading().wall, Timestamp::from_secs(1_800_000_060));
/// ```
#[derive(Clone, Debug)]
pub struct Env {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// The machine, and what tells this start of it from the next.
    System {
        boot: Option<[u8; 8]>,
    },
    Fixed(Arc<Mutex<Fixed>>),
}

/// The state of a test's world.
#[derive(Debug)]
struct Fixed {
    wall: Timestamp,
    boot_secs: u64,
    /// Position in the SplitMix64 sequence.
    random: u64,
    facts: Vec<RawFact>,
}

impl Env {
    /// The machine's clocks and the system's random numbers.
    pub fn system() -> Env {
        Env { source: Source::System { boot: boot() } }
    }

    /// A clock that stands at `now` until it is moved, and numbers that follow from `seed`: for tests only.
    pub fn fixed(now: Timestamp, seed: u64) -> Env {
        Env { source: Source::Fixed(Arc::new(Mutex::new(Fixed::new(now, seed)))) }
    }

    /// What the clocks say.
    pub fn reading(&self) -> Reading {
        match &self.source {
            Source::System { boot } => {
                // A clock before 1970 is wrong in any case, and the rules deal with wrong clocks.
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let wall = Timestamp::from_secs(since_epoch.as_secs());
                Reading { wall, boot_secs: boot_secs(), boot: *boot }
            }
            Source::Fixed(fixed) => {
                let fixed = lock(fixed);
                Reading { wall: fixed.wall, boot_secs: Some(fixed.boot_secs), boot: Some([1; 8]) }
            }
        }
    }

    /// Lets `secs` seconds pass on a fixed clock and all its clones.
    ///
    /// # Panics
    /// On [`Env::system`]: nobody moves the machine's clock.
    pub fn advance(&self, secs: u64) {
        let mut fixed = self.fixed_world();
        fixed.wall = fixed.wall.plus(secs);
        fixed.boot_secs += secs;
    }

    /// Sets the wall clock of a fixed clock, as an administrator might, without any time passing.
    ///
    /// # Panics
    /// On [`Env::system`]: nobody moves the machine's clock.
    pub fn set_wall(&self, wall: Timestamp) {
        self.fixed_world().wall = wall;
    }

    /// Makes the machine of a fixed environment another: kinds of facts (`docs/spec/client-state.md`, 12) and values.
    ///
    /// # Panics
    /// On [`Env::system`]: nobody changes the machine itself.
    pub fn set_facts(&self, facts: &[(u8, &str)]) {
        let fact = |(kind, value): &(u8, &str)| RawFact { kind: *kind, value: value.as_bytes().to_vec() };
        self.fixed_world().facts = facts.iter().map(fact).collect();
    }

    /// What tells this machine from others.
    pub(crate) fn facts(&self) -> Vec<RawFact> {
        match &self.source {
            Source::System { .. } => machine::read(Path::new("/")),
            Source::Fixed(fixed) => lock(fixed).facts.clone(),
        }
    }

    /// `N` random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.source {
            Source::System { .. } => {
                getrandom::fill(&mut bytes).expect("every supported system gives random bytes to every process");
            }
            Source::Fixed(fixed) => fill(&mut lock(fixed).random, &mut bytes),
        }
        bytes
    }

    /// A random number from 0 to `max`, both included; as uniform as a remainder of 64 bits is.
    pub(crate) fn up_to(&self, max: u64) -> u64 {
        let drawn = u64::from_le_bytes(self.random());
        max.checked_add(1).map_or(drawn, |bound| drawn % bound)
    }

    fn fixed_world(&self) -> MutexGuard<'_, Fixed> {
        match &self.source {
            Source::System { .. } => unreachable!("the machine itself cannot be set"),
            Source::Fixed(fixed) => lock(fixed),
        }
    }
}

impl Fixed {
    fn new(wall: Timestamp, seed: u64) -> Fixed {
        Fixed { wall, boot_secs: 0, random: seed, facts: Vec::new() }
    }
}

/// A test that panicked elsewhere leaves the state as good as it was.
fn lock(fixed: &Mutex<Fixed>) -> MutexGuard<'_, Fixed> {
    fixed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since the machine started, those in which it was suspended included.
#[cfg(target_os = "linux")]
fn boot_secs() -> Option<u64> {
    let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(since_boot.tv_sec).ok()
}

#[cfg(not(target_os = "linux"))]
fn boot_secs() -> Option<u64> {
    None
}

/// A hash of the kernel's boot id, which is itself nobody else's business.
fn boot() -> Option<[u8; 8]> {
    let id = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    let digest: [u8; 32] = Sha256::new().chain_update("keymuster boot ").chain_update(id).finalize().into();
    digest.first_chunk().copied()
}

/// SplitMix64: short, and different seeds give different bytes, which is all that a test needs.
fn fill(state: &mut u64, bytes: &mut [u8]) {
    for chunk in bytes.chunks_mut(8) {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
    }
}
