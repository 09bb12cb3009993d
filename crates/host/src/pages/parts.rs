//! What several pages show: points in time, and why a form was not accepted.

use keymuster_core::time::{Timestamp, duration_words};
use keymuster_service::Problem;
use keymuster_service::console::page::PageError;

/// A point in time, as `<time>` takes it and in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct When {
    /// RFC 3339.
    pub datetime: String,
    /// For people.
    pub words: String,
}

impl When {
    /// A point in seconds since 1970.
    pub fn at(secs: u64) -> When {
        let datetime = Timestamp::from_secs(secs).to_string();
        let words = datetime.replacen('T', ", ", 1);
        let minutes = words.rfind(':').map_or(words.as_str(), |end| &words[..end]);
        When { words: format!("{minutes} UTC"), datetime }
    }

    /// The day alone.
    pub fn date(&self) -> String {
        self.datetime.split('T').next().unwrap_or_default().to_owned()
    }

    /// The same for the point, where there is one.
    pub fn maybe(secs: Option<u64>) -> Option<When> {
        secs.map(When::at)
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
    use keymuster_core::time::{DAY, HOUR, MINUTE};
    let unit = [2 * DAY, 2 * HOUR, 2 * MINUTE].into_iter().find(|unit| secs >= *unit).map_or(1, |unit| unit / 2);
    duration_words(secs / unit * unit)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        assert_eq!(When::at(1_800_000_000).words, "2027-01-15, 08:00 UTC");
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
}
