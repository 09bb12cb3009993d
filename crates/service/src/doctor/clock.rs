//! A server's clock beside those of others: servers that it knows, its own past, and what the system says of itself.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keymuster_core::codes::{self, Code};
use keymuster_core::finding::Finding;
use keymuster_core::time::{MINUTE, Timestamp, duration_words};

/// By how much a clock may differ before somebody is told, in seconds.
const APART_SECS: u64 = 5 * MINUTE;
/// How long the system's own tool may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// Another clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Other {
    /// Whose it is, in words.
    pub whose: String,
    /// By how many seconds it is ahead of this server's.
    pub ahead_secs: i64,
}

impl Other {
    /// A clock that showed `theirs` while this server's showed `ours`.
    pub fn new(whose: impl Into<String>, theirs: Timestamp, ours: Timestamp) -> Other {
        let ahead = i128::from(theirs.as_secs()) - i128::from(ours.as_secs());
        Other { whose: whose.into(), ahead_secs: i64::try_from(ahead).unwrap_or(i64::MAX) }
    }
}

/// Whether the system says that its clock is synchronised; `None` where it says nothing.
pub fn is_synchronised() -> Option<bool> {
    let mut command = Command::new("timedatectl");
    command.args(["show", "--property=NTPSynchronized", "--value"]).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let end = Instant::now() + ANSWER_WITHIN;
    let status = loop {
        match child.try_wait().ok()? {
            Some(status) => break status,
            None if Instant::now() >= end => {
                // It may have ended by itself meanwhile.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            None => std::thread::sleep(PAUSE),
        }
    };
    let mut said = String::new();
    child.stdout.take()?.read_to_string(&mut said).ok()?;
    match said.trim() {
        "yes" if status.success() => Some(true),
        "no" if status.success() => Some(false),
        _ => None,
    }
}

/// The time in a `Date` header (RFC 9110, 5.6.7), in the only form that servers send.
pub fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.trim().strip_suffix(" GMT")?.split_once(", ")?;
    let mut parts = rest.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = 1 + MONTHS.iter().position(|name| *name == month)?;
    let midnight = Timestamp::of_day(&format!("{year}-{month:02}-{day}"))?;
    let mut units = time.split(':').map(|unit| unit.parse::<u64>().ok());
    let (hours, minutes, secs) = (units.next()??, units.next()??, units.next()??);
    (hours < 24 && minutes < 60 && secs <= 60).then(|| midnight.plus(hours * 3600 + minutes * 60 + secs))
}

/// What the clocks come to; `code` explains what a wrong one means for this server.
pub fn examine(others: &[Other], is_synchronised: Option<bool>, code: &'static Code) -> Vec<Finding> {
    const NAME: &str = "clock";
    let next = "compare this machine's clock with one that you trust, and synchronise it: timedatectl set-ntp true";
    let apart = |other: &&Other| other.ahead_secs.unsigned_abs() > APART_SECS;
    let mut findings: Vec<Finding> = others
        .iter()
        .map(|other| {
            let seen = words(other);
            if !apart(&other) {
                return Finding::well(NAME, seen);
            }
            let means = "one of the two clocks is wrong; leases and entitlements are dated by this server's";
            Finding::warning(NAME, seen).because(means, next).coded(code)
        })
        .collect();
    let agrees = others.iter().any(|other| !apart(&other));
    findings.push(match is_synchronised {
        Some(true) => Finding::well(NAME, "the system says that its clock is synchronised"),
        Some(false) if agrees => Finding::well(
            NAME,
            "the system says that its clock is not synchronised; it agrees with another all the same",
        ),
        Some(false) => Finding::warning(NAME, "the system says that its clock is not synchronised")
            .because("it will drift, and clients are refused whose clocks differ too much", next)
            .coded(&codes::CLOCK_SKEW),
        None => Finding::well(NAME, "the system does not say whether its clock is synchronised"),
    });
    findings
}

fn words(other: &Other) -> String {
    let apart = duration_words(other.ahead_secs.unsigned_abs());
    match other.ahead_secs {
        0 => format!("{} shows the same time", other.whose),
        1.. => format!("{} is {apart} ahead of this machine's clock", other.whose),
        _ => format!("{} is {apart} behind this machine's clock", other.whose),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymuster_core::finding::Verdict;

    #[test]
    fn dates_of_servers_are_read() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 31 Feb 2027 08:49:37 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 25:00:00 GMT", None),
            ("", None),
        ] {
            assert_eq!(http_date(text).map(Timestamp::as_secs), expected, "{text:?}");
        }
    }

    #[test]
    fn a_clock_is_judged_by_others() {
        let other = |ahead_secs| Other { whose: "the clock of x".to_owned(), ahead_secs };
        for (others, is_synchronised, expected) in [
            (vec![], None, &[Verdict::Well][..]),
            (vec![], Some(false), &[Verdict::Warning]),
            (vec![other(300)], Some(false), &[Verdict::Well, Verdict::Well]),
            (vec![other(-301)], Some(true), &[Verdict::Warning, Verdict::Well]),
            (vec![other(7200), other(0)], Some(false), &[Verdict::Warning, Verdict::Well, Verdict::Well]),
        ] {
            let found = examine(&others, is_synchronised, &codes::HOST_CLOCK_WRONG);
            assert_eq!(found.iter().map(|one| one.verdict).collect::<Vec<_>>(), expected, "{found:?}");
        }
        assert_eq!(words(&other(7200)), "the clock of x is 2 hours ahead of this machine's clock");
    }
}
