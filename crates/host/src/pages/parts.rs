//! What several pages show: points in time, and why a form was not accepted.

use keymuster_core::time::{DAY, HOUR, MINUTE, Timestamp, duration_words};
use keymuster_service::Problem;
use keymuster_service::console::chart::number;
use keymuster_service::console::page::PageError;
use keymuster_service::console::words::minutes;

/// A point in time, as `<time>` takes it and in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct When {
    /// RFC 3339.
    pub datetime: String,
    /// For people.
    pub words: String,
}

impl When {
    /// A point in seconds since 1970, with its date.
    pub fn at(secs: u64) -> When {
        let at = Timestamp::from_secs(secs);
        When { datetime: at.to_string(), words: minutes(&at) }
    }

    /// The same for the point, where there is one.
    pub fn maybe(secs: Option<u64>) -> Option<When> {
        secs.map(When::at)
    }

    /// As somebody reads it at `now`: how long ago or how soon within a day, otherwise with its date.
    pub fn near(secs: u64, now: Timestamp) -> When {
        let length = |secs: u64| match secs {
            0..MINUTE => format!("{secs} s"),
            MINUTE..HOUR => format!("{} min", secs / MINUTE),
            _ => format!("{} h", secs / HOUR),
        };
        let now = now.as_secs();
        let when = When::at(secs);
        match (now.checked_sub(secs), secs.saturating_sub(now)) {
            (Some(ago), _) if ago < DAY => When { words: format!("{} ago", length(ago)), ..when },
            (None, ahead) if ahead < DAY => When { words: format!("in {}", length(ahead)), ..when },
            _ => when,
        }
    }

    /// The day alone.
    pub fn date(&self) -> String {
        self.datetime.split('T').next().unwrap_or_default().to_owned()
    }
}

/// How long until a point: `in 203 days`, or `since 2 days` where it has passed.
pub fn until(secs: u64, now: Timestamp) -> String {
    match secs.checked_sub(now.as_secs()) {
        Some(left) if left > 0 => format!("in {}", about(left)),
        _ => format!("{} ago", about(now.as_secs() - secs)),
    }
}

/// A length of time in its largest unit, so that nobody reads seconds beside days.
pub fn about(secs: u64) -> String {
    let unit = [2 * DAY, 2 * HOUR, 2 * MINUTE].into_iter().find(|unit| secs >= *unit).map_or(1, |unit| unit / 2);
    duration_words(secs / unit * unit)
}

/// A number with its noun: `1 client`, `12 480 clients`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(n), if n == 1 { "" } else { "s" })
}

/// Why a form was not accepted, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// What is wrong in this case.
    pub detail: String,
    /// `KM-105 key-mistyped`; nothing where it has no code of its own.
    pub code: String,
    /// Where the code is explained.
    pub href: String,
    /// What to do.
    pub remedy: String,
}

impl Failed {
    /// What is wrong with an input, without a code.
    pub fn plain(detail: impl Into<String>) -> Failed {
        Failed { detail: detail.into(), code: String::new(), href: String::new(), remedy: String::new() }
    }

    /// The reason to show beside the form, where it is one that its user can do something about.
    pub fn of(problem: Problem) -> Result<Failed, PageError> {
        let code = problem.code();
        if code == &keymuster_core::codes::INTERNAL_FAILURE {
            return Err(problem.into());
        }
        if code == &keymuster_core::codes::INPUT_INVALID {
            return Ok(Failed::plain(problem.detail()));
        }
        Ok(Failed {
            detail: problem.detail().to_owned(),
            code: code.to_string(),
            href: format!("/codes/{}", code.name),
            remedy: code.remedy.to_owned(),
        })
    }

    /// A refusal for sample pages.
    pub fn sample(code: &'static keymuster_core::codes::Code, detail: &str) -> Failed {
        let (href, remedy) = (format!("/codes/{}", code.name), code.remedy.to_owned());
        Failed { detail: detail.to_owned(), code: code.to_string(), href, remedy }
    }
}

/// An id for sample pages.
pub fn sample_id(number: u64) -> String {
    let mixed = |seed: u64| (number + 1).wrapping_mul(seed);
    format!("{:016x}{:016x}", mixed(0x9e37_79b9_7f4a_7c15), mixed(0xd1b5_4a32_d192_ed03))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        assert_eq!(When::at(1_800_000_000).words, "2027-01-15 08:00 UTC");
        let now = Timestamp::from_secs(1_000_000);
        for (secs, words) in [
            (1_000_000 + 203 * 86_400 + 5, "in 203 days"),
            (1_000_000 + 30 * 3600, "in 30 hours"),
            (1_000_000 + 61, "in 61 seconds"),
            (1_000_000, "0 seconds ago"),
            (1_000_000 - 3 * 86_400, "3 days ago"),
        ] {
            assert_eq!(until(secs, now), words);
        }
    }

    #[test]
    fn what_is_near_is_told_by_its_distance() {
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
            assert_eq!(When::near(secs, now).words, expected);
        }
        assert_eq!(When::near(1_800_000_000, now).datetime, "2027-01-15T08:00:00Z");
    }
}
