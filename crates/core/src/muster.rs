//! Counting: how many distinct clients asked within the window (`docs/spec/counting.md`).
//!
//! The caller keeps, per client, when it last asked; this keeps how many clients last asked in each second. That is enough
//! for an exact count, costs a few bytes per second of the window, and is rebuilt from the clients at start.

use std::collections::BTreeMap;

use crate::time::Timestamp;

/// The clients of one family within one counting window.
///
/// ```
/// use keymuster_core::{muster::Muster, time::{DAY, Timestamp}};
/// let now = Timestamp::from_secs(1_800_000_000);
/// let mut muster = Muster::new(30 * DAY);
/// muster.asked(None, now);
/// muster.asked(None, now);
/// muster.asked(Some(now), now.plus(DAY)); // A known client again: it counts once.
/// assert_eq!(muster.count(now.plus(DAY)), 2);
/// assert_eq!(muster.count(now.plus(30 * DAY)), 1);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Muster {
    window_secs: u64,
    clients_by_second: BTreeMap<Timestamp, u64>,
    count: u64,
}

impl Muster {
    /// An empty muster with a window of so many seconds.
    pub fn new(window_secs: u64) -> Muster {
        Muster { window_secs, clients_by_second: BTreeMap::new(), count: 0 }
    }

    /// Notes that a client asked at `now`, and before that last at `before`.
    ///
    /// A client whose last time lies in the future (the host's clock was set back) keeps that later time.
    pub fn asked(&mut self, before: Option<Timestamp>, now: Timestamp) {
        if before.is_some_and(|before| before >= now) {
            return;
        }
        if let Some(before) = before {
            self.remove(before);
        }
        *self.clients_by_second.entry(now).or_default() += 1;
        self.count += 1;
    }

    /// Takes a client out that asked last at `asked`: an administrator has released it.
    pub fn forget(&mut self, asked: Timestamp) {
        self.remove(asked);
    }

    /// Distinct clients that asked in the window `(now - window, now]`. What has left the window is forgotten.
    pub fn count(&mut self, now: Timestamp) -> u64 {
        let begin = now.minus(self.window_secs);
        while let Some(oldest) = self.clients_by_second.first_entry() {
            if *oldest.key() > begin {
                break;
            }
            self.count = self.count.saturating_sub(oldest.remove());
        }
        self.count
    }

    /// When the count falls below `need`, if every client that has been silent for longer than `silence_secs` stays so
    /// and all others keep asking; `None` where enough others do, or where the count is below it already.
    ///
    /// ```
    /// use keymuster_core::{muster::Muster, time::{DAY, Timestamp}};
    /// let now = Timestamp::from_secs(1_800_000_000);
    /// let mut muster = Muster::new(30 * DAY);
    /// muster.asked(None, now.minus(20 * DAY));
    /// muster.asked(None, now.minus(DAY));
    /// assert_eq!(muster.falls_below(2, 9 * DAY, now), Some(now.plus(10 * DAY)));
    /// assert_eq!(muster.falls_below(1, 9 * DAY, now), None);
    /// ```
    pub fn falls_below(&mut self, need: u64, silence_secs: u64, now: Timestamp) -> Option<Timestamp> {
        let mut count = self.count(now);
        if count < need {
            return None;
        }
        let silent = self.clients_by_second.range(..now.minus(silence_secs));
        for (asked, clients) in silent {
            count = count.saturating_sub(*clients);
            if count < need {
                return Some(asked.plus(self.window_secs));
            }
        }
        None
    }

    /// Clients in the window that have been silent for longer than `silence_secs`.
    pub fn silent(&mut self, silence_secs: u64, now: Timestamp) -> u64 {
        self.count(now);
        self.clients_by_second.range(..now.minus(silence_secs)).map(|(_, clients)| clients).sum()
    }

    fn remove(&mut self, second: Timestamp) {
        if let Some(clients) = self.clients_by_second.get_mut(&second) {
            *clients -= 1;
            self.count = self.count.saturating_sub(1);
            if *clients == 0 {
                self.clients_by_second.remove(&second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The count equals that of a plain set of clients with their last times, whatever happens in whatever order.
        #[test]
        fn equals_a_set_of_clients(acts in proptest::collection::vec((0u8..12, 0u64..40), 1..200)) {
            let window = 50;
            let (mut muster, mut last_asked) = (Muster::new(window), BTreeMap::new());
            let mut now = Timestamp::from_secs(1_000);
            for (client, elapsed) in acts {
                now = now.plus(elapsed);
                let before = last_asked.insert(client, now);
                muster.asked(before, now);
                let expected = last_asked.values().filter(|at| **at > now.minus(window)).count() as u64;
                prop_assert_eq!(muster.count(now), expected);
            }
        }
    }

    #[test]
    fn a_forecast_takes_silent_clients_out_one_after_the_other() {
        let (now, window) = (Timestamp::from_secs(10_000), 1_000);
        let mut muster = Muster::new(window);
        for silent_for in [900, 700, 700, 400, 10] {
            muster.asked(None, now.minus(silent_for));
        }
        for (silence, silent) in [(1_000, 0), (900, 0), (899, 1), (700, 1), (699, 3), (0, 5)] {
            assert_eq!(muster.silent(silence, now), silent, "{silence}");
        }
        for (need, silence, falls_in) in [
            (6, 0, None),
            (5, 500, Some(100)),
            (4, 500, Some(300)),
            (3, 500, Some(300)),
            (2, 500, None),
            (2, 300, Some(600)),
            (5, 900, None),
        ] {
            let expected = falls_in.map(|secs| now.plus(secs));
            assert_eq!(muster.falls_below(need, silence, now), expected, "below {need} by {silence} of silence");
        }
        let later = now.plus(150);
        assert_eq!((muster.silent(0, later), muster.falls_below(5, 500, later)), (4, None), "the oldest has left");
    }

    #[test]
    fn a_client_that_is_forgotten_is_counted_again_when_it_asks() {
        let now = Timestamp::from_secs(1_000);
        let mut muster = Muster::new(100);
        muster.asked(None, now);
        muster.asked(None, now);
        muster.forget(now);
        muster.forget(now.minus(500));
        assert_eq!(muster.count(now), 1);
        muster.asked(Some(Timestamp::from_secs(0)), now);
        assert_eq!(muster.count(now), 2);
    }

    #[test]
    fn a_host_clock_that_was_set_back_neither_loses_nor_doubles_a_client() {
        let (later, earlier) = (Timestamp::from_secs(2_000), Timestamp::from_secs(1_000));
        let mut muster = Muster::new(100);
        muster.asked(None, later);
        muster.asked(Some(later), earlier);
        assert_eq!(muster.count(earlier), 1);
        assert_eq!(muster.count(later), 1);
    }
}
