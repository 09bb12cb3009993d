//! The token file: where the products of a publisher find their host, left on a machine by whoever deploys them
//! (`docs/spec/client-tokens.md`).
//!
//! Nobody signs it, because nothing in it is believed: it says whom to ask, and whom not to believe.

use std::fmt;
use std::str::FromStr;

use crate::id::{Slug, from_hex, to_hex};
use crate::signature::PublicKey;

/// What a token file says.
///
/// ```
/// use keymuster_core::client_token::ClientToken;
/// let text = "keymuster-token 1\npublisher aurora\ndomain corp.example\n";
/// let token: ClientToken = text.parse()?;
/// assert_eq!((token.settings[0].name, &*token.settings[0].value), ("domain", "corp.example"));
/// assert_eq!(token.to_string(), text);
/// # Ok::<(), keymuster_core::client_token::NotAToken>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientToken {
    /// Whose products it is for.
    pub publisher: Slug,
    /// The one edition that it is for; absent for all of the publisher's.
    pub edition: Option<Slug>,
    /// Root keys of the publisher, by which a product sees that it is meant; none to leave that to the name.
    pub roots: Vec<PublicKey>,
    /// What it sets, in the order of the lines; each name once.
    pub settings: Vec<TokenSetting>,
}

/// One setting. What its value means is said by whoever uses it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenSetting {
    /// One of [`SETTINGS`].
    pub name: &'static str,
    /// As it stands there.
    pub value: String,
    /// The line, from 1.
    pub line: usize,
}

/// Why a text is no token file: the line, from 1, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotAToken {
    /// The line, from 1; 0 where something is missing altogether.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for NotAToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "not a token file: {}", self.why),
            line => write!(f, "not a token file: line {line}: {}", self.why),
        }
    }
}

impl std::error::Error for NotAToken {}

/// The most bytes of a token file.
pub const SIZE_MAX: usize = 4096;
/// What a token file may set.
pub const SETTINGS: [&str; 4] = ["host", "domain", "dns", "customer"];
const HEADER: &str = "keymuster-token 1";
const ROOTS_MAX: usize = 8;

impl FromStr for ClientToken {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<ClientToken, NotAToken> {
        let fail = |line: usize, why: &str| NotAToken { line, why: why.to_owned() };
        if text.len() > SIZE_MAX {
            return Err(fail(0, "longer than 4096 bytes"));
        }
        let (mut publisher, mut edition, mut roots) = (None, None, Vec::new());
        let mut settings: Vec<TokenSetting> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            match line.split_once(' ') {
                _ if number == 1 && line == HEADER => {}
                _ if number == 1 => return Err(fail(1, "the first line is not \"keymuster-token 1\"")),
                _ if line.is_empty() || line.starts_with('#') => {}
                Some(("publisher", slug)) if publisher.is_none() => {
                    publisher = Some(slug.parse::<Slug>().map_err(|e| fail(number, &format!("publisher: {e}")))?);
                }
                Some(("edition", slug)) if edition.is_none() => {
                    edition = Some(slug.parse::<Slug>().map_err(|e| fail(number, &format!("edition: {e}")))?);
                }
                Some(("root", hex)) if roots.len() < ROOTS_MAX => {
                    let key = from_hex(hex).and_then(|bytes| PublicKey::from_bytes(&bytes));
                    roots.push(key.ok_or_else(|| fail(number, "not the 64 hexadecimal digits of a public key"))?);
                }
                Some((name, value)) => settings.push(setting(name, value, number, &settings)?),
                None => return Err(fail(number, "expected a name, a blank and a value")),
            }
        }
        let publisher = publisher.ok_or_else(|| fail(0, "no publisher"))?;
        Ok(ClientToken { publisher, edition, roots, settings })
    }
}

fn setting(name: &str, value: &str, line: usize, before: &[TokenSetting]) -> Result<TokenSetting, NotAToken> {
    let fail = |why: String| NotAToken { line, why };
    let known = SETTINGS.into_iter().find(|known| *known == name);
    let name = known.ok_or_else(|| {
        fail(format!("expected once publisher and edition, 1 to 8 roots, or one of {}", SETTINGS.join(", ")))
    })?;
    if before.iter().any(|earlier| earlier.name == name) {
        return Err(fail(format!("a second {name}; several values stand in one line, with commas")));
    }
    let value = value.trim_matches(' ');
    let is_plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !is_plain {
        return Err(fail(format!("{name} has a value of other than printable ASCII characters")));
    }
    Ok(TokenSetting { name, value: value.to_owned(), line })
}

impl fmt::Display for ClientToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}\npublisher {}", self.publisher)?;
        if let Some(edition) = &self.edition {
            writeln!(f, "edition {edition}")?;
        }
        for root in &self.roots {
            writeln!(f, "root {}", to_hex(root.as_bytes()))?;
        }
        self.settings.iter().try_for_each(|setting| writeln!(f, "{} {}", setting.name, setting.value))
    }
}
