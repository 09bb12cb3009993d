//! What can go wrong, whose fault it is, and what to do about it.
//!
//! No error takes anything away: a lease that is held stays valid to its end, whatever is returned here.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use keymuster_core::codes::{self, Code};
use keymuster_core::id::Slug;
use keymuster_core::invalid::Invalid;
use keymuster_core::key::KeyError;
use keymuster_core::refusal::{Member, Refusal};
use keymuster_core::time::Timestamp;
use keymuster_core::trust::NotATrustFile;

use crate::settings::{SettingFault, SettingSource, Ways};

/// Why a call did not do what it was asked for. Each has a stable code, whose page says what to do.
///
/// ```
/// use keymuster_client::{Error, Product};
/// let error = Product::new("not a trust file", b"", "desk").unwrap_err();
/// assert!(matches!(error, Error::Trust(_)));
/// assert_eq!(error.code().to_string(), "KM-602 document-malformed");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The trust file cannot be read. A mistake in the product's build: use the file that the publisher made.
    Trust(NotATrustFile),
    /// The licence pack does not verify by the trust file. A mistake in the product's build: the two must be of one
    /// publisher.
    Pack(Invalid),
    /// The licence pack has no such edition. A mistake in the product's build, or a pack that is older than the product.
    EditionUnknown {
        /// The edition asked for.
        edition: String,
        /// The editions of the pack.
        known: Vec<Slug>,
    },
    /// A setting cannot be read. Whoever set it corrects it.
    Setting {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// There is no such setting. Whoever typed it takes the name that was meant.
    SettingUnknown {
        /// What was typed.
        name: String,
        /// The name that differs least from it.
        nearest: &'static str,
    },
    /// The value is understood, and outside the range that the publisher allows. The administrator chooses another.
    SettingRefused(Refusal),
    /// The settings file cannot be changed, because it is no settings file. The administrator repairs or removes it.
    SettingsFile(SettingFault),
    /// The settings of this machine do not allow the product to be activated in this way. The administrator installs a
    /// key of the other kind, or changes the setting.
    WayNotAllowed {
        /// What is allowed.
        allowed: Ways,
        /// Who said so.
        source: SettingSource,
    },
    /// The text is no product key; it says which symbol is wrong where that can be told. The person types it again.
    Key(KeyError),
    /// The product key is well formed and does not belong here, or there is no key for what was asked.
    KeyRefused(Refusal),
    /// The activation by a MAK has ended or was made for another machine, and the whole key is not kept once it has been
    /// used. The person enters it again.
    KeyNeeded {
        /// The last five symbols of the key that was used.
        last_five: String,
        /// What has become of the activation.
        why: &'static Code,
    },
    /// A host or the authority said no, by its rules. Its code says why; ask again later.
    Refused(Box<Refused>),
    /// No host is set, remembered or named in DNS. The administrator publishes one, or sets it by hand.
    HostNotFound {
        /// The domains that were searched.
        domains: Vec<String>,
    },
    /// The name of a host or authority has no address. The administrator corrects the name or DNS.
    NameNotResolved {
        /// The name.
        name: String,
        /// What came instead of an address.
        why: String,
    },
    /// Nothing listens on the host's port. The administrator starts the host or corrects the port.
    ConnectionRefused {
        /// The host.
        host: String,
    },
    /// The host did not answer in time, or broke off. It is asked again later, with the same request.
    HostUnreachable {
        /// The host.
        host: String,
        /// What happened.
        why: String,
    },
    /// Something else than a host answered. The administrator corrects name and port.
    NotAKeymusterHost {
        /// The address that was asked.
        host: String,
        /// What came instead of an answer.
        found: String,
    },
    /// The host says that it cannot work at the moment. It is asked again later, with the same request.
    HostFailed {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What it said, where it said anything.
        said: Option<Box<Refused>>,
    },
    /// The answer does not verify; it was thrown away. The reason's own code says who is to look at it.
    AnswerInvalid {
        /// Where it came from: a host, or a file.
        from: String,
        /// Why it is not believed.
        why: Invalid,
    },
    /// The MAK would leave this machine unencrypted, so it was not sent. The administrator carries a request file, or
    /// gives the address of a tunnel that begins on this machine.
    SecretOverPlainHttp {
        /// The authority's URL.
        authority: String,
    },
    /// Nobody whom this machine trusts vouches for the authority's certificate, so nothing was sent. The administrator adds
    /// the certificate authority to the system's, or gives the authority's right name.
    CertificateUntrusted {
        /// The authority.
        server: String,
        /// What is wrong with the certificate.
        why: String,
    },
    /// The publisher has no authority on line, or its URL cannot be read. Carry a request file.
    AuthorityUnknown,
    /// The authority did not answer. It is asked again later, with the same request; or carry a request file.
    AuthorityUnreachable {
        /// Its address.
        authority: String,
        /// What happened.
        why: String,
    },
    /// No request waits for this answer: it was answered before, or it is older than 30 days. Make a new request file.
    NoRequestWaits,
    /// The machine's clock is not what the publisher's authority says. The administrator sets the clock and takes the
    /// answer again, or asks again.
    ClockWrong {
        /// What this machine's clock says.
        clock: Timestamp,
        /// What the authority says.
        stated: Timestamp,
        /// Where that came from: the authority's address, or a file.
        by: String,
    },
    /// The installation has been re-armed as often as the publisher allows. Activate it instead.
    RearmsExhausted {
        /// How often the publisher allows it.
        rearms_max: u8,
    },
    /// There is no lease that could be released.
    NothingToRelease,
    /// The store cannot be read or written, so nothing was sent. Whoever installed the product gives it a directory that it
    /// can write.
    StateUnwritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

/// A host's or the authority's "no", as it came: problem details (RFC 9457), unsigned and so without power over a lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The code's name; it may be one that this version does not know.
    pub name: String,
    /// This occurrence, in one sentence.
    pub detail: String,
    /// The numbers behind it.
    pub members: Vec<(String, Member)>,
    /// When asking again can help.
    pub retry_after: Option<Duration>,
    /// Who said it.
    pub host: String,
}

impl Refused {
    /// The code; that of another version of the protocol where the name is not known.
    pub fn code(&self) -> &'static Code {
        codes::all().find(|code| code.name == self.name).unwrap_or(&codes::VERSION_UNSUPPORTED)
    }

    /// A number of the refusal, such as `count` or `need`.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.members.iter().find_map(|(member, value)| match value {
            Member::Number(number) if member == name => Some(*number),
            _ => None,
        })
    }

    pub(crate) fn is(&self, code: &Code) -> bool {
        self.name == code.name
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} says: {}", self.host, self.detail)?;
        if self.code().name == self.name { Ok(()) } else { write!(f, " ({})", self.name) }
    }
}

impl Error {
    /// Whether a host or authority was not reached at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Error::HostUnreachable { .. }
                | Error::ConnectionRefused { .. }
                | Error::NameNotResolved { .. }
                | Error::AuthorityUnreachable { .. }
        )
    }

    /// The stable code, for support desks, scripts and `keymuster explain`.
    pub fn code(&self) -> &'static Code {
        match self {
            Error::Trust(_) => &codes::DOCUMENT_MALFORMED,
            Error::Pack(invalid) => invalid.code(),
            Error::EditionUnknown { .. } => &codes::EDITION_UNKNOWN,
            Error::Setting { .. } | Error::SettingUnknown { .. } => &codes::SETTING_INVALID,
            Error::SettingRefused(refusal) => refusal.code(),
            Error::SettingsFile(fault) => fault.code(),
            Error::WayNotAllowed { .. } => &codes::WAY_NOT_ALLOWED,
            Error::NameNotResolved { .. } => &codes::NAME_NOT_RESOLVED,
            Error::Key(error) => key_code(error),
            Error::KeyRefused(refusal) => refusal.code(),
            Error::KeyNeeded { why, .. } => why,
            Error::Refused(refused) => refused.code(),
            Error::HostNotFound { .. } => &codes::HOST_NOT_FOUND,
            Error::AuthorityUnknown | Error::AuthorityUnreachable { .. } => &codes::AUTHORITY_UNREACHABLE,
            Error::ConnectionRefused { .. } => &codes::CONNECTION_REFUSED,
            Error::HostUnreachable { .. } => &codes::HOST_UNREACHABLE,
            Error::NotAKeymusterHost { .. } => &codes::NOT_A_KEYMUSTER_HOST,
            Error::HostFailed { said: Some(said), .. } => said.code(),
            Error::HostFailed { said: None, .. } => &codes::HOST_FAILED,
            Error::AnswerInvalid { .. } => &codes::ANSWER_INVALID,
            Error::SecretOverPlainHttp { .. } => &codes::SECRET_OVER_PLAIN_HTTP,
            Error::CertificateUntrusted { .. } => &codes::CERTIFICATE_UNTRUSTED,
            Error::NoRequestWaits => &codes::ANSWER_TO_ANOTHER_REQUEST,
            Error::ClockWrong { .. } => &codes::CLOCK_SUSPECT,
            Error::RearmsExhausted { .. } => &codes::REARMS_EXHAUSTED,
            Error::NothingToRelease => &codes::LEASE_UNKNOWN,
            Error::StateUnwritable { .. } => &codes::STATE_UNWRITABLE,
        }
    }
}

fn key_code(error: &KeyError) -> &'static Code {
    match error {
        KeyError::TooLong | KeyError::WrongLength { .. } => &codes::KEY_WRONG_LENGTH,
        KeyError::Mistyped(_) | KeyError::Swapped { .. } => &codes::KEY_MISTYPED,
        KeyError::UnknownVersion { .. } | KeyError::UnknownKind => &codes::KEY_UNKNOWN_VERSION,
        _ => &codes::KEY_UNREADABLE,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Trust(error) => error.fmt(f),
            Error::Pack(error) => write!(f, "the licence pack does not verify: {error}"),
            Error::EditionUnknown { edition, known } => {
                let known: Vec<&str> = known.iter().map(Slug::as_str).collect();
                write!(f, "the licence pack has no edition {edition:?}; it has {}", known.join(", "))
            }
            Error::Setting { name, value, expected } => {
                write!(f, "setting {name} is {value:?}; expected {expected}")
            }
            Error::SettingUnknown { name, nearest } => {
                write!(f, "there is no setting {name:?}; did you mean {nearest:?}?")
            }
            Error::SettingRefused(refusal) => refusal.fmt(f),
            Error::SettingsFile(fault) => fault.fmt(f),
            Error::WayNotAllowed { allowed, source } => {
                let kind = if *allowed == Ways::Mak { "a MAK" } else { "a host" };
                write!(f, "this product may be activated by {kind} alone: way is {allowed} ({source})")
            }
            Error::Key(error) => error.fmt(f),
            Error::KeyRefused(refusal) => refusal.fmt(f),
            Error::KeyNeeded { last_five, .. } => {
                write!(
                    f,
                    "the activation by the key that ends in {last_five} does not count any more; enter the whole key again"
                )
            }
            Error::Refused(refused) => refused.fmt(f),
            Error::HostNotFound { domains } if domains.is_empty() => {
                f.write_str("no host is set, and this machine is in no DNS domain in which one could be found")
            }
            Error::HostNotFound { domains } => {
                write!(f, "no host is set or remembered, and DNS names none in {}", domains.join(", "))
            }
            Error::NameNotResolved { name, why } => write!(f, "the name {name} has no address: {why}"),
            Error::ConnectionRefused { host } => write!(f, "nothing listens at {host}"),
            Error::HostUnreachable { host, why } => write!(f, "{host} did not answer: {why}"),
            Error::NotAKeymusterHost { host, found } => write!(f, "{host} is no Keymuster host: {found}"),
            Error::HostFailed { host, status, said: None } => write!(f, "{host} failed with HTTP status {status}"),
            Error::HostFailed { said: Some(said), .. } => said.fmt(f),
            Error::AnswerInvalid { from, why } => {
                write!(f, "the answer from {from} does not verify: {why} ({})", why.code())
            }
            Error::SecretOverPlainHttp { authority } => {
                write!(f, "the MAK was not sent to {authority}: it would travel unencrypted")
            }
            Error::CertificateUntrusted { server, why } => {
                write!(f, "nothing was sent to {server}, because nobody vouches for its certificate: {why}")
            }
            Error::AuthorityUnknown => f.write_str("the publisher's authority has no usable address"),
            Error::AuthorityUnreachable { authority, why } => {
                write!(f, "the authority at {authority} did not answer: {why}")
            }
            Error::NoRequestWaits => f.write_str("no request of this client waits for an answer"),
            Error::ClockWrong { clock, stated, by } => {
                write!(
                    f,
                    "this machine's clock says {clock}, and {by} says {stated}: set the clock first, then try again"
                )
            }
            Error::RearmsExhausted { rearms_max } => {
                write!(f, "the installation was re-armed {rearms_max} times, and its publisher allows no more")
            }
            Error::NothingToRelease => f.write_str("no lease is held that could be released"),
            Error::StateUnwritable { path, why } => write!(f, "cannot use {}: {why}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Trust(error) => Some(error),
            Error::Pack(error) | Error::AnswerInvalid { why: error, .. } => Some(error),
            Error::Key(error) => Some(error),
            Error::StateUnwritable { why, .. } => Some(why),
            _ => None,
        }
    }
}
