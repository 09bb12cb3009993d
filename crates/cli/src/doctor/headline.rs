//! The verdict in one or two plain sentences: how the product stands, what will happen, and what to do first.

use keymuster_client::{State, Status, Timestamp};
use keymuster_core::finding::{Finding, Verdict, worst};
use keymuster_core::time::day_words;

use super::Prospect;

pub fn of(status: &Status, prospect: Prospect, findings: &[Finding]) -> String {
    let standing = standing(status);
    let ahead = ahead(status, prospect, findings);
    let headline = format!("{standing}{ahead}");
    match worst(findings) {
        Verdict::Well => format!("{headline}; nothing needs to be done."),
        _ => format!("{headline}."),
    }
}

fn standing(status: &Status) -> String {
    match status.state {
        State::Licensed { until: None, .. } => "This client is activated for good".to_owned(),
        State::Licensed { until: Some(until), .. } => format!("This client is licensed until {}", day_words(until)),
        State::Grace { until, .. } => {
            format!("This client is not activated and may run until {} all the same", day_words(until))
        }
        State::Notification { since, .. } => format!("This client is not licensed, since {}", day_words(since)),
        State::Unlicensed => "This client was not started yet".to_owned(),
    }
}

/// What comes next, and what stands in its way.
fn ahead(status: &Status, prospect: Prospect, findings: &[Finding]) -> String {
    let is_licensed = matches!(status.state, State::Licensed { .. });
    match prospect {
        Prospect::NotNeeded => String::new(),
        Prospect::Yes if is_licensed => match renewal(status) {
            Some(at) if at > status.now => format!(" and will renew on {}", day_words(at)),
            _ => " and will renew as soon as the product runs".to_owned(),
        },
        Prospect::Yes => "; it would be activated now: run `keymuster activate`".to_owned(),
        Prospect::Later { .. } if is_licensed => {
            "; a renewal would be put off now, until enough machines have asked".to_owned()
        }
        Prospect::Later { missing: 0 } => {
            "; all seats are taken: a seat comes when another machine gives one back".to_owned()
        }
        Prospect::Later { missing: 1 } => "; it will be activated when 1 more machine has asked".to_owned(),
        Prospect::Later { missing } => format!("; it will be activated when {missing} more machines have asked"),
        Prospect::No | Prospect::Nobody => {
            let what = match (prospect, is_licensed) {
                (Prospect::Nobody, true) => "; nobody who could renew it answers",
                (Prospect::Nobody, false) => "; nobody who could activate it answers",
                (_, true) => "; it would not be renewed",
                (_, false) => "; it would not be activated",
            };
            format!("{what}{}", first(findings))
        }
    }
}

/// When the product asks for its next lease.
fn renewal(status: &Status) -> Option<Timestamp> {
    let State::Licensed { renew_after, .. } = status.state else { return None };
    status.next_attempt.or(renew_after)
}

/// The first thing that is broken on the way, and what to do about it.
fn first(findings: &[Finding]) -> String {
    let on_the_way = |finding: &&Finding| finding.verdict == Verdict::Broken && finding.name != "licence";
    let Some(finding) = findings.iter().find(on_the_way) else { return String::new() };
    let next = finding.next.as_ref().map(|next| format!(". What to do: {next}")).unwrap_or_default();
    format!(": {}{next}", finding.seen)
}

#[cfg(test)]
mod tests {
    use keymuster_core::state::{GraceReason, NotificationReason};
    use keymuster_core::time::DAY;

    use super::super::samples::{NOW, status};
    use super::*;

    #[test]
    fn the_first_line_says_what_will_happen() {
        let licensed = State::Licensed { until: Some(NOW.plus(150 * DAY)), renew_after: Some(NOW.plus(3 * DAY)) };
        let grace = State::Grace { reason: GraceReason::FirstUse, until: NOW.plus(10 * DAY) };
        let over = State::Notification { reason: NotificationReason::GraceOver, since: NOW.minus(DAY) };
        let silent = || vec![Finding::broken("host", "kms: no connection in time").because("x", "mend it")];
        for (state, prospect, findings, expected) in [
            (
                licensed,
                Prospect::Yes,
                vec![],
                "This client is licensed until 14 June 2027 and will renew on 18 January 2027; nothing needs to be done.",
            ),
            (
                licensed,
                Prospect::Nobody,
                silent(),
                "This client is licensed until 14 June 2027; nobody who could renew it answers: kms: no connection in \
                 time. What to do: mend it.",
            ),
            (
                State::Licensed { until: None, renew_after: None },
                Prospect::NotNeeded,
                vec![],
                "This client is activated for good; nothing needs to be done.",
            ),
            (
                grace,
                Prospect::Later { missing: 13 },
                vec![Finding::warning("host", "x")],
                "This client is not activated and may run until 25 January 2027 all the same; it will be activated when \
                 13 more machines have asked.",
            ),
            (
                grace,
                Prospect::Yes,
                vec![Finding::warning("licence", "x")],
                "This client is not activated and may run until 25 January 2027 all the same; it would be activated now: \
                 run `keymuster activate`.",
            ),
            (
                over,
                Prospect::Nobody,
                silent(),
                "This client is not licensed, since 14 January 2027; nobody who could activate it answers: kms: no \
                 connection in time. What to do: mend it.",
            ),
        ] {
            let mut status = status();
            (status.state, status.next_attempt) = (state, None);
            assert_eq!(of(&status, prospect, &findings), expected);
        }
    }
}
