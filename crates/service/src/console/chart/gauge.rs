//! A count against its threshold, as an arc with a mark.

use askama::Template;

use super::{Markup, Share, number};

/// A count against its threshold.
#[derive(Clone, Copy, Debug)]
pub struct Gauge<'a> {
    /// What is counted where: "Office family".
    pub label: &'a str,
    /// The count.
    pub count: u64,
    /// From which count on all is well; 0 where none is asked for.
    pub threshold: u64,
    /// What is counted, in the plural: "clients".
    pub unit: &'a str,
}

/// The arc begins at the lower left and goes clockwise through two thirds of a circle.
const ARC_DEGREES: f64 = 240.0;
const CENTRE: (f64, f64) = (110.0, 104.0);
const RADIUS: f64 = 84.0;

#[derive(Template)]
#[template(path = "charts/gauge.html")]
struct View<'a> {
    label: &'a str,
    number: String,
    is_long: bool,
    is_short: bool,
    value: Option<Share>,
    start: Spot,
    end: Spot,
    mark: Option<Mark>,
    sentence: String,
}

struct Mark {
    inner: Spot,
    outer: Spot,
    text: Spot,
    anchor: &'static str,
    threshold: String,
}

/// A point of the drawing, rounded to hundredths.
struct Spot {
    x: Share,
    y: Share,
}

/// Draws the gauge.
pub fn gauge(gauge: &Gauge<'_>) -> Markup {
    let number = number(gauge.count);
    let full = full_scale(gauge);
    Markup::of(&View {
        label: gauge.label,
        is_long: number.chars().count() > 6,
        number,
        is_short: gauge.count < gauge.threshold,
        value: (gauge.count > 0).then(|| Share::of(gauge.count, full)),
        start: spot(Share(0.0), RADIUS),
        end: spot(Share(100.0), RADIUS),
        mark: (gauge.threshold > 0).then(|| mark(gauge.threshold, full)),
        sentence: sentence(gauge),
    })
}

/// The whole arc: a third more than the threshold, so that its mark has something behind it, or the count.
fn full_scale(gauge: &Gauge<'_>) -> u64 {
    gauge.count.max(gauge.threshold.saturating_add(gauge.threshold / 3))
}

fn mark(threshold: u64, full: u64) -> Mark {
    let at = Share::of(threshold, full);
    let anchor = match at.0 {
        ..45.0 => "end",
        55.0.. => "start",
        _ => "middle",
    };
    Mark {
        inner: spot(at, RADIUS - 11.0),
        outer: spot(at, RADIUS + 11.0),
        text: spot(at, RADIUS + 17.0),
        anchor,
        threshold: number(threshold),
    }
}

fn spot(at: Share, radius: f64) -> Spot {
    let degrees = 90.0 + (360.0 - ARC_DEGREES) / 2.0 + at.0 / 100.0 * ARC_DEGREES;
    let (sin, cos) = degrees.to_radians().sin_cos();
    Spot { x: Share(CENTRE.0 + radius * cos), y: Share(CENTRE.1 + radius * sin) }
}

fn sentence(gauge: &Gauge<'_>) -> String {
    match gauge.threshold {
        0 => "no threshold".to_owned(),
        threshold if gauge.count < threshold => {
            format!("of {} {}, {} more needed", number(threshold), gauge.unit, number(threshold - gauge.count))
        }
        threshold => format!("{}, threshold {} reached", gauge.unit, number(threshold)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_count_and_threshold_in_words() {
        let cases = [
            ((0, 25), "of 25 clients, 25 more needed"),
            ((18, 25), "of 25 clients, 7 more needed"),
            ((25, 25), "clients, threshold 25 reached"),
            ((1_204, 25), "clients, threshold 25 reached"),
            ((18, 0), "no threshold"),
        ];
        for ((count, threshold), expected) in cases {
            let html = gauge(&Gauge { label: "Office", count, threshold, unit: "clients" }).to_string();
            assert!(html.contains(expected), "{count} of {threshold}: {html}");
            assert_eq!(html.contains("gauge-value"), count > 0, "{count}: nothing counted is nothing drawn");
            assert_eq!(html.contains("gauge-mark"), threshold > 0, "{threshold}: no threshold has no mark");
            assert_eq!(html.contains("gauge-value short"), count > 0 && count < threshold);
        }
    }

    #[test]
    fn the_arc_fills_up_to_the_mark_and_behind_it() {
        let arc = |count, threshold| {
            let gauge = Gauge { label: "", count, threshold, unit: "" };
            Share::of(count, full_scale(&gauge)).to_string()
        };
        assert_eq!(
            (arc(15, 30), arc(30, 30), arc(40, 30), arc(400, 30)),
            ("37.5".into(), "75".into(), "100".into(), "100".into())
        );
        assert_eq!(arc(u64::MAX, u64::MAX), "100");
    }

    #[test]
    fn hostile_labels_stay_text() {
        let html = gauge(&Gauge { label: "\"><script>", count: 1, threshold: 2, unit: "<b>" }).to_string();
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
    }
}
