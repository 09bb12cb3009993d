//! A client's idea of the time, which may not fall, and which one lying clock may not carry away
//! (`docs/spec/client-state.md`, 4).

use crate::time::{HOUR, Timestamp};

/// How far the wall clock may lie behind the high-water mark before the time is called suspect, in seconds.
pub const BACKWARD_SECS_MAX: u64 = 24 * HOUR;
/// How far a host's time may lead the client's own and still raise the mark, in seconds.
pub const JUMP_SECS_MAX: u64 = 26 * HOUR;
/// How far apart two contacts must be to confirm a larger jump, in seconds.
pub const CONFIRM_SECS: u64 = HOUR;

/// What the machine's clocks say at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// Seconds since the machine started, suspended time included; `None` where the system cannot tell.
    pub boot_secs: Option<u64>,
    /// Tells one start of the machine from the next.
    pub boot: Option<[u8; 8]>,
}

/// The latest moment that is known to have passed, and what is needed to carry it forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The moment.
    pub at: Timestamp,
    /// `boot_secs` when the mark was set.
    pub boot_secs: Option<u64>,
    /// The start of the machine in which it was set.
    pub boot: Option<[u8; 8]>,
    /// A host's time that was too far ahead to be believed at once, and the mark's own moment when it was heard.
    pub unconfirmed: Option<Jump>,
}

/// A jump that waits for a second contact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jump {
    /// What the host's clock said.
    pub host_time: Timestamp,
    /// What the client took the time to be.
    pub heard_at: Timestamp,
}

/// What the client takes the time to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EffectiveTime {
    /// The time that leases are judged by: never before the mark.
    pub now: Timestamp,
    /// Whether the wall clock lies so far behind that somebody should look at it.
    pub suspect: bool,
}

impl Mark {
    /// A mark at the wall clock, for a client's first use.
    pub fn first(reading: Reading) -> Mark {
        Mark { at: reading.wall, boot_secs: reading.boot_secs, boot: reading.boot, unconfirmed: None }
    }

    /// The time: the later of the wall clock and the mark carried forward by the time since the machine started.
    pub fn effective(&self, reading: Reading) -> EffectiveTime {
        let same_boot = self.boot.is_some() && self.boot == reading.boot;
        let elapsed = match (self.boot_secs, reading.boot_secs) {
            (Some(then), Some(now)) if same_boot => now.saturating_sub(then),
            _ => 0,
        };
        let carried = self.at.plus(elapsed);
        EffectiveTime { now: carried.max(reading.wall), suspect: reading.wall.plus(BACKWARD_SECS_MAX) < carried }
    }

    /// The mark raised to the client's own effective time.
    #[must_use]
    pub fn raised(&self, reading: Reading) -> Mark {
        let at = self.effective(reading).now;
        Mark { at, boot_secs: reading.boot_secs, boot: reading.boot, unconfirmed: self.unconfirmed }
    }

    /// The mark after a host's signed answer, and whether the host's time is believed.
    ///
    /// A host may lead by [`JUMP_SECS_MAX`]; a larger jump is believed when a second contact, at least [`CONFIRM_SECS`]
    /// later, says the same.
    #[must_use]
    pub fn heard(&self, host_time: Timestamp, reading: Reading) -> (Mark, bool) {
        let mut mark = self.raised(reading);
        if host_time <= mark.at.plus(JUMP_SECS_MAX) {
            mark.at = mark.at.max(host_time);
            mark.unconfirmed = None;
            return (mark, true);
        }
        let confirmed = self.unconfirmed.is_some_and(|jump| {
            let between = mark.at.secs_since(jump.heard_at);
            let expected = jump.host_time.plus(between);
            let apart = host_time.secs_since(expected).max(expected.secs_since(host_time));
            between >= CONFIRM_SECS && apart <= JUMP_SECS_MAX
        });
        if confirmed {
            mark.at = host_time;
            mark.unconfirmed = None;
        } else if self.unconfirmed.is_none() {
            mark.unconfirmed = Some(Jump { host_time, heard_at: mark.at });
        }
        (mark, confirmed)
    }

    /// The mark after an authority's statement that it was `issued` at that time: the only thing that lowers a mark.
    /// `None` where the wall clock does not agree with it, although it may have been on its way for `carried_secs`.
    #[must_use]
    pub fn reset(issued: Timestamp, carried_secs: u64, reading: Reading) -> Option<Mark> {
        let earliest = issued.minus(JUMP_SECS_MAX);
        let latest = issued.plus(carried_secs.saturating_add(JUMP_SECS_MAX));
        (earliest..=latest)
            .contains(&reading.wall)
            .then(|| Mark { at: issued.max(reading.wall), ..Mark::first(reading) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY;

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);
    const BOOT: Option<[u8; 8]> = Some([1; 8]);

    fn reading(wall: Timestamp, boot_secs: u64) -> Reading {
        Reading { wall, boot_secs: Some(boot_secs), boot: BOOT }
    }

    #[test]
    fn time_never_falls_and_a_clock_far_behind_is_suspect() {
        let mark = Mark::first(reading(START, 100));
        for (wall, boot_secs, expected, suspect) in [
            (START.plus(50), 150, START.plus(50), false),
            (START.minus(HOUR), 150, START.plus(50), false),
            (START.minus(23 * HOUR), 100, START, false),
            (START.minus(25 * HOUR), 100, START, true),
            (START.minus(400 * DAY), 100 + 10 * DAY, START.plus(10 * DAY), true),
            (START.plus(400 * DAY), 150, START.plus(400 * DAY), false),
        ] {
            let found = mark.effective(reading(wall, boot_secs));
            assert_eq!(found, EffectiveTime { now: expected, suspect });
        }
        let after_restart = Reading { wall: START.minus(DAY), boot_secs: Some(9_999_999), boot: Some([2; 8]) };
        assert_eq!(mark.effective(after_restart).now, START, "time since another start proves nothing");
    }

    #[test]
    fn one_lying_host_moves_the_mark_by_a_day_at_most() {
        let mark = Mark::first(reading(START, 0));
        let (near, believed) = mark.heard(START.plus(25 * HOUR), reading(START, 0));
        assert!(believed);
        assert_eq!(near.at, START.plus(25 * HOUR));
        let (far, believed) = mark.heard(START.plus(5_000 * DAY), reading(START, 0));
        assert!(!believed);
        assert_eq!(far.at, START);
    }

    #[test]
    fn a_jump_is_believed_after_a_second_contact_an_hour_later() {
        let jump = 400 * DAY;
        let (mark, _) = Mark::first(reading(START, 0)).heard(START.plus(jump), reading(START, 0));
        for (elapsed, said, expected) in [
            (CONFIRM_SECS - 1, jump + CONFIRM_SECS, false),
            (CONFIRM_SECS, jump + CONFIRM_SECS, true),
            (CONFIRM_SECS, jump + 30 * DAY, false),
        ] {
            let (_, believed) = mark.heard(START.plus(said), reading(START.plus(elapsed), elapsed));
            assert_eq!(believed, expected, "{elapsed}");
        }
    }

    #[test]
    fn a_reset_counts_where_the_wall_clock_agrees_with_it() {
        let hours = |n: i64| n * HOUR.cast_signed();
        let wall = |ahead: i64| Timestamp::from_secs(START.as_secs().checked_add_signed(ahead).unwrap());
        for (ahead, carried_secs, expected) in [
            (0, 0, Some(START)),
            (hours(-26), 0, Some(START)),
            (hours(-26) - 1, 0, None),
            (hours(26), 0, Some(wall(hours(26)))),
            (hours(26) + 1, 0, None),
            (hours(26) + 1, 30 * DAY, Some(wall(hours(26) + 1))),
            (hours(30 * 24 + 26) + 1, 30 * DAY, None),
            (hours(-27), 30 * DAY, None),
        ] {
            let mark = Mark::reset(START, carried_secs, reading(wall(ahead), 5));
            assert_eq!(mark.map(|mark| mark.at), expected, "{ahead} {carried_secs}");
            assert!(mark.is_none_or(|mark| mark.unconfirmed.is_none() && mark.boot_secs == Some(5)));
        }
        assert_eq!(Mark::reset(Timestamp::MAX, u64::MAX, reading(START, 0)), None);
    }
}
