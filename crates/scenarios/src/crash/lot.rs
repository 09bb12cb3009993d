//! Numbers that follow from a seed, so that what was found once can be looked for again.

use anyhow::Context as _;
use keymuster_core::time::Timestamp;
use keymuster_service::Env;

/// Where to set the seed of a run.
pub const SEED: &str = "KEYMUSTER_SEED";

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub struct Lot(Env);

impl Lot {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Lot {
        Lot(Env::fixed(Timestamp::from_secs(0), seed))
    }

    /// A sequence of its own, which depends on nothing that is drawn here later.
    pub fn branch(&self) -> Lot {
        Lot::new(u64::from_be_bytes(self.0.random()))
    }

    /// A number from 0 to below `end`.
    pub fn below(&self, end: u64) -> u64 {
        u64::from_be_bytes(self.0.random()) % end.max(1)
    }

    /// True once in so many times.
    pub fn is_one_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// For whoever makes keys and ids of it.
    pub fn env(&self) -> &Env {
        &self.0
    }
}

/// The seed that the environment gives, or a new one.
pub fn seed() -> anyhow::Result<u64> {
    match std::env::var(SEED) {
        Ok(given) => given.parse().with_context(|| format!("{SEED}={given} is not a number")),
        Err(_) => Ok(u64::from_be_bytes(Env::system().random())),
    }
}
