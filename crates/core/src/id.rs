//! Identifiers: each its own type, so that none can stand where another belongs.
//!
//! Random ids are 16 bytes, drawn by the programs and shown as 32 hexadecimal digits.
//! Names chosen by people are short texts of a closed alphabet ([`Slug`]) or plain one-line texts ([`Label`]).

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// Why a text is no identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAnId {
    /// What was expected, for a message: "32 hexadecimal digits".
    pub expected: &'static str,
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for NotAnId {}

/// Bytes as lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text
}

/// Exactly `N` bytes from `2 N` hexadecimal digits of either case; nothing else is accepted.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).filter_map(|pair| Some(pair.first()? << 4 | pair.last()?)).collect();
    if digits.len() != 2 * N {
        return None;
    }
    bytes.try_into().ok()
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these bytes, which the caller has drawn at random.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                $name(bytes)
            }

            /// The 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                from_hex(text).map($name).ok_or(NotAnId { expected: "32 hexadecimal digits" })
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                d.bytes()?.try_into().map($name).map_err(|_| decode::Error::message("id is not 16 bytes long"))
            }
        }
    };
}

random_id! {
    /// One client: a machine, or a container's volume, on which products of one publisher are installed.
    ClientId
}
random_id! {
    /// One installation of a host.
    HostId
}
random_id! {
    /// One attempt of a request: nonce and idempotency key in one. A retry repeats it, the next attempt draws a new one.
    RequestId
}
random_id! {
    /// One entitlement; leases name the entitlement they stand on.
    EntitlementId
}

/// A short name made by a publisher for machines and people: 1 to 64 of `a-z`, `0-9`, `-` and `.`,
/// beginning and ending with a letter or digit. Publishers, customers, editions, groups and pools are named by slugs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

impl Slug {
    const EXPECTED: &'static str = "1 to 64 of a-z, 0-9, '-' and '.', beginning and ending with a letter or digit";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_valid(text: &str) -> bool {
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        text.len() <= 64
            && text.chars().all(|c| alphanumeric(c) || c == '-' || c == '.')
            && text.starts_with(alphanumeric)
            && text.ends_with(alphanumeric)
    }
}

/// One line of text for people: 1 to 128 bytes of UTF-8, no control characters, and none that break a line or turn the
/// direction of the text around it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

impl Label {
    const EXPECTED: &'static str = "one line of 1 to 128 bytes without control or direction characters";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_valid(text: &str) -> bool {
        !text.is_empty() && text.len() <= 128 && !text.chars().any(|c| c.is_control() || misleads(c))
    }
}

impl Label {
    /// As much of a text as a label can hold, without the characters that it may not; `None` where nothing is left.
    pub fn cut(text: &str) -> Option<Label> {
        let kept = text.chars().filter(|c| !c.is_control() && !misleads(*c));
        let mut label = String::new();
        for c in kept {
            if label.len() + c.len_utf8() > 128 {
                break;
            }
            label.push(c);
        }
        label.parse().ok()
    }
}

/// Whether a text is the address of a page, as browsers open it.
pub fn is_page(url: &Label) -> bool {
    let rest = url.as_str().strip_prefix("https://").or_else(|| url.as_str().strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

/// Whether an optional field holds the address of a page; `name` is the field's, for the error.
pub(crate) fn check_url(name: &str, url: Option<&Label>) -> Result<(), String> {
    match url {
        Some(url) if !is_page(url) => Err(format!("{name} is not an address that begins with https:// or http://")),
        _ => Ok(()),
    }
}

/// Line and paragraph separators, and the marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm
/// (UAX 9): in a list or a log, they would make one name look like another.
fn misleads(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                if !$name::is_valid(text) {
                    return Err(NotAnId { expected: $name::EXPECTED });
                }
                Ok($name(text.to_owned()))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.str(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                d.str()?.parse().map_err(|_| decode::Error::message($name::EXPECTED))
            }
        }
    };
}

text!(Slug);
text!(Label);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_and_labels_have_closed_alphabets() {
        for good in ["a", "desk-pro-2026", "7", "eu.example"] {
            assert!(good.parse::<Slug>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "ä", &"a".repeat(65)] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
        assert!("Büro 2026".parse::<Label>().is_ok());
        for bad in ["", "two\nlines", "two\u{2028}lines", "evil\u{202e}cod.exe", &"a".repeat(129)] {
            assert!(bad.parse::<Label>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn hexadecimal_is_exact() {
        assert_eq!(from_hex::<2>("00fF"), Some([0, 255]));
        for bad in ["", "0", "00f", "00fg", "00ff0", "00ff00"] {
            assert_eq!(from_hex::<2>(bad), None, "{bad}");
        }
        assert_eq!(to_hex(&[0, 255, 16]), "00ff10");
    }
}
