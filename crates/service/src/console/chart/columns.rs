//! Counts in slots of time, one column each, with the series upon each other.

use askama::Template;

use super::{Axis, Markup, Numbers, Share, Tick, Tone, is_labelled, number};

/// Counts in slots of time.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// What is shown: "Answers in the last 24 hours".
    pub title: &'a str,
    /// From the bottom of a column to its top.
    pub series: &'a [Series<'a>],
    /// From the earliest to the latest. The chart shows the last 62, which is two months of days.
    pub slots: &'a [Slot],
}

/// One of the counts of each slot.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// For people: "Granted".
    pub name: &'a str,
    /// Its colour.
    pub tone: Tone,
}

/// A slot of time.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Short, for below the chart: "08:00".
    pub label: String,
    /// Whole, for the table: "23 Nov 2026, 08:00–09:00".
    pub name: String,
    /// A count for each series, in their order.
    pub counts: Vec<u64>,
}

/// Each slot is some 300 bytes of a page that may have 60 kB.
const SLOTS_MAX: usize = 62;

/// A telephone has room for no more; of a day's 24 hours it is every fourth.
const LABELS_MAX: usize = 6;

/// How much of its slot a column takes.
const COLUMN: f64 = 0.72;

#[derive(Template)]
#[template(path = "charts/columns.html")]
struct View<'a> {
    title: &'a str,
    totals: Vec<(&'a str, &'static str, String)>,
    ticks: Vec<Tick>,
    slots: Vec<SlotView>,
    numbers: Numbers,
}

struct SlotView {
    from: Share,
    width: Share,
    middle: Share,
    label: Option<String>,
    hint: String,
    column: Share,
    column_width: Share,
    parts: Vec<PartView>,
}

struct PartView {
    class: &'static str,
    y: Share,
    height: Share,
}

/// Draws the columns.
pub fn columns(columns: &Columns<'_>) -> Markup {
    let slots = &columns.slots[columns.slots.len().saturating_sub(SLOTS_MAX)..];
    let highest = slots.iter().map(|slot| sum(&slot.counts)).max().unwrap_or(0);
    let axis = Axis::up_to(highest);
    let total = |i: usize| sum(slots.iter().filter_map(|slot| slot.counts.get(i)));
    let totals = columns.series.iter().enumerate().map(|(i, s)| (s.name, s.tone.class(), number(total(i))));
    let views = slots.iter().enumerate().map(|(i, slot)| view(columns.series, slot, (i, slots.len()), axis));
    Markup::of(&View {
        title: columns.title,
        totals: totals.collect(),
        ticks: axis.ticks(),
        slots: views.collect(),
        numbers: numbers(columns.series, slots),
    })
}

fn view(series: &[Series<'_>], slot: &Slot, (i, n): (usize, usize), axis: Axis) -> SlotView {
    let width = 100.0 / n as f64;
    let from = width * i as f64;
    let mut below = 0_u64;
    let mut parts = Vec::with_capacity(series.len());
    let mut hint = slot.name.clone();
    for (series, count) in series.iter().zip(&slot.counts) {
        let above = below.saturating_add(*count);
        let (y, foot) = (axis.y(above), axis.y(below));
        if *count > 0 {
            parts.push(PartView { class: series.tone.class(), y, height: Share(foot.0 - y.0) });
        }
        hint.push_str(&format!("\n{}: {}", series.name, number(*count)));
        below = above;
    }
    SlotView {
        from: Share(from),
        width: Share(width),
        middle: Share(from + width / 2.0),
        label: is_labelled(i, n, LABELS_MAX).then(|| slot.label.clone()),
        hint,
        column: Share(from + width * (1.0 - COLUMN) / 2.0),
        column_width: Share(width * COLUMN),
        parts,
    }
}

fn numbers(series: &[Series<'_>], slots: &[Slot]) -> Numbers {
    let heads = std::iter::once("Time".to_owned()).chain(series.iter().map(|series| series.name.to_owned()));
    let cells = |slot: &Slot| slot.counts.iter().take(series.len()).map(|count| number(*count)).collect();
    Numbers { heads: heads.collect(), rows: slots.iter().rev().map(|slot| (slot.name.clone(), cells(slot))).collect() }
}

fn sum<'a>(counts: impl IntoIterator<Item = &'a u64>) -> u64 {
    counts.into_iter().fold(0, |sum, count| sum.saturating_add(*count))
}

#[cfg(test)]
mod tests {
    use super::super::HEIGHT;
    use super::*;

    const SERIES: [Series<'_>; 2] =
        [Series { name: "Granted", tone: Tone::First }, Series { name: "Refused", tone: Tone::Second }];

    fn slot(i: usize, counts: &[u64]) -> Slot {
        Slot { label: format!("{i}:00"), name: format!("hour {i}"), counts: counts.to_vec() }
    }

    fn draw(slots: &[Slot]) -> String {
        columns(&Columns { title: "Answers", series: &SERIES, slots }).to_string()
    }

    #[test]
    fn draws_what_there_is() {
        // slots, columns' parts, rows of the table
        let cases: [(Vec<Slot>, usize, usize); 5] = [
            (vec![], 0, 0),
            (vec![slot(0, &[3, 0])], 1, 1),
            (vec![slot(0, &[0, 0]), slot(1, &[0, 0])], 0, 2),
            (vec![slot(0, &[3, 1]), slot(1, &[5, 2])], 4, 2),
            ((0..200).map(|i| slot(i, &[1, 1])).collect(), 2 * SLOTS_MAX, SLOTS_MAX),
        ];
        for (slots, parts, rows) in cases {
            let html = draw(&slots);
            assert_eq!(html.matches("<rect class=\"s").count(), parts, "{html}");
            assert_eq!(html.matches("<th scope=\"row\"").count(), rows, "{html}");
            assert_eq!(html.contains("Nothing to show"), slots.is_empty());
        }
    }

    #[test]
    fn series_stand_upon_each_other() {
        let view = view(&SERIES, &slot(0, &[6, 4]), (0, 1), Axis { top: 10 });
        let places: Vec<_> = view.parts.iter().map(|part| (part.y.0, part.y.0 + part.height.0)).collect();
        assert_eq!(places, [(HEIGHT * 0.4, HEIGHT), (0.0, HEIGHT * 0.4)]);
    }

    #[test]
    fn totals_stand_in_the_legend() {
        let html = draw(&[slot(0, &[700, 1]), slot(1, &[800, 2])]).replace('\u{202f}', " ");
        assert!(html.contains("Granted <b>1 500</b>") && html.contains("Refused <b>3</b>"), "{html}");
    }

    #[test]
    fn absurd_counts_and_hostile_names_do_no_harm() {
        let hostile = Slot { label: "<i>".into(), name: "\"><script>".into(), counts: vec![u64::MAX, u64::MAX, 7] };
        let html = draw(&[hostile]);
        assert!(!html.contains("<script>") && !html.contains("<i>") && !html.contains("NaN"), "{html}");
    }
}
