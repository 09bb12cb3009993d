//! Text files of any of the encodings that Windows writes, as a stream of UTF-8.
//!
//! UTF-16 is recognised by its mark or by its zeros; anything else passes as it is, and whoever reads a piece of it replaces
//! what is no UTF-8.

use std::io::{self, Read};

/// A reader that turns UTF-16 into UTF-8 and leaves other bytes alone.
pub struct TextReader<R> {
    inner: R,
    encoding: Encoding,
    /// Bytes that were read and not yet turned.
    pending: Vec<u8>,
    /// Turned, and from `given` on not yet handed out.
    ready: Vec<u8>,
    given: usize,
    is_over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Encoding {
    Plain,
    Utf16 { is_big_endian: bool },
}

const BLOCK_BYTES: usize = 64 * 1024;

impl<R: Read> TextReader<R> {
    /// Looks at the beginning to know the encoding.
    pub fn new(mut inner: R) -> io::Result<TextReader<R>> {
        let mut start = Vec::new();
        inner.by_ref().take(4).read_to_end(&mut start)?;
        let (encoding, mark) = match start.as_slice() {
            [0xFF, 0xFE, ..] => (Encoding::Utf16 { is_big_endian: false }, 2),
            [0xFE, 0xFF, ..] => (Encoding::Utf16 { is_big_endian: true }, 2),
            [0xEF, 0xBB, 0xBF, ..] => (Encoding::Plain, 3),
            [byte, 0, other, 0] if *byte != 0 && *other != 0 => (Encoding::Utf16 { is_big_endian: false }, 0),
            [0, byte, 0, other] if *byte != 0 && *other != 0 => (Encoding::Utf16 { is_big_endian: true }, 0),
            _ => (Encoding::Plain, 0),
        };
        let pending = start.split_off(mark);
        Ok(TextReader { inner, encoding, pending, ready: Vec::new(), given: 0, is_over: false })
    }

    fn fill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.given = 0;
        while self.ready.is_empty() && !self.is_over {
            let kept = self.pending.len();
            self.pending.resize(kept + BLOCK_BYTES, 0);
            let read = self.inner.read(self.pending.get_mut(kept..).unwrap_or_default());
            self.pending.truncate(kept + *read.as_ref().unwrap_or(&0));
            self.is_over = read? == 0;
            match self.encoding {
                Encoding::Plain => self.ready.append(&mut self.pending),
                Encoding::Utf16 { is_big_endian } => self.turn(is_big_endian),
            }
        }
        Ok(())
    }

    /// Turns all whole characters; half of one waits for the rest.
    fn turn(&mut self, is_big_endian: bool) {
        let unit = |pair: &[u8; 2]| if is_big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
        let (pairs, _) = self.pending.as_chunks::<2>();
        let mut count = pairs.len();
        if !self.is_over && pairs.last().is_some_and(|pair| (0xD800..0xDC00).contains(&unit(pair))) {
            count -= 1;
        }
        let units = pairs.iter().take(count).map(unit);
        let mut text = String::with_capacity(count);
        text.extend(char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER)));
        self.ready = text.into_bytes();
        self.pending.drain(..count * 2);
    }
}

impl<R: Read> Read for TextReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            self.fill()?;
        }
        let left = self.ready.get(self.given..).unwrap_or_default();
        let length = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), left.get(..length)) {
            to.copy_from_slice(from);
        }
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(bytes: &[u8]) -> String {
        // One byte at a time, so that characters are cut wherever they can be.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let length = buffer.len().min(1);
                (&mut self.0).take(length as u64).read(buffer)
            }
        }
        let mut out = Vec::new();
        TextReader::new(Slow(bytes)).unwrap().read_to_end(&mut out).unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_encoding_becomes_text() {
        let text = "<Events>\u{e4}\u{1F600}</Events>";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            [b"\xFF\xFE", little.as_slice()].concat(),
            [b"\xFE\xFF", big.as_slice()].concat(),
            little,
            big,
        ] {
            assert_eq!(turned(&bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_broken_stays_visible() {
        assert_eq!(turned(b"\xFF\xFEa\0\x3D\xD8b\0\x3D\xD8"), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(turned(b"\xFF\xFEa\0b"), "a");
        assert_eq!(turned(b"a\xFFb"), "a\u{FFFD}b");
        assert_eq!(turned(b""), "");
        assert_eq!(turned(b"\xFF\xFE"), "");
    }
}
