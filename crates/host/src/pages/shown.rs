//! How pages write times and lengths of time.

use keymuster_core::time::{DAY, HOUR, MINUTE, Timestamp, duration_words};

/// A moment, for the element `time`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct When {
    /// For programs: `2027-01-15T08:00:00Z`.
    pub iso: String,
    /// For people: how long ago or how soon within a day, otherwise date and time.
    pub words: String,
}

/// A moment in seconds since 1970, as somebody reads it at `now`.
pub fn when(secs: u64, now: Timestamp) -> When {
    let (at, now) = (Timestamp::from_secs(secs), now.as_secs());
    let length = |secs: u64| match secs {
        0..MINUTE => format!("{secs} s"),
        MINUTE..HOUR => format!("{} min", secs / MINUTE),
        _ => format!("{} h", secs / HOUR),
    };
    let iso = at.to_string();
    let words = match (now.checked_sub(secs), secs.saturating_sub(now)) {
        (Some(ago), _) if ago < DAY => format!("{} ago", length(ago)),
        (None, ahead) if ahead < DAY => format!("in {}", length(ahead)),
        // Without the seconds: 2027-01-15 08:00 UTC.
        _ => iso.get(..16).map_or_else(|| iso.clone(), |minutes| format!("{} UTC", minutes.replace('T', " "))),
    };
    When { iso, words }
}

/// A length of time in words.
pub fn length(secs: u64) -> String {
    duration_words(secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_for_people() {
        let now = Timestamp::from_secs(1_800_000_000);
        for (secs, expected) in [
            (1_800_000_000, "0 s ago"),
            (1_799_999_940, "1 min ago"),
            (1_799_992_800, "2 h ago"),
            (1_800_000_059, "in 59 s"),
            (1_800_086_399, "in 23 h"),
            (1_800_086_400, "2027-01-16 08:00 UTC"),
            (1_799_913_600, "2027-01-14 08:00 UTC"),
        ] {
            assert_eq!(when(secs, now).words, expected);
        }
        assert_eq!(when(1_800_000_000, now).iso, "2027-01-15T08:00:00Z");
    }
}
