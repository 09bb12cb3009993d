//! The options by which programs write requests and responses and read them, as files or as QR codes.
//!
//! A request may hold a secret key, and so do its codes: every file is written for its owner alone.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use keymuster_core::bundle;
use keymuster_core::frames::{DATA_MAX, FrameError, Frames};

use crate::code::Code;
use crate::error::Error;
use crate::picture;

/// The most bytes of a file in a code that is drawn in a terminal, so that it fits a large window.
pub(crate) const TERMINAL_DATA_MAX: usize = 387;
/// The most bytes of any file of Keymuster.
const BYTES_MAX: usize = bundle::SIZE_MAX + bundle::FILE_MAGIC.len();
/// The most bytes of text that are read from standard input: every frame ten times.
const TEXT_MAX: u64 = 1 << 20;

/// Options of a command that makes a request and takes the response to it.
#[derive(Clone, Debug, Default, Args)]
pub struct Asker {
    /// Write the request to this file, for an authority that cannot be reached
    #[arg(long, value_name = "FILE", conflicts_with_all = ["response", "response_qr"])]
    request: Option<PathBuf>,
    /// Draw the request as QR codes in this terminal
    #[arg(long, conflicts_with_all = ["response", "response_qr"])]
    request_qr: bool,
    /// Write the request as QR codes into PNG files; where one does not hold it, they are FILE-1.png and so on
    #[arg(long, value_name = "FILE.png", conflicts_with_all = ["response", "response_qr"])]
    request_qr_png: Option<PathBuf>,
    /// Read the response from this file
    #[arg(long, value_name = "FILE", conflicts_with = "response_qr")]
    response: Option<PathBuf>,
    /// Read the response from photographs or other pictures (PNG, JPEG) of its QR codes, or as text from standard input: -
    #[arg(long, value_name = "PICTURE", num_args = 1..)]
    response_qr: Vec<PathBuf>,
}

/// Options of a command that takes a request and makes the response to it.
#[derive(Clone, Debug, Default, Args)]
pub struct Answerer {
    /// Read the request from this file
    #[arg(long, value_name = "FILE", required_unless_present = "request_qr")]
    request: Option<PathBuf>,
    /// Read the request from photographs or other pictures (PNG, JPEG) of its QR codes, or as text from standard input: -
    #[arg(long, value_name = "PICTURE", num_args = 1.., conflicts_with = "request")]
    request_qr: Vec<PathBuf>,
    /// Write the response to this file
    #[arg(long, value_name = "FILE", required_unless_present_any = ["out_qr", "out_qr_png"])]
    out: Option<PathBuf>,
    /// Draw the response as QR codes in this terminal
    #[arg(long)]
    out_qr: bool,
    /// Write the response as QR codes into PNG files; where one does not hold it, they are FILE-1.png and so on
    #[arg(long, value_name = "FILE.png")]
    out_qr_png: Option<PathBuf>,
}

impl Asker {
    /// Whether a request is to be written, and not sent.
    pub fn is_request(&self) -> bool {
        self.request.is_some() || self.request_qr || self.request_qr_png.is_some()
    }

    /// Writes the request in every way that was asked for.
    pub fn write_request(&self, file: &[u8]) -> Result<Written, Error> {
        write(file, self.request.as_deref(), self.request_qr, self.request_qr_png.as_deref())
    }

    /// The response, where one is to be read.
    pub fn read_response(&self) -> Result<Option<Vec<u8>>, Error> {
        read(self.response.as_deref(), &self.response_qr)
    }
}

impl Answerer {
    /// The request.
    pub fn read_request(&self) -> Result<Vec<u8>, Error> {
        let request = read(self.request.as_deref(), &self.request_qr)?;
        Ok(request.expect("the command line is not accepted without one of the two options"))
    }

    /// Writes the response in every way that was asked for.
    pub fn write_response(&self, file: &[u8]) -> Result<Written, Error> {
        write(file, self.out.as_deref(), self.out_qr, self.out_qr_png.as_deref())
    }
}

/// What was written, and what is to be shown.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// All files: the file itself, and the pictures of its codes.
    pub files: Vec<PathBuf>,
    /// The codes for the terminal.
    pub codes: Vec<Code>,
}

impl Written {
    /// For people: the codes, and below them which files were written. Each line ends with a line break.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (number, code) in (1..).zip(&self.codes) {
            text += &format!("QR code {number} of {}\n{}", self.codes.len(), code.terminal());
        }
        if let Some(side) = self.codes.iter().map(Code::side).max() {
            let lines = side.div_ceil(2);
            text +=
                &format!("each code needs a window of {side} columns and {lines} lines: a smaller font makes room\n");
        }
        self.files.iter().fold(text, |text, file| text + &format!("wrote {}\n", file.display()))
    }

    /// The texts of the codes that are to be shown.
    pub fn frames(&self) -> Vec<&str> {
        self.codes.iter().map(Code::frame).collect()
    }
}

fn write(file: &[u8], path: Option<&Path>, is_drawn: bool, png: Option<&Path>) -> Result<Written, Error> {
    let mut written = Written::default();
    if is_drawn {
        written.codes = Code::of(file, TERMINAL_DATA_MAX).map_err(|error| Error::frames("", error))?;
    }
    let pictures = png.map(|_| Code::of(file, DATA_MAX)).transpose().map_err(|error| Error::frames("", error))?;
    if let Some(path) = path {
        write_private(path, file)?;
        written.files.push(path.to_owned());
    }
    if let (Some(path), Some(codes)) = (png, pictures) {
        for (number, code) in (1..).zip(&codes) {
            let path = if codes.len() == 1 { path.to_owned() } else { numbered(path, number) };
            write_private(&path, &code.png())?;
            written.files.push(path);
        }
    }
    Ok(written)
}

/// `answer.png` as `answer-2.png`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.file_stem().map_or_else(OsString::new, OsString::from);
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Writes a file for its owner alone, also where it was there before; it is on the medium when this returns, so that the
/// medium can be pulled out.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| Error::file("write", path, error))
}

fn read(path: Option<&Path>, pictures: &[PathBuf]) -> Result<Option<Vec<u8>>, Error> {
    if let Some(path) = path {
        return read_file(path, BYTES_MAX).map(Some);
    }
    if pictures.is_empty() {
        return Ok(None);
    }
    let mut frames = Frames::default();
    let mut without: Vec<String> = Vec::new();
    for path in pictures {
        if path == Path::new("-") {
            read_lines(&mut frames, io::stdin().lock(), tell)?;
            continue;
        }
        let place = || path.display().to_string();
        let found = picture::frames(&read_file(path, picture::FILE_MAX)?);
        let found = found.map_err(|why| Error::frames(place(), FrameError::Unreadable(why)))?;
        if found.is_empty() {
            without.push(place());
        }
        found.iter().try_for_each(|text| frames.add(text)).map_err(|error| Error::frames(place(), error))?;
    }
    // A picture in which nothing can be seen matters only where something is missing.
    let place = if without.is_empty() { String::new() } else { format!("nothing was read in {}", without.join(", ")) };
    frames.file().map(Some).map_err(|error| match error {
        FrameError::Missing { count: 0, .. } if !without.is_empty() => {
            let why = "no QR code of Keymuster can be seen, or it is not sharp enough".to_owned();
            Error::frames(without.join(", "), FrameError::Unreadable(why))
        }
        error => Error::frames(place, error),
    })
}

/// Tells somebody who sits at the keyboard.
fn tell(text: &str) {
    if io::stdin().is_terminal() {
        // Where standard error is gone there is nobody to tell.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// Reads a frame from each line, until the file is whole or the input ends.
fn read_lines(frames: &mut Frames, input: impl BufRead, tell: impl Fn(&str)) -> Result<(), Error> {
    tell("paste the text of each QR code, and press Enter after each");
    for (number, line) in (1..).zip(input.take(TEXT_MAX).lines()) {
        let place = || format!("line {number}");
        let line = line.map_err(|error| Error::frames(place(), FrameError::Unreadable(error.to_string())))?;
        if line.trim().is_empty() {
            continue;
        }
        frames.add(line.trim()).map_err(|error| Error::frames(place(), error))?;
        if frames.is_complete() {
            break;
        }
        tell(&format!("{} of {} read", frames.count() - frames.missing().len(), frames.count()));
    }
    Ok(())
}

/// Reads a file whole, and refuses one that is larger than it can be.
fn read_file(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let limit = bytes_max as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| Error::file("read", path, error))?;
    if bytes.len() > bytes_max {
        let why = format!("it is larger than {bytes_max} bytes, so it cannot be what is expected here");
        return Err(Error::file("read", path, io::Error::new(io::ErrorKind::FileTooLarge, why)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Ask {
        #[command(flatten)]
        asker: Asker,
    }

    #[derive(Debug, Parser)]
    struct Answer {
        #[command(flatten)]
        answerer: Answerer,
    }

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Place {
            Place(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// A command line in which every word with a point is a file of this place.
        fn words(&self, line: &str) -> Vec<OsString> {
            let word = |word: &str| if word.contains('.') { self.path(word).into() } else { word.into() };
            std::iter::once("x".into()).chain(line.split_whitespace().map(word)).collect()
        }

        fn ask(&self, line: &str) -> Asker {
            Ask::try_parse_from(self.words(line)).unwrap().asker
        }

        fn answer(&self, line: &str) -> Answerer {
            Answer::try_parse_from(self.words(line)).unwrap().answerer
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = std::fs::read_dir(self.0.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    fn file(len: usize) -> Vec<u8> {
        bundle::FILE_MAGIC.iter().copied().chain((0..len).map(|at| (at * at) as u8)).collect()
    }

    #[test]
    fn a_request_goes_out_in_every_way_that_is_asked_for_and_comes_in() {
        let place = Place::new();
        let small = file(300);
        std::fs::write(place.path("a.png"), "something larger than a picture, and open to all".repeat(99)).unwrap();
        let asker = place.ask("--request a.request --request-qr --request-qr-png a.png");
        assert!(asker.is_request() && asker.read_response().unwrap().is_none());
        let written = asker.write_request(&small).unwrap();
        assert_eq!(written.files, [place.path("a.request"), place.path("a.png")]);
        #[cfg(unix)]
        for path in &written.files {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
        }
        let text = written.text();
        assert!(text.starts_with("QR code 1 of 1\n\x1b[") && text.contains("a window of"), "{text}");
        assert!(text.contains(&format!("wrote {}\n", place.path("a.png").display())), "{text}");
        for line in ["--request a.request --out x.response", "--request-qr a.png --out x.response"] {
            assert_eq!(place.answer(line).read_request().unwrap(), small, "{line}");
        }
        assert!(place.answer("--request missing.request --out-qr").read_request().unwrap_err().code().is_none());
    }

    #[test]
    fn a_large_response_is_several_pictures_in_any_order() {
        let place = Place::new();
        let large = file(2500);
        let written = place.answer("--request a.request --out-qr --out-qr-png b.png").write_response(&large).unwrap();
        assert_eq!(place.names(), ["b-1.png", "b-2.png", "b-3.png"]);
        assert_eq!((written.codes.len(), written.frames().len()), (7, 7), "the codes of a terminal are smaller");
        std::fs::write(place.path("empty.png"), blank()).unwrap();
        let read = |line: &str| place.ask(line).read_response();
        for line in ["--response-qr b-3.png b-1.png b-2.png b-1.png", "--response-qr b-1.png empty.png b-2.png b-3.png"]
        {
            assert_eq!(read(line).unwrap().as_ref(), Some(&large), "{line}");
        }
        place.ask("--request-qr-png c.png").write_request(&file(2499)).unwrap();
        std::fs::write(place.path("d.heic"), b"\0\0\0\x18ftypheic").unwrap();
        for (line, code, says) in [
            ("b-3.png b-1.png", "frames-missing", "of 3 QR codes these have not been read: 2"),
            ("b-3.png empty.png", "frames-missing", "empty.png: of 3 QR codes these have not been read: 1, 2"),
            ("b-1.png b-2.png c-3.png", "frames-mixed", "c-3.png: the QR codes belong to different files"),
            ("empty.png", "frame-unreadable", "empty.png: no QR code of Keymuster can be seen"),
            ("b-1.png d.heic", "frame-unreadable", "d.heic: it is neither a PNG nor a JPEG file"),
        ] {
            let error = read(&format!("--response-qr {line}")).unwrap_err();
            assert_eq!(error.code().map(|code| code.name), Some(code), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
        // Where it does not fit, nothing is written at all.
        let error =
            place.answer("--request-qr a.png --out e.response --out-qr-png e.png").write_response(&file(61_053));
        assert_eq!(error.unwrap_err().code().unwrap().name, "document-too-large");
        assert!(!place.path("e.response").exists());
    }

    /// A white picture.
    fn blank() -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 300, 200);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[255; 300 * 200]).unwrap();
        file
    }

    #[test]
    fn texts_are_pasted_line_by_line_until_the_file_is_whole() {
        let large = file(900);
        let codes = Code::of(&large, 400).unwrap();
        let [one, two, three] = [0, 1, 2].map(|at| codes[at].frame());
        for (text, expected) in [
            (format!("{two}\n\n  {one}\r\n{one}\n{three}"), "whole"),
            (format!("{one}\n{two}\n{three}\nwhat follows is left alone"), "whole"),
            (format!("{two}\n{one}\n"), "of 3 QR codes these have not been read: 3"),
            (String::new(), "no QR code of Keymuster was found"),
            (format!("{one}\n{}\n", &two[..two.len() - 1]), "line 2: frame 2 of 3 is damaged: its data are cut off"),
            (format!("{one}\n{}\n", two.replace('9', "\n9")), "line 2: frame 2 of 3 is damaged"),
            (format!("{one}\n\nHello\n"), "line 3: a frame begins with KM1:"),
        ] {
            let mut frames = Frames::default();
            let read = read_lines(&mut frames, text.as_bytes(), |_| ());
            let file = read.and_then(|()| frames.file().map_err(|error| Error::frames("", error)));
            match file {
                Ok(file) => assert!(file == large && expected == "whole", "{text}"),
                Err(error) => assert!(error.to_string().starts_with(expected), "{error}"),
            }
        }
    }

    #[test]
    fn ways_that_exclude_each_other_are_refused() {
        let place = Place::new();
        for line in ["--request a.request --response b.response", "--request-qr --response-qr b.png", "--response-qr"] {
            assert!(Ask::try_parse_from(place.words(line)).is_err(), "{line}");
        }
        for line in
            ["--request a.request", "--out b.response", "--request a.request --request-qr b.png --out c.response"]
        {
            assert!(Answer::try_parse_from(place.words(line)).is_err(), "{line}");
        }
    }
}
