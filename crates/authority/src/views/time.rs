//! A point in time: seconds since 1970 for programs, and an element of a page for people.

use std::fmt;

use keymuster_core::time::{DAY, HOUR, MINUTE, Timestamp, duration_words};
use serde::Serialize;
use utoipa::ToSchema;

/// Seconds since 1970 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
pub struct Time(u64);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Time {
        Time(at.as_secs())
    }
}

impl Time {
    /// The day: `2027-01-15`.
    pub fn day(self) -> String {
        self.text()[..10].to_owned()
    }

    /// Days since 1970.
    pub fn day_number(self) -> u64 {
        self.0 / DAY
    }

    /// How far it is from another time, in its largest unit: `in 203 days`, `2 hours ago`.
    pub fn relative(self, now: &Time) -> String {
        match self.0.checked_sub(now.0) {
            Some(left) if left > 0 => format!("in {}", about(left)),
            _ => format!("{} ago", about(now.0 - self.0)),
        }
    }

    /// Whole days from a time to this one; 0 where it has passed.
    pub fn days_after(self, now: Time) -> u64 {
        self.0.saturating_sub(now.0) / DAY
    }

    /// Whether it has passed at a time.
    pub fn is_past(self, now: &Time) -> bool {
        self.0 <= now.0
    }

    fn text(self) -> String {
        Timestamp::from_secs(self.0).to_string()
    }
}

fn about(secs: u64) -> String {
    let unit = [DAY, HOUR, MINUTE].into_iter().find(|unit| secs >= 2 * *unit).unwrap_or(1);
    duration_words(secs / unit * unit)
}

/// The element, which holds digits and a few signs: nothing that a page would have to escape.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        write!(f, "<time datetime=\"{text}\">{} {} UTC</time>", &text[..10], &text[11..16])
    }
}

impl askama::filters::HtmlSafe for Time {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_elements_days_and_distances() {
        let time = Time(1_800_000_000);
        assert_eq!(time.to_string(), "<time datetime=\"2027-01-15T08:00:00Z\">2027-01-15 08:00 UTC</time>");
        assert_eq!(time.day(), "2027-01-15");
        for (secs, words) in [(203 * DAY + 5, "in 203 days"), (61, "in 61 seconds"), (30 * HOUR, "in 30 hours")] {
            assert_eq!(Time(1_800_000_000 + secs).relative(&time), words);
        }
        assert_eq!(Time(1_800_000_000 - 3 * DAY).relative(&time), "3 days ago");
        assert_eq!(time.relative(&time), "0 seconds ago");
    }
}
