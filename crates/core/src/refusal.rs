//! A "no" of the rules: its stable code, the numbers behind it, and when to ask again.
//!
//! A refusal delays, it never takes anything away; so it travels unsigned, as problem details (RFC 9457).

use std::fmt;

use crate::codes::{self, Code};
use crate::id::{HostId, Label, Slug};
use crate::time::{Timestamp, duration_words};

/// Why a host or an authority does not grant what was asked. Each variant carries the numbers that explain it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is explained by its code, and each field by its name and unit")]
pub enum Refusal {
    ThresholdNotMet { count: u64, need: u32, retry_after_secs: u64 },
    SeatsExhausted { pool: Slug, seats: u32, next_end: Option<Timestamp>, retry_after_secs: u64 },
    SeatReclaimed { pool: Slug, free_at: Timestamp, retry_after_secs: u64 },
    ClientReleased { until: Timestamp },
    ClockSkew { client_time: Timestamp, host_time: Timestamp, tolerated_secs: u64 },
    EditionUnknown { edition: u16, catalogue_version: u32 },
    EditionNotCovered { edition: Slug },
    HostNotActivated { publisher: Slug },
    EntitlementExpired { stopped_at: Timestamp },
    ClientsExhausted { count: u64, clients_max: u64 },
    RekeyRequired,
    RequestReplayed { counter: u64, seen: u64 },
    RequestConflict,
    RequestForAnotherHost { audience: HostId, host: HostId },
    PublisherUnknown { publisher: Slug },
    LeaseUnknown,
    SeatFenced { fence: u64, newest: u64 },
    PoolUnknown { pool: Slug },
    WrongWay { why: &'static str },
    ExchangePending { since: Timestamp, retry_after_secs: u64 },
    ExchangeFull { max: u64 },
    SettingOutOfRange { name: &'static str, value: u64, min: u64, max: u64 },
    HostTooOld { host: Slug, needed: Slug },
    KeyMalformed { why: String },
    KeyUnknown,
    KeyWrongPublisher { publisher: Slug },
    KeyWrongKind { found: &'static str, wanted: &'static str },
    KeyNotThisEdition { edition: Slug },
    KeyNumberUnknown { number: u16, catalogue_version: u32 },
    KeyAlreadyInstalled { last_five: String },
    KeyAlreadyCovered { last_five: String, group: Label, covered: Label },
    KeyRevoked { last_five: String },
    MakExhausted { used: u64, total: u64 },
    HostsExhausted { hosts: u64, hosts_max: u64 },
    HostActivationsExhausted { used: u64, total: u64 },
    HostRevoked { host: HostId },
    CustomerStopped { customer: Slug },
}

/// A number or a text of a refusal, for the members of its problem details.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the two kinds of a member's value")]
pub enum Member {
    Number(u64),
    Text(String),
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> &'static Code {
        match self {
            Refusal::ThresholdNotMet { .. } => &codes::THRESHOLD_NOT_MET,
            Refusal::SeatsExhausted { .. } => &codes::SEATS_EXHAUSTED,
            Refusal::SeatReclaimed { .. } => &codes::SEAT_RECLAIMED,
            Refusal::ClientReleased { .. } => &codes::CLIENT_RELEASED,
            Refusal::ClockSkew { .. } => &codes::CLOCK_SKEW,
            Refusal::EditionUnknown { .. } => &codes::EDITION_UNKNOWN,
            Refusal::EditionNotCovered { .. } => &codes::EDITION_NOT_COVERED,
            Refusal::HostNotActivated { .. } => &codes::HOST_NOT_ACTIVATED,
            Refusal::EntitlementExpired { .. } => &codes::ENTITLEMENT_EXPIRED,
            Refusal::ClientsExhausted { .. } => &codes::CLIENTS_EXHAUSTED,
            Refusal::RekeyRequired => &codes::REKEY_REQUIRED,
            Refusal::RequestReplayed { .. } => &codes::REQUEST_REPLAYED,
            Refusal::RequestConflict => &codes::REQUEST_CONFLICT,
            Refusal::RequestForAnotherHost { .. } => &codes::REQUEST_FOR_ANOTHER_HOST,
            Refusal::PublisherUnknown { .. } => &codes::PUBLISHER_UNKNOWN,
            Refusal::LeaseUnknown => &codes::LEASE_UNKNOWN,
            Refusal::SeatFenced { .. } => &codes::SEAT_FENCED,
            Refusal::PoolUnknown { .. } => &codes::POOL_UNKNOWN,
            Refusal::WrongWay { .. } => &codes::WRONG_WAY,
            Refusal::ExchangePending { .. } => &codes::EXCHANGE_PENDING,
            Refusal::ExchangeFull { .. } => &codes::EXCHANGE_FULL,
            Refusal::SettingOutOfRange { .. } => &codes::SETTING_OUT_OF_RANGE,
            Refusal::HostTooOld { .. } => &codes::HOST_TOO_OLD,
            Refusal::KeyMalformed { .. } => &codes::KEY_UNREADABLE,
            Refusal::KeyUnknown => &codes::KEY_UNKNOWN,
            Refusal::KeyWrongPublisher { .. } => &codes::KEY_WRONG_PUBLISHER,
            Refusal::KeyWrongKind { .. } => &codes::KEY_WRONG_KIND,
            Refusal::KeyNotThisEdition { .. } => &codes::KEY_NOT_THIS_EDITION,
            Refusal::KeyNumberUnknown { .. } => &codes::KEY_NUMBER_UNKNOWN,
            Refusal::KeyAlreadyInstalled { .. } => &codes::KEY_ALREADY_INSTALLED,
            Refusal::KeyAlreadyCovered { .. } => &codes::KEY_ALREADY_COVERED,
            Refusal::KeyRevoked { .. } => &codes::KEY_REVOKED,
            Refusal::MakExhausted { .. } => &codes::MAK_EXHAUSTED,
            Refusal::HostsExhausted { .. } => &codes::HOSTS_EXHAUSTED,
            Refusal::HostActivationsExhausted { .. } => &codes::HOST_ACTIVATIONS_EXHAUSTED,
            Refusal::HostRevoked { .. } => &codes::HOST_REVOKED,
            Refusal::CustomerStopped { .. } => &codes::CUSTOMER_STOPPED,
        }
    }

    /// When to ask again, in seconds, where asking again can help.
    pub fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Refusal::ThresholdNotMet { retry_after_secs, .. }
            | Refusal::SeatsExhausted { retry_after_secs, .. }
            | Refusal::SeatReclaimed { retry_after_secs, .. }
            | Refusal::ExchangePending { retry_after_secs, .. } => Some(*retry_after_secs),
            _ => None,
        }
    }

    /// The numbers behind it, by the names of its problem details (`docs/spec/messages.md`, 4).
    pub fn members(&self) -> Vec<(&'static str, Member)> {
        use Member::{Number, Text};
        let number = |n: u64| Number(n);
        let text = |t: &dyn fmt::Display| Text(t.to_string());
        match self {
            Refusal::ThresholdNotMet { count, need, .. } => {
                vec![("count", number(*count)), ("need", number(u64::from(*need)))]
            }
            Refusal::SeatsExhausted { pool, seats, next_end, .. } => {
                let mut members = vec![("pool", text(pool)), ("seats", number(u64::from(*seats)))];
                members.extend(next_end.map(|end| ("next_end", number(end.as_secs()))));
                members
            }
            Refusal::SeatReclaimed { pool, free_at, .. } => {
                vec![("pool", text(pool)), ("free_at", number(free_at.as_secs()))]
            }
            Refusal::ClientReleased { until } => vec![("until", number(until.as_secs()))],
            Refusal::ClockSkew { client_time, host_time, tolerated_secs } => vec![
                ("client_time", number(client_time.as_secs())),
                ("host_time", number(host_time.as_secs())),
                ("tolerated_secs", number(*tolerated_secs)),
            ],
            Refusal::EditionUnknown { edition, catalogue_version } => vec![
                ("edition", number(u64::from(*edition))),
                ("catalogue_version", number(u64::from(*catalogue_version))),
            ],
            Refusal::EntitlementExpired { stopped_at } => vec![("stopped_at", number(stopped_at.as_secs()))],
            Refusal::ClientsExhausted { count, clients_max } => {
                vec![("count", number(*count)), ("clients_max", number(*clients_max))]
            }
            Refusal::SettingOutOfRange { name, value, min, max } => {
                vec![("setting", text(name)), ("value", number(*value)), ("min", number(*min)), ("max", number(*max))]
            }
            Refusal::HostTooOld { host, needed } => vec![("host", text(host)), ("needed", text(needed))],
            Refusal::ExchangePending { since, .. } => vec![("since", number(since.as_secs()))],
            Refusal::RequestReplayed { counter, seen } => vec![("counter", number(*counter)), ("seen", number(*seen))],
            Refusal::SeatFenced { fence, newest } => vec![("fence", number(*fence)), ("newest", number(*newest))],
            Refusal::MakExhausted { used, total } | Refusal::HostActivationsExhausted { used, total } => {
                vec![("used", number(*used)), ("total", number(*total))]
            }
            Refusal::HostsExhausted { hosts, hosts_max } => {
                vec![("hosts", number(*hosts)), ("hosts_max", number(*hosts_max))]
            }
            Refusal::EditionNotCovered { edition } | Refusal::KeyNotThisEdition { edition } => {
                vec![("edition", text(edition))]
            }
            Refusal::HostNotActivated { publisher }
            | Refusal::PublisherUnknown { publisher }
            | Refusal::KeyWrongPublisher { publisher } => vec![("publisher", text(publisher))],
            _ => Vec::new(),
        }
    }
}

/// The sentence for people, with the numbers in it.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::ThresholdNotMet { count, need, .. } => {
                write!(f, "{count} of {need} clients have asked within the counting window")
            }
            Refusal::SeatsExhausted { pool, seats, next_end, .. } => {
                write!(f, "all {seats} seats of pool {pool} are taken")?;
                next_end.map_or(Ok(()), |end| write!(f, "; the next one ends at {end}"))
            }
            Refusal::SeatReclaimed { pool, free_at, .. } => {
                write!(f, "the administrator has reclaimed this seat of pool {pool}; it is free at {free_at}")
            }
            Refusal::ClientReleased { until } => {
                write!(f, "the administrator has released this client; its leases run on until {until}")
            }
            Refusal::ClockSkew { client_time, host_time, tolerated_secs } => write!(
                f,
                "the client's clock says {client_time}, the host's says {host_time}; {} of difference are tolerated",
                duration_words(*tolerated_secs)
            ),
            Refusal::EditionUnknown { edition, catalogue_version } => {
                write!(f, "edition {edition} is not in the host's licence pack, version {catalogue_version}")
            }
            Refusal::EditionNotCovered { edition } => write!(f, "no activated host key covers edition {edition}"),
            Refusal::HostNotActivated { publisher } => {
                write!(f, "the host has no entitlement of publisher {publisher}")
            }
            Refusal::EntitlementExpired { stopped_at } => write!(f, "the host's entitlement ended at {stopped_at}"),
            Refusal::ClientsExhausted { count, clients_max } => {
                write!(f, "{count} clients are counted and the entitlement allows {clients_max}")
            }
            Refusal::RequestReplayed { counter, seen } => {
                write!(f, "request {counter} of this client is not newer than the last one seen, {seen}")
            }
            Refusal::RequestForAnotherHost { audience, host } => {
                write!(f, "the request is for host {audience}, this is host {host}")
            }
            Refusal::PublisherUnknown { publisher } => write!(f, "publisher {publisher} is not known here"),
            Refusal::SeatFenced { fence, newest } => {
                write!(f, "the seat with fence {fence} has passed on; the newest fence is {newest}")
            }
            Refusal::PoolUnknown { pool } => write!(f, "the entitlement has no pool {pool} for this edition"),
            Refusal::WrongWay { why } => f.write_str(why),
            Refusal::ExchangePending { since, .. } => {
                write!(f, "the host collected this request at {since}; it waits for its administrator's exchange")
            }
            Refusal::ExchangeFull { max } => write!(f, "{max} requests are collected, and no more are taken"),
            Refusal::SettingOutOfRange { name, value, min, max } => {
                // A setting that is a length of time is named so.
                let is_time = name.ends_with("-interval");
                let words = |value: &u64| if is_time { duration_words(*value) } else { value.to_string() };
                write!(f, "{name} may be from {} to {}, and {} is not", words(min), words(max), words(value))
            }
            Refusal::HostTooOld { host, needed } => {
                write!(f, "the licence pack needs version {needed} of the host program, and this is {host}")
            }
            _ => self.fmt_of_authority(f),
        }
    }
}

impl Refusal {
    /// The sentences about keys and about what an authority counts.
    fn fmt_of_authority(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::KeyMalformed { why } => f.write_str(why),
            Refusal::KeyWrongPublisher { publisher } => write!(f, "this key is not one of publisher {publisher}"),
            Refusal::KeyWrongKind { found, wanted } => write!(f, "this is a {found}; a {wanted} is needed here"),
            Refusal::KeyNotThisEdition { edition } => write!(f, "this key is not one for edition {edition}"),
            Refusal::KeyNumberUnknown { number, catalogue_version } => write!(
                f,
                "the key is for number {number}, which is not in the licence pack held, version {catalogue_version}"
            ),
            Refusal::KeyAlreadyInstalled { last_five } => write!(f, "the key that ends in {last_five} is installed"),
            Refusal::KeyAlreadyCovered { last_five, group, covered } => {
                write!(
                    f,
                    "the installed key that ends in {last_five} ({group}) covers {covered} and all that is below it"
                )
            }
            Refusal::KeyRevoked { last_five } => {
                write!(f, "the publisher has revoked the key that ends in {last_five}")
            }
            Refusal::MakExhausted { used, total } => write!(f, "{used} of {total} activations of this key are used"),
            Refusal::HostsExhausted { hosts, hosts_max } => {
                write!(f, "{hosts} of {hosts_max} hosts are activated with this key")
            }
            Refusal::HostActivationsExhausted { used, total } => {
                write!(f, "this host has used {used} of {total} activations with this key")
            }
            Refusal::HostRevoked { host } => write!(f, "the publisher has revoked host {host}"),
            Refusal::CustomerStopped { customer } => write!(f, "the publisher has stopped customer {customer}"),
            _ => f.write_str(self.code().sentence),
        }
    }
}

impl std::error::Error for Refusal {}
