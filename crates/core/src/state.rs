//! The state of a client: a pure function of what it holds and the time (`docs/spec/client-state.md`, 2).

use std::fmt;

use crate::codes::{self, Code};
use crate::lease::LeaseKind;
use crate::request::Standing;
use crate::time::Timestamp;

/// What a client holds for one edition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Holding {
    /// When the product was first used; `None` before that.
    pub first_use: Option<Timestamp>,
    /// The lease or activation, if there ever was one.
    pub right: Option<Right>,
    /// Since when the machine's fingerprint has been out of tolerance.
    pub out_of_tolerance_since: Option<Timestamp>,
}

/// A lease or an activation, as far as the state depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "times are explained by the documents they come from")]
pub enum Right {
    Lease { kind: LeaseKind, renew_after: Timestamp, expires: Timestamp },
    Activation { expires: Option<Timestamp> },
}

/// How the publisher licenses the edition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// By volume or by seats; seats have no grace, which would be a seat beyond the limit.
    pub kind: LeaseKind,
    /// How long grace lasts, in seconds.
    pub grace_secs: u64,
}

/// The state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The product was never used here.
    Unlicensed,
    /// It may run for a while without a lease.
    Grace {
        /// Why.
        reason: GraceReason,
        /// Until when.
        until: Timestamp,
    },
    /// It is activated.
    Licensed {
        /// Until when; `None` for ever.
        until: Option<Timestamp>,
        /// From when the next lease should be asked for; `None` where there is nothing to renew.
        renew_after: Option<Timestamp>,
    },
    /// Grace is over. What the product does is the product's choice.
    Notification {
        /// Why.
        reason: NotificationReason,
        /// Since when.
        since: Timestamp,
    },
}

/// Why a client is in grace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GraceReason {
    /// The product is new here.
    FirstUse,
    /// The lease or activation has ended.
    Ended,
    /// The machine has changed too much.
    OutOfTolerance,
}

/// Why a client is in notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotificationReason {
    /// The grace after first use is over.
    GraceOver,
    /// The lease or activation has ended, and the grace after it.
    Ended,
    /// The grace after a change of the machine is over.
    OutOfTolerance,
    /// The edition is licensed by seats, and this client holds none.
    NoSeat,
}

impl State {
    /// The state of what is held, at `now`.
    ///
    /// ```
    /// use keymuster_core::{lease::LeaseKind, state::{Holding, Rules, State}, time::{DAY, Timestamp}};
    /// let installed = Timestamp::from_secs(1_800_000_000);
    /// let holding = Holding { first_use: Some(installed), ..Holding::default() };
    /// let rules = Rules { kind: LeaseKind::Volume, grace_secs: 30 * DAY };
    /// assert!(State::of(&holding, rules, installed.plus(29 * DAY)).may_run());
    /// assert!(!State::of(&holding, rules, installed.plus(30 * DAY)).may_run());
    /// ```
    pub fn of(holding: &Holding, rules: Rules, now: Timestamp) -> State {
        let Some(first_use) = holding.first_use else {
            return State::Unlicensed;
        };
        let grace_secs = match rules.kind {
            LeaseKind::Volume => rules.grace_secs,
            LeaseKind::Seat => 0,
        };
        let grace = |from: Timestamp, reason, over| match from.plus(grace_secs) {
            until if now < until => State::Grace { reason, until },
            since => State::Notification { reason: over, since },
        };
        let moved = |since| grace(since, GraceReason::OutOfTolerance, NotificationReason::OutOfTolerance);
        match holding.right {
            Some(right) if right.is_valid(now) => match holding.out_of_tolerance_since {
                Some(since) => moved(since),
                None => State::Licensed { until: right.expires(), renew_after: right.renew_after() },
            },
            _ if rules.kind == LeaseKind::Seat => {
                let since = holding.right.and_then(|right| right.expires()).unwrap_or(first_use);
                State::Notification { reason: NotificationReason::NoSeat, since }
            }
            Some(right) => {
                let ended = right.expires().unwrap_or(first_use);
                // One that was out of tolerance before the end has had its grace, or part of it.
                match holding.out_of_tolerance_since.filter(|since| *since < ended) {
                    Some(since) => moved(since),
                    None => grace(ended, GraceReason::Ended, NotificationReason::Ended),
                }
            }
            None => grace(first_use, GraceReason::FirstUse, NotificationReason::GraceOver),
        }
    }

    /// How the client stands, as its requests tell a host.
    pub fn standing(&self) -> Standing {
        match self {
            State::Unlicensed => Standing::Unlicensed,
            State::Grace { reason: GraceReason::FirstUse, .. } => Standing::Grace,
            State::Grace { reason: GraceReason::Ended, .. } => Standing::Ended,
            State::Grace { reason: GraceReason::OutOfTolerance, .. } => Standing::OutOfTolerance,
            State::Licensed { .. } => Standing::Licensed,
            State::Notification { .. } => Standing::Notification,
        }
    }

    /// Whether the product may run without a word: licensed or in grace.
    pub fn may_run(&self) -> bool {
        matches!(self, State::Licensed { .. } | State::Grace { .. })
    }
}

impl NotificationReason {
    /// The stable code by which it is explained.
    pub fn code(&self) -> &'static Code {
        match self {
            NotificationReason::GraceOver | NotificationReason::Ended => &codes::GRACE_OVER,
            NotificationReason::OutOfTolerance => &codes::OUT_OF_TOLERANCE,
            NotificationReason::NoSeat => &codes::NO_SEAT,
        }
    }
}

impl Right {
    fn is_valid(&self, now: Timestamp) -> bool {
        self.expires().is_none_or(|end| now < end)
    }

    fn expires(&self) -> Option<Timestamp> {
        match self {
            Right::Lease { expires, .. } => Some(*expires),
            Right::Activation { expires } => *expires,
        }
    }

    fn renew_after(&self) -> Option<Timestamp> {
        match self {
            Right::Lease { renew_after, .. } => Some(*renew_after),
            Right::Activation { .. } => None,
        }
    }
}

/// One sentence for people.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Unlicensed => f.write_str("unlicensed: the product was never used here"),
            State::Grace { reason, until } => write!(f, "in grace until {until} ({reason})"),
            State::Licensed { until: Some(until), .. } => write!(f, "licensed until {until}"),
            State::Licensed { until: None, .. } => f.write_str("licensed for ever"),
            State::Notification { reason, since } => write!(f, "not licensed since {since} ({reason})"),
        }
    }
}

impl fmt::Display for GraceReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GraceReason::FirstUse => "not activated yet",
            GraceReason::Ended => "the activation has ended",
            GraceReason::OutOfTolerance => "the machine has changed",
        })
    }
}

impl fmt::Display for NotificationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotificationReason::GraceOver => "it was never activated, and the grace is over",
            NotificationReason::Ended => "the activation has ended, and the grace is over",
            NotificationReason::OutOfTolerance => "the machine has changed, and the grace is over",
            NotificationReason::NoSeat => "no seat is held",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY;

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn lease(kind: LeaseKind, days: u64) -> Option<Right> {
        Some(Right::Lease { kind, renew_after: START.plus(7 * DAY), expires: START.plus(days * DAY) })
    }

    #[test]
    fn each_holding_has_its_state() {
        use LeaseKind::{Seat, Volume};
        let used = Holding { first_use: Some(START), ..Holding::default() };
        let changed = Holding { out_of_tolerance_since: Some(START.plus(DAY)), right: lease(Volume, 180), ..used };
        let for_ever = Holding { right: Some(Right::Activation { expires: None }), ..used };
        for (holding, kind, day, expected) in [
            (Holding::default(), Volume, 0, "unlicensed: the product was never used here"),
            (used, Volume, 0, "in grace until 2027-02-14T08:00:00Z (not activated yet)"),
            (
                used,
                Volume,
                30,
                "not licensed since 2027-02-14T08:00:00Z (it was never activated, and the grace is over)",
            ),
            (used, Seat, 0, "not licensed since 2027-01-15T08:00:00Z (no seat is held)"),
            (Holding { right: lease(Volume, 180), ..used }, Volume, 179, "licensed until 2027-07-14T08:00:00Z"),
            (
                Holding { right: lease(Volume, 180), ..used },
                Volume,
                180,
                "in grace until 2027-08-13T08:00:00Z (the activation has ended)",
            ),
            (
                Holding { right: lease(Volume, 180), ..used },
                Volume,
                210,
                "not licensed since 2027-08-13T08:00:00Z (the activation has ended, and the grace is over)",
            ),
            (Holding { right: lease(Seat, 1), ..used }, Seat, 0, "licensed until 2027-01-16T08:00:00Z"),
            (
                Holding { right: lease(Seat, 1), ..used },
                Seat,
                1,
                "not licensed since 2027-01-16T08:00:00Z (no seat is held)",
            ),
            (changed, Volume, 2, "in grace until 2027-02-15T08:00:00Z (the machine has changed)"),
            (
                changed,
                Volume,
                40,
                "not licensed since 2027-02-15T08:00:00Z (the machine has changed, and the grace is over)",
            ),
            (
                changed,
                Volume,
                181,
                "not licensed since 2027-02-15T08:00:00Z (the machine has changed, and the grace is over)",
            ),
            (for_ever, Volume, 40_000, "licensed for ever"),
        ] {
            let state = State::of(&holding, Rules { kind, grace_secs: 30 * DAY }, START.plus(day * DAY));
            assert_eq!(state.to_string(), expected);
        }
    }
}
