//! The key by which a name server lets this host change records, in the form that BIND's `tsig-keygen` writes.
//!
//! The secret is in no message, log or debug output.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::tsig::{Algorithm, Key, KeyName};
use keymuster_core::codes;
use keymuster_service::exit::Coded;
use keymuster_service::files;

/// Comments and further white space included.
const FILE_BYTES_MAX: usize = 4096;
/// Half of what hmac-sha256 gives: RFC 8945 has no shorter ones.
const SECRET_BYTES_MIN: usize = 16;

/// A key with its secret.
#[derive(Clone)]
pub struct TsigKey {
    key: Key,
}

impl TsigKey {
    /// Reads a key file.
    pub fn read(path: &Path) -> Result<TsigKey, Coded> {
        let unusable = |detail| Coded { code: &codes::DNS_KEY_FILE_UNUSABLE, detail };
        let not = |why| unusable(format!("{} is not a DNS key as tsig-keygen writes it: {why}", path.display()));
        let bytes = files::read_secret(path, FILE_BYTES_MAX).map_err(|error| unusable(error.to_string()))?;
        TsigKey::parse(str::from_utf8(&bytes).map_err(|_| not("it is no text"))?).map_err(not)
    }

    /// `key "name" { algorithm hmac-sha256; secret "base64"; };`, once.
    fn parse(text: &str) -> Result<TsigKey, &'static str> {
        let tokens = tokens(text)?;
        let mut rest = tokens.iter().map(String::as_str);
        let mut next = || rest.next().unwrap_or_default();
        let (word, name, open) = (next(), next(), next());
        if word != "key" || open != "{" {
            return Err("it does not begin with a key statement");
        }
        let (mut algorithm, mut secret) = (None, None);
        loop {
            let place = match next() {
                "algorithm" => &mut algorithm,
                "secret" => &mut secret,
                "}" => break,
                _ => return Err("a key has an algorithm and a secret, and nothing else"),
            };
            if place.replace(next()).is_some() || next() != ";" {
                return Err("a line of the key is there twice or does not end in a semicolon");
            }
        }
        if next() != ";" || !next().is_empty() {
            return Err("it has more than one key, or does not end in a semicolon");
        }
        TsigKey::new(name, algorithm.ok_or("it has no algorithm")?, secret.ok_or("it has no secret")?)
    }

    fn new(name: &str, algorithm: &str, secret: &str) -> Result<TsigKey, &'static str> {
        if !algorithm.eq_ignore_ascii_case("hmac-sha256") {
            return Err("its algorithm is not hmac-sha256, which every name server has");
        }
        let name: KeyName = name.parse().map_err(|_| "its name is not one of DNS")?;
        let secret = STANDARD.decode(secret).map_err(|_| "its secret is not base64")?;
        if secret.len() < SECRET_BYTES_MIN {
            return Err("its secret is too short to be one");
        }
        let key = Key::new(Algorithm::Sha256, &secret, name, None, None);
        Ok(TsigKey { key: key.map_err(|_| "its algorithm does not go with its length")? })
    }

    /// The name by which the server knows it; no secret.
    pub fn name(&self) -> String {
        self.key.name().to_string()
    }
}

impl AsRef<Key> for TsigKey {
    fn as_ref(&self) -> &Key {
        &self.key
    }
}

/// The name, never the secret.
impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TsigKey({}, ***)", self.name())
    }
}

/// Words, quoted texts and punctuation, without the three kinds of comments that BIND knows.
fn tokens(text: &str) -> Result<Vec<String>, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = if let Some(comment) = rest.strip_prefix("/*") {
            (None, comment.split_once("*/").ok_or("a comment has no end")?.1)
        } else if rest.starts_with('#') || rest.starts_with("//") {
            (None, rest.split_once('\n').unwrap_or_default().1)
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (token, after) = quoted.split_once('"').ok_or("a quoted text has no end")?;
            (Some(token), after)
        } else if "{};".contains(first) {
            let (token, after) = rest.split_at(1);
            (Some(token), after)
        } else {
            let is_end = |c: char| c.is_whitespace() || "{};\"".contains(c);
            let (token, after) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
            (Some(token), after)
        };
        tokens.extend(token.map(str::to_owned));
        rest = after.trim_start();
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "rG6IuEKIsZvjdytcT7UWb2X0KDFQYWdRRsanqGjwmG8=";

    #[test]
    fn keys_of_all_spellings_are_read() {
        for text in [
            format!("key \"kms-a\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{SECRET}\";\n}};\n"),
            format!("key kms-a. {{ secret {SECRET}; algorithm \"HMAC-SHA256\"; }};"),
            format!("# x\n// key \"y\" {{\n/* z\n */ key kms-a{{algorithm hmac-sha256;secret \"{SECRET}\";}}; # end"),
        ] {
            let key = TsigKey::parse(&text).unwrap();
            assert_eq!(key.name(), "kms-a", "{text}");
            assert_eq!(format!("{key:?}"), "TsigKey(kms-a, ***)");
        }
    }

    #[test]
    fn anything_else_is_refused_without_repeating_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dns.key");
        let whole = format!("key \"kms\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};");
        for (text, expected) in [
            (String::new(), "does not begin"),
            (SECRET.to_owned(), "does not begin"),
            (whole.replace("key ", "server "), "does not begin"),
            (whole.replace("hmac-sha256", "hmac-md5"), "not hmac-sha256"),
            (whole.replace("algorithm hmac-sha256;", ""), "no algorithm"),
            (whole.replace("secret", "port"), "nothing else"),
            (whole.replace("secret", "algorithm"), "twice"),
            (whole.replace("8=\";", "8=\""), "semicolon"),
            (whole.replace("};", ""), "nothing else"),
            (whole.replace("};", "}"), "semicolon"),
            (whole.replace("8=\"", "8="), "quoted text has no end"),
            (format!("/* {whole}"), "comment has no end"),
            (whole.replace(SECRET, "not base64!"), "not base64"),
            (whole.replace(SECRET, "c2hvcnQ="), "too short"),
            (whole.replace("\"kms\"", "\"a..b\""), "name"),
            (format!("{whole}\n{whole}"), "more than one key"),
            ("x".repeat(FILE_BYTES_MAX + 1), "larger than"),
        ] {
            files::write_private(&path, text.as_bytes()).unwrap();
            let error = TsigKey::read(&path).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("dns.key"), "{expected}: {error}");
            assert!(!error.contains("rG6I"), "{error}");
        }
    }
}
