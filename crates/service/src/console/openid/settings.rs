//! The file that tells a server of its organisation's provider. It is read once, at the start, and unknown keys are errors.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::console::permission::Role;
use crate::files::{read_private, read_secret};

/// No such file, secret or list of certificates is longer.
const FILE_MAX: usize = 1024 * 1024;
/// What is asked for unless the file says otherwise.
const SCOPES: [&str; 3] = ["openid", "profile", "email"];

/// The file, as it is written in TOML.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    issuer: String,
    client_id: String,
    client_secret_file: PathBuf,
    public_url: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default, rename = "match")]
    matches: Match,
    scopes: Option<Vec<String>>,
    #[serde(default = "groups")]
    groups_claim: String,
    #[serde(default)]
    roles: BTreeMap<String, Role>,
    default_role: Option<Role>,
}

/// How an account is found for somebody whom the provider names, and who is not linked with one yet.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Not at all: people link their account themselves.
    #[default]
    Subject,
    /// By the claim `email`, where the provider has verified it.
    Email,
    /// By the claim `preferred_username`.
    PreferredUsername,
}

/// Everything about a provider that the administrator chose.
pub struct OpenId {
    /// The provider's address, as it stands in its tokens.
    pub issuer: String,
    /// By which name it knows this server.
    pub client_id: String,
    /// The secret between the two.
    pub client_secret: String,
    /// Where browsers reach this server, where that is not the address they used.
    pub public_url: Option<String>,
    /// Certificates that count instead of the system's, in PEM.
    pub ca: Option<Vec<u8>>,
    /// How accounts are found.
    pub matches: Match,
    /// What is asked for, with blanks between.
    pub scopes: String,
    /// The claim with somebody's groups.
    pub groups_claim: String,
    /// The role of each group that has one.
    pub roles: BTreeMap<String, Role>,
    /// The role of those whose groups have none; without one they have no access.
    pub default_role: Option<Role>,
}

fn groups() -> String {
    "groups".to_owned()
}

impl OpenId {
    /// Reads the file and those that it names, whose paths may be relative to it.
    pub fn read(path: &Path) -> anyhow::Result<OpenId> {
        let text = String::from_utf8(read_private(path, FILE_MAX)?).context("the file of the provider is no text")?;
        let file: File = toml::from_str(&text).with_context(|| format!("{} is not understood", path.display()))?;
        ensure!(
            is_trusted_address(&file.issuer),
            "{}: issuer {:?} begins with https://; http:// is for this machine alone",
            path.display(),
            file.issuer
        );
        let beside = |name: &Path| path.parent().unwrap_or(Path::new(".")).join(name);
        let secret = String::from_utf8(read_secret(&beside(&file.client_secret_file), FILE_MAX)?)?;
        let ca = file.ca_file.map(|name| read_private(&beside(&name), FILE_MAX)).transpose()?;
        let scopes = file.scopes.map_or_else(|| SCOPES.join(" "), |scopes| scopes.join(" "));
        ensure!(scopes.split(' ').any(|scope| scope == "openid"), "{}: scopes are without openid", path.display());
        Ok(OpenId {
            issuer: file.issuer,
            client_id: file.client_id,
            client_secret: secret.trim_end().to_owned(),
            public_url: file.public_url.map(|url| url.trim_end_matches('/').to_owned()),
            ca,
            matches: file.matches,
            scopes,
            groups_claim: file.groups_claim,
            roles: file.roles,
            default_role: file.default_role,
        })
    }
}

/// Whether what is sent there reaches nobody on the way: TLS, or this machine.
pub fn is_trusted_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_plain = !authority.is_empty() && !authority.contains('@');
    is_plain && (scheme == "https" || scheme == "http" && ["127.0.0.1", "::1", "localhost"].contains(&name))
}

/// Without the secret.
impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenId")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_and_this_machine_are_trusted() {
        for (url, expected) in [
            ("https://login.example", true),
            ("https://login.example:8443/realm", true),
            ("http://127.0.0.1:3000", true),
            ("http://localhost/x", true),
            ("http://[::1]:3000", true),
            ("http://login.example", false),
            ("http://127.0.0.1@login.example", false),
            ("http://127.0.0.1.example", false),
            ("http://localhost.example", false),
            ("ftp://login.example", false),
            ("https://", false),
            ("login.example", false),
        ] {
            assert_eq!(is_trusted_address(url), expected, "{url}");
        }
    }

    #[test]
    fn a_file_names_its_secret_and_what_is_unknown_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let write = |text: &str| {
            crate::files::write_private(&directory.path().join("secret"), b"s3cret\n").unwrap();
            let path = directory.path().join("openid.toml");
            std::fs::write(&path, text).unwrap();
            OpenId::read(&path)
        };
        let small = "issuer = \"https://login.example\"\nclient_id = \"c\"\nclient_secret_file = \"secret\"\n";
        let read = write(&format!(
            "{small}match = \"email\"\ndefault_role = \"viewer\"\n[roles]\nadmins = \"administrator\"\n"
        ));
        let read = read.unwrap();
        assert_eq!((&read.client_secret[..], read.matches), ("s3cret", Match::Email));
        assert_eq!(read.roles["admins"], Role::Administrator);
        assert!(!format!("{read:?}").contains("s3cret"));
        for wrong in [
            format!("{small}colour = \"red\"\n"),
            small.replace("https", "http"),
            small.replace("\"secret\"", "\"nowhere\""),
            format!("{small}scopes = [\"email\"]\n"),
        ] {
            assert!(write(&wrong).is_err(), "{wrong}");
        }
    }
}
