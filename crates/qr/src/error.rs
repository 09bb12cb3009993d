//! What can go wrong between a file and its QR codes.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use keymuster_core::codes::Code;
use keymuster_core::frames::FrameError;

/// Why a file was not carried.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    File {
        /// What was attempted.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The codes are not those of a file, or not all of them could be read.
    Frames {
        /// Where: a picture or a line; empty where it is about all of them.
        place: String,
        /// What is wrong.
        source: FrameError,
    },
}

impl Error {
    /// The stable code, where there is one.
    pub fn code(&self) -> Option<&'static Code> {
        match self {
            Error::File { .. } => None,
            Error::Frames { source, .. } => Some(source.code()),
        }
    }

    pub(crate) fn file(verb: &'static str, path: &Path, source: io::Error) -> Error {
        Error::File { verb, path: path.to_owned(), source }
    }

    pub(crate) fn frames(place: impl Into<String>, source: FrameError) -> Error {
        Error::Frames { place: place.into(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File { verb, path, source } => write!(f, "cannot {verb} {}: {source}", path.display()),
            Error::Frames { place, source } if place.is_empty() => source.fmt(f),
            Error::Frames { place, source } => write!(f, "{place}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::File { source, .. } => Some(source),
            Error::Frames { source, .. } => Some(source),
        }
    }
}
