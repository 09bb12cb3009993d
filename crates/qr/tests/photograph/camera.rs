//! A camera: takes a drawing of QR codes as a lens, a sensor and JPEG would show it, from a fixed seed.

/// SplitMix64: short, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From -1 to 1.
    pub fn swing(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// What is photographed: modules, light or dark.
#[derive(Clone)]
pub struct Sheet {
    pub width: usize,
    pub height: usize,
    pub is_dark: Vec<bool>,
}

impl Sheet {
    pub fn light(width: usize, height: usize) -> Sheet {
        Sheet { width, height, is_dark: vec![false; width * height] }
    }

    /// What a terminal shows, read from the characters and their colours.
    pub fn of_terminal(drawn: &str) -> Sheet {
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for line in drawn.lines() {
            let inner = line.strip_prefix("\x1b[38;5;16;48;5;231m").expect("black on white");
            let inner = inner.strip_suffix("\x1b[0m").expect("the colours end with the line");
            for halves in [['▀', '█'], ['▄', '█']] {
                rows.push(inner.chars().map(|character| halves.contains(&character)).collect());
            }
        }
        Sheet { width: rows[0].len(), height: rows.len(), is_dark: rows.concat() }
    }

    /// A PNG file as it is, with its pixels as modules.
    pub fn of_png(file: &[u8]) -> Sheet {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        Sheet {
            width: info.width as usize,
            height: info.height as usize,
            is_dark: pixels.iter().map(|pixel| *pixel < 128).collect(),
        }
    }

    /// Lays another sheet onto this one.
    pub fn lay(&mut self, other: &Sheet, left: usize, top: usize) {
        for y in 0..other.height {
            let at = (top + y) * self.width + left;
            self.is_dark[at..at + other.width].copy_from_slice(&other.is_dark[y * other.width..][..other.width]);
        }
    }
}

/// How a photograph is taken. The defaults are those of a steady hand and good light.
#[derive(Clone, Copy, Debug)]
pub struct Camera {
    /// Pixels to a module in the middle of the picture.
    pub pixels: f64,
    /// How far it is turned, in degrees.
    pub turned: f64,
    /// How far each corner is off its place, as a share of the side: perspective and shear.
    pub slanted: f64,
    /// How often each pixel is mixed with its neighbours: out of focus by 0.8 pixels at 1, by 1.6 at 4, by 2.4 at 9.
    pub blur: u32,
    /// How much single pixels vary, of 255.
    pub noise: f64,
    /// How much darker the far corner is, as a share.
    pub shade: f64,
    /// The brightness of what is around the sheet, of 255.
    pub around: f64,
    /// Of JPEG.
    pub quality: u8,
}

pub const STEADY: Camera =
    Camera { pixels: 5.0, turned: 2.0, slanted: 0.0, blur: 3, noise: 6.0, shade: 0.2, around: 40.0, quality: 60 };

impl Camera {
    /// A JPEG file.
    pub fn shoot(&self, sheet: &Sheet, random: &mut Random) -> Vec<u8> {
        let (wide, high) = (sheet.width as f64 * self.pixels, sheet.height as f64 * self.pixels);
        let side = (wide.hypot(high) * 1.15) as usize + 40;
        let (sin, cos) = self.turned.to_radians().sin_cos();
        let mut corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y): (f64, f64)| {
            let (x, y) = (x * wide / 2.0, y * high / 2.0);
            (side as f64 / 2.0 + cos * x - sin * y, side as f64 / 2.0 + sin * x + cos * y)
        });
        for (x, y) in &mut corners {
            *x += random.swing() * self.slanted * wide;
            *y += random.swing() * self.slanted * high;
        }
        let back = homography(corners, sheet.width as f64, sheet.height as f64);
        let seen = |x: f64, y: f64| -> f64 {
            let depth = back[6] * x + back[7] * y + 1.0;
            let u = (back[0] * x + back[1] * y + back[2]) / depth;
            let v = (back[3] * x + back[4] * y + back[5]) / depth;
            let is_on_sheet = u >= 0.0 && v >= 0.0 && u < sheet.width as f64 && v < sheet.height as f64;
            match is_on_sheet {
                false => self.around,
                true if sheet.is_dark[v as usize * sheet.width + u as usize] => 30.0,
                true => 225.0,
            }
        };
        let mut pixels: Vec<f64> = Vec::with_capacity(side * side);
        for y in 0..side {
            for x in 0..side {
                let parts = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)];
                pixels.push(parts.map(|(dx, dy)| seen(x as f64 + dx, y as f64 + dy)).iter().sum::<f64>() / 4.0);
            }
        }
        blur(&mut pixels, side, self.blur);
        let shot: Vec<u8> = (0..side * side).map(|at| self.sensed(pixels[at], at, side, random)).collect();
        jpeg(&shot, side, self.quality)
    }

    fn sensed(&self, pixel: f64, at: usize, side: usize, random: &mut Random) -> u8 {
        let (x, y) = ((at % side) as f64 / side as f64, (at / side) as f64 / side as f64);
        let light = 1.0 - self.shade * (0.7 * x + 0.3 * y);
        let noise = self.noise * (random.swing() + random.swing() + random.swing());
        (pixel * light + noise).clamp(0.0, 255.0) as u8
    }
}

/// Where a point of the picture lies on a sheet whose corners are seen at these points: eight numbers of a projection.
fn homography(corners: [(f64, f64); 4], width: f64, height: f64) -> [f64; 8] {
    let on_sheet = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)];
    let mut rows = Vec::new();
    for ((x, y), (u, v)) in corners.into_iter().zip(on_sheet) {
        rows.push([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u]);
        rows.push([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v]);
    }
    for column in 0..8 {
        let largest = (column..8).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs())).unwrap();
        rows.swap(column, largest);
        let pivot = rows[column].map(|value| value / rows[column][column]);
        for (at, row) in rows.iter_mut().enumerate() {
            let factor = row[column];
            *row = if at == column { pivot } else { std::array::from_fn(|k| row[k] - factor * pivot[k]) };
        }
    }
    std::array::from_fn(|at| rows[at][8])
}

/// Mixes each pixel with its neighbours so many times, which is nearly a Gaussian.
fn blur(pixels: &mut [f64], side: usize, times: u32) {
    for _ in 0..times {
        for step in [1, side] {
            let source = pixels.to_vec();
            for at in step..side * side - step {
                pixels[at] = (source[at - step] + source[at] + source[at + step]) / 3.0;
            }
        }
    }
}

fn jpeg(pixels: &[u8], side: usize, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let side = u16::try_from(side).unwrap();
    jpeg_encoder::Encoder::new(&mut file, quality).encode(pixels, side, side, jpeg_encoder::ColorType::Luma).unwrap();
    file
}
