//! Text from outside, of which nothing is known: bounded in length, in any of the encodings that Windows writes.
//!
//! PowerShell writes UTF-16 with a byte order mark where it redirects, `cscript` the code page of the console,
//! editors what they like. Nothing is refused for its encoding: what is no UTF-8 is read as Windows-1252, because the
//! shapes that are
//! looked for (numbers, keys, ids, codes) are ASCII in all code pages.

use std::fmt;
use std::io::{self, Read};

/// Longer than any output that is pasted or any list that is exported by people.
pub const BYTES_MAX: u64 = 8 << 20;

/// Why there is no text.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The source failed.
    Read(io::Error),
    /// There is more than [`BYTES_MAX`]; no more than that was read.
    TooLong,
    /// It is no text: it has bytes of zero where no encoding of text has them.
    Binary,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read(why) => write!(f, "cannot be read: {why}"),
            Error::TooLong => write!(f, "is longer than {} MiB, the most that is read", BYTES_MAX >> 20),
            Error::Binary => f.write_str("is not text"),
        }
    }
}

impl std::error::Error for Error {}

/// Reads all of `source`, up to [`BYTES_MAX`], as text.
pub fn read(source: impl Read) -> Result<String, Error> {
    let mut bytes = Vec::new();
    source.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(Error::Read)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Error::TooLong);
    }
    decode(&bytes)
}

/// The text of `bytes`, in whatever encoding it is.
pub fn decode(bytes: &[u8]) -> Result<String, Error> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return narrow(rest);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return Ok(wide(rest, u16::from_le_bytes));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return Ok(wide(rest, u16::from_be_bytes));
    }
    // Without a mark: text of Windows is mostly ASCII, so that each second byte is zero, always on the same side.
    let sample = bytes.get(..bytes.len().min(SAMPLE)).unwrap_or_default();
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    match (zeros(0) * 4 > sample.len(), zeros(1) * 4 > sample.len()) {
        (false, true) => Ok(wide(bytes, u16::from_le_bytes)),
        (true, false) => Ok(wide(bytes, u16::from_be_bytes)),
        _ => narrow(bytes),
    }
}

/// How much is looked at to see whether text without a mark is UTF-16.
const SAMPLE: usize = 4096;

/// A last half of a unit is dropped, as a truncated file has it.
fn wide(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn narrow(bytes: &[u8]) -> Result<String, Error> {
    if bytes.contains(&0) {
        return Err(Error::Binary);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Ok(bytes.iter().map(|byte| windows_1252(*byte)).collect()),
    }
}

/// What Windows-1252 has where Latin 1 has control characters.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows_1252(byte: u8) -> char {
    let high = byte.checked_sub(0x80).and_then(|place| HIGH.get(usize::from(place)));
    high.copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_windows() {
        let text = "Gültig bis: – 180 Tage\r\n";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let table: [Vec<u8>; 7] = [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [b"\xff\xfe", le.as_slice()].concat(),
            [b"\xfe\xff", be.as_slice()].concat(),
            le.clone(),
            be,
            b"G\xfcltig bis: \x96 180 Tage\r\n".to_vec(),
        ];
        for bytes in table {
            assert_eq!(decode(&bytes).unwrap(), text);
        }
        let cut = le.get(..le.len() - 1).unwrap();
        assert_eq!(decode(cut).unwrap(), text.trim_end_matches('\n'));
        assert_eq!(decode(b"\xff\xfe\x00\xd8a\x00").unwrap(), "\u{fffd}a");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(matches!(decode(b"ElfFile\x00\x01\x02\x00\x00\x00\x00zzzz"), Err(Error::Binary)));
        assert!(matches!(read(io::repeat(b'a')), Err(Error::TooLong)));
        assert_eq!(read(io::repeat(b'a').take(BYTES_MAX)).unwrap().len() as u64, BYTES_MAX);
    }
}
