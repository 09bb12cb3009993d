//! A file of Keymuster as somebody sends it to a page: itself, pictures of its QR codes, or their texts.

use keymuster_core::bundle::FILE_MAGIC;
use keymuster_core::frames::{FrameError, Frames, PREFIX};

use crate::error::Error;
use crate::picture;

/// The most bytes of one picture.
pub const PICTURE_MAX: usize = picture::FILE_MAX;

/// One file that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The name by which its sender knows it.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The file of Keymuster in what was sent; its pictures or texts come in any order.
pub fn file_in(sent: &[Sent]) -> Result<Vec<u8>, Error> {
    if let [Sent { bytes, .. }] = sent
        && bytes.starts_with(FILE_MAGIC)
    {
        return Ok(bytes.clone());
    }
    let mut frames = Frames::default();
    for Sent { name, bytes } in sent {
        let failed = |error| Error::frames(name, error);
        let texts = texts(bytes).map_err(|why| failed(FrameError::Unreadable(why)))?;
        texts.iter().try_for_each(|text| frames.add(text)).map_err(failed)?;
    }
    frames.file().map_err(|error| Error::frames("", error))
}

/// The texts of the codes in a picture, or in a text with one on each line.
fn texts(bytes: &[u8]) -> Result<Vec<String>, String> {
    if bytes.starts_with(FILE_MAGIC) {
        return Err("it is a file of its own, and only one of those can be taken at a time".to_owned());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let lines: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect();
        if lines.iter().any(|line| line.starts_with(PREFIX)) {
            return Ok(lines);
        }
        return Err("it is neither a file of Keymuster nor a picture".to_owned());
    }
    let found = picture::frames(bytes)?;
    if found.is_empty() {
        return Err("no QR code of Keymuster can be seen, or it is not sharp enough".to_owned());
    }
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;

    fn sent(name: &str, bytes: impl Into<Vec<u8>>) -> Sent {
        Sent { name: name.to_owned(), bytes: bytes.into() }
    }

    #[test]
    fn a_file_is_taken_as_it_is_or_from_its_codes_in_any_order() {
        let file: Vec<u8> = FILE_MAGIC.iter().copied().chain((0..1500_u32).map(|n| (n * n) as u8)).collect();
        let codes = Code::of(&file, 954).unwrap();
        assert_eq!(codes.len(), 2);
        let text = format!("{}\n\n {}\n", codes[1].frame(), codes[0].frame());
        for parts in [
            vec![sent("a.request", file.clone())],
            vec![sent("2.png", codes[1].png()), sent("1.png", codes[0].png())],
            vec![sent("2.png", codes[1].png()), sent("1.txt", codes[0].frame())],
            vec![sent("both.txt", text)],
        ] {
            assert_eq!(file_in(&parts).unwrap(), file, "{}", parts[0].name);
        }
        for (parts, code, says) in [
            (vec![sent("2.png", codes[1].png())], "frames-missing", "of 2 QR codes these have not been read: 1"),
            (vec![sent("a.pdf", b"%PDF-1.7".to_vec())], "frame-unreadable", "a.pdf: it is neither a file of Keymuster"),
            (
                vec![sent("a.heic", b"\0\0\0\xff".to_vec())],
                "frame-unreadable",
                "a.heic: it is neither a PNG nor a JPEG",
            ),
            (vec![sent("a", file.clone()), sent("b", file.clone())], "frame-unreadable", "a: it is a file of its own"),
            (vec![], "frames-missing", "no QR code of Keymuster was found"),
        ] {
            let error = file_in(&parts).unwrap_err();
            assert_eq!(error.code().map(|code| code.name), Some(code), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
