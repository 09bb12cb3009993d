//! What is held: whether the product may run, by which key, what was answered last, and what comes next.

use keymuster_client::examination::Examination;
use keymuster_client::{State, Status, Timestamp, Way};
use keymuster_core::codes::{self, Code};
use keymuster_core::finding::Finding;
use keymuster_core::state::{GraceReason, NotificationReason};
use keymuster_core::time::{DAY, day_words, duration_words};

/// Within this time of its end a lease that was not renewed is worth a warning, in seconds.
const END_SECS: u64 = 30 * DAY;

pub fn examine(status: &Status, seen: &Examination) -> Vec<Finding> {
    let mut findings = vec![state(status)];
    findings.extend(key(status, seen));
    if status.time_suspect {
        findings.push(Finding::warning("clock", "this machine's clock was turned back").coded(&codes::CLOCK_SUSPECT));
    }
    for notice in &status.notices {
        let finding = Finding::warning("notice", without_code(&notice.to_string(), notice.code()));
        findings.push(match notice.code() {
            Some(code) => finding.coded(code),
            None => finding,
        });
    }
    findings.extend(last(status));
    findings.extend(next(status));
    findings
}

/// A notice ends with its code, which a finding has beside it.
fn without_code(text: &str, code: Option<&Code>) -> String {
    let end = code.map(|code| format!(" ({code})")).unwrap_or_default();
    text.strip_suffix(&end).unwrap_or(text).to_owned()
}

fn state(status: &Status) -> Finding {
    const NAME: &str = "licence";
    let activate = "run `keymuster activate` as soon as nothing else is found here";
    match status.state {
        State::Licensed { until: Some(until), renew_after: Some(renew_after) }
            if renew_after <= status.now && until.secs_since(status.now) < END_SECS =>
        {
            let left = duration_words(until.secs_since(status.now) / DAY * DAY);
            let seen = format!("the lease ends on {}, in {left}, and was not renewed", day_words(until));
            Finding::warning(NAME, seen).because("renewals have failed for a long time", "run `keymuster renew`")
        }
        State::Licensed { .. } => Finding::well(NAME, status.state.to_string()),
        State::Grace { reason, .. } => {
            let finding = Finding::warning(NAME, status.state.to_string());
            match reason {
                GraceReason::FirstUse => finding.because("the product was never activated here", activate),
                GraceReason::Ended => finding.because("the lease or activation has ended", activate),
                GraceReason::OutOfTolerance => finding.coded(&codes::OUT_OF_TOLERANCE),
            }
        }
        State::Unlicensed => Finding::warning(NAME, status.state.to_string())
            .because("the product has not been started since it was installed or re-armed", "start the product once"),
        State::Notification { reason, .. } => {
            let finding = Finding::broken(NAME, status.state.to_string());
            match reason {
                NotificationReason::GraceOver | NotificationReason::Ended => finding.coded(&codes::GRACE_OVER),
                NotificationReason::OutOfTolerance => finding.coded(&codes::OUT_OF_TOLERANCE),
                NotificationReason::NoSeat => finding.coded(&codes::NO_SEAT),
            }
        }
    }
}

/// By which key, and whether it allows to ask anybody.
fn key(status: &Status, seen: &Examination) -> Option<Finding> {
    const NAME: &str = "key";
    if let Some(error) = &seen.refused {
        return Some(Finding::broken(NAME, error.to_string()).coded(error.code()));
    }
    Some(Finding::well(
        NAME,
        match &status.way {
            Way::Host => "the setup key: a host is asked".to_owned(),
            Way::Proxy => "none: a host collects the request, and its administrator adds a MAK".to_owned(),
            Way::Mak { last_five } => format!("the MAK that ends in {last_five}: the publisher's authority is asked"),
        },
    ))
}

/// The last answers.
fn last(status: &Status) -> Option<Finding> {
    const NAME: &str = "last-answer";
    let answered = |at: Timestamp, by: &str| format!("{by} answered at {at}");
    match (&status.last_refusal, &status.host) {
        (Some(no), _) => {
            Some(Finding::well(NAME, format!("{} said no at {}: {} ({})", no.host, no.at, no.detail, no.code)))
        }
        (None, Some(host)) => Some(Finding::well(NAME, answered(host.at, &host.address))),
        (None, None) => status.last_contact.map(|at| Finding::well(NAME, answered(at, "somebody"))),
    }
}

/// What a product that runs does by itself.
fn next(status: &Status) -> Option<Finding> {
    const NAME: &str = "next";
    match (status.next_attempt, status.state) {
        (Some(at), _) if at > status.now => {
            Some(Finding::well(NAME, format!("asks again at {at} while the product runs")))
        }
        (Some(_), _) => Some(Finding::well(NAME, "asks again as soon as the product runs")),
        (None, State::Licensed { until: None, .. }) => Some(Finding::well(NAME, "nothing has to be renewed")),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use keymuster_client::Error;
    use keymuster_core::finding::Verdict;

    use super::super::samples::{NOW, nothing, status};
    use super::*;

    #[test]
    fn each_state_has_its_verdict() {
        let licensed = |until, renew| State::Licensed { until, renew_after: renew };
        let (soon, late) = (Some(NOW.plus(DAY)), Some(NOW.plus(170 * DAY)));
        for (state, verdict, code) in [
            (licensed(late, soon), Verdict::Well, None),
            (licensed(None, None), Verdict::Well, None),
            (licensed(soon, Some(NOW.plus(60))), Verdict::Well, None),
            (licensed(soon, Some(NOW.minus(9 * DAY))), Verdict::Warning, None),
            (State::Grace { reason: GraceReason::FirstUse, until: NOW.plus(DAY) }, Verdict::Warning, None),
            (State::Grace { reason: GraceReason::Ended, until: NOW.plus(DAY) }, Verdict::Warning, None),
            (
                State::Grace { reason: GraceReason::OutOfTolerance, until: NOW.plus(DAY) },
                Verdict::Warning,
                Some("out-of-tolerance"),
            ),
            (
                State::Notification { reason: NotificationReason::Ended, since: NOW },
                Verdict::Broken,
                Some("grace-over"),
            ),
            (State::Notification { reason: NotificationReason::NoSeat, since: NOW }, Verdict::Broken, Some("no-seat")),
            (State::Unlicensed, Verdict::Warning, None),
        ] {
            let mut status = status();
            status.state = state;
            let found = &examine(&status, &nothing())[0];
            assert_eq!((found.name, found.verdict, found.code.map(|code| code.name)), ("licence", verdict, code));
            assert_eq!(found.next.is_some(), verdict != Verdict::Well, "{found:?}");
        }
    }

    #[test]
    fn a_key_that_is_missing_and_a_clock_turned_back_are_told() {
        let mut status = status();
        status.time_suspect = true;
        let refused = Some(Error::KeyNeeded { last_five: "6K264".into(), why: &codes::EXPIRED });
        let found = examine(&status, &Examination { refused, ..nothing() });
        let found: Vec<_> = found.iter().map(|one| (one.name, one.verdict, one.code.map(|code| code.name))).collect();
        assert!(found.contains(&("key", Verdict::Broken, Some("expired"))), "{found:?}");
        assert!(found.contains(&("clock", Verdict::Warning, Some("clock-suspect"))), "{found:?}");
    }
}
