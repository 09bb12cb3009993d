//! Bar charts as SVG files, for documents: readable on light and on dark ground, without anything from elsewhere.

use std::fmt::Write as _;

/// A chart of bars that lie.
pub(super) struct Chart<'a> {
    pub title: &'a str,
    /// What the parts of bars are called, in the order of their colours.
    pub parts: &'a [&'a str],
    pub bars: Vec<Bar>,
}

/// One bar; a group of bars begins with one that has a heading.
pub(super) struct Bar {
    pub heading: Option<String>,
    pub name: String,
    /// Which part, and how long.
    pub parts: Vec<(usize, f64)>,
}

const WIDTH: f64 = 760.0;
/// Where bars begin, and how much room is behind the longest one.
const LEFT: f64 = 150.0;
const RIGHT: f64 = 70.0;
const BAR: f64 = 18.0;
const ROW: f64 = 24.0;
const HEADING: f64 = 30.0;
const TOP: f64 = 64.0;
/// Distinguishable without colours by their lightness, too.
const COLOURS: [&str; 5] = ["#1f6f8b", "#e09f3e", "#7a4988", "#8ab17d", "#c8553d"];
/// About the width of a letter.
const LETTER: f64 = 6.6;

impl Chart<'_> {
    /// The whole file.
    pub fn svg(&self) -> String {
        let longest = self.bars.iter().map(Bar::length).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let scale = (WIDTH - LEFT - RIGHT) / longest;
        let headings = self.bars.iter().filter(|bar| bar.heading.is_some()).count();
        let height = TOP + headings as f64 * HEADING + self.bars.len() as f64 * ROW + 10.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>{title}</title>\n\
             <style>text {{ fill: #24292f }} @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}</style>\n\
             <text x=\"0\" y=\"18\" font-size=\"16\" font-weight=\"600\">{title}</text>\n",
            title = self.title
        );
        self.legend(&mut svg);
        let mut y = TOP;
        for bar in &self.bars {
            if let Some(heading) = &bar.heading {
                y += HEADING;
                put(&mut svg, &format!("<text x=\"0\" y=\"{:.0}\" font-weight=\"600\">{heading}</text>", y - 8.0));
            }
            self.bar(&mut svg, bar, y, scale);
            y += ROW;
        }
        svg + "</svg>\n"
    }

    fn legend(&self, svg: &mut String) {
        let mut x = 0.0;
        for (part, colour) in self.parts.iter().zip(COLOURS) {
            put(svg, &format!("<rect x=\"{x:.0}\" y=\"34\" width=\"12\" height=\"12\" fill=\"{colour}\"/>"));
            put(svg, &format!("<text x=\"{:.0}\" y=\"45\">{part}</text>", x + 18.0));
            x += 18.0 + part.chars().count() as f64 * LETTER + 18.0;
        }
    }

    fn bar(&self, svg: &mut String, bar: &Bar, y: f64, scale: f64) {
        let middle = y + BAR - 5.0;
        put(svg, &format!("<text x=\"{:.0}\" y=\"{middle:.0}\" text-anchor=\"end\">{}</text>", LEFT - 8.0, bar.name));
        let mut x = LEFT;
        for (part, length) in &bar.parts {
            let (width, colour) = (length * scale, COLOURS[part % COLOURS.len()]);
            put(
                svg,
                &format!("<rect x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"),
            );
            x += width;
        }
        put(svg, &format!("<text x=\"{:.0}\" y=\"{middle:.0}\">{}</text>", x + 6.0, number(bar.length())));
    }
}

impl Bar {
    fn length(&self) -> f64 {
        self.parts.iter().map(|(_, length)| length).sum()
    }
}

fn put(svg: &mut String, line: &str) {
    writeln!(svg, "{line}").expect("a string takes everything");
}

/// In whole numbers, by groups of three digits.
pub(super) fn number(value: f64) -> String {
    crate::crash::figures::thousands(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_parts_and_names_stand_beside_them() {
        let bar =
            |name: &str, parts: &[(usize, f64)]| Bar { heading: None, name: name.to_owned(), parts: parts.to_vec() };
        let bars = vec![bar("whole", &[(0, 1500.0)]), bar("parts", &[(1, 500.0), (2, 250.0)])];
        let svg = Chart { title: "T", parts: &["a", "b", "c"], bars }.svg();
        let widths: Vec<&str> = svg.split("width=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(widths, ["12", "12", "12", "540.0", "180.0", "90.0"]);
        for text in [">whole<", ">parts<", ">1,500<", ">750<", ">a<", ">c<"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
    }
}
