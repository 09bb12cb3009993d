//! The fields of a list: what may stand in them, and what a shell or `ssh` could take for something else may not.

use std::fmt;
use std::net::Ipv6Addr;

use keymuster_client::{Error, HostAddress};
use keymuster_core::key::{KeyKind, ProductKey};

/// The longest name that DNS has, and room for a user before it.
const DESTINATION_BYTES_MAX: usize = 320;
const STORE_BYTES_MAX: usize = 1024;
/// As much of a wrong text as helps to find it.
const SHOWN_CHARS_MAX: usize = 60;

/// Where a command is run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// On this machine, without `ssh`.
    Local,
    /// On a machine that `ssh` reaches.
    Remote(Destination),
}

/// A machine as `ssh` knows it: `name` or `user@name`; a name, an IP address, or an alias of its configuration.
///
/// It begins with no dash, and consists of letters, digits, dots, dashes, underscores and the colons of IPv6, so that it
/// is neither an option nor a part of any command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination(String);

/// A path on another machine whose shell is not known.
///
/// Between double quotes, POSIX shells, `cmd.exe` and PowerShell all take it as it stands: it holds nothing that one of
/// them would expand, and no backslash where one would be lost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StorePath(String);

impl Place {
    pub(super) fn parse(text: &str) -> Result<Place, String> {
        if text.eq_ignore_ascii_case("local") {
            return Ok(Place::Local);
        }
        Destination::parse(text).map(Place::Remote)
    }
}

/// As it is written in a list.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Local => "local",
            Place::Remote(destination) => destination.as_str(),
        })
    }
}

impl Destination {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Destination, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_name = |part: &str| !part.is_empty() && !part.starts_with('-') && part.chars().all(is_plain);
        let (user, machine) = match text.split_once('@') {
            Some((user, machine)) => (Some(user), machine),
            None => (None, text),
        };
        let is_machine = is_name(machine) || machine.parse::<Ipv6Addr>().is_ok();
        if is_machine && user.is_none_or(is_name) && text.len() <= DESTINATION_BYTES_MAX {
            return Ok(Destination(text.to_owned()));
        }
        let expected = "local, or a machine as NAME or USER@NAME with letters, digits, dots, dashes and underscores";
        Err(format!("{} is not {expected}; ports and all else belong in the configuration of ssh", shown(text)))
    }
}

impl StorePath {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn parse(text: &str) -> Result<StorePath, String> {
        let begins_well = text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_'));
        let is_plain = |c: char| c.is_alphanumeric() || " /\\:._-~+,=@()".contains(c);
        let keeps_backslashes = !text.contains("\\\\") && !text.ends_with('\\');
        if begins_well && keeps_backslashes && text.chars().all(is_plain) && text.len() <= STORE_BYTES_MAX {
            return Ok(StorePath(text.to_owned()));
        }
        let expected = "a whole path of letters, digits, blanks and / \\ : . _ - ~ + , = @ ( )";
        Err(format!("{} is not {expected}, without two backslashes together or one at the end", shown(text)))
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text of a field.
pub fn text(field: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(field).map_err(|_| "is not UTF-8 text: save the list as CSV in UTF-8".to_owned())?;
    match text.chars().any(|c| matches!(c, '\n' | '\r')) {
        true => Err("goes over several lines: a quotation mark may be missing".to_owned()),
        false => Ok(text),
    }
}

/// The text of a field that is shown and becomes part of a command line.
pub fn open_text(field: &[u8]) -> Result<&str, String> {
    match text(field)? {
        text if looks_like_key(text) => Err("holds a product key, which belongs in the column key".to_owned()),
        text => Ok(text),
    }
}

pub fn host(text: &str) -> Result<HostAddress, String> {
    match text.starts_with('-') {
        true => Err(format!("{} begins with a dash, as no name of a machine does", shown(text))),
        false => text.parse().map_err(|why: Error| why.to_string()),
    }
}

pub fn key(text: &str) -> Result<ProductKey, String> {
    let key = ProductKey::parse(text).map_err(|why| why.to_string())?;
    match key.fields().kind {
        KeyKind::Setup | KeyKind::Mak => Ok(key),
        KeyKind::Host => Err("this is a host key; a setup key or MAK is needed here".to_owned()),
    }
}

/// A text for a message; a product key that stands in a wrong place is not shown.
pub fn shown(text: &str) -> String {
    if looks_like_key(text) {
        return "that looks like a product key".to_owned();
    }
    let start: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let dots = if start.len() < text.len() { " …" } else { "" };
    format!("{start:?}{dots}")
}

/// Whether a text is a product key, be it mistyped.
fn looks_like_key(text: &str) -> bool {
    let groups = || text.split('-').map(str::trim);
    let is_group = |group: &str| group.chars().count() == 5 && group.chars().all(char::is_alphanumeric);
    ProductKey::parse(text).is_ok() || (groups().count() == 5 && groups().all(is_group))
}
