//! Seats on a host that went back to an older copy of its ledger (`docs/spec/ledger.md`, 3).
//!
//! It does not know which seats it gave out since the copy was made. Nobody gets a new one until the last of them has ended,
//! so that there are never more holders than seats. Who proves that he holds a lease of that time has a seat in the table
//! again before this is asked, and is a holder as any other.

use keymuster_core::entitlement::Pool;
use keymuster_core::seats::SeatUse;
use keymuster_core::time::Timestamp;

use crate::store::epoch::Return;

/// The client that asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// Whether it holds a lease of this host, as it says. Who shows none may have given its seat back in the time that was
    /// lost, and another may hold it.
    pub(super) shows_lease: bool,
    /// Whether there are more holders than seats, and it was the last to take one.
    pub(super) gives_way: bool,
}

/// How a pool stands for a client.
pub(super) fn seats(returned: &Return, pool: &Pool, seats: SeatUse, asker: Asker, now: Timestamp) -> SeatUse {
    // No copy has ever given such a fence: they are counted one by one.
    let newest_fence = seats.newest_fence.max(returned.at.as_secs());
    let seats = SeatUse { newest_fence, ..seats };
    let known_from = pool.free_at(returned.at.plus(pool.term_secs));
    let is_holder = asker.shows_lease && seats.own.is_some_and(|own| own.free_at > now);
    let next_end = match (asker.gives_way, is_holder || now >= known_from) {
        (false, true) => return seats,
        (false, false) => Some(known_from),
        (true, _) => seats.next_end,
    };
    SeatUse { own: None, others: seats.others.max(pool.seats.into()), next_end, ..seats }
}

/// From when on nothing follows any more from what was given in the lost time: whoever holds a lease of that time has come, and
/// whatever was given twice has ended.
pub(super) fn settled_at(returned: &Return, pool: &Pool) -> Timestamp {
    let known_from = pool.free_at(returned.at.plus(pool.term_secs));
    pool.free_at(known_from.plus(pool.term_secs))
}

#[cfg(test)]
mod tests {
    use keymuster_core::seats::Held;

    use super::*;
    use crate::store::epoch::Cause;

    const RETURN: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn until_a_term_has_passed_seats_are_for_those_who_have_one() {
        let pool = Pool { id: "floating".parse().unwrap(), edition: 1, seats: 5, term_secs: 3600, guard_secs: 600 };
        let returned = Return { epoch: 9, at: RETURN, sequence: 40, made_at: RETURN.minus(7200), cause: Cause::Backup };
        let held = |secs| Held { fence: 3, free_at: RETURN.plus(secs), is_reclaimed: false };
        let (known, none) = (Some(RETURN.plus(4200)), Some(RETURN.plus(5)));
        for (after, own, shows_lease, gives_way, others, next_end) in [
            (0, None, false, false, 5, known),
            (4199, None, true, false, 5, known),
            (4200, None, false, false, 2, none),
            (10, Some(held(60)), true, false, 2, none),
            (10, Some(held(60)), false, false, 5, known),
            (60, Some(held(60)), true, false, 5, known),
            (10, Some(held(60)), true, true, 5, none),
            (4200, Some(held(4300)), true, true, 5, none),
        ] {
            let stored = SeatUse { own, others: 2, next_end: none, newest_fence: 7 };
            let asker = Asker { shows_lease, gives_way };
            let found = seats(&returned, &pool, stored, asker, RETURN.plus(after));
            let case = format!("after {after}, {own:?}, {asker:?}");
            assert_eq!((found.others, found.next_end), (others, next_end), "{case}");
            assert_eq!(found.own.is_some(), own.is_some() && others == 2, "{case}");
            assert_eq!(found.newest_fence, RETURN.as_secs());
        }
    }
}
