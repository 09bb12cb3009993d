//! How long an entitlement still runs: a time line with its warning and its end.

use askama::Template;

use super::{Markup, Share};

/// A time that runs out.
#[derive(Clone, Debug)]
pub struct Countdown<'a> {
    /// What runs out: "Entitlement of host key 7M4QX".
    pub label: &'a str,
    /// When it began.
    pub begins: Moment,
    /// When the warning begins; not before it begins.
    pub warns: Moment,
    /// When it stops.
    pub stops: Moment,
    /// Today, in days since 1970.
    pub today: u64,
}

/// A day, counted and in words.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Days since 1970.
    pub day: u64,
    /// For people: "16 Dec 2026".
    pub text: String,
}

#[derive(Template)]
#[template(path = "charts/countdown.html")]
struct View<'a> {
    countdown: &'a Countdown<'a>,
    kind: &'static str,
    left: String,
    past: Share,
    warns: Share,
    warning: Share,
    warns_in: String,
}

/// Draws the time line.
pub fn countdown(countdown: &Countdown<'_>) -> Markup {
    let Countdown { begins, warns, stops, today, .. } = countdown;
    let whole = stops.day.saturating_sub(begins.day);
    let part = |day: u64| Share::of(day.saturating_sub(begins.day), whole);
    let warns_at = part(warns.day);
    Markup::of(&View {
        countdown,
        kind: match today {
            today if *today >= stops.day => "bad",
            today if *today >= warns.day => "warn",
            _ => "good",
        },
        left: distance(*today, stops.day, "left", "over for"),
        past: if *today >= stops.day { Share(100.0) } else { part(*today) },
        warns: warns_at,
        warning: Share(100.0 - warns_at.0),
        warns_in: distance(*today, warns.day, "from now", "for"),
    })
}

/// "23 days left" before the day, "over for 4 days" after it.
fn distance(today: u64, day: u64, before: &str, after: &str) -> String {
    let days = |n: u64| if n == 1 { "1 day".to_owned() } else { format!("{} days", super::number(n)) };
    match day.checked_sub(today) {
        Some(0) => "today".to_owned(),
        Some(left) => format!("{} {before}", days(left)),
        None => format!("{after} {}", days(today - day)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(today: u64, [begins, warns, stops]: [u64; 3]) -> String {
        let moment = |day: u64| Moment { day, text: format!("day {day}") };
        let label = "Entitlement";
        let countdown_ = Countdown { label, begins: moment(begins), warns: moment(warns), stops: moment(stops), today };
        countdown(&countdown_).to_string()
    }

    #[test]
    fn says_how_long_and_how_urgent() {
        let year = [1_000, 1_335, 1_365];
        let cases = [
            (1_000, "good", "365 days left"),
            (900, "good", "465 days left"),
            (1_335, "warn", "30 days left"),
            (1_364, "warn", "1 day left"),
            (1_365, "bad", "today"),
            (1_369, "bad", "over for 4 days"),
        ];
        for (today, kind, words) in cases {
            let html = draw(today, year);
            assert!(html.contains(&format!("countdown {kind}")) && html.contains(words), "{today}: {html}");
        }
    }

    #[test]
    fn strange_orders_of_days_draw_something() {
        for days in [[0, 0, 0], [10, 5, 5], [10, 20, 15], [0, 0, u64::MAX]] {
            for today in [0, 7, 30, u64::MAX] {
                let html = draw(today, days);
                assert!(!html.contains("NaN") && !html.contains("=\"-"), "{days:?} {today}: {html}");
            }
        }
    }

    #[test]
    fn hostile_words_stay_text() {
        let moment = || Moment { day: 1, text: "<b>".into() };
        let hostile = Countdown { label: "\"><script>", begins: moment(), warns: moment(), stops: moment(), today: 1 };
        let html = countdown(&hostile).to_string();
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
    }
}
