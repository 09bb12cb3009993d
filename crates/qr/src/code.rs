//! One QR code: made from a frame, drawn in a terminal or as a PNG file (`docs/spec/qr-codes.md`, 3).

use fast_qr::qr::QRCodeError;
use fast_qr::{ECL, Mode, QRBuilder, QRCode};
use keymuster_core::frames::{FrameError, split};

/// Light modules around a code, without which it is not found.
const QUIET_ZONE: usize = 4;
/// Pixels to a module in a PNG file: enough for a phone that photographs a screen, and a kilobyte or two of file.
const PIXELS: usize = 8;
/// Black on white by numbers of the fixed colour cube. The sixteen colours with names, and the default ones, look on each
/// screen as its owner likes, and many readers do not see light on dark.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const RESET: &str = "\x1b[0m";

/// A code that can be drawn.
#[derive(Clone, Debug)]
pub struct Code {
    frame: String,
    /// Modules to a side.
    size: usize,
    /// Row by row.
    is_dark: Vec<bool>,
}

impl Code {
    /// The codes of a file with at most `data_max` bytes in each.
    pub fn of(file: &[u8], data_max: usize) -> Result<Vec<Code>, FrameError> {
        Ok(split(file, data_max)?.into_iter().map(Code::of_frame).collect())
    }

    fn of_frame(frame: String) -> Code {
        let made: Result<_, QRCodeError> = QRBuilder::new(frame.as_str()).mode(Mode::Alphanumeric).ecl(ECL::M).build();
        Code::drawn(frame, &made.expect("a frame fits a code of version 25, as the specification reckons"))
    }

    /// The code of any text, such as a link; `None` for one that is too long for a code.
    pub fn of_text(text: &str) -> Option<Code> {
        let made = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
        Some(Code::drawn(text.to_owned(), &made))
    }

    fn drawn(frame: String, made: &QRCode) -> Code {
        let rows = (0..made.size).flat_map(|y| made[y][..made.size].iter().map(|module| module.value()));
        Code { frame, size: made.size, is_dark: rows.collect() }
    }

    /// The text in it.
    pub fn frame(&self) -> &str {
        &self.frame
    }

    /// Modules to a side, with the quiet zone: as many columns, and half as many lines, it needs in a terminal.
    pub fn side(&self) -> usize {
        self.size + 2 * QUIET_ZONE
    }

    /// Whether the module at a place is dark; the quiet zone and all beyond it is light.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET_ZONE).filter(|at| *at < self.size);
        inside(x).zip(inside(y)).is_some_and(|(x, y)| self.is_dark[y * self.size + x])
    }

    /// Lines of half blocks, two modules to a character. They bring their own colours.
    pub fn terminal(&self) -> String {
        let mut text = String::new();
        for y in (0..self.side()).step_by(2) {
            text.push_str(BLACK_ON_WHITE);
            text.extend((0..self.side()).map(|x| match (self.is_dark(x, y), self.is_dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }));
            text.push_str(RESET);
            text.push('\n');
        }
        text
    }

    /// An SVG picture for a page: black on white whatever the page's colours are, as readers need it.
    pub fn svg(&self) -> String {
        let side = self.side();
        let mut path = String::new();
        for y in 0..side {
            let mut x = 0;
            while x < side {
                let length = (x..side).take_while(|x| self.is_dark(*x, y)).count();
                if length > 0 {
                    path += &format!("M{x} {y}h{length}v1h-{length}z");
                }
                x += length + 1;
            }
        }
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" aria-label="QR code" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="{path}"/></svg>"##
        )
    }

    /// A PNG file in black and white.
    pub fn png(&self) -> Vec<u8> {
        let side = self.side() * PIXELS;
        let mut pixels = Vec::with_capacity(side * side.div_ceil(8));
        for y in 0..side {
            // A module is as wide as the pixels of a byte, and a pixel that is set is white.
            pixels.extend((0..self.side()).map(|x| if self.is_dark(x, y / PIXELS) { 0x00 } else { 0xff }));
        }
        let mut file = Vec::new();
        let side = u32::try_from(side).expect("a code has at most 125 modules to a side");
        let mut encoder = png::Encoder::new(&mut file, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
        written.expect("writing to memory does not fail");
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymuster_core::frames::DATA_MAX;

    #[test]
    fn a_full_frame_is_a_code_of_version_25_and_one_for_a_terminal_of_version_15() {
        let side = |bytes: usize, count: usize| {
            let codes = Code::of(&vec![0x5a; bytes * count], bytes).unwrap();
            assert_eq!(codes.len(), count);
            codes.iter().map(|code| code.size).max().unwrap()
        };
        assert_eq!(side(DATA_MAX, 64), 117);
        assert_eq!(side(crate::carry::TERMINAL_DATA_MAX, 64), 77);
    }

    /// Whatever colours the terminal has, the code is drawn in its own, with light around it.
    #[test]
    fn a_terminal_shows_dark_on_light() {
        let code = &Code::of(b"KM1\n", DATA_MAX).unwrap()[0];
        let drawn = code.terminal();
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!((code.side(), lines.len()), (25 + 8, 17));
        for line in &lines {
            let inner = line.strip_prefix(BLACK_ON_WHITE).unwrap().strip_suffix(RESET).unwrap();
            assert_eq!(inner.chars().count(), code.side());
            assert!(inner.starts_with("    ") && inner.ends_with("    "), "{inner:?}");
        }
        assert!(lines[0].contains(&" ".repeat(33)) && lines[1].contains(&" ".repeat(33)), "four modules of light");
        assert!(lines[2].contains("    █▀▀▀▀▀█ "), "{drawn}");
    }
}
