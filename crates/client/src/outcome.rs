//! What an attempt leaves in the record: a lease or a refusal, and when to ask again.
//!
//! Only [`keep`] and [`let_go`] touch what is held; nothing that fails does.

use keymuster_core::catalogue::Interval;
use keymuster_core::codes;
use keymuster_core::time::Timestamp;

use crate::answer::Accepted;
use crate::discovery::Candidate;
use crate::env::Env;
use crate::error::Error;
use crate::record::{HostRecord, Mak, MarkRecord, Pending, Record, RefusalRecord};
use crate::settings::HostAddress;
use crate::status::Via;

/// The first delay after an attempt without an answer, in seconds; it doubles each time.
const BACKOFF_SECS: u64 = 2;
/// So many hosts that were asked in vain are remembered: more than a customer has, and than anybody can put before them
/// without being noticed.
const UNHELPFUL_MAX: usize = 64;

/// Takes over an accepted answer.
pub(crate) fn keep(record: &mut Record, accepted: &Accepted, env: &Env) {
    let Accepted { held, revocations, mark, now, renew_secs, .. } = accepted;
    record.held = Some(held.clone());
    record.mark = MarkRecord::of(mark);
    if let Some(list) = revocations {
        record.revocations = Some(list.clone());
    }
    // Only an activation needs no renewal, and after it the MAK is not needed any more.
    if let Some(mak) = record.mak.as_mut().filter(|_| renew_secs.is_none()) {
        mak.secret = None;
    }
    record.next_attempt = renew_secs.map(|secs| now.plus(shortened(secs, env)));
    record.released = false;
    answered(record, *now);
}

/// Drops a lease that the host has taken back.
pub(crate) fn let_go(record: &mut Record) {
    record.held = None;
    record.next_attempt = None;
    record.released = true;
    answered(record, record.mark.mark().at);
}

/// Notes who answered, and how, for the next attempt.
pub(crate) fn remember_host(record: &mut Record, host: &Candidate, via: Option<Via>) {
    let at = record.mark.mark().at;
    record.host = Some(HostRecord { address: host.address.to_string(), found_by: host.found_by.clone(), at, via });
}

/// Notes what came instead of an answer, or the refusal, and when to ask again.
pub(crate) fn note_failure(record: &mut Record, error: &Error, retry: Interval, env: &Env) {
    let now = record.mark.mark().at;
    let secs = if let Error::Refused(refused) = error {
        let is_by_proxy = record.mak.as_ref().is_some_and(Mak::is_by_proxy);
        record.pending = match record.pending.take() {
            Some(collected) if is_by_proxy && refused.is(&codes::EXCHANGE_PENDING) => {
                Some(Pending { in_file: true, ..collected })
            }
            _ => None,
        };
        record.failures = 0;
        record.last_contact = Some(now);
        record.last_refusal = Some(RefusalRecord {
            code: refused.name.clone(),
            detail: refused.detail.clone(),
            at: now,
            host: refused.host.clone(),
        });
        let told = refused.retry_after.map(|wait| wait.as_secs().clamp(1, retry.max_secs));
        told.unwrap_or_else(|| shortened(retry.default_secs, env))
    } else {
        if matches!(error, Error::AnswerInvalid { .. }) {
            // A host that repeats an answer would repeat an invalid one.
            record.pending = None;
        }
        let doubled = BACKOFF_SECS << record.failures.min(32);
        record.failures = record.failures.saturating_add(1);
        env.up_to(doubled.min(retry.default_secs)).max(1)
    };
    record.next_attempt = Some(now.plus(secs));
}

/// Notes who was asked in vain, so that the next attempt begins with others.
pub(crate) fn note_unhelpful(record: &mut Record, asked: &[HostAddress]) {
    let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
    let mut unhelpful = record.unhelpful.take().unwrap_or_default();
    unhelpful.retain(|host| !asked.contains(host));
    unhelpful.extend(asked);
    let too_many = unhelpful.len().saturating_sub(UNHELPFUL_MAX);
    unhelpful.drain(..too_many);
    record.unhelpful = (!unhelpful.is_empty()).then_some(unhelpful);
}

fn answered(record: &mut Record, now: Timestamp) {
    record.pending = None;
    record.failures = 0;
    record.damaged = None;
    record.last_contact = Some(now);
    record.last_refusal = None;
}

/// A time drawn from the last 15 per cent of `secs`, so that clients which began together do not stay together.
fn shortened(secs: u64, env: &Env) -> u64 {
    secs - env.up_to(secs.saturating_mul(15) / 100)
}
