//! Seat pools: a limit that is never exceeded, and fences that tell an old holder from the present one.

use crate::entitlement::Pool;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// How a pool stands as one client asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatUse {
    /// The seat that this client holds, if it has not become free.
    pub own: Option<Held>,
    /// Seats that other clients hold.
    pub others: u64,
    /// When the next of the others' seats becomes free.
    pub next_end: Option<Timestamp>,
    /// The highest fence that was ever given in this pool.
    pub newest_fence: u64,
}

/// A seat that is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its fence.
    pub fence: u64,
    /// When others may have it: the lease's end and the pool's guard.
    pub free_at: Timestamp,
    /// Whether an administrator has reclaimed it, so that its holder keeps it no longer than that.
    pub is_reclaimed: bool,
}

impl Pool {
    /// When a seat becomes free whose lease ends at `expires` and is not released.
    pub fn free_at(&self, expires: Timestamp) -> Timestamp {
        expires.plus(self.guard_secs)
    }
}

/// The fence of the seat that this client gets, or why it gets none. `shown` is the fence that the client believes to hold.
///
/// A holder that renews keeps its fence; every new holder gets a higher one.
pub fn allot(pool: &Pool, seats: &SeatUse, shown: Option<u64>, now: Timestamp) -> Result<u64, Refusal> {
    if let Some(own) = seats.own.filter(|own| own.free_at > now) {
        return match shown {
            // Those who wait for a seat come first, once it is free.
            _ if own.is_reclaimed => Err(Refusal::SeatReclaimed {
                pool: pool.id.clone(),
                free_at: own.free_at,
                retry_after_secs: own.free_at.secs_since(now).saturating_add(pool.term_secs / 2),
            }),
            Some(fence) if fence < own.fence => Err(Refusal::SeatFenced { fence, newest: own.fence }),
            _ => Ok(own.fence),
        };
    }
    if seats.others >= u64::from(pool.seats) {
        let wait = seats.next_end.map_or(pool.term_secs, |end| end.secs_since(now));
        return Err(Refusal::SeatsExhausted {
            pool: pool.id.clone(),
            seats: pool.seats,
            next_end: seats.next_end,
            retry_after_secs: wait.clamp(1, pool.term_secs),
        });
    }
    Ok(seats.newest_fence.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn check(own: Option<(u64, u64)>, others: u64, shown: Option<u64>, expected: Result<u64, &str>) {
        let id = "cad".parse().unwrap();
        let pool = Pool { id, edition: 7, seats: 2, term_secs: 3600, guard_secs: 60 };
        let own = own.map(|(fence, free_in)| Held { fence, free_at: NOW.plus(free_in), is_reclaimed: false });
        let seats = SeatUse { own, others, next_end: Some(NOW.plus(90)), newest_fence: 9 };
        let found = allot(&pool, &seats, shown, NOW);
        assert_eq!(
            found.as_ref().map_err(|refusal| refusal.code().name),
            expected.as_ref().map_err(|e| *e),
            "{seats:?}"
        );
    }

    #[test]
    fn seats_are_given_kept_and_refused() {
        check(None, 0, None, Ok(10));
        check(None, 1, None, Ok(10));
        check(None, 2, None, Err("seats-exhausted"));
        check(Some((4, 100)), 1, Some(4), Ok(4)); // A renewal keeps its fence.
        check(Some((4, 100)), 2, Some(4), Ok(4)); // Even where a smaller limit came meanwhile.
        check(Some((4, 100)), 1, None, Ok(4)); // A client that lost its state still holds its seat.
        check(Some((4, 100)), 1, Some(3), Err("seat-fenced"));
        check(Some((4, 0)), 1, Some(4), Ok(10)); // Its seat became free, so it takes a new one,
        check(Some((4, 0)), 2, Some(4), Err("seats-exhausted")); // if there is one.
    }

    #[test]
    fn a_reclaimed_seat_is_kept_until_it_is_free_and_no_longer() {
        let pool = Pool { id: "cad".parse().unwrap(), edition: 7, seats: 1, term_secs: 3600, guard_secs: 60 };
        let held = |free_in| Held { fence: 4, free_at: NOW.plus(free_in), is_reclaimed: true };
        let seats = |own| SeatUse { own: Some(own), others: 0, next_end: None, newest_fence: 4 };
        for shown in [None, Some(3), Some(4)] {
            let refusal = allot(&pool, &seats(held(100)), shown, NOW).unwrap_err();
            assert_eq!((refusal.code().name, refusal.retry_after_secs()), ("seat-reclaimed", Some(1900)));
        }
        assert_eq!(allot(&pool, &seats(held(0)), Some(4), NOW).unwrap(), 5, "the holder comes back as any other");
    }

    #[test]
    fn the_wait_is_until_the_next_end() {
        let pool = Pool { id: "cad".parse().unwrap(), edition: 7, seats: 0, term_secs: 3600, guard_secs: 60 };
        let seats = SeatUse { own: None, others: 0, next_end: Some(NOW.plus(90)), newest_fence: 0 };
        assert_eq!(allot(&pool, &seats, None, NOW).unwrap_err().retry_after_secs(), Some(90));
    }
}
