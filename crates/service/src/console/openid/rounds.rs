//! Rounds that people are on: sent to the provider and not back yet. Kept in memory, few and short.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use keymuster_core::time::{MINUTE, Timestamp};

/// For how long somebody may be at the provider, in seconds.
pub const ROUND_SECS: u64 = 10 * MINUTE;
/// How many people can be on their way; beyond that the oldest has to begin again.
const ROUNDS_MAX: usize = 1000;

/// What somebody was sent for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To sign in, and go on at this path.
    SignIn(String),
    /// To link the account of this session.
    Link(String),
    /// To prove anew, in this session, who they are, and go on at this path.
    Confirm(String, String),
}

/// One round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Round {
    /// What for.
    pub purpose: Purpose,
    /// What the id token has to repeat.
    pub nonce: String,
    /// What proves that the code was asked for from here (RFC 7636).
    pub verifier: String,
    /// Where the provider leads back to.
    pub redirect: String,
    /// When it began.
    pub started_at: Timestamp,
}

/// All of them, by the state that the provider hands back.
#[derive(Debug, Default)]
pub struct Rounds(Mutex<BTreeMap<String, Round>>);

impl Rounds {
    /// Notes one that begins.
    pub fn begin(&self, state: String, round: Round) {
        let mut rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.retain(|_, other| round.started_at < other.started_at.plus(ROUND_SECS));
        if rounds.len() >= ROUNDS_MAX {
            let oldest = rounds.iter().min_by_key(|(_, other)| other.started_at).map(|(state, _)| state.clone());
            oldest.map(|state| rounds.remove(&state));
        }
        rounds.insert(state, round);
    }

    /// Takes the one with this state, if it is not over.
    pub fn end(&self, state: &str, now: Timestamp) -> Option<Round> {
        let round = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(state)?;
        (now < round.started_at.plus(ROUND_SECS)).then_some(round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_ends_once_and_in_time_and_there_are_few() {
        let rounds = Rounds::default();
        let at = |secs: u64| Timestamp::from_secs(1_000_000 + secs);
        let round = |secs: u64| Round {
            purpose: Purpose::SignIn("/".to_owned()),
            nonce: secs.to_string(),
            verifier: String::new(),
            redirect: String::new(),
            started_at: at(secs),
        };
        rounds.begin("a".to_owned(), round(0));
        assert_eq!(rounds.end("a", at(1)), Some(round(0)));
        assert_eq!(rounds.end("a", at(1)), None, "once");
        rounds.begin("b".to_owned(), round(0));
        assert_eq!(rounds.end("b", at(ROUND_SECS)), None, "too late");
        for number in 0..=ROUNDS_MAX {
            rounds.begin(format!("r{number}"), round(number as u64 / 10));
        }
        assert_eq!(rounds.0.lock().unwrap().len(), ROUNDS_MAX);
        assert!(rounds.end(&format!("r{ROUNDS_MAX}"), at(101)).is_some(), "the newest is there");
    }
}
