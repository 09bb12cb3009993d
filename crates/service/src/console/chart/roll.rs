//! The roll call: a pip for each client that must come, filled for those that have.

use askama::Template;

use super::{Markup, number};

/// A count on its way to a threshold.
#[derive(Clone, Copy, Debug)]
pub struct Roll<'a> {
    /// What is counted where: "Office family".
    pub label: &'a str,
    /// The count.
    pub count: u64,
    /// How many must come; a roll of nobody draws nothing.
    pub threshold: u64,
    /// What is counted, in the plural: "clients".
    pub unit: &'a str,
}

/// More than that nobody takes in at a glance: then one pip stands for several.
const PIPS_MAX: u64 = 50;
const PIPS_IN_ROW: u64 = 25;
const PITCH: u64 = 16;

#[derive(Template)]
#[template(path = "charts/roll.html")]
struct View<'a> {
    label: &'a str,
    width: u64,
    height: u64,
    pips: Vec<Pip>,
    is_met: bool,
    sentence: String,
}

struct Pip {
    x: u64,
    y: u64,
    is_here: bool,
}

/// Draws the roll call.
pub fn roll(roll: &Roll<'_>) -> Markup {
    let each = roll.threshold.div_ceil(PIPS_MAX).max(1);
    let total = roll.threshold.div_ceil(each);
    let here = if roll.count >= roll.threshold { total } else { roll.count / each };
    let pip = |i: u64| Pip {
        x: i % PIPS_IN_ROW * PITCH + PITCH / 2,
        y: i / PIPS_IN_ROW * PITCH + PITCH / 2,
        is_here: i < here,
    };
    Markup::of(&View {
        label: roll.label,
        width: total.min(PIPS_IN_ROW) * PITCH,
        height: total.div_ceil(PIPS_IN_ROW) * PITCH,
        pips: (0..total).map(pip).collect(),
        is_met: roll.count >= roll.threshold,
        sentence: sentence(roll, each),
    })
}

fn sentence(roll: &Roll<'_>, each: u64) -> String {
    let Roll { count, threshold, unit, .. } = *roll;
    let scale = if each > 1 { format!("; a dot is {} {unit}", number(each)) } else { String::new() };
    if count >= threshold {
        return format!("{} {unit}, {} needed{scale}", number(count), number(threshold));
    }
    let missing = threshold - count;
    format!("{} of {} {unit}, {} to come{scale}", number(count), number(threshold), number(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_a_pip_for_each_who_must_come() {
        // (count, threshold), pips, filled
        let cases = [
            ((0, 5), 5, 0),
            ((3, 5), 5, 3),
            ((9, 5), 5, 5),
            ((0, 0), 0, 0),
            ((120, 1_000), 50, 6),
            ((999, 1_000), 50, 49),
        ];
        for ((count, threshold), pips, filled) in cases {
            let html = roll(&Roll { label: "", count, threshold, unit: "clients" }).to_string();
            assert_eq!(html.matches("<circle").count(), pips, "{count} of {threshold}");
            assert_eq!(html.matches("pip here").count(), filled, "{count} of {threshold}");
        }
    }

    #[test]
    fn says_the_numbers() {
        let cases = [
            ((3, 5), "3 of 5 clients, 2 to come"),
            ((5, 5), "5 clients, 5 needed"),
            ((10, 100), "10 of 100 clients, 90 to come; a dot is 2 clients"),
        ];
        for ((count, threshold), expected) in cases {
            let html = roll(&Roll { label: "", count, threshold, unit: "clients" }).to_string();
            assert!(html.contains(expected), "{html}");
        }
    }

    #[test]
    fn an_absurd_threshold_draws_no_more_pips() {
        let html = roll(&Roll { label: "\"<i>", count: 7, threshold: u64::MAX, unit: "<b>" }).to_string();
        assert!(html.matches("<circle").count() <= PIPS_MAX as usize);
        assert!(!html.contains("<i>") && !html.contains("<b>"), "{html}");
    }
}
