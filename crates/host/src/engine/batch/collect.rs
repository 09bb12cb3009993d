//! Requests for an activation by a MAK: kept for the administrator's exchange, and answered with its results.
//!
//! Nothing here counts a client or touches the ledger.

use keymuster_core::bundle::Bundle;
use keymuster_core::codes;
use keymuster_core::exchange::{COLLECTED_MAX, Collection, REPEATED_SECS, collect};
use keymuster_core::grant::{Known, LastRequest};
use keymuster_core::refusal::Refusal;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;

use super::{Batch, Case, Outcome, desk};
use crate::site::carry_revocations;
use crate::store::client::Client;
use crate::store::collected::{self, Collected, Verdict};

impl Batch<'_> {
    /// Keeps a request, or gives the result of the one that is kept.
    pub(super) fn collect(&mut self, case: &Case<'_>, rows: &[Client]) -> Result<Outcome, Failure> {
        let Case { publisher, request, .. } = case;
        let kept = collected::of_client(self.tx, publisher.number, request.client)?;
        let own = kept.iter().find(|kept| kept.request.edition == request.edition);
        let client_key = rows.first().map(|row| row.client_key);
        let client_key = client_key.or_else(|| kept.first().map(|kept| *kept.request.client_key.as_bytes()));
        let last = own.map(|own| &own.request).map(|kept| LastRequest {
            counter: kept.counter,
            request: kept.request,
            answered_by: None,
        });
        let known = client_key.map(|client_key| Known { client_key, last });
        match (collect(&desk(self.site, publisher, &[]), request, known.as_ref()), own) {
            (Err(refusal), _) => Ok(Outcome::Refused(refusal)),
            (Ok(Collection::Repeat), Some(own)) => self.result(case, own),
            _ if own.is_none() && !self.has_room()? => {
                Ok(Outcome::Refused(Refusal::ExchangeFull { max: COLLECTED_MAX }))
            }
            _ => {
                collected::put(self.tx, publisher.number, request, &case.address.to_string(), self.now)?;
                Ok(self.pending(case, self.now))
            }
        }
    }

    fn pending(&self, case: &Case<'_>, since: Timestamp) -> Outcome {
        let retry_after_secs = case.publisher.choices.retry(&case.publisher.catalogue).value;
        Outcome::Refused(Refusal::ExchangePending { since, retry_after_secs })
    }

    fn result(&self, case: &Case<'_>, own: &Collected) -> Result<Outcome, Failure> {
        match &own.result {
            None => Ok(self.pending(case, own.since)),
            Some((_, Verdict::Activated(bundle))) => {
                let place = format!("{}, edition {}", own.request.client, own.request.edition);
                let damaged = |error| Failure::damaged("collected", "answer", place, format!("{error}"));
                let mut answer = Bundle::parse(bundle).map_err(damaged)?;
                carry_revocations(&mut answer, &case.publisher.pack);
                Ok(Outcome::Activation { answer: Box::new(answer) })
            }
            Some((_, Verdict::Refused(name, detail))) => {
                let code = codes::all().find(|code| code.name == name).unwrap_or(&codes::VERSION_UNSUPPORTED);
                let detail = if code.name == name { detail.clone() } else { format!("{name}: {detail}") };
                Ok(Outcome::RefusedByAuthority { code, detail })
            }
        }
    }

    /// Whether one more request may be kept; counted once for all requests of a batch, or somebody who fills the table
    /// would make every one of them slow.
    fn has_room(&mut self) -> Result<bool, Failure> {
        let mut kept = match self.collected {
            Some(kept) => kept,
            None => {
                let mut kept = collected::count(self.tx)?;
                if kept >= COLLECTED_MAX && collected::drop_before(self.tx, self.now.minus(REPEATED_SECS))? > 0 {
                    kept = collected::count(self.tx)?;
                }
                kept
            }
        };
        let has_room = kept < COLLECTED_MAX;
        kept += u64::from(has_room);
        self.collected = Some(kept);
        Ok(has_room)
    }
}
