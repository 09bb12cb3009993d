//! A photograph, a scan or a screenshot, and the QR codes that can be seen in it.
//!
//! A picture comes from outside: its size is limited before memory is taken for it.

use std::collections::BTreeSet;
use std::io::Cursor;

use keymuster_core::frames::PREFIX;
use png::Transformations;
use rxing::common::HybridBinarizer;
use rxing::multi::MultipleBarcodeReader as _;
use rxing::qrcode::cpp_port::QrReader;
use rxing::{BarcodeFormat, BinaryBitmap, DecodeHints, Luma8Source};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The most bytes of a picture; phones make up to 30 million.
pub const FILE_MAX: usize = 64 << 20;
/// The most pixels to a side; the cameras with most pixels have 16,384.
const SIDE_MAX: usize = 1 << 14;
/// The most pixels; a full-size photograph has up to 50 million.
const PIXELS_MAX: usize = 64 << 20;
/// A picture is not halved below this: no code of ours can be read in less.
const SIDE_MIN: usize = 128;

/// A picture without colours.
struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// The texts of all QR codes of Keymuster that can be seen in a picture (PNG or JPEG); or why it is no picture.
pub fn frames(file: &[u8]) -> Result<BTreeSet<String>, String> {
    let mut picture = Grey::read(file)?;
    let mut texts = BTreeSet::new();
    loop {
        texts.extend(picture.codes());
        if picture.width.max(picture.height) < 2 * SIDE_MIN {
            return Ok(texts);
        }
        // Noise hides the large modules of a near code; averaging takes it away.
        picture = picture.halved();
    }
}

impl Grey {
    fn read(file: &[u8]) -> Result<Grey, String> {
        if file.starts_with(b"\x89PNG") {
            return Grey::from_png(file).map_err(|error| format!("the PNG file is damaged or too large: {error}"));
        }
        if file.starts_with(b"\xff\xd8") {
            return Grey::from_jpeg(file).map_err(|error| format!("the JPEG file is damaged or too large: {error}"));
        }
        Err("it is neither a PNG nor a JPEG file; save the picture as one of them".to_owned())
    }

    fn from_png(file: &[u8]) -> Result<Grey, String> {
        let limits = png::Limits { bytes: 4 * PIXELS_MAX };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(file), limits);
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
        let (width, height) = reader.info().size();
        let (width, height) = checked(width as usize, height as usize)?;
        let mut samples = vec![0; reader.output_buffer_size().ok_or("its size is beyond all memory")?];
        reader.next_frame(&mut samples).map_err(|error| error.to_string())?;
        let channels = reader.output_color_type().0.samples();
        let pixels = samples.chunks_exact(channels).map(grey_on_white).collect();
        Ok(Grey { width, height, pixels })
    }

    fn from_jpeg(file: &[u8]) -> Result<Grey, String> {
        let options = DecoderOptions::default()
            .set_max_width(SIDE_MAX)
            .set_max_height(SIDE_MAX)
            .jpeg_set_out_colorspace(ColorSpace::Luma);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
        decoder.decode_headers().map_err(|error| error.to_string())?;
        let info = decoder.info().ok_or("it has no head")?;
        let (width, height) = checked(info.width.into(), info.height.into())?;
        let pixels = decoder.decode().map_err(|error| error.to_string())?;
        Ok(Grey { width, height, pixels })
    }

    /// The picture at half its size, each pixel the mean of four.
    fn halved(&self) -> Grey {
        let (width, height) = (self.width / 2, self.height / 2);
        let mean = |x: usize, y: usize| {
            let at = 2 * y * self.width + 2 * x;
            let four = [at, at + 1, at + self.width, at + self.width + 1].map(|at| u16::from(self.pixels[at]));
            u8::try_from(four.iter().sum::<u16>() / 4).expect("a mean of bytes is a byte")
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect();
        Grey { width, height, pixels }
    }

    fn codes(&self) -> Vec<String> {
        let side = |side: usize| u32::try_from(side).expect("the sides were checked");
        let Ok(source) = Luma8Source::new_with_slice(&self.pixels, side(self.width), side(self.height)) else {
            return Vec::new();
        };
        let hints = DecodeHints {
            TryHarder: Some(true),
            PossibleFormats: Some([BarcodeFormat::QR_CODE].into()),
            ..DecodeHints::default()
        };
        let mut bitmap = BinaryBitmap::new(HybridBinarizer::new(source));
        // A picture without any code is no error here.
        let found = QrReader.decode_multiple_with_hints(&mut bitmap, &hints).unwrap_or_default();
        let is_ours = |text: &String| text.starts_with(PREFIX);
        found.iter().map(|code| code.getText().to_owned()).filter(is_ours).collect()
    }
}

fn checked(width: usize, height: usize) -> Result<(usize, usize), String> {
    let is_sound = (1..=SIDE_MAX).contains(&width) && (1..=SIDE_MAX).contains(&height) && width * height <= PIXELS_MAX;
    is_sound.then_some((width, height)).ok_or_else(|| format!("{width} × {height} pixels"))
}

/// The brightness of a pixel of 1 to 4 samples: grey or red, green, blue, and how opaque it is.
fn grey_on_white(samples: &[u8]) -> u8 {
    let (grey, opaque) = match *samples {
        [grey] => (u32::from(grey), 255),
        [grey, opaque] => (u32::from(grey), u32::from(opaque)),
        [red, green, blue, ref rest @ ..] => {
            let grey = (u32::from(red) * 77 + u32::from(green) * 150 + u32::from(blue) * 29) / 256;
            (grey, rest.first().map_or(255, |opaque| u32::from(*opaque)))
        }
        [] => (255, 255),
    };
    u8::try_from((grey * opaque + 255 * (255 - opaque)) / 255).expect("a mean of bytes is a byte")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    /// A PNG file of any kind, from samples.
    fn png(color: png::ColorType, width: u32, samples: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let height = u32::try_from(samples.len() / color.samples()).unwrap() / width;
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        if color == png::ColorType::Indexed {
            encoder.set_palette(vec![255, 255, 255, 0, 0, 0]);
        }
        encoder.write_header().unwrap().write_image_data(samples).unwrap();
        file
    }

    #[test]
    fn every_kind_of_png_is_read() {
        let code = &Code::of(b"KM1\n\xa0", 100).unwrap()[0];
        let drawn = Grey::read(&code.png()).unwrap();
        let width = u32::try_from(drawn.width).unwrap();
        type Pixel = fn(bool) -> Vec<u8>;
        let table: [(png::ColorType, Pixel); 5] = [
            (png::ColorType::Grayscale, |dark| vec![if dark { 20 } else { 230 }]),
            (png::ColorType::GrayscaleAlpha, |dark| vec![0, if dark { 255 } else { 0 }]),
            (png::ColorType::Rgb, |dark| if dark { vec![0, 0, 90] } else { vec![255, 255, 180] }),
            (png::ColorType::Rgba, |dark| vec![0, 0, 0, if dark { 255 } else { 20 }]),
            (png::ColorType::Indexed, |dark| vec![u8::from(dark)]),
        ];
        for (color, samples) in table {
            let samples: Vec<u8> = drawn.pixels.iter().flat_map(|pixel| samples(*pixel < 128)).collect();
            let found = frames(&png(color, width, &samples)).unwrap();
            assert_eq!(found.iter().collect::<Vec<_>>(), [code.frame()], "{color:?}");
        }
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_refused_before_it_takes_memory() {
        let mut vast = png(png::ColorType::Grayscale, 1, &[0]);
        // Width and height in the head, whose checksum is not looked at before its size.
        vast[16..24].copy_from_slice(&[0, 0, 0x3f, 0xff, 0, 0, 0x3f, 0xff]);
        let good = Code::of(b"KM1\n\xa0", 100).unwrap()[0].png();
        for (file, expected) in [
            (&b"%PDF-1.7"[..], "neither a PNG nor a JPEG"),
            (b"\0\0\0\x18ftypheic", "neither a PNG nor a JPEG"),
            (b"", "neither a PNG nor a JPEG"),
            (&vast, "damaged or too large"),
            (&good[..good.len() / 2], "the PNG file is damaged"),
            (b"\xff\xd8\xff\xe0", "the JPEG file is damaged"),
        ] {
            let why = frames(file).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
        assert!(checked(SIDE_MAX, SIDE_MAX).is_err() && checked(0, 1).is_err());
        assert!(checked(8192, 8192).is_ok() && checked(8192, 8193).is_err());
    }
}
