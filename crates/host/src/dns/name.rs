//! Names as they stand in settings: letters, digits, `-` and `_`, so that they can be pasted anywhere.

use std::fmt;
use std::str::FromStr;

use domain::base::Name;
use keymuster_core::id::NotAnId;

/// A name inside messages and replies.
pub(super) type Wire = Name<Vec<u8>>;

/// The service that clients look for.
const SERVICE: &str = "_keymuster._tcp";
/// What DNS allows is 253, and the service stands before a domain.
const LENGTH_MAX: usize = 253 - SERVICE.len() - 1;
const LABEL_MAX: usize = 63;

/// A domain or the name of a machine, in lower case and without the dot at its end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DnsName(String);

impl DnsName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where clients of this domain look for hosts.
    pub fn service(&self) -> DnsName {
        DnsName(format!("{SERVICE}.{self}"))
    }

    /// The part of this name before `domain`, where it lies beneath it.
    pub fn within(&self, domain: &DnsName) -> Option<&str> {
        self.0.strip_suffix(domain.as_str())?.strip_suffix('.')
    }

    /// Whether it has more than one part. One part alone is no name that others could look up.
    pub fn is_qualified(&self) -> bool {
        self.0.contains('.')
    }

    pub(super) fn wire(&self) -> Wire {
        Name::vec_from_str(&self.0).expect("the characters and lengths of a DnsName are those of DNS")
    }
}

/// What is expected where a name is not one.
const EXPECTED: NotAnId = NotAnId { expected: "a name of letters, digits, '-', '_' and dots, such as kms.example.com" };

impl FromStr for DnsName {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<DnsName, NotAnId> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_label = |label: &str| {
            let length = label.len();
            (1..=LABEL_MAX).contains(&length) && label.bytes().all(is_letter) && label.trim_matches('-').len() == length
        };
        if name.len() <= LENGTH_MAX && name.split('.').all(is_label) { Ok(DnsName(name)) } else { Err(EXPECTED) }
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for DnsName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_fit_into_messages() {
        let (long_label, long_name) = (format!("{}.test", "a".repeat(63)), format!("{}test", "abcd.".repeat(46)));
        for (text, expected) in [
            ("kms.example.com", "kms.example.com"),
            ("KMS.Example.Com.", "kms.example.com"),
            ("corp", "corp"),
            ("xn--mller-kva.test", "xn--mller-kva.test"),
            ("a_b.test", "a_b.test"),
            (&long_label, &long_label),
            (&long_name, &long_name),
        ] {
            let name: DnsName = text.parse().unwrap();
            assert_eq!(name.as_str(), expected);
            assert_eq!(name.service().wire().to_string(), format!("_keymuster._tcp.{expected}"));
        }
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "a b",
            "müller.test",
            "a\n.test",
            "a\".test",
            "$(x).test",
            "a.test..",
            "-a.test",
            "a-.test",
        ] {
            assert!(text.parse::<DnsName>().is_err(), "{text:?}");
        }
        assert!(format!("a{long_label}").parse::<DnsName>().is_err());
        assert!(format!("abcd.{long_name}").parse::<DnsName>().is_err());
    }

    #[test]
    fn what_lies_beneath_a_domain() {
        for (name, domain, expected) in [
            ("kms.example.com", "example.com", Some("kms")),
            ("a.kms.example.com", "example.com", Some("a.kms")),
            ("example.com", "example.com", None),
            ("kmsexample.com", "example.com", None),
            ("kms.example.org", "example.com", None),
        ] {
            let (name, domain): (DnsName, DnsName) = (name.parse().unwrap(), domain.parse().unwrap());
            assert_eq!(name.within(&domain), expected, "{name} within {domain}");
        }
    }
}
