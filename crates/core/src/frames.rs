//! Frames: a file of Keymuster as the texts of QR codes, and back (`docs/spec/qr-codes.md`).
//!
//! The checksum and the encoding of the data are short enough to stand here: whoever reads frames needs nothing else.
//! What is read is a file, and not yet believed: [`crate::bundle`] and [`crate::chain`] do the rest.

use std::fmt;

use crate::codes::{self, Code};

/// The most frames of one file.
pub const FRAMES_MAX: usize = 64;
/// The most bytes of a file in one frame: what a QR code of version 25 holds at error correction level M.
pub const DATA_MAX: usize = 954;
/// The most bytes of a file that travels so.
pub const FILE_MAX: usize = FRAMES_MAX * DATA_MAX;
/// What a frame begins with.
pub const PREFIX: &str = "KM1:";

/// The 45 characters of the alphanumeric mode of QR codes, in the order of RFC 9285.
const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// Writes a file as frames of at most `data_max` bytes each, as even as can be.
///
/// ```
/// use keymuster_core::frames::{DATA_MAX, Frames, split};
/// let texts = split(b"KM1\n...", DATA_MAX)?;
/// assert_eq!(texts, ["KM1:1/1:7E58F914:HN9:86W$511"]);
/// let mut frames = Frames::default();
/// frames.add(&texts[0])?;
/// assert_eq!(frames.file()?, b"KM1\n...");
/// # Ok::<_, keymuster_core::frames::FrameError>(())
/// ```
pub fn split(file: &[u8], data_max: usize) -> Result<Vec<String>, FrameError> {
    let data_max = data_max.clamp(1, DATA_MAX);
    let count = file.len().div_ceil(data_max);
    if count > FRAMES_MAX {
        return Err(FrameError::TooLarge { found: file.len(), limit: FRAMES_MAX * data_max });
    }
    let checksum = crc32(file);
    let pieces = file.chunks(file.len().div_ceil(count.max(1)).max(1));
    let frame = |(number, data)| format!("{PREFIX}{number}/{count}:{checksum:08X}:{}", to_base45(data));
    Ok((1..).zip(pieces).map(frame).collect())
}

/// The frames of one file that were read so far.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    /// The checksum of the file, as the first frame gave it.
    checksum: u32,
    /// The data by number; empty before the first frame.
    data: Vec<Option<Vec<u8>>>,
}

impl Frames {
    /// Takes the text of a code. Whatever is refused changes nothing.
    pub fn add(&mut self, text: &str) -> Result<(), FrameError> {
        let Frame { number, count, checksum, data } = Frame::parse(text)?;
        if self.data.is_empty() {
            self.checksum = checksum;
            self.data = vec![None; count];
        }
        if (self.checksum, self.data.len()) != (checksum, count) {
            return Err(FrameError::Mixed);
        }
        match self.data.get_mut(number - 1) {
            Some(place @ None) => *place = Some(data),
            Some(Some(known)) if *known == data => {}
            _ => return Err(unreadable(format!("frame {number} of {count} was read before with other data"))),
        }
        Ok(())
    }

    /// How many frames the file has; 0 before the first one.
    pub fn count(&self) -> usize {
        self.data.len()
    }

    /// The numbers of the frames that were not read yet.
    pub fn missing(&self) -> Vec<usize> {
        (1..).zip(&self.data).filter(|(_, data)| data.is_none()).map(|(number, _)| number).collect()
    }

    /// Whether all frames are there.
    pub fn is_complete(&self) -> bool {
        !self.data.is_empty() && self.data.iter().all(Option::is_some)
    }

    /// The file, once all of its frames are there.
    pub fn file(&self) -> Result<Vec<u8>, FrameError> {
        if !self.is_complete() {
            return Err(FrameError::Missing { numbers: self.missing(), count: self.count() });
        }
        let file: Vec<u8> = self.data.iter().flatten().flatten().copied().collect();
        if crc32(&file) != self.checksum {
            return Err(unreadable("all frames are there, and one of them was changed on its way".to_owned()));
        }
        Ok(file)
    }
}

/// One frame, read by itself.
struct Frame {
    number: usize,
    count: usize,
    checksum: u32,
    data: Vec<u8>,
}

impl Frame {
    fn parse(text: &str) -> Result<Frame, FrameError> {
        let no_frame = || unreadable(format!("a frame begins with {PREFIX}, and this does not"));
        let mut fields = text.strip_prefix(PREFIX).ok_or_else(no_frame)?.splitn(3, ':');
        let mut field = || fields.next().unwrap_or_default();
        let place = field().split_once('/').and_then(|(number, count)| Some((small(number)?, small(count)?)));
        let place = place.filter(|(number, count)| number <= count);
        let (number, count) =
            place.ok_or_else(|| unreadable(format!("a frame says which of 1 to {FRAMES_MAX} it is, as in 2/3")))?;
        let damaged = |what| move || unreadable(format!("frame {number} of {count} is damaged: {what}"));
        let checksum = hexadecimal(field()).ok_or_else(damaged("its checksum is not eight hexadecimal digits"))?;
        let data = from_base45(field()).filter(|data| (1..=DATA_MAX).contains(&data.len()));
        let data = data.ok_or_else(damaged("its data are cut off or changed"))?;
        Ok(Frame { number, count, checksum, data })
    }
}

/// A number from 1 to [`FRAMES_MAX`], as it is written.
fn small(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number: &usize| (1..=FRAMES_MAX).contains(number) && number.to_string() == text)
}

fn hexadecimal(text: &str) -> Option<u32> {
    let is_upper = |digit: u8| digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit);
    (text.len() == 8 && text.bytes().all(is_upper)).then(|| u32::from_str_radix(text, 16).ok())?
}

/// CRC-32 of IEEE 802.3, bit by bit: a file is small.
fn crc32(bytes: &[u8]) -> u32 {
    let shift = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shift(crc)))
}

/// Base45 of RFC 9285: two bytes are three characters, a last single byte is two; the least significant comes first.
fn to_base45(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(2) * 3);
    for group in bytes.chunks(2) {
        let mut value = group.iter().fold(0, |value, byte| value * 256 + usize::from(*byte));
        for _ in 0..=group.len() {
            text.extend(ALPHABET.get(value % 45).map(|character| char::from(*character)));
            value /= 45;
        }
    }
    text
}

fn from_base45(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len().div_ceil(3) * 2);
    for group in text.as_bytes().chunks(3) {
        let digit = |character| ALPHABET.iter().position(|known| *known == character);
        let value = group.iter().rev().try_fold(0, |value, character| Some(value * 45 + digit(*character)?))?;
        match group.len() {
            3 => bytes.extend(u16::try_from(value).ok()?.to_be_bytes()),
            2 => bytes.push(u8::try_from(value).ok()?),
            _ => return None,
        }
    }
    Some(bytes)
}

/// Why texts are not the frames of a file. Whoever carries them scans or photographs again, or carries the file itself.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// The file has more bytes than all frames hold.
    TooLarge {
        /// Its bytes.
        found: usize,
        /// The bytes that would fit.
        limit: usize,
    },
    /// A text is not a frame, or was changed on its way. The text says how.
    Unreadable(String),
    /// Frames of different files came together.
    Mixed,
    /// Some frames have not been read.
    Missing {
        /// Their numbers.
        numbers: Vec<usize>,
        /// How many frames the file has; 0 where none was read.
        count: usize,
    },
}

fn unreadable(why: String) -> FrameError {
    FrameError::Unreadable(why)
}

impl FrameError {
    /// The stable code of this reason.
    pub fn code(&self) -> &'static Code {
        match self {
            FrameError::TooLarge { .. } => &codes::DOCUMENT_TOO_LARGE,
            FrameError::Unreadable(_) => &codes::FRAME_UNREADABLE,
            FrameError::Mixed => &codes::FRAMES_MIXED,
            FrameError::Missing { .. } => &codes::FRAMES_MISSING,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLarge { found, limit } => {
                write!(f, "{found} bytes are more than the {limit} that {FRAMES_MAX} such QR codes hold")
            }
            FrameError::Unreadable(why) => f.write_str(why),
            FrameError::Missing { count: 0, .. } => f.write_str("no QR code of Keymuster was found"),
            FrameError::Missing { numbers, count } => {
                let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
                write!(f, "of {count} QR codes these have not been read: {}", numbers.join(", "))
            }
            FrameError::Mixed => f.write_str(self.code().sentence),
        }
    }
}

impl std::error::Error for FrameError {}
