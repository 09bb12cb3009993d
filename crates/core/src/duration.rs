//! Lengths of time as people write them in catalogues and on the command line: `30 days`, `2 hours`, `15m`.

use std::fmt;
use std::str::FromStr;

use crate::time::{DAY, HOUR, MINUTE, duration_words};

/// A length of time in whole seconds, from one second to a hundred years. A number without a unit is none.
///
/// ```
/// use keymuster_core::duration::Duration;
/// assert_eq!("90m".parse::<Duration>().map(Duration::as_secs), Ok(5400));
/// assert_eq!("12 hours".parse::<Duration>().unwrap().to_string(), "12 hours");
/// assert!("90".parse::<Duration>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Duration(u64);

impl Duration {
    const SECS_MAX: u64 = 36_525 * DAY;

    /// The seconds.
    pub fn as_secs(self) -> u64 {
        self.0
    }
}

/// Why a text is no length of time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotADuration;

impl fmt::Display for NotADuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a whole number and a unit, such as \"20 seconds\", \"15 minutes\", \"2 hours\" or \"30 days\"",
        )
    }
}

impl std::error::Error for NotADuration {}

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Duration, NotADuration> {
        let is_allowed = |secs: &u64| (1..=Duration::SECS_MAX).contains(secs);
        parse_secs(text).filter(is_allowed).map(Duration).ok_or(NotADuration)
    }
}

/// The seconds of a whole number with a unit, however many: for a caller that has a range of its own to name. `None` where
/// the text is nothing of the kind.
pub fn parse_secs(text: &str) -> Option<u64> {
    let text = text.trim();
    let (amount, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit_secs = match unit.trim_start() {
        "s" | "second" | "seconds" => 1,
        "m" | "minute" | "minutes" => MINUTE,
        "h" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        _ => return None,
    };
    // What is left are digits, which are no number only where they are too many.
    (!amount.is_empty()).then(|| amount.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit_secs))
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&duration_words(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, secs) in [
            ("20 seconds", Some(20)),
            ("1 second", Some(1)),
            ("15 minutes", Some(900)),
            ("2 hours", Some(7200)),
            ("30 days", Some(30 * DAY)),
            ("1h", Some(3600)),
            (" 10m ", Some(600)),
            ("36525 days", Some(36_525 * DAY)),
            ("36526 days", None),
            ("0 days", None),
            ("30", None),
            ("days", None),
            ("-1 day", None),
            ("1.5 hours", None),
            ("2 weeks", None),
            ("99999999999999999999 days", None),
            ("213503982334602 days", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok().map(Duration::as_secs), secs, "{text:?}");
        }
    }

    #[test]
    fn seconds_are_read_however_many_they_are() {
        for (text, secs) in [
            ("0 days", Some(0)),
            ("36526 days", Some(36_526 * DAY)),
            ("99999999999999999999 days", Some(u64::MAX)),
            ("days", None),
            ("30", None),
            ("-1 day", None),
        ] {
            assert_eq!(parse_secs(text), secs, "{text:?}");
        }
    }
}
