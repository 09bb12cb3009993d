//! Charts for the report as a page: lines over time and bars, as SVG that needs no script and no style from elsewhere.

use std::fmt::Write as _;

use crate::events::moment::Moment;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers of the axis, and for the dates below.
const LEFT: f64 = 56.0;
const BELOW: f64 = 24.0;
/// More points than pixels help nobody.
const POINTS_MAX: usize = 360;

/// A line of a chart: its class, its name, its values day by day from the first day of the chart on.
pub struct Line {
    pub class: &'static str,
    pub name: String,
    pub values: Vec<f64>,
}

/// Lines over days from `first` on; a level that should not be crossed is drawn across.
pub fn lines(title: &str, first: Moment, lines: &[Line], level: Option<(f64, &str)>) -> String {
    let days = lines.iter().map(|line| line.values.len()).max().unwrap_or_default().max(2);
    let highest = lines.iter().flat_map(|line| &line.values).copied().chain(level.map(|(level, _)| level));
    let top = round_up(highest.fold(1.0, f64::max));
    let x = |day: usize| LEFT + (WIDTH - LEFT) * day as f64 / (days - 1) as f64;
    let y = |value: f64| (HEIGHT - BELOW) * (1.0 - value / top) + 6.0;
    let mut svg = frame(title, top, &y);
    for line in lines {
        let step = line.values.len().div_ceil(POINTS_MAX).max(1);
        let last = line.values.len().saturating_sub(1);
        let shown = line.values.iter().enumerate().filter(|(day, _)| day % step == 0 || *day == last);
        let points: Vec<String> = shown.map(|(day, value)| format!("{:.1},{:.1}", x(day), y(*value))).collect();
        let _ = write!(svg, "<polyline class=\"line {}\" points=\"{}\"/>", line.class, points.join(" "));
    }
    if let Some((level, words)) = level {
        let at = y(level);
        let _ = write!(
            svg,
            "<line class=\"level\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - 4.0,
            at - 4.0,
            escaped(words)
        );
    }
    for part in 0..=4_usize {
        let day = (days - 1) * part / 4;
        let anchor = ["start", "middle", "middle", "middle", "end"].get(part).copied().unwrap_or("middle");
        let date = Moment::of_day(first.day() + u32::try_from(day).unwrap_or_default()).day_text();
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{date}</text>",
            x(day),
            HEIGHT - 2.0
        );
    }
    svg.push_str("</svg>");
    if lines.len() > 1 {
        svg.push_str("<p class=\"key\">");
        for line in lines {
            let _ = write!(svg, "<span><i class=\"{}\"></i>{}</span> ", line.class, escaped(&line.name));
        }
        svg.push_str("</p>");
    }
    svg
}

/// Bars with a name below each.
pub fn bars(title: &str, bars: &[(String, u64)]) -> String {
    let top = round_up(bars.iter().map(|(_, value)| *value as f64).fold(1.0, f64::max));
    let y = |value: f64| (HEIGHT - BELOW) * (1.0 - value / top) + 6.0;
    let mut svg = frame(title, top, &y);
    let room = (WIDTH - LEFT) / bars.len().max(1) as f64;
    let step = bars.len().div_ceil(12).max(1);
    for (place, (name, value)) in bars.iter().enumerate() {
        let (from, at) = (LEFT + room * place as f64, y(*value as f64));
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{at:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}: {value}</title></rect>",
            from + room * 0.15,
            room * 0.7,
            y(0.0) - at,
            escaped(name)
        );
        if place % step == 0 {
            let _ = write!(
                svg,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                from + room / 2.0,
                HEIGHT - 2.0,
                escaped(name)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

fn frame(title: &str, top: f64, y: &dyn Fn(f64) -> f64) -> String {
    let title = escaped(title);
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>");
    for part in 0..=2 {
        let value = top * f64::from(part) / 2.0;
        let at = y(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    svg
}

/// The next round even number.
fn round_up(value: f64) -> f64 {
    let mut unit = 1.0;
    loop {
        if let Some(top) = [2.0, 4.0, 6.0, 8.0, 10.0].into_iter().map(|n| n * unit).find(|top| *top >= value) {
            return top;
        }
        unit *= 10.0;
    }
}

/// Text between tags and in attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What turns the direction of a line could make it say something else.
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_stay_in_their_frame() {
        let line = |values: Vec<f64>| Line { class: "s1", name: "a<b".to_owned(), values };
        for values in [vec![], vec![0.0], vec![3.0, 700.0], vec![1.0; 5000]] {
            let svg = lines("x", Moment::of_day(20_000), &[line(values), line(vec![1.0])], Some((25.0, "25 & more")));
            assert!(svg.starts_with("<svg") && !svg.contains("NaN") && !svg.contains("inf") && !svg.contains("a<b"));
            assert!(svg.len() < 40_000, "{}", svg.len());
        }
        for count in [0, 1, 40] {
            let svg = bars("x", &vec![("2026-01".to_owned(), 3); count]);
            assert!(svg.matches("<rect").count() == count && !svg.contains("NaN"));
        }
        assert_eq!([0.5, 2.0, 11.0, 801.0].map(round_up), [2.0, 2.0, 20.0, 1000.0]);
    }
}
