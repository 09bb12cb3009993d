//! Charts, drawn on the server as SVG with their numbers beside them.
//!
//! A page may carry no styles of its own, so colour comes from classes and geometry from attributes. Widths are shares of
//! whatever width the page gives, so that text keeps its size; only small round things (gauge, roll) have a fixed grid.

mod bar;
mod columns;
mod countdown;
mod gauge;
mod roll;

use std::fmt;

pub use super::markup::Markup;
pub use bar::{Bar, Part, bar};
pub use columns::{Columns, Series, Slot, columns};
pub use countdown::{Countdown, Moment, countdown};
pub use gauge::{Gauge, gauge};
pub use roll::{Roll, roll};

/// The colour of a part of a chart. Words always stand beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The first of several series, none of which is good or bad.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
    /// All is well.
    Good,
    /// Somebody should look.
    Warn,
    /// Somebody must act.
    Bad,
    /// Of no weight.
    Quiet,
}

impl Tone {
    /// The class of the stylesheet.
    fn class(self) -> &'static str {
        match self {
            Tone::First => "s1",
            Tone::Second => "s2",
            Tone::Third => "s3",
            Tone::Good => "s-good",
            Tone::Warn => "s-warn",
            Tone::Bad => "s-bad",
            Tone::Quiet => "s-none",
        }
    }
}

/// A number for people: groups of three digits, with thin spaces that do not break.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number for an axis, where there is little room. Axes end at round numbers, so nothing is lost.
fn short_number(n: u64) -> String {
    let tenth = |unit: u64| {
        let tenths = n / (unit / 10);
        if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
    };
    match n {
        0..10_000 => number(n),
        10_000..1_000_000 => format!("{}k", tenth(1_000)),
        1_000_000..1_000_000_000 => format!("{}M", tenth(1_000_000)),
        _ => format!("{}G", tenth(1_000_000_000)),
    }
}

/// A share of the width or of a length, as SVG writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Share(f64);

impl Share {
    /// `part` of `whole`, between nothing and all of it; nothing of nothing is nothing.
    fn of(part: u64, whole: u64) -> Share {
        if whole == 0 { Share(0.0) } else { Share((part as f64 / whole as f64 * 100.0).min(100.0)) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// How high the charts with a vertical axis are, in pixels.
const HEIGHT: f64 = 160.0;

/// The vertical axis of a chart: from 0 to a round number.
#[derive(Clone, Copy, Debug)]
struct Axis {
    top: u64,
}

/// A line across the chart, and the number it stands for.
#[derive(Clone, Debug)]
struct Tick {
    y: Share,
    label: String,
}

impl Axis {
    /// The lowest axis with a round top on which `highest` has room.
    fn up_to(highest: u64) -> Axis {
        let mut unit = 1_u64;
        loop {
            let round = [1, 2, 4, 6, 8].into_iter().map(|n| unit.saturating_mul(n)).find(|top| *top >= highest);
            match (round, unit.checked_mul(10)) {
                (Some(top), _) => return Axis { top },
                (None, Some(next)) => unit = next,
                (None, None) => return Axis { top: u64::MAX },
            }
        }
    }

    /// How far below the upper edge a count stands, in pixels.
    fn y(self, count: u64) -> Share {
        Share(HEIGHT - Share::of(count, self.top).0 / 100.0 * HEIGHT)
    }

    /// Bottom, top, and the middle if it is a whole number.
    fn ticks(self) -> Vec<Tick> {
        let middle = self.top.is_multiple_of(2).then_some(self.top / 2);
        let counts = [Some(0), middle, Some(self.top)].into_iter().flatten();
        counts.map(|count| Tick { y: self.y(count), label: short_number(count) }).collect()
    }
}

/// Whether the `i`th of `n` things has one of at most `max` labels below the chart: the last always, the others at even
/// distance from it.
fn is_labelled(i: usize, n: usize, max: usize) -> bool {
    (n - 1 - i).is_multiple_of(n.div_ceil(max))
}

/// A chart's numbers as a table: the heads, and for each row its name and its cells.
#[derive(Clone, Debug)]
struct Numbers {
    heads: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1 000"), (12_480, "12 480"), (1_000_000, "1 000 000")];
        for (n, expected) in cases {
            assert_eq!(number(n).replace('\u{202f}', " "), expected);
        }
    }

    #[test]
    fn axis_numbers_are_short() {
        let cases = [(0, "0"), (2_000, "2 000"), (10_000, "10k"), (12_500, "12.5k"), (2_000_000, "2M")];
        for (n, expected) in cases {
            assert_eq!(short_number(n).replace('\u{202f}', " "), expected);
        }
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let cases = [(0, 1), (1, 1), (2, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 20), (41, 60), (801, 1_000)];
        for (highest, top) in cases {
            assert_eq!(Axis::up_to(highest).top, top, "{highest}");
        }
        assert!(Axis::up_to(u64::MAX).top >= u64::MAX / 2);
    }

    #[test]
    fn the_last_has_its_label_and_there_are_few() {
        for n in 1..200 {
            assert!(is_labelled(n - 1, n, 6), "{n}");
            let labels = (0..n).filter(|i| is_labelled(*i, n, 6)).count();
            assert!(labels <= 6, "{n}: {labels}");
        }
    }

    #[test]
    fn shares_stay_within_the_whole() {
        let cases = [((0, 0), "0"), ((5, 0), "0"), ((1, 3), "33.33"), ((3, 2), "100"), ((1, 2), "50")];
        for ((part, whole), expected) in cases {
            assert_eq!(Share::of(part, whole).to_string(), expected);
        }
    }
}
