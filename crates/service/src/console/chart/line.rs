//! A count over time as a line, perhaps with a limit across it and a guess of how it goes on.

use std::fmt::Write;

use askama::Template;

use super::{Axis, HEIGHT, Markup, Numbers, Share, Tick, is_labelled, number};

/// A count over time.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// What is shown: "Clients that asked, by day".
    pub title: &'a str,
    /// What was counted, from the earliest to the latest. The chart shows the last 92, which is three months of days.
    pub points: &'a [Point],
    /// What is expected after them, dashed; often nothing.
    pub ahead: &'a [Point],
    /// A line across: a threshold to be above, a number of seats to be below.
    pub limit: Option<Limit<'a>>,
}

/// The count at one time.
#[derive(Clone, Debug)]
pub struct Point {
    /// Short, for below the chart: "23 Nov".
    pub label: String,
    /// Whole, for the table: "23 Nov 2026".
    pub name: String,
    /// The count.
    pub count: u64,
}

/// A line across the chart.
#[derive(Clone, Copy, Debug)]
pub struct Limit<'a> {
    /// For people: "Threshold".
    pub name: &'a str,
    /// Where it lies.
    pub count: u64,
}

/// Each point is some 250 bytes of a page that may have 60 kB.
const POINTS_MAX: usize = 92;

/// One less than fits on a telephone, as the last label stands to the left of its point.
const LABELS_MAX: usize = 5;

#[derive(Template)]
#[template(path = "charts/line.html")]
struct View<'a> {
    title: &'a str,
    ticks: Vec<Tick>,
    limit: Option<LimitView<'a>>,
    /// In a grid of 100 by `HEIGHT`, which the page stretches.
    path: String,
    area: String,
    ahead: String,
    has_guess: bool,
    last: Option<(Share, Share)>,
    slots: Vec<SlotView>,
    numbers: Numbers,
}

struct LimitView<'a> {
    name: &'a str,
    count: String,
    y: Share,
    /// Where its words stand: above the line, or below it where there is no room above.
    text_y: Share,
}

struct SlotView {
    from: Share,
    width: Share,
    middle: Share,
    anchor: &'static str,
    label: Option<String>,
    hint: String,
}

/// Draws the line.
pub fn line(line: &Line<'_>) -> Markup {
    let known = &line.points[line.points.len().saturating_sub(POINTS_MAX)..];
    let ahead = &line.ahead[..line.ahead.len().min(POINTS_MAX)];
    let all: Vec<&Point> = known.iter().chain(ahead).collect();
    let highest = all.iter().map(|point| point.count).chain(line.limit.map(|limit| limit.count)).max().unwrap_or(0);
    let axis = Axis::up_to(highest);
    let place = |i: usize| (along(i, all.len()), axis.y(all[i].count));
    let trace = |from: usize, to: usize| path((from..to).map(place));
    let last = known.len().checked_sub(1);
    let path = trace(0, known.len());
    Markup::of(&View {
        title: line.title,
        ticks: axis.ticks(),
        limit: line.limit.map(|limit| limit_view(limit, axis)),
        area: last.map_or(String::new(), |last| {
            format!("{path}L{} {HEIGHT}L{} {HEIGHT}Z", along(last, all.len()), along(0, all.len()))
        }),
        path,
        ahead: trace(last.unwrap_or(0), all.len()),
        has_guess: !ahead.is_empty(),
        last: last.map(place),
        slots: all.iter().enumerate().map(|(i, point)| slot(point, (i, all.len()), i >= known.len())).collect(),
        numbers: numbers(known, ahead),
    })
}

/// How far along the `i`th of `n` points stands; a single one stands in the middle.
fn along(i: usize, n: usize) -> Share {
    if n < 2 { Share(50.0) } else { Share(i as f64 / (n - 1) as f64 * 100.0) }
}

fn path(places: impl Iterator<Item = (Share, Share)>) -> String {
    places.enumerate().fold(String::new(), |mut path, (i, (x, y))| {
        let _ = write!(path, "{}{x} {y}", if i == 0 { 'M' } else { 'L' });
        path
    })
}

fn limit_view(limit: Limit<'_>, axis: Axis) -> LimitView<'_> {
    let y = axis.y(limit.count);
    let text_y = if y.0 < 16.0 { Share(y.0 + 16.0) } else { Share(y.0 - 6.0) };
    LimitView { name: limit.name, count: number(limit.count), y, text_y }
}

fn slot(point: &Point, (i, n): (usize, usize), is_guess: bool) -> SlotView {
    let width = 100.0 / n as f64;
    let middle = along(i, n);
    let from = (middle.0 - width / 2.0).max(0.0);
    SlotView {
        from: Share(from),
        width: Share((middle.0 + width / 2.0).min(100.0) - from),
        middle,
        anchor: match i {
            _ if n == 1 => "middle",
            0 => "start",
            _ if i == n - 1 => "end",
            _ => "middle",
        },
        label: is_labelled(i, n, LABELS_MAX).then(|| point.label.clone()),
        hint: format!("{}: {}{}", point.name, number(point.count), if is_guess { " expected" } else { "" }),
    }
}

fn numbers(known: &[Point], ahead: &[Point]) -> Numbers {
    let row = |point: &Point, what: &str| (point.name.clone(), vec![number(point.count), what.to_owned()]);
    let guessed = ahead.iter().rev().map(|point| row(point, "expected"));
    let counted = known.iter().rev().map(|point| row(point, "counted"));
    Numbers { heads: vec!["Time".into(), "Count".into(), "How known".into()], rows: guessed.chain(counted).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(counts: &[u64]) -> Vec<Point> {
        let point =
            |(i, count): (usize, &u64)| Point { label: format!("{i} Nov"), name: format!("day {i}"), count: *count };
        counts.iter().enumerate().map(point).collect()
    }

    fn draw(counts: &[u64], ahead: &[u64], limit: Option<u64>) -> String {
        let limit = limit.map(|count| Limit { name: "Threshold", count });
        line(&Line { title: "Clients", points: &points(counts), ahead: &points(ahead), limit }).to_string()
    }

    #[test]
    fn draws_what_there_is() {
        // counted, expected; rows of the table, dashed lines, dots
        let many = vec![1; 400];
        let cases: [([&[u64]; 2], [usize; 3]); 6] = [
            ([&[], &[]], [0, 0, 0]),
            ([&[5], &[]], [1, 0, 1]),
            ([&[5, 6, 7], &[]], [3, 0, 1]),
            ([&[5, 6], &[7, 8]], [4, 1, 1]),
            ([&[], &[7, 8]], [2, 1, 0]),
            ([&many, &[]], [POINTS_MAX, 0, 1]),
        ];
        for ([counted, ahead], [rows, dashed, dots]) in cases {
            let html = draw(counted, ahead, None);
            assert_eq!(html.matches("<th scope=\"row\"").count(), rows, "{html}");
            assert_eq!(html.matches("chart-line ahead").count(), dashed, "{html}");
            assert_eq!(html.matches("chart-dot").count(), dots, "{html}");
            assert!(!html.contains("NaN"), "{html}");
        }
    }

    #[test]
    fn the_limit_is_drawn_and_named_wherever_it_lies() {
        for limit in [0, 1, 25, u64::MAX] {
            let html = draw(&[5, 6], &[], Some(limit));
            assert!(html.contains("chart-limit\"") && html.contains("Threshold"), "{html}");
        }
        assert!(!draw(&[5], &[], None).contains("chart-limit"));
    }

    #[test]
    fn the_line_goes_from_edge_to_edge() {
        let html = draw(&[0, 10], &[], None);
        assert!(html.contains("d=\"M0 160L100 0\""), "{html}");
    }

    #[test]
    fn hostile_names_stay_text() {
        let point = Point { label: "<i>".into(), name: "\"><script>".into(), count: 1 };
        let limit = Some(Limit { name: "<b>", count: 1 });
        let html = line(&Line { title: "<u>", points: &[point], ahead: &[], limit }).to_string();
        for tag in ["<script>", "<i>", "<b>", "<u>"] {
            assert!(!html.contains(tag), "{html}");
        }
    }
}
