//! The certificate that a running server shows.

use keymuster_core::codes;
use keymuster_core::finding::Finding;
use keymuster_core::time::{DAY, Timestamp, day_words};

/// How long before its end a certificate should be replaced, in seconds.
const LEFT_SECS: u64 = 21 * DAY;

/// The facts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown<'a> {
    /// Whether the server made it itself.
    pub is_own: bool,
    /// Until when it holds.
    pub not_after: Timestamp,
    /// Why what is set is not shown, where that is so.
    pub problem: Option<&'a str>,
    /// Whether it is ordered from an ACME server.
    pub is_ordered: bool,
}

/// What they come to.
pub fn examine(shown: &Shown<'_>, now: Timestamp) -> Finding {
    const NAME: &str = "certificate";
    let whose = if shown.is_own { "the server's own certificate" } else { "the administrator's certificate" };
    if let Some(problem) = shown.problem {
        let code = if shown.is_ordered { &codes::ACME_FAILED } else { &codes::TLS_CERTIFICATE_UNUSABLE };
        return Finding::warning(NAME, format!("{whose} is shown, because of another: {problem}")).coded(code);
    }
    let end = day_words(shown.not_after);
    let next = match shown.is_ordered {
        true => "see why it is not renewed: the server's log says what the ACME server answers",
        false => "replace the files that are set: they are read as soon as they change",
    };
    if shown.not_after <= now {
        let means = "browsers and tools refuse to connect; clients recognise a host all the same";
        return Finding::broken(NAME, format!("{whose} has ended, on {end}"))
            .because(means, next)
            .coded(&codes::TLS_CERTIFICATE_UNUSABLE);
    }
    let finding = Finding::well(NAME, format!("{whose} holds until {end}"));
    if shown.not_after.secs_since(now) >= LEFT_SECS {
        return finding;
    }
    Finding::warning(NAME, finding.seen).because("after that browsers and tools refuse to connect", next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymuster_core::finding::Verdict;

    #[test]
    fn an_end_is_told_before_it_comes() {
        let now = Timestamp::from_secs(1_800_000_000);
        let shown = Shown { is_own: false, not_after: now.plus(LEFT_SECS), problem: None, is_ordered: false };
        for (not_after, problem, is_ordered, expected) in [
            (shown.not_after, None, false, (Verdict::Well, None)),
            (now.plus(LEFT_SECS - 1), None, false, (Verdict::Warning, None)),
            (now.plus(LEFT_SECS - 1), None, true, (Verdict::Warning, None)),
            (now, None, false, (Verdict::Broken, Some("tls-certificate-unusable"))),
            (shown.not_after, Some("x"), false, (Verdict::Warning, Some("tls-certificate-unusable"))),
            (shown.not_after, Some("x"), true, (Verdict::Warning, Some("acme-failed"))),
        ] {
            let found = examine(&Shown { not_after, problem, is_ordered, ..shown }, now);
            assert_eq!((found.verdict, found.code.map(|code| code.name)), expected, "{found:?}");
        }
    }
}
