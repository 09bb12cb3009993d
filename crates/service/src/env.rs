//! The only place that reads the clock and draws random numbers.
//!
//! A program makes one `Env` in `main` and hands out clones; a test makes one whose time stands still.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use keymuster_core::time::Timestamp;

/// Time and randomness; clones share them.
#[derive(Clone, Debug)]
pub struct Env {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Fixed(Arc<Mutex<Fixed>>),
}

/// The state of a test's world.
#[derive(Debug)]
struct Fixed {
    now: Timestamp,
    /// Position in the SplitMix64 sequence.
    random: u64,
}

impl Env {
    /// The machine's clock and the kernel's random numbers.
    pub fn system() -> Env {
        Env { source: Source::System }
    }

    /// A clock that stands at `now` until it is moved, and numbers that follow from `seed`: for tests only.
    pub fn fixed(now: Timestamp, seed: u64) -> Env {
        Env { source: Source::Fixed(Arc::new(Mutex::new(Fixed { now, random: seed }))) }
    }

    /// The current time; take it once per request, and use that value throughout.
    pub fn now(&self) -> Timestamp {
        match &self.source {
            Source::System => {
                // A clock before 1970 is wrong in any case, and the rules deal with wrong clocks.
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_secs(since_epoch.as_secs())
            }
            Source::Fixed(fixed) => lock(fixed).now,
        }
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.source {
            Source::System => getrandom::fill(&mut bytes).expect("Linux gives random bytes to every process"),
            Source::Fixed(fixed) => fill(&mut lock(fixed).random, &mut bytes),
        }
        bytes
    }

    /// Moves a fixed clock, and that of all clones, forward by `secs`.
    ///
    /// # Panics
    /// On [`Env::system`]: nobody moves the machine's clock.
    pub fn advance(&self, secs: u64) {
        self.set_now(self.now().plus(secs));
    }

    /// Puts a fixed clock, and that of all clones, to `now`, which may be in its past.
    ///
    /// # Panics
    /// On [`Env::system`]: nobody moves the machine's clock.
    pub fn set_now(&self, now: Timestamp) {
        match &self.source {
            Source::System => unreachable!("the machine's clock cannot be set"),
            Source::Fixed(fixed) => lock(fixed).now = now,
        }
    }
}

/// A test that panicked elsewhere leaves the state as good as it was.
fn lock(fixed: &Mutex<Fixed>) -> MutexGuard<'_, Fixed> {
    fixed.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_a_fixed_clock_and_its_numbers() {
        let env = Env::fixed(Timestamp::from_secs(1000), 1);
        let clone = env.clone();
        env.advance(60);
        assert_eq!(clone.now(), Timestamp::from_secs(1060));
        clone.set_now(Timestamp::from_secs(10));
        assert_eq!(env.now(), Timestamp::from_secs(10));
        assert_ne!(env.random::<16>(), clone.random::<16>());
    }

    #[test]
    fn equal_seeds_give_equal_bytes_and_others_do_not() {
        let draw = |seed| Env::fixed(Timestamp::from_secs(0), seed).random::<21>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(draw(7)[16..], [0; 5], "the last bytes are drawn as well");
    }

    #[test]
    fn the_system_gives_different_bytes_each_time_and_a_time_after_2024() {
        let env = Env::system();
        assert_ne!(env.random::<16>(), env.random::<16>());
        assert!(env.now() > Timestamp::from_secs(1_700_000_000));
    }
}
