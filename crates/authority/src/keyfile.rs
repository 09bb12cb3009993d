//! Key files: how the authority keeps its three secrets on disk. Specified in `docs/spec/key-files.md`.
//!
//! The root key is sealed with a passphrase, because it is needed once a year and can sign anything.
//! Issuer key and tags stand in the open, because the server starts unattended; the file's mode is their only protection.

use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use keymuster_core::id::{from_hex, to_hex};
use keymuster_core::signature::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use crate::tags::Tags;

/// The most bytes of a key file.
pub const SIZE_MAX: usize = 4096;

const HEADER: &str = "keymuster-key 1";

/// A passphrase of at least [`Passphrase::LENGTH_MIN`] characters. It prints as `***`.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Shorter ones are found by trying, whatever the key derivation costs.
    pub const LENGTH_MIN: usize = 12;
}

/// A text that is no passphrase for a root key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a passphrase has at least {} characters; four or five random words are a good one", Passphrase::LENGTH_MIN)]
pub struct TooShort;

impl FromStr for Passphrase {
    type Err = TooShort;

    fn from_str(text: &str) -> Result<Passphrase, TooShort> {
        let is_long_enough = text.chars().count() >= Passphrase::LENGTH_MIN;
        if is_long_enough { Ok(Passphrase(Zeroizing::new(text.to_owned()))) } else { Err(TooShort) }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(***)")
    }
}

/// Why a key file does not give its key; no variant holds any part of a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotAKey {
    /// Not a key file of the kind that is needed here.
    #[error("not a key file of this kind: {0}")]
    Malformed(&'static str),
    /// The passphrase is not the one it was sealed with, or somebody changed the file; the two cannot be told apart.
    #[error("the passphrase does not open it; if it is the right one, the file was changed: take another copy")]
    Sealed,
    /// The key derivation did not get its memory.
    #[error("cannot derive the key from the passphrase: {0}")]
    Derivation(String),
}

/// A root key file; reading its open part needs no passphrase.
#[derive(Clone, Debug)]
pub struct RootKeyFile<'t> {
    /// The public half, which the trust file names as well.
    pub public: PublicKey,
    derivation: Derivation,
    nonce: [u8; 24],
    /// All lines before the sealed one: the seal holds only together with them.
    open_part: &'t str,
    sealed: [u8; 48],
}

/// How the passphrase becomes the key of the seal: Argon2id (RFC 9106), version 19.
#[derive(Clone, Debug)]
struct Derivation {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
}

impl Derivation {
    /// About a fifth of a second, and 64 MiB that a thief has to pay for every guess.
    fn with_salt(salt: [u8; 16]) -> Derivation {
        Derivation { memory_kib: 64 * 1024, passes: 3, lanes: 1, salt }
    }

    /// Parameters beyond these would only tie up the machine that reads the file, or protect nothing.
    fn is_sensible(&self) -> bool {
        let Derivation { memory_kib, passes, lanes, .. } = self;
        (8 * 1024..=1024 * 1024).contains(memory_kib) && (1..=16).contains(passes) && (1..=4).contains(lanes)
    }

    fn parse(text: &str) -> Option<Derivation> {
        let ["argon2id", memory_kib, passes, lanes, salt] = text.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        let (memory_kib, passes) = (memory_kib.parse().ok()?, passes.parse().ok()?);
        let derivation = Derivation { memory_kib, passes, lanes: lanes.parse().ok()?, salt: from_hex(salt)? };
        derivation.is_sensible().then_some(derivation)
    }

    fn cipher(&self, passphrase: &Passphrase) -> Result<XChaCha20Poly1305, NotAKey> {
        let mut key = Zeroizing::new([0; 32]);
        let params = Params::new(self.memory_kib, self.passes, self.lanes, None);
        params
            .and_then(|params| {
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                argon2.hash_password_into(passphrase.0.as_bytes(), &self.salt, &mut *key)
            })
            .map_err(|error| NotAKey::Derivation(error.to_string()))?;
        Ok(XChaCha20Poly1305::new((&*key).into()))
    }
}

impl fmt::Display for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Derivation { memory_kib, passes, lanes, salt } = self;
        write!(f, "argon2id {memory_kib} {passes} {lanes} {}", to_hex(salt))
    }
}

/// The text of a root key file; `salt` and `nonce` are random and never used again.
pub fn seal_root(key: &SecretKey, passphrase: &Passphrase, salt: [u8; 16], nonce: [u8; 24]) -> Result<String, NotAKey> {
    let derivation = Derivation::with_salt(salt);
    let public = to_hex(key.public().as_bytes());
    let open_part = format!(
        "{HEADER}\nkind root\npublic {public}\nkdf {derivation}\ncipher xchacha20-poly1305 {}\n",
        to_hex(&nonce)
    );
    let payload = Payload { msg: key.reveal_seed(), aad: open_part.as_bytes() };
    let sealed = derivation.cipher(passphrase)?.encrypt((&nonce).into(), payload);
    let sealed = sealed.expect("a seed is far shorter than what the cipher can take");
    Ok(format!("{open_part}sealed {}\n", to_hex(&sealed)))
}

impl<'t> RootKeyFile<'t> {
    /// Reads the open part.
    pub fn parse(text: &'t str) -> Result<RootKeyFile<'t>, NotAKey> {
        let [kind, public, kdf, cipher, sealed] = values(text, ["kind", "public", "kdf", "cipher", "sealed"])?;
        if kind != "root" {
            return Err(NotAKey::Malformed("it holds a key of another kind"));
        }
        let public = parse_public(public)?;
        let derivation = Derivation::parse(kdf).ok_or(NotAKey::Malformed("the line \"kdf\" is not understood"))?;
        let nonce = cipher.strip_prefix("xchacha20-poly1305 ").and_then(from_hex);
        let nonce = nonce.ok_or(NotAKey::Malformed("the line \"cipher\" is not understood"))?;
        let sealed_at = text.len() - "sealed ".len() - sealed.len() - "\n".len();
        let sealed = from_hex(sealed).ok_or(NotAKey::Malformed("\"sealed\" is not 96 hexadecimal digits"))?;
        Ok(RootKeyFile { public, derivation, nonce, open_part: &text[..sealed_at], sealed })
    }

    /// Opens the seal.
    pub fn open(&self, passphrase: &Passphrase) -> Result<SecretKey, NotAKey> {
        let payload = Payload { msg: &self.sealed, aad: self.open_part.as_bytes() };
        let seed = self.derivation.cipher(passphrase)?.decrypt((&self.nonce).into(), payload);
        let seed = Zeroizing::new(seed.map_err(|_| NotAKey::Sealed)?);
        let seed = <&[u8; 32]>::try_from(seed.as_slice()).map_err(|_| NotAKey::Sealed)?;
        matching(SecretKey::from_seed(seed), self.public)
    }
}

/// The text of an issuer key file.
pub fn write_issuer(key: &SecretKey) -> Zeroizing<String> {
    let public = to_hex(key.public().as_bytes());
    let secret = Zeroizing::new(to_hex(key.reveal_seed()));
    Zeroizing::new(format!("{HEADER}\nkind issuer\npublic {public}\nsecret {}\n", *secret))
}

/// Reads an issuer key file.
pub fn read_issuer(text: &str) -> Result<SecretKey, NotAKey> {
    let [kind, public, secret] = values(text, ["kind", "public", "secret"])?;
    if kind != "issuer" {
        return Err(NotAKey::Malformed("it holds a key of another kind"));
    }
    let public = parse_public(public)?;
    matching(SecretKey::from_seed(&*parse_secret(secret)?), public)
}

/// The text of a tags file, from its 32 random bytes.
pub fn write_tags(secret: &[u8; 32]) -> Zeroizing<String> {
    let secret = Zeroizing::new(to_hex(secret));
    Zeroizing::new(format!("{HEADER}\nkind tags\nsecret {}\n", *secret))
}

/// Reads a tags file.
pub fn read_tags(text: &str) -> Result<Tags, NotAKey> {
    let [kind, secret] = values(text, ["kind", "secret"])?;
    if kind != "tags" {
        return Err(NotAKey::Malformed("it holds a key of another kind"));
    }
    Ok(Tags::new(parse_secret(secret)?))
}

/// The values of a file that has exactly these lines after its header, in this order.
fn values<'t, const N: usize>(text: &'t str, names: [&str; N]) -> Result<[&'t str; N], NotAKey> {
    let mut rest = text.strip_prefix(HEADER).ok_or(NotAKey::Malformed("it does not begin with \"keymuster-key 1\""))?;
    rest = rest.strip_prefix('\n').ok_or(NotAKey::Malformed("its first line goes on after the version"))?;
    let mut values = [""; N];
    for (value, name) in values.iter_mut().zip(names) {
        let line = rest.split_once('\n').filter(|(line, _)| line.starts_with(name));
        let (line, after) = line.ok_or(NotAKey::Malformed("a line is missing, or not in its place"))?;
        let found = line[name.len()..].strip_prefix(' ');
        *value = found.ok_or(NotAKey::Malformed("a line has a name and no value"))?;
        rest = after;
    }
    if rest.is_empty() { Ok(values) } else { Err(NotAKey::Malformed("there is something after its last line")) }
}

fn parse_public(hex: &str) -> Result<PublicKey, NotAKey> {
    let key = from_hex(hex).and_then(|bytes| PublicKey::from_bytes(&bytes));
    key.ok_or(NotAKey::Malformed("\"public\" is no public key of 64 hexadecimal digits"))
}

fn parse_secret(hex: &str) -> Result<Zeroizing<[u8; 32]>, NotAKey> {
    from_hex(hex).map(Zeroizing::new).ok_or(NotAKey::Malformed("\"secret\" is not 64 hexadecimal digits"))
}

fn matching(key: SecretKey, public: PublicKey) -> Result<SecretKey, NotAKey> {
    if key.public() == public { Ok(key) } else { Err(NotAKey::Malformed("its two halves do not belong together")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "correct horse battery staple";

    fn passphrase() -> Passphrase {
        PASSPHRASE.parse().unwrap()
    }

    fn seed() -> [u8; 32] {
        std::array::from_fn(|n| u8::try_from(n).unwrap())
    }

    fn root() -> String {
        seal_root(&SecretKey::from_seed(&seed()), &passphrase(), [0x11; 16], [0x22; 24]).unwrap()
    }

    fn specified(title: &str) -> String {
        let specification = include_str!("../../../docs/spec/key-files.md");
        let (_, after) = specification.split_once(&format!("`{title}`:\n\n```\n")).unwrap();
        after.split_once("```").unwrap().0.to_owned()
    }

    #[test]
    fn files_are_those_of_the_specification() {
        assert_eq!(root(), specified("root.key"));
        assert_eq!(*write_issuer(&SecretKey::from_seed(&seed())), specified("issuer.key"));
        assert_eq!(*write_tags(&seed()), specified("tags.key"));
    }

    #[test]
    fn what_is_written_is_read() {
        let key = RootKeyFile::parse(&root()).unwrap().open(&passphrase()).unwrap();
        assert_eq!(key.reveal_seed(), &seed());
        assert_eq!(read_issuer(&write_issuer(&key)).unwrap().reveal_seed(), &seed());
        let publisher = "acme".parse().unwrap();
        let tags = read_tags(&write_tags(&seed())).unwrap();
        assert!(tags.made(&Tags::new(Zeroizing::new(seed())).setup_key(&publisher, 1)));
    }

    #[test]
    fn a_root_key_opens_with_its_passphrase_and_unchanged_only() {
        let text = root();
        let open = |text: &str, passphrase: &str| {
            RootKeyFile::parse(text).and_then(|file| file.open(&passphrase.parse().unwrap())).err()
        };
        assert_eq!(open(&text, PASSPHRASE), None);
        assert_eq!(open(&text, "correct horse battery stapler"), Some(NotAKey::Sealed));
        for (from, to) in [(" 65536 3 ", " 65536 2 "), (" 2222", " 2322"), (" 1111", " 1011"), ("f0\n", "f1\n")] {
            assert_eq!(open(&text.replace(from, to), PASSPHRASE), Some(NotAKey::Sealed), "{from} to {to}");
        }
    }

    #[test]
    fn malformed_files_are_refused() {
        let good = root();
        for (from, to) in [
            ("keymuster-key 1", "keymuster-key 2"),
            ("keymuster-key 1", ""),
            ("kind root", "kind issuer"),
            ("kind root\n", ""),
            ("public ", "public"),
            ("public 03", "public zz"),
            ("argon2id", "argon2i"),
            (" 65536 ", " 4194304 "),
            (" 65536 ", " 1024 "),
            (" 3 1 ", " 99 1 "),
            ("xchacha20", "chacha20"),
            ("sealed ", "sealed 00"),
            ("\nsealed", "\n\nsealed"),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good, "{from}");
            assert!(matches!(RootKeyFile::parse(&bad), Err(NotAKey::Malformed(_))), "{from} to {to}");
        }
        assert!(RootKeyFile::parse(&format!("{good}\n")).is_err());
        assert!(RootKeyFile::parse(good.trim_end()).is_err());
        assert!(read_issuer(&write_tags(&seed())).is_err() && read_tags("").is_err());
        let other = to_hex(SecretKey::from_seed(&[1; 32]).public().as_bytes());
        let key = SecretKey::from_seed(&seed());
        let mixed = write_issuer(&key).replace(&to_hex(key.public().as_bytes()), &other);
        assert!(read_issuer(&mixed).is_err());
    }

    #[test]
    fn passphrases_have_twelve_characters_and_are_never_shown() {
        assert!("elf chars ä".parse::<Passphrase>().is_err());
        assert_eq!(format!("{:?}", "zwölf zeichen".parse::<Passphrase>().unwrap()), "Passphrase(***)");
    }
}
