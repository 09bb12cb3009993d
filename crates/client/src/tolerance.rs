//! Whether this is still the machine that what is held was made for (`docs/spec/client-state.md`, 12).
//!
//! The machine is asked when a client is opened and before each attempt, and never where a product only wants its status.

use keymuster_core::fingerprint::{digest, is_same_machine};
use keymuster_core::request::{Act, Fact};

use crate::client::{Client, Loaded};
use crate::env::Env;
use crate::error::Error;
use crate::machine::salted;
use crate::record::Record;

impl Client {
    /// Compares the machine with what is held, and writes down what has changed.
    pub(crate) fn compare_machine(&self) -> Result<(), Error> {
        let loaded = self.current();
        let Some(held) = &loaded.record.held else { return Ok(()) };
        let is_same = loaded.is_same_machine(&self.shared.settings.env);
        if is_same == held.out_of_tolerance_since.is_none() {
            return Ok(());
        }
        self.update(|record| {
            // Another process may hold something new by this time, which was not compared.
            if record.held.as_ref().is_some_and(|now| now.bundle == held.bundle) {
                note(record, is_same);
            }
        })
    }

    /// The facts that a request carries: none where nobody needs them, or there are none.
    pub(crate) fn facts_sent(&self, record: &Record, act: Act) -> Option<Vec<Fact>> {
        let salt = record.salt.as_ref().filter(|_| matches!(act, Act::Activate | Act::Mak))?;
        let facts = salted(salt, &self.shared.settings.env.facts());
        (!facts.is_empty()).then_some(facts)
    }
}

impl Loaded {
    /// Compares the machine with what is held, in memory alone.
    pub fn note_machine(&mut self, env: &Env) {
        let is_same = self.is_same_machine(env);
        note(&mut self.record, is_same);
    }

    fn is_same_machine(&self, env: &Env) -> bool {
        let (Some(held), Some(record), Some(salt)) = (&self.held, &self.record.held, &self.record.salt) else {
            return true;
        };
        let none = Vec::new();
        let then = record.facts.as_ref().unwrap_or(&none);
        match held.lease().map(|(lease, _)| lease.fingerprint) {
            // The host has bound the lease to nothing.
            Some(None) => return true,
            // What is kept is not what the lease was granted for, so somebody has changed it.
            Some(Some(bound)) if bound != digest(then) => return false,
            _ => {}
        }
        then.is_empty() || is_same_machine(then, &salted(salt, &env.facts()))
    }

    /// Whether what is held is valid, and this is the machine that it was made for.
    pub fn is_in_order(&self, env: &Env) -> bool {
        let is_out = self.record.held.as_ref().is_some_and(|held| held.out_of_tolerance_since.is_some());
        !is_out && self.is_valid(self.now(env))
    }
}

fn note(record: &mut Record, is_same: bool) {
    let now = record.mark.mark().at;
    if let Some(held) = &mut record.held {
        match is_same {
            true => held.out_of_tolerance_since = None,
            false => drop(held.out_of_tolerance_since.get_or_insert(now)),
        }
    }
}
