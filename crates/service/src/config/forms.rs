//! What the values of keys look like that every server has: each function returns the value as it is shown, or what is expected.

use std::net::SocketAddr;
use std::path::Path;

use crate::logs::LogFormat;

/// `ADDRESS:PORT`.
pub const ADDRESS: &str = "ADDRESS:PORT, an IPv6 address in brackets";
/// Names.
pub const NAMES: &str = "names, with commas between them";
/// The path of a file or directory.
pub const PATH: &str = "a path, from the root directory on";
/// The form of the log.
pub const LOG_FORMAT: &str = "text or json";
/// An address of the web.
pub const URL: &str = "an address that begins with https:// or http://";

/// An address to listen on.
pub fn address(_: &'static str, text: &str) -> Result<String, String> {
    let address = text.trim().parse::<SocketAddr>();
    address.map(|address| address.to_string()).map_err(|_| format!("expected {ADDRESS}"))
}

/// Names that browsers may use.
pub fn names(_: &'static str, text: &str) -> Result<String, String> {
    let names: Vec<&str> = text.split([',', ' ']).filter(|name| !name.is_empty()).collect();
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || "-._[]:".contains(c));
    if names.is_empty() || !names.iter().all(is_name) { Err(format!("expected {NAMES}")) } else { Ok(names.join(",")) }
}

/// A file or a directory.
pub fn path(_: &'static str, text: &str) -> Result<String, String> {
    if Path::new(text).is_absolute() { Ok(text.to_owned()) } else { Err(format!("expected {PATH}")) }
}

/// The form of the log.
pub fn log_format(_: &'static str, text: &str) -> Result<String, String> {
    text.parse::<LogFormat>().map(|_| text.to_owned()).map_err(|_| format!("expected {LOG_FORMAT}"))
}

/// An address of the web.
pub fn url(_: &'static str, text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_url = rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic()));
    if is_url { Ok(text.to_owned()) } else { Err(format!("expected {URL}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Form = fn(&'static str, &str) -> Result<String, String>;

    #[test]
    fn values_are_read_and_shown_in_one_form() {
        for (form, text, expected) in [
            (address as Form, " 127.0.0.1:1689", Some("127.0.0.1:1689")),
            (address, "[::0]:1688", Some("[::]:1688")),
            (address, "1688", None),
            (address, "localhost:1688", None),
            (names, "kms.example, kms", Some("kms.example,kms")),
            (names, " ,", None),
            (names, "a/b", None),
            (path, "/etc/x y", Some("/etc/x y")),
            (path, "etc/x", None),
            (log_format, "json", Some("json")),
            (log_format, "xml", None),
            (url, "https://acme.example/directory", Some("https://acme.example/directory")),
            (url, "https://", None),
            (url, "acme.example", None),
        ] {
            assert_eq!(form("x", text).ok().as_deref(), expected, "{text}");
        }
    }
}
