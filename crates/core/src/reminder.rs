//! How often a user is told how the product stands (`docs/spec/client-state.md`, 13).

use crate::state::State;
use crate::time::{DAY, HOUR, Timestamp};

/// That a user should be told, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reminder {
    /// How often, in seconds.
    pub every_secs: u64,
    /// When next: a moment that has come already means now.
    pub due: Timestamp,
}

/// Within this time of its end, in seconds, a lease whose renewal is overdue is worth a word.
const END_SECS: u64 = 30 * DAY;
/// The end of a grace, in seconds, in which a day is too long between two reminders.
const LAST_SECS: u64 = 3 * DAY;

impl Reminder {
    /// What the state calls for at `now`, where the user was told last at `told_at`.
    ///
    /// ```
    /// use keymuster_core::{reminder::Reminder, state::{GraceReason, State}, time::{DAY, HOUR, Timestamp}};
    /// let now = Timestamp::from_secs(1_800_000_000);
    /// let grace = |left| State::Grace { reason: GraceReason::FirstUse, until: now.plus(left) };
    /// assert_eq!(Reminder::of(&grace(20 * DAY), None, now).unwrap().due, now);
    /// assert_eq!(Reminder::of(&grace(20 * DAY), Some(now), now).unwrap().due, now.plus(DAY));
    /// assert_eq!(Reminder::of(&grace(2 * DAY), Some(now), now).unwrap().due, now.plus(4 * HOUR));
    /// ```
    pub fn of(state: &State, told_at: Option<Timestamp>, now: Timestamp) -> Option<Reminder> {
        let every_secs = every_secs(state, now)?;
        // A time that lies ahead was noted by a clock that was wrong then.
        let due = told_at.filter(|told_at| *told_at <= now).map_or(now, |told_at| told_at.plus(every_secs));
        Some(Reminder { every_secs, due })
    }
}

fn every_secs(state: &State, now: Timestamp) -> Option<u64> {
    match state {
        State::Unlicensed | State::Licensed { until: None, .. } => None,
        State::Licensed { until: Some(until), renew_after } => {
            let is_overdue = renew_after.is_none_or(|renew_after| renew_after <= now);
            (is_overdue && until.secs_since(now) <= END_SECS).then_some(DAY)
        }
        State::Grace { until, .. } => Some(match until.secs_since(now) {
            0..=DAY => HOUR,
            left if left <= LAST_SECS => 4 * HOUR,
            _ => DAY,
        }),
        State::Notification { .. } => Some(HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::LeaseKind;
    use crate::state::{Holding, Right, Rules};

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);

    /// How often a user is told in each span of days, by a product that looks every ten minutes.
    fn told(holding: &Holding, kind: LeaseKind, spans: &[u64]) -> Vec<usize> {
        let rules = Rules { kind, grace_secs: 30 * DAY };
        let (mut told_at, mut times) = (None, vec![0; spans.len() - 1]);
        for secs in (spans[0] * DAY..spans[spans.len() - 1] * DAY).step_by(600) {
            let now = START.plus(secs);
            let reminder = Reminder::of(&State::of(holding, rules, now), told_at, now);
            if reminder.is_some_and(|reminder| reminder.due <= now) {
                told_at = Some(now);
                let span = spans.windows(2).position(|span| secs < span[1] * DAY).unwrap();
                times[span] += 1;
            }
        }
        times
    }

    #[test]
    fn two_hundred_and_ten_days() {
        use LeaseKind::{Seat, Volume};
        let used = Holding { first_use: Some(START), ..Holding::default() };
        let lease = |kind, renew_after, expires| {
            let right = Right::Lease { kind, renew_after: START.plus(renew_after), expires: START.plus(expires) };
            Holding { right: Some(right), ..used }
        };
        let activation = |days| {
            let right = Right::Activation { expires: Some(START.plus(days * DAY)) };
            Holding { right: Some(right), ..used }
        };
        let for_ever = Holding { right: Some(Right::Activation { expires: None }), ..used };
        let moved = Holding { out_of_tolerance_since: Some(START), ..lease(Volume, 7 * DAY, 180 * DAY) };
        // The spans are those of a lease of 180 days and its grace, to the day on which a reminder changes its pace.
        let spans = [0, 7, 150, 180, 207, 209, 210, 211];
        for (name, holding, kind, expected) in [
            ("renewed never", lease(Volume, 7 * DAY, 180 * DAY), Volume, [0, 0, 30, 27, 12, 24, 24]),
            ("used, never activated", used, Volume, [7, 20 + 12 + 24 + 120 * 24, 720, 648, 48, 24, 24]),
            ("renewed late by choice", lease(Volume, 170 * DAY, 180 * DAY), Volume, [0, 0, 10, 27, 12, 24, 24]),
            (
                "a short lease",
                lease(Volume, DAY, 8 * DAY),
                Volume,
                [6, 1 + 27 + 12 + 24 + 112 * 24, 720, 648, 48, 24, 24],
            ),
            ("a seat", lease(Seat, HOUR, 2 * HOUR), Seat, [167, 143 * 24, 720, 648, 48, 24, 24]),
            ("an activation that ends", activation(180), Volume, [0, 0, 30, 27, 12, 24, 24]),
            ("for ever", for_ever, Volume, [0; 7]),
            ("never used", Holding::default(), Volume, [0; 7]),
            ("another machine", moved, Volume, [7, 20 + 12 + 24 + 120 * 24, 720, 648, 48, 24, 24]),
        ] {
            assert_eq!(told(&holding, kind, &spans), expected, "{name}");
        }
    }

    #[test]
    fn a_reminder_noted_by_a_wrong_clock_silences_nothing() {
        let state = State::Notification { reason: crate::state::NotificationReason::Ended, since: START };
        for (told_at, expected) in
            [(None, START), (Some(START.plus(DAY)), START), (Some(START.minus(60)), START.plus(HOUR - 60))]
        {
            let reminder = Reminder::of(&state, told_at, START).unwrap();
            assert_eq!(reminder, Reminder { every_secs: HOUR, due: expected });
        }
    }
}
