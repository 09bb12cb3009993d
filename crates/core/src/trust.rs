//! The trust file: whose root keys a client or a host believes. It is compiled into the product beside the client library.

use std::fmt;
use std::str::FromStr;

use crate::id::{Slug, from_hex, to_hex};
use crate::signature::PublicKey;

/// A publisher's name, its root keys and the address of its authority (`docs/spec/documents.md`, 4).
///
/// ```
/// use keymuster_core::trust::Trust;
/// let text = "keymuster-trust 1\npublisher aurora\nroot \
///     d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n";
/// let trust: Trust = text.parse()?;
/// assert_eq!(trust.publisher.as_str(), "aurora");
/// assert_eq!(trust.to_string(), text);
/// # Ok::<(), keymuster_core::trust::NotATrustFile>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// The publisher.
    pub publisher: Slug,
    /// One to eight root keys; each may sign issuer certificates.
    pub roots: Vec<PublicKey>,
    /// Where the authority answers, as a URL without a path; absent where the publisher has none on line.
    pub authority: Option<String>,
}

/// Why a text is no trust file: the line, from 1, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotATrustFile {
    /// The line, from 1; 0 where something is missing altogether.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for NotATrustFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "not a trust file: {}", self.why),
            line => write!(f, "not a trust file: line {line}: {}", self.why),
        }
    }
}

impl std::error::Error for NotATrustFile {}

/// The most bytes of a trust file.
pub const SIZE_MAX: usize = 4096;
const HEADER: &str = "keymuster-trust 1";
const ROOTS_MAX: usize = 8;

impl FromStr for Trust {
    type Err = NotATrustFile;

    fn from_str(text: &str) -> Result<Trust, NotATrustFile> {
        let fail = |line: usize, why: &str| NotATrustFile { line, why: why.to_owned() };
        if text.len() > SIZE_MAX {
            return Err(fail(0, "longer than 4096 bytes"));
        }
        let (mut publisher, mut roots, mut authority) = (None, Vec::new(), None);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            match line.split_once(' ') {
                _ if number == 1 && line == HEADER => {}
                _ if number == 1 => return Err(fail(1, "the first line is not \"keymuster-trust 1\"")),
                _ if line.is_empty() || line.starts_with('#') => {}
                Some(("publisher", slug)) if publisher.is_none() => {
                    publisher = Some(slug.parse::<Slug>().map_err(|e| fail(number, &format!("publisher: {e}")))?);
                }
                Some(("root", hex)) if roots.len() < ROOTS_MAX => {
                    let key = from_hex(hex).and_then(|bytes| PublicKey::from_bytes(&bytes));
                    roots.push(key.ok_or_else(|| fail(number, "not the 64 hexadecimal digits of a public key"))?);
                }
                Some(("authority", url)) if authority.is_none() && is_base_url(url) => authority = Some(url.to_owned()),
                _ => return Err(fail(number, "expected one publisher, 1 to 8 roots and at most one authority URL")),
            }
        }
        match publisher {
            Some(publisher) if !roots.is_empty() => Ok(Trust { publisher, roots, authority }),
            Some(_) => Err(fail(0, "no root key")),
            None => Err(fail(0, "no publisher")),
        }
    }
}

fn is_base_url(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']))
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}\npublisher {}", self.publisher)?;
        for root in &self.roots {
            writeln!(f, "root {}", to_hex(root.as_bytes()))?;
        }
        match &self.authority {
            Some(url) => writeln!(f, "authority {url}"),
            None => Ok(()),
        }
    }
}
