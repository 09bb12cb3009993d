//! The state of a client as its host sees it.

use std::collections::BTreeMap;

use keymuster_core::lease::LeaseKind;
use keymuster_core::time::{DAY, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::at;
use crate::site::Site;
use crate::store::client::list::Range;

/// Leases that end within so many seconds are said to be ending.
pub const ENDING_SECS: u64 = 30 * DAY;

/// How a client stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
#[schema(as = ClientState)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It holds a lease and renews it.
    Licensed,
    /// It holds a lease and has missed two renewals.
    Overdue,
    /// Its lease ends within 30 days; seats, which are short, never stand so.
    Ending,
    /// Its lease has ended.
    Ended,
    /// It has given its lease back.
    Returned,
    /// It holds no lease, and its last request was refused.
    Refused,
    /// An administrator has released it.
    Released,
}

/// What the ledger keeps of a client that its state follows from.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// When it last asked.
    pub last_asked: Timestamp,
    /// When its lease ends.
    pub lease_expires: Option<Timestamp>,
    /// Whether an administrator has released it.
    pub is_released: bool,
    /// Whether its last request was answered.
    pub is_answered: bool,
}

/// What the state of an edition's clients depends on.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Whether its leases are of kind volume.
    pub is_volume: bool,
    /// From one renewal to the next, in seconds.
    pub renew_secs: u64,
}

/// Those of an edition that no catalogue has.
impl Default for Terms {
    fn default() -> Terms {
        Terms { is_volume: true, renew_secs: 7 * DAY }
    }
}

impl Terms {
    /// The terms of every edition.
    pub(crate) fn of(site: &Site) -> BTreeMap<(i64, u16), Terms> {
        let mut terms = BTreeMap::new();
        for held in &site.publishers {
            let renew_secs = held.choices.renew(&held.catalogue).value;
            for edition in &held.catalogue.editions {
                let is_volume = edition.kind == LeaseKind::Volume;
                terms.insert((held.number, edition.number), Terms { is_volume, renew_secs });
            }
        }
        terms
    }

    /// How long a client of the edition has not asked that is silent (`docs/spec/counting.md`, 8).
    fn silence_secs(self) -> u64 {
        self.renew_secs.saturating_mul(2)
    }
}

impl State {
    /// All of them.
    pub const ALL: [State; 7] = [
        State::Licensed,
        State::Overdue,
        State::Ending,
        State::Ended,
        State::Returned,
        State::Refused,
        State::Released,
    ];

    /// Its name in URLs and JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::Licensed => "licensed",
            State::Overdue => "overdue",
            State::Ending => "ending",
            State::Ended => "ended",
            State::Returned => "returned",
            State::Refused => "refused",
            State::Released => "released",
        }
    }

    /// What it means, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            State::Licensed => "Licensed",
            State::Overdue => "Renewal overdue",
            State::Ending => "Lease ends in 30 days",
            State::Ended => "Lease ended",
            State::Returned => "Given back",
            State::Refused => "Refused, no lease",
            State::Released => "Released",
        }
    }

    /// The kind of its badge.
    pub fn kind(self) -> &'static str {
        match self {
            State::Licensed => "good",
            State::Overdue | State::Ending => "warn",
            State::Ended | State::Refused => "bad",
            State::Returned | State::Released => "",
        }
    }

    /// The state of this name.
    pub(super) fn named(name: &str) -> Result<State, String> {
        let found = State::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| format!("{name:?} is no state of a client"))
    }

    /// The state of a client at a moment.
    pub fn of(kept: Kept, terms: Terms, now: Timestamp) -> State {
        match kept.lease_expires {
            _ if kept.is_released => State::Released,
            None if kept.is_answered => State::Returned,
            None => State::Refused,
            Some(end) if end <= now => State::Ended,
            Some(_) if !terms.is_volume => State::Licensed,
            Some(end) if end <= now.plus(ENDING_SECS) => State::Ending,
            Some(_) if kept.last_asked < now.minus(terms.silence_secs()) => State::Overdue,
            Some(_) => State::Licensed,
        }
    }

    /// A range of all clients of this state, which has others as well.
    pub(super) fn range(self, now: Timestamp, terms: &BTreeMap<(i64, u16), Terms>) -> Range {
        let begin = at(now) + 1;
        match self {
            State::Licensed => Range::LeaseEnd(begin, i64::MAX),
            State::Overdue => {
                let all = terms.values().copied().chain([Terms::default()]);
                let shortest = all.map(Terms::silence_secs).min().unwrap_or_default();
                Range::LastAsked(1, at(now.minus(shortest)))
            }
            State::Ending => Range::LeaseEnd(begin, at(now.plus(ENDING_SECS))),
            State::Ended => Range::LeaseEnd(1, at(now)),
            State::Returned | State::Refused => Range::LeaseEnd(0, 0),
            State::Released => Range::Released,
        }
    }
}
