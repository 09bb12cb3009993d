//! What a whole consists of, as one bar; its legend is its table.

use askama::Template;

use super::{Markup, Share, Tone, number};

/// A whole and its parts.
#[derive(Clone, Copy, Debug)]
pub struct Bar<'a> {
    /// What is shown: "States of 1 240 clients".
    pub title: &'a str,
    /// From the left to the right.
    pub parts: &'a [Part<'a>],
}

/// A part of a whole.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// For people: "Licensed".
    pub name: &'a str,
    /// How much of the whole.
    pub count: u64,
    /// Its colour.
    pub tone: Tone,
    /// The page with what is counted here.
    pub href: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "charts/bar.html")]
struct View<'a> {
    title: &'a str,
    parts: Vec<PartView<'a>>,
}

struct PartView<'a> {
    name: &'a str,
    class: &'static str,
    href: Option<&'a str>,
    count: String,
    from: Share,
    width: Share,
    share: String,
}

/// Draws the bar.
pub fn bar(bar: &Bar<'_>) -> Markup {
    let whole = bar.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.count));
    let mut before = 0_u64;
    let mut parts = Vec::with_capacity(bar.parts.len());
    for part in bar.parts {
        parts.push(PartView {
            name: part.name,
            class: part.tone.class(),
            href: part.href,
            count: number(part.count),
            from: Share::of(before, whole),
            width: Share::of(part.count, whole),
            share: percent(part.count, whole),
        });
        before = before.saturating_add(part.count);
    }
    Markup::of(&View { title: bar.title, parts })
}

/// A share for people: neither 0 % for something nor 100 % for less than all.
fn percent(part: u64, whole: u64) -> String {
    let share = Share::of(part, whole).0;
    match share {
        _ if part == 0 => "0 %".to_owned(),
        ..1.0 => "under 1 %".to_owned(),
        _ if part < whole && share > 99.0 => "over 99 %".to_owned(),
        _ => format!("{share:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(counts: &[u64]) -> String {
        let part = |count: &u64| Part { name: "Licensed", count: *count, tone: Tone::Good, href: None };
        bar(&Bar { title: "States", parts: &counts.iter().map(part).collect::<Vec<_>>() }).to_string()
    }

    #[test]
    fn draws_what_there_is_and_lists_everything() {
        // counts, drawn parts
        let cases: [(&[u64], usize); 5] = [(&[], 0), (&[0, 0], 0), (&[5], 1), (&[5, 0, 7], 2), (&[u64::MAX, 9], 2)];
        for (counts, drawn) in cases {
            let html = draw(counts);
            assert_eq!(html.matches("<rect class=\"s-good").count(), drawn, "{html}");
            assert_eq!(html.matches("<li>").count(), counts.len(), "{html}");
            assert!(!html.contains("NaN"), "{html}");
        }
    }

    #[test]
    fn percents_neither_hide_something_nor_promise_all() {
        let cases = [
            ((0, 0), "0 %"),
            ((0, 9), "0 %"),
            ((1, 1_000), "under 1 %"),
            ((1, 3), "33 %"),
            ((999, 1_000), "over 99 %"),
            ((9, 9), "100 %"),
        ];
        for ((part, whole), expected) in cases {
            assert_eq!(percent(part, whole), expected);
        }
    }

    #[test]
    fn hostile_names_stay_text() {
        let part = Part { name: "<script>", count: 1, tone: Tone::Bad, href: Some("/x?a=\"><u>") };
        let html = bar(&Bar { title: "<i>", parts: &[part] }).to_string();
        assert!(!html.contains("<script>") && !html.contains("<u>") && !html.contains("<i>"), "{html}");
    }
}
