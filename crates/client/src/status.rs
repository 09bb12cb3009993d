//! What a client knows of its licence: everything a product or an administrator may want to show.

use std::fmt;
use std::path::PathBuf;

use keymuster_core::codes::{self, Code};
use keymuster_core::id::{ClientId, HostId, Label, Slug};
use keymuster_core::invalid::Invalid;
use keymuster_core::lease::LeaseKind;
use keymuster_core::state::State;
use keymuster_core::time::Timestamp;
use minicbor::{Decode, Encode};

use crate::reminder::Reminder;
use crate::settings::{SettingFault, SettingSource};

/// How a client stands at one moment; made from what it holds, without any traffic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Whether the product may run, until when, and why.
    pub state: State,
    /// The publisher.
    pub publisher: Slug,
    /// The edition's name for machines.
    pub edition: Slug,
    /// The edition's name for people.
    pub edition_name: Label,
    /// This client's id, by which hosts know it; `None` after re-arming, until a product starts.
    pub client: Option<ClientId>,
    /// How often the installation may still be re-armed.
    pub rearms_left: u32,
    /// Who is asked for activation.
    pub way: Way,
    /// What the client takes the time to be.
    pub now: Timestamp,
    /// Whether the machine's clock is more than a day behind a time that the client has seen.
    pub time_suspect: bool,
    /// Features that the product may enable.
    pub features: Vec<Slug>,
    /// The lease that is held, valid or not.
    pub lease: Option<HeldLease>,
    /// The host that answered last.
    pub host: Option<KnownHost>,
    /// When a host or the authority last answered, be it yes or no.
    pub last_contact: Option<Timestamp>,
    /// The last "no", until the next "yes".
    pub last_refusal: Option<LastRefusal>,
    /// When a running [`keep_alive`](crate::Client::keep_alive) asks next.
    pub next_attempt: Option<Timestamp>,
    /// What was tried at the last attempt, in order.
    pub trail: Vec<Tried>,
    /// What somebody should know.
    pub notices: Vec<Notice>,
    /// Where users find help: the customer's page, or else the publisher's.
    pub help_url: Option<HelpUrl>,
    /// What the user should be told now or later; `None` while all is well.
    pub reminder: Option<Reminder>,
    /// The file in which all this is kept.
    pub store: PathBuf,
}

/// A page that helps users, and who says so; never somebody who only refuses, since refusals are not signed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HelpUrl {
    /// Its address.
    pub url: Label,
    /// Who says so: the machine's settings, the host by its lease, or the publisher.
    pub source: SettingSource,
}

/// The address.
impl fmt::Display for HelpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// Who is asked for activation: the kind of the installed key decides, or
/// [`activate_by_proxy`](crate::Client::activate_by_proxy).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// A host of the customer, with the edition's setup key.
    Host,
    /// A host of the customer, whose administrator adds the MAK.
    Proxy,
    /// The publisher's authority, with a MAK.
    Mak {
        /// The last five symbols of the key.
        last_five: String,
    },
}

/// What a lease says.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HeldLease {
    /// By volume or a seat.
    pub kind: LeaseKind,
    /// The host that granted it.
    pub host: HostId,
    /// The customer, by name.
    pub customer: Label,
    /// The host's time when it was granted.
    pub issued: Timestamp,
    /// Distinct clients counted when it was granted.
    pub count: u64,
    /// The threshold that the count had to reach.
    pub threshold: u32,
    /// The pool, for a seat.
    pub pool: Option<Slug>,
}

/// How the last answer of a host travelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum Via {
    /// In plain HTTP.
    #[n(1)]
    Plain,
    /// Over TLS, to the key that the host's entitlement names.
    #[n(2)]
    Recognised,
    /// Over TLS, to a key for which the system's certificate authorities vouch.
    #[n(3)]
    Vouched,
    /// Over TLS, to another key than the entitlement names.
    #[n(4)]
    Differs,
    /// Over TLS; the entitlement names no key.
    #[n(5)]
    Unnamed,
}

/// In words, after "answered".
impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Via::Plain => "in plain HTTP",
            Via::Recognised => "over TLS",
            Via::Vouched => "over TLS, with a certificate of the system's authorities",
            Via::Differs => "over TLS, with another key than its entitlement names",
            Via::Unnamed => "over TLS; its entitlement names no key",
        })
    }
}

/// A host that answered.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct KnownHost {
    /// Its address.
    pub address: String,
    /// How it was found.
    pub found_by: String,
    /// When it answered.
    pub at: Timestamp,
    /// How, where it granted something.
    pub via: Option<Via>,
}

/// A "no" that was heard.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LastRefusal {
    /// The code's name.
    pub code: String,
    /// The sentence with the numbers.
    pub detail: String,
    /// When it came.
    pub at: Timestamp,
    /// Who said it.
    pub host: String,
}

/// One step of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Tried {
    /// What was asked: a DNS name or a host.
    pub what: String,
    /// What came of it.
    pub outcome: String,
}

/// Something that somebody should know and that stops nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A damaged file was put aside, and the client began anew.
    StateDamaged {
        /// What the damaged file is called.
        kept_as: PathBuf,
    },
    /// What is held does not verify, so it does not count. It is kept until something better comes.
    HeldInvalid {
        /// Why.
        why: Invalid,
    },
    /// The store cannot be written, so that nothing new can be kept.
    StoreReadOnly {
        /// What the system says.
        why: String,
    },
    /// The clocks of client and host contradict each other; the lease holds as long as it was granted for, from when it
    /// came.
    HostTimeNotBelieved,
    /// The installation was re-armed, and begins anew when a product starts.
    Rearmed,
    /// Somebody else asks with this client's id.
    IdentityShared {
        /// How often that was noticed, until there was no sign for 30 days.
        times: u32,
        /// When it was noticed last.
        last_at: Timestamp,
    },
    /// The connection over which the lease came ended at somebody else than the host. The lease is signed, and valid.
    CertificateDiffers {
        /// The host's address.
        host: String,
    },
    /// An entry of the settings file does not count, or the whole file.
    SettingIgnored(SettingFault),
}

impl Notice {
    /// The stable code by which it is explained, where there is one.
    pub fn code(&self) -> Option<&'static Code> {
        match self {
            Notice::StateDamaged { .. } => Some(&codes::STATE_DAMAGED),
            Notice::HeldInvalid { why } => Some(why.code()),
            Notice::StoreReadOnly { .. } => Some(&codes::STATE_UNWRITABLE),
            Notice::HostTimeNotBelieved | Notice::Rearmed => None,
            Notice::IdentityShared { .. } => Some(&codes::IDENTITY_SHARED),
            Notice::CertificateDiffers { .. } => Some(&codes::CERTIFICATE_DIFFERS),
            Notice::SettingIgnored(fault) => Some(fault.code()),
        }
    }
}

/// The sentence and the code.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::StateDamaged { kept_as } => {
                write!(f, "a damaged file was put aside as {}, and the client began anew", kept_as.display())
            }
            Notice::HeldInvalid { why } => write!(f, "what is held does not verify: {why}"),
            Notice::StoreReadOnly { why } => write!(f, "nothing new can be kept: {why}"),
            Notice::HostTimeNotBelieved => {
                f.write_str("the host's clock contradicts this machine's; the lease counts from when it came")
            }
            Notice::Rearmed => f.write_str("the installation was re-armed; it begins anew when a product starts"),
            Notice::IdentityShared { times: 1, last_at } => write!(
                f,
                "a host had seen a request of this client at {last_at} that is not known here: the state was restored \
                 from an older copy, which needs nothing, or the installation was copied"
            ),
            Notice::IdentityShared { times, last_at } => write!(
                f,
                "a host had seen requests of this client {times} times, at last at {last_at}, that were not made here: \
                 the installation was copied"
            ),
            Notice::CertificateDiffers { host } => write!(
                f,
                "the last answer from {host} came over TLS, with another key than its entitlement names: somebody between \
                 may have read it"
            ),
            Notice::SettingIgnored(fault) => write!(f, "a setting does not count: {fault}"),
        }?;
        self.code().map_or(Ok(()), |code| write!(f, " ({code})"))
    }
}
