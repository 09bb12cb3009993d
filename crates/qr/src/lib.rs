//! A file of Keymuster across an air gap: as QR codes on a screen or in pictures, and back (`docs/spec/qr-codes.md`).
//!
//! What the texts of codes are is decided in `keymuster_core::frames`; here they are drawn and seen.
//! Nothing that is read is believed: it is a file like any other, and verified like one.
#![warn(missing_docs)]

mod carry;
mod code;
mod error;
mod picture;
mod sent;

pub use carry::{Answerer, Asker, Written};
pub use code::Code;
pub use error::Error;
pub use sent::{PICTURE_MAX, Sent, file_in};
